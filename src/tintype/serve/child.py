"""The process that decodes and colors: what a strange file may do is done here.

Over a socket come two descriptors, of the upload and of an empty file for the result, with a byte
to carry them, and after them a line of JSON. Lines of JSON go back: one when the photograph is
taken, then how far it is, and at the end what became of it.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import socket
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tintype.batch.plan import RESULT_MARK, result_name
from tintype.colorizer import Colorizer
from tintype.errors import OutputError, OutputUnavailable, PhotoError, TintypeError
from tintype.files import unwritable
from tintype.formats import EXTENSIONS, kind_of, written_for
from tintype.hints import Hints
from tintype.image import Photo, block_untrusted
from tintype.provenance import is_our_result

PREVIEW_QUALITY = 95  # of what a preview is colored from
OPENED, COLORED = 0.05, 0.3  # how far it is then, of 1; the rest is writing
SMALLEST_STEP = 0.02  # that is told


class Refused(Exception):
    """A request that cannot be met; the arguments are those of `problems.Problem`."""

    def __init__(self, status: int, detail: str, hint: str | None = None) -> None:
        super().__init__(detail)
        self.told = {"status": status, "detail": detail, "hint": hint}

    @classmethod
    def of(cls, error: TintypeError) -> Refused:
        """What a stranger may know: all of the photograph, of this machine nothing."""
        if isinstance(error, OutputUnavailable):
            return cls(507, "The server's disk is full.")
        if isinstance(error, PhotoError | OutputError) or error.http_status < 500:
            status = error.http_status if error.http_status < 500 else 422
            return cls(status, error.message, error.hint)
        return cls(error.http_status, error.public_message)


def main() -> None:
    """Answer requests until the other end is closed."""
    for number in (signal.SIGINT, signal.SIGTERM):  # the server ends when its requests have
        signal.signal(number, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # no photographs in core dumps
    max_result_bytes = int(sys.argv[2])
    resource.setrlimit(resource.RLIMIT_FSIZE, (max_result_bytes, max_result_bytes))
    _silence_libraries()
    channel = socket.socket(fileno=int(sys.argv[1]))
    block_untrusted()
    colorizers: dict[str, Colorizer] = {}
    try:
        for name in sys.argv[3:]:
            colorizer = Colorizer(name)
            colorizers[colorizer.card.name] = colorizer
            _warm_up(colorizer)
    except TintypeError as error:
        _tell(channel, {"error": error.message, "hint": error.hint})
        return
    cards = [colorizer.card.model_dump(mode="json") for colorizer in colorizers.values()]
    _tell(channel, {"cards": cards})
    for request, upload, result in _requests(channel):
        _tell(channel, {"progress": 0.0})  # what ends this process from here on is the photograph
        try:
            done = _color(request, upload, result, colorizers[request["model"]], channel)
            _tell(channel, {"done": done})
        except Refused as refused:
            _tell(channel, {"refused": refused.told})
        except TintypeError as error:
            _tell(channel, {"refused": Refused.of(error).told})
        except MemoryError:
            _tell(channel, {"refused": {"status": 413, "detail": "Memory does not suffice."}})
        except Exception:
            traceback.print_exc()
            _tell(channel, {"refused": {"status": 500, "detail": "The server failed here."}})
        finally:
            os.close(upload)
            os.close(result)


def _color(
    request: dict[str, Any], upload: int, result: int, colorizer: Colorizer, channel: socket.socket
) -> dict[str, Any]:
    with open(upload, "rb", closefd=False) as file:
        file.seek(0)
        content = file.read()
    kind = kind_of(content)
    name = request["name"] or "photo" + (EXTENSIONS[kind][0] if kind else "")
    photo = Photo.open(content, name=name)
    size = (photo.width, photo.height)
    if is_our_result(photo):
        raise Refused(422, f"{name}: was colored by tintype before.", "Give the original.")
    hints = Hints.from_json(request["hints"] or "{}", where="hints")
    hints.check(size)
    format = request["format"] or written_for(kind)
    note = photo.note(format)
    if request["preview_px"]:
        photo = Photo.open(photo.thumbnail(request["preview_px"]), name=name)
        if format == "jpeg":  # from JPEG to JPEG is the fast path
            photo = Photo.open(photo.to_bytes("jpeg", quality=PREVIEW_QUALITY), name=name)
        hints = hints.scaled(photo.width / size[0], photo.height / size[1])

    def progress(share: float) -> None:
        _tell(channel, {"progress": share})

    progress(OPENED)
    coloring = {key: request[key] for key in ("strength", "keep_tint", "variant")}
    colored = colorizer(photo, hints=hints, **coloring)
    progress(COLORED)
    try:
        colored.write_to(result, format, progress=_rest(progress), quality=request["quality"])
    except OSError as error:
        raise unwritable(Path(name), error) from None
    return {
        "name": result_name(Path(name), kind, format, RESULT_MARK),
        "format": format,
        "width": size[0],
        "height": size[1],
        "note": note,
        "model": colorizer.card.name,
    }


def _rest(progress: Callable[[float], None]) -> Callable[[float], None]:
    """What tells of the writing, as a share of all, and not too often."""
    told = 0.0

    def tell(share: float) -> None:
        nonlocal told
        if share >= told + SMALLEST_STEP:
            told = share
            progress(COLORED + (1 - COLORED) * share)

    return tell


def _silence_libraries() -> None:
    """What they print of damaged files is for nobody; what Python has to say is still told."""
    sys.stderr = os.fdopen(os.dup(2), "w", buffering=1)
    with Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), 2)


def _warm_up(colorizer: Colorizer) -> None:
    """Fill tables and buffers, so that the first photograph takes no longer than the next."""
    gray = np.linspace(0, 255, 256 * 256).astype(np.uint8).reshape(256, 256)
    colorizer(Photo.open(gray).to_bytes("jpeg"))


def _requests(channel: socket.socket) -> Iterator[tuple[dict[str, Any], int, int]]:
    lines = channel.makefile("rb")
    while True:
        _, descriptors, _, _ = socket.recv_fds(channel, 1, 2)
        if not descriptors:
            return
        upload, result = descriptors
        yield json.loads(lines.readline()), upload, result


def _tell(channel: socket.socket, told: dict[str, Any]) -> None:
    channel.sendall(json.dumps(told).encode() + b"\n")


if __name__ == "__main__":
    main()
