"""Public sets of pictures, by name: downloaded, checked, unpacked."""

from __future__ import annotations

import hashlib
import sys
import tarfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from shutil import copyfileobj

from tqdm import tqdm

from tintype.errors import DataError
from tintype.files import new_folder, replacing
from tintype.settings import Settings

_HEAD_BYTES = 2**20


@dataclass(frozen=True)
class PublicSet:
    """An archive (.tgz) on the web. What its publisher tells of it is checked."""

    name: str
    url: str
    terms: str
    size_bytes: int | None = None
    head_md5: str | None = None
    """MD5 of the first MiB: what fastai publishes beside the size."""


SETS = {
    known.name: known
    for known in (
        PublicSet(
            "coco-sample",
            "https://s3.amazonaws.com/fast-ai-coco/coco_sample.tgz",
            terms="COCO 2017, chosen by fastai: each picture has its photographer's terms (Flickr)",
            # https://github.com/fastai/fastai/blob/master/fastai/data/checks.txt
            size_bytes=3_245_877_008,
            head_md5="006cd55d633d94b36ecaf661467830ec",
        ),
    )
}


def get(public: PublicSet, out: Path) -> int:
    """Download a set and unpack it into the new folder `out`; gives the number of its files.

    The SHA-256 of the first download is kept in the cache folder, and a later one must have the
    same. The folder appears whole or not at all; the archive is removed once it is unpacked. Raises
    DataError for what cannot be fetched, is not what was published, or does not unpack safely.
    """
    place = Settings.from_environment().cache_dir / "sets"
    with new_folder(out) as folder:
        archive = _download(public, place)
        files = _unpack(archive, folder)
    archive.unlink()
    return files


def _download(public: PublicSet, place: Path) -> Path:
    import pooch

    pin = place / f"{public.name}.sha256"
    pinned = pin.read_text("ascii").strip() if pin.is_file() else None
    pooch.get_logger().setLevel("WARNING")
    try:
        archive = Path(
            pooch.retrieve(
                public.url,
                known_hash=f"sha256:{pinned}" if pinned else None,
                fname=f"{public.name}.tgz",
                path=place,
                progressbar=sys.stderr.isatty(),
            )
        )
    except (OSError, ValueError) as error:  # of the network, the disk; of the hash
        raise DataError(
            f"{public.url}: could not be fetched: {str(error).partition(chr(10))[0]}",
            hint=f"Try again. The hash of the first download is in {pin}."
            if pinned
            else "Try again.",
        ) from None
    problem = _difference(public, archive)
    if problem:
        archive.unlink()
        raise DataError(f"{public.url}: {problem}: it is not what was published.")
    if not pinned:
        with (
            replacing(pin, overwrite=True) as descriptor,
            open(descriptor, "w", closefd=False) as file,
        ):
            file.write(pooch.file_hash(str(archive), alg="sha256") + "\n")
    return archive


def _difference(public: PublicSet, archive: Path) -> str:
    """What differs from what was published, or nothing."""
    size = archive.stat().st_size
    if public.size_bytes not in (None, size):
        return f"it has {size:,} bytes instead of {public.size_bytes:,}"
    with archive.open("rb") as file:
        head = hashlib.md5(file.read(_HEAD_BYTES), usedforsecurity=False).hexdigest()
    if public.head_md5 not in (None, head):
        return f"the MD5 of its first MiB is {head} instead of {public.head_md5}"
    return ""


def _unpack(archive: Path, folder: Path) -> int:
    """Plain files only, nothing outside of the folder; anything else ends it."""
    files = 0
    size = archive.stat().st_size
    bar = tqdm(total=size, unit="B", unit_scale=True, desc="unpacking", disable=None, leave=False)
    try:
        with bar, archive.open("rb") as content, tarfile.open(fileobj=content, mode="r|gz") as tar:
            for member in tar:
                bar.update(content.tell() - bar.n)
                place = PurePosixPath(member.name)
                inside = not place.is_absolute() and ".." not in place.parts
                if not inside or not (member.isfile() or member.isdir()):
                    raise DataError(
                        f"{archive}: it holds {member.name!r}, which is no plain file inside of "
                        f"it. Nothing was unpacked."
                    )
                if member.isdir():
                    continue
                file = folder / place
                file.parent.mkdir(parents=True, exist_ok=True)
                source = tar.extractfile(member)
                assert source is not None
                with file.open("xb") as target:
                    copyfileobj(source, target)
                files += 1
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise DataError(f"{archive}: not a whole archive ({error}).") from None
    return files
