"""Doubt, references and variants: what is made of knowing how likely each color is."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageSequence
from skimage import data
from skimage.color import rgb2lab

from tintype import Colorizer, HintError, Hints, Photo, Point, colorize
from tintype.batch import Shard, plan
from tintype.cli import main
from tintype.likely import APART_LAB, STEP_LAB, Likely, Palette, colors
from tintype.provenance import is_our_result

COLORS = np.float32([[0, 0], [50, 40], [-40, 40], [0, -50]])


def palette(*shares: float) -> Palette:
    """So much of each of `COLORS`."""
    return Palette(COLORS, np.float32(shares))


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
def test_a_palette_pulls(shares: np.ndarray, color: int) -> None:
    before = likely(shares)
    after = before.toward(palette(*np.eye(4)[color]))
    np.testing.assert_allclose(after.shares.sum(0), 1, atol=1e-4)
    assert after.palette()[color] > min(0.7, 5 * before.palette()[color])
    to_it = [np.linalg.norm(x.ab.mean((1, 2)) - COLORS[color]) for x in (after, before)]
    assert to_it[0] < to_it[1] + 1e-3


@given(cells)
def test_its_own_palette_changes_little(shares: np.ndarray) -> None:
    before = likely(shares)
    np.testing.assert_allclose(before.toward(palette(*before.palette())).ab, before.ab, atol=0.5)


def test_a_palette_goes_where_it_is_likeliest() -> None:
    shares = np.array([[[0.9, 0.04, 0.03, 0.03], [0.5, 0.44, 0.03, 0.03]]]).transpose(2, 0, 1)
    ab = likely(shares).toward(palette(0.5, 0.5, 0, 0)).ab
    assert ab[0, 4, 14] > ab[0, 4, 1] + 10


def test_what_is_impossible_stays_away() -> None:
    """A lawn is green, whatever the evening."""
    shares = np.full((4, 2, 2), 1e-5)
    shares[2] = 1 - 3e-5
    lawn = likely(shares, tuple(COLORS[2])).toward(palette(0, 1, 0, 0))
    np.testing.assert_allclose(lawn.ab, likely(shares, tuple(COLORS[2])).ab, atol=8)


@pytest.mark.parametrize("px", [(1, 1), (1, 40), (3, 17)])
@pytest.mark.parametrize("sharp", [0.0, 40.0, 400.0])
def test_any_shares_of_any_size_make_finite_colors(px: tuple[int, int], sharp: float) -> None:
    rng = np.random.default_rng(0)
    cells = tuple(-(-side // 8) for side in px)
    logits = rng.normal(0, sharp + 1e-3, (len(colors()), *cells))
    shares = np.exp(np.float32(logits - logits.max(0)))
    shares /= shares.sum(0)
    one = Likely(np.zeros((2, *px), np.float32), colors(), shares)
    some = Palette.of(rng.uniform(-80, 80, (2, 30, 30)).astype(np.float32))
    with np.errstate(all="raise", under="ignore"):
        for other in (one.toward(some), one.variant(1), one.variant(8)):
            assert other.ab.shape == (2, *px)
            assert np.isfinite(other.ab).all()
        assert one.confidence().shape == px
    if sharp > 100:  # nothing else is likely
        np.testing.assert_allclose(one.variant(1).ab, one.ab, atol=1)


def test_a_palette_is_the_colors_of_a_picture() -> None:
    ab = np.zeros((2, 4, 5), np.float32)
    ab[:, :, 4] = [[50], [40]]
    np.testing.assert_allclose(Palette.of(ab).over(COLORS), [0.8, 0.2, 0, 0], atol=1e-6)


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
        ({"reference": "sunset.jpg"}, "takes no reference"),
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


def test_hints_stay_in_every_coloring(hint_model: Path) -> None:
    color = Colorizer(hint_model)
    gray = np.full((256, 256), 119, np.uint8)
    blue = Hints(points=(Point(x=128, y=128, color="#2040c0", radius=16),))
    hinted = rgb2lab(color(gray, hints=blue))[128, 128]
    sunset = Image.new("RGB", (80, 60), (230, 90, 40))
    for options in ({"variant": 1}, {"reference": Photo.open(sunset)}):
        other = rgb2lab(color(gray, hints=blue, **options))
        np.testing.assert_allclose(other[128, 128], hinted, atol=4)
        assert other[20, 20, 1] > rgb2lab(color(gray))[20, 20, 1] + 10


def test_a_reference_over_a_tint_and_on_every_page(hint_model: Path, tmp_path: Path) -> None:
    pages = [Image.fromarray(data.camera()), Image.fromarray(data.camera()[::-1])]
    pages[0].save(tmp_path / "two.tif", save_all=True, append_images=pages[1:])
    sunset = Image.new("RGB", (80, 60), (230, 90, 40))
    color = Colorizer(hint_model)
    color(tmp_path / "two.tif", reference=Photo.open(sunset), keep_tint=True).save(
        tmp_path / "red.tif"
    )
    with Image.open(tmp_path / "red.tif") as opened:
        reds = [chroma(np.asarray(page))[0] for page in ImageSequence.Iterator(opened)]
    assert len(reds) == 2
    assert min(reds) > chroma(color(data.camera()))[0] + 10


def test_a_broken_reference_is_nobodys_fault_but_its_own(
    hint_model: Path, gray_scan: Path, tmp_path: Path
) -> None:
    broken, out = tmp_path / "reference.png", tmp_path / "out"
    content = io.BytesIO()
    Image.fromarray(data.coffee()).save(content, "PNG")
    broken.write_bytes(content.getvalue()[:20_000])
    album = tmp_path / "album"
    album.mkdir()
    gray_scan.rename(album / "scan.jpg")
    options = ("-o", out, "--model", hint_model, "--reference", broken)
    code, said, told = run(album, *options)
    assert (code, said) == (1, "")
    assert told.startswith(f"tintype: error: {broken}: ")
    assert told.count("\n") == 1
    assert not out.exists()
    Image.fromarray(data.coffee()).save(broken)
    assert run(album, *options)[0] == 0


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
    with Image.open(sure) as opened:  # of the photograph's shape
        assert (opened.size, opened.mode) == ((512, 512), "L")
    made = {path.name for path in gray_scan.parent.iterdir() if path.suffix == ".jpg"}
    assert made == {"scan.jpg", *names, sure.name}
    assert all(is_our_result(gray_scan.with_name(name)) for name in made - {"scan.jpg"})
    again = run(gray_scan.parent, *options)  # results are passed over, and are not made anew
    assert (again[0], again[1]) == (0, "")


def test_variants_are_results_like_others(hint_model: Path, gray_scan: Path) -> None:
    options = ("--model", hint_model, "--variants", 2, "--format", "png")
    names = [f"{gray_scan}.color.png", f"{gray_scan}.color-2.png"]
    code, said, _ = run(gray_scan, *options, "--dry-run")
    assert code == 0
    assert all(name in said for name in names)
    assert not any(Path(name).exists() for name in names)

    assert run(gray_scan, *options)[1].split() == names
    before = [Path(name).read_bytes() for name in names]
    code, said, told = run(gray_scan, *options)
    assert (code, said) == (0, "")
    assert "0 colored, 2 skipped" in told
    other = ("--hint", "10,10=FF0000")
    assert run(gray_scan, *options, *other, "--overwrite")[1].split() == names
    after = [Path(name).read_bytes() for name in names]
    assert all(a != b for a, b in zip(before, after, strict=True))


def test_variants_of_a_folder_resume(hint_model: Path, gray_scan: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    options = ("-o", out, "--model", hint_model, "--variants", 2)
    assert run(gray_scan.parent, *options)[0] == 0
    (out / "scan.color-2.jpg").unlink()
    code, said, told = run(gray_scan.parent, *options)
    assert (code, said.split()) == (0, [str(out / "scan.color-2.jpg")])
    assert "1 colored, 1 skipped" in told


def test_a_variant_never_falls_on_another_result(hint_model: Path, tmp_path: Path) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    for name in ("scan.jpg", "scan-2.jpg"):
        Image.fromarray(data.camera()).save(folder / name)
    assert run(folder, "-o", out, "--model", hint_model, "--variants", 2)[0] == 0
    made = {"scan.jpg", "scan.color-2.jpg", "scan-2.jpg", "scan-2.color-2.jpg"}
    assert {path.name for path in out.glob("*.jpg")} == made


@pytest.mark.parametrize("count", [2, 3])
def test_all_variants_of_a_photograph_are_in_one_part(tmp_path: Path, count: int) -> None:
    for number in range(12):
        Image.new("L", (8, 8)).save(tmp_path / f"{number}.png")
    for index in range(1, count + 1):
        items = list(plan([tmp_path], shard=Shard(index, count), variants=3))
        sources = [item.source for item in items]
        assert all(sources.count(source) == 3 for source in sources)
        assert sorted({item.variant for item in items}) == [0, 1, 2]


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
    color_photo = gray_scan.with_name("color.png")
    Image.fromarray(data.coffee()).save(color_photo)
    for option in (("--variants", 2), ("--confidence",), ("--reference", color_photo)):
        code, said, told = run(gray_scan, "--model", tiny_model, *option)
        assert (code, said) == (1, "")
        assert told.startswith("tintype: error: tiny.v1: this model ")
        assert told.count("\n") == 1
    assert list(gray_scan.parent.glob("*.jpg")) == [gray_scan]
