"""The engine `ray` over nodes on this machine: what is killed, its speed, what the driver holds.

    python benchmarks/cluster.py node FOLDER [--pictures 2000]
    python benchmarks/cluster.py driver FOLDER [--pictures 2000]
    python benchmarks/cluster.py speed FOLDER [--pictures 2000] [--rounds 1] [--s3]
    python benchmarks/cluster.py memory [--files 2000 200000]

FOLDER holds photographs, of which the first are taken. The cluster is a head and two nodes of one
core, each a raylet of its own; S3 is moto's server on this machine, which keeps every version of
an object, so that it tells what was written twice.

`node` kills a node when a third is done, `driver` the process that was started (SIGKILL), which is
then started again; both compare the results with those of the local engine, byte for byte.
`speed` takes the time of `tintype colorize` with 2 jobs and by the cluster, each for all pictures
and for two, in turn: the difference is coloring, the rest start-up. Pictures lie on the disk, or
with `--s3` the cluster's lie on the server, which takes its share of the cores. `memory` samples
the driver while files that are no pictures are listed, planned and passed over.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from folder import machine, spread

from tintype.engines.remote.parts import outcomes
from tintype.engines.remote.place import Place
from tintype.walk import walk

BUCKET = "s3://archive"


def tell(what: str, **figures: object) -> None:
    print(json.dumps({what: figures}), flush=True)


@contextmanager
def cluster(folder: Path) -> Iterator[Any]:
    """A head and two nodes of one core."""
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_TMPDIR": str(folder)}
    from ray.cluster_utils import Cluster

    made = Cluster()
    try:
        for cores in (0, 1, 1):
            made.add_node(num_cpus=cores, include_dashboard=False, object_store_memory=100_000_000)
        yield made
    finally:
        made.shutdown()


@contextmanager
def s3_server(folder: Path) -> Iterator[Path]:
    """An S3 server with an empty bucket: its log, a line a request."""
    port, log = 5111, folder / "s3.log"
    os.environ |= {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    import s3fs

    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with log.open("w") as file:
        server = subprocess.Popen(command, stdout=file, stderr=file)
    try:
        for _ in range(600):
            if "Running on" in log.read_text():
                break
            time.sleep(0.1)
        disk = s3fs.S3FileSystem(use_listings_cache=False)
        disk.mkdir(BUCKET)
        versioned = {"Status": "Enabled"}
        disk.call_s3("put_bucket_versioning", Bucket="archive", VersioningConfiguration=versioned)
        yield log
    finally:
        server.kill()
        server.wait()


def start(*arguments: object, out: Path) -> subprocess.Popen[bytes]:
    """`tintype colorize`, its lines of JSON into a file."""
    command = [sys.executable, "-m", "tintype", "colorize", *map(str, arguments), "--json"]
    command += ["--model", os.environ["TINTYPE_BENCHMARK_MODEL"]]
    with out.open("wb") as file, out.with_suffix(".err").open("wb") as log:
        return subprocess.Popen(command, stdout=file, stderr=log)


def seconds(*arguments: object, out: Path) -> float:
    """From the start of the process to its end."""
    began = time.perf_counter()
    process = start(*arguments, out=out)
    if process.wait():
        raise SystemExit(out.with_suffix(".err").read_text())
    return time.perf_counter() - began


def lines(out: Path) -> list[dict[str, Any]]:
    whole, _, _ = out.read_bytes().rpartition(b"\n")
    return [json.loads(line) for line in whole.splitlines()]


def take(pictures: Path, count: int, folder: Path) -> int:
    """Link the first photographs into a folder: how many bytes they have."""
    total = 0
    for path in islice(walk(pictures, print), count):
        target = folder / path.relative_to(pictures)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
        total += path.stat().st_size
    return total


def upload(folder: Path, url: str) -> None:
    place = Place(url)
    for path in walk(folder, print):
        place.store(path, path.relative_to(folder).as_posix(), overwrite=True)


def written_more_than_once(prefix: str) -> int:
    """Results of which the server keeps more than one version."""
    import s3fs

    disk, found, after = s3fs.S3FileSystem(), Counter[str](), {}
    while True:
        page = disk.call_s3("list_object_versions", Bucket="archive", Prefix=prefix, **after)
        found.update(one["Key"] for one in page.get("Versions", ()) if "_tintype" not in one["Key"])
        if not page["IsTruncated"]:
            return sum(count > 1 for count in found.values())
        after = {"KeyMarker": page["NextKeyMarker"], "VersionIdMarker": page["NextVersionIdMarker"]}


def kill(what: str, pictures: Path, count: int, scratch: Path) -> None:
    """Kill a node or the driver in the middle, and compare what there is in the end."""
    total_bytes = take(pictures, count, scratch / "in")
    local = seconds(scratch / "in", "-o", scratch / "here", "--jobs", 2, out=scratch / "local.json")
    tell("local", seconds=round(local, 1), colored=len(lines(scratch / "local.json")))
    with s3_server(scratch) as log, cluster(scratch / "ray") as nodes:
        upload(scratch / "in", f"{BUCKET}/in")
        before = len(log.read_text().splitlines())
        command = (f"{BUCKET}/in", "-o", f"{BUCKET}/out", "--engine", "ray")
        command = (*command, "--address", nodes.address)
        began = time.perf_counter()
        out = scratch / "0.json"
        process = start(*command, out=out)
        while len(lines(out)) < count / 3:
            if process.poll() is not None:
                raise SystemExit("it ended before anything was killed")
            time.sleep(0.05)
        at = len(lines(out))
        first = Counter[str]()
        if what == "node":
            nodes.remove_node(min(nodes.worker_nodes, key=str), allow_graceful=False)
        else:
            process.send_signal(signal.SIGKILL)
            process.wait()
            first.update(line["status"] for line in lines(out))
            process = start(*command, out=(out := scratch / "1.json"))
        code = process.wait()
        took = time.perf_counter() - began
        told = lines(out)
        requests = Counter(
            line.partition('"')[2].partition(" ")[0]
            for line in log.read_text().splitlines()[before:]
        )
        destination = Place(f"{BUCKET}/out")
        made = {one.key: destination.read(one.key) for one in destination.list()}
        here = {
            path.relative_to(scratch / "here").as_posix(): path.read_bytes()
            for path in walk(scratch / "here", print)
            if path.name != "manifest.jsonl"
        }
        recorded = list(outcomes(destination))
        tell(
            f"{what} killed",
            when_told=at,
            told_before_and_left_to_the_second_run=dict(first),
            exit_code=code,
            seconds=round(took, 1),
            told=dict(Counter(line["status"] for line in told)),
            told_twice=len(told) - len({line["input"] for line in told}),
            results=len(made),
            equal_to_the_local_engines=sum(here.get(key) == made[key] for key in made),
            lost=len(here.keys() - made.keys()),
            written_more_than_once=written_more_than_once("out/"),
            manifest_lines=len(recorded),
            manifest_inputs=len({outcome.input for outcome in recorded}),
            requests_by_picture={k: round(n / count, 2) for k, n in requests.items() if len(k) > 2},
            bytes_in_by_picture=total_bytes // count,
            bytes_out_by_picture=sum(map(len, here.values())) // count,
        )


def speed(pictures: Path, count: int, rounds: int, scratch: Path, *, with_s3: bool) -> None:
    """Both engines in turn, over all pictures and over two."""
    take(pictures, count, scratch / "in")
    take(pictures, 2, scratch / "two")
    taken: dict[str, list[float]] = {"local": [], "ray": [], "local start": [], "ray start": []}
    with s3_server(scratch), cluster(scratch / "ray") as nodes:
        if with_s3:
            upload(scratch / "in", f"{BUCKET}/in")
            upload(scratch / "two", f"{BUCKET}/two")
        place = BUCKET if with_s3 else scratch
        by_ray = ("--engine", "ray", "--address", nodes.address)
        for number in range(rounds):
            for side, root, options in (
                ("local", scratch, ("--jobs", 2)),
                ("ray", place, by_ray),
            ):
                for what, suffix in (("two", " start"), ("in", "")):
                    out = f"{root}/{side}-{what}-{number}"
                    time_s = seconds(f"{root}/{what}", "-o", out, *options, out=scratch / "told")
                    assert len(lines(scratch / "told")) == (2 if suffix else count)
                    taken[side + suffix].append(time_s)
                    tell(f"{side}{suffix}", seconds=round(time_s, 1))
    rate = {
        side: [
            (count - 2) / (whole - small)
            for whole, small in zip(taken[side], taken[f"{side} start"], strict=True)
        ]
        for side in ("local", "ray")
    }
    ratios = [ray / local for ray, local in zip(rate["ray"], rate["local"], strict=True)]
    tell("seconds", **{name: spread(values) for name, values in taken.items()})
    tell("pictures a second without start", **{k: spread(v) for k, v in rate.items()})
    tell("ray to local", **spread(ratios))


def memory(files: list[int], scratch: Path) -> None:
    """What the driver holds while so many files are listed, in MB, and how long that takes."""
    with cluster(scratch / "ray") as nodes:
        for count in files:
            place = scratch / str(count)
            for number in range(count):
                path = place / f"{number // 1000:05}" / f"{number:08}.txt"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.touch()
            began = time.perf_counter()
            process = start(
                place, "-o", scratch / f"out{count}", "--engine", "ray", "--address", nodes.address,
                out=scratch / "told",
            )  # fmt: skip
            samples: list[tuple[float, float]] = []

            def watch(process: Any = process, samples: Any = samples) -> None:
                while process.poll() is None:
                    samples.append(held_mb(process.pid))
                    time.sleep(0.5)

            thread = threading.Thread(target=watch)
            thread.start()
            code = process.wait()
            thread.join()
            planned = len(list((scratch / f"out{count}" / "_tintype" / "plan").glob("*/*")))
            tell(
                f"{count} files",
                exit_code=code,
                seconds=round(time.perf_counter() - began, 1),
                blocks=planned,
                peak_mb=round(max(whole for whole, _ in samples)),
                peak_of_its_own_mb=round(max(own for _, own in samples)),
                own_mb_over_time=[round(own) for _, own in samples[:: max(1, len(samples) // 10)]],
            )


def held_mb(pid: int) -> tuple[float, float]:
    """All that is resident, and what no file or other process shares."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0, 0.0
    found = dict(line.split(":", 1) for line in status.splitlines())
    kilobytes = (int(found.get(key, "0").split()[0]) for key in ("VmRSS", "RssAnon"))
    whole, own = (value * 1024 / 1e6 for value in kilobytes)
    return whole, own


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("what", choices=["node", "driver", "speed", "memory"])
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--pictures", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--s3", action="store_true")
    parser.add_argument("--model", default="tintype-small")
    parser.add_argument("--files", type=int, nargs="+", default=[2000, 200_000])
    given = parser.parse_args()
    if given.what != "memory" and not (given.folder and given.folder.is_dir()):
        parser.error("name a folder of photographs")
    from importlib.metadata import version

    os.environ["TINTYPE_BENCHMARK_MODEL"] = given.model
    versions = {name: version(name) for name in ("ray", "fsspec", "s3fs", "moto")}
    tell("machine", **machine(), **versions, model=given.model)
    with tempfile.TemporaryDirectory(prefix="ray-", dir="/tmp") as name:
        scratch = Path(name)
        (scratch / "ray").mkdir()
        if given.what == "memory":
            memory(given.files, scratch)
        elif given.what == "speed":
            speed(given.folder, given.pictures, given.rounds, scratch, with_s3=given.s3)
        else:
            kill(given.what, given.folder, given.pictures, scratch)


if __name__ == "__main__":
    main()
