"""Pictures per second over a folder, against libvips that only decodes and encodes the same files.

    python benchmarks/folder.py [--pictures 200] [--rounds 3] [--jobs N] [--model NAME] [--json]

The folder holds gray photographs of 1 to 24 megapixels, made here from those of scikit-image,
enlarged and grained as film is: JPEG mostly, and PNG and TIFF of 8 and 16 bits. Both sides run as
processes of their own, in turn: `tintype colorize` as it is installed, start and model included,
and a floor that turns one plane into three by as many threads, of quality 90 and 4:2:0 in JPEG as
the results are, and compressed alike in TIFF. That the three are one makes them shorter to encode
than any color. Peak memory is that of the process, where the system tells (Linux).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from typing import Any

MEGA = 1_000_000
PACKAGES = ("tintype", "pyvips", "simplejpeg", "pillow", "numpy", "onnxruntime")
MEGAPIXELS = (1, 2, 6, 12, 3, 24, 8, 16, 4, 12)
KINDS = (".jpg", ".jpg", ".jpg", ".png", ".jpg", ".jpg", ".tif", ".jpg", "16.tif", ".jpg")
NAMES = ("camera", "astronaut", "coffee", "chelsea", "rocket")


def make_inputs(folder: Path, count: int) -> None:
    """Write the photographs: sizes and kinds in turn, so that any number is a fair share."""
    import numpy as np
    import pyvips
    from skimage import data

    for number in range(count):
        picture = np.asarray(getattr(data, NAMES[number % len(NAMES)])())
        image = pyvips.Image.new_from_array(picture)
        image = image.colourspace("b-w") if image.bands == 3 else image
        height = round((MEGAPIXELS[number % 10] * MEGA / 1.5) ** 0.5)
        width = round(1.5 * height)
        image = image.resize(width / image.width, vscale=height / image.height, kernel="cubic")
        grain = pyvips.Image.gaussnoise(width, height, sigma=3, seed=number)
        kind = KINDS[(number + number // 10) % 10]  # every size in every kind, by and by
        path = folder / f"{number % 20}" / f"{number:03}{kind}"
        path.parent.mkdir(exist_ok=True)
        if kind == "16.tif":
            deep = ((image + grain) * 257).cast("ushort").copy(interpretation="grey16")
            deep.tiffsave(path, compression="deflate", predictor="horizontal", level=1)
            continue
        image = (image + grain).cast("uchar").copy(interpretation="b-w")
        if kind == ".jpg":
            image.jpegsave(path, Q=92)
        else:
            image.write_to_file(path)


def floor(source: Path, target: Path) -> None:
    """What any program must do: decode one plane, encode three."""
    import pyvips

    image = pyvips.Image.new_from_file(source, access="sequential")
    deep = image.format == "ushort"
    image = image.bandjoin([image, image]).copy(interpretation="rgb16" if deep else "srgb")
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.suffix == ".jpg":
        image.jpegsave(target, Q=90, subsample_mode="on")
    elif target.suffix == ".png":
        image.pngsave(target)
    else:
        image.tiffsave(target, compression="deflate", predictor="horizontal", level=1)


def run_floor(folder: Path, out: Path, jobs: int) -> None:
    """The floor over the whole folder."""
    sources = sorted(path for path in folder.rglob("*") if path.is_file())
    with ThreadPoolExecutor(jobs) as pool:
        list(pool.map(lambda path: floor(path, out / path.relative_to(folder)), sources))


def run_tintype(folder: Path, out: Path, jobs: int, model: str) -> None:
    """The command, in this process."""
    from tintype.cli import main

    arguments = ["colorize", str(folder), "-o", str(out), "--jobs", str(jobs), "--model", model]
    try:
        main(arguments)
    except SystemExit as end:
        if end.code:
            raise


def in_its_own_process(*arguments: object) -> dict[str, Any]:
    """Run this file with these arguments: seconds from start to end, and peak memory."""
    command = [sys.executable, __file__, *map(str, arguments)]
    start = time.perf_counter()
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    seconds = time.perf_counter() - start
    return {"seconds": seconds, "peak_mb": float(done.stdout.splitlines()[-1])}


def peak_mb() -> float:
    """Most memory that this process held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / MEGA  # Linux counts KiB


