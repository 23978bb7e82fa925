"""Starting from a whole trained generator: a model file, a checkpoint, a run."""

from __future__ import annotations

import math
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

from tintype.errors import CheckpointError
from tintype.models.store import locate
from tintype.nn.generators import Generator
from tintype.train import checkpoint
from tintype.train.weights import weights_of

ADDED = ("hints.", "likely.")
"""Parts that a network may come without, by their names."""


def initialize(g: Generator, source: str) -> None:
    """Give a generator the weights of a trained one of the same kind.

    `source` is a run folder or one of its checkpoints, whose averaged weights are taken as they
    are, or a model by name or file. Where it knows no hints, or does not tell how likely colors
    are, the part for that stays as it is, which is without effect on the color. A model file has
    its batch norms folded into the convolutions: `unfold` gives them back. Raises CheckpointError
    where the weights are of another network, and ModelError and UnknownModel as `locate` does.
    """
    path = Path(source)
    if path.is_dir() or path.suffix == ".pt":
        weights = checkpoint.averaged(path)["ema"]
        folded = False
    else:
        weights = weights_of(locate(source), prefix="")
        folded = True
    own = g.state_dict()
    for part in ADDED:
        if not any(name.startswith(part) for name in weights):
            weights |= {name: mine for name, mine in own.items() if name.startswith(part)}
    norms = {name: norm for name, norm in g.named_modules() if isinstance(norm, _BatchNorm)}
    biases: dict[str, Tensor] = {}
    taken = {}
    for name, mine in own.items():
        norm, _, _ = name.rpartition(".")
        if folded and norm in norms:
            taken[name] = mine
            biases[norm] = _folded_bias(weights, norm, source)
            continue
        given = weights.get(name)
        if given is None or given.shape != mine.shape:
            raise _another(source, name)
        taken[name] = given
    g.load_state_dict(taken)
    for name, bias in biases.items():
        norm_of_name = norms[name]
        if bias.shape != norm_of_name.running_mean.shape:  # type: ignore[union-attr]
            raise _another(source, name)
        with torch.no_grad():  # so that the norm only adds the bias, whatever it is given
            norm_of_name.running_mean.zero_()  # type: ignore[union-attr]
            norm_of_name.running_var.fill_(1.0)  # type: ignore[union-attr]
            norm_of_name.weight.fill_(math.sqrt(1 + norm_of_name.eps))
            norm_of_name.bias.copy_(bias)


@torch.no_grad()
def unfold(g: Generator, gray: Tensor) -> None:
    """Give batch norms back the statistics that folding took, from pictures `gray` (N, 1, H, W).

    What the network computes in `eval` stays the same; in training its norms then meet the mean
    and variance that they expect. Norms that have kept their statistics stay as they are.
    """
    norms = [m for m in g.modules() if isinstance(m, _BatchNorm) and _is_folded(m)]
    seen: dict[_BatchNorm, Tensor] = {}
    hooks = [norm.register_forward_pre_hook(lambda m, x: seen.update({m: x[0]})) for norm in norms]
    was_training = g.training
    g.eval()(gray)
    g.train(was_training)
    for hook in hooks:
        hook.remove()
    for norm, x in seen.items():
        mean, variance = x.float().mean((0, 2, 3)), x.float().var((0, 2, 3))
        scale = norm.weight / math.sqrt(1 + norm.eps)  # 1, but for rounding
        norm.running_mean.copy_(mean)  # type: ignore[union-attr]
        norm.running_var.copy_(variance)  # type: ignore[union-attr]
        norm.bias.add_(scale * mean)
        norm.weight.copy_(scale * (variance + norm.eps).sqrt())


def _is_folded(norm: _BatchNorm) -> bool:
    assert norm.running_mean is not None
    assert norm.running_var is not None
    return bool((norm.running_mean == 0).all() and (norm.running_var == 1).all())


def _folded_bias(weights: dict[str, Tensor], norm: str, source: str) -> Tensor:
    convolution = norm.rpartition(".")[0] + ".conv.weight_bias"  # the exporter's name for it
    if convolution not in weights:
        raise _another(source, norm)
    return weights[convolution]


def _another(source: str, name: str) -> CheckpointError:
    return CheckpointError(
        f"init: {source}: the weights of another network ({name} is missing or of another shape).",
        hint="Use the recipe that it was trained with, or start without it.",
    )
