"""Places that change their look one after another: what families share in which something is filled in or taken away.

A family says which looks its places have at the start and in the answer, and draws a place. The video, the cheats, the
reading and the verdict follow: every change must be seen by itself, lead to the answer's look, and stay.
"""

from __future__ import annotations

import itertools
import random
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import ClassVar, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from vmevalkit.media import Frame, Planes
from vmevalkit.tasks.base import Painter, Reader, Reading, Task, stream
from vmevalkit.tasks.toolkit.draw import Box, Sketch
from vmevalkit.tasks.toolkit.vision import Floats, Mask, Painted, Scene, downscale_of
from vmevalkit.types import Record, Size, Verdict

P = TypeVar("P", bound=Record)
Looks = tuple[int, ...]

# What appears grows from this share of its size, and is whole after this share of its step: then it rests.
_SMALLEST, _WHOLE = 0.2, 0.7
# Points a side at which a place is looked at.
_POINTS = 20
# A look is read when no more than this share of another one shines through, and so much of it is different at most.
_GHOST, _OTHERWISE = 0.25, 0.3
# Straight lines sweeping over a picture, as (across, down): a wipe to the answer must not fill one place at a time.
_SWEEPS = ((1, 0), (0, 1), (1, 1), (1, -1))


class Board(NamedTuple):
    """A moment: the look of each place, and the places in between.

    `coming` holds (place, look, share of its size) of what appears; a reader, which cannot tell, says look 0. In a
    board that is judged, `looks` of such a place is the look last seen there.
    """

    looks: Looks
    coming: tuple[tuple[int, int, float], ...] = ()

    def fresh(self) -> set[int]:
        """Places in between."""
        return {place for place, *_ in self.coming}


