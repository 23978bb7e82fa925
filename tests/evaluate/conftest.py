"""Sets of true pictures, results of a foreign tool, and a judge."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance
from safetensors.numpy import save_file
from skimage import data

from tintype.evaluate import mobilenet

Run = Callable[..., subprocess.CompletedProcess[str]]

PX = 72


@pytest.fixture
def truth(tmp_path: Path) -> Path:
    """Nine real photographs of three groups and several sizes, in two formats."""
    folder = tmp_path / "truth"
    folder.mkdir()
    views = {"people": data.astronaut(), "food": data.coffee(), "cat": data.chelsea()}
    for group, picture in views.items():
        image = Image.fromarray(picture)
        for i in range(3):
            left, top = i * (image.width - 200) // 2, i * (image.height - 200) // 2
            cut = image.crop((left, top, left + 200, top + 200 - 20 * i))
            suffix = "jpg" if i else "png"
            cut.resize((PX, PX - 7 * i)).save(folder / f"{group}_{i}.{suffix}", quality=95)
    return folder


@pytest.fixture
def foreign(truth: Path, tmp_path: Path) -> Path:
    """Pictures as another tool leaves them: named as the true ones, paler, in another format."""
    folder = tmp_path / "foreign"
    folder.mkdir()
    for file in truth.iterdir():
        with Image.open(file) as image:
            pale = ImageEnhance.Color(image.convert("RGB")).enhance(0.6)
        pale.save(folder / f"{file.stem}.webp", lossless=True)
    return folder


@pytest.fixture(scope="session")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A MobileNetV2 that has learned nothing: what it sees is arbitrary, but depends on color."""
    rng = np.random.default_rng(0)
    tensors = {}
    for name, shape in mobilenet.shapes().items():
        fan_in = int(np.prod(shape[1:]))
        weight = rng.normal(0, (2 / fan_in) ** 0.5, shape)
        tensors[f"{name}.weight"] = weight.astype(np.float16)
        tensors[f"{name}.bias"] = np.zeros(shape[0], np.float32)
    path = tmp_path_factory.mktemp("judge") / "mobilenet.safetensors"
    save_file(tensors, path)
    return path


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Results of other runs are not seen, and one process measures unless a test says."""
    monkeypatch.setenv("TINTYPE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TINTYPE_THREADS", "1")
    return tmp_path / "cache"


@pytest.fixture
def evaluate(tmp_path: Path) -> Run:
    """Runs `tintype evaluate` in a process of its own."""

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-W", "error", "-m", "tintype", "evaluate"]
        return subprocess.run(
            [*command, *map(str, arguments)],
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
        )

    return run
