"""Blocks, without any cluster: as the local engine has it, again, and after anything."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from tintype.batch import colorize_one, plan
from tintype.colorizer import Colorizer
from tintype.engines import local
from tintype.engines.remote import parts
from tintype.engines.remote.block import _Attempt, colorize_block
from tintype.engines.remote.job import Job
from tintype.engines.remote.parts import Outcome
from tintype.engines.remote.place import Place
from tintype.errors import OutputError, OutputUnavailable, PhotoError

JobOf = Callable[..., Job]


def color(job: Job) -> dict[str, Outcome]:
    """The whole plan, part by part: outcomes by what lies behind the source's URL."""
    source = Place(job.source)
    written = list(parts.write_plan(source, Place(job.destination)))
    told = [outcome for part in written for outcome in colorize_block(job, part)]
    return {outcome.input.removeprefix(source.url + "/"): outcome for outcome in told}


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and "_tintype" not in path.parts
    }


def counted(told: dict[str, Outcome]) -> Counter[str]:
    return Counter(outcome.status for outcome in told.values())


@pytest.mark.parametrize("format", [None, "png"])
def test_results_are_those_of_the_local_engine(
    archive: Path, job_of: JobOf, tiny_model: Path, tmp_path: Path, format: str | None
) -> None:
    before = contents(archive)
    told = color(job_of(archive, tmp_path / "there", format=format))
    work = partial(colorize_one, colorizer=Colorizer(tiny_model, threads=1))
    items = plan([archive], tmp_path / "here", format=format)
    here = {
        result.item.source.relative_to(archive).as_posix(): result
        for result, _ in local.run(items, work, jobs=2)
    }
    assert contents(tmp_path / "there") == contents(tmp_path / "here")
    assert contents(archive) == before
    assert told.keys() == here.keys()
    for name, outcome in told.items():
        result = here[name]
        assert (outcome.status, outcome.sha256, outcome.model, outcome.note) == (
            result.status, result.sha256, result.model, result.note,
        )  # fmt: skip
        assert outcome.reason.startswith(f"{archive}/{name}: ") == bool(outcome.reason)
        if result.status == "colored":
            assert Path(outcome.output) == tmp_path / "there" / result.item.output.relative_to(
                tmp_path / "here"
            )
    assert counted(told)["failed"] == 3
    meets = told["2/scan.bmp.png"].reason
    assert meets == here["2/scan.bmp.png"].reason.replace("/here/", "/there/")


def test_again_nothing_is_done_and_failures_are_told(
    archive: Path, job_of: JobOf, tmp_path: Path
) -> None:
    job = job_of(archive, tmp_path / "out")
    first, made = color(job), contents(tmp_path / "out")
    again = color(job)
    assert counted(again) == {"skipped": counted(first)["colored"], "failed": 3}
    assert again["0/cut.jpg"].reason.endswith("--retry-failed tries it again.")
    shutil.copy(archive / "0/000.jpg", archive / "0/cut.jpg")  # mended: tried by itself
    (archive / "1/031.jpg").write_bytes(b"\xff\xd8\xff and more")  # changed: told
    (tmp_path / "out/2/032.jpg").unlink()  # gone: made anew
    (archive / "2/new.jpg").write_bytes((archive / "0/003.jpg").read_bytes())
    mended = color(job)
    assert [name for name, told in mended.items() if told.status == "colored"] == [
        "0/cut.jpg", "2/032.jpg", "2/new.jpg",
    ]  # fmt: skip
    assert "has changed since; --overwrite" in mended["1/031.jpg"].reason
    assert contents(tmp_path / "out").items() >= made.items()
    listed = {
        told.input.removeprefix(f"{archive}/") for told in parts.failures(Place(job.destination))
    }
    assert listed == {"2/scan.bmp.png", "empty.png"}
    retried = color(job_of(archive, tmp_path / "out", retry_failed=True))
    assert retried["empty.png"].status == "failed"
    assert "--retry-failed" not in retried["empty.png"].reason
    redone = color(job_of(archive, tmp_path / "out", overwrite=True, strength=0.5))
    assert counted(redone)["skipped"] == 0
    assert contents(tmp_path / "out").keys() > made.keys()


def test_what_is_there_is_neither_lost_nor_colored_twice(
    archive: Path, job_of: JobOf, tmp_path: Path
) -> None:
    job = job_of(archive, tmp_path / "out")
    color(job)
    shutil.rmtree(tmp_path / "out/_tintype")
    foreign = tmp_path / "out/0/000.jpg"
    shutil.copy(archive / "0/000.jpg", foreign)
    for overwrite in (False, True):
        told = color(job_of(archive, tmp_path / "out", overwrite=overwrite))
        assert told["0/000.jpg"].status == "failed"
        assert "no result of tintype" in told["0/000.jpg"].reason.replace("not a", "no")
        assert foreign.read_bytes() == (archive / "0/000.jpg").read_bytes()
        assert counted(told)["colored"] == 63 * overwrite
        assert all(outcome.sha256 for outcome in told.values() if outcome.status != "failed")


def test_s3_to_s3(archive: Path, job_of: JobOf, s3: str, tmp_path: Path) -> None:
    source = Place(f"{s3}/in")
    for name, content in contents(archive).items():
        source.write(name, content)
    told = color(job_of(f"{s3}/in/", f"{s3}/out"))
    expected = color(job_of(archive, tmp_path / "out"))
    assert told.keys() == expected.keys()
    made = {one.key: Place(f"{s3}/out").read(one.key) for one in Place(f"{s3}/out").list()}
    assert made == contents(tmp_path / "out")
    for name, outcome in told.items():
        assert outcome.status == expected[name].status
        here = expected[name].reason.replace(str(archive), f"{s3}/in")
        assert outcome.reason == here.replace(f"{tmp_path}/out", f"{s3}/out")
    assert counted(color(job_of(f"{s3}/in", f"{s3}/out")))["colored"] == 0


