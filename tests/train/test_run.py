"""Real runs of seconds, and real processes killed."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from lightning_fabric import Fabric
from PIL import Image

from tintype.data.open import open_sources
from tintype.errors import CheckpointError, DataError, OutputError, TrainingDiverged
from tintype.nn.generators import Generator
from tintype.recipe.stages import GanStage
from tintype.train import checkpoint
from tintype.train.ema import Ema
from tintype.train.looks import color, held_out, write_sheet
from tintype.train.loop import train
from tintype.train.optimizers import discriminator_optimizer, generator_optimizer, set_lr
from tintype.train.run import new_networks
from tintype.train.run_folder import check_free, run_folder
from tintype.train.step import Players, gan_step
from tintype.train.views import l_and_lab, views_of


def rows(out: Path) -> list[dict]:
    return [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]


def without_times(out: Path) -> list[dict]:
    return [{k: v for k, v in row.items() if k != "images_per_s"} for row in rows(out)]


def weights(path: Path) -> dict[str, torch.Tensor]:
    return checkpoint.load(path)["ema"]


def test_three_stages_end_to_end(photo_folder, tmp_path, small_recipe):
    latest = train(small_recipe(), [photo_folder], tmp_path / "run")
    state = checkpoint.load(latest)
    assert (state["images"], state["stage_number"]) == (24, 3)
    assert (tmp_path / "run" / "recipe.yaml").is_file()
    sheets = sorted((tmp_path / "run" / "sheets").glob("*.jpg"))
    assert [s.stem for s in sheets] == ["000000000", "000000008", "000000016", "000000024"]
    with Image.open(sheets[-1]) as sheet:
        assert sheet.width == 8 * 64
    looks = [row["look"] for row in rows(tmp_path / "run") if "look" in row]
    assert all(0 < look["l1"] < 100 for look in looks)


def test_a_finished_run_is_left_as_it_is(photo_folder, tmp_path, small_recipe):
    latest = train(small_recipe(), [photo_folder], tmp_path / "run")
    before = latest.read_bytes()
    train(small_recipe(), [photo_folder], tmp_path / "run")
    assert latest.read_bytes() == before


def test_training_learns(photo_folder, tmp_path, small_recipe):
    recipe = small_recipe(
        "stages.small.total_images=640", "stages.small.lr_g=3e-3", "look_every_images=640",
        "checkpoint_every_images=640",
    )  # fmt: skip
    only_first = recipe.model_copy(update={"stages": recipe.stages[:1]})
    train(only_first, [photo_folder], tmp_path / "run", val=[photo_folder])
    looks = [row["look"]["l1"] for row in rows(tmp_path / "run") if "look" in row]
    losses = [row["losses"]["l1"] for row in rows(tmp_path / "run") if "losses" in row]
    assert losses[-1] < 0.8 * losses[0]
    assert looks[-1] < looks[0]


RUN = """
import torch
torch.set_num_threads(1)
from pathlib import Path
from tintype.recipe import load_recipe
from tintype.train.loop import train
train(load_recipe({recipe!r}), [Path({data!r})], Path({out!r}))
"""


@contextmanager
def run_until(recipe, data: Path, out: Path, *, images: int):
    """A training process that has got so far; killed in the end."""
    file = out.parent / f"{out.name}.yaml"
    file.write_text(recipe.to_yaml())
    latest = out / "checkpoints" / "latest.pt"
    with run(file, data, out) as process:
        deadline = time.time() + 120
        while time.time() < deadline and process.poll() is None:
            if latest.exists() and checkpoint.load(latest)["images"] >= images:
                break
            time.sleep(0.01)
        try:
            yield
        finally:
            process.kill()


def run(recipe: Path, data: Path, out: Path) -> subprocess.Popen:
    code = RUN.format(recipe=str(recipe), data=str(data), out=str(out))
    return subprocess.Popen([sys.executable, "-c", code])


def test_killed_and_resumed_equals_never_killed(photo_folder, tmp_path, small_recipe):
    longer = ("stages.small.total_images=44", "stages.gan.total_images=88",
              "stages.gan.d_every_steps=2", "stages.gan.d_waits_above=0.55",
              "stages.gan.schedule=plateau", "stages.gan.plateau_looks=1",
              "generator.takes_hints=true", "stages.small.hints=1.0", "stages.gan.hints=0.5",
              "generator.tells_likely=true", "stages.gan.likely_weight=0.5",
              "look_every_images=40")  # fmt: skip
    recipe, file = small_recipe(*longer), tmp_path / "broken.yaml"
    file.write_text(recipe.to_yaml())
    with run(file, photo_folder, tmp_path / "whole") as whole:
        assert whole.wait(120) == 0

    broken, latest = tmp_path / "broken", tmp_path / "broken" / "checkpoints" / "latest.pt"
    for kill_after_images in (24, 100):  # in the first stage, and in the GAN
        with run_until(recipe, photo_folder, broken, images=kill_after_images):
            pass
        stopped_at = checkpoint.load(latest)["images"]
        assert kill_after_images <= stopped_at < 140

    with run(file, photo_folder, broken) as again:
        assert again.wait(120) == 0
    want, got = weights(tmp_path / "whole/checkpoints/latest.pt"), weights(latest)
    assert all(torch.equal(want[name], got[name]) for name in want)
    assert without_times(tmp_path / "whole") == without_times(broken)


TUTORIAL = ["train", "coco-pix2pix"]
for setting in (
    "generator.levels=5", "generator.width=4", "discriminator.width=4", "holdout_images=4",
    "look_images=4", "data.draw_images=null", "stages.gan.epochs=null",
    "stages.gan.total_images=320", "stages.gan.batch_images=4", "stages.gan.load_px=64",
    "stages.gan.crop_px=64", "checkpoint_every_images=1000", "look_every_images=1000",
    "discriminator.layers=2", "workers=1",
):  # fmt: skip
    TUTORIAL += ["--set", setting]


def test_an_interrupt_saves_and_says_how_to_go_on(photo_folder, tmp_path):
    """The tutorial's network, whose dropout must go on where it was."""
    command = [sys.executable, "-m", "tintype", *TUTORIAL, "--data", photo_folder, "--out"]
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    subprocess.run([*command, whole], check=True, capture_output=True)
    for times, number in enumerate((signal.SIGINT, signal.SIGTERM), 1):
        with subprocess.Popen(
            [*command, broken], stderr=subprocess.PIPE, text=True, start_new_session=True
        ) as process:
            log = broken / "log.jsonl"
            deadline = time.time() + 120
            while time.time() < deadline and (
                not log.exists() or log.read_text().count('"losses"') < times
            ):
                time.sleep(0.01)
            os.killpg(process.pid, number)  # as terminals and job managers do: to workers as well
            said = process.stderr.read()
        assert process.returncode == 128 + number
        stopped_at = checkpoint.load(broken / "checkpoints" / "latest.pt")["images"]
        assert 80 * times <= stopped_at < 320
        assert f"saved after {stopped_at} images; the same command goes on" in said
        assert "Traceback" not in said
    subprocess.run([*command, broken], check=True, capture_output=True)
    assert without_times(whole) == without_times(broken)


