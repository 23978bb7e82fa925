"""Who may ask, and what browsers are told to refuse."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Server = Any  # of conftest.py


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "LOCALHOST:9000", "[::1]:8000", "192.168.1.5"]
)
def test_addresses_and_localhost_are_this_server(server: Server, host: str) -> None:
    assert server.client.get("/healthz", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:8000", "[", "a@b", ""],
)
def test_other_names_are_refused_whatever_is_asked(server: Server, host: str) -> None:
    for path in ("/", "/v1/models", "/healthz", "/static/index.html", "/openapi.json"):
        response = server.client.get(path, headers={"Host": host})
        assert repr(host) in server.refused(response, 403)["detail"]


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_posts_of_other_sites_are_refused(
    server: Server, camera: bytes, headers: dict[str, str]
) -> None:
    for path in ("/v1/colorize", "/v1/jobs"):
        server.refused(server.client.post(path, content=camera, headers=headers), 403)
    server.refused(server.client.delete("/v1/jobs/any", headers=headers), 403)


def test_posts_of_the_page_itself_are_served(server: Server, camera: bytes) -> None:
    headers = {"Origin": server.url.rstrip("/"), "Sec-Fetch-Site": "same-origin"}
    assert server.client.post("/v1/colorize", content=camera, headers=headers).status_code == 200


def test_every_answer_has_the_security_headers(server: Server, camera: bytes) -> None:
    answers = [
        server.client.get("/"),
        server.client.get("/v1/models"),
        server.client.get("/nothing"),
        server.client.get("/", headers={"Host": "evil.example"}),
        server.colorize(camera),
    ]
    for headers in (answer.headers for answer in answers):
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert "Server" not in headers
        assert not [name for name in headers if name.startswith("access-control-")]
    assert answers[-1].headers["Cache-Control"] == "no-store"


def test_no_page_is_asked_from_elsewhere_or_holds_inline_code(server: Server) -> None:
    for path in ("/", "/docs"):
        text = server.client.get(path).text
        assert not re.search(r"""(src|href|action)=["']?(https?:)?//""", text)
        assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\son\w+=|\sstyle=", text)
        for link in re.findall(r'(?:src|href)="(/[^"]+)"', text):
            assert server.client.get(link).status_code == 200, link


def test_token_is_asked_for_where_photographs_are(
    serving: Callable[..., Server], tiny_model: Path, camera: bytes
) -> None:
    server = serving("--model", tiny_model, "--workers", "1", TINTYPE_TOKEN="o'pen sesame")
    client = server.client
    for path in ("/", "/healthz", "/readyz", "/docs", "/openapi.json"):
        assert client.get(path).status_code == 200
    assert "bearer" in client.get("/openapi.json").text
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic o'pen sesame"}):
        for path in ("/v1/models", "/v1/limits", "/metrics", "/v1/jobs/any"):
            response = client.get(path, headers=headers)
            server.refused(response, 401)
            assert response.headers["WWW-Authenticate"] == "Bearer"
        server.refused(client.post("/v1/colorize", content=camera, headers=headers), 401)
    right = {"Authorization": "Bearer o'pen sesame"}
    assert client.post("/v1/colorize", content=camera, headers=right).status_code == 200
    assert client.get("/metrics", headers=right).status_code == 200
    environments = [child.environ() for child in server.children()]
    assert environments
    assert not any("TINTYPE_TOKEN" in environment for environment in environments)


def test_names_are_allowed_one_by_one_and_exposure_is_told(
    serving: Callable[..., Server], tiny_model: Path
) -> None:
    arguments = ("--host", "0.0.0.0", "--allow-host", "photos.example.org", "--workers", "1")
    server = serving(*arguments, "--model", tiny_model)
    port = server.url.rstrip("/").rpartition(":")[2]
    server.client.base_url = f"http://127.0.0.1:{port}/"
    assert server.client.get("/healthz", headers={"Host": "Photos.Example.org"}).is_success
    server.refused(server.client.get("/healthz", headers={"Host": "example.org"}), 403)
    code, said = server.stop()
    assert code == 0
    assert "warning: listening at 0.0.0.0: whoever reaches this machine" in said
    assert "there is no --token" in said