class CellsTask(Task[P, Board]):
    """A family whose places change their looks. A look is a number; 0 is the look of an empty place.

    Only places that might change are counted: an empty cell that must stay empty is one, a given cell is part of the
    sheet.

    Class attributes:
        known_size: share of its full size at which a look is known; smaller for thin ones, which are read by their
            lines, so that smaller ones are read as well.
    """

    known_size: ClassVar[float] = 0.96

    @abstractmethod
    def start(self, puzzle: P) -> Looks:
        """The look of each place in the first frame."""

    @abstractmethod
    def goal(self, puzzle: P) -> Looks:
        """The look of each place in the answer."""

    @abstractmethod
    def looks(self, puzzle: P) -> int:
        """How many looks a place may have, the empty one included."""

    @abstractmethod
    def sheet(self, puzzle: P, canvas: Size, downscale: float = 1) -> tuple[Sketch, list[Box]]:
        """What stays, and where the places are (left, top, right, bottom), in pixels of the canvas."""

    @abstractmethod
    def draw_look(self, puzzle: P, sketch: Sketch, box: Box, look: int, size: float) -> None:
        """Draw a look other than 0 in a place, at a share of its full size; nothing may reach beyond the box."""

    def choices(self, puzzle: P) -> Sequence[Sequence[int]]:
        """The looks that each place may have. By default all of them."""
        return [range(self.looks(puzzle))] * len(self.goal(puzzle))

    def order(self, puzzle: P) -> list[int]:
        """The places to be changed, in the order of the video."""
        start, goal = self.start(puzzle), self.goal(puzzle)
        return [place for place in range(len(goal)) if start[place] != goal[place]]

    def too_early(self, puzzle: P, looks: Looks, place: int) -> bool:
        """Whether a place may not change yet. By default the order is free."""
        return False

    # ---------------------------------------------------------------------------------------------------- the states

    def solution(self, puzzle: P) -> list[Board]:
        return self.filled(puzzle, self.order(puzzle))

    def filled(self, puzzle: P, order: Sequence[int], goal: Looks | None = None) -> list[Board]:
        """The boards on the way when places change in some order."""
        goal = self.goal(puzzle) if goal is None else goal
        boards = [Board(self.start(puzzle))]
        for place in order:
            boards.append(Board(changed(boards[-1].looks, {place: goal[place]})))
        return boards

    def between(self, puzzle: P, a: Board, b: Board, t: float) -> Board:
        looks, coming = list(a.looks), []
        for place, (old, new) in enumerate(zip(a.looks, b.looks, strict=True)):
            if old == new:
                continue
            looks[place] = 0
            if old and new:
                coming.append((place, old, _grown(1 - 2 * t)) if t < 0.5 else (place, new, _grown(2 * t - 1)))
            else:
                coming.append((place, new, _grown(t)) if new else (place, old, _grown(1 - t)))
        return Board(tuple(looks), tuple(coming))

    def cheats(self, puzzle: P) -> dict[str, list[Board]]:
        path, order, goal = self.solution(puzzle), self.order(puzzle), self.goal(puzzle)
        start = path[0].looks
        found = {
            "all_at_once": [path[0], path[-1]],
            "nearly_one_missing": path[:-1],
            "taken_back": [*path[:2], path[0], *path[1:]],
        }
        if len(order) > 2:
            found["two_at_once"] = [path[0], *path[2:]]
        choices = self.choices(puzzle)
        others = [look for look in choices[order[-1]] if look not in (goal[order[-1]], start[order[-1]])]
        if others:
            wrong = Board(changed(goal, {order[-1]: others[0]}))
            found["nearly_one_wrong"] = [*path[:-1], wrong]
            found["wrong_then_corrected"] = [*path[:-1], wrong, path[-1]]
        spare = [place for place in range(len(goal)) if goal[place] == start[place]]
        if spare:
            # The place in the middle of the list: the first and last are often far from the rest.
            place = spare[len(spare) // 2]
            look = next(look for look in (*goal, *choices[place]) if look != goal[place] and look in choices[place])
            found["nearly_one_too_many"] = [*path, Board(changed(goal, {place: look}))]
            found["elsewhere_first"] = [path[0], Board(changed(start, {place: look})), *path]
        reordered = self._too_early(puzzle)
        if reordered:
            found["wrong_order"] = self.filled(puzzle, reordered)
        return found

    def _too_early(self, puzzle: P) -> list[int]:
        """An order that breaks the rules about order, if there are any."""
        order = self.order(puzzle)
        later = [i for i in range(1, len(order)) if self.too_early(puzzle, self.start(puzzle), order[i])]
        if not later:
            return []
        return [order[later[0]], *order[: later[0]], *order[later[0] + 1 :]]

    def alternatives(self, puzzle: P) -> dict[str, list[Board]]:
        order = self.order(puzzle)
        if self._too_early(puzzle) or len(order) < 2:
            return {}
        shuffled = list(order)
        stream("order", self.name, str(puzzle)).shuffle(shuffled)
        return {"backwards": self.filled(puzzle, order[::-1]), "any_order": self.filled(puzzle, shuffled)}

    # --------------------------------------------------------------------------------------------------- the drawing

    def painter(self, puzzle: P, canvas: Size, downscale: float = 1, object_scale: float = 1) -> Painter[Board]:
        sheet, boxes = self.sheet(puzzle, canvas, downscale)
        empty = sheet.pixels()
        tiles: dict[tuple[int, int, float], Sketch] = {}

        def put(frame: Frame, place: int, look: int, size: float) -> None:
            key = (place, look, size)
            if key not in tiles:
                tiles[key] = sheet.region(boxes[place])
                if look:
                    self.draw_look(puzzle, tiles[key], boxes[place], look, size * min(object_scale, 1.0))
            tiles[key].onto(frame)

        start = self.start(puzzle)
        base = empty.copy()
        for place, look in enumerate(start):
            if look:
                put(base, place, look, 1.0)
        last: tuple[Looks, Frame] = (start, base)

        def draw(board: Board) -> Frame:
            nonlocal last
            settled = Board(tuple(changed(board.looks, dict.fromkeys(board.fresh(), -1))))
            frame: Frame = last[1].copy()
            for place, (old, new) in enumerate(zip(last[0], settled.looks, strict=True)):
                if old != new:
                    put(frame, place, max(new, 0), 1.0)
            last = (tuple(max(look, 0) for look in settled.looks), frame.copy() if board.coming else frame)
            for place, look, size in board.coming:
                put(frame, place, look, size)
            return frame

        return draw

    # --------------------------------------------------------------------------------------------------- the reading

    def reader(self, puzzle: P, canvas: Size) -> Reader[Board]:
        downscale = downscale_of(canvas)
        start = self.start(puzzle)
        boxes = self.sheet(puzzle, canvas, downscale)[1]
        possible = np.array([[look in found for found in self.choices(puzzle)] for look in range(self.looks(puzzle))])
        boards = [Board(tuple((look * row).tolist())) for look, row in enumerate(possible)]
        paint = Painted(self.painter(puzzle, canvas, downscale, self.known_size))
        first = paint(Board(start))
        shown = [paint(board) for board in boards]
        width = first.shape[2]
        moving: Mask = np.zeros(first.shape[1:], bool)
        points = []
        for box in boxes:
            left, top, right, bottom = (edge / downscale for edge in box)
            moving[int(top) : int(np.ceil(bottom)) + 1, int(left) : int(np.ceil(right)) + 1] = True
            ys, xs = ((np.arange(_POINTS) + 0.5) / _POINTS * (b - a) + a for a, b in ((top, bottom), (left, right)))
            points.append((ys.astype(np.intp)[:, None] * width + xs.astype(np.intp)).ravel())
        scene = Scene(first, shown, moving)
        see = _Looks(np.array(points), shown, possible)

        def read(frame: Planes) -> Reading[Board]:
            planes, wrong = scene.look(frame)
            if wrong == "scene_lost":
                return Reading(None, False, wrong)
            looks = see.read(planes)
            unclear = np.flatnonzero(looks < 0)
            board = Board(tuple(np.maximum(looks, 0).tolist()), tuple((int(place), 0, 0.0) for place in unclear))
            return Reading(board, not wrong, wrong or "unreadable")

        return read

    def judge(self, puzzle: P, readings: Sequence[Reading[Board]]) -> Verdict:
        return super().judge(puzzle, list(_remembering(readings, self.start(puzzle))))

    def illegal(self, puzzle: P, a: Board, b: Board) -> str | None:
        start, goal = self.start(puzzle), self.goal(puzzle)
        new = [place for place in range(len(goal)) if a.looks[place] != b.looks[place]]
        # No two may begin or end together. Both in progress for one frame may be the end of one and the beginning of
        # the next; two frames in a row are not.
        before, now = a.fresh(), b.fresh()
        begun = {*new, *now} - before
        if len(begun) > 1 or len({*new} | (before & now)) > 1:
            return "several_at_once"
        for place in new:
            if b.looks[place] != goal[place]:
                return "erased" if a.looks[place] == goal[place] != start[place] else "wrong_place"
            if self.too_early(puzzle, a.looks, place):
                return "wrong_order"
        return None

    def progress(self, puzzle: P, state: Board) -> float:
        goal, order = self.goal(puzzle), self.order(puzzle)
        if state.looks == goal and not state.coming:
            return 1.0
        fresh = state.fresh()
        right = sum(state.looks[place] == goal[place] and place not in fresh for place in order)
        return min(right / len(order), 0.99)

    def same(self, puzzle: P, a: Board, b: Board) -> bool:
        return a == b


CELL_REASONS = {
    "wrong_place": "Something appears, changes or disappears where it should not.",
    "wrong_order": "A place changes before its turn.",
}


class _Looks:
    """Which look each place has: by the distance of its points from each look's, and from what lies between two.

    `possible` says which looks (first axis) a place (second axis) may have.
    """

    def __init__(self, points: npt.NDArray[np.intp], shown: Sequence[Planes], possible: Mask) -> None:
        # The index of each value in all three planes, place by place.
        size = shown[0][0].size
        self._at = np.concatenate([points + plane * size for plane in range(3)], axis=1)
        # Shape (looks, places, values).
        self._known = np.stack([self._values(planes) for planes in shown])
        self._power: Floats = (self._known * self._known).mean(2)
        # The mean square of a difference, by the products of all pairs.
        cross = np.matmul(self._known.transpose(1, 0, 2), self._known.transpose(1, 2, 0)).transpose(1, 2, 0)
        off = self._power[:, None] + self._power[None] - cross * (2 / self._known.shape[2])
        self._apart: Floats = np.maximum(off, 1.0)
        self._apart[np.arange(len(shown)), np.arange(len(shown))] = np.inf
        self._apart[~possible[:, None] | ~possible[None]] = np.inf
        self._power[~possible] = 1e9

    def _values(self, planes: Planes) -> Floats:
        values: Floats = planes.ravel().take(self._at).astype(np.float32)
        return values

    def read(self, planes: Planes) -> npt.NDArray[np.intp]:
        """The look of each place; -1 where it is in between."""
        seen = self._values(planes)
        count = seen.shape[1]
        cross = np.matmul(self._known.transpose(1, 0, 2), seen[:, :, None])[:, :, 0].T
        off = (seen * seen).sum(1) / count - cross * (2 / count) + self._power
        best = off.argmin(0)
        places = np.arange(off.shape[1])
        near, apart = off[best, places], self._apart[best, :, places].T
        # A look differs from an empty place by all of its ink, from another look perhaps by little.
        ink = np.where(best > 0, apart[0], apart.min(0))
        # The share of another look that explains most, by least squares along the line between the two.
        share = np.where(np.isfinite(apart), 0.5 + (near - off) / (2 * apart), 0.0).max(0)
        clear = (share < _GHOST) & (near < _OTHERWISE * ink)
        found: npt.NDArray[np.intp] = np.where(clear, best, -1)
        return found


def _remembering(readings: Sequence[Reading[Board]], start: Looks) -> Iterator[Reading[Board]]:
    """What was last clearly seen in a place counts while it is unclear: a flicker is no change, a slow erasure is."""
    known = start
    for reading in readings:
        state = reading.state
        if state is None:
            yield reading
            continue
        known = changed(state.looks, {place: known[place] for place in state.fresh()})
        yield Reading(Board(known, state.coming), reading.scene_intact, reading.note)


def changed(looks: Looks, new: dict[int, int]) -> Looks:
    """Looks with some of them replaced."""
    return tuple(new.get(place, look) for place, look in enumerate(looks))


def swept(places: Sequence[tuple[float, float]], least: float = 0.34) -> bool:
    """Whether a straight wipe would change the places (row, column) one after another: then a wipe looks like work."""
    for across, down in _SWEEPS:
        along = sorted(row * down + column * across for row, column in places)
        if all(b - a >= least for a, b in itertools.pairwise(along)):
            return True
    return False


def _grown(t: float) -> float:
    """Size of what appears a share `t` of the way through its step."""
    return round(min(1.0, _SMALLEST + (1 - _SMALLEST) * max(t, 0.0) / _WHOLE), 3)


def sample(rng: random.Random, count: int, rows: int, columns: int) -> list[tuple[int, int]]:
    """Some cells of a board, in reading order."""
    return [divmod(at, columns) for at in sorted(rng.sample(range(rows * columns), count))]
