"""What comes with a request: a photograph, by form or as the raw body, and how to color it."""

from __future__ import annotations

import asyncio
import re
import tempfile
from collections.abc import AsyncGenerator
from typing import BinaryIO, NamedTuple, cast

from fastapi import Request
from pydantic import ValidationError
from python_multipart.multipart import parse_options_header
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect

from tintype.serve.limits import Limits
from tintype.serve.problems import Problem
from tintype.serve.schemas import LONGEST_HINTS, Options

FILE = "file"
CHARSETS = ("utf-8", "us-ascii")  # of forms; others decode to what cannot be encoded again
LONGEST_NAME = 200  # characters
PATIENCE_S, LEAST_RATE = 5.0, 10_000  # bytes a second: a place in the line is not held by a trickle
LEFT_OUT = re.compile(r'[\0-\x1f\x7f-\x9f<>:"|?*]')  # of names: what some disk cannot hold


class Upload(NamedTuple):
    """A photograph as it came; `name` is that of the client's file, or ""."""

    file: BinaryIO
    name: str
    options: Options


async def read_upload(request: Request, limits: Limits) -> Upload:
    """Read a request to its end. Raises `Problem` where it is too large, too slow or no upload."""
    length = request.headers.get("content-length", "0")
    if length.isdigit() and int(length) > limits.max_bytes:
        raise too_large(int(length), limits)
    try:
        return await _read(request, limits)
    except TimeoutError:
        raise Problem(
            408,
            f"The upload took longer than {limits.time_s:g} s, or came slower than "
            f"{LEAST_RATE // 1000} kB a second.",
        ) from None
    except ClientDisconnect:
        raise Problem(408, "The client is gone.") from None


def too_large(length: int, limits: Limits) -> Problem:
    """The refusal of an upload that is too long."""
    return Problem(
        413,
        f"The upload has {length} bytes or more; {limits.max_bytes} are taken.",
        hint="Send the photograph smaller, or color it with `tintype colorize`.",
    )


async def _read(request: Request, limits: Limits) -> Upload:
    fields = request.query_params.multi_items()
    async with asyncio.timeout(min(PATIENCE_S, limits.time_s)) as deadline:
        content = _counted(request, limits, deadline)
        if request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
            file, name, form = await _form(request, content)
            fields += form
        else:
            file, name = await _raw(content), ""
    try:
        if not file.seek(0, 2):
            raise Problem(422, "The file is empty.", hint="Send a photograph.")
        return Upload(file, _safe(name), _options(fields))
    except BaseException:
        file.close()
        raise


def _options(fields: list[tuple[str, str]]) -> Options:
    names = [name for name, _ in fields]
    for name in names:
        if names.count(name) > 1:
            raise Problem(422, f"{name!r} is given {names.count(name)} times.")
    try:
        return Options.model_validate(dict(fields))
    except ValidationError as error:
        raise Problem.of_validation(error) from None


async def _counted(
    request: Request, limits: Limits, deadline: asyncio.Timeout
) -> AsyncGenerator[bytes, None]:
    """The body, which puts the deadline off as it comes."""
    count, start_s = 0, asyncio.get_running_loop().time()
    async for chunk in request.stream():
        count += len(chunk)
        if count > limits.max_bytes:
            raise too_large(count, limits)
        deadline.reschedule(start_s + min(PATIENCE_S + count / LEAST_RATE, limits.time_s))
        yield chunk


async def _raw(content: AsyncGenerator[bytes, None]) -> BinaryIO:
    file = tempfile.TemporaryFile()  # noqa: SIM115  # who gets it closes it
    try:
        async for chunk in content:
            file.write(chunk)
    except BaseException:
        file.close()
        raise
    return file


async def _form(
    request: Request, content: AsyncGenerator[bytes, None]
) -> tuple[BinaryIO, str, list[tuple[str, str]]]:
    _, parameters = parse_options_header(request.headers["content-type"])
    charset = parameters.get(b"charset", b"utf-8").decode("latin-1")
    if charset.lower() not in CHARSETS:
        raise Problem(400, f"The form's charset is {charset!r}.", hint="Send it as utf-8.")
    parser = MultiPartParser(
        request.headers,
        content,
        max_files=1,
        max_fields=len(Options.fields()) + 1,
        max_part_size=4 * LONGEST_HINTS,
    )
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise Problem(400, f"The form cannot be read: {error.message}") from None
    sent = form.get(FILE)
    if not isinstance(sent, UploadFile):
        await form.close()
        raise Problem(422, f"The form has no {FILE!r}.", hint="As in: curl -F file=@photo.jpg …")
    fields = [(name, value) for name, value in form.multi_items() if isinstance(value, str)]
    spooled = cast(tempfile.SpooledTemporaryFile[bytes], sent.file)
    try:
        spooled.rollover()  # a file that has a descriptor
    except BaseException:
        spooled.close()
        raise
    return cast(BinaryIO, spooled), sent.filename or "", fields


def _safe(name: str) -> str:
    """A client's file name, for the answer's: nothing of it is a path, here or there."""
    base = re.split(r"[/\\]", name)[-1]
    return LEFT_OUT.sub("", base).strip(" .")[-LONGEST_NAME:]
