"""Pieces that go from cell to cell of a floor plan, by rules that are a graph (`follow`), as boxes that are pushed.

A node is the cell of each piece. A video is explained by legal steps, so pieces need not rest between two steps, and
several may move together.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import Any, TypeVar

from vmevalkit.tasks.base import Fault, Reading
from vmevalkit.tasks.toolkit.draw import INK, PAPER, Sketch, mix
from vmevalkit.tasks.toolkit.follow import Follower, steps_left
from vmevalkit.tasks.toolkit.grid import LEAP, Cell
from vmevalkit.tasks.toolkit.motion import first_of, jumped, popped
from vmevalkit.tasks.toolkit.pieces import Board, PiecesTask, Place, Places, Tracker
from vmevalkit.tasks.toolkit.walk import STEPWISE
from vmevalkit.types import Record, Size

P = TypeVar("P", bound=Record)
Cells = tuple[Cell, ...]

# A piece may be so far from the straight line between two cells.
_OFF = 0.3
_WALL = mix(INK, PAPER, 0.22)


class RuledPieces(PiecesTask[P]):
    """A task whose pieces go from cell to cell as rules allow. A place is (row, column)."""

    @abstractmethod
    def floor(self, puzzle: P) -> Collection[Cell]:
        """Return the cells on which pieces may be."""

    @abstractmethod
    def first(self, puzzle: P) -> Cells:
        """Return the cell of each piece at the start."""

    @abstractmethod
    def after(self, puzzle: P, node: Cells) -> Sequence[Cells]:
        """Return the nodes that are one legal step away."""

    @abstractmethod
    def finished(self, puzzle: P, node: Cells) -> bool:
        """Whether a node is the answer."""

    def key(self, node: Cells) -> Cells:
        """Return what is the same for nodes that are equally far from the answer. By default the node."""
        return node

    @abstractmethod
    def misstep(self, puzzle: P, node: Cells, places: Sequence[Place | None]) -> str:
        """Return the reason code for places that no legal step explains; `node` was the last one reached."""

    def followers(self, puzzle: P) -> list[Follower[Cells]]:
        """Return what explains the places of all pieces together, or one for each piece if they move independently."""
        return [Follower(self.first(puzzle), lambda node: self.after(puzzle, node), straight, _OFF)]

    def clash(self, puzzle: P, before: Sequence[Place | None], places: Sequence[Place | None]) -> str | None:
        """Return the reason code if two pieces meet on their way between two readings. By default they never do."""
        return None

    def plan(self, puzzle: P) -> list[Cells]:
        """Return the nodes of a shortest solution."""
        plan, left = [self.first(puzzle)], nodes_left(self, puzzle)
        while left[self.key(plan[-1])]:
            steps = {new: left.get(self.key(new), math.inf) for new in self.after(puzzle, plan[-1])}
            plan.append(min(steps, key=steps.__getitem__))
        return plan

    def moves(self, puzzle: P) -> list[Places]:
        return [places_of(node) for node in self.plan(puzzle)]

    def slot(self, puzzle: P, homes: Places, piece: int, place: Place) -> Place:
        r, c = min(self.floor(puzzle), key=lambda cell: math.dist(cell, place))
        return float(r), float(c)

    def against(self, puzzle: P, homes: Places, piece: int, slot: Place, aloft: Sequence[int]) -> str | None:
        # The tracker explains steps by the graph.
        return None

    def closeness(self, puzzle: P, homes: Places) -> float:
        left = nodes_left(self, puzzle)
        here, start = self.key(tuple((round(r), round(c)) for r, c in homes)), self.key(self.first(puzzle))
        return max(0.0, 1 - left[here] / left[start]) if here in left else 0.0

    def tracker(self, puzzle: P, frames: int) -> Tracker[P]:
        return _RuledTracker(self, puzzle, frames)

    def interrupted(self, puzzle: P, readings: Sequence[Reading[Board]]) -> Fault | None:
        tracks = [[reading.state and reading.state.places[piece] for reading in readings]
                  for piece in range(len(self.first(puzzle)))]  # fmt: skip
        # All pieces together, because a cut may be as long as the moves of several.
        boards = [reading.state.places if reading.state else () for reading in readings]
        joint: list[Any] = [
            tuple(axis for place in places if place for axis in place) if places and all(places) else None
            for places in boards
        ]
        jumps = [jumped([joint], STEPWISE), *(popped(track, STEPWISE) for track in tracks)]
        return first_of(super().interrupted(puzzle, readings), *jumps)


class _RuledTracker(Tracker[P]):
    """Follows pieces by the steps that the rules allow."""

    def __init__(self, task: RuledPieces[P], puzzle: P, frames: int) -> None:
        super().__init__(task, puzzle, frames)
        self._rules, self._followers = task, task.followers(puzzle)
        self._before: tuple[Place | None, ...] = ()

    def check_moves(self, board: Board) -> str | None:
        places = board.places
        if not any(places):
            return None
        groups = [places] if len(self._followers) == 1 else [(place,) for place in places]
        explained = [not any(group) or follower.see(group)
                     for follower, group in zip(self._followers, groups, strict=True)]  # fmt: skip
        node = tuple(cell for follower in self._followers for cell in follower.node)
        wrong = None if all(explained) else self._rules.misstep(self._puzzle, node, places)
        wrong = wrong or self._rules.clash(self._puzzle, self._before or places, places)
        if any(a and b and math.dist(a, b) > LEAP for a, b in zip(self._before, places, strict=False)):
            wrong = "teleport"
        self.homes = places_of(node)
        self._before = tuple(now or old for now, old in zip(places, self._before or places, strict=True))
        return wrong


@lru_cache(maxsize=64)
def nodes_left(task: RuledPieces[Any], puzzle: Any) -> dict[Cells, int]:
    """Return the number of steps to the answer from every node of a puzzle, by its key."""

    def after(node: Cells) -> list[Cells]:
        return [task.key(new) for new in task.after(puzzle, node)]

    return steps_left(task.key(task.first(puzzle)), after, lambda node: task.finished(puzzle, node))


def places_of(node: Cells) -> Places:
    """Return the places of some cells."""
    return tuple((float(r), float(c)) for r, c in node)


def straight(a: Cells, b: Cells) -> list[Sequence[Place]]:
    """Return the straight paths of pieces from their cells in one node to those in another."""
    return list(zip(places_of(a), places_of(b), strict=True))


def floor_sheet(floor: Collection[Cell], canvas: Size, downscale: float) -> tuple[Sketch, Place, float]:
    """Draw a floor plan between solid walls, which are one cell thick around it.

    Returns:
        The drawing, the position (x, y) of the middle of the cell (0, 0), and the side of a cell, both in pixels.
    """
    rows, columns = max(r for r, _ in floor) + 1, max(c for _, c in floor) + 1
    cell = min(canvas[0] * 0.88 / (columns + 0.7), canvas[1] * 0.88 / (rows + 0.7))
    left, top = (canvas[0] - cell * columns) / 2, (canvas[1] - cell * rows) / 2
    rim = 0.35 * cell
    sheet = Sketch(canvas, downscale=downscale)
    box = (left - rim, top - rim, canvas[0] - left + rim, canvas[1] - top + rim)
    sheet.rectangle(box, _WALL, radius=rim)
    for r, c in floor:
        x, y = left + c * cell, top + r * cell
        # Neighbors overlap, so that there is no seam between them.
        right, bottom = x + (1.1 if (r, c + 1) in floor else 1) * cell, y + (1.1 if (r + 1, c) in floor else 1) * cell
        sheet.rectangle((x, y, right, y + cell), PAPER)
        sheet.rectangle((x, y, x + cell, bottom), PAPER)
    return sheet, (left + cell / 2, top + cell / 2), cell
