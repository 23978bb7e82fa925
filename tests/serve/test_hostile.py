"""Files that are damaged, and requests that are odd: each is refused with a reason, or served."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import serve

Server = Any  # of conftest.py


def port_of(server: Server) -> int:
    return int(server.url.rstrip("/").rpartition(":")[2])


def test_damaged_uploads_are_colored_or_refused_with_a_reason(server: Server) -> None:
    report = serve.mutated(port_of(server), count=200, seed=7)
    assert report["bad"] == []
    assert report["crashes"] == 0
    assert report["statuses"][200] > 50
    assert sum(report["statuses"].values()) == 200


def test_no_request_of_the_description_makes_it_fail(server: Server, tmp_path: Path) -> None:
    """A sample; `--max-examples` makes it longer."""
    program = [Path(sys.executable).with_name("schemathesis"), "run"]
    options = [
        "--phases",
        "coverage,fuzzing",
        "--max-examples",
        "2",
        "--seed",
        "1",
        "--no-color",
        "--warnings",
        "off",
    ]
    checks = ["not_a_server_error", "response_schema_conformance", "status_code_conformance"]
    done = subprocess.run(
        [*program, f"{server.url}openapi.json", *options, "--checks", ",".join(checks)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