def test_another_network_is_not_resumed(photo_folder, tmp_path, small_recipe):
    train(small_recipe(), [photo_folder], tmp_path)
    with pytest.raises(CheckpointError, match=r"widths=\[16, 16, 8, 8\], not \[8, 8, 8, 8\]"):
        train(small_recipe("generator.widths=[8, 8, 8, 8]"), [photo_folder], tmp_path)


def test_a_damaged_checkpoint_is_named(photo_folder, tmp_path, small_recipe):
    latest = train(small_recipe(), [photo_folder], tmp_path)
    latest.write_bytes(latest.read_bytes()[:1000])
    with pytest.raises(CheckpointError, match=r"latest\.pt: not a whole checkpoint"):
        train(small_recipe(), [photo_folder], tmp_path)


def test_a_failed_save_leaves_the_old_checkpoint(tmp_path):
    path = tmp_path / "latest.pt"
    checkpoint.save(path, {"images": 1})
    with pytest.raises(Exception, match="pickle"):
        checkpoint.save(path, {"images": 2, "bad": lambda: None})
    assert checkpoint.load(path)["images"] == 1
    assert [p.name for p in tmp_path.iterdir()] == ["latest.pt"]


def test_too_few_pictures_for_a_batch(photo_folder, tmp_path, small_recipe):
    with pytest.raises(DataError, match="Stage full: its batch of 64 is larger than the 20"):
        train(small_recipe("stages.full.batch_images=64"), [photo_folder], tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_stage_leaves_small_pictures_out(photo_folder, tmp_path, small_recipe):
    with pytest.raises(DataError, match="larger than the 0 pictures of 100 px"):
        train(small_recipe("stages.full.min_px=100"), [photo_folder], tmp_path / "run")


def test_infinite_losses_stop_the_run(photo_folder, tmp_path, small_recipe):
    recipe = small_recipe("stages.small.total_images=80", "stages.small.lr_g=1e30")
    with pytest.raises(TrainingDiverged, match=r"became infinite or no number before image"):
        train(recipe, [photo_folder], tmp_path)


def test_the_last_good_checkpoint_is_good(photo_folder, tmp_path, small_recipe):
    longer = ("stages.small.total_images=80", "checkpoint_every_images=4", "look_every_images=8")
    recipe = small_recipe(*longer, "stages.small.warmup_images=1000000",
                          "stages.small.lr_g=1e12")  # fmt: skip
    with pytest.raises(TrainingDiverged) as caught:
        train(recipe, [photo_folder], tmp_path)
    latest = tmp_path / "checkpoints" / "latest.pt"
    if latest.exists():
        assert str(latest) in str(caught.value)
        state = checkpoint.load(latest)
        assert all(v.isfinite().all() for v in (state["g"] | state["ema"]).values())


def test_what_steers_may_be_turned_while_it_runs(photo_folder, tmp_path, small_recipe, capfd):
    recipe = small_recipe("stages.small.total_images=16")
    with run_until(recipe, photo_folder, tmp_path, images=8):
        pass
    with pytest.raises(CheckpointError, match=r"stages\.small\.betas=\[0\.9, 0\.99\], not"):
        train(small_recipe("stages.small.total_images=16", "stages.small.betas=[0.5, 0.9]"),
              [photo_folder], tmp_path)  # fmt: skip
    train(small_recipe("stages.small.total_images=16", "stages.small.lr_g=1e-5"),
          [photo_folder], tmp_path)  # fmt: skip
    assert "goes on with stages.small.lr_g=1e-05, not 0.001" in capfd.readouterr().err
    (changed,) = [row["changed"] for row in rows(tmp_path) if "changed" in row]
    assert changed == ["stages.small.lr_g=1e-05, not 0.001"]


def test_stages_to_come_may_be_others(photo_folder, tmp_path, small_recipe):
    recipe = small_recipe()
    train(recipe, [photo_folder], tmp_path)
    more = recipe.stages[0].model_copy(update={"name": "more", "min_px": 1})
    longer = recipe.model_copy(update={"stages": (*recipe.stages, more)})
    train(longer, [photo_folder], tmp_path)
    state = checkpoint.load(tmp_path / "checkpoints" / "latest.pt")
    assert (state["images"], state["stage_number"]) == (32, 4)
    train(longer, [photo_folder], tmp_path)
    with pytest.raises(CheckpointError, match=r"stages\.more, which the recipe lacks"):
        train(recipe, [photo_folder], tmp_path)


CRASHES = """
import sys, torch
def step(self, closure=None):
    raise RuntimeError("out of memory")
torch.optim.AdamW.step = step
from tintype.cli import main
main(sys.argv[1:])
"""


def test_a_crash_ends_the_process_and_its_workers(photo_folder, tmp_path):
    command = [sys.executable, "-c", CRASHES, *TUTORIAL]
    command += ["--data", photo_folder, "--out", tmp_path / "run"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    assert "out of memory" in done.stderr


def test_a_stage_is_no_shorter_than_its_batch(photo_folder, tmp_path, small_recipe):
    with pytest.raises(DataError, match="Stage full: its 3 images are no whole batch of 4"):
        train(small_recipe("stages.full.total_images=3"), [photo_folder], tmp_path / "run")


def test_other_held_out_pictures_do_not_go_on(photo_folder, tmp_path, small_recipe):
    train(small_recipe(), [photo_folder], tmp_path, val=[photo_folder])
    with pytest.raises(CheckpointError, match=r"other pictures\. Give the same --data and --val"):
        train(small_recipe(), [photo_folder], tmp_path)


def test_going_on_needs_no_starting_weights(photo_folder, tmp_path, small_recipe):
    train(small_recipe(), [photo_folder], tmp_path / "first")
    best = tmp_path / "best.pt"
    shutil.copy(tmp_path / "first" / "checkpoints" / "best.pt", best)
    longer = small_recipe(f"init={best}")
    train(longer, [photo_folder], tmp_path / "second")
    best.unlink()
    train(longer, [photo_folder], tmp_path / "second")


def test_each_player_moves_only_itself(small_recipe):
    recipe = small_recipe()
    stage = recipe.stages[2]
    assert isinstance(stage, GanStage)
    fabric = Fabric(accelerator="cpu", precision="32-true")
    bare_g, bare_d = new_networks(recipe)
    g, opt_g = fabric.setup(bare_g, generator_optimizer(bare_g, recipe.weight_decay, stage))
    d, opt_d = fabric.setup(bare_d, discriminator_optimizer(bare_d, stage))
    pictures = torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8)
    views = views_of("ab", *l_and_lab("rgb", pictures))
    before = {k: v.clone() for k, v in bare_g.named_parameters()}
    set_lr(opt_g, 0.0)
    d_before = [p.clone() for p in bare_d.parameters()]
    gan_step(fabric, Players(g, opt_g, d, opt_d), stage, views)
    assert all(torch.equal(before[k], v) for k, v in bare_g.named_parameters())
    assert not all(torch.equal(a, b) for a, b in zip(d_before, bare_d.parameters(), strict=True))
    assert all(p.grad is None for p in bare_d.parameters())  # nothing of G's loss is left on D


def test_frozen_blocks_stay(photo_folder, tmp_path, small_recipe):
    recipe = small_recipe("generator.frozen_blocks=3", "stages.small.lr_g=1e-2")
    start = new_networks(recipe)[0].state_dict()
    end = checkpoint.load(train(recipe, [photo_folder], tmp_path))["g"]
    frozen = [k for k in start if k.startswith(("encoder.features", "encoder.blocks.2."))]
    assert frozen
    assert all(torch.equal(start[k], end[k]) for k in frozen)
    moved = "encoder.blocks.3.expand.weight"
    assert not torch.equal(start[moved], end[moved])


def test_the_average_follows_slowly():
    live = torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.zeros_(live.weight)
    ema = Ema(live, decay=0.5)
    with torch.no_grad():
        live.weight.fill_(1.0)
    ema.update(live)  # decay 2/11
    assert float(ema.average.weight.detach()) == pytest.approx(9 / 11)
    ema.update(live)  # decay 3/12
    assert float(ema.average.weight.detach()) == pytest.approx(1 - 2 / 11 * 3 / 12)


def test_another_recipe_or_other_pictures_do_not_go_on(photo_folder, tmp_path, small_recipe):
    train(small_recipe(), [photo_folder], tmp_path)
    kept = (tmp_path / "recipe.yaml").read_text()
    with pytest.raises(CheckpointError, match=r"begun with stages\.gan\.total_images=8, not 16\."):
        train(small_recipe("stages.gan.total_images=16"), [photo_folder], tmp_path)
    with pytest.raises(CheckpointError, match=r"begun with weight_decay=0\.01, not 0\.5"):
        train(small_recipe("weight_decay=0.5"), [photo_folder], tmp_path)
    with pytest.raises(CheckpointError, match="other pictures"):
        train(small_recipe(), [photo_folder, photo_folder], tmp_path)
    assert (tmp_path / "recipe.yaml").read_text() == kept
    train(small_recipe("look_every_images=500"), [photo_folder], tmp_path)


def test_a_damaged_picture_does_not_end_a_run(photo_folder, tmp_path, small_recipe, capfd):
    folder = tmp_path / "photos"
    shutil.copytree(photo_folder, folder)
    whole = (folder / "07.jpg").read_bytes()
    (folder / "07.jpg").write_bytes(whole[: len(whole) // 2])
    recipe = small_recipe("stages.small.total_images=48")
    train(recipe, [folder], tmp_path / "run", val=[folder])
    named = [row["damaged"] for row in rows(tmp_path / "run") if "damaged" in row]
    assert named == [str(folder / "07.jpg")]
    assert "passed over" in capfd.readouterr().err


def damaged_copy(photos: Path, folder: Path, of_every_two: int) -> Path:
    """The pictures, one or both of every two cut short."""
    shutil.copytree(photos, folder)
    for i, file in enumerate(sorted(folder.iterdir())):
        if i % 2 < of_every_two:
            file.write_bytes(file.read_bytes()[:900])
    return folder


def test_too_many_damaged_pictures_end_a_run(photo_folder, tmp_path, small_recipe):
    folder = damaged_copy(photo_folder, tmp_path / "photos", 1)
    recipe = small_recipe("stages.small.total_images=80")
    with pytest.raises(DataError, match=r"11 of 24 pictures are damaged\. They are named in"):
        train(recipe, [folder], tmp_path / "run", val=[photo_folder])
    named = [row["damaged"] for row in rows(tmp_path / "run") if "damaged" in row]
    assert len(named) == 11


def test_damaged_pictures_in_a_row_end_a_run(photo_folder, tmp_path, small_recipe):
    folder = damaged_copy(photo_folder, tmp_path / "photos", 2)
    with pytest.raises(DataError, match="10 pictures one after the other cannot be read"):
        train(small_recipe(), [folder], tmp_path / "run", val=[photo_folder])


def test_looks_need_a_picture_that_can_be_read(photo_folder, tmp_path, small_recipe):
    folder = damaged_copy(photo_folder, tmp_path / "photos", 2)
    with pytest.raises(DataError, match="none of the pictures to look at can be read"):
        train(small_recipe(), [photo_folder], tmp_path / "run", val=[folder])
    assert not (tmp_path / "run").exists()


def test_one_process_a_run_folder(photo_folder, tmp_path, small_recipe):
    recipe = small_recipe("stages.small.total_images=40000")
    with (
        run_until(recipe, photo_folder, tmp_path, images=8),
        pytest.raises(OutputError, match="another process is training"),
    ):
        train(recipe, [photo_folder], tmp_path)
    check_free(tmp_path)  # killed: at once it is free again


def test_a_log_goes_on_without_gaps_or_repeats(tmp_path, small_recipe):
    (tmp_path / "log.jsonl").write_text('{"images": 4}\n{"images": 8}\n{"images": 12}\n{"ima')
    with run_folder(tmp_path, small_recipe(), 8) as log:
        log.write('{"images": 12, "again": true}\n')
    assert [row["images"] for row in rows(tmp_path)] == [4, 8, 12]
    assert rows(tmp_path)[-1]["again"]


def test_only_the_last_looks_are_kept(photo_folder, tmp_path, small_recipe):
    train(
        small_recipe("look_every_images=4", "stages.gan.total_images=40"), [photo_folder], tmp_path
    )
    kept = sorted(p.name for p in (tmp_path / "checkpoints").glob("look-*"))
    assert len(kept) == 10
    assert kept[-1] == "look-000000056.pt"
    assert len(list((tmp_path / "sheets").iterdir())) > 10


def test_a_full_disk_is_told(tmp_path):
    with pytest.raises(OutputError, match="cannot be written"):
        checkpoint.save(Path("/proc/nowhere/latest.pt"), {"images": 1})


def test_a_look_is_exact_under_autocast(photo_folder, tmp_path):
    """Only the network may run in bfloat16: the truth's own chroma must not be rounded."""

    class Truth(Generator):
        space = "ab"

        def forward(self, gray):
            return ab[: len(gray)] / 110

    l, lab = l_and_lab("rgb", held_out(open_sources([photo_folder]), list(range(8)), 64))
    ab = lab[:, 1:]
    made = color(Truth(), l, lambda: torch.autocast("cpu", torch.bfloat16))
    assert torch.equal(made, ab / 110 * 110)


def test_a_sheet_takes_what_lies_on_the_device(tmp_path):
    class OnDevice(torch.Tensor):
        def numpy(self):
            raise TypeError("can't convert a device's tensor to numpy; use Tensor.cpu()")

        def cpu(self):
            return self.as_subclass(torch.Tensor)

    views = torch.zeros(2, 3, 8, 8, dtype=torch.uint8).as_subclass(OnDevice)
    write_sheet(tmp_path / "s.png", [views, views])
    with Image.open(tmp_path / "s.png") as sheet:
        assert sheet.width == 64
