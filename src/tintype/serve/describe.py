"""What the OpenAPI description says of uploads, which are read by hand, and of answers."""

from __future__ import annotations

from typing import Any

from tintype.formats import WRITTEN
from tintype.serve.problems import MEDIA_TYPE
from tintype.serve.schemas import Options, ProblemDetails
from tintype.serve.upload import FILE

# programs that fill in what a description says would give a field twice
LEFT_TO_FORMS = ("default", "description")
_FILE = {"type": "string", "format": "binary"}


def upload() -> dict[str, Any]:
    """Of a route that takes a photograph, by form or raw, with `Options`."""
    properties = Options.model_json_schema()["properties"]
    fields = {name: _given(schema) for name, schema in properties.items()}
    form = {
        "type": "object",
        "properties": {FILE: _FILE, **fields},
        "required": [FILE],
        "additionalProperties": False,
    }
    parameters = [
        {
            "name": name,
            "in": "query",
            "required": False,
            "description": schema.get("description", ""),
            "schema": {key: schema[key] for key in schema if key not in LEFT_TO_FORMS},
        }
        for name, schema in fields.items()
    ]
    content = {
        "multipart/form-data": {"schema": form},
        "application/octet-stream": {"schema": _FILE},
    }
    return {"parameters": parameters, "requestBody": {"required": True, "content": content}}


def _given(schema: dict[str, Any]) -> dict[str, Any]:
    """A field's schema where it is not left out."""
    rest = {key: schema[key] for key in schema if key not in ("anyOf", "title")}
    kind: dict[str, Any] = schema["anyOf"][0] if "anyOf" in schema else {}
    return kind | {key: value for key, value in rest.items() if value is not None}


def pictures() -> dict[int | str, dict[str, Any]]:
    """The answer that is a colored photograph."""
    answer = {
        "description": "The photograph in color, with the metadata that it had.",
        "content": {f"image/{kind}": {"schema": _FILE} for kind in WRITTEN},
        "headers": {
            name: {"description": told, "schema": {"type": "string"}}
            for name, told in {
                "Content-Disposition": "The name that `tintype colorize` would give it.",
                "X-Tintype-Model": "What colored it.",
                "X-Tintype-Size": "WIDTHxHEIGHT of the photograph, upright.",
                "X-Tintype-Note": "What the result cannot be that the photograph is; "
                "percent-encoded.",
            }.items()
        },
    }
    return {200: answer}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Refusals with these statuses."""
    schema = {"$ref": f"#/components/schemas/{ProblemDetails.__name__}"}
    return {
        status: {
            "description": _WHEN[status],
            "content": {MEDIA_TYPE: {"schema": schema}},
        }
        for status in statuses
    }


_WHEN = {
    400: "The request cannot be read.",
    401: "The token is missing or another.",
    403: "Host, Origin or Sec-Fetch-Site are not this server's.",
    404: "There is no such job, or no longer.",
    408: "The upload took too long.",
    409: "The job is not done.",
    413: "The upload or its picture is too large.",
    415: "The upload is no picture of a kind that is read.",
    422: "A field is not as it must be, or the picture is damaged.",
    429: "As many photographs are in work or wait as may; Retry-After says when to try again.",
    503: "No photograph can be colored at the moment.",
    507: "The server's disk is full.",
}
READING = (400, 401, 403, 408, 413, 415, 422, 429, 503, 507)
