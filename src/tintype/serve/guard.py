"""Who may ask: checked before anything of a request is read. And what browsers are told to refuse.

A page elsewhere could otherwise use this server through its reader's browser: by a name that it
makes point here (DNS rebinding), which the Host header shows, or by posting here from its own
address, which Origin and Sec-Fetch-Site show.
"""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tintype.serve.problems import Problem

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
OWN_SITES = ("same-origin", "none")  # of Sec-Fetch-Site; "none" is the reader's own doing
WITH_TOKEN = ("/v1/", "/metrics")
SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' blob: data:; font-src 'self'; connect-src 'self' blob:; "
    "manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
KEPT_NOWHERE = "no-store"  # photographs are not left in caches
ASKED_ANEW = "no-cache"  # the page is, but it may have changed


class Guard:
    """Refuses what is not for this server, and adds the security headers to every answer.

    `hosts` are names, besides localhost and any IP address, that clients may know the server by.
    """

    def __init__(self, app: ASGIApp, *, hosts: Collection[str] = (), token: str | None) -> None:
        self._app = app
        self._hosts = {"localhost", *(host.lower() for host in hosts)}
        self._token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def secured(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(SECURITY_HEADERS)
                is_api = scope["path"].startswith(WITH_TOKEN)
                headers.setdefault("Cache-Control", KEPT_NOWHERE if is_api else ASKED_ANEW)
            await send(message)

        try:
            self._check(scope["method"], scope["path"], Headers(scope=scope))
        except Problem as problem:
            await problem.response()(scope, receive, secured)
        else:
            await self._app(scope, receive, secured)

    def _check(self, method: str, path: str, headers: Headers) -> None:
        host = headers.get("host", "")
        if not self._is_ours(host):
            raise Problem(
                403,
                f"Host is {host!r}, which is no name of this server.",
                hint="Use its address, or name it: tintype serve --allow-host NAME.",
            )
        if method not in SAFE_METHODS:
            origin, site = headers.get("origin"), headers.get("sec-fetch-site")
            if origin is not None and urlsplit(origin).netloc.lower() != host.lower():
                raise Problem(403, f"Origin is {origin!r}: pages of other sites may not ask.")
            if site is not None and site not in OWN_SITES:
                raise Problem(403, f"Sec-Fetch-Site is {site!r}: other sites may not ask.")
        if self._token and path.startswith(WITH_TOKEN):
            scheme, _, given = headers.get("authorization", "").partition(" ")
            same = hmac.compare_digest(given.strip().encode(), self._token.encode())
            if scheme.lower() != "bearer" or not same:
                raise Problem(
                    401,
                    "Authorization holds another token." if given else "There is no token.",
                    hint="Send the server's as: Authorization: Bearer TOKEN.",
                    headers={"WWW-Authenticate": "Bearer"},
                )

    def _is_ours(self, host: str) -> bool:
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        if name in self._hosts:
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True  # no name server can make an address point elsewhere
