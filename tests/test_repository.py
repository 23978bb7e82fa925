"""What a clone and a wheel must hold, and what they must not."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from importlib.metadata import requires
from pathlib import Path
from zipfile import ZipFile

import click
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tintype.cli import main

ROOT = Path(__file__).parents[1]
MIB = 2**20


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    pinned = [line.split("==") for line in lines if not line.startswith("#")]
    return {canonicalize_name(name): version for name, version in pinned}


def installed_closure(requirement: Requirement, seen: set[tuple[str, str]]) -> None:
    """Add to `seen` every (distribution, extra) that this requirement brings on this machine."""
    name = canonicalize_name(requirement.name)
    for extra in ("", *requirement.extras):
        if (name, extra) in seen:
            continue
        seen.add((name, extra))
        for line in requires(name) or ():
            needed = Requirement(line)
            if needed.marker is None or needed.marker.evaluate({"extra": extra}):
                installed_closure(needed, seen)


def tracked_files() -> list[Path]:
    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    done = subprocess.run(listing, cwd=ROOT, capture_output=True)
    if done.returncode:
        pytest.skip("not a git clone")
    paths = (ROOT / name for name in done.stdout.decode().split("\0") if name)
    return [path for path in paths if path.is_file()]


def test_every_dependency_is_pinned() -> None:
    seen: set[tuple[str, str]] = set()
    installed_closure(Requirement("tintype[dev]"), seen)
    build = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["build-system"]["requires"]
    for line in build:
        installed_closure(Requirement(line), seen)
    assert {name for name, _ in seen} - {"tintype"} <= pins().keys()


def test_torch_is_the_one_with_a_cpu_build() -> None:
    assert pins()["torch"] == "2.13.0"


def test_readme_has_two_commands_and_ci_runs_the_second() -> None:
    install, check = re.findall(
        r"^```bash\n(.*?)\n```$", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    assert install == "pip install . && tintype colorize photo.jpg"
    assert check == (ROOT / ".ci" / "run").read_text("utf-8").splitlines()[-1]


def test_no_file_over_20_mb() -> None:
    assert not [path for path in tracked_files() if path.stat().st_size > 20_000_000]


def test_no_path_of_one_machine() -> None:
    absolute = re.compile(rb"(?<![\w.])/(?:work|farm|root|home)/")
    assert not [path for path in tracked_files() if absolute.search(path.read_bytes())]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (path,) = folder.glob("*.whl")
    with ZipFile(path) as opened:
        yield opened


def test_wheel_holds_the_model_and_both_licenses(wheel: ZipFile) -> None:
    sizes = {entry.filename: entry.file_size for entry in wheel.infolist()}
    assert 0 < sizes["tintype/models/tintype-small.v2.onnx"] <= 15 * MIB
    assert "tintype/py.typed" in sizes
    licenses = [Path(name).name for name in sizes if ".dist-info/licenses/" in name]
    assert sorted(licenses) == ["LICENSE", "LICENSE-WEIGHTS.md"]


def test_wheel_holds_the_package_and_nothing_else(wheel: ZipFile) -> None:
    tops = {name.split("/")[0] for name in wheel.namelist()}
    assert all(top == "tintype" or top.endswith(".dist-info") for top in tops)
    assert not [name for name in wheel.namelist() if "__pycache__" in name]


DOCKER = ROOT / "docker"


def test_container_installs_what_is_pinned() -> None:
    lines = (DOCKER / "Dockerfile").read_text("utf-8").splitlines()
    (install,) = (line for line in lines if "pip install" in line)
    assert "-c constraints.txt" in install
    (extra,) = re.findall(r"'\.\[(\w+)\]'", install)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    pinned = pins()
    for line in project["dependencies"] + project["optional-dependencies"][extra]:
        requirement = Requirement(line)
        assert requirement.specifier.contains(pinned[canonicalize_name(requirement.name)]), line
    seen: set[tuple[str, str]] = set()
    installed_closure(Requirement(f"tintype[{extra}]"), seen)
    assert {name for name, _ in seen} - {"tintype"} <= pinned.keys()
    assert "torch" not in {name for name, _ in seen}
    bases = [line.split()[1] for line in lines if line.startswith("FROM")]
    assert set(bases) == {"python:3.11-slim"}  # the Python that the pins are of


def test_container_copies_what_is_there_and_not_ignored() -> None:
    copied = [
        name
        for line in (DOCKER / "Dockerfile").read_text("utf-8").splitlines()
        if line.startswith("COPY") and "--from" not in line
        for name in line.split()[1:-1]
    ]
    kept = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    assert copied
    for name in copied:
        assert (ROOT / name).exists()
        assert f"!{name}" in kept


def test_container_starts_a_command_that_there_is() -> None:
    text = (DOCKER / "Dockerfile").read_text("utf-8")
    (entry,) = re.findall(r"^ENTRYPOINT (\[.*\])$", text, re.MULTILINE)
    service = yaml.safe_load((DOCKER / "compose.yaml").read_text("utf-8"))["services"]["tintype"]
    program, name, *arguments = json.loads(entry) + service["command"]
    command = main.get_command(click.Context(main), name)
    assert program == "tintype"
    assert command is not None
    assert command.make_context(name, arguments).params["hosts"] == ("tintype",)
    build = service["build"]
    assert (DOCKER / build["context"] / build["dockerfile"]).samefile(DOCKER / "Dockerfile")
    assert re.search(r"^USER [1-9]\d*$", text, re.MULTILINE)
    assert "HEALTHCHECK" in text
