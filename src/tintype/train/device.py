"""Devices and processes: Fabric, from a recipe or from who started us."""

from __future__ import annotations

import logging
import os
import warnings
from typing import Literal, TypeVar

import torch
from lightning_fabric import Fabric
from torch import nn

from tintype.errors import RecipeError
from tintype.recipe import Recipe

_Network = TypeVar("_Network", bound=nn.Module)


def make_fabric(recipe: Recipe) -> Fabric:
    """Fabric as the recipe says, its processes started; torchrun's and `fabric run`'s own numbers
    come before the recipe's.

    Raises RecipeError where the machine has no such devices.
    """
    machine = recipe.machine
    if machine.deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # what cuBLAS asks for
        torch.use_deterministic_algorithms(True)
    warnings.filterwarnings("ignore", module="lightning_fabric")
    logging.getLogger("lightning.fabric").setLevel(logging.WARNING)
    if os.environ.get("LT_CLI_USED") == "1":
        return Fabric(precision=precision_of(recipe))  # which has started them already
    devices, nodes = machine.devices, machine.nodes
    if "TORCHELASTIC_RUN_ID" in os.environ:
        devices = int(os.environ["LOCAL_WORLD_SIZE"])
        nodes = int(os.environ["WORLD_SIZE"]) // devices
    several = devices * nodes > 1
    try:
        fabric = Fabric(
            accelerator=machine.accelerator,
            devices=devices,
            num_nodes=nodes,
            strategy="ddp" if several else machine.strategy,
            precision=precision_of(recipe),
        )
    except (RuntimeError, ValueError) as error:  # Fabric's own words, of several lines
        said = " ".join(str(error).split())
        raise RecipeError(f"machine: {said}") from None
    fabric.launch()
    return fabric


def precision_of(recipe: Recipe) -> Literal["bf16-mixed", "32-true"]:
    """The precision that the recipe asks for, or that the device is fastest in."""
    if recipe.precision != "auto":
        return recipe.precision
    if recipe.machine.accelerator in ("auto", "cuda") and torch.cuda.is_available():
        fast = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        fast = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return "bf16-mixed" if fast else "32-true"


def lay_out(network: nn.Module, recipe: Recipe) -> None:
    """Put weights into the order of memory that convolutions are fastest in.

    Channels last, but for float32 on CPUs: there oneDNN copies weights and gradients back and forth
    for it, which only depthwise convolutions make up for.
    """
    on_cpu = recipe.machine.accelerator == "cpu" or not torch.cuda.is_available()
    depthwise = any(isinstance(m, nn.Conv2d) and m.groups > 1 for m in network.modules())
    if depthwise or not (on_cpu and precision_of(recipe) == "32-true"):
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def synchronized(network: _Network, fabric: Fabric) -> _Network:
    """Batch statistics over all GPUs; torch has none over CPU processes, where each has its own."""
    if fabric.world_size > 1 and fabric.device.type == "cuda":
        return nn.SyncBatchNorm.convert_sync_batchnorm(network)  # type: ignore[no-any-return, no-untyped-call]
    return network


def seed_step(seed: int, images: int, rank: int) -> None:
    """What is random in a step (dropout) depends on its place in the run, and on nothing before."""
    torch.manual_seed(hash((seed, images, rank)) & (2**63 - 1))
