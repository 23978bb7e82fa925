"""Public sets, fetched from a server on this machine."""

from __future__ import annotations

import hashlib
import http.server
import io
import signal
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tintype.data.open import open_sources
from tintype.data.public import SETS, PublicSet, get
from tintype.errors import DataError, OutputExists


class Server(http.server.ThreadingHTTPServer):
    """Serves one content; `slow` servers stop in the middle until they are shut down."""

    content = b""
    slow = False
    requests = 0
    stopped = threading.Event()


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.requests += 1
        self.send_response(200 if self.server.content else 404)
        self.send_header("Content-Length", str(len(self.server.content)))
        self.end_headers()
        half = len(self.server.content) // 2
        self.wfile.write(self.server.content[:half])
        if self.server.slow:
            self.server.stopped.wait(60)
            return
        self.wfile.write(self.server.content[half:])

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Handler) as server:
        server.stopped = threading.Event()
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.stopped.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TINTYPE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "sets"


@pytest.fixture
def archive(folder: Path) -> bytes:
    """The folder's pictures, as a .tgz."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        tar.add(folder, "sample")
    return buffer.getvalue()


@pytest.fixture
def public(server: Server) -> Callable[..., PublicSet]:
    url = f"http://127.0.0.1:{server.server_port}/sample.tgz"
    return lambda **more: PublicSet("sample", url, terms="none", **more)


def with_member(name: str, **what: object) -> bytes:
    """An archive of one good file and one other member."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for info in (tarfile.TarInfo("good.txt"), tarfile.TarInfo(name)):
            info.size = 4
            if info.name == name:
                for key, value in what.items():
                    setattr(info, key, value)
            tar.addfile(info, io.BytesIO(b"text"))
    return buffer.getvalue()


def test_a_set_is_fetched_and_unpacked(server, public, archive, cache, folder, tmp_path):
    server.content = archive
    assert get(public(), tmp_path / "out") == 8
    assert len(open_sources([tmp_path / "out"])) == 8
    assert (tmp_path / "out/sample/0.jpg").read_bytes() == (folder / "0.jpg").read_bytes()
    assert [f.name for f in cache.iterdir()] == ["sample.sha256"]
    assert (cache / "sample.sha256").read_text().strip() == hashlib.sha256(archive).hexdigest()


def test_a_later_download_must_be_the_same(server, public, archive, cache, tmp_path):
    server.content = archive
    get(public(), tmp_path / "out")
    get(public(), tmp_path / "again")
    server.content = archive + b"more"
    with pytest.raises(DataError, match=r"could not be fetched: SHA256 .*sample\.sha256"):
        get(public(), tmp_path / "third")
    assert [f.name for f in cache.iterdir()] == ["sample.sha256"]
    assert not (tmp_path / "third").exists()


def test_what_was_published_is_checked(server, public, archive, cache, tmp_path):
    server.content = archive
    head = hashlib.md5(archive[: 2**20]).hexdigest()
    get(public(size_bytes=len(archive), head_md5=head), tmp_path / "out")
    for wrong in ({"size_bytes": len(archive) - 1}, {"head_md5": "0" * 32}):
        with pytest.raises(DataError, match="it is not what was published"):
            get(public(**wrong), tmp_path / "second")
    assert not (tmp_path / "second").exists()
    assert [f.name for f in cache.iterdir()] == ["sample.sha256"]


def test_no_server_is_one_line(public, server, cache, tmp_path):
    with pytest.raises(DataError, match=r"sample\.tgz: could not be fetched: 404"):
        get(public(), tmp_path / "out")
    gone = PublicSet("sample", "http://127.0.0.1:9/sample.tgz", terms="none")
    with pytest.raises(DataError, match="could not be fetched") as caught:
        get(gone, tmp_path / "out")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_what_is_there_stays(server, public, archive, cache, tmp_path):
    server.content = archive
    (tmp_path / "out").mkdir()
    with pytest.raises(OutputExists):
        get(public(), tmp_path / "out")
    assert server.requests == 0


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("../outside.txt", {}),
        ("/tmp/outside.txt", {}),
        ("a/../../outside.txt", {}),
        ("link", {"type": tarfile.SYMTYPE, "linkname": "/etc/passwd", "size": 0}),
        ("hard", {"type": tarfile.LNKTYPE, "linkname": "good.txt", "size": 0}),
        ("device", {"type": tarfile.CHRTYPE, "devmajor": 1, "devminor": 3, "size": 0}),
        ("pipe", {"type": tarfile.FIFOTYPE, "size": 0}),
    ],
)
def test_nothing_unsafe_is_unpacked(server, public, cache, tmp_path, name, what):
    server.content = with_member(name, **what)
    with pytest.raises(DataError, match="no plain file inside"):
        get(public(), tmp_path / "below" / "out")
    assert not list((tmp_path / "below").iterdir())
    assert not (tmp_path / "outside.txt").exists()


@pytest.mark.parametrize("cut", [lambda whole: whole[: len(whole) // 2], lambda _: b"no archive"])
def test_a_damaged_archive_leaves_nothing(server, public, archive, cache, tmp_path, cut):
    server.content = cut(archive)
    with pytest.raises(DataError, match="not a whole archive"):
        get(public(), tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert not list(tmp_path.glob(".*.part"))


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_download_leaves_nothing(server, public, archive, cache, tmp_path, kind):
    server.content, server.slow = archive, True
    (tmp_path / "place").mkdir()
    program = (
        "from tintype.cli import main\n"
        "from tintype.data import public\n"
        f"here = public.PublicSet('coco-sample', {public().url!r}, terms='')\n"
        "public.SETS[here.name] = here\n"
        "main(['data', 'get', 'coco-sample'])\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], cwd=tmp_path / "place") as process:
        deadline = time.time() + 60
        while not server.requests and time.time() < deadline:
            time.sleep(0.01)
        time.sleep(0.2)  # the first half is on its way
        process.send_signal(kind)
        assert process.wait(60) == 128 + kind
    assert not list((tmp_path / "place").iterdir())
    assert not list(cache.iterdir())


def test_the_command_knows_every_set():
    from tintype.cli.data import SETS as NAMES

    assert tuple(SETS) == NAMES
