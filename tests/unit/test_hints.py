"""Hints: read, refused in one line, laid on the network's plane, and seen in the result."""

from __future__ import annotations

import io
import json
import math
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps
from skimage import color, data, measure

import tintype
from tintype import Colorizer, HintError, Hints, Photo, Point, Stroke
from tintype.hints import MOST_PLACES

BLUE = "#203050"


def click(x: float, y: float, rgb: str = BLUE, radius: float | None = None) -> Hints:
    return Hints(points=(Point(x=x, y=y, color=rgb, radius=radius),))


def chroma(pixels: np.ndarray) -> np.ndarray:
    return np.asarray(color.rgb2lab(pixels)[..., 1:])


@pytest.fixture
def colorizer(hint_model: Path) -> Colorizer:
    return Colorizer(hint_model)


def test_json_round_trip() -> None:
    given = {
        "points": [{"x": 120, "y": 80, "color": "203050", "radius": 6}],
        "strokes": [{"points": [[1, 2], [3.5, 4]], "color": "#AABBCC"}],
    }
    hints = Hints.from_json(json.dumps(given), where="the text")
    assert hints.points == (Point(x=120, y=80, color="#203050", radius=6),)
    assert hints.strokes == (Stroke(points=((1, 2), (3.5, 4)), color="#aabbcc"),)
    assert Hints.from_json(hints.model_dump_json().encode(), where="the text") == hints
    assert hints
    assert not Hints.from_json("{}", where="the text")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "Invalid JSON"),
        (b"\xff\xfe", "Invalid JSON"),
        ("[1]", "an object"),
        ('{"dots": []}', "dots: Extra inputs"),
        ('{"points": [{"x": 1, "color": "#112233"}]}', "points.0.y: Field required"),
        ('{"points": [{"x": 1, "y": NaN, "color": "#112233"}]}', "points.0.y: .*finite"),
        ('{"points": [{"x": 1, "y": 2, "color": "red"}]}', "points.0.color: 'red' is not a color"),
        ('{"points": [{"x": 1, "y": 2, "color": "#12345६"}]}', "is not a color such as #203050"),
        ('{"points": [{"x":1,"y":2,"color":"#112233","radius":0}]}', "radius: .*greater than 0"),
        ('{"strokes": [{"points": [], "color": "#112233"}]}', "strokes.0.points: .*at least 1"),
        ("[" * 100_000, "Invalid JSON"),
    ],
)
def test_what_is_no_hints_is_told_in_one_line(text: str | bytes, told: str) -> None:
    with pytest.raises(HintError, match=rf"^given\.json: .*{told}") as caught:
        Hints.from_json(text, where="given.json")
    assert "\n" not in str(caught.value)


def test_point_of_the_command_line() -> None:
    assert Hints.parse_point("12,8.5=#aAbBcC") == Point(x=12, y=8.5, color="#aabbcc")
    assert Hints.parse_point("12,8.5=aabbcc") == Point(x=12, y=8.5, color="#aabbcc")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "is not a hint such as 120,80=203050"),
        ("1,2", "is not a hint such as 120,80=203050"),
        ("1=112233", "is not a hint such as 120,80=203050"),
        ("1,2=", "'' is not a color such as #203050"),
        ("1,2=blue", "'blue' is not a color such as #203050"),
        ("1,2=#123", "'#123' is not a color such as #203050"),
        ("one,2=112233", "x: .*valid number"),
        ("1,inf=112233", "y: .*finite number"),
    ],
)
def test_what_is_no_point_is_told(text: str, told: str) -> None:
    with pytest.raises(HintError, match=f"^'{text}'.*{told}"):
        Hints.parse_point(text)


@pytest.mark.parametrize(("x", "y"), [(40, 0), (0, 30), (-0.1, 5), (5, -1), (1e30, 0)])
def test_place_outside_the_picture_is_told(x: float, y: float) -> None:
    stroke = Hints(strokes=(Stroke(points=((1, 1), (x, y)), color=BLUE),))
    for hints in (click(x, y), stroke):
        with pytest.raises(HintError, match=r"outside the picture of 40x30 px.*0 to 39.*0 to 29"):
            hints.planes((40, 30), (20, 15))


def test_too_many_places_are_told() -> None:
    stroke = Stroke(points=((1, 1),) * (MOST_PLACES + 1), color=BLUE)
    with pytest.raises(HintError, match="5001 places are hinted at; at most 5000"):
        Hints(strokes=(stroke,)).planes((40, 30), (20, 15))


sides = st.integers(1, 300)


@settings(deadline=None)
@given(sides, sides, sides, sides, st.floats(0, 0.999), st.floats(0, 0.999), st.data())
def test_click_marks_its_pixel_and_nothing_far(
    width: int, height: int, w: int, h: int, x: float, y: float, drawn: st.DataObject
) -> None:
    radius = drawn.draw(st.none() | st.floats(0.1, 50))
    ab, mask = click(x * width, y * height, radius=radius).planes((width, height), (w, h))
    assert ab.shape == (2, h, w)
    assert mask.shape == (1, h, w)
    pixel = np.hypot(width / w, height / h)
    rows, columns = np.nonzero(mask[0])
    away = np.hypot((columns + 0.5) * width / w - x * width, (rows + 0.5) * height / h - y * height)
    assert away.min() <= pixel / 2 * 1.0001
    small = min(width, height) / 100
    assert away.max() <= max(radius or small, 0.52 * pixel)
    expected = color.rgb2lab(np.array([0x20, 0x30, 0x50]) / 255)[1:]
    np.testing.assert_allclose(ab[:, mask[0] > 0].T - expected, 0, atol=0.02)
    assert not ab[:, mask[0] == 0].any()


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(0, 99), st.floats(0, 79)), min_size=1, max_size=6))
def test_stroke_is_one_line_of_its_width(places: list[tuple[float, float]]) -> None:
    stroke = Stroke(points=tuple(places), color=BLUE, radius=3)
    _, mask = Hints(strokes=(stroke,)).planes((100, 80), (100, 80))
    assert measure.label(mask[0], connectivity=2).max() == 1
    corner = Hints(points=tuple(Point(x=x, y=y, color=BLUE, radius=3) for x, y in places))
    assert (mask >= corner.planes((100, 80), (100, 80))[1]).all()