def spread(values: list[float]) -> dict[str, float]:
    return {"min": min(values), "median": statistics.median(values), "max": max(values)}


def machine() -> dict[str, Any]:
    """Where the figures come from."""
    usable = getattr(os, "sched_getaffinity", None)
    return {
        "processor": platform.processor() or platform.machine(),
        "cores": len(usable(0)) if usable else os.cpu_count(),
        "load": os.getloadavg()[0],
        "system": platform.platform(),
        "python": platform.python_version(),
        **{name: version(name) for name in PACKAGES},
    }


def measure(given: argparse.Namespace) -> dict[str, Any]:
    """Rounds of both sides in turn."""
    sides: dict[str, list[dict[str, Any]]] = {"floor": [], "colorize": []}
    with tempfile.TemporaryDirectory(dir=given.folder) as name:
        folder, out = Path(name, "in"), Path(name, "out")
        folder.mkdir()
        in_its_own_process("--work", "inputs", folder, out, "--pictures", given.pictures)
        megapixels = sum(MEGAPIXELS[number % 10] for number in range(given.pictures))
        for _ in range(given.rounds):
            for side, taken in sides.items():
                shutil.rmtree(out, ignore_errors=True)
                options = ("--jobs", given.jobs, "--model", given.model)
                taken.append(in_its_own_process("--work", side, folder, out, *options))
    seconds = {side: [one["seconds"] for one in taken] for side, taken in sides.items()}
    ratios = [c / f for c, f in zip(seconds["colorize"], seconds["floor"], strict=True)]
    return {
        "machine": machine(),
        "model": given.model,
        "pictures": given.pictures,
        "megapixels": megapixels,
        "jobs": given.jobs,
        "rounds": given.rounds,
        "pictures_per_second": {
            side: spread([given.pictures / one for one in taken]) for side, taken in seconds.items()
        },
        "seconds": {side: spread(taken) for side, taken in seconds.items()},
        "peak_mb": {side: max(one["peak_mb"] for one in taken) for side, taken in sides.items()},
        "ratio": spread(ratios),
    }


def table(report: dict[str, Any]) -> str:
    """The report for people."""
    lines = [", ".join(f"{key} {value}" for key, value in report["machine"].items()), ""]
    lines.append(
        f"{report['pictures']} pictures of {report['megapixels']} megapixels in all, "
        f"{report['jobs']} jobs, model {report['model']}, {report['rounds']} rounds"
    )
    lines.append(
        f"\n{'':10}{'min s':>10}{'median s':>10}{'max s':>10}{'a second':>10}{'peak MB':>10}"
    )
    for side in ("floor", "colorize"):
        times = "".join(f"{value:10.1f}" for value in report["seconds"][side].values())
        speed = report["pictures_per_second"][side]["median"]
        lines.append(f"{side:10}{times}{speed:10.2f}{report['peak_mb'][side]:10.0f}")
    lines.append("ratio     " + "".join(f"{value:10.2f}" for value in report["ratio"].values()))
    return "\n".join(lines)


def main() -> None:
    cores = getattr(os, "sched_getaffinity", lambda _: range(os.cpu_count() or 1))(0)
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--pictures", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=len(cores) + 1, help="of both sides")
    parser.add_argument("--model", default="tintype-small")
    parser.add_argument("--folder", help="where inputs and results lie meanwhile")
    parser.add_argument("--json", action="store_true", help="machine-readable output")
    parser.add_argument("--work", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.work:
        what, folder, out = given.work[0], Path(given.work[1]), Path(given.work[2])
        work: dict[str, Callable[[], None]] = {
            "inputs": lambda: make_inputs(folder, given.pictures),
            "floor": lambda: run_floor(folder, out, given.jobs),
            "colorize": lambda: run_tintype(folder, out, given.jobs, given.model),
        }
        work[what]()
        print(peak_mb())
        return
    report = measure(given)
    print(json.dumps(report, indent=2) if given.json else table(report))


if __name__ == "__main__":
    main()
