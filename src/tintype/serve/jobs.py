"""Photographs that are colored while the client asks how far they are."""

from __future__ import annotations

import asyncio
import secrets
import time
from contextlib import ExitStack
from dataclasses import dataclass, field

from tintype.serve.limits import Limits
from tintype.serve.pool import Pool, Result, Turn
from tintype.serve.problems import Problem
from tintype.serve.schemas import JobStatus, Links, Status
from tintype.serve.upload import Upload


@dataclass(eq=False)
class Job:
    """One photograph, and what became of it."""

    id: str
    turn: Turn = field(default_factory=Turn)
    task: asyncio.Task[None] | None = None
    result: Result | None = None
    problem: Problem | None = None
    ended_s: float | None = None


class Jobs:
    """Jobs by ids that nobody can guess; results are dropped after a time, or for newer ones."""

    def __init__(self, pool: Pool, limits: Limits) -> None:
        self._pool = pool
        self._limits = limits
        self._jobs: dict[str, Job] = {}  # those that ended earlier come first

    @property
    def kept_bytes(self) -> int:
        """Of all results."""
        return sum(job.result.size_bytes for job in self._jobs.values() if job.result)

    def begin(self, upload: Upload, model: str, held: ExitStack) -> Job:
        """Color an upload when its turn comes; `held` is closed after that."""
        self._drop_old()
        job = Job(secrets.token_urlsafe(24))
        job.task = asyncio.create_task(self._run(job, upload, model, held))
        self._jobs[job.id] = job
        return job

    def find(self, id: str) -> Job:
        """Raises `Problem` where there is none, or no longer."""
        self._drop_old()
        if id not in self._jobs:
            raise Problem(
                404,
                "There is no such job, or no longer.",
                hint=f"What is done is kept for {self._limits.keep_s:g} s.",
            )
        return self._jobs[id]

    def status(self, job: Job) -> JobStatus:
        """What a client is told."""
        status: Status = "running" if job.turn.is_running else "queued"
        if job.problem:
            status = "failed"
        elif job.result:
            status = "done"
        place = f"/v1/jobs/{job.id}"
        return JobStatus(
            id=job.id,
            status=status,
            progress=job.turn.progress,
            position=self._pool.position(job.turn),
            problem=job.problem.as_dict() if job.problem else None,
            links=Links(self=place, result=f"{place}/result"),
        )

    def result(self, job: Job) -> Result:
        """Raises `Problem` where there is none, or not yet."""
        if job.problem:
            raise job.problem.with_traceback(None)  # else it grows each time
        if not job.result:
            raise Problem(409, "The job is not done.", hint="Ask for its status until it is.")
        return job.result

    async def drop(self, job: Job) -> None:
        """Forget a job; one in work is ended."""
        self._jobs.pop(job.id, None)
        if job.task and not job.task.done():
            job.task.cancel()
            await asyncio.wait([job.task])
        if job.result:
            job.result.file.close()

    async def close(self) -> None:
        """Forget all."""
        for job in list(self._jobs.values()):
            await self.drop(job)

    async def _run(self, job: Job, upload: Upload, model: str, held: ExitStack) -> None:
        try:
            with held:
                job.result = await self._pool.color(upload, model, job.turn)
        except Problem as problem:
            job.problem = problem
        except Exception as error:
            job.problem = Problem.of_failure(error)
        job.ended_s = time.monotonic()
        if job.id in self._jobs:  # to the end of the line
            self._jobs[job.id] = self._jobs.pop(job.id)
        self._drop_old()
        asyncio.get_running_loop().call_later(self._limits.keep_s, self._drop_old)

    def _drop_old(self) -> None:
        now_s, kept_bytes = time.monotonic(), self.kept_bytes
        ended = [job for job in self._jobs.values() if job.ended_s is not None]
        for job in ended:
            assert job.ended_s is not None
            is_old = now_s - job.ended_s >= self._limits.keep_s
            are_many = len(self._jobs) > self._limits.keep_jobs
            is_newest = job is ended[-1]
            if is_old or ((are_many or kept_bytes > self._limits.keep_bytes) and not is_newest):
                del self._jobs[job.id]
                if job.result:
                    kept_bytes -= job.result.size_bytes
                    job.result.file.close()
