"""The model in the package, on photographs whose colors are known."""

from pathlib import Path

import numpy as np
import pytest
from skimage import color, data

from tintype import Colorizer
from tintype.models.card import ModelCard

CARDS = Path(__file__).parents[2] / "cards"


@pytest.fixture(scope="module")
def colorizer() -> Colorizer:
    return Colorizer("tintype-small.v1")


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


def test_its_card_is_the_one_in_the_repository(colorizer):
    text = (CARDS / "tintype-small.v1.json").read_text("utf-8")
    written = ModelCard.from_json(text, where="cards/tintype-small.v1.json")
    known_by_export = ("parameters", "images_seen")
    update = {name: getattr(colorizer.card, name) for name in known_by_export}
    assert written.model_copy(update=update) == colorizer.card


def test_the_same_colors_again(colorizer):
    gray = data.camera()
    np.testing.assert_array_equal(colorizer(gray), Colorizer("tintype-small.v1")(gray))