DEADLY = """
import os, pickle, signal, sys
from tintype.colorizer import Colorizer
from tintype.engines.remote import block, parts
from tintype.engines.remote.place import Place

class Deadly(Colorizer):  # dies of one photograph, as of a fault in a library
    def __call__(self, photo, **options):
        if photo.name.endswith(".bmp"):
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__call__(photo, **options)

block.Colorizer = Deadly
job = pickle.load(sys.stdin.buffer)
for part in parts.write_plan(Place(job.source), Place(job.destination)):
    block.colorize_block(job, part)
"""


def test_photograph_that_kills_workers_is_named(
    archive: Path, job_of: JobOf, tmp_path: Path
) -> None:
    job = job_of(archive, tmp_path / "out")
    codes = []
    while not codes or (codes[-1] and len(codes) < 6):
        command = [sys.executable, "-c", DEADLY]
        codes.append(subprocess.run(command, input=pickle.dumps(job), timeout=120).returncode)
    assert codes == [-signal.SIGKILL] * 3 + [0]
    failed = {outcome.input: outcome for outcome in parts.failures(Place(job.destination))}
    assert failed[f"{archive}/2/scan.bmp"].error == (
        f"{archive}/2/scan.bmp: workers died while they colored it."
    )
    assert len(contents(tmp_path / "out")) == 63
    assert not any(path.is_file() for path in (tmp_path / "out/_tintype/trying").rglob("*"))


def test_model_is_that_of_the_job(
    archive: Path, job_of: JobOf, model_file: Callable[..., Path], tmp_path: Path
) -> None:
    job = job_of(archive, tmp_path / "out")
    other = replace(job, model=model_file("other.onnx", a_b=(-0.3, 0.1)).read_bytes())
    made = []
    for number, one in enumerate([job, other, job]):
        color(replace(one, destination=str(tmp_path / f"out{number}")))
        made.append(contents(tmp_path / f"out{number}"))
    assert made[0] == made[2] != made[1]


def test_workers_leave_nothing_behind(job_of: JobOf, archive: Path, tmp_path: Path) -> None:
    (tmp_path / "temporary").mkdir()
    subprocess.run(
        [sys.executable, "-c", DEADLY.replace(".bmp", ".x") + "os.kill(os.getpid(), 9)"],
        input=pickle.dumps(job_of(archive, tmp_path / "out")),
        env={**os.environ, "TMPDIR": str(tmp_path / "temporary")},
        timeout=120,
    )
    assert contents(tmp_path / "out")
    assert not list((tmp_path / "temporary").iterdir())


def test_what_cannot_be_fetched_ends_no_block(archive: Path, job_of: JobOf, tmp_path: Path) -> None:
    job = job_of(archive, tmp_path / "out")
    written = list(parts.write_plan(Place(job.source), Place(job.destination)))
    for name in ("0/notes.txt", "0/003.jpg"):
        (archive / name).unlink()
    told = [outcome for part in written for outcome in colorize_block(job, part)]
    failed = {told.input for told in told if "cannot be read" in told.reason}
    assert failed == {f"{archive}/0/notes.txt", f"{archive}/0/003.jpg"}
    assert len(told) == 68


def test_another_format_is_made(archive: Path, job_of: JobOf, tmp_path: Path) -> None:
    job = job_of(archive, tmp_path / "out")
    color(job)
    webp = replace(job, format="webp")
    told = color(webp)
    assert counted(told)["colored"] == 65
    assert (tmp_path / "out/0/003.jpg.webp").is_file()
    assert counted(color(webp))["colored"] == 0
    assert counted(color(job))["colored"] == 0  # those of the first run stand


def test_failure_that_is_outlived_is_not_deadly() -> None:
    destination = Place("memory://outlived")
    destination.write("_tintype/trying/part", b"{}")  # somebody died here
    attempt = _Attempt(destination, "part")
    for _ in range(3):
        with pytest.raises(PhotoError), attempt.at("a.jpg"):
            raise PhotoError("a network that is gone for a moment")
    assert not attempt.is_deadly("a.jpg")


def test_names_that_no_disk_tells_apart_are_refused(
    archive: Path, job_of: JobOf, tmp_path: Path
) -> None:
    job = job_of("memory://twins", tmp_path / "out")
    picture = (archive / "0/000.jpg").read_bytes()
    lines = []
    for key in ("a//b.jpg", "a/b.jpg"):  # as an object store may list them
        Place(job.source).write(key, picture)
        lines.append(json.dumps({"key": key, "bytes": len(picture), "version": "1"}))
    Place(job.destination).write("_tintype/plan/part", "\n".join(lines).encode())
    told = {outcome.input: outcome for outcome in colorize_block(job, "part")}
    assert told["memory://twins/a/b.jpg"].status == "colored"
    assert "no disk has a folder without a name" in told["memory://twins/a//b.jpg"].reason


def test_plan_that_is_gone_is_told(archive: Path, job_of: JobOf, tmp_path: Path) -> None:
    job = job_of(archive, tmp_path / "out")
    written = list(parts.write_plan(Place(job.source), Place(job.destination)))
    shutil.rmtree(tmp_path / "out")  # as when its disk is gone
    with pytest.raises(OutputError, match="this part of the plan is gone"):
        colorize_block(job, written[0])
    (tmp_path / "photo.jpg").write_bytes(b"")
    with pytest.raises(OutputUnavailable, match="the folder for the results is gone"):
        Place(job.destination).store(tmp_path / "photo.jpg", "a.jpg", overwrite=False)
    assert not (tmp_path / "out").exists()
