"""A run that was stopped goes on where it was, and figures never come from something else."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load_file, save_file

from tintype.errors import ModelError, OutputError, PhotoError
from tintype.evaluate import compare
from tintype.evaluate.cache import Measured, open_cache
from tintype.evaluate.run import Evaluation, evaluate

Run = Callable[..., subprocess.CompletedProcess[str]]


def measured_pictures(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of pictures that are measured from now on, one for each row."""
    names: list[str] = []
    measure = compare.measure

    def told(truth: Path, makers: list[object], *rest: object) -> list[Measured]:
        names.extend([truth.stem] * len(makers))
        return measure(truth, makers, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(compare, "measure", told)
    return names


def figures(results: Path, truth: Path, **options: object) -> Evaluation:
    return evaluate([str(results)], truth, progress=lambda *_: None, **options)  # type: ignore[arg-type]


def test_nothing_is_measured_twice(
    truth: Path, foreign: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = measured_pictures(monkeypatch)
    first = figures(foreign, truth)
    assert len(names) == 9 * 4
    names.clear()
    again = figures(foreign, truth)
    assert names == []
    np.testing.assert_array_equal(
        again.comparison.figures["foreign"], first.comparison.figures["foreign"]
    )


def test_what_changed_is_measured_again(
    truth: Path, foreign: Path, judge: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    figures(foreign, truth)
    names = measured_pictures(monkeypatch)
    Image.new("RGB", (72, 72), (200, 90, 20)).save(foreign / "cat_0.webp", lossless=True)
    figures(foreign, truth)
    assert names == ["cat_0"]  # of the folder alone
    names.clear()
    with Image.open(truth / "food_0.png") as image:
        image.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(truth / "food_0.png")
    figures(foreign, truth)
    assert names == ["food_0"] * 4
    names.clear()
    figures(foreign, truth, protocol="ade20k")
    assert len(names) == 9 * 4
    names.clear()
    figures(foreign, truth, judge=str(judge))
    assert len(names) == 9 * 4


def test_moved_pictures_are_known_again(
    truth: Path, foreign: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    figures(foreign, truth)
    names = measured_pictures(monkeypatch)
    figures(foreign.rename(foreign.with_name("moved")), truth.rename(truth.with_name("elsewhere")))
    assert names == []


@pytest.mark.parametrize("threads", ["1", "2"])
def test_killed_and_resumed(
    truth: Path, foreign: Path, own_cache: Path, threads: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for i in range(40):  # enough to be in the middle of it
        for folder, name in ((truth, "cat_0.png"), (foreign, "cat_0.webp")):
            with Image.open(folder / name) as image:
                image.resize((72 + i, 72)).save((folder / name).with_stem(f"more_{i}"))
    command = [sys.executable, "-m", "tintype", "evaluate", str(foreign), "--data", str(truth)]
    environment = os.environ | {"TINTYPE_THREADS": threads}
    started = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment)
    file = own_cache / "evaluate.sqlite"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and (not file.exists() or _rows(file) < 20):
        time.sleep(0.02)
    started.send_signal(signal.SIGKILL)
    assert started.wait() == -signal.SIGKILL
    kept = _rows(file)
    assert 20 <= kept < 49 * 4
    names = measured_pictures(monkeypatch)
    resumed = figures(foreign, truth)
    assert len(names) <= 49 * 4 - kept
    monkeypatch.setenv("TINTYPE_CACHE", str(own_cache / "other"))
    afresh = figures(foreign, truth)
    for row, values in afresh.comparison.figures.items():
        np.testing.assert_array_equal(resumed.comparison.figures[row], values)


def test_two_processes_give_what_one_gives(
    truth: Path, foreign: Path, evaluate: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    one = evaluate(foreign, "--data", truth)
    monkeypatch.setenv("TINTYPE_THREADS", "2")
    monkeypatch.setenv("TINTYPE_CACHE", str(tmp_path / "another"))
    two = evaluate(foreign, "--data", truth)
    assert (two.returncode, two.stdout, two.stderr) == (0, one.stdout, one.stderr)


def test_errors_cross_processes(
    truth: Path, foreign: Path, evaluate: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TINTYPE_THREADS", "2")
    (foreign / "food_1.webp").write_bytes(b"RIFF1234WEBP")
    done = evaluate(foreign, "--data", truth)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "food_1.webp: cannot be read" in line


def test_a_cache_that_is_none(tmp_path: Path) -> None:
    file = tmp_path / "evaluate.sqlite"
    file.write_bytes(b"something else, of some length, that is no database" * 40)
    with pytest.raises(OutputError, match="cannot be used"), open_cache(file):
        pass


def _rows(file: Path) -> int:
    with (
        suppress(sqlite3.OperationalError),  # not made yet
        closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=10)) as database,
    ):
        count: int = database.execute("SELECT count(*) FROM results").fetchone()[0]
        return count
    return 0


@pytest.mark.parametrize("changed", ["truth", "result"])
def test_a_picture_that_changes_during_the_run(
    truth: Path, foreign: Path, monkeypatch: pytest.MonkeyPatch, changed: str
) -> None:
    file = truth / "people_0.png" if changed == "truth" else foreign / "people_0.webp"
    content = file.read_bytes()
    measure = compare.measure

    def rewritten(*given: object) -> list[Measured]:
        Image.new("RGB", (72, 72), (200, 90, 20)).save(file, lossless=True)
        return measure(*given)  # type: ignore[arg-type]

    with monkeypatch.context() as during:
        during.setattr(compare, "measure", rewritten)
        with pytest.raises(PhotoError, match="has changed"):
            figures(foreign, truth)
    file.write_bytes(content)
    again = figures(foreign, truth).comparison.column("foreign", "de00")
    assert again[list(figures(foreign, truth).comparison.pictures).index("people_0")] < 20


@pytest.mark.parametrize("changed", ["model", "judge"])
def test_a_network_that_changes_during_the_run(
    truth: Path,
    judge: Path,
    model_file: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    changed: str,
) -> None:
    model, weights = model_file(), tmp_path / "judge.safetensors"
    weights.write_bytes(judge.read_bytes())
    file = model if changed == "model" else weights
    content = file.read_bytes()
    measure = compare.measure

    def rewritten(*given: object) -> list[Measured]:
        if changed == "model":
            model_file(a_b=(-0.3, 0.2))
        else:
            tensors = load_file(judge)
            save_file(tensors | {"head.bias": tensors["head.bias"] + 1}, weights)
        return measure(*given)  # type: ignore[arg-type]

    with monkeypatch.context() as during:
        during.setattr(compare, "measure", rewritten)
        with pytest.raises(ModelError, match=f"{file.name}: has changed"):
            figures(model, truth, judge=str(weights))
    again = figures(model, truth, judge=str(weights)).comparison  # of what is there now
    file.write_bytes(content)
    before = figures(model, truth, judge=str(weights)).comparison
    differs = again.column(model.name, "de00") != before.column(model.name, "de00")
    assert differs.all() == (changed == "model")
    assert set(again.keys["gray"]).isdisjoint(before.keys["gray"]) == (changed == "judge")


@pytest.mark.parametrize("length", [7, 8])
def test_damaged_figures_are_measured_again(
    truth: Path, foreign: Path, own_cache: Path, length: int
) -> None:
    first = figures(foreign, truth)
    with closing(sqlite3.connect(own_cache / "evaluate.sqlite")) as database, database:
        database.execute("UPDATE results SET figures = ?", (b"x" * length,))
    again = figures(foreign, truth)
    np.testing.assert_array_equal(
        again.comparison.figures["foreign"], first.comparison.figures["foreign"]
    )
