"""Places to color from and to, an S3 server, and what is in an archive that is against us."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

from tintype.engines.remote.job import Job


def jpeg(number: int) -> bytes:
    """A small photograph; no two are alike."""
    top, left = np.random.default_rng(number).integers(0, 400, 2)
    file = io.BytesIO()
    Image.fromarray(data.camera()[top : top + 96, left : left + 96]).save(file, "jpeg")
    return file.getvalue()


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Photographs in folders, and among them what is none, is cut, or would meet another."""
    root = tmp_path / "archive"
    contents = {f"{number % 3}/{number:03}.jpg": jpeg(number) for number in range(60)}
    contents["0/cut.jpg"] = jpeg(0)[:700]
    contents["empty.png"] = b""
    contents["0/notes.txt"] = b"no photograph"
    contents["1/no suffix"] = jpeg(61)
    contents["2/.hidden.jpg"] = jpeg(62)
    for name, format in {"2/scan.bmp": "bmp", "2/scan.bmp.png": "png"}.items():
        file = io.BytesIO()
        Image.fromarray(data.camera()[:64, :64]).save(file, format)
        contents[name] = file.getvalue()
    contents["2/scan.bmp-1.jpg"] = jpeg(63)
    contents["2/größe 写真 %41.jpg"] = jpeg(65)
    for name, content in contents.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return root


@pytest.fixture(scope="session")
def s3() -> Iterator[str]:
    """A bucket of a server on this machine, where S3 is looked for meanwhile: its URL."""
    pytest.importorskip("moto", reason="S3 needs moto and s3fs")
    fsspec = pytest.importorskip("s3fs", reason="S3 needs moto and s3fs")
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    patch = pytest.MonkeyPatch()
    patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    patch.setenv("AWS_ACCESS_KEY_ID", "test")
    patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    fsspec.S3FileSystem().mkdir("archive")
    yield "s3://archive"
    patch.undo()
    server.stop()


@pytest.fixture
def job_of(tiny_model: Path) -> Callable[..., Job]:
    """A job from one place to another, with a model that is quick."""

    def job(source: object, destination: object, **changes: object) -> Job:
        return Job(str(source), str(destination), tiny_model.read_bytes(), **changes)  # type: ignore[arg-type]

    return job
