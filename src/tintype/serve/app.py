"""The application: which address does what."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from fastapi import FastAPI, Request, Response
from fastapi.responses import FileResponse, StreamingResponse
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from tintype import __version__
from tintype.formats import EXTENSIONS, WRITTEN
from tintype.serve.limits import Limits
from tintype.serve.pool import Pool, Result, Turn
from tintype.serve.problems import Problem
from tintype.serve.upload import Upload, read_upload

STATIC = Path(__file__).with_name("static")
CHUNK_BYTES = 1 << 18


def create_app(pool: Pool, limits: Limits) -> FastAPI:
    """The service over a pool that it starts and ends."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await pool.close()

    app = FastAPI(
        title="tintype",
        version=__version__,
        summary="Black-and-white photographs in, believable color out.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )

    @app.exception_handler(Problem)
    async def refuse(_: Request, problem: Exception) -> Response:
        assert isinstance(problem, Problem)
        return problem.response()

    @app.exception_handler(HTTPException)
    async def refuse_request(_: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return Problem(error.status_code, str(error.detail), headers=error.headers).response()

    @app.post("/v1/colorize")
    async def colorize(request: Request) -> Response:
        with pool.admission():
            upload = await read_upload(request, limits)
            with upload.file:
                result = await _color(upload, Turn())
        return _answer(result)

    @app.get("/v1/models")
    async def models() -> dict[str, Any]:
        return {
            "default": pool.cards[0]["name"],
            "models": [card | {"variants": 1} for card in pool.cards],
        }

    @app.get("/v1/limits")
    async def tell_limits() -> dict[str, Any]:
        return {
            "max_bytes": limits.max_bytes,
            "max_pixels": limits.max_pixels,
            "formats_in": list(EXTENSIONS),
            "formats_out": list(WRITTEN),
        }

    @app.get("/", include_in_schema=False)
    async def page() -> Response:
        return FileResponse(STATIC / "index.html")

    app.mount("/static", StaticFiles(directory=STATIC), name="static")

    async def _color(upload: Upload, turn: Turn) -> Result:
        model = _model(upload.options.model)
        return await pool.color(upload.file, upload.name, upload.options, model, turn)

    def _model(asked: str | None) -> str:
        names: list[str] = [card["name"] for card in pool.cards]
        for name in names:
            if asked in (None, name, name.rpartition(".")[0]):
                return name
        raise Problem(422, f"model is {asked!r}; there are {', '.join(names)}.")

    return app


def _answer(result: Result) -> Response:
    headers = {
        "Content-Length": str(result.size_bytes),
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(result.name, safe='')}",
        "X-Tintype-Model": result.model,
        "X-Tintype-Size": f"{result.width}x{result.height}",
    }
    if result.note:
        headers["X-Tintype-Note"] = quote(result.note)

    def chunks() -> Iterator[bytes]:
        with result.file as file:
            file.seek(0)
            while chunk := file.read(CHUNK_BYTES):
                yield chunk

    return StreamingResponse(chunks(), media_type=f"image/{result.format}", headers=headers)
