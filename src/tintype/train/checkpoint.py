"""Checkpoints: written whole or not at all."""

from __future__ import annotations

import os
import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from tintype import files
from tintype.errors import CheckpointError, OutputError

FORMAT = 2


def save(path: Path, state: dict[str, Any]) -> None:
    """Write beside, flush to disk, rename: a crash leaves the old checkpoint as it was.

    Raises OutputError where there is no room, or no right, to write.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with (
            files.replacing(path, overwrite=True) as descriptor,
            os.fdopen(descriptor, "wb", closefd=False) as file,
        ):
            torch.save({"format": FORMAT, **state}, file)
    except (OSError, RuntimeError) as error:  # torch turns a full disk into the latter
        raise OutputError(f"{path}: the checkpoint cannot be written ({error}).") from None


def load(path: Path) -> dict[str, Any]:
    """Read a checkpoint. Only tensors and plain values are accepted, never code."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise CheckpointError(f"{path}: no such checkpoint.") from None
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise CheckpointError(
            f"{path}: not a whole checkpoint ({str(error).splitlines()[0]})."
        ) from None
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        raise CheckpointError(f"{path}: not a checkpoint of this version of tintype.")
    return state


def averaged(source: Path) -> dict[str, Any]:
    """The state with the averaged generator: a checkpoint, or of a run its best look or last save.

    Raises CheckpointError where there is none.
    """
    path = source
    if source.is_dir():
        best, latest = source / "checkpoints" / "best.pt", source / "checkpoints" / "latest.pt"
        path = best if best.exists() else latest
    state = load(path)
    if "ema" not in state or "recipe" not in state:
        raise CheckpointError(f"{path}: it holds no generator.")
    return state


def mean_of(sources: Sequence[Path]) -> dict[str, Any]:
    """The state of the last of several, with the mean of their averaged generators.

    Looks of one run, or runs from one start, color better averaged than each (Wortsman et al. 2022,
    "Model soups"). Raises CheckpointError where one is missing or of another network.
    """
    states = [averaged(source) for source in sources]
    parts = [state["ema"] for state in states]
    shapes = {name: tensor.shape for name, tensor in parts[0].items()}
    for source, part in zip(sources, parts, strict=True):
        if shapes != {name: tensor.shape for name, tensor in part.items()}:
            raise CheckpointError(f"{source}: of another network than {sources[0]}.")
    mean = {
        name: torch.stack([part[name].double() for part in parts]).mean(0).to(last.dtype)
        for name, last in parts[-1].items()
    }
    return {**states[-1], "ema": mean}
