"""Doubt, references and variants: what is made of knowing how likely each color is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from skimage import data
from skimage.color import rgb2lab

from tintype import Colorizer, HintError, colorize
from tintype.cli import main
from tintype.likely import APART_LAB, STEP_LAB, Likely, colors
from tintype.provenance import is_our_result

COLORS = np.float32([[0, 0], [50, 40], [-40, 40], [0, -50]])


def likely(shares: np.ndarray, ab: tuple[float, float] = (0, 0)) -> Likely:
    """Of cells (Q, h, w), one color having been made everywhere."""
    height, width = (8 * side for side in shares.shape[1:])
    made = np.broadcast_to(np.float32(ab)[:, None, None], (2, height, width))
    return Likely(made, COLORS, np.asarray(shares, np.float32))


cells = st.lists(st.lists(st.floats(0.01, 1), min_size=4, max_size=4), min_size=6, max_size=6).map(
    lambda rows: (np.array(rows) / np.sum(rows, 1, keepdims=True)).T.reshape(4, 2, 3)
)


def test_every_color_of_a_screen_is_near_one_that_is_told() -> None:
    steps = np.linspace(0, 1, 30)
    rgb = np.stack(np.meshgrid(steps, steps, steps), -1).reshape(-1, 1, 3)
    ab = rgb2lab(rgb)[:, 0, 1:]
    distances = np.linalg.norm(ab[:, None] - colors(), axis=-1).min(1)
    assert distances.max() <= STEP_LAB / np.sqrt(2) + 0.1
    assert len(np.unique(colors(), axis=0)) == len(colors())


def test_confidence_is_the_share_of_what_is_near() -> None:
    shares = np.zeros((4, 1, 2))
    shares[:, 0, 0] = [0.5, 0.3, 0.2, 0]
    shares[:, 0, 1] = [0.1, 0.2, 0.3, 0.4]
    of_gray = likely(shares).confidence()
    assert of_gray.shape == (8, 16)
    np.testing.assert_allclose(of_gray[4, [0, 15]], [0.5, 0.1], atol=1e-6)
    np.testing.assert_allclose(likely(shares, (45, 30)).confidence()[4, [0, 15]], [0.3, 0.2])
    np.testing.assert_allclose(likely(shares, (100, 0)).confidence(), 0, atol=1e-6)


@given(cells, st.integers(1, 3))
def test_a_variant_is_other_colors_of_the_same_picture(shares: np.ndarray, number: int) -> None:
    before = likely(shares)
    after = before.variant(number)
    np.testing.assert_allclose(after.shares.sum(0), 1, atol=1e-4)
    assert np.isfinite(after.ab).all()
    leaning = after.palette() - before.palette()
    center = int(leaning.argmax())
    assert np.linalg.norm(COLORS[center]) > APART_LAB  # it is about a color that was not made


def test_variants_come_by_how_likely_they_are_and_differ() -> None:
    shares = np.broadcast_to(np.array([0.5, 0.1, 0.15, 0.25])[:, None, None], (4, 3, 3))
    made = [likely(shares).variant(number).ab.mean((1, 2)) for number in (1, 2, 3)]
    for ab, color in zip(made, (COLORS[3], COLORS[2], COLORS[1]), strict=True):
        assert np.linalg.norm(ab - color) < 15


def test_what_looks_alike_changes_alike_and_what_is_sure_stays() -> None:
    sure, coat = [0.97, 0.01, 0.01, 0.01], [0.4, 0.3, 0.2, 0.1]
    shares = np.array([[coat, sure, coat]]).transpose(2, 0, 1)
    change = likely(shares).variant(1).ab
    np.testing.assert_allclose(change[:, 4, 1], change[:, 4, 22], atol=1)
    assert np.linalg.norm(change[:, 4, 1]) > 40
    assert np.linalg.norm(change[:, 4, 12]) < 0.7 * np.linalg.norm(change[:, 4, 1])


@given(cells, st.integers(1, 3))
def test_a_palette_is_taken_over(shares: np.ndarray, color: int) -> None:
    before = likely(shares)
    palette = np.zeros(4, np.float32)
    palette[color] = 1
    after = before.toward(palette)
    np.testing.assert_allclose(after.shares.sum(0), 1, atol=1e-4)
    assert after.palette()[color] > 0.7
    to_it = [np.linalg.norm(x.ab.mean((1, 2)) - COLORS[color]) for x in (after, before)]
    assert to_it[0] < to_it[1] + 1e-3


@given(cells)
def test_its_own_palette_changes_nothing(shares: np.ndarray) -> None:
    before = likely(shares)
    np.testing.assert_allclose(before.toward(before.palette()).ab, before.ab, atol=0.5)


def test_a_palette_goes_where_it_is_likeliest() -> None:
    shares = np.array([[[0.9, 0.04, 0.03, 0.03], [0.5, 0.44, 0.03, 0.03]]]).transpose(2, 0, 1)
    half_red = np.float32([0.5, 0.5, 0, 0])
    ab = likely(shares).toward(half_red).ab
    assert ab[0, 4, 14] > ab[0, 4, 1] + 10


def chroma(picture: np.ndarray) -> np.ndarray:
    return rgb2lab(picture)[..., 1:].mean((0, 1))


def test_variants_by_the_api(hint_model: Path) -> None:
    color = Colorizer(hint_model)
    plain, red, green = (chroma(color(data.camera(), variant=number)) for number in (0, 1, 2))
    assert red[0] > plain[0] + 20
    assert green[0] < plain[0] - 5
    assert np.array_equal(color(data.camera()), color(data.camera(), variant=0))


def test_confidence_by_the_api(hint_model: Path) -> None:
    sure = Colorizer(hint_model).confidence(np.full((100, 150), 119, np.uint8))  # L* of 50
    assert sure.shape == (64, 96)
    np.testing.assert_allclose(sure, 0.6, atol=0.01)


def test_a_reference_warms(hint_model: Path, tmp_path: Path) -> None:
    reference = tmp_path / "sunset.png"
    Image.new("RGB", (80, 60), (230, 90, 40)).save(reference)
    color = Colorizer(hint_model)
    assert (
        chroma(color(data.camera(), reference=reference))[0] > chroma(color(data.camera()))[0] + 10
    )


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"reference": "any.jpg"}, "takes no reference"),
        ({"variant": 1}, "does not tell how likely its colors are"),
    ],
)
def test_a_model_that_cannot_says_so(
    tiny_model: Path, options: dict[str, object], told: str
) -> None:
    with pytest.raises(HintError, match=rf"^tiny\.v1: this model {told}\.") as caught:
        Colorizer(tiny_model)(data.camera(), **options)
    assert "\n" not in str(caught.value)
    with pytest.raises(HintError):
        Colorizer(tiny_model).confidence(data.camera())


def test_a_gray_reference_is_refused(hint_model: Path, gray_scan: Path, tmp_path: Path) -> None:
    with pytest.raises(HintError, match=r"scan\.jpg: this reference has no colors"):
        colorize(gray_scan, tmp_path / "out.jpg", model=hint_model, reference=gray_scan)
    assert not (tmp_path / "out.jpg").exists()


@pytest.mark.parametrize("variant", [-1, 9])
def test_there_are_nine_variants(hint_model: Path, variant: int) -> None:
    with pytest.raises(ValueError, match=f"variant is {variant}; it must be from 0 to 8"):
        Colorizer(hint_model)(data.camera(), variant=variant)


def run(*arguments: object) -> tuple[int, str, str]:
    done = CliRunner().invoke(main, ["colorize", *map(str, arguments)])
    return done.exit_code, done.stdout, done.stderr


def test_variants_and_confidence_of_a_file(hint_model: Path, gray_scan: Path) -> None:
    options = ("--model", hint_model, "--variants", 3, "--confidence")
    code, said, _ = run(gray_scan, *options)
    assert code == 0
    names = ["scan.color.jpg", "scan.color-2.jpg", "scan.color-3.jpg"]
    assert [Path(line).name for line in said.splitlines()] == names
    pictures = [np.asarray(Image.open(gray_scan.with_name(name))) for name in names]
    reds = [chroma(picture)[0] for picture in pictures]
    assert reds[1] > reds[0] + 20
    assert reds[2] < reds[0] - 5
    sure = gray_scan.with_name("scan.jpg.confidence.jpg")
    with Image.open(sure) as opened:
        assert (opened.size, opened.mode) == ((512, 512), "L")
    made = {path.name for path in gray_scan.parent.iterdir() if path.suffix == ".jpg"}
    assert made == {"scan.jpg", *names, sure.name}
    assert all(is_our_result(gray_scan.with_name(name)) for name in made - {"scan.jpg"})
    again = run(gray_scan.parent, *options)  # results are passed over, and are not made anew
    assert (again[0], again[1]) == (0, "")


def test_variants_of_a_folder_resume(hint_model: Path, gray_scan: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    options = ("-o", out, "--model", hint_model, "--variants", 2)
    assert run(gray_scan.parent, *options)[0] == 0
    (out / "scan-2.jpg").unlink()
    code, said, told = run(gray_scan.parent, *options)
    assert (code, said.split()) == (0, [str(out / "scan-2.jpg")])
    assert "1 colored, 1 skipped" in told


def test_a_variant_never_falls_on_another_result(hint_model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("scan.jpg", "scan-2.jpg"):
        Image.fromarray(data.camera()).save(folder / name)
    code, said, told = run(folder, "-o", tmp_path / "out", "--model", hint_model, "--variants", 2)
    assert code == 1
    assert len(said.splitlines()) == 3
    assert "its result would fall on that of" in told


def test_a_reference_by_the_command_line(hint_model: Path, gray_scan: Path, tmp_path: Path) -> None:
    sunset = tmp_path / "sunset.png"
    Image.new("RGB", (80, 60), (230, 90, 40)).save(sunset)
    options = ("-o", tmp_path / "out.png", "--model", hint_model, "--format", "png")
    assert run(gray_scan, *options, "--reference", sunset)[0] == 0
    warm = chroma(np.asarray(Image.open(tmp_path / "out.png")))
    assert run(gray_scan, *options, "--overwrite")[0] == 0
    assert warm[0] > chroma(np.asarray(Image.open(tmp_path / "out.png")))[0] + 10


def test_what_the_model_cannot_do_is_one_line_and_makes_no_file(
    tiny_model: Path, gray_scan: Path
) -> None:
    for option in (("--variants", 2), ("--confidence",), ("--reference", gray_scan)):
        code, said, told = run(gray_scan, "--model", tiny_model, *option)
        assert (code, said) == (1, "")
        assert told.startswith("tintype: error: tiny.v1: this model ")
        assert told.count("\n") == 1
    assert list(gray_scan.parent.glob("*.jpg")) == [gray_scan]
