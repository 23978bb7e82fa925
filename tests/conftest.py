"""Fixtures that many tests share."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image
from skimage import data

from tintype.models.card import METADATA_KEY, ModelCard

if "PYTEST_XDIST_WORKER" in os.environ:  # one thread each, or all slow each other down
    os.environ.setdefault("OMP_NUM_THREADS", "1")

SLOW = ("tests/docs/", "tests/train/")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The slow ones first, so that no worker is left with one of them at the end."""
    items.sort(key=lambda item: not item.nodeid.startswith(SLOW))


TINY_CARD = ModelCard(
    name="tiny.v1",
    summary="One color, warmer where it is lighter.",
    weights_license="CC0-1.0",
    training_data_terms="none",
    recipe="none",
    parameters=2,
    working_px=64,
    multiple_of=8,
)

HINT_CARD = TINY_CARD.model_copy(
    update={
        "name": "tiny-hints.v1",
        "takes_hints": True,
        "takes_reference": True,
        "gives_confidence": True,
    }
)
LIKELY = {(0, 0): 0.6, (50, 40): 0.3, (-40, 40): 0.1}
"""What a model that tells how likely colors are says of every place: a and b, and their share."""
HINT_INPUTS: dict[str, list[int | str]] = {
    "l": ["n", 1, "h", "w"],
    "hint_ab": ["n", 2, "h", "w"],
    "hint_mask": ["n", 1, "h", "w"],
}


def write_model(
    path: Path,
    *,
    card: ModelCard | str | None = TINY_CARD,
    inputs: dict[str, list[int | str]] | None = None,
    output: str = "ab",
    a_b: tuple[float, float] = (0.1, 0.3),
    looks_right_px: int = 0,
    tells_likely: bool = False,
) -> Path:
    """An ONNX of one convolution: a = 0.1 L and b = 0.3 L.

    If it takes hints, their colors stand instead within 4 px of them.

    The L is that of the pixel `looks_right_px` to the right. With `tells_likely` it tells how
    likely colors are, everywhere as in `LIKELY`.
    """
    inputs = inputs or {"l": ["n", 1, "h", "w"]}
    kernel = np.zeros((2, 1, 1, looks_right_px + 1), np.float32)
    kernel[:, 0, 0, -1] = a_b
    hinted = "hint_ab" in inputs
    plain = "plain" if hinted else output
    nodes = [helper.make_node("Conv", ["l", "weight"], [plain], pads=[0, 0, 0, looks_right_px])]
    constants = [numpy_helper.from_array(kernel, "weight")]
    if hinted:  # the mean of the hints near by, over the plain color where there are any
        near = {"kernel_shape": [9, 9], "pads": [4, 4, 4, 4], "count_include_pad": 1}
        constants.append(numpy_helper.from_array(np.float32(1e-6), "tiny"))
        nodes += [
            helper.make_node("AveragePool", ["hint_ab"], ["near_ab"], **near),
            helper.make_node("AveragePool", ["hint_mask"], ["near_mask"], **near),
            helper.make_node("Max", ["near_mask", "tiny"], ["count"]),
            helper.make_node("Div", ["near_ab", "count"], ["hint"]),
            helper.make_node("Greater", ["near_mask", "tiny"], ["are_near"]),
            helper.make_node("Where", ["are_near", "hint", "plain"], [output]),
        ]
    outputs: dict[str, list[int | str]] = {output: ["n", 2, "h", "w"]}
    if tells_likely:
        shares, colors = np.float32(list(LIKELY.values())), np.float32(list(LIKELY))
        constants += [
            numpy_helper.from_array(np.zeros((len(shares), 1, 8, 8), np.float32), "nothing"),
            numpy_helper.from_array(shares, "share"),
            numpy_helper.from_array(colors, "told"),
        ]
        nodes += [
            helper.make_node("Conv", ["l", "nothing", "share"], ["shares"], strides=[8, 8]),
            helper.make_node("Identity", ["told"], ["colors"]),
        ]
        outputs |= {"shares": ["n", len(shares), "h8", "w8"], "colors": [len(shares), 2]}
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info(k, TensorProto.FLOAT, v) for k, v in inputs.items()],
        [helper.make_tensor_value_info(k, TensorProto.FLOAT, v) for k, v in outputs.items()],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    if card is not None:
        text = card if isinstance(card, str) else card.model_dump_json()
        helper.set_model_props(model, {METADATA_KEY: text})
    onnx.save(model, path)
    return path


@pytest.fixture
def model_file(tmp_path: Path) -> Callable[..., Path]:
    """Writes models that differ from `tiny_model` in what a test says."""

    def write(name: str = "model.onnx", **changes: object) -> Path:
        return write_model(tmp_path / name, **changes)  # type: ignore[arg-type]

    return write


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model file that gives warm colors at once: a = 0.1 L, b = 0.3 L."""
    return write_model(tmp_path_factory.mktemp("model") / "tiny.onnx")


@pytest.fixture(scope="session")
def hint_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`tiny_model` where it is given no hints, and their colors within 4 px of them.

    It tells how likely colors are, everywhere as in `LIKELY`.
    """
    path = tmp_path_factory.mktemp("model") / "hints.onnx"
    return write_model(path, card=HINT_CARD, inputs=HINT_INPUTS, tells_likely=True)


@pytest.fixture
def gray_scan(tmp_path: Path) -> Path:
    """A real photograph, gray, as a JPEG of 512x512 px."""
    path = tmp_path / "scan.jpg"
    Image.fromarray(data.camera()).save(path, quality=92)
    return path


@pytest.fixture
def isolated_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own, so that neither a cache nor settings of the machine are seen."""
    home = tmp_path / "home"
    home.mkdir()
    for name in ("TINTYPE_CACHE", "TINTYPE_THREADS", "TINTYPE_MAX_PIXELS", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(home))
    return home
