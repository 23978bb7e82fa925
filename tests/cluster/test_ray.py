"""Ray calls. Its one test over a cluster kills a node of it, for starting one is slow."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tintype.batch import colorize_one, plan
from tintype.colorizer import Colorizer
from tintype.engines.ray import _color, _list, colorize_dataset
from tintype.engines.remote.job import Job
from tintype.engines.remote.parts import outcomes
from tintype.engines.remote.place import Place
from tintype.errors import OutputError, PhotoError

ray = pytest.importorskip("ray", reason="Ray needs the extra 'ray'")

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"


def tintype(*arguments: object, front: str = "") -> subprocess.Popen[str]:
    program = f"import sys\n{front}\nfrom tintype.cli import main\nmain(sys.argv[1:])"
    return subprocess.Popen(
        [sys.executable, "-c", program, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=500)
    return process.returncode, out, err


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A head and two nodes of one core, on this machine."""
    from ray.cluster_utils import Cluster

    with tempfile.TemporaryDirectory(prefix="ray-", dir="/tmp") as folder:
        monkeypatch.setenv("RAY_TMPDIR", folder)
        cluster = Cluster()
        try:
            for cores in (0, 1, 1):
                cluster.add_node(
                    num_cpus=cores, include_dashboard=False, object_store_memory=80_000_000
                )
            yield cluster
        finally:
            cluster.shutdown()


def test_node_that_is_killed_loses_nothing(
    archive: Path, tiny_model: Path, cluster: Any, tmp_path: Path
) -> None:
    picture = (archive / "0/000.jpg").read_bytes()
    for number in range(150):
        (archive / f"{number:03}.jpg").write_bytes(picture)
    out = tmp_path / "out"
    command = ("colorize", archive, "-o", out, "--engine", "ray", "--model", tiny_model, "--json")
    process = tintype(*command, "--address", cluster.address)
    while not any(out.glob("*.jpg")):
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    cluster.remove_node(min(cluster.worker_nodes, key=str), allow_graceful=False)
    code, told, log = ended(process)
    assert code == 1, log
    lines = [json.loads(line) for line in told.splitlines()]
    assert log.endswith(", 3 failed\n")
    assert len({line["input"] for line in lines}) == len(lines) == 217
    colorizer = Colorizer(tiny_model, threads=1)
    items = [item for item in plan([archive], tmp_path / "here") if not item.problem]
    (tmp_path / "here").mkdir()
    here = [colorize_one(item, colorizer) for item in items]
    made = {one.item.output.relative_to(tmp_path / "here") for one in here if one.model}
    assert len(made) == 214
    assert {path: (out / path).read_bytes() for path in made} == {
        path: (tmp_path / "here" / path).read_bytes() for path in made
    }
    recorded = list(outcomes(Place(str(out))))
    assert len({outcome.input for outcome in recorded}) == len(recorded) == 217
    assert all(outcome.sha256 for outcome in recorded if outcome.error is None)


def test_base_install_is_told_what_to_install(archive: Path, tmp_path: Path) -> None:
    command = ("colorize", archive, "-o", tmp_path / "out", "--engine", "ray")
    code, _, log = ended(tintype(*command, front="sys.modules['ray'] = None"))
    assert (code, log) == (
        1,
        "tintype: error: The engine 'ray' needs packages that are not installed. "
        "Install them with: pip install 'tintype[ray]'\n",
    )


def test_nothing_of_ray_is_imported_without_it(
    archive: Path, tiny_model: Path, tmp_path: Path
) -> None:
    front = (
        "import atexit\n"
        "atexit.register(lambda: print([n for n in ('ray', 'fsspec') if n in sys.modules]))"
    )
    command = ("colorize", archive / "0", "-o", tmp_path / "out", "--model", tiny_model)
    _, told, _ = ended(tintype(*command, front=front))
    assert told.endswith("\n[]\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("memory://in", "-o", "OUT", "--engine", "ray"), "is the memory of one process"),
        (("IN", "-o", "IN/out", "--engine", "ray"), "overlaps with"),
        (("IN/nowhere", "-o", "OUT", "--engine", "ray"), "cannot be read: there is no such folder"),
        (("gopher://x", "-o", "OUT", "--engine", "ray"), "Protocol not known"),
        (("IN", "-o", "OUT", "--engine", "ray", "--address", "127.0.0.1:1"), "no Ray cluster"),
        (("IN", "-o", "OUT", "--engine", "ray", "--model", "x.onnx"), "no such model file"),
    ],
)
def test_what_cannot_be_is_one_line(
    arguments: tuple[str, ...], message: str, archive: Path, tmp_path: Path
) -> None:
    places = {"IN": str(archive), "OUT": str(tmp_path / "out")}
    given = [
        places.get(argument.partition("/")[0], argument.partition("/")[0])
        + "".join(argument.partition("/")[1:])
        for argument in arguments
    ]
    code, _, log = ended(tintype("colorize", *given))
    assert code == 1
    assert message in log
    assert log.startswith("tintype: error: ")
    assert log.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("IN", "--engine", "ray"),
        ("IN", "IN", "-o", "OUT", "--engine", "ray"),
        ("IN", "-o", "OUT", "--engine", "ray", "--compare"),
        ("IN", "-o", "OUT", "--engine", "ray", "--shard", "1/2"),
        ("s3://scans", "-o", "OUT"),
        ("IN", "-o", "s3://color"),
        ("IN", "-o", "OUT", "--address", "auto"),
    ],
)
def test_what_does_not_go_together(arguments: tuple[str, ...]) -> None:
    code, _, log = ended(tintype("colorize", *arguments))
    assert code == 2
    assert "--engine ray" in log


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"strength": 2}, "strength is 2"),
        ({"format": "xyz"}, "format is 'xyz'"),
        ({"jobs": 0}, "both are 1 or more"),
    ],
)
def test_options_are_checked_before_a_cluster_is_asked(
    options: dict[str, Any], message: str, archive: Path, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=message):
        colorize_dataset(str(archive), str(tmp_path / "out"), **options)


def test_places_are_checked_before_a_cluster_is_asked(archive: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(PhotoError, match="nothing lies below it"):
        colorize_dataset(str(tmp_path / "empty"), str(tmp_path / "out"))
    with pytest.raises(OutputError, match="half a result"):
        colorize_dataset(str(archive), f"simplecache::file://{tmp_path}/out")


def test_limits_of_the_driver_are_those_of_workers(
    archive: Path, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("TINTYPE_MAX_PIXELS", "TINTYPE_THREADS"):
        monkeypatch.setenv(name, "1")
    job = Job(str(archive), str(tmp_path / "out"), tiny_model.read_bytes(), max_pixels=96 * 96 - 1)
    listed = [batch["part"][0] for batch in _list(job, {})]
    (told,) = _color(job, {"part": listed})
    failed = {
        line["input"] for line in json.loads(told["outcomes"][0]) if "pixels" in line["reason"]
    }
    assert f"{archive}/0/000.jpg" in failed
    assert f"{archive}/2/scan.bmp" not in failed  # of 64 x 64
