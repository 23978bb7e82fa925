"""`tintype colorize` from outside."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

Run = Callable[..., subprocess.CompletedProcess[str]]


def sums(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "manifest.jsonl"
    }


def has_color(path: Path) -> bool:
    with Image.open(path) as opened:
        return bool(np.ptp(np.asarray(opened.convert("RGB")), axis=-1).mean() > 5)


def test_photo_is_colored_beside_it(tintype: Run, album: Path, tiny_model: Path) -> None:
    before = sums(album)
    done = tintype("colorize", "camera.jpg", "--model", tiny_model)
    assert (done.returncode, done.stdout, done.stderr) == (0, "camera.color.jpg\n", "")
    assert has_color(album / "camera.color.jpg")
    assert sums(album).items() > before.items()
    assert len(sums(album)) == len(before) + 1


def test_folder_is_colored_then_left_alone_then_made_anew(
    tintype: Run, album: Path, tiny_model: Path
) -> None:
    before = sums(album)
    command = ("colorize", ".", "-o", "../out", "--model", tiny_model)
    out = album.parent / "out"
    done = tintype(*command)
    assert done.returncode == 0, done.stderr
    made = sums(out)
    assert made.keys() == before.keys()
    assert sorted(done.stdout.splitlines()) == sorted(f"../out/{name}" for name in made)
    assert done.stderr == "tintype: 3 colored, 0 skipped, 0 failed\n"
    assert all(has_color(out / name) for name in made)

    again = tintype(*command, "--strength", "0.5")
    assert (again.returncode, again.stdout) == (0, "")
    assert "tintype: skipped: ../out/camera.jpg exists; --overwrite makes it anew\n" in again.stderr
    assert sums(out) == made

    anew = tintype(*command, "--strength", "0.5", "--overwrite")
    assert anew.returncode == 0
    assert "3 colored" in anew.stderr
    assert not sums(out).items() & made.items()

    assert sums(album) == before


def test_results_of_an_earlier_run_are_not_colored(
    tintype: Run, album: Path, tiny_model: Path
) -> None:
    assert tintype("colorize", ".", "--model", tiny_model).returncode == 0
    (album / "camera.color.jpg").rename(album / "renamed.jpg")
    made = sums(album)
    done = tintype("colorize", ".", "--model", tiny_model)
    assert done.stdout == "camera.color.jpg\n"
    assert sums(album).keys() - made.keys() == {"camera.color.jpg"}


def test_broken_files_do_not_stop_the_others(tintype: Run, album: Path, tiny_model: Path) -> None:
    content = (album / "camera.jpg").read_bytes()
    (album / "a cut.jpg").write_bytes(content[: len(content) // 2])
    (album / "b empty.png").touch()
    (album / "c text.jpg").write_text("no picture")
    (album / "notes.txt").write_text("no picture, and does not say so")
    done = tintype("colorize", ".", "none.jpg", "-o", "../out", "--model", tiny_model)
    assert done.returncode == 1
    assert len(done.stdout.splitlines()) == 3
    failed = [line for line in done.stderr.splitlines() if line.startswith("tintype: failed: ")]
    for line, name in zip(
        sorted(failed), ("a cut.jpg", "b empty.png", "c text.jpg", "none.jpg"), strict=True
    ):
        assert name in line
    assert done.stderr.endswith("tintype: 3 colored, 0 skipped, 4 failed\n")
    assert len(sums(album.parent / "out")) == 3


def test_json_is_one_object_a_file(tintype: Run, album: Path, tiny_model: Path) -> None:
    (album / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 and no more")
    assert tintype("colorize", "camera.jpg", "--model", tiny_model).returncode == 0
    done = tintype("colorize", "broken.jpg", "camera.jpg", "1969", "--json", "--model", tiny_model)
    lines = map(json.loads, done.stdout.splitlines())
    colored, broken, skipped = sorted(lines, key=lambda line: line["input"])
    assert done.returncode == 1
    assert colored.pop("seconds") > 0
    assert colored == {
        "input": "1969/astronaut.jpg",
        "output": "1969/astronaut.color.jpg",
        "variant": 0,
        "status": "colored",
        "reason": "",
        "note": "",
        "sha256": sums(album)["1969/astronaut.jpg"],
        "model": "tiny.v1",
    }
    assert (skipped["status"], skipped["reason"]) == (
        "skipped",
        "camera.color.jpg exists; --overwrite makes it anew",
    )
    assert broken["status"] == "failed"
    assert "broken.jpg" in broken["reason"]


def test_input_as_output_is_refused(tintype: Run, album: Path, tiny_model: Path) -> None:
    before = sums(album)
    done = tintype(
        "colorize", "camera.jpg", "-o", "camera.jpg", "--overwrite", "--model", tiny_model
    )
    assert done.returncode == 1
    assert "is the input itself" in done.stderr
    assert sums(album) == before


def test_unknown_model_names_the_closest(tintype: Run, album: Path) -> None:
    done = tintype("colorize", "camera.jpg", "--model", "tintype-smal")
    assert done.returncode == 1
    assert done.stderr == (
        "tintype: error: There is no model 'tintype-smal'. Did you mean tintype-small?\n"
    )
    assert not (album / "camera.color.jpg").exists()


def test_setting_that_is_no_number_is_told(
    tintype: Run, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TINTYPE_THREADS", "many")
    done = tintype("colorize", "camera.jpg", "--model", tiny_model)
    assert done.returncode == 1
    assert done.stderr.startswith("tintype: error: TINTYPE_THREADS='many'")
    assert len(done.stderr.splitlines()) == 1


def test_names_that_are_no_text(
    tintype: Run, album: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "utf-8:strict")  # as in most locales
    name = b"caf\xe9.jpg".decode(errors="surrogateescape")
    (album / "camera.jpg").rename(album / name)
    done = tintype("colorize", ".", "--model", tiny_model, errors="surrogateescape")
    assert done.returncode == 0, done.stderr
    assert b"caf\xe9.color.jpg".decode(errors="surrogateescape") in done.stdout
    as_json = tintype("colorize", ".", "--json", "--overwrite", "--model", tiny_model)
    assert name in [json.loads(line)["input"] for line in as_json.stdout.splitlines()]


def test_reader_who_leaves_is_no_traceback(tintype: Run, album: Path, tiny_model: Path) -> None:
    command = [sys.executable, "-m", "tintype", "colorize", ".", "--model", str(tiny_model)]
    process = subprocess.Popen(
        command, cwd=album, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout
    assert process.stderr
    process.stdout.close()
    told = process.stderr.read()
    process.stderr.close()
    assert process.wait(60) == 1
    assert "Traceback" not in told
    assert tintype("--version").returncode == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a full disk")
@pytest.mark.parametrize("command", ["colorize camera.jpg --json", "--version"])
def test_output_that_cannot_be_written_is_one_line(
    album: Path, tiny_model: Path, command: str
) -> None:
    model = ["--model", tiny_model] if "colorize" in command else []
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "tintype", *command.split(), *model],
            cwd=album,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert done.returncode == 1
    assert done.stderr == "tintype: error: No space left on device\n"


def test_overwrite_spares_what_is_not_ours(tintype: Run, album: Path, tiny_model: Path) -> None:
    (album.parent / "out" / "1969").mkdir(parents=True)
    original = album.parent / "out" / "camera.jpg"
    original.write_bytes((album / "1969" / "astronaut.jpg").read_bytes())
    before = original.read_bytes()
    done = tintype("colorize", ".", "-o", "../out", "--overwrite", "--model", tiny_model)
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "tintype: failed: ../out/camera.jpg: is there already, and is no result of tintype. Name "
        "another output.",
        "tintype: 2 colored, 0 skipped, 1 failed",
    ]
    assert original.read_bytes() == before


@pytest.mark.parametrize("arguments", [[""], ["camera.jpg", ""], ["camera.jpg", "-o", ""]])
def test_empty_names_are_refused(
    tintype: Run, album: Path, tiny_model: Path, arguments: list[str]
) -> None:
    before = sums(album)
    done = tintype("colorize", *arguments, "--model", tiny_model)
    assert done.returncode == 1
    assert done.stderr.endswith("has no name. Name a file or a folder.\n")
    assert sums(album) == before


def test_torch_is_never_loaded(album: Path, tiny_model: Path) -> None:
    program = (
        "import sys\n"
        "from tintype.cli import main\n"
        "try:\n"
        f"    main(['colorize', 'camera.jpg', '--model', {str(tiny_model)!r}])\n"
        "except SystemExit as end:\n"
        "    assert not end.code, end.code\n"
        "print([name for name in sys.modules if name.split('.')[0] in ('torch', 'onnx')])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=album, capture_output=True, text=True, check=True
    )
    assert done.stdout == "camera.color.jpg\n[]\n"


def test_folder_that_cannot_be_written(tintype_of_other_user: Run) -> None:
    done = tintype_of_other_user("colorize", "album", "--model", "model.onnx")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "tintype: failed: album/photo.color.jpg: cannot be written: Permission denied.\n"
    )
    done = tintype_of_other_user("colorize", "album", "-o", "new", "--model", "model.onnx")
    assert done.returncode == 1
    assert done.stderr == "tintype: error: new: cannot be written: Permission denied.\n"


def test_unreadable_file_does_not_stop_the_others(
    tintype_of_other_user: Run, shared_folder: Path
) -> None:
    album = shared_folder / "album"
    album.chmod(0o777)
    content = (album / "photo.jpg").read_bytes()
    for name in ("closed.jpg", "shut/1.jpg", "photo.color.jpg"):
        path = album / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        path.chmod(0)
    (album / "shut").chmod(0)
    names = [
        f"album/{name}" for name in ("closed.jpg", "shut/1.jpg", "photo.color.jpg", "photo.jpg")
    ]
    done = tintype_of_other_user("colorize", *names, "--model", "model.onnx", "--overwrite")
    (album / "shut").chmod(0o700)
    assert done.returncode == 1
    assert sorted(done.stderr.splitlines()[:-1]) == [
        *(f"tintype: failed: {names[i]}: cannot be read: Permission denied." for i in (0, 2)),
        "tintype: failed: album/photo.jpg: the output album/photo.color.jpg is one of the inputs, "
        "which are never replaced.",
        f"tintype: failed: {names[1]}: cannot be read: Permission denied.",
    ]
    assert done.stderr.endswith("\ntintype: 0 colored, 0 skipped, 4 failed\n")


def test_what_cannot_be_read_is_named(tintype_of_other_user: Run, shared_folder: Path) -> None:
    closed = shared_folder / "album" / "closed"
    closed.mkdir()
    closed.chmod(0)
    (shared_folder / "album" / "photo.jpg").chmod(0)
    done = tintype_of_other_user("colorize", "album", "--model", "model.onnx")
    closed.chmod(0o700)
    assert done.returncode == 1
    assert sorted(done.stderr.splitlines()) == [
        "tintype: 0 colored, 0 skipped, 2 failed",
        "tintype: failed: album/closed: this folder cannot be read.",
        "tintype: failed: album/photo.jpg: cannot be read: Permission denied.",
    ]
