"""Progress of the video that is being made: services report it, and what runs them may listen."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

# What listens in this process; a process makes one video at a time.
_listener: Callable[[float], None] | None = None


def listen(listener: Callable[[float], None] | None) -> None:
    """Let a function be called with each report, from 0 to 1; None for no more."""
    global _listener
    _listener = listener


def report(share: float) -> None:
    """Report how much of the video is done, from 0 to 1."""
    if _listener is not None:
        _listener(min(1.0, max(0.0, share)))


class ReportedBar:
    """A stand-in for the progress bar of a Diffusers pipeline that reports each step."""

    def __init__(self, iterable: Iterable[Any] | None = None, total: int | None = None) -> None:
        self._items = list(iterable) if iterable is not None else []
        self._total = total or len(self._items)
        self._done = 0

    def update(self, steps: int = 1) -> None:
        """Count steps."""
        self._done += steps
        if self._total:
            report(self._done / self._total)

    def __iter__(self) -> Iterator[Any]:
        for item in self._items:
            yield item
            self.update()

    def __enter__(self) -> ReportedBar:
        return self

    def __exit__(self, *_: object) -> None:
        pass
