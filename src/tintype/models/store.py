"""From a model's name to its file, downloading it when it is not here yet."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tintype.errors import ModelError
from tintype.models.catalog import Entry, catalog
from tintype.settings import Settings

PACKAGED = Path(__file__).parent


def locate(model: str | os.PathLike[str]) -> Path:
    """The file of a model, given by its name or by the path of an .onnx.

    Downloads what the catalog has a URL for, once. Raises UnknownModel for a name that nothing
    goes by, ModelError when the file is not there or cannot be fetched whole.
    """
    path = Path(model)
    if not isinstance(model, str) or path.suffix == ".onnx" or path.name != model:
        if not path.is_file():
            raise ModelError(f"{path}: no such model file.")
        return path
    entry = catalog().find(model)
    file = _file(entry)
    if entry.url:
        _download(entry, file)
    elif not file.is_file():
        raise ModelError(
            f"{file}: the packaged model is missing.", hint="Install tintype again to repair it."
        )
    return file


def is_here(entry: Entry) -> bool:
    """Whether a model can be used without a download."""
    return not entry.url or _file(entry).is_file()


def _file(entry: Entry) -> Path:
    return (
        Settings.from_environment().cache_dir / "models" if entry.url else PACKAGED
    ) / entry.file


def _download(entry: Entry, file: Path) -> None:
    """Fetch to a temporary name, check the hash, rename; nothing if the right file is there."""
    import pooch

    try:
        pooch.retrieve(
            entry.url,
            known_hash=f"sha256:{entry.sha256}",
            fname=file.name,
            path=file.parent,
            progressbar=sys.stderr.isatty(),
        )
    except (OSError, ValueError) as error:  # of the network, the disk; of the hash
        raise ModelError(
            f"{entry.url}: the model could not be fetched: {str(error).partition(chr(10))[0]}",
            hint="Try again, or download it elsewhere and give its path.",
        ) from None
