"""What a run will cost, by trying two steps of each of its stages."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import torch

from tintype.recipe import Recipe
from tintype.train.device import make_fabric
from tintype.train.interrupt import Interrupt
from tintype.train.loop import Loop
from tintype.train.plan import Plan, make_plan, parameters
from tintype.train.run import Run


def describe(recipe: Recipe, data: list[Path], out: Path, val: list[Path] | None) -> str:
    """The resolved recipe and what was found and measured, as YAML and comments.

    Nothing is written. Raises what `train` would before its first step.
    """
    plan = make_plan(recipe, data, out, val, write=False)
    g, d = parameters(recipe)
    lines = [
        recipe.to_yaml().rstrip(),
        "---",
        f"# pictures: {len(plan.source):,} found ({plan.source.form}), "
        f"{len(plan.held_l):,} of the held-out ones are looked at",
        f"# parameters: generator {g:,}, discriminator {d:,}",
        *_stages(plan),
    ]
    if plan.state is not None:
        lines.append(f"# {out}: goes on after {plan.state['images']:,} images")
    return "\n".join(lines)


def _stages(plan: Plan) -> list[str]:
    """A line for each stage, on one device; the time is that of the steps, with nothing beside."""
    machine = plan.recipe.machine.model_copy(update={"devices": 1, "nodes": 1})
    alone = plan.recipe.model_copy(update={"machine": machine})
    fabric = make_fabric(alone)
    run = Run(fabric, plan.recipe, plan.pictures, plan.checkpoints, started=False)
    done_stages, done_images = 0, 0
    if plan.state is not None:
        done_stages, done_images = plan.state["stage_number"], plan.state["stage_images"]
    lines, total_s = [], 0.0
    for number, stage in enumerate(plan.recipe.stages):
        if number < done_stages:
            lines.append(f"# stage {stage.name}: done")
            continue
        run.stage_number = number
        run.begin_stage()
        loop = Loop(plan, run, None, Interrupt())
        players = run.players()
        crops = plan.crops(number)
        batch = torch.stack([crops[i % len(crops.keep)][0] for i in range(stage.batch_images)])
        seconds = []
        for _ in range(2):  # the first one also makes room
            began = time.perf_counter()
            losses = loop.step(players, stage, loop.views(stage, batch, None))
            for value in losses.values():
                float(value)  # waits for the device
            seconds.append(time.perf_counter() - began)
        images = plan.lengths[number] - (done_images if number == done_stages else 0)
        total_s += (took := images / stage.batch_images * seconds[-1])
        lines.append(
            f"# stage {stage.name}: {len(plan.keep[number]):,} pictures, {images:,} images of "
            f"{stage.crop_px} px in batches of {stage.batch_images}: "
            f"{stage.batch_images / seconds[-1]:.1f} images/s, {_time(took)}"
        )
    return [
        *lines,
        f"# in all: {_time(total_s)} on {fabric.device}, looks and waiting for pictures aside; "
        f"memory {_memory_bytes(fabric.device) / 1e9:.1f} GB",
    ]


def _memory_bytes(device: torch.device) -> int:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    try:
        import resource  # Windows has none
    except ImportError:
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak * (1 if sys.platform == "darwin" else 1024)


def _time(seconds: float) -> str:
    for unit, size in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} seconds"
