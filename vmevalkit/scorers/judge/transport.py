"""Limits of one call: how long it may take in all, and how much a server may answer."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Any, TypeVar

MAX_BYTES = 64 * 2**20
"""The largest response that is read."""

T = TypeVar("T")


class ResponseError(Exception):
    """A response is too large, or its connection broke. `again` says whether another call may help."""

    def __init__(self, what: str, again: bool) -> None:
        super().__init__(what)
        self.again = again


def post(create: Callable[..., Any], request: dict[str, Any]) -> tuple[int, str]:
    """Send a request, and return the status and the body of the response.

    Args:
        create: method of a client, with streaming response.
        request: body of the request.

    Raises:
        ResponseError: the response is larger than `MAX_BYTES`, or the connection broke.
    """
    body = bytearray()
    with create(**request) as response:
        chunks = response.iter_bytes()
        while True:
            try:
                chunk = next(chunks, None)
            except Exception:  # noqa: BLE001 - which HTTP library raises it depends on the version of openai
                raise ResponseError("the connection broke", again=True) from None
            if chunk is None:
                return response.status_code, body.decode("utf-8", "replace")
            body += chunk
            if len(body) > MAX_BYTES:
                raise ResponseError(f"the response has more than {MAX_BYTES >> 20} MB", again=False)


def within(seconds: float, function: Callable[[], T]) -> T:
    """Call a function in a thread, and wait for its result no longer than some seconds.

    Time limits of sockets apply to each read, so a server that sends a byte now and then would never reach them.

    Raises:
        TimeoutError: the function has not returned. Its thread ends when the function does, or with the process.
    """
    results: queue.SimpleQueue[tuple[T | None, BaseException | None]] = queue.SimpleQueue()

    def run() -> None:
        try:
            results.put((function(), None))
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that waits
            results.put((None, error))

    threading.Thread(target=run, daemon=True).start()
    try:
        result, error = results.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError from None
    if error is not None:
        raise error
    return result  # type: ignore[return-value]
