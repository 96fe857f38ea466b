"""Pace of requests to a server: at most so many a minute, and pauses when the server asks for one."""

from __future__ import annotations

import email.utils
import random
import re
import threading
import time
from collections.abc import Mapping

LONGEST_WAIT = 600.0
"""Seconds that a server may ask to wait before the run ends instead."""


class Pace:
    """Lets a number of calls start in a minute, and none while the server asks for a pause."""

    def __init__(self, per_minute: float | None, stop: threading.Event) -> None:
        self._gap = 60.0 / per_minute if per_minute else 0.0
        self._next = 0.0
        self._lock = threading.Lock()
        self._stop = stop

    def wait(self) -> None:
        """Wait until the next call may start, or the run stops."""
        while True:
            with self._lock:
                now = time.monotonic()
                begin = self._next
                if begin <= now:
                    self._next = max(now, begin) + self._gap
                    return
            if self._stop.wait(begin - now):
                return

    def pause(self, seconds: float) -> None:
        """Let no call start for some seconds."""
        with self._lock:
            self._next = max(self._next, time.monotonic() + seconds)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that the server asks to wait, from Retry-After as seconds or as a date; None without it."""
    value = headers.get("retry-after", "").strip()
    if re.fullmatch(r"\d+(\.\d+)?", value):
        return float(value)
    try:
        moment = email.utils.parsedate_to_datetime(value).timestamp()
    except (ValueError, TypeError):
        return None
    return max(0.0, moment - time.time())


def backoff(attempt: int, average: float) -> float:
    """Return the seconds to wait after the failed attempt number `attempt` (from 0): random, so that clients that
    failed together do not return together, and on average doubled each time, up to a minute."""
    return random.uniform(0.5, 1.5) * min(60.0, average * 2.0**attempt)
