"""Damaged files by the thousand: each is colored or refused in one line, and nothing else happens.

    python benchmarks/fuzz.py [--files 5000] [--seed 0] [--json]

Files of every kind (`corpus.py`) are damaged: bits flipped, most of them in the header; cut short;
a header put before the rest of another file; ranges overwritten. Each is opened, looked at, colored
and saved by a process that is watched: one that ends or takes longer than 10 s is counted and
replaced. A file may be colored, and the result must then be whole, or be refused with one of our
own errors, and then nothing may be left. Exits with 1 where something else happened.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import select
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from corpus import corpus

LIMIT_S = 10
HEADER_BYTES = 600
BAD = ("crash", "hang", "unexpected error", "output of a failure", "broken result")


def damaged(seed: int, count: int) -> Iterator[tuple[str, bytes]]:
    """Names that tell what was done, and the files."""
    whole = [(case.name, case.content) for case in corpus()]
    for number in range(count):
        rng = np.random.default_rng([seed, number])
        name, content = whole[number % len(whole)]
        file = bytearray(content)
        how = ("flip", "flip in header", "cut", "splice", "overwrite")[rng.integers(5)]
        if how.startswith("flip"):
            reach = min(len(file), HEADER_BYTES) if how.endswith("header") else len(file)
            for place in rng.integers(0, reach, rng.integers(1, 17)):
                file[place] ^= 1 << int(rng.integers(8))
        elif how == "cut":
            del file[int(rng.integers(len(file))) :]
        elif how == "splice":
            other_name, other = whole[rng.integers(len(whole))]
            at = int(rng.integers(1, min(len(file), len(other), HEADER_BYTES)))
            file[at:] = other[at:]
            how = f"splice {other_name} to"
        else:
            at, length = int(rng.integers(len(file))), int(rng.integers(1, 64))
            value = (0, 0xFF, int(rng.integers(256)))[rng.integers(3)]
            file[at : at + length] = bytes([value]) * len(file[at : at + length])
        yield f"{number}: {how} {name}", bytes(file)


def work() -> None:
    """In a process of its own: color the files that are named on standard input."""
    from tintype import Photo, TintypeError
    from tintype.formats import EXTENSIONS, format_of, written_for

    ab = np.random.default_rng(0).uniform(-50, 50, (2, 6, 8))

    def color(page: Photo) -> Photo:
        page.luminance(64)
        return page.with_chroma(ab)

    for line in sys.stdin:
        source = Path(line.rstrip("\n"))
        output = source.with_name("out" + EXTENSIONS[written_for(format_of(source))][0])
        try:
            color(Photo.open(source)).with_pages(color).save(output)
        except TintypeError as error:
            told = str(error)
            answer = "refused" if "\n" not in told else f"unexpected error: {told!r}"
        except Exception as error:
            answer = f"unexpected error: {type(error).__name__}: {error}"
        else:
            try:
                for page in Photo.open(output).pages:
                    page.to_array()
                answer = "colored"
            except Exception as error:
                answer = f"broken result: {error}"
        print(answer.replace("\n", " "), flush=True)


class Worker:
    """A process that colors, replaced when it ends or is too slow."""

    def __init__(self) -> None:
        self._process = self._start()

    def color(self, path: Path) -> str:
        """What became of a file."""
        assert self._process.stdin
        assert self._process.stdout
        with contextlib.suppress(BrokenPipeError):  # it ended, as the empty answer tells
            self._process.stdin.write(f"{path}\n")
            self._process.stdin.flush()
        if not select.select([self._process.stdout], [], [], LIMIT_S)[0]:
            self.stop()
            self._process = self._start()
            return "hang"
        answer = self._process.stdout.readline().rstrip("\n")
        if not answer:
            self.stop()
            code = self._process.returncode
            self._process = self._start()
            return f"crash: ended with {code}"
        return answer

    def stop(self) -> None:
        """End the process."""
        self._process.kill()
        with contextlib.suppress(BrokenPipeError), self._process:
            pass  # waits for it, and closes its pipes

    @staticmethod
    def _start() -> subprocess.Popen[str]:
        command = [sys.executable, __file__, "--work"]
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert process.stdin
        assert process.stdout
        process.stdin.write("/nowhere\n")  # the limit is that of a file, not of a start
        process.stdin.flush()
        process.stdout.readline()
        return process


def run(seed: int, count: int) -> dict[str, Any]:
    """Color damaged files; how many ended how, and each that ended badly."""
    counts: Counter[str] = Counter()
    bad, slowest_s = [], 0.0
    worker = Worker()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for what, content in damaged(seed, count):
            source = folder / "in"
            source.write_bytes(content)
            start = time.perf_counter()
            answer = worker.color(source)
            slowest_s = max(slowest_s, time.perf_counter() - start)
            left = [path.name for path in folder.iterdir() if path != source]
            if answer != "colored" and left and answer.partition(":")[0] not in ("crash", "hang"):
                answer = f"output of a failure: {left}"
            for path in left:
                (folder / path).unlink()
            kind = answer.partition(":")[0]
            counts[kind] += 1
            if kind in BAD:
                bad.append(f"{what}: {answer}")
    worker.stop()
    return {"seed": seed, "files": count, **counts, "slowest_s": round(slowest_s, 2), "bad": bad}


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--files", type=int, default=5000, help="how many files to damage")
    parser.add_argument("--seed", type=int, default=0, help="another seed, other damage")
    parser.add_argument("--json", action="store_true", help="machine-readable output")
    parser.add_argument("--work", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.work:
        work()
        return
    report = run(given.seed, given.files)
    if given.json:
        print(json.dumps(report, indent=2))
    else:
        print("\n".join(f"{key:20} {value}" for key, value in report.items() if key != "bad"))
        print("\n".join(report["bad"]))
    sys.exit(bool(report["bad"]))


if __name__ == "__main__":
    main()
