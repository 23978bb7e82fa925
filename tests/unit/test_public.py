"""What `import tintype` gives, and what it must not cost."""

from __future__ import annotations

import inspect
import pickle
import subprocess
import sys
import time

import pytest

import tintype
from tintype import errors

HEAVY = ("numpy", "onnxruntime", "PIL", "pooch", "pydantic", "pyvips", "torch", "tqdm", "yaml")

ERRORS = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, errors.TintypeError)
]


def loaded_after(code: str) -> set[str]:
    """Names of the modules in `sys.modules` after running `code` in a new process."""
    program = f"{code}\nimport sys; print(*sys.modules, file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return set(done.stderr.split())


def test_import_loads_nothing_heavy() -> None:
    assert not loaded_after("import tintype").intersection(HEAVY)


def test_import_is_quick() -> None:
    def seconds(code: str) -> float:
        start_s = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True)
        return time.perf_counter() - start_s

    bare_s = min(seconds("pass") for _ in range(3))
    assert min(seconds("import tintype") for _ in range(3)) - bare_s < 0.1


def test_errors_load_nothing_heavy() -> None:
    assert not loaded_after("from tintype import TintypeError, OutputExists").intersection(HEAVY)


@pytest.mark.parametrize("name", tintype.__all__)
def test_public_name_is_there_and_documented(name: str) -> None:
    assert inspect.getdoc(getattr(tintype, name))
    assert name in dir(tintype)


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'colorise'"):
        _ = tintype.colorise


@pytest.mark.parametrize("kind", ERRORS, ids=lambda kind: kind.__name__)
def test_error_is_public_and_travels_between_processes(kind: type[errors.TintypeError]) -> None:
    assert getattr(tintype, kind.__name__) is kind
    error = kind("It failed.", hint="Do this.", public_message="Sorry.")
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is kind
    assert str(copy) == "It failed. Do this."
    assert (copy.public_message, copy.exit_code) == ("Sorry.", 1)
    assert kind.__name__ in (errors.__doc__ or "")


def test_missing_extra_says_how_to_install_it() -> None:
    assert "pip install 'tintype[train]'" in str(errors.MissingExtra.named("train", "Training"))


def test_nothing_near_suggests_nothing() -> None:
    assert errors.closest("xyz", ["colorize"]) == ""
