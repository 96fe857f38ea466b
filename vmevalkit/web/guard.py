"""Who may see the viewer: this machine alone, or who brings the token; and no other site may send anything."""

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
}

Next = Callable[[Request], Awaitable[Response]]


def guarded(token: str | None) -> Callable[[Request, Next], Awaitable[Response]]:
    """Middleware that turns away whoever may not come in, and says to browsers what pages may do."""

    async def guard(request: Request, call_next: Next) -> Response:
        response = _turned_away(request, token) or await call_next(request)
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        return response

    return guard


def _turned_away(request: Request, token: str | None) -> Response | None:
    host = urlsplit("//" + request.headers.get("host", "")).hostname or ""
    # A name that another site lets point here is not this machine's.
    if token is None and host not in LOOPBACK:
        return PlainTextResponse("This viewer answers on 127.0.0.1 only.", status_code=400)
    if token is not None:
        shown = request.query_params.get("token")
        if shown is not None and hmac.compare_digest(shown, token):
            response = RedirectResponse(request.url.path, status_code=303)
            response.set_cookie(COOKIE, token, httponly=True, samesite="strict")
            return response
        given = request.headers.get("x-token") or request.cookies.get(COOKIE, "")
        if not hmac.compare_digest(given, token):
            return PlainTextResponse("Open the address that the viewer printed: it ends in ?token=...", status_code=401)
    if request.method not in ("GET", "HEAD"):
        # Browsers say where a form comes from; what is not a browser need not.
        origin = request.headers.get("origin")
        site = request.headers.get("sec-fetch-site", "same-origin")
        if site not in ("same-origin", "none") or (origin and urlsplit(origin).netloc != request.headers.get("host")):
            return PlainTextResponse("Another site may not send this.", status_code=403)
    return None
