"""Devices and processes: Fabric, from a recipe or from who started us."""

from __future__ import annotations

import logging
import os
import warnings
from typing import TypeVar

import torch
from lightning_fabric import Fabric
from torch import nn

from tintype.errors import RecipeError
from tintype.recipe import Recipe

_Network = TypeVar("_Network", bound=nn.Module)


def make_fabric(recipe: Recipe) -> Fabric:
    """Fabric as the recipe says; torchrun's and `fabric run`'s own numbers come before it.

    Raises RecipeError where the machine has no such devices.
    """
    machine = recipe.machine
    if machine.deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # what cuBLAS asks for
        torch.use_deterministic_algorithms(True)
    warnings.filterwarnings("ignore", module="lightning_fabric")
    logging.getLogger("lightning.fabric").setLevel(logging.WARNING)
    precision = recipe.precision
    if precision == "auto":
        precision = "bf16-mixed" if _made_for_bfloat16(machine.accelerator) else "32-true"
    if os.environ.get("LT_CLI_USED") == "1":
        return Fabric(precision=precision)
    devices, nodes = machine.devices, machine.nodes
    if "TORCHELASTIC_RUN_ID" in os.environ:
        devices = int(os.environ["LOCAL_WORLD_SIZE"])
        nodes = int(os.environ["WORLD_SIZE"]) // devices
    several = devices * nodes > 1
    try:
        return Fabric(
            accelerator=machine.accelerator,
            devices=devices,
            num_nodes=nodes,
            strategy="ddp" if several else machine.strategy,
            precision=precision,
        )
    except (RuntimeError, ValueError) as error:  # Fabric's own words, of several lines
        said = " ".join(str(error).split())
        raise RecipeError(f"machine: {said}") from None


def _made_for_bfloat16(accelerator: str) -> bool:
    if accelerator != "cpu" and torch.cuda.is_available():
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if accelerator in ("auto", "mps") and torch.backends.mps.is_available():
        return False
    # without it convolutions in bfloat16 fall back to code that is a hundred times slower
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def synchronized(network: _Network, fabric: Fabric) -> _Network:
    """Batch statistics over all GPUs; torch has none over CPU processes, where each has its own."""
    if fabric.world_size > 1 and fabric.device.type == "cuda":
        return nn.SyncBatchNorm.convert_sync_batchnorm(network)  # type: ignore[no-any-return, no-untyped-call]
    return network


def seed_step(seed: int, images: int, rank: int) -> None:
    """What is random in a step (dropout) depends on its place in the run, and on nothing before."""
    torch.manual_seed(hash((seed, images, rank)) & (2**63 - 1))
