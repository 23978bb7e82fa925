"""Hints in training: what is told of the true colors, and what a network makes of it."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tintype.data.reveal import LARGEST_PX, Told, reveal, told
from tintype.errors import CheckpointError, RecipeError
from tintype.models.store import locate
from tintype.nn.generators import MobileUNet
from tintype.nn.hints import Alike
from tintype.nn.spaces import Colors
from tintype.recipe import load_recipe
from tintype.runtime import Session
from tintype.train import checkpoint
from tintype.train.initialize import initialize
from tintype.train.loop import train
from tintype.train.run import check_same_recipe, new_networks, plain

TOLD = (
    "generator.takes_hints=true",
    "stages.small.hints=1.0",
    "stages.full.hints=0.5",
    "stages.gan.hints=0.5",
)


def colors(n: int, px: int) -> torch.Tensor:
    return torch.rand(n, 2, px, px, generator=torch.Generator().manual_seed(0)) * 160 - 80


def branched() -> MobileUNet:
    """A network whose branch for hints has learned something, as it were."""
    torch.manual_seed(0)
    g = MobileUNet((16, 16, 8, 8), takes_hints=True).eval()
    for weight in g.hints.parameters():
        torch.nn.init.normal_(weight, 0, 0.3)
    return g


@settings(max_examples=20, deadline=None)
@given(
    st.integers(0, 2**63 - 1), st.lists(st.integers(0, 2**40), min_size=2, max_size=6, unique=True)
)
def test_a_picture_is_told_the_same_in_any_company(seed, positions):
    ab = colors(len(positions), 64)
    whole = reveal(ab, told(seed, positions, 64))
    for i, position in enumerate(positions):
        alone = reveal(ab[i : i + 1], told(seed, [position], 64))
        for one, of_all in zip(alone, whole, strict=True):
            assert torch.equal(one[0], of_all[i])


def test_points_are_drawn_as_the_paper_has_them():
    n, px = 8000, 128
    drawn = told(3, range(n), px)
    count = torch.bincount(drawn.squares[:, 0], minlength=n)[~drawn.whole].double()
    assert float(drawn.whole.double().mean()) == pytest.approx(0.01, abs=0.005)
    assert float((count == 0).double().mean()) == pytest.approx(1 / 8, abs=0.015)
    assert float(count.mean()) == pytest.approx(7, abs=0.35)  # of a geometric one from 0: 8 - 1
    sides = drawn.squares[:, 3]
    assert torch.bincount(sides)[1:].double().std() / len(sides) < 0.005
    assert (sides.min(), sides.max()) == (1, LARGEST_PX)
    middle = (drawn.squares[:, 1:3] + sides[:, None] / 2) / px
    assert middle.mean(0).tolist() == pytest.approx([0.5, 0.5], abs=0.01)
    # a normal deviation of a quarter, cut off at two of them: what lies beyond lies on the edge
    assert middle.std(0).tolist() == pytest.approx([0.235, 0.235], abs=0.01)
    assert int(drawn.squares[:, 1:3].min()) == 0
    assert int((drawn.squares[:, 1:3] + sides[:, None]).max()) == px


@pytest.mark.parametrize("share", [0.0, 0.3])
def test_only_a_share_is_told(share):
    drawn = told(0, range(2000), 64, share)
    some = drawn.whole.double()
    some[drawn.squares[:, 0]] = 1
    assert float(some.mean()) == pytest.approx(share * (1 - 0.99 / 8), abs=0.04)


def test_squares_tell_their_mean_and_the_last_one_wins():
    ab = colors(3, 16)
    squares = torch.tensor([[0, 2, 3, 5], [0, 4, 4, 2], [2, 0, 15, 1], [2, 7, 7, 9]])
    hint_ab, mask = reveal(ab, Told(torch.tensor([False, True, False]), squares))
    want, there = torch.zeros_like(ab), torch.zeros(3, 1, 16, 16)
    for row, top, left, side in squares.tolist():
        at = (row, slice(None), slice(top, top + side), slice(left, left + side))
        want[at] = ab[at].mean((1, 2), keepdim=True)
        there[at] = 1
    want[1], there[1] = ab[1], 1
    torch.testing.assert_close(hint_ab, want)
    assert torch.equal(mask, there)


def test_without_hints_it_is_the_network_without_a_branch():
    g = branched()
    plain_g = MobileUNet((16, 16, 8, 8)).eval()
    plain_g.load_state_dict({k: v for k, v in g.state_dict().items() if not k.startswith("hints.")})
    gray = torch.rand(2, 1, 64, 96) * 2 - 1
    with torch.no_grad():
        want = plain_g(gray)
        assert torch.equal(g(gray), want)
        assert torch.equal(g(gray, torch.zeros(2, 3, 64, 96)), want)


def test_a_hint_is_for_its_own_picture():
    g = branched()
    gray = torch.rand(2, 1, 64, 64) * 2 - 1
    hints = torch.zeros(2, 3, 64, 64)
    hints[1, :, 30:34, 30:34] = torch.tensor([0.5, -0.3, 1])[:, None, None]
    with torch.no_grad():
        made, without = g(gray, hints), g(gray)
    torch.testing.assert_close(made[0], without[0])
    assert float((made[1] - without[1]).abs().max()) > 0.01


def test_what_is_alike_is_told_and_the_rest_is_not():
    alike = Alike(4)
    x = torch.zeros(1, 4, 2, 6)
    x[:, 0, :, :3], x[:, 1, :, 3:] = 1, 1  # two halves of different kinds
    hints = torch.zeros(1, 3, 2, 6)
    hints[0, :, 0, 0] = torch.tensor([0.5, -0.5, 1])
    with torch.no_grad():
        alike.kind.weight.copy_(3 * torch.eye(32)[:, :4, None, None])
        spread = alike(x, hints)
    np.testing.assert_allclose(spread[0, 0, :, :3], 0.5, atol=0.05)
    assert float(spread[..., 3:].abs().max()) < 0.01


def test_the_nearer_hint_counts_more():
    hints = torch.zeros(1, 3, 1, 9)
    hints[0, :, 0, 0], hints[0, :, 0, 8] = torch.tensor([0.5, 0, 1]), torch.tensor([-0.5, 0, 1])
    with torch.no_grad():
        a = Alike(4)(torch.zeros(1, 4, 1, 9), hints)[0, 0, 0]
    assert (a[:4] > 0).all()
    assert (a[5:] < 0).all()
    assert float(a[4]) == pytest.approx(0, abs=1e-6)


def test_the_bundled_model_is_a_start_for_hints():
    recipe = load_recipe("finetune", ["generator.takes_hints=true"])
    g, _ = new_networks(recipe)
    l = torch.rand(1, 1, 128, 128) * 100
    hint_ab, mask = torch.zeros(1, 2, 128, 128), torch.zeros(1, 1, 128, 128)
    hint_ab[:, 0, 10:15, 10:15], mask[:, :, 10:15, 10:15] = 50, 1
    want = Session(locate("tintype-small")).predict(l.numpy())
    colors = Colors(g, g.space).eval()
    with torch.no_grad():
        np.testing.assert_allclose(colors(l).numpy(), want, atol=0.02)
        # nothing is learned yet, but where a hint stands it shows
        change = colors(l, hint_ab, mask).numpy()[0, 0] - want[0, 0]
    assert change[10:15, 10:15].mean() > 30
    assert abs(change[-32:, -32:]).max() < 1
    assert all(p.requires_grad for p in g.hints.parameters())


def test_two_steps_of_every_stage_and_a_start_from_them(photo_folder, tmp_path, small_recipe):
    latest = train(small_recipe(*TOLD), [photo_folder], tmp_path / "run")
    state = checkpoint.load(latest)
    assert (state["images"], state["stage_number"]) == (24, 3)
    fresh, _ = new_networks(small_recipe(*TOLD))
    branch = {k: v for k, v in fresh.state_dict().items() if k.startswith("hints.")}
    assert len(branch) == 17
    assert [k for k, v in branch.items() if torch.equal(v, state["g"][k])] == []
    again, _ = new_networks(small_recipe(*TOLD, f"init={tmp_path / 'run'}"))
    best = checkpoint.averaged(tmp_path / "run")["ema"]
    assert all(torch.equal(v, best[k]) for k, v in again.state_dict().items())
    without, _ = new_networks(small_recipe(f"init={tmp_path / 'run'}"))
    assert not without.takes_hints


def test_hints_need_a_network_that_takes_them(small_recipe):
    with pytest.raises(RecipeError, match=r"stages\.small\.hints: this generator takes none"):
        small_recipe("stages.small.hints=0.5")
    with pytest.raises(RecipeError, match=r"stages\.gan\.hints: this generator takes none"):
        load_recipe("coco-pix2pix", ["stages.gan.hints=0.5"])


def test_half_a_branch_is_no_start(tmp_path, small_recipe):
    g = branched()
    weights = g.state_dict()
    del weights["hints.alike.none"]
    state = {"ema": weights, "recipe": plain(small_recipe(*TOLD)), "images": 0, "best": {}}
    checkpoint.save(tmp_path / "x.pt", state)
    with pytest.raises(CheckpointError, match=r"hints\.alike\.none is missing"):
        initialize(g, str(tmp_path / "x.pt"))


def test_a_run_begun_before_there_were_hints_goes_on(small_recipe, tmp_path):
    recipe = small_recipe()
    then = plain(recipe)
    del then["generator"]["takes_hints"]
    for stage in then["stages"]:
        del stage["hints"]
    state = {"recipe": then, "stage_number": 1, "stage_images": 4, "pictures": "these"}
    assert check_same_recipe(recipe, state, tmp_path) == []
