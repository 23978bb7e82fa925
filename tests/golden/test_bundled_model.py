"""The model in the package, on photographs whose colors are known."""

from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import color, data

from tintype import Colorizer, Hints, Photo, Point
from tintype.models.card import ModelCard

CARDS = Path(__file__).parents[2] / "cards"
ORIGINALS = Path(__file__).parents[2] / "docs" / "images" / "originals"


@pytest.fixture(scope="module")
def colorizer() -> Colorizer:
    return Colorizer("tintype-small.v2")


def gray_of(rgb: np.ndarray) -> np.ndarray:
    return (color.lab2rgb(color.rgb2lab(rgb) * [1, 0, 0]) * 255 + 0.5).astype(np.uint8)


def error(made: np.ndarray, true: np.ndarray) -> float:
    return float(color.deltaE_ciede2000(color.rgb2lab(true), color.rgb2lab(made)).mean())


def test_nearer_to_the_truth_than_gray(colorizer):
    photos = [data.astronaut(), data.chelsea(), data.coffee(), data.rocket()]
    made = [error(colorizer(gray_of(photo)), photo) for photo in photos]
    gray = [error(gray_of(photo), photo) for photo in photos]
    assert np.mean(made) < np.mean(gray) - 1


def test_skin_is_skin_and_an_evening_sky_is_blue(colorizer):
    face = color.rgb2lab(colorizer(gray_of(data.astronaut())))[90:150, 195:250].mean((0, 1))
    assert face[1] > 3  # a: reddish
    assert face[2] > 3  # b: yellowish
    sky = color.rgb2lab(colorizer(gray_of(data.rocket())))[60:160, 220:420].mean((0, 1))
    assert sky[2] < -5


def test_a_hint_wins_where_it_is_and_leaves_the_rest(colorizer):
    gray = gray_of(data.coffee())
    plain = color.rgb2lab(colorizer(gray))
    blue = Hints(points=(Point(x=500, y=80, color="#3050a0"),))
    hinted = color.rgb2lab(colorizer(gray, hints=blue))
    wanted = color.rgb2lab(np.array([[[0x30, 0x50, 0xA0]]]) / 255)[0, 0]
    there = hinted[72:88, 492:508].mean((0, 1))
    assert np.linalg.norm(there[1:] - wanted[1:]) < 15
    far = np.linalg.norm(hinted[250:, :250] - plain[250:, :250], axis=-1)
    assert far.mean() < 1.5


def test_true_points_bring_it_nearer_to_the_truth(colorizer):
    photo = data.coffee()
    lab, errors = color.rgb2lab(photo), []
    rng = np.random.default_rng(0)
    places = rng.uniform((0, 0), (600, 400), (50, 2)).astype(int)
    for count in (0, 1, 5, 10, 50):
        points = [Point(x=x, y=y, color=bytes(photo[y, x]).hex()) for x, y in places[:count]]
        made = colorizer(gray_of(photo), hints=Hints(points=tuple(points)))
        errors.append(float(np.abs(color.rgb2lab(made) - lab).mean()))
    assert all(after < before + 0.1 for before, after in pairwise(errors))
    assert errors[-1] < 0.7 * errors[0]


def test_a_sunset_warms_a_river_and_an_evening_cools_it(colorizer):
    tetons = np.asarray(Image.open(ORIGINALS / "adams-tetons-snake-river-1942.jpg").convert("L"))
    height = np.linspace(0, 1, 60)[:, None, None]
    sunset = (1 - height) * [255, 190, 90] + height * [170, 60, 50] + np.zeros((60, 80, 1))
    by_itself, warm, cool = (
        color.rgb2lab(colorizer(tetons, reference=reference and Photo.open(reference)))
        for reference in (
            None,
            Image.fromarray(sunset.astype(np.uint8)),
            Image.fromarray(data.rocket()),
        )
    )
    rows, columns = (slice(int(0.75 * len(tetons)), None), slice(tetons.shape[1] // 2, None))
    plain, warmed, cooled = (x[rows, columns, 1:].mean((0, 1)) for x in (by_itself, warm, cool))
    assert warmed.sum() > plain.sum() + 5  # to red and yellow
    assert cooled[1] < plain[1] - 3  # to blue


def test_variants_differ_from_each_other(colorizer):
    for photo in (data.coffee(), data.astronaut()):
        made = [color.rgb2lab(colorizer(gray_of(photo), variant=n)) for n in range(4)]
        for one, other in combinations(made, 2):
            assert float(color.deltaE_ciede2000(one, other).mean()) > 1.5


def test_it_is_surer_where_it_is_right(colorizer):
    errors, sure = [], []
    for photo in (data.astronaut(), data.chelsea(), data.coffee(), data.rocket()):
        gray = gray_of(photo)
        chance = Image.fromarray(colorizer.confidence(gray)).resize(photo.shape[1::-1])
        apart = color.rgb2lab(colorizer(gray))[..., 1:] - color.rgb2lab(photo)[..., 1:]
        errors.append(np.linalg.norm(apart, axis=-1)[::8, ::8].ravel())
        sure.append(np.asarray(chance)[::8, ::8].ravel())
    error, chance = np.concatenate(errors), np.concatenate(sure)
    middle = np.median(chance)
    assert error[chance > middle].mean() < 0.8 * error[chance <= middle].mean()


def test_its_card_is_the_one_in_the_repository(colorizer):
    text = (CARDS / "tintype-small.v2.json").read_text("utf-8")
    written = ModelCard.from_json(text, where="cards/tintype-small.v2.json")
    known_by_export = ("parameters", "images_seen")
    update = {name: getattr(colorizer.card, name) for name in known_by_export}
    assert written.model_copy(update=update) == colorizer.card


def test_the_same_colors_again(colorizer):
    gray = data.camera()
    np.testing.assert_array_equal(colorizer(gray), Colorizer("tintype-small.v2")(gray))
