"""What stages do: who moves, how fast, and when a stage ends."""

import json
import math

import pytest
import torch
from lightning_fabric import Fabric
from PIL import Image

from tintype.nn.lab import lab_from_rgb_u8
from tintype.recipe.stages import DiscriminatorStage, GanStage, RaritySpec
from tintype.train import checkpoint, rarity
from tintype.train.balance import PATIENCE, Balance
from tintype.train.loop import train
from tintype.train.optimizers import (
    Plateau,
    discriminator_optimizer,
    generator_optimizer,
    lr_scale,
)
from tintype.train.run import new_networks
from tintype.train.score import Scorer
from tintype.train.step import Players, discriminator_step, gan_step
from tintype.train.views import l_and_lab, views_of


def rows(out):
    return [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]


def looks(out):
    return [(row["images"], row["look"]) for row in rows(out) if "look" in row]


GAN = {
    "name": "gan", "kind": "gan", "total_images": 1000, "lr_g": 1.0, "lr_d": 1.0,
    "batch_images": 10,
}  # fmt: skip


@pytest.mark.parametrize(
    ("schedule", "images", "scale"),
    [
        ("constant", 900, 1.0),
        ("linear", 500, 1.0),
        ("linear", 750, 0.55),
        ("linear", 1000, 0.1),
        ("cosine", 0, 1.0),
        ("cosine", 500, 0.55),
        ("cosine", 1000, 0.1),
        ("plateau", 900, 1.0),
    ],
)
def test_schedules(schedule, images, scale):
    stage = GanStage(**GAN, schedule=schedule, final_lr_scale=0.1)
    assert lr_scale(stage, images, 1000) == pytest.approx(scale)


def test_rates_rise_over_the_warm_up():
    stage = GanStage(**GAN, schedule="constant", warmup_images=100)
    assert [lr_scale(stage, images, 1000) for images in (0, 40, 90, 500)] == [0.1, 0.5, 1.0, 1.0]


def test_a_plateau_lowers_the_rates_no_further_than_told():
    stage = GanStage(**GAN, schedule="plateau", plateau_looks=2, final_lr_scale=0.2)
    plateau = Plateau(stage)
    seen = []
    for figure in (5, 4, 4, 4, 3, 3, 3, 3, 3, 3, 3):
        plateau.see(figure)
        seen.append(plateau.scale)
    assert seen == [1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.2, 0.2, 0.2]
    again = Plateau(stage)
    again.load_state_dict(plateau.state_dict())
    assert again.state_dict() == plateau.state_dict()


def test_a_stage_has_one_length():
    with pytest.raises(ValueError, match="one of total_images and epochs"):
        GanStage(**GAN, epochs=3)
    assert GanStage(**{**GAN, "total_images": None}, epochs=2.5).images(100) == 250


def networks(recipe, stage):
    fabric = Fabric(accelerator="cpu", precision="32-true")
    g, d = new_networks(recipe)
    players = Players(fabric.setup(g))
    players.d, players.opt_d = fabric.setup(d, discriminator_optimizer(d, stage))
    if stage.kind == "gan":
        players.g, players.opt_g = fabric.setup(g, generator_optimizer(g, 0.0, stage))
    pictures = torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8)
    return fabric, g, d, players, views_of("ab", *l_and_lab("rgb", pictures))


