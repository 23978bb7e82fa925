"""Models are checked when they are loaded, and take pictures of any size."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tintype.errors import ModelError
from tintype.runtime import Session, providers, session

WriteModel = Callable[..., Path]


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 50), (31, 33), (64, 64), (7, 3)])
def test_any_size_gives_color_of_that_size(tiny_model: Path, height: int, width: int) -> None:
    gray_l = np.linspace(0, 100, height * width, dtype=np.float32).reshape(1, 1, height, width)
    chroma_ab = Session(tiny_model).predict(gray_l)
    assert chroma_ab.dtype == np.float32
    np.testing.assert_allclose(
        chroma_ab, np.concatenate([0.1 * gray_l, 0.3 * gray_l], 1), rtol=1e-5
    )


def test_padding_reflects(model_file: WriteModel) -> None:
    looks_right = Session(model_file(a_b=(1.0, 0.0), looks_right_px=3))  # multiples of 8
    gray_l = np.arange(13, dtype=np.float32).reshape(1, 1, 1, 13)
    seen = looks_right.predict(gray_l)[0, 0, 0]
    np.testing.assert_array_equal(seen, [3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 11, 10, 9])


def test_many_pictures_at_once(tiny_model: Path) -> None:
    assert Session(tiny_model).predict(np.full((3, 1, 9, 9), 50, np.float32)).shape == (3, 2, 9, 9)


def test_bytes_are_a_model_too(tiny_model: Path) -> None:
    assert Session(tiny_model.read_bytes()).card.name == "tiny.v1"


def test_hints_are_fed_with_none(hint_model: Path, tiny_model: Path) -> None:
    gray_l = np.full((1, 1, 10, 10), 50, np.float32)
    none = Session(hint_model).predict(gray_l)
    np.testing.assert_array_equal(none, Session(tiny_model).predict(gray_l))


def test_cpu_is_always_there(tiny_model: Path) -> None:
    assert providers()[-1] == "CPUExecutionProvider"
    assert "CPUExecutionProvider" in Session(tiny_model).providers


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"card": None}, "no tintype model card"),
        ({"card": '{"name": "x"}'}, "model card is not valid: summary"),
        ({"output": "rgb"}, "no output 'ab', only rgb"),
        ({"inputs": {"l": ["n", 1, 64, 64]}}, "pictures of one size only"),
        ({"inputs": {"l": ["n", 1, "h", "w"], "x": ["n", 1, "h", "w"]}}, "inputs are l, x"),
    ],
)
def test_unfit_model_is_told_in_one_line(
    model_file: WriteModel, changes: dict[str, object], told: str
) -> None:
    path = model_file(**changes)
    with pytest.raises(ModelError) as caught:
        Session(path)
    assert told in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_card_that_wants_hints_needs_their_inputs(model_file: WriteModel, tiny_model: Path) -> None:
    card = Session(tiny_model).card.model_copy(update={"takes_hints": True})
    with pytest.raises(ModelError, match="asks for l, hint_ab, hint_mask"):
        Session(model_file(card=card))


@pytest.mark.parametrize("content", [b"", b"not a model", b"\x08\x0a" * 50])
def test_no_onnx_is_told_in_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"broken\.onnx: .*") as caught:
        Session(path)
    assert "\n" not in str(caught.value)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"none\.onnx: no such model file"):
        session(tmp_path / "none.onnx")


def test_colors_that_are_no_numbers_are_an_error(model_file: WriteModel) -> None:
    broken = Session(model_file(a_b=(float("nan"), 0.0)))
    with pytest.raises(ModelError, match="not finite"):
        broken.predict(np.full((1, 1, 8, 8), 50, np.float32))


def test_sessions_are_reused_between_threads(tiny_model: Path) -> None:
    found: list[Session] = []
    threads = [
        threading.Thread(target=lambda: found.append(session(tiny_model, 1))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(map(id, found))) == 1
    assert session(tiny_model, 2) is not found[0]


def test_changed_file_is_opened_again(model_file: WriteModel) -> None:
    path = model_file(a_b=(1.0, 0.0))
    gray_l = np.full((1, 1, 8, 8), 50, np.float32)
    assert session(path).predict(gray_l)[0, 0, 0, 0] == pytest.approx(50)
    model_file(a_b=(0.5, 0.0))
    assert session(path).predict(gray_l)[0, 0, 0, 0] == pytest.approx(25)


def _color_in_child(path: Path) -> None:
    chroma_ab = session(path, 3).predict(np.full((1, 1, 64, 64), 50, np.float32))
    threads = len(list(Path("/proc/self/task").iterdir()))
    raise SystemExit(0 if chroma_ab[0, 0, 0, 0] == pytest.approx(5) and threads == 3 else 1)


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="needs Linux")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_child_of_a_fork_has_a_session_with_threads(tiny_model: Path) -> None:
    session(tiny_model, 3)
    child = multiprocessing.get_context("fork").Process(target=_color_in_child, args=(tiny_model,))
    child.start()
    child.join(20)
    child.kill()
    assert child.exitcode == 0


def test_nothing_is_written_about_the_user(tiny_model, tmp_path):
    """onnxruntime keeps a database of telemetry in the home folder, unless it is told not to."""
    home = tmp_path / "home"
    home.mkdir()
    code = (
        "import numpy as np, tintype\n"
        f"tintype.Colorizer({str(tiny_model)!r})(np.full((40, 60), 128, np.uint8))\n"
    )
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("XDG_", "ORT_"))}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment | {"HOME": str(home)})
    assert list(home.rglob("*")) == []
