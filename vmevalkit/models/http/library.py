"""Requests through the library of a provider: its exceptions, in the terms of `RequestFailed`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from vmevalkit.models.http.client import RequestFailed
from vmevalkit.pacing import retry_after

T = TypeVar("T")


def asked(call: Callable[[], T]) -> T:
    """Call a function of a library once.

    Raises:
        RequestFailed: it failed. Libraries name the HTTP status `status_code`, and the response `response`.
    """
    try:
        return call()
    except RequestFailed:
        raise
    except Exception as error:
        raise failure(error) from error


def failure(error: Exception) -> RequestFailed:
    """Return what an exception of a library means."""
    status = getattr(error, "status_code", None)
    status = status if isinstance(status, int) else None
    headers: Any = getattr(getattr(error, "response", None), "headers", None) or {}
    text = str(getattr(error, "message", "") or error) or type(error).__name__
    if _was_not_sent(error):
        return RequestFailed(f"the server cannot be reached: {text}", again=True)
    if status is None and not type(error).__name__.startswith("API"):
        # A mistake in the request that the library found itself.
        return RequestFailed(f"{type(error).__name__}: {text}", status=400)
    return RequestFailed(
        f"HTTP {status}: {text}" if status else f"the connection broke: {text}",
        status=status,
        again=status is None or status in (408, 409, 425, 429) or status >= 500,
        # Libraries report a connection that broke as status 500, too.
        received=status is None or status in (408, 500, 502, 504),
        after=retry_after(headers),
    )


def _was_not_sent(error: BaseException) -> bool:
    """Whether no connection was made, which is below one of the causes."""
    below = error.__cause__ or error.__context__
    return type(error).__name__ in ("ConnectError", "ConnectTimeout") or (below is not None and _was_not_sent(below))
