"""Access to a server: from this machine only, or with a token; and no forms from other sites."""

from __future__ import annotations

import errno
import hmac
import os
import secrets
import socket
import sys
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from fastapi import Request
from fastapi.responses import PlainTextResponse, RedirectResponse, Response

from vmevalkit.errors import UsageError

COOKIE = "vmevalkit_token"
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "style-src-attr 'unsafe-inline'; img-src 'self'; media-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens at an address, before anything is announced.

    Raises:
        UsageError: the address cannot be used.
    """
    listener = None
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
        if sys.platform != "win32":
            # The port of a server that has just ended may be used at once.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(128)
    except OSError as error:
        if listener is not None:
            listener.close()
        fix = f"use --port {_free_port(host)}" if error.errno == errno.EADDRINUSE else "choose another --host or --port"
        raise UsageError(f"cannot listen on {host}:{port}: {error.strerror}", fix) from None
    return listener


def _free_port(host: str) -> int:
    """Return a port that is free at the moment."""
    with socket.create_server((host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        return int(probe.getsockname()[1])


def required_token(host: str) -> str | None:
    """Return the token that requests to an address must contain; None if only this machine can reach it."""
    return None if host in LOOPBACK else os.environ.get("VMEVALKIT_TOKEN") or secrets.token_urlsafe(16)


Next = Callable[[Request], Awaitable[Response]]


class Guard:
    """Middleware that rejects requests without permission and sets security headers.

    Args:
        token: what a request must contain; None if only this machine can reach the viewer.
    """

    def __init__(self, token: str | None) -> None:
        self._token = token

    async def __call__(self, request: Request, call_next: Next) -> Response:
        """Return a rejection, or the response of the application."""
        response = self._check_access(request) or _check_origin(request) or await call_next(request)
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        if response.headers.get("content-type", "").startswith(("text/html", "text/csv")):
            # Prompts and ratings; scripts, images and videos may be cached.
            response.headers.setdefault("Cache-Control", "no-store")
        return response

    def _check_access(self, request: Request) -> Response | None:
        """Return the response to a request that may not continue; None otherwise."""
        if self._token is None:
            if names_other_host(request):
                return PlainTextResponse("This viewer answers on 127.0.0.1 only.", status_code=400)
            return None
        shown = request.query_params.get("token")
        if shown is not None and hmac.compare_digest(shown.encode(), self._token.encode()):
            # A path that begins with two slashes would be the address of another host.
            response = RedirectResponse("/" + request.url.path.lstrip("/\\"), status_code=303)
            response.set_cookie(COOKIE, self._token, httponly=True, samesite="strict")
            return response
        given = request.headers.get("x-token") or request.cookies.get(COOKIE, "")
        if not hmac.compare_digest(given.encode(), self._token.encode()):
            return PlainTextResponse(
                "A token is required. Open the URL that the viewer printed; it ends in ?token=...", status_code=401
            )
        return None


def _check_origin(request: Request) -> Response | None:
    """Reject forms that another site sends."""
    if comes_from_other_site(request):
        return PlainTextResponse("Requests from other sites are rejected.", status_code=403)
    return None


def names_other_host(request: Request) -> bool:
    """Whether a request names a host that is not this machine, as when a site lets its own name point to it."""
    return (urlsplit("//" + request.headers.get("host", "")).hostname or "") not in LOOPBACK


def comes_from_other_site(request: Request) -> bool:
    """Whether a page of another site sends something."""
    if request.method in ("GET", "HEAD"):
        return False
    # Browsers send these headers. Other clients need not.
    origin = request.headers.get("origin")
    site = request.headers.get("sec-fetch-site", "same-origin")
    other = bool(origin) and urlsplit(origin).netloc != request.headers.get("host")
    return site not in ("same-origin", "none") or other
