"""What notebooks use, and the notebook that shows it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader

from tintype.color import srgb_to_lab
from tintype.errors import DataError, TrainingDiverged
from tintype.notebook import (
    DataGenerator,
    PatchDiscriminator,
    SimpleUNet,
    get_nth_image,
    train_gan,
    visualize_nth_image,
)

TUTORIAL = Path(__file__).parents[2] / "examples" / "tutorial.ipynb"


@pytest.fixture
def networks():
    torch.manual_seed(0)
    return SimpleUNet(width=8, levels=2), PatchDiscriminator(width=8, layers=2)


def losses_of(networks, loader, *, lr=1e-3, **options):
    g, d = networks
    return train_gan(
        g, d, loader, torch.optim.Adam(g.parameters(), lr), torch.optim.Adam(d.parameters(), 2e-4),
        nn.BCEWithLogitsLoss(), nn.L1Loss(), "cpu", **options,
    )  # fmt: skip


def test_pairs_are_the_picture_in_the_networks_units(tmp_path):
    rgb = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    Image.fromarray(rgb).save(tmp_path / "a.png")
    lab = srgb_to_lab(rgb / np.float32(255)).transpose(2, 0, 1)
    gray, color = DataGenerator(tmp_path, size_px=32)[0]
    flipped = gray.flip(2) if abs(gray[0, 0, 0] * 50 + 50 - lab[0, 0, 0]) > 0.1 else gray
    torch.testing.assert_close(50 * (flipped[0] + 1), torch.tensor(lab[0]), atol=0.05, rtol=0)
    color = color if flipped is gray else color.flip(2)
    torch.testing.assert_close(color * 110, torch.tensor(lab[1:]), atol=0.05, rtol=0)
    gray, color = DataGenerator([tmp_path / "a.png"], size_px=32, space="rgb")[0]
    assert gray.shape == (1, 32, 32)
    assert sorted(color[0].flatten().mul(255).round().tolist()) == sorted(rgb[..., 0].flatten())


def test_pictures_stand_in_their_order_and_crops_change_with_the_epoch(photo_folder):
    pictures = DataGenerator(photo_folder, size_px=48)
    files = sorted(photo_folder.iterdir())
    assert len(pictures) == len(files) == 24
    some = DataGenerator([str(files[5])], size_px=96)
    whole = DataGenerator(photo_folder, size_px=96)[5][0]
    assert any(torch.equal(whole, x) for x in (some[0][0], some[0][0].flip(2)))
    first = pictures[5][0]
    assert torch.equal(DataGenerator(photo_folder, size_px=48)[5][0], first)
    pictures.set_epoch(1)
    draws = [pictures[i][0] for i in range(4)]
    pictures.set_epoch(0)
    assert not all(torch.equal(a, pictures[i][0]) for i, a in enumerate(draws))


def test_the_gan_learns(photo_folder, networks):
    loader = DataLoader(DataGenerator(photo_folder, size_px=48), batch_size=8, shuffle=True)
    history = losses_of(networks, loader, epochs=6)
    assert {name: len(values) for name, values in history.items()} == {
        "d": 6, "adversarial": 6, "l1": 6
    }  # fmt: skip
    assert history["l1"][-1] < 0.8 * history["l1"][0]
    assert history["d"][-1] < history["d"][0]
    assert all(p.requires_grad for p in networks[1].parameters())


def test_lambda_weighs_the_truth(photo_folder, networks):
    """Without L1 the generator listens to the discriminator alone."""
    loader = DataLoader(DataGenerator(photo_folder, size_px=48), batch_size=8)
    near = losses_of(networks, loader, epochs=4)["l1"][-1]
    torch.manual_seed(0)
    others = SimpleUNet(width=8, levels=2), PatchDiscriminator(width=8, layers=2)
    assert losses_of(others, loader, epochs=4, lambda_L1=0)["l1"][-1] > near


def test_the_nth_picture_is_shown_three_times(photo_folder, networks):
    loader = DataLoader(DataGenerator(photo_folder, size_px=48), batch_size=4)
    gray, color = get_nth_image(loader, 7)
    assert (gray.shape, color.shape) == ((1, 48, 48), (2, 48, 48))
    networks[0].train()
    figure = visualize_nth_image(networks[0], loader, 7, "cpu")
    assert [axis.get_title() for axis in figure.axes] == ["gray", "truth", "generated"]
    shown = [axis.images[0].get_array().astype(float) for axis in figure.axes]
    assert np.ptp(shown[0], axis=2).max() <= 1
    assert np.ptp(shown[1], axis=2).max() > 30
    light = [srgb_to_lab((picture / 255).astype(np.float32))[..., 0] for picture in shown]
    assert np.median(np.abs(light[0] - light[1])) < 0.5
    assert networks[0].training


def test_an_rgb_generator_is_shown_over_the_gray(photo_folder):
    loader = DataLoader(DataGenerator(photo_folder, size_px=48, space="rgb"))
    figure = visualize_nth_image(SimpleUNet("rgb", width=4, levels=2), loader, 0, "cpu")
    gray, _, made = (axis.images[0].get_array() for axis in figure.axes)
    light = [srgb_to_lab((p / 255).astype(np.float32))[..., 0] for p in (gray, made)]
    assert np.median(np.abs(light[0] - light[1])) < 1


def test_what_is_wrong_is_said(photo_folder, networks, tmp_path):
    loader = DataLoader(DataGenerator(photo_folder, size_px=48), batch_size=30, drop_last=True)
    with pytest.raises(DataError, match="gives no batch"):
        losses_of(networks, loader, epochs=1)
    with pytest.raises(DataError, match="no picture 24: there are 24"):
        get_nth_image(loader, 24)
    with pytest.raises(DataError, match="no pictures"):
        DataGenerator(tmp_path)
    with pytest.raises(DataError, match="is empty"):
        DataGenerator([])
    loader = DataLoader(DataGenerator(photo_folder, size_px=48), batch_size=8)
    with pytest.raises(TrainingDiverged, match=r"loss \w+ became (nan|inf)"):
        losses_of(networks, loader, lr=1e30, epochs=3)


def test_the_tutorial_runs(tmp_path, monkeypatch):
    nbclient = pytest.importorskip("nbclient", reason="notebooks need the extra 'dev'")
    import nbformat

    for name in ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name))
    notebook = nbformat.read(TUTORIAL, as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells)
    nbclient.NotebookClient(
        notebook, timeout=120, kernel_name="python3",
        resources={"metadata": {"path": str(tmp_path)}},
    ).execute()  # fmt: skip
    pictures = [
        output for cell in notebook.cells for output in cell.get("outputs", [])
        if "image/png" in output.get("data", {})
    ]  # fmt: skip
    assert len(pictures) == 3  # the curves, and two looks
