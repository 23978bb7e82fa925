"""Judges: networks that look at a picture and say what they see."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tintype import runtime
from tintype.errors import ModelError
from tintype.evaluate import mobilenet
from tintype.evaluate.metrics.lab import RgbU8


class Verdict(NamedTuple):
    """What a judge sees: features, (features,) float32, and the number of the likeliest class.

    The class is None where the judge knows none.
    """

    features: NDArray[np.float32]
    category: int | None


class Judge(Protocol):
    """A network that looks at one picture, (H, W, 3) uint8.

    `name` says which network, which of its features, and how the picture is resized, and
    `distance_name` the same in short, for the Frechet distance. `key` is of all that its verdicts
    depend on: weights, architecture, preprocessing. `features` is how many there are, `classes` how
    many it tells apart, 0 where it only gives features.
    """

    name: str
    distance_name: str
    key: str
    features: int
    classes: int

    def __call__(self, rgb_u8: RgbU8) -> Verdict: ...

    def distance(self, truth_u8: RgbU8, result_u8: RgbU8) -> float:
        """LPIPS, from 0 up; NaN from a judge that does not give it."""
        ...


def open_judge(judge: str) -> Judge:
    """A judge by the path of a MobileNetV2's .safetensors, or by what timm knows.

    timm takes a model's name, a name on the hub (`hf-hub:...`) or a folder; `inception` is the
    Inception of the literature's FID. Raises ModelError and MissingExtra.
    """
    path = Path(judge)
    if path.suffix == ".safetensors" or path.is_file():
        if not path.is_file():
            raise ModelError(f"{path}: no such file of a judge's weights.")
        return MobileNetV2(path)
    from tintype.evaluate import torch_judges  # it imports this module

    if judge == "inception":
        return torch_judges.Inception()
    return torch_judges.Timm(judge)


class MobileNetV2:
    """MobileNetV2 by onnxruntime: its last block, mean over space, and its classes."""

    name = (
        f"MobileNetV2, {mobilenet.FEATURES} features of the last block, "
        f"short side {mobilenet.INPUT_PX} px (bicubic), center crop"
    )
    distance_name = f"FD MobileNetV2-{mobilenet.FEATURES}@{mobilenet.INPUT_PX}"
    features = mobilenet.FEATURES
    classes = mobilenet.CLASSES

    def __init__(self, path: Path) -> None:
        self.key = hashlib.sha256(path.read_bytes()).hexdigest()
        self._run = runtime.network(mobilenet.to_onnx(mobilenet.load(path)), str(path))

    def __call__(self, rgb_u8: RgbU8) -> Verdict:
        square = center_square(rgb_u8, mobilenet.INPUT_PX)
        x = square.transpose(2, 0, 1)[None].astype(np.float32) / 127.5 - 1
        features, logits = self._run(x)
        return Verdict(features[0], int(logits[0].argmax()))

    def distance(self, truth_u8: RgbU8, result_u8: RgbU8) -> float:  # noqa: ARG002
        return float("nan")


def center_square(rgb_u8: RgbU8, side_px: int) -> NDArray[Any]:
    """The middle of a picture whose short side was resized (bicubic), (side_px, side_px, 3)."""
    image = Image.fromarray(rgb_u8)
    scale = side_px / min(image.size)
    size = round(image.width * scale), round(image.height * scale)
    image = image.resize(size, Image.Resampling.BICUBIC)
    left, top = (image.width - side_px) // 2, (image.height - side_px) // 2
    return np.asarray(image.crop((left, top, left + side_px, top + side_px)))
