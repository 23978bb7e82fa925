"""Names lead to files: in the package, anywhere on the disk, or fetched once and checked."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from pydantic import ValidationError

from tintype.errors import ModelError, UnknownModel
from tintype.models import store
from tintype.models.catalog import Catalog, Entry, catalog


def test_short_name_stands_for_the_newest_tag() -> None:
    assert catalog().find("tintype-small") is catalog().find("tintype-small.v2")
    for alias, name in catalog().aliases.items():
        tags = [int(other.rpartition(".v")[2]) for other in catalog().models if alias in other]
        assert name == f"{alias}.v{max(tags)}"


def test_unknown_name_names_the_closest() -> None:
    with pytest.raises(
        UnknownModel, match=r"no model 'tintype-smal'\. Did you mean tintype-small\?"
    ):
        store.locate("tintype-smal")


def test_name_like_no_other_says_where_to_look() -> None:
    with pytest.raises(UnknownModel, match="tintype models"):
        store.locate("zzz")


def test_path_is_taken_as_it_is(tiny_model: Path) -> None:
    assert store.locate(str(tiny_model)) == tiny_model
    assert store.locate(tiny_model) == tiny_model


@pytest.mark.parametrize("path", ["missing.onnx", "folder/missing"])
def test_missing_path_is_told_as_a_path(path: str) -> None:
    with pytest.raises(ModelError, match=f"{path}: no such model file"):
        store.locate(path)


def test_download_needs_a_hash() -> None:
    with pytest.raises(ValidationError, match="sha256"):
        Entry(file="x.onnx", license="CC0-1.0", url="http://127.0.0.1/x.onnx")


class QuietHandler(SimpleHTTPRequestHandler):
    requests: list[str]

    def log_message(self, *_: object) -> None:
        type(self).requests.append(self.path)


@pytest.fixture
def model_server(tmp_path: Path, tiny_model: Path) -> Iterator[ThreadingHTTPServer]:
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / "tiny.onnx").write_bytes(tiny_model.read_bytes())
    QuietHandler.requests = []
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=folder)) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def serve(
    monkeypatch: pytest.MonkeyPatch, server: ThreadingHTTPServer, file: str, sha256: str
) -> None:
    url = f"http://127.0.0.1:{server.server_port}/{file}"
    entry = Entry(file=file, license="CC0-1.0", url=url, sha256=sha256)
    offered = Catalog(aliases={"tiny": "tiny.v1"}, models={"tiny.v1": entry})
    monkeypatch.setattr(store, "catalog", lambda: offered)


def files_below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_model_is_fetched_once(
    monkeypatch: pytest.MonkeyPatch,
    isolated_home: Path,
    model_server: ThreadingHTTPServer,
    tiny_model: Path,
) -> None:
    content = tiny_model.read_bytes()
    serve(monkeypatch, model_server, "tiny.onnx", hashlib.sha256(content).hexdigest())
    path = store.locate("tiny")
    assert path.read_bytes() == content
    assert isolated_home in path.parents
    assert store.locate("tiny.v1") == path
    assert len(QuietHandler.requests) == 1


def test_damaged_copy_is_fetched_again(
    monkeypatch: pytest.MonkeyPatch,
    isolated_home: Path,
    model_server: ThreadingHTTPServer,
    tiny_model: Path,
) -> None:
    content = tiny_model.read_bytes()
    serve(monkeypatch, model_server, "tiny.onnx", hashlib.sha256(content).hexdigest())
    store.locate("tiny").write_bytes(content[:-1])
    assert store.locate("tiny").read_bytes() == content


def test_wrong_hash_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch, isolated_home: Path, model_server: ThreadingHTTPServer
) -> None:
    serve(monkeypatch, model_server, "tiny.onnx", "0" * 64)
    with pytest.raises(ModelError, match=r"tiny\.onnx: the model could not be fetched") as caught:
        store.locate("tiny")
    assert "\n" not in str(caught.value)
    assert files_below(isolated_home) == []


def test_model_that_is_gone_is_told(
    monkeypatch: pytest.MonkeyPatch, isolated_home: Path, model_server: ThreadingHTTPServer
) -> None:
    serve(monkeypatch, model_server, "gone.onnx", "0" * 64)
    with pytest.raises(ModelError, match="could not be fetched: 404"):
        store.locate("tiny")
    assert files_below(isolated_home) == []


def test_no_network_is_told(monkeypatch: pytest.MonkeyPatch, isolated_home: Path) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), QuietHandler) as closed:
        pass
    serve(monkeypatch, closed, "tiny.onnx", "0" * 64)
    with pytest.raises(ModelError, match="could not be fetched"):
        store.locate("tiny")
    assert files_below(isolated_home) == []


def test_cache_that_cannot_be_written_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, model_server: ThreadingHTTPServer
) -> None:
    blocked = tmp_path / "file"
    blocked.touch()
    monkeypatch.setenv("TINTYPE_CACHE", str(blocked))
    serve(monkeypatch, model_server, "tiny.onnx", "0" * 64)
    with pytest.raises(ModelError, match="could not be fetched"):
        store.locate("tiny")


@pytest.mark.parametrize("name", catalog().models)
def test_the_file_of_a_tag_never_changes(name: str) -> None:
    """Better weights come under a new tag."""
    from tintype.runtime import Session

    file = store.locate(name)
    assert hashlib.sha256(file.read_bytes()).hexdigest() == catalog().models[name].sha256
    assert Session(file).card.name == name


def test_missing_packaged_model_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(store, "PACKAGED", tmp_path)
    with pytest.raises(ModelError, match="packaged model is missing"):
        store.locate("tintype-small")
    assert files_below(tmp_path) == []
