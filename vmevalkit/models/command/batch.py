"""Collect questions that several threads ask at the same time into one call."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

Q = TypeVar("Q")
A = TypeVar("A")

_GATHER_SECONDS = 0.3


class Batcher(Generic[Q, A]):
    """Runs one call at a time, for all questions that are waiting.

    Args:
        run: answers several questions. An exception is the answer to each.
        size: largest number of questions in one call.
        together: whether two questions may be in one call.
        order: key by which the questions of a call are sorted.
    """

    def __init__(
        self, run: Callable[[list[Q]], list[A | BaseException]], size: int, together: Callable[[Q, Q], bool],
        order: Callable[[Q], str],
    ) -> None:  # fmt: skip
        self._run, self._size, self._together, self._order = run, size, together, order
        self._waiting: list[tuple[Q, Future[A]]] = []
        self._changed = threading.Condition()
        self._calling = threading.Lock()

    def ask(self, question: Q) -> A:
        """Answer one question, in one call with others."""
        future: Future[A] = Future()
        with self._changed:
            self._waiting.append((question, future))
            self._changed.notify_all()
        # Whoever gets the lock makes the call for everybody who waits by then.
        with self._calling:
            if not future.done():
                self._call(self._gather())
        return future.result()

    def _gather(self) -> list[tuple[Q, Future[A]]]:
        with self._changed:
            first = self._waiting[0][0]
            self._changed.wait_for(lambda: len(self._fitting(first)) >= self._size, _GATHER_SECONDS)
            fitting = self._fitting(first)[: self._size]
            taken = {id(future) for _, future in fitting}
            self._waiting = [item for item in self._waiting if id(item[1]) not in taken]
        return sorted(fitting, key=lambda item: self._order(item[0]))

    def _fitting(self, first: Q) -> list[tuple[Q, Future[A]]]:
        return [item for item in self._waiting if self._together(first, item[0])]

    def _call(self, batch: list[tuple[Q, Future[A]]]) -> None:
        try:
            answers = self._run([question for question, _ in batch])
        except BaseException as error:  # noqa: BLE001 - raised again in each thread that asked
            answers = [error] * len(batch)
        for (_, future), answer in zip(batch, answers, strict=True):
            if isinstance(answer, BaseException):
                future.set_exception(answer)
            else:
                future.set_result(answer)
