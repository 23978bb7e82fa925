"""ImageNet weights of ResNets, by timm, from the Hugging Face hub."""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path

from tintype.errors import CheckpointError
from tintype.files import replacing
from tintype.recipe.networks import ResNetDepth
from tintype.settings import Settings

HUB = "https://huggingface.co"
REPOSITORY = "timm/resnet{depth}.tv_in1k"
"""torchvision's weights, in timm's keeping: those of the originals of the recipes."""

SETTING = "--set generator.encoder_weights=PATH"


def resnet_weights(depth: ResNetDepth) -> Path:
    """The file of a ResNet's weights in the cache, downloaded when it is not here yet.

    The hub states no hash that holds forever, so that of the first download is written beside the
    file, and from then on the file must have it. `HF_ENDPOINT` names another server, as it does for
    the hub's own client. Raises CheckpointError where the file cannot be fetched whole, or is no
    longer what it was.
    """
    import pooch

    name = REPOSITORY.format(depth=depth)
    url = f"{os.environ.get('HF_ENDPOINT', HUB).rstrip('/')}/{name}/resolve/main/model.safetensors"
    folder = Settings.from_environment().cache_dir / "weights" / name.replace("/", "--")
    file, pinned = folder / "model.safetensors", folder / "model.safetensors.sha256"
    known = pinned.read_text().split()[0] if pinned.is_file() else None
    if not file.is_file():
        pooch.get_logger().setLevel("WARNING")  # it would advise the reader to pin the hash
        try:
            pooch.retrieve(
                url,
                known_hash=known and f"sha256:{known}",
                fname=file.name,
                path=folder,
                progressbar=sys.stderr.isatty(),
            )
        except (OSError, ValueError) as error:  # of the network, the disk; of the hash
            raise CheckpointError(
                f"{url}: the encoder's weights could not be fetched: "
                f"{str(error).partition(chr(10))[0]}",
                hint=f"Try again, or download it elsewhere and give its path: {SETTING}",
            ) from None
    found = _sha256(file)
    if known is None:
        _check_whole(file, url)
        with replacing(pinned, overwrite=True) as descriptor:
            os.write(descriptor, f"{found}  {file.name}\n".encode())
    elif known != found:
        raise CheckpointError(
            f"{file}: it is not the file that was downloaded once (SHA-256 {found}).",
            hint="Delete it, to download it again.",
        )
    return file


def _check_whole(file: Path, url: str) -> None:
    """What is no safetensors file, a server's apology for instance, is not kept."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, "pt"):
            return
    except SafetensorError as error:
        file.unlink()
        raise CheckpointError(
            f"{url}: what came is not a safetensors file ({error}).",
            hint=f"Try again, or download it elsewhere and give its path: {SETTING}",
        ) from None


def _sha256(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
