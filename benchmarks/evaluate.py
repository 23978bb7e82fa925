"""How long `tintype evaluate` takes, and how much memory: photographs of 256 px, three models.

    python benchmarks/evaluate.py [--pictures 1000] [--model tintype-small] [--judge WEIGHTS]

The photographs are cut out of those that scikit-image ships, none twice. A quarter of them is
measured first, in a process of its own: its memory should be that of all. The floor is decoding
them once and turning them to Lab. Nothing is cached before; the report is written.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image
from skimage import data

from tintype.evaluate.metrics.lab import rgb_to_lab
from tintype.evaluate.pictures import read_rgb
from tintype.models import store
from tintype.settings import usable_cores

PX = 256
VIEWS = (data.astronaut, data.coffee, data.chelsea, data.rocket, data.immunohistochemistry)

# the largest resident set of any process of the run, in MB, is its last line
RUN = """
import resource, subprocess, sys
done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1000)
sys.exit(done.returncode)
"""


def cut_photographs(folder: Path, pictures: int) -> None:
    """`pictures` different cuts, resized to PX, as JPEG."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    views = [Image.fromarray(view()) for view in VIEWS]
    for i in range(pictures):
        view = views[i % len(views)]
        side = int(rng.uniform(0.5, 1) * min(view.size))
        left, top = (int(rng.uniform(0, edge - side)) for edge in view.size)
        cut = view.crop((left, top, left + side, top + side))
        cut.resize((PX, PX)).save(folder / f"{i:05d}.jpg", quality=92)


def evaluate(folder: Path, models: list[Path], arguments: list[str]) -> tuple[float, float]:
    """Seconds, and the largest resident set in MB."""
    command = [sys.executable, "-m", "tintype", "evaluate", *map(str, models)]
    with tempfile.TemporaryDirectory() as cache:
        start_s = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-c", RUN, *command, "--data", str(folder), *arguments],
            env=os.environ | {"TINTYPE_CACHE": cache},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
    return time.perf_counter() - start_s, float(done.stdout)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pictures", type=int, default=1000)
    parser.add_argument("--model", default="tintype-small")
    parser.add_argument("--judge")
    options = parser.parse_args()
    judge = ["--judge", options.judge] if options.judge else []
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch, "pictures")
        cut_photographs(folder, options.pictures)
        models = [Path(scratch, f"model-{i}.onnx") for i in range(3)]
        for model in models:
            shutil.copy(store.locate(options.model), model)

        start_s = time.perf_counter()
        for file in folder.iterdir():
            rgb_to_lab(read_rgb(file))
        floor_s = time.perf_counter() - start_s

        quarter = ["--limit", str(max(options.pictures // 4, 1))]
        report = ["--report", str(Path(scratch, "report"))]
        _, quarter_mb = evaluate(folder, models, [*quarter, *judge])
        whole_s, whole_mb = evaluate(folder, models, [*report, *judge])
    print(f"{options.pictures} pictures of {PX} px, three models, {usable_cores()} cores")
    print(f"floor      {floor_s:8.1f} s   decoding and Lab once, one core")
    print(f"evaluate   {whole_s:8.1f} s   {whole_s / options.pictures * 1000:.0f} ms a picture")
    print(f"memory     {whole_mb:8.0f} MB  largest process; {quarter_mb:.0f} MB of a quarter")


if __name__ == "__main__":
    main()
