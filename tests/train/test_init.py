"""Starting from a trained model, and what is told before time is spent."""

import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tintype.errors import CheckpointError, DataError, OutputError, RecipeError, UnknownModel
from tintype.models.store import locate
from tintype.nn.spaces import Colors, gray_of
from tintype.recipe import load_recipe
from tintype.runtime import Session
from tintype.train import checkpoint
from tintype.train.estimate import describe
from tintype.train.initialize import initialize, unfold
from tintype.train.loop import train
from tintype.train.plan import make_plan
from tintype.train.run import new_networks


@pytest.fixture(scope="module")
def lightness() -> torch.Tensor:
    from skimage import data

    gray = Image.fromarray(data.camera()).resize((128, 128))
    l = torch.from_numpy(np.asarray(gray, np.float32) / 255 * 100)
    return torch.stack([l, l.flip(0), l.flip(1), l.T])[:, None]


def test_the_bundled_model_is_read_back_whole(lightness):
    g, _ = new_networks(load_recipe("finetune"))
    want = Session(locate("tintype-small")).predict(lightness.numpy())
    colors = Colors(g, g.space).eval()
    with torch.no_grad():
        np.testing.assert_allclose(colors(lightness).numpy(), want, atol=0.02)
        unfold(g, gray_of("ab", lightness))
        np.testing.assert_allclose(colors.eval()(lightness).numpy(), want, atol=0.02)
        # in training, norms meet the statistics that they were given
        training = colors.train()(lightness).numpy()
    assert np.abs(training - want).mean() < 0.1 * np.abs(want).mean()


def test_without_its_statistics_training_would_begin_far_off(lightness):
    g, _ = new_networks(load_recipe("finetune"))
    want = Session(locate("tintype-small")).predict(lightness.numpy())
    with torch.no_grad():
        training = Colors(g, g.space).train()(lightness).numpy()
    assert np.abs(training - want).mean() > 0.3 * np.abs(want).mean()


def test_a_run_starts_another(photo_folder, tmp_path, small_recipe):
    train(small_recipe(), [photo_folder], tmp_path / "first")
    best = checkpoint.averaged(tmp_path / "first")["ema"]
    g, _ = new_networks(small_recipe(f"init={tmp_path / 'first'}"))
    assert all(torch.equal(best[name], tensor) for name, tensor in g.state_dict().items())
    with pytest.raises(CheckpointError, match="the weights of another network"):
        new_networks(small_recipe(f"init={tmp_path / 'first'}", "generator.widths=[8, 8, 8, 8]"))
    with pytest.raises(CheckpointError, match="the weights of another network"):
        initialize(new_networks(small_recipe())[0], "tintype-small")
    with pytest.raises(UnknownModel, match="tintype-smal"):
        new_networks(small_recipe("init=tintype-smal"))


def test_fine_tuning_on_an_album(photo_folder, tmp_path):
    recipe = load_recipe("finetune", [
        "stages.warm-up.epochs=null", "stages.warm-up.total_images=4",
        "stages.album.epochs=null", "stages.album.total_images=4",
        "stages.warm-up.batch_images=4", "stages.album.batch_images=4",
        "stages.warm-up.crop_px=64", "stages.album.crop_px=64", "holdout_images=4",
        "discriminator.width=8",
    ])  # fmt: skip
    train(recipe, [photo_folder], tmp_path)
    start, _ = new_networks(recipe)
    end = checkpoint.load(tmp_path / "checkpoints" / "latest.pt")["g"]
    distance = max(
        float((end[k] - v).abs().max()) for k, v in start.state_dict().items() if "encoder" in k
    )
    assert 0 < distance < 0.01  # it went on from there, and not far


def test_a_dry_run_trains_nothing(photo_folder, tmp_path, small_recipe):
    out = tmp_path / "run"
    said = describe(small_recipe(), [photo_folder], out, None)
    assert not out.exists()
    recipe, _, found = said.partition("\n---\n")
    (tmp_path / "again.yaml").write_text(recipe)
    assert load_recipe(str(tmp_path / "again.yaml")) == small_recipe()
    assert "24 found (rgb), 4 of the held-out ones" in found
    assert "stage gan: 20 pictures, 8 images of 64 px in batches of 4" in found
    assert "images/s" in found
    assert "memory" in found


def test_gray_pictures_teach_nothing(photo_folder, tmp_path, small_recipe):
    folder = tmp_path / "gray"
    folder.mkdir()
    for file in sorted(photo_folder.iterdir())[:12]:
        Image.open(file).convert("L").save(folder / file.name)
    with pytest.raises(DataError, match=r"all of 4 pictures looked at are gray"):
        train(small_recipe(), [folder], tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_no_pictures(tmp_path, small_recipe):
    with pytest.raises(DataError, match="no pictures"):
        train(small_recipe(), [tmp_path], tmp_path / "run")


def test_no_room_is_told_before_the_start(photo_folder, tmp_path, small_recipe):
    small = tmp_path / "small"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(small)]
    try:
        if subprocess.run(mount, check=False, capture_output=True).returncode:
            pytest.skip("only root can make a small disk")
    except FileNotFoundError:
        pytest.skip("there is no mount here")
    try:
        with pytest.raises(OutputError, match=r"0\.00 GB are free there, .* need 0\.\d\d GB"):
            make_plan(small_recipe(), [photo_folder], small / "run", None)
    finally:
        subprocess.run(["umount", str(small)], check=True)


def test_a_size_that_the_network_cannot_take():
    with pytest.raises(RecipeError, match=r"stages\.gan\.crop_px: 96 is no multiple of 256"):
        load_recipe("coco-pix2pix", ["stages.gan.crop_px=96"])


def test_an_unknown_judge_is_told_before_the_start(photo_folder, tmp_path, small_recipe):
    recipe = small_recipe(f"judge={tmp_path / 'gone.safetensors'}")
    with pytest.raises(Exception, match=r"gone\.safetensors: no such file"):
        train(recipe, [photo_folder], tmp_path / "run")
    assert not Path(tmp_path / "run").exists()
