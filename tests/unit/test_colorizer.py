"""A Colorizer gives back the kind of thing that it was given, in color."""

from __future__ import annotations

import io
import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import color, data

import tintype
from tintype.colorizer import Colorizer
from tintype.errors import ModelError, OutputError, OutputExists, PhotoError, UnsupportedFormat
from tintype.image import Photo
from tintype.provenance import is_our_result


@pytest.fixture(scope="module")
def colorizer(tiny_model: Path) -> Colorizer:
    return Colorizer(tiny_model)


def chroma(rgb_u8: np.ndarray) -> float:
    return float(np.hypot(*np.moveaxis(color.rgb2lab(rgb_u8)[..., 1:], -1, 0)).mean())


def test_gray_photograph_comes_back_warm(colorizer: Colorizer) -> None:
    gray = data.camera()
    rgb = colorizer(gray)
    assert rgb.shape == (*gray.shape, 3)
    lab = color.rgb2lab(rgb)
    inside = (lab[..., 0] > 30) & (lab[..., 0] < 70)  # where these colors exist
    mean_l, *mean_ab = lab[inside].mean(0)
    np.testing.assert_allclose(mean_ab / mean_l, [0.1, 0.3], atol=0.02)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize(("shape", "channels"), [((20, 30), 3), ((20, 30, 3), 3), ((20, 30, 4), 4)])
def test_array_gives_array_of_its_depth(
    colorizer: Colorizer, dtype: type, shape: tuple[int, ...], channels: int
) -> None:
    array = np.full(shape, np.iinfo(dtype).max // 2, dtype)
    result = colorizer(array)
    assert result.dtype == dtype
    assert result.shape == (20, 30, channels)
    assert (result[..., 0] > result[..., 2]).all()


@pytest.mark.parametrize("mode", ["L", "RGB", "1", "LA", "P"])
def test_pil_gives_pil(colorizer: Colorizer, mode: str) -> None:
    result = colorizer(Image.fromarray(data.camera()).convert(mode))
    assert isinstance(result, Image.Image)
    assert result.size == (512, 512)
    assert result.mode == ("RGBA" if mode == "LA" else "RGB")


@pytest.mark.parametrize("format", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_bytes_give_bytes_of_the_same_format(colorizer: Colorizer, format: str) -> None:
    file = io.BytesIO()
    Image.fromarray(data.camera()).save(file, format)
    result = colorizer(file.getvalue())
    assert isinstance(result, bytes)
    opened = Image.open(io.BytesIO(result))
    assert (opened.format, opened.mode, opened.size) == (format, "RGB", (512, 512))


def test_path_gives_photo_to_save(colorizer: Colorizer, gray_scan: Path, tmp_path: Path) -> None:
    photo = colorizer(str(gray_scan))
    assert isinstance(photo, Photo)
    photo.save(tmp_path / "out.png")
    again = colorizer(Photo.open(gray_scan))
    with Image.open(tmp_path / "out.png") as opened:
        np.testing.assert_array_equal(np.asarray(opened), again.to_array())


def test_strength_scales_the_color(colorizer: Colorizer) -> None:
    gray = data.camera()
    none, half, full, more = (chroma(colorizer(gray, strength=s)) for s in (0, 0.5, 1, 1.5))
    assert none < 0.5
    assert half == pytest.approx(full / 2, rel=0.1)
    assert more > 1.2 * full


@pytest.mark.parametrize("strength", [-0.1, float("nan"), float("inf")])
def test_impossible_strength(colorizer: Colorizer, strength: float) -> None:
    with pytest.raises(ValueError, match="strength is"):
        colorizer(data.camera(), strength=strength)


@pytest.mark.parametrize("shape", [(1, 1), (1, 400), (31, 33), (300, 2)])
def test_odd_sizes(colorizer: Colorizer, shape: tuple[int, int]) -> None:
    assert colorizer(np.full(shape, 128, np.uint8)).shape == (*shape, 3)


def test_model_sees_its_working_size(
    colorizer: Colorizer, gray_scan: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    luminance = Photo.luminance

    def spy(photo: Photo, short_side: int) -> object:
        asked.append(short_side)
        return luminance(photo, short_side)

    monkeypatch.setattr(Photo, "luminance", spy)
    colorizer(gray_scan)
    assert asked == [colorizer.card.working_px]


def test_one_line(gray_scan: Path, tiny_model: Path, tmp_path: Path) -> None:
    before = gray_scan.read_bytes()
    path = tintype.colorize(gray_scan, str(tmp_path / "größe.tif"), model=tiny_model)
    assert is_our_result(path)
    with Image.open(path) as opened:
        assert opened.format == "TIFF"
    with pytest.raises(OutputExists, match=r"größe\.tif"):
        tintype.colorize(gray_scan, path, model=tiny_model)
    tintype.colorize(gray_scan, path, model=tiny_model, strength=0, overwrite=True)
    with Image.open(path) as opened:
        assert chroma(np.asarray(opened)) < 0.5
    assert gray_scan.read_bytes() == before


def test_original_is_never_replaced(gray_scan: Path, tiny_model: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.jpg"
    link.symlink_to(gray_scan)
    for path in (gray_scan, link):
        with pytest.raises(OutputError, match="originals are never replaced"):
            tintype.colorize(gray_scan, path, model=tiny_model, overwrite=True)


def test_what_is_not_ours_is_never_replaced(
    gray_scan: Path, tiny_model: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.jpg"
    other.write_bytes(gray_scan.read_bytes())
    with pytest.raises(OutputError, match=r"other\.jpg: is not a result .* Name another output"):
        tintype.colorize(gray_scan, other, model=tiny_model, overwrite=True)
    assert other.read_bytes() == gray_scan.read_bytes()
    with pytest.raises(PhotoError, match=r"none\.jpg: cannot be read: No such file"):
        tintype.colorize(tmp_path / "none.jpg", other, model=tiny_model)


def test_what_is_no_photograph_is_told(colorizer: Colorizer, tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("no picture")
    with pytest.raises(UnsupportedFormat, match=r"notes\.txt"):
        colorizer(text)
    with pytest.raises(PhotoError, match=r"none\.jpg"):
        colorizer(tmp_path / "none.jpg")
    with pytest.raises(UnsupportedFormat):
        colorizer(b"no picture")


def test_missing_model_is_told(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"none\.onnx: no such model file"):
        Colorizer(tmp_path / "none.onnx")


def test_pickled_colorizer_colors_alike(colorizer: Colorizer) -> None:
    copy = pickle.loads(pickle.dumps(colorizer))
    assert copy.card == colorizer.card
    np.testing.assert_array_equal(copy(data.camera()), colorizer(data.camera()))


def test_threads_share_a_colorizer(colorizer: Colorizer) -> None:
    grays = [np.full((40, 50), level, np.uint8) for level in range(10, 250, 20)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(colorizer, grays))
    for gray, result in zip(grays, together, strict=True):
        np.testing.assert_array_equal(result, colorizer(gray))


def test_packaged_model_leaves_a_blank_page_calm() -> None:
    assert chroma(Colorizer()(np.full((256, 256), 245, np.uint8))) < 12
