"""What a run may spend on remote models."""

from __future__ import annotations

import threading

from vmevalkit.errors import Unfinished


class Budget:
    """Counts the dollars of jobs before they are submitted, so that the limit is never exceeded.

    Args:
        limit: dollars; None for no limit.
    """

    def __init__(self, limit: float | None) -> None:
        self.spent = 0.0
        self._limit = limit
        self._lock = threading.Lock()

    def reserve(self, price: float | None) -> None:
        """Count a job that is about to be submitted.

        Raises:
            Unfinished: the limit does not allow it.
        """
        with self._lock:
            # A fraction of a cent, because sums of decimal prices are not exact.
            if self._limit is not None and self.spent + (price or 0.0) > self._limit + 1e-9:
                raise Unfinished(
                    f"--limit-cost: {self.spent:.2f} of {self._limit:.2f} dollars are spent, and a video costs "
                    f"{price or 0.0:.2f}",
                    "raise it to resume",
                )
            self.spent += price or 0.0

    def settle(self, price: float | None, actual: float | None) -> None:
        """Replace the list price of a job by what it cost; 0 if it was not accepted."""
        if actual is not None:
            with self._lock:
                self.spent += actual - (price or 0.0)
