"""How fast a GAN step trains: ours, against a plain loop as the tutorials write it.

    python benchmarks/training.py [--data FOLDER] [--rounds 3] [--steps 2] [--json]

The step is that of the recipe coco-pix2pix: a U-Net of 256 px against a 70x70 PatchGAN, 16 pictures
at a time. Ours is the trainer itself: its loader, Lab on whole batches, precision, layout,
optimizers and step. The plain loop converts each picture by scikit-image in its Dataset, and trains
in float32, contiguous, with Adam as it comes. Both start from the same JPEG files (made here,
without --data, from photographs of scikit-image) and decode them in as many workers. Rounds of the
two alternate in one process; a round's first step, which starts the workers, is not timed. The peak
that a step's share is told of is the best matrix product seen in the same run. With a GPU it is the
GPU's.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from skimage import data as photographs
from skimage.color import rgb2lab
from torch import Tensor, nn
from torch.autograd import DeviceType
from torch.profiler import ProfilerActivity, profile
from torch.utils.data import DataLoader, Dataset, RandomSampler
from torch.utils.flop_counter import FlopCounterMode

from tintype.data.loader import batches
from tintype.nn.build import build_discriminator, build_generator
from tintype.recipe import Recipe, load_recipe
from tintype.train.device import make_fabric
from tintype.train.interrupt import Interrupt
from tintype.train.loop import Loop
from tintype.train.plan import make_plan
from tintype.train.run import Run

PX, LAMBDA_L1 = 256, 100.0
PICTURES, HELD_OUT = 96, 16
ENDLESS = 1_000_000
PACKAGES = ("tintype", "torch", "lightning-fabric", "numpy", "pillow", "scikit-image")
CUDA = torch.cuda.is_available()
DEVICE = torch.device("cuda" if CUDA else "cpu")

GROUPS = {
    "convolution, forward": ("aten::_convolution",),
    "convolution, backward": ("convolution_backward",),
    "norm": ("batch_norm",),
    "optimizer": ("Optimizer.step", "_fused_adam"),
    "moving average": ("_foreach_lerp",),
    "activation, dropout": ("relu", "tanh", "dropout", "bernoulli"),
    "joining, copies, casts": ("aten::cat", "aten::copy_", "aten::slice_backward", "aten::fill_"),
    "loss": ("softplus", "binary_cross_entropy", "l1_loss", "aten::abs", "aten::sgn"),
}
"""What the profiler's names begin or end with; what is inside an optimizer's step is its own."""


def make_pictures(folder: Path) -> None:
    """Photographs of scikit-image, cut at random and enlarged to 640x480, as COCO's are large."""
    draw = np.random.default_rng(0)
    names = ("astronaut", "coffee", "chelsea", "rocket")
    for i in range(PICTURES):
        picture = Image.fromarray(getattr(photographs, names[i % len(names)])())
        width = int(draw.integers(200, min(picture.width, picture.height * 4 // 3)))
        left = int(draw.integers(picture.width - width + 1))
        top = int(draw.integers(picture.height - width * 3 // 4 + 1))
        box = (left, top, left + width, top + width * 3 // 4)
        picture.resize((640, 480), Image.Resampling.BICUBIC, box).save(
            folder / f"{i:03d}.jpg", quality=90
        )


class LabPictures(Dataset[tuple[Tensor, Tensor]]):
    """The tutorials' data set: each picture opened, resized, mirrored, and turned to Lab."""

    def __init__(self, folder: Path) -> None:
        self.files = sorted(folder.rglob("*.jpg"))

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, i: int) -> tuple[Tensor, Tensor]:
        image = Image.open(self.files[i]).convert("RGB")
        image = image.resize((PX, PX), Image.Resampling.BICUBIC)
        if torch.rand(()) < 0.5:
            image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        lab = torch.from_numpy(rgb2lab(np.array(image)).astype("float32")).permute(2, 0, 1)
        return lab[:1] / 50 - 1, lab[1:] / 110


class Plain:
    """The loop of the tutorials."""

    precision = "32-true"

    def __init__(self, recipe: Recipe, folder: Path) -> None:
        assert recipe.discriminator is not None
        self.recipe, self.pictures = recipe, LabPictures(folder)
        self.g = build_generator(recipe.generator).to(DEVICE)
        self.d = build_discriminator(recipe.discriminator, 2).to(DEVICE)
        self.opt_g = torch.optim.Adam(self.g.parameters(), lr=2e-4, betas=(0.5, 0.999))
        self.opt_d = torch.optim.Adam(self.d.parameters(), lr=2e-4, betas=(0.5, 0.999))
        self.bce, self.l1 = nn.BCEWithLogitsLoss(), nn.L1Loss()

    def batches(self) -> Iterator[Any]:
        """Batches without end."""
        return iter(
            DataLoader(
                self.pictures,
                batch_size=self.recipe.stages[0].batch_images,
                sampler=RandomSampler(self.pictures, replacement=True, num_samples=ENDLESS),
                num_workers=self.recipe.workers,
                pin_memory=CUDA,
            )
        )

    def step(self, batch: tuple[Tensor, Tensor]) -> None:
        """One step of both networks, its losses read."""
        gray, color = (x.to(DEVICE) for x in batch)
        fake = self.g(gray)

        self.d.requires_grad_(True)
        self.opt_d.zero_grad()
        on_fake, on_real = self.d(gray, fake.detach()), self.d(gray, color)
        loss_fake = self.bce(on_fake, torch.zeros_like(on_fake))
        loss_real = self.bce(on_real, torch.ones_like(on_real))
        loss_d = (loss_fake + loss_real) * 0.5
        loss_d.backward()
        self.opt_d.step()

        self.d.requires_grad_(False)
        self.opt_g.zero_grad()
        on_fake = self.d(gray, fake)
        loss_g = self.bce(on_fake, torch.ones_like(on_fake)) + LAMBDA_L1 * self.l1(fake, color)
        loss_g.backward()
        self.opt_g.step()
        loss_d.item(), loss_g.item()


class Ours:
    """The trainer, held at each step."""

    def __init__(self, recipe: Recipe, folder: Path, out: Path) -> None:
        self.recipe = recipe
        self.plan = make_plan(recipe, [folder], out, None)
        fabric = make_fabric(recipe)
        self.precision = fabric._precision.precision
        self.run = Run(fabric, recipe, self.plan.pictures, self.plan.checkpoints, started=False)
        self.loop = Loop(self.plan, self.run, None, Interrupt())
        self.players = self.run.players()
        self.run.g.train()

    def batches(self) -> Iterator[Any]:
        """Batches without end, from where the last ones ended."""
        return batches(
            self.plan.crops(0),
            first=self.run.stage_images,
            last=ENDLESS,
            batch_images=self.run.stage.batch_images,
            workers=self.recipe.workers,
        )

    def step(self, batch: tuple[Tensor, Tensor]) -> None:
        """One step of the trainer's loop, without its log and looks."""
        stage = self.run.stage
        self.loop.set_lrs(self.players, stage, ENDLESS)
        self.loop.step(self.players, stage, self.loop.views(stage, batch[0], None))
        self.run.ema.update(self.run.g)
        self.run.stage_images += stage.batch_images


def wait_for_device() -> None:
    """Kernels of a GPU are still running when Python is done with them."""
    if CUDA:
        torch.cuda.synchronize()


def measure(side: Plain | Ours, least_steps: int, least_s: float) -> dict[str, float]:
    """Pictures a second of so many steps and seconds, and the share of waiting for pictures."""
    stream = side.batches()
    side.step(next(stream))
    wait_for_device()
    start, waited_s, steps = time.perf_counter(), 0.0, 0
    while steps < least_steps or time.perf_counter() - start < least_s:
        asked = time.perf_counter()
        batch = next(stream)
        waited_s += time.perf_counter() - asked
        side.step(batch)
        steps += 1
    wait_for_device()
    took_s = time.perf_counter() - start
    return {
        "images_per_s": steps * side.recipe.stages[0].batch_images / took_s,
        "waiting": waited_s / took_s,
    }


def matmul_flops(dtype: torch.dtype) -> float:
    """Operations a second of the best of a few matrix products."""
    side = 8192 if CUDA else 1024
    a, b = (torch.randn(side, side, device=DEVICE).to(dtype) for _ in range(2))
    best_s = float("inf")
    for _ in range(4):
        wait_for_device()
        start = time.perf_counter()
        a @ b
        wait_for_device()
        best_s = min(best_s, time.perf_counter() - start)
    return 2 * side**3 / best_s


def flops_of_a_picture(plain: Plain) -> float:
    """Multiplications and additions of the step's convolutions, by torch's own count."""
    batch = [
        torch.stack(planes) for planes in zip(*(plain.pictures[i] for i in (0, 1)), strict=True)
    ]
    with FlopCounterMode(display=False) as counter:
        plain.step((batch[0], batch[1]))
    return counter.get_total_flops() / 2


def where_time_goes(side: Plain | Ours) -> dict[str, float]:
    """Shares of the step's time, by kind of operation; of the GPU's time where there is one."""
    stream = side.batches()
    batch = next(stream)
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if CUDA else [])]
    with profile(activities=activities) as profiler:
        side.step(batch)
        wait_for_device()
    spent: Counter[str] = Counter()
    for event in profiler.events():
        if event.device_type != DeviceType.CPU:  # a kernel: it is told with what launched it
            continue
        own = event.self_device_time_total if CUDA else event.self_cpu_time_total
        spent[_group(event)] += own
    total = sum(spent.values())
    return {group: us / total for group, us in spent.most_common()}


def _group(event: Any) -> str:
    while event is not None:
        for group, parts in GROUPS.items():
            if any(part in event.name for part in parts):
                return group
        event = event.cpu_parent
    return "the rest"


def spread(values: list[float]) -> dict[str, float]:
    """Least, median and greatest."""
    return {"min": min(values), "median": statistics.median(values), "max": max(values)}


def compare(folder: Path, out: Path, given: argparse.Namespace) -> dict[str, Any]:
    """Build both sides, alternate them, and say what came out."""
    recipe = load_recipe(
        "coco-pix2pix",
        (
            f"workers={given.workers}",
            f"holdout_images={HELD_OUT}",
            "stages.gan.epochs=null",
            f"stages.gan.total_images={ENDLESS}",
            f"stages.gan.batch_images={given.batch_images}",
        ),
    )
    sides: dict[str, Plain | Ours] = {
        "plain": Plain(recipe, folder),
        "ours": Ours(recipe, folder, out),
    }
    assert isinstance(sides["plain"], Plain)
    flops = flops_of_a_picture(sides["plain"])
    rounds: dict[str, list[dict[str, float]]] = {name: [] for name in sides}
    peaks: dict[str, list[float]] = {"fp32": [], "bf16": []}
    for _ in range(given.rounds):
        peaks["fp32"].append(matmul_flops(torch.float32))
        peaks["bf16"].append(matmul_flops(torch.bfloat16))
        for name, side in sides.items():
            rounds[name].append(measure(side, given.steps, given.seconds))
    report: dict[str, Any] = {
        "machine": machine(),
        "pictures": len(LabPictures(folder)),
        "batch_images": given.batch_images,
        "workers": given.workers,
        "rounds": given.rounds,
        "gflop_per_image": flops / 1e9,
        "peak_gflops": {name: max(values) / 1e9 for name, values in peaks.items()},
    }
    for name, side in sides.items():
        rates = spread([r["images_per_s"] for r in rounds[name]])
        gflops = rates["median"] * flops / 1e9
        report[name] = {
            "precision": side.precision,
            "images_per_s": rates,
            "gflops": gflops,
            "share_of_peak": {k: gflops / peak for k, peak in report["peak_gflops"].items()},
            "waiting_for_pictures": statistics.median(r["waiting"] for r in rounds[name]),
            "step": where_time_goes(side),
        }
    report["ratio"] = spread(
        [
            ours["images_per_s"] / plain["images_per_s"]
            for ours, plain in zip(rounds["ours"], rounds["plain"], strict=True)
        ]
    )
    return report


def machine() -> dict[str, Any]:
    """Where the figures come from."""
    return {
        "device": torch.cuda.get_device_name() if CUDA else _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "threads": torch.get_num_threads(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "load": os.getloadavg()[0],
        "system": platform.platform(),
        "python": platform.python_version(),
        **{name: version(name) for name in PACKAGES},
    }


def _processor() -> str:
    """The name that Linux has for it, or the kind."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def table(report: dict[str, Any]) -> str:
    """The report for people."""
    peaks = report["peak_gflops"]
    lines = [
        ", ".join(f"{key} {value}" for key, value in report["machine"].items()),
        "",
        f"{report['pictures']} JPEG files, batches of {report['batch_images']}, "
        f"{report['workers']} workers, {report['rounds']} rounds",
        f"a step is {report['gflop_per_image']:.1f} GFLOP a picture; matrix products reach "
        f"{peaks['fp32']:.0f} GFLOP/s in float32, {peaks['bf16']:.0f} in bfloat16",
        "",
        f"{'pictures a second':20}{'min':>8}{'median':>8}{'max':>8}",
    ]
    for name in ("plain", "ours", "ratio"):
        rates = report[name] if name == "ratio" else report[name]["images_per_s"]
        label = name if name == "ratio" else f"{name}, {report[name]['precision']}"
        lines.append(f"{label:20}" + "".join(f"{rates[k]:8.2f}" for k in ("min", "median", "max")))
    lines += ["", f"{'':28}{'plain':>8}{'ours':>8}"]
    for label, key in (("of the float32 peak", "fp32"), ("of the bfloat16 peak", "bf16")):
        shares = (report[name]["share_of_peak"][key] for name in ("plain", "ours"))
        lines.append(f"{label:28}" + "".join(f"{share:8.1%}" for share in shares))
    shares = (report[name]["waiting_for_pictures"] for name in ("plain", "ours"))
    lines.append(f"{'waiting for pictures':28}" + "".join(f"{share:8.1%}" for share in shares))
    lines += ["", "of the step's time"]
    for group in (*GROUPS, "the rest"):
        shares = (report[name]["step"].get(group, 0.0) for name in ("plain", "ours"))
        lines.append(f"{group:28}" + "".join(f"{share:8.1%}" for share in shares))
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--data", type=Path, help="a folder of JPEG files of 256 px and more")
    parser.add_argument("--batch-images", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=2, help="timed steps of a round, at least")
    parser.add_argument("--seconds", type=float, default=8.0, help="of a round, at least")
    parser.add_argument("--workers", type=int, default=min(4, len(os.sched_getaffinity(0))))
    parser.add_argument("--json", action="store_true", help="machine-readable output")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = given.data or Path(name) / "pictures"
        if given.data is None:
            folder.mkdir()
            make_pictures(folder)
        report = compare(folder, Path(name) / "run", given)
    print(json.dumps(report, indent=2) if given.json else table(report))


if __name__ == "__main__":
    main()
