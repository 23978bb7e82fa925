"""Help, versions, models, doctor: what a person meets first."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest

from tintype.cli import COMMANDS
from tintype.models import store

Run = Callable[..., subprocess.CompletedProcess[str]]

HEAVY = ("numpy", "onnxruntime", "PIL", "pooch", "pydantic", "pyvips", "torch", "tqdm", "yaml")


def test_version(tintype: Run) -> None:
    done = tintype("--version")
    assert (done.returncode, done.stdout) == (0, f"tintype {version('tintype')}\n")


def test_help_names_every_command_with_examples_and_completion(tintype: Run) -> None:
    done = tintype("--help")
    assert done.returncode == 0
    for command in COMMANDS:
        assert f"\n  {command} " in done.stdout
    assert "tintype colorize photo.jpg" in done.stdout
    assert "_TINTYPE_COMPLETE=bash_source tintype" in done.stdout
    assert tintype().stdout == done.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command_has_examples(tintype: Run, command: str) -> None:
    done = tintype(command, "--help")
    assert done.returncode == 0
    assert f"\n    tintype {command}" in done.stdout


def test_help_loads_nothing_heavy() -> None:
    program = (
        "import sys\n"
        "from tintype.cli import main\n"
        "try:\n"
        "    main(['--help'])\n"
        "finally:\n"
        "    print(*sys.modules, file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert not set(done.stderr.split()).intersection(HEAVY)


def test_help_is_quick(tintype: Run) -> None:
    def seconds() -> float:
        start_s = time.perf_counter()
        tintype("--help")
        return time.perf_counter() - start_s

    assert min(seconds() for _ in range(3)) < 0.5


def test_completion_offers_commands(tintype: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_TINTYPE_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", "tintype col")
    monkeypatch.setenv("COMP_CWORD", "1")
    assert tintype().stdout == "plain,colorize\n"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["colorise"], "There is no command 'colorise'. Did you mean colorize?"),
        (["xyz"], "There is no command 'xyz'. The commands are colorize, "),
        (["colorize", "x", "--strenght", "1"], "--strenght'. Did you mean '--strength'?"),
        (["colorize"], "Missing argument 'INPUT...'"),
        (["colorize", "x", "--strength", "-1"], "-1.0 is not in the range"),
        (["colorize", "x", "--strength", "nan"], "nan is not a number"),
        (["colorize", "x", "--strength", "much"], "'much' is not a valid float"),
        (["models", "x"], "unexpected extra argument"),
    ],
)
def test_wrong_usage_is_one_line(tintype: Run, arguments: list[str], told: str) -> None:
    done = tintype(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("tintype: error: ")
    assert told in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_options_are_read_before_libvips_is_imported() -> None:
    program = (
        "import sys\nfrom tintype.cli.colorize import colorize\n"
        "colorize.make_context('colorize', ['album', '--shard', '1/2', '--format', 'jpg'])\n"
        "assert 'pyvips' not in sys.modules, 'the threads of each job are not yet told'\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_models_tell_size_license_and_scores(tintype: Run) -> None:
    done = tintype("models")
    assert done.returncode == 0
    for word in ("tintype-small.v2", " MB", "license", "works at", "scores"):
        assert word in done.stdout
    (model,) = map(json.loads, tintype("models", "--json").stdout.splitlines())
    assert model["aliases"] == ["tintype-small"]
    assert model["bytes"] == store.locate("tintype-small").stat().st_size


def test_doctor_finds_all_well(tintype: Run) -> None:
    done = tintype("doctor", "--json")
    findings = json.loads(done.stdout)
    assert done.returncode == 0, findings["broken"]
    assert findings["broken"] == {}
    assert findings["writes"] == ["jpeg", "png", "tiff", "webp", "avif"]
    assert set(findings["writes"]) <= set(findings["reads"])
    assert findings["versions"]["tintype"] == version("tintype")
    assert "colored 64x48 px" in findings["colorize"]


def test_doctor_names_what_is_broken(
    tintype: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "onnxruntime.py").write_text("raise ImportError('no such library')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    done = tintype("doctor")
    assert done.returncode == 1
    assert "providers    BROKEN: ImportError: no such library" in done.stdout
    assert "writes       jpeg, png, tiff, webp" in done.stdout
    assert "Traceback" not in done.stderr
