"""The command line is tested from outside: real processes, real files."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

NOBODY = 65534

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def album(tmp_path: Path) -> Path:
    """A folder of real photographs, gray, in two levels; the current one of `tintype`."""
    folder = tmp_path / "album"
    for name, picture in {
        "camera.jpg": data.camera(),
        "größe 写真.png": data.coffee(),
        "1969/astronaut.jpg": data.astronaut(),
    }.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).convert("L").save(path)
    return folder


@pytest.fixture
def tintype(album: Path, isolated_home: Path) -> Run:
    """Runs the command in a process of its own, in the album."""
    assert isolated_home.is_dir()

    def run(*arguments: object, **options: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-W", "error", "-m", "tintype", *map(str, arguments)]
        settings = {"cwd": album, "stdin": subprocess.DEVNULL, "timeout": 60} | options
        return subprocess.run(command, capture_output=True, text=True, **settings)  # type: ignore[call-overload, no-any-return]

    return run


@pytest.fixture
def tintype_of_other_user(shared_folder: Path) -> Run:
    """Runs the command in `shared_folder` as somebody whom file permissions bind, unlike root."""
    program = (
        "import os, sys\n"
        "import tqdm, tintype.engines.local, tintype.cli.colorize\n"  # the user may not reach them
        f"if os.geteuid() == 0: os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY})\n"
        "tintype.cli.main(sys.argv[1:])\n"
    )

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", program, *arguments]
        return subprocess.run(
            command, cwd=shared_folder, capture_output=True, text=True, timeout=60
        )

    return run


@pytest.fixture
def shared_folder(tiny_model: Path) -> Iterator[Path]:
    """A folder that every user can reach, with a picture and a model that they can read."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "model.onnx").write_bytes(tiny_model.read_bytes())
        (folder / "album").mkdir()
        Image.fromarray(np.full((32, 32), 99, np.uint8)).save(folder / "album" / "photo.jpg")
        yield folder
