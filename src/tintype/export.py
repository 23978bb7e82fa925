"""From a checkpoint to a model file: ONNX with the card inside, checked against torch."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from pydantic import ValidationError

from tintype import files
from tintype.errors import CheckpointError, ModelError, OutputError, OutputExists
from tintype.models.card import METADATA_KEY, ModelCard
from tintype.nn.build import build_generator
from tintype.nn.generators import Generator
from tintype.nn.spaces import Colors
from tintype.recipe import Recipe
from tintype.train import checkpoint

OPSET = 18
FLOAT16_ABOVE = 3_500_000
"""With more parameters than this the weights are stored as float16; arithmetic stays float32."""
LARGEST_DIFFERENCE_AB = 0.05
"""Between torch and the model file, float32 weights, in Lab units: far under what can be seen."""
LARGEST_DIFFERENCE_AB_FLOAT16 = 1.0
LARGEST_DIFFERENCE_SHARE = 0.02
SHAPES_PX = ((64, 96), (128, 128), (256, 160))


def export(
    source: Path | Sequence[Path],
    out: Path,
    card: ModelCard | None = None,
    *,
    overwrite: bool = False,
) -> ModelCard:
    """Write the averaged generator of a run folder or checkpoint, or the mean of those of several,
    as an ONNX model.

    Without a card one is made from the recipe. The file is compared with torch on three shapes
    before it appears; ModelError where they differ. Gives the card that is inside.
    """
    if out.exists() and not overwrite:
        raise OutputExists(f"{out}: it exists already.", hint="Use --overwrite to replace it.")
    sources = [source] if isinstance(source, Path) else source
    state = checkpoint.mean_of(sources)
    try:
        recipe = Recipe.model_validate(state["recipe"])
        g = build_generator(recipe.generator)
        g.load_state_dict(state["ema"])
    except (ValidationError, RuntimeError) as error:
        what = str(error).splitlines()[-1].strip()
        raise CheckpointError(f"{sources[-1]}: of another version of tintype ({what}).") from None
    g.eval()
    parameters = sum(p.numel() for p in g.parameters())
    known_px = max(stage.crop_px for stage in recipe.stages)  # the size it knows best
    card = card or _own_card(recipe, parameters)
    card = card.model_copy(
        update={
            "parameters": parameters,
            "multiple_of": g.multiple_of,
            "working_px": card.working_px if "working_px" in card.model_fields_set else known_px,
            "images_seen": state["images"],
            "takes_hints": g.takes_hints,
            "takes_reference": g.likely is not None,
            "gives_confidence": g.likely is not None,
        }
    )
    model = to_onnx(g, card)
    check(g, model, float16=parameters > FLOAT16_ABOVE)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{out}: cannot be written ({error.strerror}).") from None
    with (
        files.replacing(out, overwrite=overwrite) as descriptor,
        os.fdopen(descriptor, "wb", closefd=False) as file,
    ):
        file.write(model.SerializeToString())
    return card


def to_onnx(g: Generator, card: ModelCard) -> onnx.ModelProto:
    """The generator as an ONNX graph, Lab to Lab: `l` in, `ab` out, sizes free, weights' names
    kept. One that takes hints has the inputs `hint_ab` and `hint_mask` as well; one that tells how
    likely colors are has the outputs `shares` and `colors` (`tintype.likely.Likely`)."""
    step = g.multiple_of
    names = ["l", "hint_ab", "hint_mask"] if g.takes_hints else ["l"]
    example = _example(np.random.default_rng(0), 2, 4 * step, 3 * step)[: len(names)]
    dims = {
        0: torch.export.Dim("n"),
        2: step * torch.export.Dim("h_steps", max=512),
        3: step * torch.export.Dim("w_steps", max=512),
    }
    for told_by in ("torch.onnx", "onnx_ir"):  # of their own inner workings
        logging.getLogger(told_by).setLevel(logging.ERROR)
    with warnings.catch_warnings():  # and so does torch
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            Colors(g, g.space, likely=g.likely is not None).eval(),
            tuple(map(torch.from_numpy, example)),
            input_names=names,
            output_names=["ab", "shares", "colors"][: 1 if g.likely is None else 3],
            dynamic_shapes=(dims,) * len(names),
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    model = program.model_proto
    _drop_prefix(model, "generator.")
    if sum(p.numel() for p in g.parameters()) > FLOAT16_ABOVE:
        _store_float16(model)
    _forget_this_machine(model)
    onnx.helper.set_model_props(model, {METADATA_KEY: card.model_dump_json()})
    onnx.checker.check_model(model)
    return model


def _own_card(recipe: Recipe, parameters: int) -> ModelCard:
    return ModelCard(
        name=recipe.name,
        summary=recipe.summary or f"Trained with the recipe {recipe.name}.",
        weights_license="not stated",
        training_data_terms="not stated",
        starting_weights=_starting_weights(recipe),
        recipe=recipe.to_yaml(),
        parameters=parameters,
    )


def _starting_weights(recipe: Recipe) -> str:
    if recipe.init is not None:
        return f"all: {Path(recipe.init).name}"
    encoder = getattr(recipe.generator, "encoder_weights", "none")
    return "none" if encoder == "none" else f"encoder: {Path(encoder).name}"


def _drop_prefix(model: onnx.ModelProto, prefix: str) -> None:
    """Weights under the generator's own names."""
    for tensor in model.graph.initializer:
        tensor.name = tensor.name.removeprefix(prefix)
    for node in model.graph.node:
        node.input[:] = [name.removeprefix(prefix) for name in node.input]


