"""How likely colors are: what is learned of the true ones."""

import json

import numpy as np
import pytest
import torch

from tintype.errors import RecipeError
from tintype.likely import CELL_PX, STEP_LAB, colors
from tintype.nn.generators import MobileUNet
from tintype.nn.likely import cross_entropy, shares_of
from tintype.recipe import load_recipe
from tintype.train import checkpoint
from tintype.train.loop import train


def test_shares_are_those_of_the_pixels():
    ab = torch.rand(3, 2, 16, 24, generator=torch.Generator().manual_seed(0)) * 40 - 20
    shares = shares_of(ab)
    assert shares.shape == (3, len(colors()), 2, 3)
    torch.testing.assert_close(shares.sum(1), torch.ones(3, 2, 3))
    means = torch.einsum("nqhw,qc->nchw", shares, torch.from_numpy(colors()))
    torch.testing.assert_close(means, torch.nn.functional.avg_pool2d(ab, CELL_PX))


def test_a_color_that_is_told_of_has_all_of_its_cell():
    told = colors()[::13]
    ab = torch.from_numpy(told).T[None, :, None].repeat_interleave(CELL_PX, 3)
    shares = shares_of(ab.expand(1, 2, CELL_PX, -1))
    assert shares[0].argmax(0).flatten().tolist() == list(range(0, len(colors()), 13))
    assert float(shares.amax(1).min()) == 1


def test_colors_that_no_screen_has_are_told_as_near_ones():
    ab = torch.tensor([110.0, 110.0])[None, :, None, None].expand(1, 2, CELL_PX, CELL_PX)
    told = colors()[int(shares_of(ab)[0, :, 0, 0].argmax())]
    assert np.linalg.norm(told - 110) < 60


def test_it_learns_that_a_color_is_one_of_two():
    torch.manual_seed(0)
    g = MobileUNet((16, 16, 8, 8), tells_likely=True)
    gray = torch.zeros(2, 1, 32, 32)
    ab = torch.zeros(2, 2, 32, 32)
    ab[0, 0], ab[1, 0] = 4 * STEP_LAB, -4 * STEP_LAB
    optimizer = torch.optim.Adam(g.likely.parameters(), 1e-2)
    for _ in range(60):
        _, logits = g(gray, likely=True)
        loss = cross_entropy(logits, ab)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() == pytest.approx(np.log(2), abs=0.1)


def test_a_run_logs_it(photo_folder, tmp_path, small_recipe):
    keys = ("generator.tells_likely=true", "stages.small.likely_weight=0.5")
    train(small_recipe(*keys), [photo_folder], tmp_path)
    rows = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    losses = {row["stage"]: row["losses"] for row in rows if "losses" in row}
    assert 0 < losses["small"]["likely"] < 0.5 * np.log(len(colors())) + 1
    assert "likely" not in losses["gan"]


LIKELY = (
    "holdout_images=4", "look_images=4", "look_every_images=16", "checkpoint_every_images=16",
    "workers=0", "stages.likely.total_images=32", "stages.likely.batch_images=8",
    "stages.likely.load_px=72", "stages.likely.crop_px=64", "stages.likely.min_px=0",
    "stages.likely.warmup_images=0",
)  # fmt: skip


def test_the_head_alone_learns_and_colors_stay(photo_folder, tmp_path):
    train(load_recipe("likely", LIKELY), [photo_folder], tmp_path / "run")
    before, after = (
        checkpoint.load(tmp_path / "run" / "checkpoints" / name)["ema"]
        for name in ("look-000000000.pt", "latest.pt")
    )
    rows = (tmp_path / "run" / "log.jsonl").read_text().splitlines()
    losses = [row["losses"] for row in map(json.loads, rows) if "losses" in row]
    assert losses
    assert all(set(loss) == {"likely"} for loss in losses)
    moved = {name for name, was in before.items() if not torch.equal(was, after[name])}
    assert {name.partition(".")[0] for name in moved} == {"likely"}
    best = checkpoint.averaged(tmp_path / "run")  # what is exported, though the score is the same
    assert best["images"] == 32
    assert all(torch.equal(best["ema"][name], after[name]) for name in moved)


def test_a_weight_needs_what_it_weighs_and_the_other_way_round(small_recipe):
    off = ["generator.tells_likely=false"]
    with pytest.raises(RecipeError, match=r"stages\.small: this generator does not tell"):
        small_recipe(*off, "stages.small.likely_weight=1")
    with pytest.raises(RecipeError, match=r"tells_likely: no stage is of the kind likely"):
        small_recipe("generator.tells_likely=true")
