"""Refusals, as RFC 9457 has them: what is wrong, with the value, and what to do."""

from __future__ import annotations

import errno
import traceback
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi.responses import JSONResponse
from pydantic import ValidationError

MEDIA_TYPE = "application/problem+json"


class Problem(Exception):
    """A request that is refused. `detail` names the value and the fix; `hint` what to do next."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        hint: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.hint = hint
        self.headers = dict(headers or {})

    def as_dict(self) -> dict[str, Any]:
        """The members of the JSON object."""
        told: dict[str, Any] = {
            "type": "about:blank",  # of which RFC 9457 says that the title is that of the status
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
        }
        return told | {"hint": self.hint} if self.hint else told

    def response(self) -> JSONResponse:
        """What the client is sent."""
        return JSONResponse(
            self.as_dict(), self.status, headers=self.headers, media_type=MEDIA_TYPE
        )

    @classmethod
    def of_failure(cls, error: Exception) -> Problem:
        """Of what is no fault of the client; the log has the rest."""
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            return cls(507, "The server's disk is full.")
        traceback.print_exception(error)
        return cls(500, "The server failed here.")

    @classmethod
    def of_validation(cls, error: ValidationError) -> Problem:
        """Of the first field that is not as it must be."""
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"])) or "the fields"
        if first["type"] == "extra_forbidden":
            return cls(422, f"There is no field {field!r}.", hint="See /docs for those there are.")
        value = repr(first["input"])
        shown = value if len(value) <= 80 else value[:79] + "…"
        return cls(422, f"{field} is {shown}: {first['msg']}.")
