"""Judges: the network is the one that its weights are for, and what is none is told of."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from skimage import data

from tintype.errors import MissingExtra, ModelError
from tintype.evaluate import mobilenet
from tintype.evaluate.judge import center_square, open_judge

Run = Callable[..., subprocess.CompletedProcess[str]]


def by_torch(weights: dict[str, Any], picture: Any) -> tuple[Any, Any]:
    """The last block's mean over space, and the logits, written down once more."""
    import torch.nn.functional as F

    def conv(x: Any, name: str, stride: int = 1, groups: int = 1) -> Any:
        weight = weights[f"{name}.weight"]
        if weight.shape[-1] == 3:  # TensorFlow pads less before than after
            before = 1 if stride == 1 else 0
            x = F.pad(x, (before, 1, before, 1))
        return F.conv2d(x, weight, weights[f"{name}.bias"], stride, groups=groups)

    x = F.relu6(conv(picture, "features.0", 2))
    for i, (expansion, _, stride) in enumerate(mobilenet.BLOCKS):
        y = F.relu6(conv(x, f"blocks.{i}.expand")) if expansion > 1 else x
        y = F.relu6(conv(y, f"blocks.{i}.depthwise", stride, y.shape[1]))
        y = conv(y, f"blocks.{i}.project")
        x = x + y if x.shape == y.shape else y
    pooled = F.relu6(conv(x, "head")).mean((2, 3))
    logits = F.linear(pooled, weights["classifier.weight"], weights["classifier.bias"])
    return x.mean((2, 3))[0], logits[0]


def test_the_network_is_the_same_in_torch(judge: Path) -> None:
    torch = pytest.importorskip("torch", reason="torch is the oracle")
    picture = np.ascontiguousarray(data.astronaut()[:300, :230])
    verdict = open_judge(str(judge))(picture)
    weights = {name: torch.from_numpy(t.astype(np.float32)) for name, t in load_file(judge).items()}
    square = torch.from_numpy(center_square(picture, 224).transpose(2, 0, 1)[None].copy())
    with torch.no_grad():
        features, logits = by_torch(weights, square.float() / 127.5 - 1)
    np.testing.assert_allclose(verdict.features, features.numpy(), rtol=1e-4, atol=1e-5)
    assert verdict.category == int(logits.argmax())


def test_judge_is_torch_free(judge: Path) -> None:
    program = (
        "import sys, numpy as np; from tintype.evaluate.judge import open_judge\n"
        f"open_judge({str(judge)!r})(np.zeros((30, 40, 3), np.uint8))\n"
        "assert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_name_tells_features_and_size(judge: Path) -> None:
    opened = open_judge(str(judge))
    assert opened.distance_name == "FD MobileNetV2-320@224"
    assert "bicubic" in opened.name
    assert np.isnan(opened.distance(np.zeros((8, 8, 3), np.uint8), np.zeros((8, 8, 3), np.uint8)))


def test_judge_of_the_wrong_shape(judge: Path, tmp_path: Path) -> None:
    tensors = load_file(judge)
    wrong = tmp_path / "wrong.safetensors"
    save_file(tensors | {"head.weight": np.zeros((640, 320, 1, 1), np.float32)}, wrong)
    with pytest.raises(ModelError, match=r"wrong\.safetensors: .*head\.weight is \(640"):
        open_judge(str(wrong))
    del tensors["classifier.bias"]
    save_file(tensors, wrong)
    with pytest.raises(ModelError, match=r"classifier\.bias is not there"):
        open_judge(str(wrong))


def test_what_is_no_judge(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such file"):
        open_judge(str(tmp_path / "missing.safetensors"))
    junk = tmp_path / "junk.safetensors"
    junk.write_bytes(b"not weights")
    with pytest.raises(ModelError, match=r"junk\.safetensors: not a safetensors file"):
        open_judge(str(junk))


@pytest.mark.parametrize("package", ["safetensors", "onnx"])
def test_missing_extra(judge: Path, monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtra, match=r"tintype\[metrics\]"):
        open_judge(str(judge))


def test_judges_that_need_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    monkeypatch.setitem(sys.modules, "torch_fidelity", None)
    for name in ("resnet18", "inception"):
        with pytest.raises(MissingExtra, match=r"tintype\[literature\]"):
            open_judge(name)


def test_timm_model_from_a_folder(tmp_path: Path) -> None:
    if not importlib.util.find_spec("timm"):
        pytest.skip("timm is not installed")
    timm = pytest.importorskip("timm", reason="timm is broken here", exc_type=Exception)
    import torch
    from timm.models import save_config_for_hf  # type: ignore[attr-defined]

    model = timm.create_model("resnet10t", pretrained=False).eval()
    torch.save(model.state_dict(), tmp_path / "pytorch_model.bin")
    save_config_for_hf(model, tmp_path / "config.json")
    opened = open_judge(str(tmp_path))
    assert opened(data.astronaut()).features.shape == (opened.features,)
    with pytest.raises(ModelError, match="cannot be opened"):
        open_judge("no_such_model")
