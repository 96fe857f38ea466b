"""Access to the viewer: from this machine only, or with a token; and no forms from other sites."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from fastapi import Request
from fastapi.responses import PlainTextResponse, RedirectResponse, Response

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
            # Another site may let its own host name point to this machine.
            host = urlsplit("//" + request.headers.get("host", "")).hostname or ""
            if host not in LOOPBACK:
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
    if request.method in ("GET", "HEAD"):
        return None
    # Browsers send these headers. Other clients need not.
    origin = request.headers.get("origin")
    site = request.headers.get("sec-fetch-site", "same-origin")
    if site not in ("same-origin", "none") or (origin and urlsplit(origin).netloc != request.headers.get("host")):
        return PlainTextResponse("Requests from other sites are rejected.", status_code=403)
    return None
