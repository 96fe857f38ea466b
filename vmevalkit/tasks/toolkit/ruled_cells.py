"""Boards on which a step changes several places at once, by rules that are a graph: lamps that are switched together.

A node is the look of every place. A video is explained by legal steps: what is changing, and what has changed since the
last board at rest, must belong to one step.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, ClassVar, TypeVar

from vmevalkit.media import Views
from vmevalkit.tasks.base import Fault, Reading, Task
from vmevalkit.tasks.toolkit.cells import Board, CellsTask, Looks, skipped_or_repeated, without_stress
from vmevalkit.types import Record, Size, Verdict

P = TypeVar("P", bound=Record)

# A part of the places of a step may have changed while others have not, and what moves may be unseen, for so many
# frames, or this share of the video.
_BRIEF, _BRIEF_SHARE = 2, 0.04
# Share of what moves that must be seen in the places of a step.
_SEEN = 0.65
# So many frames in a row in which what moves is covered count as frames in which it is not seen; more are a pause.
_COVERED = 3
# Share of a step that is made when something is seen in the place to which it goes (see `_shares`).
_ARRIVED = 0.75


class RuledCells(CellsTask[P]):
    """A task whose steps change several places, as rules allow.

    Class attributes:
        together: whether the places of a step must change at the same time.
        gradual: whether a step takes a look 1 from place to place, which must be seen on its way.
    """

    together: ClassVar[bool] = True
    gradual: ClassVar[bool] = False

    @abstractmethod
    def plan(self, puzzle: P) -> list[Looks]:
        """Return the boards of a solution, from the start to the answer."""

    @abstractmethod
    def after(self, puzzle: P, looks: Looks) -> Sequence[Looks]:
        """Return the boards that are one legal step away."""

    @abstractmethod
    def steps_left(self, puzzle: P, looks: Looks) -> int:
        """Return an estimate of the number of steps to the answer: 0 exactly for an answer."""

    @abstractmethod
    def misstep(self, puzzle: P, looks: Looks, places: set[int]) -> str:
        """Return the reason code for places of a board that change, although no legal step changes them together."""

    def start(self, puzzle: P) -> Looks:
        return self.plan(puzzle)[0]

    def goal(self, puzzle: P) -> Looks:
        """Return the answer of `plan`. Others may be as good."""
        return self.plan(puzzle)[-1]

    def looks(self, puzzle: P) -> int:
        return 2

    def solution(self, puzzle: P) -> list[Board]:
        return [Board(looks) for looks in self.plan(puzzle)]

    def alternatives(self, puzzle: P) -> dict[str, list[Board]]:
        return {}

    def cheats(self, puzzle: P) -> dict[str, list[Board]]:
        """Return boards that skip or repeat steps, or take several together."""
        return skipped_or_repeated(self.solution(puzzle))

    def judge(self, puzzle: P, readings: Sequence[Reading[Board]]) -> Verdict:
        return Task.judge(self, puzzle, list(self._followed(puzzle, readings)))

    def _followed(self, puzzle: P, readings: Sequence[Reading[Board]]) -> Iterator[Reading[Board]]:
        """Yield the readings with the board of the last step that is complete, and what is wrong with the next one."""
        follower = _Follower(self, puzzle, len(readings))
        for reading in without_stress(readings):
            state = reading.state and follower.see(reading.state)
            yield Reading(state, reading.scene_intact, reading.note)

    def inspect(self, puzzle: P, frames: Views, readings: Sequence[Reading[Board]], canvas: Size) -> Fault | None:
        # Places may change back. A transition shows no board that is one step away from the start.
        return None

    def illegal(self, puzzle: P, a: Board, b: Board) -> str | None:
        return b.wrong

    def progress(self, puzzle: P, state: Board) -> float:
        left = self.steps_left(puzzle, state.looks)
        if not left and not state.coming:
            return 1.0
        return min(0.99, max(0.0, 1 - left / self.steps_left(puzzle, self.start(puzzle))))


class _Follower:
    """Explains boards by legal steps, one after another.

    Args:
        task, puzzle: the rules.
        frames: number of frames of the video.
    """

    def __init__(self, task: RuledCells[Any], puzzle: Any, frames: int) -> None:
        self._task, self._puzzle, self._node = task, puzzle, task.start(puzzle)
        self._longest = max(_BRIEF, round(_BRIEF_SHARE * frames))
        # Lost frames that are still excused in steps whose frames are mostly lost, in the whole video.
        self._spare = self._longest + _COVERED
        self._rest()

    def _rest(self) -> None:
        """Begin a step, which no frame has shown yet. Count those in which what moves is lost, missing or covered."""
        self._frames, self._lost, self._missing, self._covered, self._uneven = 0, 0, 0, 0, 0
        # Share of the step that is made, as far as has been seen, and the steps that may have arrived.
        self._made = 0.0
        self._arrived: list[frozenset[int]] = []

    def see(self, board: Board) -> Board:
        """Return the board of the last complete step, with the places that are changing and what is wrong."""
        unclear = board.changing()
        after = [new for new, _ in steps_of(self._task, self._puzzle, self._node)]
        for node in (self._node, *after):
            if board.looks == node and not unclear:
                return Board(node, wrong=self._reach(node))
        for node in (*self._left(board), self._node, *after):
            changed, begun = _unlike(node, board), self._begun(node, board)
            if begun:
                wrong = self._pass_on(node, board, begun) if node != self._node else None
                wrong = wrong or self._unevenness(changed - unclear, unclear, begun) or self._loss(board, begun)
                shares = _shares(node, board, begun)
                self._made = max(self._made, *shares)
                arrived = [step for step, share in zip(begun, shares, strict=True) if share == _ARRIVED]
                self._arrived = arrived or self._arrived
                return Board(node, _coming(changed), wrong=wrong)
        changed = _unlike(self._node, board)
        wrong = self._task.misstep(self._puzzle, self._node, changed)
        return Board(self._node, _coming(changed), wrong=wrong)

    def _begun(self, node: Looks, board: Board) -> list[frozenset[int]]:
        """Return the steps from a node of which a board shows a moment."""
        changed, unclear = _unlike(node, board), board.changing()
        begun = [step for _, step in steps_of(self._task, self._puzzle, node) if changed <= step]
        if node == self._node:
            return begun
        # One step may end while the next begins, but may not be made in the same frame.
        seen = self._frames or changed <= unclear
        return [step for step in begun if seen and (changed != step or unclear)]

    def _left(self, board: Board) -> list[Looks]:
        """Return the boards of steps that had arrived at a place which is empty again: the next step may have begun."""
        begun = self._begun(self._node, board) if self._task.gradual else []
        if not begun or max(_shares(self._node, board, begun)) == _ARRIVED:
            return []
        return [new for new, step in steps_of(self._task, self._puzzle, self._node) if step in self._arrived]

    def _reach(self, node: Looks) -> str | None:
        """End a step, or stay; return the reason code if what moved was not seen on its way, or went back."""
        wrong = self._wrong_way(node) if self._task.gradual else None
        self._node = node
        self._rest()
        return wrong

    def _wrong_way(self, node: Looks) -> str | None:
        """Return the reason code if what moved went back, or was not seen on its way to a node."""
        if node == self._node:
            # A step back is no legal step, whatever places it changes.
            return self._task.misstep(self._puzzle, node, set()) if self._arrived else None
        if not self._frames:
            return "teleport"
        if 2 * self._lost > self._frames:
            self._spare -= self._lost
        return "vanished_on_the_way" if self._lost == self._frames or self._spare < 0 else None

    def _pass_on(self, node: Looks, board: Board, begun: Sequence[frozenset[int]]) -> str | None:
        """End a step in a frame that shows the next one; return the reason code if a whole step is skipped."""
        hops = self._task.gradual and 1 - self._made + min(_shares(node, board, begun)) >= 1
        return self._reach(node) or ("teleport" if hops else None)

    def _loss(self, board: Board, begun: Sequence[frozenset[int]]) -> str | None:
        """Return the reason code if what moves in a step has not been seen for too long."""
        coming = {place: 1.0 if look else share for place, look, share in board.coming}
        seen = max(sum(coming.get(place, board.looks[place]) for place in step) for step in begun)
        # What moves may also be hidden behind a look that has not changed yet, or stand right on it.
        gone, covered = seen < _SEEN, seen < 1 + _SEEN and not board.coming
        self._missing = self._missing + 1 if gone else 0
        self._covered = self._covered + 1 if covered else 0
        self._frames += 1
        self._lost += gone or 0 < self._covered <= _COVERED
        return "vanished_on_the_way" if self._task.gradual and self._missing > self._longest else None

    def _unevenness(self, done: set[int], unclear: set[int], begun: Sequence[frozenset[int]]) -> str | None:
        """Return the reason code if a part of a step has been made for too long while another part has not begun."""
        uneven = bool(done) and all(step - done - unclear for step in begun)
        self._uneven = self._uneven + 1 if uneven else 0
        return "not_together" if self._task.together and self._uneven > self._longest else None


@lru_cache(maxsize=256)
def steps_of(task: RuledCells[Any], puzzle: Any, looks: Looks) -> list[tuple[Looks, frozenset[int]]]:
    """Return each board that is one legal step away, with the places that the step changes."""
    return [(new, frozenset(i for i, (a, b) in enumerate(zip(looks, new, strict=True)) if a != b))
            for new in task.after(puzzle, looks)]  # fmt: skip


def _unlike(node: Looks, board: Board) -> set[int]:
    """Return the places that are changing, or have another look than in a node."""
    return board.changing() | {i for i, (a, b) in enumerate(zip(node, board.looks, strict=True)) if a != b}


def _shares(node: Looks, board: Board, steps: Sequence[frozenset[int]]) -> list[float]:
    """Return about how much of some steps is made, which take a look 1 to a place that has another look in a node."""
    empty = {i for i, look in enumerate(board.looks) if not look} - board.changing()
    filled = {i for i, look in enumerate(node) if look}
    return [_ARRIVED if step - filled - empty else 0.5 if step & filled & empty else 0.25 for step in steps]


def _coming(places: set[int]) -> tuple[tuple[int, int, float], ...]:
    return tuple((place, 0, 0.0) for place in sorted(places))
