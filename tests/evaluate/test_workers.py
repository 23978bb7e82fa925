"""Several processes: interrupted, killed, or broken, they end with one line and leave nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tintype.errors import TintypeError
from tintype.evaluate.workers import side_by_side


@pytest.mark.parametrize("threads", ["1", "2"])
def test_results_come_in_order(monkeypatch: pytest.MonkeyPatch, threads: str) -> None:
    monkeypatch.setenv("TINTYPE_THREADS", threads)
    with side_by_side(abs, [-3, 1, -2]) as results:
        assert list(results) == [3, 1, 2]
    assert os.environ["TINTYPE_THREADS"] == threads


def test_a_process_that_dies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINTYPE_THREADS", "2")
    with (
        pytest.raises(TintypeError, match="was killed"),
        side_by_side(os._exit, [1, 1]) as results,
    ):
        list(results)


@pytest.mark.parametrize("ended_by", [signal.SIGINT, signal.SIGKILL])
def test_an_ended_run_leaves_no_process(
    truth: Path, foreign: Path, own_cache: Path, ended_by: signal.Signals
) -> None:
    for i in range(200):
        for folder, name in ((truth, "cat_1.jpg"), (foreign, "cat_1.webp")):
            (folder / name).with_stem(f"more_{i}").write_bytes(
                (folder / name).read_bytes() + bytes([i])  # each with a content of its own
            )
    command = [sys.executable, "-m", "tintype", "evaluate", str(foreign), "--data", str(truth)]
    run = subprocess.Popen(
        command,
        env=os.environ | {"TINTYPE_THREADS": "2"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not _journal(own_cache):
        time.sleep(0.05)
    if ended_by == signal.SIGINT:
        os.killpg(run.pid, ended_by)  # as a terminal does
    else:
        run.send_signal(ended_by)
    _, told = run.communicate(timeout=60)
    if ended_by == signal.SIGINT:
        assert (run.returncode, told.strip()) == (130, "tintype: interrupted")
    while time.monotonic() < deadline and _members(run.pid):
        time.sleep(0.05)
    assert _members(run.pid) == []


def _journal(cache: Path) -> int:
    """Bytes that were written to the cache."""
    file = cache / "evaluate.sqlite-wal"
    return file.stat().st_size > 50_000 if file.exists() else False


def _members(session: int) -> list[int]:
    """Processes of a session that are still running."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, its_session = entry.read_text().rpartition(")")[2].split()[:4]
        except OSError:
            continue
        if int(its_session) == session and state != "Z":
            found.append(int(entry.parent.name))
    return found
