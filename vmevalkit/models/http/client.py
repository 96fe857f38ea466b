"""Requests to one server: retried with growing random pauses, at the pace of the server and of the user."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from vmevalkit.errors import Unfinished
from vmevalkit.models.http.config import RemoteConfig
from vmevalkit.pacing import LONGEST_WAIT, Pace, backoff, retry_after
from vmevalkit.redaction import clean

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")

MAX_JSON_BYTES = 16 * 2**20
MAX_VIDEO_BYTES = 2 * 2**30
# A server that reports a failed job with status 500 is believed after as many attempts.
_ERROR_ATTEMPTS = 3
_RETRIED = frozenset({408, 409, 425, 429})


class Answer(NamedTuple):
    """A JSON object from the server, and the headers that came with it."""

    body: dict[str, Any]
    headers: Mapping[str, str]


class RequestFailed(Exception):
    """A request has no usable answer.

    Args:
        reason: why, in one line.
        status: HTTP status; None without a response.
        detail: the `error` of the body, if the body is JSON and has one.
        again: whether another attempt may help.
        received: whether the server may have acted on the request.
        after: seconds that the server asks to wait.
    """

    def __init__(
        self, reason: str, *, status: int | None = None, detail: Any = None, again: bool = False,
        received: bool = False, after: float | None = None,
    ) -> None:  # fmt: skip
        super().__init__(clean(reason, 500))
        self.status, self.detail, self.again, self.received, self.after = status, detail, again, received, after


class Retries:
    """Sends a request until it has an answer.

    Args:
        config: the settings.
        pace: shared by everything that asks the same server.
        stop: ends all waiting.
    """

    def __init__(self, config: RemoteConfig, pace: Pace, stop: threading.Event) -> None:
        self._config, self._pace, self._stop = config, pace, stop

    def run(self, send: Callable[[], T], repeat: bool = True) -> T:
        """Call `send` until it returns.

        Args:
            send: sends the request once; raises `RequestFailed`.
            repeat: whether to send it again if the server may have acted on it.

        Raises:
            RequestFailed: there is no answer after all attempts.
            Unfinished: the run was stopped, or the server asks for a long pause.
        """
        attempt = 0
        while True:
            self._pace.wait()
            if self._stop.is_set():
                raise Unfinished("the run was stopped")
            try:
                return send()
            except RequestFailed as error:
                attempt += 1
                limit = self._config.attempts
                if error.detail is not None and error.status != 429:
                    limit = min(limit, _ERROR_ATTEMPTS)
                if not error.again or attempt >= limit or (error.received and not repeat):
                    raise
                self._wait(error.after, attempt)

    def _wait(self, after: float | None, attempt: int) -> None:
        if after is None:
            self._stop.wait(backoff(attempt - 1, self._config.backoff))
        elif after > LONGEST_WAIT:
            raise Unfinished(f"the server asks to wait {after:.0f} seconds", "rerun the same command later")
        else:
            self._pace.pause(after)


class Client:
    """Sends requests to one server.

    Args:
        url: beginning of every address; None for a client that downloads from anywhere.
        headers: of every request, such as the one with the key.
        config: the settings.
        pace: shared by everything that asks the same server.
        stop: ends all waiting.
    """

    def __init__(
        self, url: str, headers: Mapping[str, str], config: RemoteConfig, pace: Pace, stop: threading.Event
    ) -> None:
        import httpx

        self._config = config
        self._retries = Retries(config, pace, stop)
        # A redirect to another host, where files are stored, does not get the key: httpx drops it.
        self._httpx = httpx.Client(
            base_url=url, headers=dict(headers), timeout=min(60.0, config.timeout), follow_redirects=True
        )

    def close(self) -> None:
        """Close all connections."""
        self._httpx.close()

    def json(self, method: str, path: str, *, repeat: bool = True, **content: Any) -> Answer:
        """Send a request and return the JSON object that it is answered with.

        Args:
            method, path: of the request.
            repeat: whether to send it again if the server may have acted on it.
            content: arguments of `httpx.Client.stream`.

        Raises:
            RequestFailed: there is no such answer after all attempts.
            Unfinished: the run was stopped, or the server asks for a long pause.
        """
        return self._retries.run(lambda: self._json(method, path, content), repeat)

    def download(self, address: str, target: Path) -> None:
        """Write a file from a server to a path.

        Raises:
            RequestFailed, Unfinished: as for `json`.
        """
        self._retries.run(lambda: self._download(address, target))

    def _json(self, method: str, path: str, content: dict[str, Any]) -> Answer:
        with self._open(method, path, self._config.timeout, content) as (response, deadline):
            data = bytearray()
            for chunk in _chunks(response, deadline):
                data += chunk
                if len(data) > MAX_JSON_BYTES:
                    raise RequestFailed("the answer is too large", status=response.status_code, received=True)
            body = _parse(bytes(data))
            if response.status_code >= 400:
                raise _rejected(response, body, bytes(data))
            if not isinstance(body, dict):
                kind = response.headers.get("content-type", "unknown type")
                reason = f"the answer is not JSON but {kind}: {_excerpt(bytes(data))}"
                raise RequestFailed(reason, status=response.status_code, again=True, received=True)
            return Answer(body, response.headers)

    def _download(self, address: str, target: Path) -> None:
        with self._open("GET", address, 10 * self._config.timeout, {}) as (response, deadline):
            kind = response.headers.get("content-type", "")
            if response.status_code >= 400 or kind.startswith(("text/", "application/json")):
                data = b"".join(_chunks(response, deadline))[:MAX_JSON_BYTES]
                if response.status_code >= 400:
                    raise _rejected(response, _parse(data), data)
                reason = f"the file is not a video but {kind}: {_excerpt(data)}"
                raise RequestFailed(reason, status=response.status_code, again=True)
            size = 0
            with target.open("wb") as file:
                for chunk in _chunks(response, deadline):
                    size += len(chunk)
                    if size > MAX_VIDEO_BYTES:
                        raise RequestFailed(f"the file has more than {MAX_VIDEO_BYTES >> 30} GB")
                    file.write(chunk)

    def _open(self, method: str, path: str, seconds: float, content: dict[str, Any]) -> _Opened:
        return _Opened(self._httpx.stream(method, path, **content), time.monotonic() + seconds)


class _Opened:
    """A response that is being read. Errors of httpx become `RequestFailed`."""

    def __init__(self, stream: Any, deadline: float) -> None:
        self._stream, self._deadline = stream, deadline

    def __enter__(self) -> tuple[httpx.Response, float]:
        import httpx

        try:
            return self._stream.__enter__(), self._deadline
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise RequestFailed(f"the server cannot be reached: {_text(error)}", again=True) from None
        except httpx.TimeoutException:
            raise RequestFailed("the server does not answer in time", again=True, received=True) from None
        except httpx.InvalidURL as error:
            raise RequestFailed(f"the address is not valid: {_text(error)}") from None
        except httpx.HTTPError as error:
            raise RequestFailed(f"the connection broke: {_text(error)}", again=True, received=True) from None

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        import httpx

        self._stream.__exit__(kind, error, trace)
        if isinstance(error, httpx.TimeoutException):
            raise RequestFailed("the answer stalled", again=True, received=True) from None
        if isinstance(error, httpx.HTTPError):
            raise RequestFailed(f"the answer was cut off: {_text(error)}", again=True, received=True) from None


def _chunks(response: httpx.Response, deadline: float) -> Any:
    """Return the body piece by piece. Time limits of sockets apply to each read, so the whole has its own."""
    for chunk in response.iter_bytes():
        if time.monotonic() > deadline:
            raise RequestFailed("the answer does not end in time", again=True, received=True)
        yield chunk


def _rejected(response: httpx.Response, body: Any, data: bytes) -> RequestFailed:
    status = response.status_code
    detail = body.get("error") or body.get("detail") if isinstance(body, dict) else None
    return RequestFailed(
        f"HTTP {status}: {message_of(detail) if detail else _excerpt(data)}",
        status=status,
        detail=detail,
        again=status in _RETRIED or status >= 500,
        # Gateways answer so while the server behind them works on the request.
        received=status in (408, 502, 504),
        after=retry_after(response.headers),
    )


def message_of(error: Any) -> str:
    """Return the text of an error in any of the usual forms."""
    if isinstance(error, dict):
        text = str(error.get("message") or error.get("detail") or error)
        return f"{text} ({error['code']})" if error.get("code") else text
    return str(error)


def _parse(data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def _excerpt(data: bytes) -> str:
    return " ".join(data[:200].decode("utf-8", "replace").split()) or "empty"


def _text(error: Exception) -> str:
    return str(error) or type(error).__name__
