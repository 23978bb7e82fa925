"""The application: which address does what."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Coroutine
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import fastapi_offline
from fastapi import Depends, FastAPI, Request, Response
from fastapi.responses import FileResponse, StreamingResponse
from fastapi.security import HTTPBearer
from fastapi.staticfiles import StaticFiles
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.exceptions import HTTPException

from tintype import __version__
from tintype.formats import EXTENSIONS, WRITTEN
from tintype.models.card import ModelCard
from tintype.serve import describe
from tintype.serve.jobs import Jobs
from tintype.serve.limits import Limits
from tintype.serve.metrics import Measured, registry_of
from tintype.serve.pool import Pool, Result, Turn
from tintype.serve.problems import Problem
from tintype.serve.schemas import Health, JobStatus, LimitsTold, Models
from tintype.serve.upload import read_upload

STATIC = Path(__file__).with_name("static")
DOCS = Path(__file__).with_name("docs")
UNQUOTABLE = re.compile(r"[^ !#-\[\]-~]")  # in the name for clients that know no filename*


def create_app(pool: Pool, limits: Limits, *, asks_token: bool = False) -> FastAPI:
    """The service over a pool that is started; it ends it.

    `asks_token` says in the description that there is a token; `Guard` is who asks for it.
    """
    jobs = Jobs(pool, limits)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await jobs.close()
        await pool.close()

    app = FastAPI(
        title="tintype",
        version=__version__,
        summary="Black-and-white photographs in, believable color out.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        responses=describe.problems(401, 403),
        dependencies=[Depends(HTTPBearer(auto_error=False))] if asks_token else [],
    )
    registry = registry_of(pool, jobs)
    app.add_middleware(Measured, registry=registry)
    _add_refusals(app)
    _add_pages(app)

    def model_of(asked: str | None) -> str:
        names = [str(card["name"]) for card in pool.cards]
        for name in names:
            if asked in (None, name, name.rpartition(".")[0]):
                return name
        raise Problem(422, f"model is {asked!r}; there are {', '.join(names)}.")

    @app.post(
        "/v1/colorize",
        openapi_extra=describe.upload(),
        responses=describe.pictures() | describe.problems(*describe.READING),
        response_class=Response,
    )
    async def colorize(request: Request) -> Response:
        """Color one photograph."""
        with pool.admission():
            upload = await read_upload(request, limits)
            with upload.file:
                model, turn = model_of(upload.options.model), Turn()
                result = await _for_client(request, turn, pool.color(upload, model, turn))
        with result.file:
            return _answer(result)

    @app.post(
        "/v1/jobs",
        status_code=202,
        openapi_extra=describe.upload(),
        responses=describe.problems(*describe.READING),
    )
    async def begin_job(request: Request, response: Response) -> JobStatus:
        """Begin to color one photograph."""
        with ExitStack() as held:
            held.enter_context(pool.admission())
            upload = await read_upload(request, limits)
            held.enter_context(upload.file)
            model = model_of(upload.options.model)
            job = jobs.begin(upload, model, held.pop_all())
        await asyncio.sleep(0)  # it takes its place in the line
        status = jobs.status(job)
        response.headers["Location"] = status.links.self
        return status

    @app.get("/v1/jobs/{id}", responses=describe.problems(404, 422))
    async def job_status(id: str) -> JobStatus:
        """How far a job is."""
        return jobs.status(jobs.find(id))

    @app.get(
        "/v1/jobs/{id}/result",
        responses=describe.pictures() | describe.problems(404, 409, 413, 415, 422, 503, 507),
        response_class=Response,
    )
    async def job_result(id: str) -> Response:
        """The photograph in color, or why there is none."""
        return _answer(jobs.result(jobs.find(id)))

    @app.delete("/v1/jobs/{id}", status_code=204, responses=describe.problems(404, 422))
    async def drop_job(id: str) -> None:
        """Forget a job and its result; one in work is ended."""
        await jobs.drop(jobs.find(id))

    @app.get("/v1/models")
    async def models() -> Models:
        """The cards of what colors here."""
        cards = [ModelCard.model_validate(card) for card in pool.cards]
        return Models(default=model_of(None), models=cards)

    @app.get("/v1/limits")
    async def tell_limits() -> LimitsTold:
        """What is taken, and of what kinds."""
        return LimitsTold(
            max_bytes=limits.max_bytes,
            max_pixels=limits.max_pixels,
            queue=limits.queue,
            workers=limits.workers,
            time_s=limits.time_s,
            keep_s=limits.keep_s,
            formats_in=list(EXTENSIONS),
            formats_out=list(WRITTEN),
        )

    @app.get("/healthz")
    async def healthz() -> Health:
        """The server answers."""
        return Health()

    @app.get("/readyz", responses=describe.problems(503))
    async def readyz() -> Health:
        """Photographs can be colored."""
        if not pool.workers:
            raise Problem(503, "No process that colors is alive; they are started again.")
        return Health()

    @app.get("/metrics", response_class=Response)
    async def metrics() -> Response:
        """For Prometheus."""
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return app


def _add_refusals(app: FastAPI) -> None:
    @app.exception_handler(Problem)
    async def refuse(_: Request, problem: Exception) -> Response:
        assert isinstance(problem, Problem)
        return problem.response()

    @app.exception_handler(HTTPException)
    async def refuse_request(_: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return Problem(error.status_code, f"{error.detail}.", headers=error.headers).response()

    @app.exception_handler(OSError)
    async def fail(_: Request, error: Exception) -> Response:
        return Problem.of_failure(error).response()

    app.add_exception_handler(Exception, fail)


def _add_pages(app: FastAPI) -> None:
    @app.get("/", include_in_schema=False)
    async def page() -> Response:
        return FileResponse(STATIC / "index.html")

    @app.get("/docs", include_in_schema=False)
    async def docs() -> Response:
        return FileResponse(DOCS / "index.html")

    swagger = Path(fastapi_offline.__file__).with_name("static")
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    app.mount("/docs/assets", StaticFiles(directory=swagger), name="swagger")
    app.mount("/docs", StaticFiles(directory=DOCS), name="docs")


async def _for_client(
    request: Request, turn: Turn, coloring: Coroutine[Any, Any, Result]
) -> Result:
    """What is colored, unless its client goes away while it waits for its turn."""
    task = asyncio.create_task(coloring)
    gone = asyncio.ensure_future(request.receive())  # there is nothing else to be received
    try:
        await asyncio.wait([task, gone], return_when=asyncio.FIRST_COMPLETED)
        if not task.done() and not turn.is_running:
            task.cancel()
            await asyncio.wait([task])
            raise Problem(408, "The client is gone.")
        return await task
    finally:
        task.cancel()
        gone.cancel()


def _answer(result: Result) -> Response:
    plain, encoded = UNQUOTABLE.sub("_", result.name), quote(result.name, safe="")
    headers = {
        "Content-Length": str(result.size_bytes),
        "Content-Disposition": f"attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}",
        "X-Tintype-Model": result.model,
        "X-Tintype-Size": f"{result.width}x{result.height}",
    }
    if result.note:
        headers["X-Tintype-Note"] = quote(result.note)
    return StreamingResponse(result.chunks(), media_type=f"image/{result.format}", headers=headers)
