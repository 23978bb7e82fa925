"""`tintype doctor`: what is installed, and whether it works."""

from __future__ import annotations

import io
import json
import platform
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import click

from tintype.errors import TintypeError

PACKAGES = (
    "tintype",
    "numpy",
    "onnxruntime",
    "onnxruntime-gpu",
    "onnxruntime-openvino",
    "onnxruntime-directml",
    "pillow",
    "pyvips",
    "pyvips-binary",
    "simplejpeg",
)
SAMPLES = ("JPEG", "PNG", "TIFF", "WEBP", "AVIF", "GIF", "BMP", "JPEG2000", "PPM")


@click.command(
    epilog="""\b
Examples:
  tintype doctor
  tintype doctor --json > report.json      to go with a report of a problem"""
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def doctor(as_json: bool) -> None:
    """Look at this installation and try it.

    Prints versions, limits, processors, the formats that can be read and written, and colors a tiny
    picture. The exit code is 1 when something is broken.
    """
    broken: dict[str, str] = {}
    findings: dict[str, Any] = {}
    for name, look in CHECKS.items():
        try:
            findings[name] = look()
        except TintypeError as error:
            broken[name] = str(error)
        except Exception as error:  # a doctor that dies of the illness is no help
            broken[name] = f"{type(error).__name__}: {error}".partition("\n")[0]
    if as_json:
        click.echo(json.dumps(findings | {"broken": broken}))
    else:
        for name, finding in findings.items():
            told = ", ".join(_words(finding))
            click.echo(f"{name:<12} {told}")
        for name, reason in broken.items():
            click.echo(f"{name:<12} BROKEN: {reason}")
    if broken:
        raise click.exceptions.Exit(1)


def _words(finding: Any) -> Iterator[str]:
    if isinstance(finding, dict):
        yield from (f"{key} {value}" for key, value in finding.items())
    else:
        yield from (str(part) for part in (finding if isinstance(finding, list) else [finding]))


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        with suppress(PackageNotFoundError):  # one build of onnxruntime is enough
            found[name] = version(name)
    return found


def _providers() -> list[str]:
    from tintype.runtime import providers

    return providers()


def _reads() -> list[str]:
    """Formats of which a sample, made by Pillow, is read here."""
    from PIL import Image

    from tintype.image import Photo

    formats = []
    for kind in SAMPLES:
        file = io.BytesIO()
        try:
            Image.new("L", (8, 8), 128).convert("RGB").save(file, kind)
        except (KeyError, OSError):  # Pillow was built without it
            continue
        Photo.open(file.getvalue(), name=f"a {kind} sample").to_array()
        formats.append(kind.lower())
    return formats


def _writes() -> list[str]:
    """Formats that are written here, and come back whole."""
    import numpy as np

    from tintype.formats import WRITERS
    from tintype.image import Photo

    pixels = np.full((8, 8), 128, np.uint8)
    formats = list(dict.fromkeys(WRITERS.values()))
    for kind in formats:
        Photo.open(Photo.open(pixels).to_bytes(kind), name=f"a {kind} sample").to_array()
    return formats


def _settings() -> dict[str, Any]:
    from tintype.settings import Settings

    settings = Settings.from_environment()
    return {
        "threads": settings.threads,
        "max pixels": settings.max_pixels,
        "cache": str(settings.cache_dir),
    }


def _colorize() -> str:
    import numpy as np

    from tintype.colorizer import Colorizer

    colorizer = Colorizer()
    gray = np.tile(np.linspace(0, 255, 64).astype(np.uint8), (48, 1))
    start_s = time.perf_counter()
    colored = colorizer(gray)
    seconds = time.perf_counter() - start_s
    if colored.shape != (48, 64, 3) or not np.ptp(colored, axis=-1).any():
        raise RuntimeError("the result of a gray picture has no color")
    return f"{colorizer.card.name} colored 64x48 px in {seconds:.2f} s"


CHECKS: dict[str, Callable[[], Any]] = {
    "system": platform.platform,
    "versions": _versions,
    "settings": _settings,
    "providers": _providers,
    "reads": _reads,
    "writes": _writes,
    "colorize": _colorize,
}