def test_the_warm_up_moves_the_discriminator_alone(small_recipe):
    stage = DiscriminatorStage(name="w", kind="discriminator", total_images=8, lr_d=1e-3)
    fabric, g, d, players, views = networks(small_recipe(), stage)
    g_before = [p.clone() for p in g.parameters()]
    d_before = [p.clone() for p in d.parameters()]
    losses = discriminator_step(fabric, players, stage, views)
    assert set(losses) == {"d", "d_accuracy"}
    assert all(torch.equal(a, b) for a, b in zip(g_before, g.parameters(), strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(d_before, d.parameters(), strict=True))


def test_a_waiting_discriminator_stands_still_and_still_judges(small_recipe):
    recipe = small_recipe()
    stage = recipe.stages[2]
    fabric, g, d, players, views = networks(recipe, stage)
    d_before = [p.clone() for p in d.parameters()]
    g_before = [p.clone() for p in g.parameters()]
    losses = gan_step(fabric, players, stage, views, d_moves=False)
    assert all(torch.equal(a, b) for a, b in zip(d_before, d.parameters(), strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(g_before, g.parameters(), strict=True))
    assert 0 <= float(losses["d_accuracy"]) <= 1


def test_balance_waits_and_warns():
    balance = Balance(GanStage(**GAN, d_waits_above=0.8))
    assert [balance.see(0.7), balance.waits] == [None, False]
    assert [balance.see(0.9), balance.waits] == [None, True]
    said = [balance.see(0.99) for _ in range(2 * PATIENCE)]
    assert [bool(s) for s in said] == [i == PATIENCE - 1 for i in range(2 * PATIENCE)]
    assert "run away: it tells 99% rightly" in said[PATIENCE - 1]
    assert "stages.gan.lr_d=0.5" in said[PATIENCE - 1]
    said = [balance.see(0.5) for _ in range(PATIENCE)]
    assert "collapsed: it tells 50% rightly" in said[-1]
    assert not balance.waits
    again = Balance(balance.stage)
    again.load_state_dict(balance.state_dict())
    assert again.state_dict() == balance.state_dict()


def test_a_gan_stage_that_turns_for_the_worse_ends_itself(
    photo_folder, tmp_path, small_recipe, capfd
):
    recipe = small_recipe(
        "stages.small.total_images=160", "stages.small.lr_g=3e-3", "stages.full.total_images=4",
        "stages.full.lr_g=1e-9",
        "stages.gan.total_images=4000", "stages.gan.lr_g=0.1",  # ruins it
        "stages.gan.stop_after_looks=2", "look_every_images=40", "ema_decay=0.5",
    )  # fmt: skip
    train(recipe, [photo_folder], tmp_path)
    seen = looks(tmp_path)
    (stop,) = [row for row in rows(tmp_path) if "stop" in row]
    assert stop["images"] == seen[-1][0] < 1000
    best_images, best = min(seen, key=lambda look: look[1]["score"])
    assert f"than the best, score {best['score']:.4f} at {best_images} images" in stop["stop"]
    assert best["score"] < seen[-1][1]["score"]
    assert "no better than the best" in capfd.readouterr().err
    kept = checkpoint.averaged(tmp_path)
    assert kept["images"] == best_images
    assert kept["best"]["score"] == best["score"]


def test_what_one_sees(photo_folder, tmp_path, small_recipe):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    recipe = small_recipe("stages.small.total_images=80", "look_every_images=40")
    train(recipe, [photo_folder], tmp_path)
    with Image.open(tmp_path / "curves.png") as curves:
        assert curves.width > 800
        assert len(curves.convert("RGB").getcolors(1 << 24)) > 20
    n_looks = len(looks(tmp_path))
    with Image.open(tmp_path / "strip.jpg") as strip:
        assert (strip.width - 6) // 64 == n_looks + 1  # and the truth
        assert strip.height == 4 * 64
    board = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert len(board.Scalars("look/score")) == n_looks
    (event,) = board.Scalars("losses/l1")[:1]
    (row,) = [row for row in rows(tmp_path) if "losses" in row][:1]
    assert (event.step, event.value) == (row["images"], pytest.approx(row["losses"]["l1"]))


def test_a_score_between_truth_and_gray():
    rng = torch.Generator().manual_seed(0)
    low = torch.randint(0, 256, (6, 3, 8, 8), dtype=torch.uint8, generator=rng)
    rgb = torch.nn.functional.interpolate(low.float(), scale_factor=8, mode="bilinear").byte()
    lab = lab_from_rgb_u8(rgb)
    scorer = Scorer(lab, None)
    truth, gray = scorer(lab[:, 1:]), scorer(torch.zeros_like(lab[:, 1:]))
    half = scorer(lab[:, 1:] / 2)
    assert truth["score"] == pytest.approx(0, abs=0.02)
    assert gray["score"] == pytest.approx(2)
    assert truth["score"] < half["score"] < gray["score"]
    assert half["chroma"] == pytest.approx(0.5)
    assert scorer(torch.full_like(lab[:, 1:], 109.9))["bound"] == 1


def test_rare_colors_count_more_and_all_count_one_on_average():
    lab = lab_from_rgb_u8(torch.tensor([[120, 90, 60], [30, 60, 200]], dtype=torch.uint8)
                          .repeat_interleave(torch.tensor([990, 10]), 0)
                          .T.reshape(1, 3, 25, 40))  # fmt: skip
    shares = rarity.histogram(lab[:, 1:])
    assert shares.sum() == pytest.approx(1)
    table = torch.from_numpy(rarity.weights(shares, RaritySpec()))
    weight = rarity.weight_of(table, lab[:, 1:]).flatten()
    assert float(weight.mean()) == pytest.approx(1, rel=1e-3)
    assert float(weight[-1]) > 3 * float(weight[0])
    even = torch.from_numpy(rarity.weights(shares, RaritySpec(uniform=1.0)))
    assert rarity.weight_of(even, lab[:, 1:]).flatten() == pytest.approx(1.0)


def test_rarity_and_old_looks_train(photo_folder, tmp_path, small_recipe):
    recipe = small_recipe("stages.small.rarity={}", "stages.small.old_look=0.9",
                          "stages.small.total_images=80", "stages.small.l1=l1")  # fmt: skip
    train(recipe, [photo_folder], tmp_path)
    row = next(row for row in rows(tmp_path) if "losses" in row)
    assert math.isfinite(row["losses"]["l1"])


def test_the_perceptual_distance_is_of_color(photo_folder, tmp_path, small_recipe):
    from safetensors.torch import save_file

    from tintype.nn.encoders import MobileNetV2
    from tintype.train.perceptual import Perceptual

    torch.manual_seed(0)
    file = tmp_path / "rgb.safetensors"
    save_file(MobileNetV2(channels_in=3).state_dict(), file)
    distance = Perceptual(str(file), torch.device("cpu"))
    views = views_of("ab", *l_and_lab("rgb", torch.randint(0, 256, (2, 3, 64, 64)).byte()))
    assert float(distance(views, views.color)) == pytest.approx(0, abs=1e-6)
    fake = torch.zeros_like(views.color, requires_grad=True)
    loss = distance(views, fake)
    loss.backward()
    assert float(loss.detach()) > 0
    assert float(fake.grad.abs().max()) > 0

    train(small_recipe(f"stages.small.perceptual.weights={file}"), [photo_folder], tmp_path / "r")
