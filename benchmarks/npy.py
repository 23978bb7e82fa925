"""Resident memory while pictures are read from .npy arrays of several gigabytes.

    python benchmarks/npy.py [--pictures 25000] [--px 224] [--reads 20000] [--in FOLDER]

Makes arrays in the layout of the public set (lightness in one file, chroma in three) from noise, in
a temporary folder that is removed at the end. Then two processes read the same random pictures: one
through tintype, one through arrays that numpy maps into memory, for comparison. Each tells its
resident memory by kind: anonymous pages are its own; file pages are those of libraries and
of mapped arrays. What the system's page cache holds belongs to no process and is told apart: it may
be taken back at any time, however the arrays are read.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

MEGA = 1_000_000
KINDS = ("VmRSS", "RssAnon", "RssFile", "VmHWM")
TOLD = 5


def make(folder: Path, pictures: int, px: int) -> None:
    """Lightness in one file, chroma in three of 2/5, 2/5 and 1/5 of the pictures."""
    cuts = [0, pictures * 2 // 5, pictures * 4 // 5, pictures]
    (folder / "l").mkdir()
    (folder / "ab" / "ab").mkdir(parents=True)
    noise = np.random.default_rng(0)
    write(folder / "l" / "gray_scale.npy", (pictures, px, px), noise)
    for i in range(3):
        count = cuts[i + 1] - cuts[i]
        write(folder / "ab" / "ab" / f"ab{i + 1}.npy", (count, px, px, 2), noise)


def write(path: Path, shape: tuple[int, ...], noise: np.random.Generator) -> None:
    """An array of noise, written picture by picture."""
    header = {"descr": "|u1", "fortran_order": False, "shape": shape}
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        for _ in range(shape[0]):
            file.write(noise.bytes(int(np.prod(shape[1:]))))


def through_tintype(folder: Path, px: int) -> tuple[int, Callable[[int], int]]:
    from tintype.data.npy import NpySource

    source = NpySource(folder)
    return len(source), lambda i: int(source.view(i, load_px=px, crop_px=px).sum())


def through_maps(folder: Path, px: int) -> tuple[int, Callable[[int], int]]:  # noqa: ARG001
    l = np.load(folder / "l" / "gray_scale.npy", mmap_mode="r")
    parts = [np.load(folder / "ab" / "ab" / f"ab{i}.npy", mmap_mode="r") for i in (1, 2, 3)]
    starts = np.cumsum([0, *map(len, parts)])

    def read(i: int) -> int:
        number = int(np.searchsorted(starts, i, side="right")) - 1
        return int(np.dstack([l[i], parts[number][i - starts[number]]]).sum())

    return len(l), read


READERS = {"tintype": through_tintype, "numpy mmap": through_maps}


def watch(reader: str, folder: Path, px: int, reads: int) -> None:
    """Read random pictures, and tell the memory of this process now and then."""
    import PIL.Image  # noqa: F401 - loaded by one reader: both shall have it

    count, read = READERS[reader](folder, px)
    draw = np.random.default_rng(1)
    read(0)
    for i in range(TOLD):
        told = {kind: kilobytes(kind) * 1024 / MEGA for kind in KINDS}
        line = "".join(f"{told[kind]:10.1f}" for kind in KINDS)
        print(f"{reader:12}{i * reads // (TOLD - 1):>8}{line}", flush=True)
        if i == TOLD - 1:
            break
        began = time.perf_counter()
        for index in draw.integers(count, size=reads // (TOLD - 1)):
            read(int(index))
    rate = reads // (TOLD - 1) / (time.perf_counter() - began)
    print(f"{reader:12}{rate:,.0f} pictures/s in the last quarter")


def kilobytes(kind: str, file: str = "/proc/self/status") -> int:
    for line in Path(file).read_text().splitlines():
        if line.startswith(f"{kind}:"):
            return int(line.split()[1])
    raise KeyError(kind)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, default=25_000)
    parser.add_argument("--px", type=int, default=224)
    parser.add_argument("--reads", type=int, default=20_000)
    parser.add_argument("--in", dest="place", type=Path, help="Where the temporary folder is made.")
    parser.add_argument("--watch", nargs=2, metavar=("READER", "FOLDER"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.watch:
        reader, folder = arguments.watch
        watch(reader, Path(folder), arguments.px, arguments.reads)
        return
    with tempfile.TemporaryDirectory(dir=arguments.place) as name:
        make(Path(name), arguments.pictures, arguments.px)
        size = sum(file.stat().st_size for file in Path(name).rglob("*.npy"))
        print(f"{arguments.pictures:,} pictures of {arguments.px} px, {size / 1e9:.2f} GB")
        print(f"{'MB':12}{'reads':>8}" + "".join(f"{kind:>10}" for kind in KINDS))
        for reader in READERS:
            options = ["--px", str(arguments.px), "--reads", str(arguments.reads)]
            command = [sys.executable, __file__, "--watch", reader, name, *options]
            subprocess.run(command, check=True, env=os.environ | {"OMP_NUM_THREADS": "1"})
        print(
            f"page cache of the whole system: {kilobytes('Cached', '/proc/meminfo') / 1e6:.2f} GB"
        )


if __name__ == "__main__":
    main()
