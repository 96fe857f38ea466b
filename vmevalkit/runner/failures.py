"""Failures of a model in a run: counts of equal ones, and the decision to stop the model."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator
from typing import TypeVar

from vmevalkit.runner.jobs import is_unfinished
from vmevalkit.types import GenerationResult

log = logging.getLogger(__name__)
T = TypeVar("T")

LIMIT = 3
"""A model that fails so many times in a row by the same mistake in its code is stopped."""


class Failures:
    """Counts the failures of one model. The first of each kind is logged, the others are counted only.

    Failures are of one kind if their errors are equal. A mistake in the model's code stops the model when it has
    happened `LIMIT` times in a row. Other failures, such as a refused prompt or a killed process, never do.

    Args:
        model: its name.
        is_function: the model is a user's function, so that everything that the kit says against it is a mistake.
    """

    def __init__(self, model: str, is_function: bool = False) -> None:
        self._model, self._is_function = model, is_function
        self._counts: Counter[str] = Counter()
        self._last, self._in_a_row = "", 0

    @property
    def stop(self) -> bool:
        """Whether the model is to be stopped."""
        return self._in_a_row >= LIMIT

    @property
    def reason(self) -> str:
        """Why the model was stopped, or why else videos are left."""
        if not self.stop:
            return "the run ended before"
        return f"{self._model} was stopped after {LIMIT} identical errors: {self._last}; correct it"

    def note(self, result: GenerationResult) -> None:
        """Count the result of a video."""
        error = "" if result.success else result.error or "no reason given"
        trace = str(result.metadata.get("traceback") or "")
        has_erred = bool(trace) or (self._is_function and "error_type" in result.metadata)
        is_mistake = has_erred and "out of memory" not in error
        self._in_a_row = (self._in_a_row + 1 if error == self._last else 1) if is_mistake else 0
        self._last = error
        if result.success or is_unfinished(result):
            return
        self._counts[error] += 1
        if self._counts[error] == 1:
            log.warning("%s: %s", self._model, error)
        if self.stop and self._in_a_row == LIMIT:
            log.error("%s failed %d times in a row with the same error:\n%s", self._model, LIMIT, trace or error)


class _Stop(Exception):
    """Ends an iterator that runs jobs, which finishes what it has started."""


def until(results: Iterator[T], stop: Callable[[], bool]) -> Iterator[T]:
    """Yield results until `stop` is true, and those that were under way then."""
    for result in results:
        yield result
        if stop():
            break
    else:
        return
    throw = getattr(results, "throw", None)
    try:
        if throw is not None:
            yield throw(_Stop())
            yield from results
    except (_Stop, StopIteration):
        return
