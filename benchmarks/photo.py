"""How long a whole colorize takes, against libvips that only decodes and encodes the same file.

    python benchmarks/photo.py [--model NAME_OR_PATH] [--rounds 15] [--memory] [--json]

Photographs, made here from those of scikit-image: a gray JPEG of 12 megapixels (quality 92), and a
gray TIFF of 100 megapixels and 16 bits; with --memory gray TIFFs of 400 megapixels and 16 bits, in
strips, in tiles and in one compressed strip, whose peak memory is printed. Both sides go from file
to file. The floor turns one gray plane into three: of quality 90 and 4:2:0 in JPEG as the results
are, compressed alike in TIFF. Rounds of floor and colorize alternate in one process, the model
warm; peak memory is that of a process of its own each. Without a model, a constant color stands for
the network's.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

MEGA = 1_000_000
LARGE: dict[str, dict[str, Any]] = {  # of 400 megapixels, by how the pixels lie
    "strips": {},
    "tiles": {"tile": True, "tile_width": 256, "tile_height": 256, "compression": "deflate"},
    "one-strip": {"rowsperstrip": 17300, "compression": "zlib"},
}
PACKAGES = ("tintype", "pyvips", "simplejpeg", "pillow", "numpy", "onnxruntime")


def make_inputs(folder: Path, *, memory: bool) -> None:
    """Photographs of scikit-image, tiled, enlarged, and grained as film is."""
    import numpy as np
    import pyvips
    import tifffile
    from skimage import data

    def gray(picture: NDArray[Any]) -> Any:
        image = pyvips.Image.new_from_array(picture)
        image = image.colourspace("b-w") if image.bands == 3 else image
        return image.thumbnail_image(512, height=512, size="force").cast("float")

    names = ("camera", "astronaut", "coffee", "chelsea")
    pictures = [gray(np.asarray(getattr(data, name)())) for name in names]
    tiled = pyvips.Image.arrayjoin(pictures, across=2).copy_memory()
    for name, width, height, layout in (
        ("12.jpg", 4000, 3000, {}),
        ("100.tif", 11600, 8650, {}),
        *((f"400-{name}.tif", 23200, 17300, layout) for name, layout in LARGE.items()),
    ):
        if name.startswith("400") != memory:
            continue
        grain = pyvips.Image.gaussnoise(width, height, sigma=3, seed=1)
        large = tiled.resize(width / 1024, vscale=height / 1024, kernel="cubic") + grain
        if name.endswith(".tif"):
            deep = (large * 257).cast("ushort").copy(interpretation="grey16")
            if "rowsperstrip" in layout:  # which libvips does not write
                tifffile.imwrite(folder / name, deep.numpy(), **layout)
            else:
                deep.tiffsave(folder / name, **layout)
        else:
            large.cast("uchar").copy(interpretation="b-w").jpegsave(folder / name, Q=92)


def floor(source: Path, target: Path) -> None:
    """What any program must do: decode one plane, encode three."""
    import pyvips

    image = pyvips.Image.new_from_file(source, access="sequential")
    image = image.bandjoin([image, image])
    if target.suffix == ".jpg":
        image.copy(interpretation="srgb").jpegsave(target, Q=90, subsample_mode="on")
    else:
        image.copy(interpretation="rgb16").tiffsave(
            target, compression="deflate", predictor="horizontal", level=1
        )


def colorizer(model: str | None) -> Callable[[Path, Path], None]:
    """The whole colorize, from file to file."""
    import numpy as np

    import tintype

    if model:
        warm = tintype.Colorizer(model)

        def predicted(source: Path, target: Path) -> None:
            warm(source).save(target, overwrite=True)

        return predicted

    ab = np.full((2, 256, 341), 20, np.float32)

    def constant(source: Path, target: Path) -> None:
        photo = tintype.Photo.open(source)
        photo.luminance(256)
        photo.with_chroma(ab).save(target, overwrite=True)

    return constant


def work(what: str, source: Path, rounds: int, model: str | None) -> dict[str, Any]:
    """In a process of its own: seconds of each round, and the peak memory of the process."""
    sides: dict[str, Callable[[Path, Path], None]] = {}
    if what in ("floor", "both"):
        sides["floor"] = floor
    if what in ("colorize", "both"):
        sides["colorize"] = colorizer(model)
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(rounds + 1):
        for name, run in sides.items():
            start = time.perf_counter()
            run(source, source.with_name(f"{name}{source.suffix}"))
            if number or rounds == 0:  # the first round warms up
                seconds[name].append(time.perf_counter() - start)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024  # Linux counts in KiB
    return {"seconds": seconds, "peak_bytes": peak}


def in_its_own_process(*arguments: object) -> str:
    """Run this file with these arguments, so that peak memory is that of the work alone."""
    command = [sys.executable, __file__, *map(str, arguments)]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def measure(source: Path, rounds: int, model: str | None) -> dict[str, Any]:
    """Times of both sides together, peak memory of each alone."""

    def apart(what: str, rounds: int) -> dict[str, Any]:
        chosen = ("--model", model) if model else ()
        said = in_its_own_process("--work", what, source, "--rounds", rounds, *chosen)
        answer: dict[str, Any] = json.loads(said)
        return answer

    both = apart("both", rounds)["seconds"]
    sides = {}
    for name, seconds in both.items():
        sides[name] = {
            "min_s": min(seconds),
            "median_s": statistics.median(seconds),
            "max_s": max(seconds),
            "peak_mb": apart(name, 0)["peak_bytes"] / MEGA,
        }
    ratios = [c / f for c, f in zip(both["colorize"], both["floor"], strict=True)]
    return {
        "file": source.name,
        "rounds": rounds,
        **sides,
        "ratio_min": min(ratios),
        "ratio_median": statistics.median(ratios),
        "ratio_max": max(ratios),
    }


def peaks(folder: Path, model: str | None) -> Iterator[str]:
    """A line for each picture of 400 megapixels: what colorize took of memory, and how long."""
    os.environ["TINTYPE_MAX_PIXELS"] = "500_000_000"
    in_its_own_process("--work", "inputs", folder, "--memory")
    for name in LARGE:
        chosen = ("--model", model) if model else ()
        path = folder / f"400-{name}.tif"
        said = in_its_own_process("--work", "colorize", path, "--rounds", 0, *chosen)
        answer = json.loads(said)
        peak, seconds = answer["peak_bytes"] / MEGA, answer["seconds"]["colorize"][0]
        yield f"{path.name:18}{peak:6.0f} MB{seconds:8.1f} s"


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


def table(report: dict[str, Any]) -> str:
    """The report for people."""
    lines = [", ".join(f"{key} {value}" for key, value in report["machine"].items()), ""]
    lines.append(f"model: {report['model'] or 'none, a constant color'}")
    for result in report["results"]:
        lines += ["", f"{result['file']}, {result['rounds']} rounds"]
        lines.append(f"{'':10}{'min s':>10}{'median s':>10}{'max s':>10}{'peak MB':>10}")
        for name in ("floor", "colorize"):
            side = result[name]
            times = "".join(f"{side[key]:10.3f}" for key in ("min_s", "median_s", "max_s"))
            lines.append(f"{name:10}{times}{side['peak_mb']:10.0f}")
        ratios = "".join(f"{result[f'ratio_{key}']:10.2f}" for key in ("min", "median", "max"))
        lines.append(f"{'ratio':10}{ratios}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--model", help="name or path of a model")
    parser.add_argument("--rounds", type=int, default=15, help="timed rounds of the 12 MP photo")
    parser.add_argument("--memory", action="store_true", help="peak memory of 400 MP instead")
    parser.add_argument("--json", action="store_true", help="machine-readable output")
    parser.add_argument("--work", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.work:
        what, path = given.work
        if what == "inputs":
            make_inputs(Path(path), memory=given.memory)
        else:
            print(json.dumps(work(what, Path(path), given.rounds, given.model)))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if given.memory:
            for line in peaks(folder, given.model):
                print(line, flush=True)
            return
        in_its_own_process("--work", "inputs", folder)
        results = [
            measure(folder / "12.jpg", given.rounds, given.model),
            measure(folder / "100.tif", max(1, given.rounds // 5), given.model),
        ]
    report = {"machine": machine(), "model": given.model, "results": results}
    print(json.dumps(report, indent=2) if given.json else table(report))


if __name__ == "__main__":
    main()
