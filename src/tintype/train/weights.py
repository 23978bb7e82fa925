"""Starting weights: from a model file of ours, a file of weights, or the hub."""

from __future__ import annotations

import pickle
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
from tintype.nn.resnet import ResNet
from tintype.recipe.networks import GeneratorSpec
from tintype.train.hub import resnet_weights

BUNDLED = "tintype-small"
"""The model whose own encoder is the start where a recipe says `bundled`."""


def load_pretrained(g: Generator, spec: GeneratorSpec) -> None:
    """Give a generator's encoder the weights that its spec names. Raises as `load_encoder` does."""
    if spec.kind == "mobile-unet" and spec.encoder_weights != "none":
        assert isinstance(g.encoder, MobileNetV2)
        load_encoder(g.encoder, spec.encoder_weights)
    elif spec.kind == "resnet-unet" and spec.encoder_weights != "none":
        assert isinstance(g.encoder, ResNet)
        hub = spec.encoder_weights == "hub"
        load_encoder(g.encoder, str(resnet_weights(spec.depth)) if hub else spec.encoder_weights)


def freeze(g: Generator, spec: GeneratorSpec) -> None:
    """What the spec says is frozen takes no gradient."""
    if isinstance(g, MobileUNet) and spec.kind == "mobile-unet" and spec.frozen_blocks:
        g.encoder.features.requires_grad_(False)
        g.encoder.blocks[: spec.frozen_blocks].requires_grad_(False)
    elif isinstance(g.encoder, ResNet) and spec.kind == "resnet-unet" and spec.frozen_norm:
        g.encoder.freeze_norm()


def load_encoder(
    encoder: MobileNetV2 | ResNet, source: str, key: str = "generator.encoder_weights"
) -> None:
    """Give an encoder its start: `bundled`, a .safetensors or .pth file, or a folder with one.

    Raises RecipeError where there is no such file, CheckpointError where it holds something else.
    """
    if source == "bundled" and isinstance(encoder, MobileNetV2):
        weights = weights_of(locate(BUNDLED), prefix="encoder.")
    else:
        weights = _read(Path(source), key)
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


def _read(path: Path, key: str) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    if path.is_dir():
        path = path / "model.safetensors"
    if not path.is_file():
        raise RecipeError(
            f"{key}: {path}: no such file.",
            hint="Use the path of a .safetensors or .pth file"
            + (", or 'none'." if key == "generator.encoder_weights" else "."),
        )
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, pickle.UnpicklingError, RuntimeError, EOFError, OSError) as error:
        what = str(error).partition("\n")[0]
        raise CheckpointError(f"{key}: {path}: not a whole file of weights ({what}).") from None
    content = content.get("state_dict", content) if isinstance(content, dict) else content
    if not isinstance(content, dict) or not all(isinstance(v, Tensor) for v in content.values()):
        raise CheckpointError(f"{key}: {path}: it holds no weights by name.")
    return content