def _store_float16(model: onnx.ModelProto) -> None:
    """Weights as float16, each cast to float32 at the head of the graph."""
    casts = []
    for tensor in model.graph.initializer:
        if tensor.data_type != onnx.TensorProto.FLOAT or not tensor.dims:
            continue
        name, half = tensor.name, numpy_helper.to_array(tensor).astype(np.float16)
        tensor.CopyFrom(numpy_helper.from_array(half, f"{name}.float16"))
        casts.append(
            onnx.helper.make_node("Cast", [tensor.name], [name], to=onnx.TensorProto.FLOAT)
        )
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def _forget_this_machine(model: onnx.ModelProto) -> None:
    """Drop the exporter's notes, which hold source paths and stack traces."""
    model.doc_string = ""
    model.graph.doc_string = ""
    del model.metadata_props[:]
    del model.graph.metadata_props[:]
    del model.graph.value_info[:]
    for node in model.graph.node:
        node.doc_string = ""
        del node.metadata_props[:]
    for value in (*model.graph.input, *model.graph.output, *model.graph.initializer):
        value.doc_string = ""
        del value.metadata_props[:]


def check(g: Generator, model: onnx.ModelProto, *, float16: bool) -> None:
    """Torch and ONNX must tell the same on every shape, with hints and without: else ModelError."""
    from tintype.runtime import Session

    colors, step = Colors(g, g.space, likely=g.likely is not None).eval(), g.multiple_of
    session = Session(model.SerializeToString())
    bound = LARGEST_DIFFERENCE_AB_FLOAT16 if float16 else LARGEST_DIFFERENCE_AB
    rng = np.random.default_rng(0)
    for height, width in sorted(
        {(-(-h // step) * step, -(-w // step) * step) for h, w in SHAPES_PX}
    ):
        l, *hints = _example(rng, 1, height, width)
        for told in ([], hints) if g.takes_hints else ([],):
            with torch.no_grad():
                want = colors(*map(torch.from_numpy, (l, *told)))
            hinted = (told[0], told[1]) if told else None
            if g.likely is not None:
                want, shares, _ = want
                apart = np.abs(session.likely(l, hinted).shares - shares[0].numpy()).max()
                if not apart <= LARGEST_DIFFERENCE_SHARE:
                    raise ModelError(
                        f"The exported model differs from torch by {apart:.3g} in how likely a "
                        f"color is, at {height}x{width}; at most {LARGEST_DIFFERENCE_SHARE} is "
                        "allowed."
                    )
            difference = float(np.abs(session.predict(l, hinted) - want.numpy()).max())
            if not difference <= bound:
                raise ModelError(
                    f"The exported model differs from torch by {difference:.3g} Lab units at "
                    f"{height}x{width}{' with hints' if told else ''}; at most {bound} is allowed."
                )


def _example(
    rng: np.random.Generator, n: int, height: int, width: int
) -> list[NDArray[np.float32]]:
    """Random lightness, hints' colors and their mask, which is 1 here and there."""
    l = rng.uniform(0, 100, (n, 1, height, width))
    ab = rng.uniform(-80, 80, (n, 2, height, width))
    mask = rng.random((n, 1, height, width)) < 0.001
    return [plane.astype(np.float32) for plane in (l, ab * mask, mask)]
