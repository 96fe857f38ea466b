"""Progress on stderr: a bar with rate and time left in a terminal, an occasional line in a log file."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")
_LOG_INTERVAL_SECONDS = 15.0

log = logging.getLogger("vmevalkit")


def track(items: Iterable[T], total: int, label: str, status: Callable[[], str] = str) -> Iterator[T]:
    """Yield the items and show how many of `total` are done.

    Args:
        status: returns a few words about what is going on; called whenever something is shown.
    """
    if sys.stderr.isatty():
        yield from _with_bar(items, total, label, status)
        return
    started = logged = time.monotonic()
    for count, item in enumerate(items, 1):
        now = time.monotonic()
        if now - logged >= _LOG_INTERVAL_SECONDS and count < total:
            logged = now
            left = (now - started) / count * (total - count)
            doing = f", {words}" if (words := status()) else ""
            shown = f"{label}: {count}/{total}, {count / (now - started):.2g}/s{doing}, about {left:.0f} s left"
            print(shown, file=sys.stderr, flush=True)
        yield item


def _with_bar(items: Iterable[T], total: int, label: str, status: Callable[[], str]) -> Iterator[T]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"), TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn(),
        TextColumn("{task.fields[status]}"),
    )  # fmt: skip
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(label, total=total, rate="", status=status())
        started = time.monotonic()
        for count, item in enumerate(items, 1):
            rate = count / max(1e-9, time.monotonic() - started)
            shown = f"{rate:.1f}/s" if rate >= 1 else f"{1 / rate:.1f} s each"
            bar.update(task, advance=1, rate=shown, status=status())
            yield item
