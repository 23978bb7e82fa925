"""MobileNetV2 from a safetensors file, as an ONNX graph built in memory: no torch.

Source: Sandler et al., MobileNetV2: inverted residuals and linear bottlenecks, CVPR 2018; the
weights in the layout of Keras Applications (batch norm folded in), which pads as TensorFlow does.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tintype.errors import MissingExtra, ModelError

INPUT_PX = 224
FEATURES = 320
CLASSES = 1000
HEAD = 1280
BLOCKS = (  # expansion, channels out, stride
    *[(1, 16, 1)],
    *[(6, 24, 2), (6, 24, 1)],
    *[(6, 32, 2), (6, 32, 1), (6, 32, 1)],
    *[(6, 64, 2), (6, 64, 1), (6, 64, 1), (6, 64, 1)],
    *[(6, 96, 1), (6, 96, 1), (6, 96, 1)],
    *[(6, 160, 2), (6, 160, 1), (6, 160, 1)],
    *[(6, 320, 1)],
)

Tensors = Mapping[str, NDArray[np.float32]]


def load(path: Path) -> Tensors:
    """The tensors of a file, float32. Raises ModelError when they are not those of a MobileNetV2.

    Raises MissingExtra without the packages of the extra `metrics`.
    """
    try:
        from safetensors import SafetensorError
        from safetensors.numpy import load_file
    except ModuleNotFoundError:
        raise MissingExtra.named("metrics", "The judge MobileNetV2") from None
    try:
        tensors = {name: t.astype(np.float32) for name, t in load_file(path).items()}
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{path}: not a safetensors file that can be read: {error}.") from None
    for name, shape in shapes().items():
        for part, wanted in ((".weight", shape), (".bias", shape[:1])):
            found = tensors[name + part].shape if name + part in tensors else None
            if found != wanted:
                raise ModelError(
                    f"{path}: not a judge of the shape of MobileNetV2 1.0: {name + part} is "
                    f"{'not there' if found is None else found}, and must be {wanted}."
                )
    return tensors


def to_onnx(tensors: Tensors) -> bytes:
    """Pictures (N, 3, 224, 224) in [-1, 1] to features (N, 320) and logits (N, 1000)."""
    try:
        from onnx import TensorProto, helper, numpy_helper
    except ModuleNotFoundError:
        raise MissingExtra.named("metrics", "The judge MobileNetV2") from None
    nodes: list[Any] = []

    def add(op: str, inputs: list[str], output: str, **attributes: Any) -> str:
        nodes.append(helper.make_node(op, inputs, [output], **attributes))
        return output

    def conv(x: str, name: str, *, stride: int = 1, groups: int = 1, relu6: bool = True) -> str:
        out = add(
            "Conv", [x, f"{name}.weight", f"{name}.bias"], name,
            strides=[stride, stride], group=groups, auto_pad="SAME_UPPER",
        )  # fmt: skip
        return add("Clip", [out, "zero", "six"], f"{name}.relu6") if relu6 else out

    x, channels = conv("rgb", "features.0", stride=2), 32
    for i, (expansion, out, stride) in enumerate(BLOCKS):
        y = conv(x, f"blocks.{i}.expand") if expansion > 1 else x
        y = conv(y, f"blocks.{i}.depthwise", stride=stride, groups=channels * expansion)
        y = conv(y, f"blocks.{i}.project", relu6=False)
        x = add("Add", [x, y], f"blocks.{i}") if stride == 1 and channels == out else y
        channels = out
    add("ReduceMean", [x, "spatial_axes"], "features", keepdims=0)
    pooled = add("ReduceMean", [conv(x, "head"), "spatial_axes"], "pooled", keepdims=0)
    add("Gemm", [pooled, "classifier.weight", "classifier.bias"], "logits", transB=1)

    constants = {"zero": np.float32(0), "six": np.float32(6), "spatial_axes": np.array([2, 3])}
    graph = helper.make_graph(
        nodes,
        "mobilenet_v2",
        [helper.make_tensor_value_info("rgb", TensorProto.FLOAT, ["n", 3, INPUT_PX, INPUT_PX])],
        [
            helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", FEATURES]),
            helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", CLASSES]),
        ],
        [
            numpy_helper.from_array(np.asarray(array), name)
            for name, array in {**tensors, **constants}.items()
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    return bytes(model.SerializeToString())


def shapes() -> dict[str, tuple[int, ...]]:
    """The shape of each layer's weight; its bias has the first of the numbers."""
    found: dict[str, tuple[int, ...]] = {"features.0": (32, 3, 3, 3)}
    channels = 32
    for i, (expansion, out, _) in enumerate(BLOCKS):
        wide = channels * expansion
        if expansion > 1:
            found[f"blocks.{i}.expand"] = (wide, channels, 1, 1)
        found[f"blocks.{i}.depthwise"] = (wide, 1, 3, 3)
        found[f"blocks.{i}.project"] = (out, wide, 1, 1)
        channels = out
    return found | {"head": (HEAD, FEATURES, 1, 1), "classifier": (CLASSES, HEAD)}
