"""Starting weights: from a model file of ours, or from a file of weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor

from tintype.errors import CheckpointError, ModelError, RecipeError
from tintype.models.store import locate
from tintype.nn.encoders import MobileNetV2
from tintype.nn.generators import Generator, MobileUNet
from tintype.recipe.networks import GeneratorSpec

BUNDLED = "tintype-small"
"""The model whose own encoder is the start where a recipe says `bundled`."""


def load_pretrained(g: Generator, spec: GeneratorSpec) -> None:
    """Give a generator's encoder the weights that its spec names. Raises as `load_encoder` does."""
    if isinstance(g, MobileUNet) and spec.encoder_weights != "none":
        load_encoder(g.encoder, spec.encoder_weights)


def freeze(g: Generator, spec: GeneratorSpec) -> None:
    """What the spec says is frozen takes no gradient."""
    if isinstance(g, MobileUNet) and spec.frozen_blocks:
        g.encoder.features.requires_grad_(False)
        g.encoder.blocks[: spec.frozen_blocks].requires_grad_(False)


def load_encoder(encoder: MobileNetV2, source: str, key: str = "generator.encoder_weights") -> None:
    """Give an encoder its start: `bundled`, or the path of a .safetensors file.

    Raises RecipeError where there is no such file, CheckpointError where it holds something else.
    """
    if source == "bundled":
        weights = weights_of(locate(BUNDLED), prefix="encoder.")
    else:
        weights = _safetensors(Path(source), key)
    try:
        encoder.load_pretrained(weights)
    except (KeyError, RuntimeError) as error:
        what = str(error).splitlines()[-1].strip()
        raise CheckpointError(
            f"{key}: {source}: not the weights of this encoder ({what})."
        ) from None


def weights_of(model_path: Path, prefix: str) -> dict[str, Tensor]:
    """The weights inside a model file whose names begin with `prefix`, without it, as float32."""
    try:
        model = onnx.load(model_path)
    except Exception as error:  # onnx passes on protobuf's own errors
        raise ModelError(f"{model_path}: not an ONNX model ({error}).") from None
    return {
        # float16 weights carry a name of their own in front of the cast
        t.name.removeprefix(prefix).removesuffix(".float16"): torch.from_numpy(
            numpy_helper.to_array(t).astype(np.float32)
        )
        for t in model.graph.initializer
        if t.name.startswith(prefix)
    }


def _safetensors(path: Path, key: str) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    if not path.is_file():
        raise RecipeError(
            f"{key}: {path}: no such file.",
            hint="Use a .safetensors file, 'bundled', or 'none'.",
        )
    try:
        return load_file(path)
    except SafetensorError as error:
        raise CheckpointError(f"{key}: {path}: not a safetensors file ({error}).") from None
