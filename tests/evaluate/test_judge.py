"""Judges: the network is the one that its weights are for, and what is none is told of."""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from skimage import data

from tintype.errors import MissingExtra, ModelError
from tintype.evaluate import mobilenet
from tintype.evaluate.judge import center_square, open_judge
from tintype.evaluate.run import Evaluation
from tintype.evaluate.run import evaluate as run

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


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Writes a package that stands in for one that is not installed here, or broken."""
    folder = tmp_path / "packages"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    written: list[str] = []

    def write(name: str, text: str) -> None:
        path = folder
        for part in name.split("."):
            path /= part
            path.mkdir(exist_ok=True)
            (path / "__init__.py").touch()
        (path / "__init__.py").write_text(text)
        for loaded in modules_of(name):
            monkeypatch.delitem(sys.modules, loaded)
        written.append(name)

    def modules_of(name: str) -> list[str]:
        package, *_ = name.split(".")
        return [module for module in sys.modules if module.split(".")[0] == package]

    yield write
    for name in written:
        for loaded in modules_of(name):
            del sys.modules[loaded]


def test_torchvision_that_does_not_load(
    package: Callable[..., None], evaluate: Run, truth: Path, foreign: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    package("torchvision", "raise RuntimeError('operator torchvision::nms does not exist\\nmore')")
    for name in ("timm", "torch_fidelity"):
        package(name, "import torchvision")
    path = [str(tmp_path / "packages"), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path))
    for judge in ("resnet18", "inception"):
        done = evaluate(foreign, "--data", truth, "--judge", judge)
        assert done.returncode == 1
        (line,) = done.stderr.splitlines()
        assert f"The judge {judge} needs " in line
        assert "cannot be imported: operator torchvision::nms does not exist. Install" in line


TIMM = """
import torch
from torch import nn

__version__ = "1"

class Model(nn.Module):
    num_features = 3  # what its head makes of them is five

    def __init__(self, num_classes):
        super().__init__()
        self.num_classes = num_classes
        self.body = nn.Conv2d(3, 3, 1)
        self.head = nn.Linear(3, 5)
        self.classifier = nn.Linear(5, num_classes) if num_classes else nn.Identity()

    def forward_features(self, x):
        return self.body(x).mean((2, 3))

    def forward_head(self, x, pre_logits=False):
        return self.head(x) if pre_logits else self.classifier(self.head(x))

def create_model(name, pretrained):
    torch.manual_seed(len(name) if "seeded" in name else 0)
    return Model(0 if "features" in name else 7)
"""
TIMM_DATA = """
import numpy, os, torch

def resolve_model_data_config(model):
    side = int(os.environ.get("SIDE_PX", "8"))
    return {"input_size": (3, side, side), "interpolation": "bicubic", "crop_pct": 0.9}

def create_transform(input_size, is_training, **_):
    size = input_size[:0:-1]
    return lambda image: torch.tensor(numpy.array(image.resize(size))).permute(2, 0, 1) / 255
"""


@pytest.fixture
def stand_in_for_timm(package: Callable[..., None]) -> None:
    """What `torch_judges` uses of timm, with networks of a few weights."""
    pytest.importorskip("torch", reason="the judges of timm need it")
    package("timm", TIMM)
    package("timm.data", TIMM_DATA)


@pytest.mark.usefixtures("stand_in_for_timm")
def test_features_are_counted_as_they_come() -> None:
    opened = open_judge("net")
    verdict = opened(data.astronaut())
    assert opened.features == 5
    assert verdict.features.shape == (5,)
    assert (opened.classes, opened.distance_name) == (7, "FD net-5@8")
    assert verdict.category in range(7)


@pytest.mark.usefixtures("stand_in_for_timm")
def test_the_key_is_of_all_that_matters(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("net", "ten", "seeded", "seeded-2", "features")  # two of the same weights
    keys = [open_judge(name).key for name in names]
    assert len(set(keys)) == len(names)
    assert open_judge("net").key == keys[0]
    monkeypatch.setenv("SIDE_PX", "9")
    assert open_judge("net").key not in keys


@pytest.mark.usefixtures("stand_in_for_timm")
def test_a_judge_without_classes_recognizes_nothing(truth: Path, foreign: Path) -> None:
    def of(judge: str) -> Evaluation:
        return run([str(foreign)], truth, judge=judge, progress=lambda *_: None)

    without, classes = of("features-only"), of("net")
    assert not [column for column in without.table.columns if column.key == "recog"]
    assert [column for column in classes.table.columns if column.key == "recog"]
    assert any("no classes" in warning for warning in without.warnings)
    assert not any("no classes" in warning for warning in classes.warnings)


NETWORK = """
import os, torch

class {name}(torch.nn.Linear):
    def __init__(self, *_, **__):
        super().__init__(2, 2)
        for parameter in self.parameters():
            torch.nn.init.constant_(parameter, {weight})
"""


def test_the_weights_of_lpips_belong_to_the_key(
    package: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("torch", reason="the judge needs it")
    inception = NETWORK.format(name="FeatureExtractorInceptionV3", weight=1)
    package("torch_fidelity.feature_extractor_inceptionv3", inception)
    lpips = NETWORK.format(
        name="LearnedPerceptualImagePatchSimilarity", weight="float(os.environ['WEIGHT'])"
    )
    package("torchmetrics.image.lpip", lpips)
    keys = []
    for weight in ("1", "1", "2"):
        monkeypatch.setenv("WEIGHT", weight)
        keys.append(open_judge("inception").key)
    monkeypatch.setitem(sys.modules, "torchmetrics.image.lpip", None)
    keys.append(open_judge("inception").key)
    assert keys[0] == keys[1]
    assert len(set(keys)) == 3


REAL = {"mobilenetv3_small_050": 1024, "resnet10t": 512, "vit_tiny_patch16_224": 192}


@pytest.mark.parametrize("architecture", sorted(REAL))
def test_timm_model_from_a_folder(tmp_path: Path, architecture: str) -> None:
    if not importlib.util.find_spec("timm"):
        pytest.skip("timm is not installed")
    timm = pytest.importorskip("timm", reason="timm does not load here", exc_type=Exception)
    import torch

    model = timm.create_model(architecture, pretrained=False).eval()
    torch.save(model.state_dict(), tmp_path / "pytorch_model.bin")
    config = {"architecture": architecture, "pretrained_cfg": {"crop_pct": 0.9}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    opened = open_judge(str(tmp_path))
    assert opened.features == REAL[architecture]
    assert opened(data.astronaut()).features.shape == (opened.features,)
    config["pretrained_cfg"] = {"crop_pct": 0.8}
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert open_judge(str(tmp_path)).key != opened.key
    with pytest.raises(ModelError, match="cannot be opened"):
        open_judge("no_such_model")
