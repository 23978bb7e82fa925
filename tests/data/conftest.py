"""One set of real pictures, in every form that training reads."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from skimage import data
from skimage.color import rgb2lab

PICTURES = 8
WIDTH, HEIGHT = 96, 80


def _cuts() -> list[Image.Image]:
    cuts = []
    for picture in (data.astronaut(), data.coffee(), data.chelsea(), data.rocket()):
        image = Image.fromarray(picture)
        for left in (0, image.width - 240):
            cuts.append(image.crop((left, 40, left + 240, 240)).resize((WIDTH, HEIGHT)))
    return cuts


@pytest.fixture(scope="session")
def cuts() -> list[Image.Image]:
    """8 pictures in color, 96x80 px."""
    return _cuts()


@pytest.fixture
def folder(tmp_path: Path, cuts: list[Image.Image]) -> Path:
    """The pictures as JPEG, one in a folder below."""
    place = tmp_path / "photos"
    (place / "below").mkdir(parents=True)
    for i, cut in enumerate(cuts):
        cut.save(place / ("below" if i == 7 else "") / f"{i}.jpg", quality=92)
    return place


@pytest.fixture
def shards(tmp_path: Path, folder: Path) -> Path:
    """The same files in two tar shards, a text file among them."""
    place = tmp_path / "shards"
    place.mkdir()
    files = sorted(folder.rglob("*.jpg"), key=lambda file: file.name)
    for shard in range(2):
        with tarfile.open(place / f"train-{shard:05d}.tar", "w") as tar:
            for file in files[shard::2]:
                _add(tar, file.name, file.read_bytes())
            _add(tar, "notes.txt", b"not a picture")
    return place


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    tar.addfile(info, io.BytesIO(content))


@pytest.fixture
def pairs(tmp_path: Path, cuts: list[Image.Image]) -> Path:
    """The pictures in color/ and gray/, PNG."""
    place = tmp_path / "landscapes"
    for name, mode in (("color", "RGB"), ("gray", "L")):
        (place / name).mkdir(parents=True)
        for i, cut in enumerate(cuts):
            cut.convert(mode).save(place / name / f"{i}.png")
    return place


@pytest.fixture(scope="session")
def lab_u8(cuts: list[Image.Image]) -> NDArray[np.uint8]:
    """(8, 80, 96, 3): OpenCV's 8-bit Lab of the pictures, by way of scikit-image."""
    lab = np.stack([rgb2lab(np.asarray(cut)) for cut in cuts])
    return np.round(lab * [2.55, 1, 1] + [0, 128, 128]).astype(np.uint8)


@pytest.fixture
def arrays(tmp_path: Path, lab_u8: NDArray[np.uint8]) -> Path:
    """The pictures in the layout of the public set: l/gray_scale.npy, ab/ab/ab1.npy to ab10.npy."""
    place = tmp_path / "arrays"
    (place / "l").mkdir(parents=True)
    (place / "ab" / "ab").mkdir(parents=True)
    np.save(place / "l" / "gray_scale.npy", lab_u8[..., 0])
    for name, first, last in (("ab1", 0, 3), ("ab2", 3, 6), ("ab10", 6, 8)):
        np.save(place / "ab" / "ab" / f"{name}.npy", lab_u8[first:last, ..., 1:])
    return place


@pytest.fixture
def damage() -> Callable[[Path], None]:
    """Cuts a file in half."""

    def cut(file: Path) -> None:
        content = file.read_bytes()
        file.write_bytes(content[: len(content) // 2])

    return cut
