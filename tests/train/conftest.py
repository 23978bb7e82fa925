"""Pictures to train on, cut from photographs that scikit-image ships, and a recipe of seconds."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image
from skimage import data

from tintype.recipe import Recipe, load_recipe

SMALL = (
    "generator.encoder_weights=none",
    "generator.frozen_blocks=0",
    "generator.widths=[16, 16, 8, 8]",
    "discriminator.width=8",
    "discriminator.layers=2",
    "holdout_images=4",
    "look_every_images=1000",
    "checkpoint_every_images=8",
    "precision=32-true",
    "workers=0",
    *(
        f"stages.{stage}.{key}={value}"
        for stage in ("small", "full", "gan")
        for key, value in {
            "batch_images": 4,
            "load_px": 72,
            "crop_px": 64,
            "min_px": 0,
            "warmup_images": 0,
            "total_images": 8,
        }.items()
    ),
)


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def small_recipe() -> Callable[..., Recipe]:
    """The default's recipe, three stages of two steps each, with a test's own settings."""
    return lambda *settings: load_recipe("tintype-small", (*SMALL, *settings))


def _cuts() -> list[Image.Image]:
    cuts = []
    for picture in (data.astronaut(), data.coffee(), data.chelsea(), data.rocket()):
        image = Image.fromarray(picture)
        for i in range(6):
            left, top = (i % 3) * (image.width - 200) // 2, (i // 3) * (image.height - 200)
            cuts.append(image.crop((left, top, left + 200, top + 200)).resize((96, 96)))
    return cuts


@pytest.fixture(scope="session")
def photo_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24 color pictures of 96x96 px."""
    folder = tmp_path_factory.mktemp("photos")
    for i, cut in enumerate(_cuts()):
        cut.save(folder / f"{i:02d}.jpg", quality=92)
    return folder


@pytest.fixture(scope="session")
def shard_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same pictures in two tar shards, a text file among them."""
    folder = tmp_path_factory.mktemp("shards")
    for shard in range(2):
        with tarfile.open(folder / f"train-{shard:05d}.tar", "w") as tar:
            for i, cut in list(enumerate(_cuts()))[shard::2]:
                _add(tar, f"{i:02d}.jpg", _jpeg(cut))
            _add(tar, "notes.txt", b"not a picture")
    return folder


def _jpeg(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=92)
    return buffer.getvalue()


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    tar.addfile(info, io.BytesIO(content))
