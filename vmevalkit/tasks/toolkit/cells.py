"""Cells: base class of tasks in which places are filled, cleared or marked one after another.

A task states the look of each place at the start and in the answer, and draws a place. Everything else follows: the
solution, the cheats, the reader and the verdict. Each change must be visible by itself, lead to the answer's look, and
stay.
"""

from __future__ import annotations

import itertools
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from functools import partial
from typing import ClassVar, NamedTuple, TypeVar

import numpy as np

from vmevalkit.media import Views
from vmevalkit.tasks.base import Fault, Painter, Reader, Reading, Task, random_generator
from vmevalkit.tasks.toolkit.cell_boards import Board, BoardPainter, BoardReader, Looks, changed, changing_looks
from vmevalkit.tasks.toolkit.draw import GRAY, Box, Color, Point, Sketch, scaled
from vmevalkit.tasks.toolkit.reversal import find_reversal
from vmevalkit.tasks.toolkit.transition import Places, find_transition
from vmevalkit.tasks.toolkit.vision import Painted, downscale_of
from vmevalkit.types import Record, Size, Tolerance, Verdict

__all__ = [
    "CELL_REASONS",
    "Board",
    "CellsTask",
    "Looks",
    "changed",
    "draw_grid_lines",
    "draw_square",
    "inset_cell",
    "middle_of",
    "skipped_or_repeated",
    "square_box",
    "swept",
    "without_stress",
]

P = TypeVar("P", bound=Record)

# A look that appears grows from this share of its size, and has its full size after this share of the step. For the
# rest of the step nothing changes.
_SMALLEST, _GROWN_AFTER = 0.2, 0.7
# A place is stressed for at most so many frames, or this share of the video, at a time. It gets another look within
# twice as many frames.
_STRESS, _STRESS_SHARE = 4, 0.08
# Directions of the straight wipes that must not solve a puzzle, as (across, down).
_WIPES = ((1, 0), (0, 1), (1, 1), (1, -1))
# Margin between a cell's edge and its content, as a share of the cell.
_INSET = 0.14


