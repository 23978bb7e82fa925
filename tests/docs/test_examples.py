"""Every example of the README and of docs/ runs, top to bottom, in one folder a page."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from PIL import Image
from skimage import data

from tintype.models.card import ModelCard
from tintype.recipe import load_recipe, recipe_names

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
EXAMPLE = re.compile(r"^```(bash|python|yaml|json)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

SERVING = re.compile(r"^(?:\w+=\S+ )*tintype serve.*\n", re.MULTILINE)

NOT_RUN = ("pip install", "python -m pytest", "tintype data get")
"""The tests run in what the first made, the second is this very run, the third needs a network."""

NETWORKS = {"coco-pix2pix": "--set generator.levels=6 --set generator.width=8"}
"""Of recipes whose networks are made for larger pictures than these short trainings see."""


def shortened(name: str) -> str:
    """Added to a `tintype train` that does not say how long: the pages show the real thing."""
    known = name in recipe_names()
    settings = ["holdout_images=1", "workers=0"]
    for stage in load_recipe(name if known else "tintype-small").stages:
        length = "total_images=2" if stage.total_images else "epochs=1"
        keys = (length, "batch_images=2", "warmup_images=0", "crop_px=64")
        settings += [f"stages.{stage.name}.{key}" for key in keys]
    return " ".join([*(f"--set {setting}" for setting in settings), NETWORKS.get(name, "")])


SERVED = "http://127.0.0.1:8000"
"""Where the pages say that `tintype serve` is; here it takes a port that is free."""


class Served:
    """The server that a page starts, one at a time."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.url = SERVED
        self._folder = folder
        self._environment = environment
        self._process: subprocess.Popen[str] | None = None

    def start(self, line: str) -> None:
        """Run a line that starts with `tintype serve`, or with variables before that."""
        self.stop()
        process = subprocess.Popen(
            ["bash", "-c", f"exec env {line} --port 0"],
            cwd=self._folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        port = process.stdout.readline().strip().rstrip("/").rpartition(":")[2]
        assert port, line
        self._process, self.url = process, f"http://127.0.0.1:{port}"

    def stop(self) -> None:
        if self._process:
            self._process.terminate()
            self._process.communicate(timeout=60)
            self._process = None


class Example(NamedTuple):
    language: str
    text: str


def examples(page: Path) -> list[Example]:
    return [Example(*found.groups()) for found in EXAMPLE.finditer(page.read_text("utf-8"))]


def runnable(block: str) -> str:
    """The block without what cannot run inside a test run, and with short trainings."""
    commands = []
    for line in block.replace("\\\n", " ").splitlines():
        parts = [part for part in line.split(" && ") if not part.startswith(NOT_RUN)]
        for part in parts:
            long = part.startswith("tintype train") and "total_images" not in part
            commands.append(f"{part} {shortened(part.split()[2])}" if long else part)
    return "\n".join(commands)


@pytest.fixture
def reader_folder(tmp_path: Path) -> Path:
    """What the pages assume: photo.jpg, an album of gray pictures, pictures/ and one in color."""
    Image.fromarray(data.rocket()).save(tmp_path / "sunset.jpg")
    gray = {
        "photo.jpg": "coffee",
        "album/cat.png": "chelsea",
        "album/1969/astronaut.jpg": "astronaut",
    }
    for name, picture in gray.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(getattr(data, picture)()).convert("L").save(path)
    (tmp_path / "pictures").mkdir()
    for picture in gray.values():
        Image.fromarray(getattr(data, picture)()).save(tmp_path / "pictures" / f"{picture}.jpg")
    return tmp_path


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_examples_run(page: Path, reader_folder: Path) -> None:
    found = examples(page)
    if any("tintype train" in example.text for example in found):
        pytest.importorskip("torch", reason="training needs the extra 'train'")
    if page.name == "cluster.md":
        pytest.importorskip("ray", reason="clusters need the extra 'ray'")
    bin_folder = str(Path(sys.executable).parent)
    environment = os.environ | {"PATH": os.pathsep.join([bin_folder, os.environ["PATH"]])}
    served = Served(reader_folder, environment)
    try:
        for language, text in found:
            run_example(page, reader_folder, environment, served, language, text)
    finally:
        served.stop()


def run_example(
    page: Path,
    reader_folder: Path,
    environment: dict[str, str],
    served: Served,
    language: str,
    text: str,
) -> None:
    if language == "yaml":
        (reader_folder / "recipe.yaml").write_text(text, "utf-8")
        load_recipe(str(reader_folder / "recipe.yaml"))
        return
    if language == "json":
        ModelCard.from_json(text, where=page.name)
        return
    if language == "bash":
        for line in SERVING.findall(text):
            served.start(line)
        text = SERVING.sub("", text).replace(SERVED, served.url)
    command = (
        ["bash", "-euo", "pipefail", "-c", runnable(text)]
        if language == "bash"
        else [sys.executable, "-W", "error", "-c", text]
    )
    done = subprocess.run(
        command,
        cwd=reader_folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, f"{page.name}:\n{text}\n{done.stdout}\n{done.stderr}"