def test_stroke_is_as_wide_as_it_says() -> None:
    stroke = Stroke(points=((20, 40), (80, 40)), color=BLUE, radius=6)
    _, mask = Hints(strokes=(stroke,)).planes((100, 80), (100, 80))
    assert mask[0, :, 50].sum() == 12
    assert mask[0].sum() == pytest.approx(60 * 12 + math.pi * 6**2, rel=0.02)


def test_radius_beyond_the_picture_covers_it() -> None:
    assert click(3, 3, radius=1e300).planes((40, 30), (20, 15))[1].all()


def test_points_lie_over_strokes_and_later_over_earlier() -> None:
    red, green = "#ff0000", "#00ff00"
    hints = Hints(
        points=(Point(x=5, y=5, color=green, radius=2), Point(x=6, y=5, color=BLUE, radius=2)),
        strokes=(Stroke(points=((0, 5), (19, 5)), color=red, radius=2),),
    )
    a = hints.planes((20, 10), (20, 10))[0][0, 5]
    assert a[15] > 70  # red
    assert a[3] < -70  # green
    assert -5 < a[6] < 5  # blue, over both


def test_color_lies_at_its_place_and_the_light_stays(colorizer: Colorizer) -> None:
    gray = data.camera()
    auto, hinted = colorizer(gray), colorizer(gray, hints=click(100, 400, radius=40))
    changed = np.abs(chroma(hinted) - chroma(auto)).max(-1) > 3
    rows, columns = np.nonzero(changed)
    assert np.hypot(columns - 100, rows - 400).max() < 150  # the model's reach is 4 px of 64
    wanted = color.rgb2lab(np.array([0x20, 0x30, 0x50]) / 255)[1:]
    there = chroma(hinted)[390:410, 90:110].reshape(-1, 2)
    np.testing.assert_allclose(np.median(there, 0), wanted, atol=2)
    codes = [tintype.color.gray_of(rgb / 255) * 255 for rgb in (auto, hinted)]
    assert np.abs(codes[0] - codes[1]).max() <= 2


def test_no_hints_are_the_automatic_result(
    colorizer: Colorizer, gray_scan: Path, tiny_model: Path
) -> None:
    content = gray_scan.read_bytes()
    assert colorizer(content, hints=Hints()) == colorizer(content)
    np.testing.assert_array_equal(
        colorizer(gray_scan, hints=Hints()).to_array(), Colorizer(tiny_model)(gray_scan).to_array()
    )
    assert Colorizer(tiny_model)(content, hints=Hints()) == Colorizer(tiny_model)(content)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_places_are_those_of_the_upright_picture(colorizer: Colorizer, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = io.BytesIO()
    gray = Image.fromarray(data.camera()).resize((300, 200))
    gray.save(file, "png", exif=exif)
    width = ImageOps.exif_transpose(Image.open(file)).width
    hints = click(width - 1, 0, "#ff0000", radius=20)  # the top right corner
    red = color.rgb2lab(colorizer(Photo.open(file.getvalue()), hints=hints).to_array())[..., 1]
    warm = color.rgb2lab(colorizer(Photo.open(file.getvalue())).to_array())[..., 1]
    rows, columns = np.nonzero(red - warm > 10)
    assert rows.max() < 90
    assert columns.min() > width - 90


def test_hints_are_for_the_first_page(colorizer: Colorizer) -> None:
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as writer:
        for size in (128, 64):  # the hint lies outside the second
            writer.write(data.camera()[:size, :size])
    made = colorizer(file.getvalue(), hints=click(100, 100, radius=20))
    auto = colorizer(file.getvalue())
    pages, plain = (tifffile.TiffFile(io.BytesIO(content)).pages for content in (made, auto))
    assert (pages[0].asarray() != plain[0].asarray()).any()
    np.testing.assert_array_equal(pages[1].asarray(), plain[1].asarray())


def test_model_without_hints_is_told(tiny_model: Path, gray_scan: Path, tmp_path: Path) -> None:
    with pytest.raises(HintError, match=r"^tiny\.v1: this model takes no hints"):
        tintype.colorize(gray_scan, tmp_path / "o.png", model=tiny_model, hints=click(1, 1))
    assert not (tmp_path / "o.png").exists()


def test_one_line_takes_hints(hint_model: Path, gray_scan: Path, tmp_path: Path) -> None:
    made = tmp_path / "o.png"
    tintype.colorize(gray_scan, made, model=hint_model, hints=click(9, 9, "#ff0000", radius=60))
    with Image.open(made) as image:
        a = chroma(np.asarray(image))[..., 0]
    assert a[:40, :40].mean() > a[-40:, -40:].mean() + 10


def test_every_hint_error_may_be_shown_to_strangers(colorizer: Colorizer) -> None:
    with pytest.raises(HintError) as caught:
        colorizer(data.camera(), hints=click(512, 0))
    assert caught.value.public_message == caught.value.message
    assert caught.value.http_status == 422
