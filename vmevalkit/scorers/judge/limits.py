"""The limit of a run in dollars."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from vmevalkit.scorers.judge.config import Call


class Budget:
    """Lets calls start while the cost so far, and what the running calls may cost, stays within the limit.

    A call is assumed to cost as much as the most expensive so far. Until the first cost is known, calls run one by one.
    """

    def __init__(self, limit: float | None) -> None:
        self.calls = 0
        self.spent = 0.0
        self._limit = limit
        self._highest = 0.0
        self._running = 0
        self._changed = threading.Condition()

    @contextmanager
    def turn(self, halt: Callable[[str], None]) -> Iterator[Callable[[Call], None]]:
        """Wait until a call may start. The block is given a function that must be told the call.

        Args:
            halt: called with the reason when the limit allows no further call.
        """
        with self._changed:
            self._changed.wait_for(self._may_start)
            if self._limit is not None and self.spent + self._highest > self._limit:
                halt(f"--limit-cost {self._limit:g}: {self.spent:.4f} dollars are spent; raise it to resume.")
            self._running += 1
        try:
            yield lambda call: self._count(call, halt)
        finally:
            with self._changed:
                self._running -= 1
                self._changed.notify_all()

    def _may_start(self) -> bool:
        if self._limit is None or self._running == 0:
            return True
        return 0 < self._highest <= (self._limit - self.spent) / (self._running + 1)

    def _count(self, call: Call, halt: Callable[[str], None]) -> None:
        with self._changed:
            self.calls += 1
            self.spent += call.cost or 0.0
            self._highest = max(self._highest, call.cost or 0.0)
        # A JSON object comes from the API, and may be billed even if it is no answer; an error page is not.
        may_be_billed = call.http == 200 and call.body.lstrip().startswith("{")
        if self._limit is not None and call.cost is None and may_be_billed:
            halt("--limit-cost cannot be enforced: the server does not report how many tokens it used.")