class CellsTask(Task[P, Board]):
    """A task whose places change their looks. A look is a number; 0 is the look of an empty place.

    Only cells that could change are places. An empty cell that must stay empty is a place; a given cell is part of the
    sheet.

    Attributes:
        read_size: the size at which readers expect looks, as a share of the full size. What is cut off must be so
            little that blur can explain it (`envelope.REACH`): large looks need a larger share.
    """

    read_size: ClassVar[float] = 0.96

    @abstractmethod
    def goal(self, puzzle: P) -> Looks:
        """Return the look of each place in the answer."""

    def start(self, puzzle: P) -> Looks:
        """Return the look of each place in the first frame. By default all are empty."""
        return (0,) * len(self.goal(puzzle))

    def looks(self, puzzle: P) -> int:
        """Return the number of looks, including the empty one. By default a place is empty or filled."""
        return 2

    @abstractmethod
    def sheet(self, puzzle: P, canvas: Size, downscale: float = 1) -> tuple[Sketch, list[Box]]:
        """Draw what never changes.

        Returns:
            The sketch, and the box (left, top, right, bottom) of each place in pixels of the canvas.
        """

    @abstractmethod
    def draw_look(self, puzzle: P, sketch: Sketch, box: Box, look: int, size: float) -> None:
        """Draw a look (not 0) in the box of a place, at a share of its full size and without leaving the box."""

    def lanes(self, puzzle: P, canvas: Size, downscale: float) -> Sketch | None:
        """Draw the sheet with all that a look 1 may cover on its way from place to place. By default none moves."""
        return None

    def choices(self, puzzle: P) -> Sequence[Sequence[int]]:
        """Return the looks that each place may have. By default each may have all of them."""
        return [range(self.looks(puzzle))] * len(self.goal(puzzle))

    def order(self, puzzle: P) -> list[int]:
        """Return the places that change, in the order of the solution."""
        start, goal = self.start(puzzle), self.goal(puzzle)
        return [place for place in range(len(goal)) if start[place] != goal[place]]

    def too_early(self, puzzle: P, looks: Looks, place: int) -> bool:
        """Return whether a place may not change yet. By default the order is free."""
        return False

    def groups(self, puzzle: P) -> Sequence[int]:
        """Return the number of the group of each place. By default all places are one group.

        Places of one group change one after another, and those of different groups also at the same time.
        """
        return [0] * len(self.goal(puzzle))

    def solution(self, puzzle: P) -> list[Board]:
        """Return the start and the board after each change."""
        return self.filled(puzzle, self.order(puzzle))

    def filled(self, puzzle: P, order: Sequence[int], goal: Looks | None = None) -> list[Board]:
        """Return the boards when places change in an order, to the answer's looks or those of `goal`."""
        goal = self.goal(puzzle) if goal is None else goal
        boards = [Board(self.start(puzzle))]
        for place in order:
            boards.append(Board(changed(boards[-1].looks, {place: goal[place]})))
        return boards

    def between(self, puzzle: P, a: Board, b: Board, t: float) -> Board:
        """Return the board at a share `t` of a step: old looks shrink and new ones grow."""
        return Board(*changing_looks(a.looks, b.looks, t, _grown))

    def cheats(self, puzzle: P) -> dict[str, list[Board]]:
        """Return boards that skip, repeat, revert, add or reorder changes."""
        path, order, goal = self.solution(puzzle), self.order(puzzle), self.goal(puzzle)
        start = path[0].looks
        found = skipped_or_repeated(path)
        choices = self.choices(puzzle)
        others = [look for look in choices[order[-1]] if look not in (goal[order[-1]], start[order[-1]])]
        if others:
            wrong = Board(changed(goal, {order[-1]: others[0]}))
            found["nearly_one_wrong"] = [*path[:-1], wrong]
            found["wrong_then_corrected"] = [*path[:-1], wrong, path[-1]]
        unchanged = [place for place in range(len(goal)) if goal[place] == start[place]]
        if unchanged:
            # The place in the middle of the list: the first and last are often far from the rest.
            place = unchanged[len(unchanged) // 2]
            look = next(look for look in (*goal, *choices[place]) if look != goal[place] and look in choices[place])
            found["nearly_one_too_many"] = [*path, Board(changed(goal, {place: look}))]
            found["elsewhere_first"] = [path[0], Board(changed(start, {place: look})), *path]
        reordered = self._wrong_order(puzzle)
        if reordered:
            found["wrong_order"] = self.filled(puzzle, reordered)
        return found

    def _wrong_order(self, puzzle: P) -> list[int]:
        """Return an order in which a place changes too early; empty if every order is legal."""
        order = self.order(puzzle)
        later = [i for i in range(1, len(order)) if self.too_early(puzzle, self.start(puzzle), order[i])]
        if not later:
            return []
        return [order[later[0]], *order[: later[0]], *order[later[0] + 1 :]]

    def alternatives(self, puzzle: P) -> dict[str, list[Board]]:
        """Return solutions in other orders, if the order is free."""
        order = self.order(puzzle)
        if self._wrong_order(puzzle) or len(order) < 2:
            return {}
        shuffled = list(order)
        random_generator("order", self.name, str(puzzle)).shuffle(shuffled)
        return {"backwards": self.filled(puzzle, order[::-1]), "any_order": self.filled(puzzle, shuffled)}

    def painter(self, puzzle: P, canvas: Size, downscale: float = 1, object_scale: float = 1) -> Painter[Board]:
        """Return a function that draws boards; see `Task.painter`."""
        sheet, boxes = self.sheet(puzzle, canvas, downscale)
        return BoardPainter(sheet, boxes, self.start(puzzle), partial(self.draw_look, puzzle), object_scale)

    def reader(self, puzzle: P, canvas: Size) -> Reader[Board]:
        """Return a function that reads boards; see `Task.reader`."""
        downscale = downscale_of(canvas)
        paint = Painted(self.painter(puzzle, canvas, downscale, self.read_size))
        boxes = [scaled(box, 1 / downscale) for box in self.sheet(puzzle, canvas, downscale)[1]]
        choices = self.choices(puzzle)
        possible = np.array([[look in found for found in choices] for look in range(self.looks(puzzle))])
        return BoardReader(paint, boxes, self.start(puzzle), possible, self.lanes(puzzle, canvas, downscale))

    def is_drawable(self, puzzle: P, state: Board) -> bool:
        """Return whether no place is between two looks."""
        return not state.coming

    def in_words(self, puzzle: P, state: Board) -> dict[str, str]:
        """Return the look of each place in words; see `Task.in_words`."""
        changing = state.changing()
        return {
            self.place_in_words(puzzle, place): "changing" if place in changing else self.look_in_words(puzzle, look)
            for place, look in enumerate(state.looks)
        }

    def place_in_words(self, puzzle: P, place: int) -> str:
        """Return the name of a place."""
        return f"place {place + 1}"

    def look_in_words(self, puzzle: P, look: int) -> str:
        """Return a look in words. By default a place is empty or filled."""
        return "filled" if look else "empty"

    def judge(self, puzzle: P, readings: Sequence[Reading[Board]]) -> Verdict:
        """Score a sequence of readings; see `Task.judge`."""
        return super().judge(puzzle, list(_with_last_looks(without_stress(readings), self.start(puzzle))))

    def tolerated(self, puzzle: P, readings: Sequence[Reading[Board]], canvas: Size) -> list[Tolerance]:
        """Return what is seen at places for a moment while they get another look."""
        found = list(_stresses(readings))
        boxes = self.sheet(puzzle, canvas)[1] if found else []
        return [
            Tolerance(code="emphasis", first=first, last=last, box=_share_of(boxes[place], canvas))
            for place, first, last in found
        ]

    def inspect(self, puzzle: P, frames: Views, readings: Sequence[Reading[Board]], canvas: Size) -> Fault | None:
        """Return a fault if a place changes back, or if the places change in a transition."""
        downscale = downscale_of(canvas)
        boxes = self.sheet(puzzle, canvas, downscale)[1]
        order, groups = self.order(puzzle), self.groups(puzzle)
        small = [scaled(boxes[place], 1 / downscale) for place in order]
        places = Places(small, groups=[groups[place] for place in order])
        return find_reversal(frames, small) or find_transition(frames, places)

    def illegal(self, puzzle: P, a: Board, b: Board) -> str | None:
        """Return the reason code of an illegal change from one board to the next, or None."""
        start, goal = self.start(puzzle), self.goal(puzzle)
        new = [place for place in range(len(goal)) if a.looks[place] != b.looks[place]]
        # Two places of a group may not begin or end together. If both are changing in a single frame, one may be ending
        # while the other begins; in two frames in a row they overlap.
        before, now, groups = a.changing(), b.changing(), self.groups(puzzle)
        for together in ({*new, *now} - before, {*new} | (before & now)):
            if len({groups[place] for place in together}) < len(together):
                return "several_at_once"
        # Nor may places of several groups change unseen between the same two frames, as where a part is cut out.
        if len({*new} - before) > 1:
            return "several_at_once"
        for place in new:
            if b.looks[place] != goal[place]:
                return "erased" if a.looks[place] == goal[place] != start[place] else "wrong_place"
            if self.too_early(puzzle, a.looks, place):
                return "wrong_order"
        return None

    def progress(self, puzzle: P, state: Board) -> float:
        """Return the share of changes that are made; 1 only for the answer."""
        goal, order = self.goal(puzzle), self.order(puzzle)
        if state.looks == goal and not state.coming:
            return 1.0
        changing = state.changing()
        done = sum(state.looks[place] == goal[place] and place not in changing for place in order)
        return min(done / len(order), 0.99)

    def same(self, puzzle: P, a: Board, b: Board) -> bool:
        """Return whether two boards are equal."""
        return a == b


CELL_REASONS = {
    "wrong_place": "Something appears, changes or disappears where it should not.",
    "wrong_order": "Something changes before its turn.",
}


class _Stress(NamedTuple):
    """What is seen at a place for a moment: in the frames `first` to `last`."""

    place: int
    first: int
    last: int


def without_stress(readings: Sequence[Reading[Board]]) -> list[Reading[Board]]:
    """Excuse what is seen at a place for a moment; see `_stresses`."""
    found = list(readings)
    for _, first, last in _stresses(readings):
        found[first : last + 1] = [Reading(r.state, True, r.note) for r in readings[first : last + 1]]
    return found


def _stresses(readings: Sequence[Reading[Board]]) -> Iterator[_Stress]:
    """Yield what is seen at a place for a moment, and nowhere else, while the place gets another look.

    Models light a place before they fill it, or draw its look a little too large before it settles.
    """
    longest = max(_STRESS, round(_STRESS_SHARE * len(readings)))
    near = 2 * longest
    start = 0
    while start < len(readings):
        place, end = _stress(readings[start]), start
        while end < len(readings) and place >= 0 and _stress(readings[end]) == place:
            end += 1
        if end == start:
            start += 1
            continue
        before = _looks_near(readings, range(max(0, start - near), start), place)
        after = _looks_near(readings, range(end, min(len(readings), end + near)), place)
        if end - start <= longest and before and after - before:
            yield _Stress(place, start, end - 1)
        start = end


def _stress(reading: Reading[Board]) -> int:
    return -1 if reading.state is None or reading.scene_intact else reading.state.stressed


def _looks_near(readings: Sequence[Reading[Board]], numbers: range, place: int) -> set[int]:
    """Return the looks that a place has in some frames in which it is clear."""
    clear = (readings[i].state for i in numbers if readings[i].scene_intact or _stress(readings[i]) not in (-1, place))
    return {state.looks[place] for state in clear if state is not None and place not in state.changing()}


def _with_last_looks(readings: Sequence[Reading[Board]], start: Looks) -> Iterator[Reading[Board]]:
    """Give changing places the look last recognized there: a flicker is no change, but a slow erasure is one."""
    known = start
    for reading in readings:
        state = reading.state
        if state is None:
            yield reading
            continue
        known = changed(state.looks, {place: known[place] for place in state.changing()})
        yield Reading(Board(known, state.coming), reading.scene_intact, reading.note)


def _share_of(box: Box, canvas: Size) -> Box:
    """Return a box in pixels of the canvas as shares of it."""
    return box[0] / canvas[0], box[1] / canvas[1], box[2] / canvas[0], box[3] / canvas[1]


def skipped_or_repeated(path: Sequence[Board]) -> dict[str, list[Board]]:
    """Return boards of which steps are left out, taken together, or taken back; see `Task.cheats`."""
    found = {
        "all_at_once": [path[0], path[-1]],
        "nearly_one_missing": [*path[:-1]],
        # Twice, so that it is seen in a frame.
        "taken_back": [*path[:2], path[0], path[0], *path[1:]],
    }
    if len(path) > 3:
        found["two_at_once"] = [path[0], *path[2:]]
    return found


def _grown(t: float) -> float:
    """Return the size of a growing look at a share `t` of its step."""
    return round(min(1.0, _SMALLEST + (1 - _SMALLEST) * max(t, 0.0) / _GROWN_AFTER), 3)


def swept(places: Sequence[tuple[float, float]], least: float = 0.34) -> bool:
    """Return whether a straight wipe meets the places one after another, so that it would look like a solution.

    Args:
        places: (row, column) of each place.
        least: distance along the wipe, in cells, from which on two places count as separate.
    """
    for across, down in _WIPES:
        along = sorted(row * down + column * across for row, column in places)
        if all(b - a >= least for a, b in itertools.pairwise(along)):
            return True
    return False


def draw_grid_lines(sketch: Sketch, corner: Point, cell: float, side: int, width: float) -> None:
    """Draw the gray lines of a square grid with `side` cells of size `cell` in each direction."""
    left, top = corner
    for i in range(side + 1):
        sketch.line([(left, top + i * cell), (left + side * cell, top + i * cell)], width, GRAY)
        sketch.line([(left + i * cell, top), (left + i * cell, top + side * cell)], width, GRAY)


def inset_cell(corner: Point, cell: float, row: int, column: int, inset: float = _INSET) -> Box:
    """Return the box of a grid's cell without its margin, so that it touches no line."""
    x, y, margin = corner[0] + column * cell, corner[1] + row * cell, inset * cell
    return x + margin, y + margin, x + cell - margin, y + cell - margin


def middle_of(box: Box) -> tuple[float, float, float]:
    """Return the center (x, y) of a square box and half its side."""
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2, (box[2] - box[0]) / 2


def square_box(center: Point, half: float) -> Box:
    """Return the box around a center, `half` in each direction."""
    return center[0] - half, center[1] - half, center[0] + half, center[1] + half


def draw_square(sketch: Sketch, box: Box, color: Color, size: float) -> None:
    """Draw a square with rounded corners in the middle of a box, at a share of the box's size."""
    x, y, half = middle_of(box)
    half *= size
    sketch.rectangle(square_box((x, y), half), color, radius=half * 0.2)
