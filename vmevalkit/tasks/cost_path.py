"""Cheapest way: lead the blue disc to the orange square over the cells that have the fewest dots in total.

    +---+---+---+---+
    | o | : | :.| :.|      o  the disc       A video passes when the disc is seen to walk from cell to cell, not
    +---+---+---+---+      x  the goal       aslant, until it rests on the square, and the dots of all cells that it
    | . | ::| . | . |                        entered are as few as can be. A cell entered twice counts twice. All
    +---+---+---+---+                        cheapest ways are right.
    | . | . | . | x |
    +---+---+---+---+

Start and goal have no dots. The way with the fewest steps is never the cheapest. The plan length is the number of cells
entered. There are far more than 10,000 puzzles at every difficulty.
"""

from __future__ import annotations

import heapq
import itertools
import math
import random
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from vmevalkit.media import Planes
from vmevalkit.tasks.base import Painter, Reader, Reading, lerp, register_task
from vmevalkit.tasks.toolkit.draw import BLUE, GRAY, INK, ORANGE, UMBER, WHITE, Color, Point, Sketch, mix
from vmevalkit.tasks.toolkit.grid import WORDS
from vmevalkit.tasks.toolkit.levels import levels
from vmevalkit.tasks.toolkit.vision import Floats, Lens, Mask, downscale_of, to_planes, tone
from vmevalkit.tasks.toolkit.walk import AGENT_REASONS, Moment, Walk, agent_reader, disc_painter
from vmevalkit.types import Record, Size

Cell = tuple[int, int]
Place = tuple[float, float]


class Level(NamedTuple):
    """Fewest and most rows and columns; shortest and longest path; most dots of a cell."""

    fewest_rows: int
    most_rows: int
    fewest_columns: int
    most_columns: int
    shortest: int
    longest: int
    most_dots: int


LEVELS = levels(
    Level(fewest_rows=3, most_rows=3, fewest_columns=4, most_columns=5, shortest=4, longest=5, most_dots=4),
    Level(fewest_rows=4, most_rows=4, fewest_columns=4, most_columns=5, shortest=6, longest=7, most_dots=4),
    Level(fewest_rows=4, most_rows=5, fewest_columns=5, most_columns=6, shortest=8, longest=10, most_dots=5),
    Level(fewest_rows=5, most_rows=6, fewest_columns=7, most_columns=7, shortest=11, longest=13, most_dots=6),
    Level(fewest_rows=6, most_rows=6, fewest_columns=8, most_columns=9, shortest=14, longest=17, most_dots=6),
)
# Where the dots of a cell lie, in cells from its center.
_DOTS = {
    1: [(0.0, 0.0)],
    2: [(-0.19, 0.19), (0.19, -0.19)],
    3: [(-0.22, 0.22), (0.0, 0.0), (0.22, -0.22)],
    4: [(-0.2, -0.2), (0.2, -0.2), (-0.2, 0.2), (0.2, 0.2)],
    5: [(-0.23, -0.23), (0.23, -0.23), (0.0, 0.0), (-0.23, 0.23), (0.23, 0.23)],
    6: [(-0.2, -0.26), (-0.2, 0.0), (-0.2, 0.26), (0.2, -0.26), (0.2, 0.0), (0.2, 0.26)],
}
_DOT = 0.095
_RADIUS = 0.28
_GOAL = 0.27
# A cell is entered when the disc's center is so far from that of the cell before; farther than this from both middle
# lines of a cell it goes aslant.
_ENTERED, _ASLANT = 0.6, 0.34


class Puzzle(Record):
    """Dots of each cell, row by row; 0 for start and goal."""

    dots: tuple[tuple[int, ...], ...]
    start: Cell
    goal: Cell

    def inside(self, cell: Cell) -> bool:
        """Whether there is such a cell."""
        return 0 <= cell[0] < len(self.dots) and 0 <= cell[1] < len(self.dots[0])

    def around(self, cell: Cell) -> list[Cell]:
        """The cells beside a cell."""
        near = [(cell[0] + down, cell[1] + right) for down, right in WORDS]
        return [cell for cell in near if self.inside(cell)]

    def cost(self, way: Sequence[Cell]) -> int:
        """Dots of the cells that are entered on a way."""
        return sum(self.dots[r][c] for r, c in way[1:])


@register_task
class CostPath(Walk[Puzzle]):
    """The disc's place is the state; the cells entered are remembered."""

    name = "cost_path"
    tags = ("planning", "navigation")
    puzzle_type = Puzzle
    leap, there = 1.6, 0.35
    reasons = {
        **AGENT_REASONS,
        "too_expensive": "The blue disc goes a way that has more dots than need be.",
        "aslant": "The blue disc moves aslant over the corner of a cell.",
        "dots_changed": "Dots vanish from a cell.",
        "left_grid": "The blue disc leaves the cells.",
    }
    rubric = {
        "outcome": (
            "The disc rests on the orange square, and the dots in all cells that it entered are as few as any way "
            "has. Every such way is right, not the one shown alone."
        ),
        "process": "The disc is seen to walk from cell to neighbouring cell, never aslant.",
    }

    def generate(self, rng: random.Random, difficulty: int) -> Puzzle:
        low, high, narrow, wide, shortest, longest, most = LEVELS[difficulty]
        while True:
            rows, columns = rng.randint(low, high), rng.randint(narrow, wide)
            way = _winding(rng, rows, columns, rng.randint(shortest, longest))
            puzzle = _weighted(rng, rows, columns, way, most) if way else None
            if not puzzle or not shortest <= len(_way(puzzle)) - 1 <= longest:
                continue
            # Searches that know nothing of the way that was put in: what it costs, and what the shortest ones cost.
            if puzzle.cost(way) == puzzle.cost(_way(puzzle)) < puzzle.cost(_quickest(puzzle)):
                return puzzle

    def solution(self, puzzle: Puzzle) -> list[Moment]:
        return _moments(_way(puzzle))

    def steps(self, puzzle: Puzzle) -> list[str]:
        way = _way(puzzle)
        return [WORDS[b[0] - a[0], b[1] - a[1]] for a, b in itertools.pairwise(way)]

    def plan_text(self, puzzle: Puzzle) -> str:
        runs = [(word, len(list(group))) for word, group in itertools.groupby(self.steps(puzzle))]
        return ", ".join(f"{count} {word}" for word, count in runs)

    def phrasings(self, puzzle: Puzzle) -> Sequence[str]:
        return (
            "A board of brown cells with one to six dots each; darker cells have more dots. The blue disc moves from "
            "cell to cell, up, down, left or right, to the orange square and stops there. Of all ways it takes one on "
            "which the cells it enters have the fewest dots in total. It never moves diagonally or jumps. Nothing else "
            "changes. The camera is fixed.",
            "The dots of a cell are the cost of entering it. Show the blue disc travelling along the cheapest path to "
            "the orange square, even if that path is longer. It goes straight from a cell to the next one beside it, "
            "never across corners, and rests on the square. The cells stay as they are. Static camera.",
            "Find the cheapest way over this board: each cell costs as many points as it shows dots. The blue disc "
            "glides step by step through neighbouring cells, not diagonally, to the orange square, so that the sum of "
            "the dots on its way is as small as possible. Only the disc moves, and the camera does not.",
        )

    def painter(self, puzzle: Puzzle, canvas: Size, downscale: float = 1, object_scale: float = 1) -> Painter[Moment]:
        sheet, (left, top, cell) = _sheet(puzzle, canvas, downscale)

        def center(moment: Moment) -> Point:
            return left + (moment.place[1] + 0.5) * cell, top + (moment.place[0] + 0.5) * cell

        return disc_painter(sheet, BLUE, _RADIUS * cell * object_scale, center)

    def cheats(self, puzzle: Puzzle) -> dict[str, list[Moment]]:
        way = _way(puzzle)
        found = {
            "nearly_there": way[:-1],
            "nearly_cheapest": _second(puzzle),
            "fewest_steps": _quickest(puzzle),
            "one_cell_twice": [*way[:3], way[1], *way[2:]],
            "straight_there": [way[0], *[way[-1]] * 3],
        }
        for i, (a, b) in enumerate(zip(way, way[2:], strict=False)):
            if 0 not in (b[0] - a[0], b[1] - a[1]):
                found["across_a_corner"] = [*way[: i + 1], *way[i + 2 :]]
                break
        return {name: _moments(cells) for name, cells in found.items()}

    def alternatives(self, puzzle: Puzzle) -> dict[str, list[Moment]]:
        other = _way(puzzle, last=True)
        return {"as_cheap": _moments(other)} if other != _way(puzzle) else {}

    def reader(self, puzzle: Puzzle, canvas: Size) -> Reader[Moment]:
        downscale = downscale_of(canvas)
        sheet, place = _sheet(puzzle, canvas, downscale)
        left, top, cell = (length / downscale for length in place)
        start, empty = self.drawing(puzzle, self.solution(puzzle)[0], canvas), to_planes(sheet.pixels())
        find = agent_reader(start, empty, BLUE, _RADIUS * cell, slack=0.4 * cell)
        lens, dots = Lens(start), _Dots(puzzle, empty, (left, top, cell))

        def read(frame: Planes) -> Reading[Moment]:
            planes = lens.planes(frame)
            found = find(planes)
            if found.state is None:
                return Reading(None, found.scene_intact, found.note)
            x, y = found.state
            place = ((y - top) / cell - 0.5, (x - left) / cell - 0.5)
            return Reading(Moment(place), dots.kept(planes, place), "dots_changed")

        return read

    def followed(self, puzzle: Puzzle, readings: Sequence[Reading[Moment]]) -> Iterator[Reading[Moment]]:
        """Readings with what the way has cost so far taken into account."""
        left = _left(puzzle)
        cell, before, spent = puzzle.start, (float(puzzle.start[0]), float(puzzle.start[1])), 0
        for reading in readings:
            if reading.state is None:
                yield reading
                continue
            place, wrong = reading.state.place, None
            if not puzzle.inside((round(place[0]), round(place[1]))):
                wrong = "left_grid"
            elif min(abs(at - round(at)) for at in place) > _ASLANT:
                wrong = "aslant"
            # Small steps along the straight line between two positions, so that no cell is left out.
            count = max(1, math.ceil(math.dist(before, place) / 0.1))
            for i in range(1, count + 1):
                at = (lerp(before[0], place[0], i / count), lerp(before[1], place[1], i / count))
                new = (round(at[0]), round(at[1]))
                if new == cell or max(abs(at[0] - cell[0]), abs(at[1] - cell[1])) < _ENTERED or not puzzle.inside(new):
                    continue
                if abs(new[0] - cell[0]) + abs(new[1] - cell[1]) == 2:
                    # Which of two cells it came through cannot be seen: the cheaper one.
                    spent += min(puzzle.dots[cell[0]][new[1]], puzzle.dots[new[0]][cell[1]])
                cell = new
                spent += puzzle.dots[cell[0]][cell[1]]
            if spent + left[cell] > left[puzzle.start]:
                wrong = wrong or "too_expensive"
            before = place
            yield Reading(Moment(place, wrong), reading.scene_intact, reading.note)

    def progress(self, puzzle: Puzzle, state: Moment) -> float:
        if math.dist(state.place, puzzle.goal) < self.there:
            return 1.0
        left, here = _left(puzzle), (round(state.place[0]), round(state.place[1]))
        return min(0.99, max(0.0, 1 - left[here] / left[puzzle.start])) if here in left else 0.0


class _Dots:
    """Whether the dots of all cells are still there: each is too small to be missed by itself in the whole picture."""

    def __init__(self, puzzle: Puzzle, drawing: Planes, layout: tuple[float, float, float]) -> None:
        left, top, cell = layout
        rows, columns = len(puzzle.dots), len(puzzle.dots[0])
        down, right = ((np.arange(drawing.shape[i + 1]) + 0.5 - (top, left)[i]) / cell - 0.5 for i in (0, 1))
        row, column = np.clip(np.rint(down), 0, rows - 1), np.clip(np.rint(right), 0, columns - 1)
        inside = (np.abs(down - row) < 0.42)[:, None] & (np.abs(right - column) < 0.42)
        number = (row[:, None] * columns + column).astype(np.intp)
        dots = np.array(puzzle.dots).ravel()
        bare = np.array([tone(_color(count))[0] for count in dots])[number]
        near = _wider(drawing[0] < bare - 40)
        self._spots = [(number[where], np.flatnonzero(where)) for where in (inside & near, inside & ~near)]
        self._size = rows * columns
        counts = [np.bincount(number, None, self._size) for number, _at in self._spots]
        self._counts = [np.where(count, count, np.nan) for count in counts]
        self._known = self._depths(drawing)
        self._cells, self._one = np.indices((rows, columns)).reshape(2, -1).T, 1 / np.maximum(dots, 1)

    def _depths(self, planes: Planes) -> Floats:
        """How much darker than the rest of its cell the surroundings of the dots are on average; 0 without dots."""
        means = [np.bincount(number, planes[0].ravel()[at], self._size) / count
                 for (number, at), count in zip(self._spots, self._counts, strict=True)]  # fmt: skip
        depths: Floats = np.nan_to_num(means[1] - means[0])
        return depths

    def kept(self, planes: Planes, place: Place) -> bool:
        """Whether no cell has lost a dot, as far as the disc does not hide it."""
        seen = (np.abs(self._cells - place).max(1) > 1.2) & (self._known > 0)
        left = self._depths(planes)[seen] / self._known[seen]
        # Measured by the other cells, because contrast may be less everywhere.
        return bool((left > (1 - 0.6 * self._one[seen]) * np.median(left)).all())


def _wider(mask: Mask) -> Mask:
    """A mask and what lies within two pixels of it."""
    for axis in (0, 1):
        mask = np.logical_or.reduce([np.roll(mask, step, axis) for step in range(-2, 3)])
    return mask


# ------------------------------------------------------------------------------------------------------- the search


@lru_cache(maxsize=256)
def _left(puzzle: Puzzle, per_dot: int = 1, per_step: int = 0, banned: Cell | None = None) -> dict[Cell, int]:
    """What the best way to the goal costs from each cell, that cell itself not counted (Dijkstra)."""
    left: dict[Cell, int] = {}
    queue = [(0, puzzle.goal)]
    while queue:
        far, cell = heapq.heappop(queue)
        if cell in left or cell == banned:
            continue
        left[cell] = far
        here = far + per_dot * puzzle.dots[cell[0]][cell[1]] + per_step
        for near in puzzle.around(cell):
            if near not in left:
                heapq.heappush(queue, (here, near))
    return left


def _way(
    puzzle: Puzzle, per_dot: int = 100, per_step: int = 1, banned: Cell | None = None, last: bool = False
) -> list[Cell]:
    """The best way, by default with the fewest dots, then the fewest steps; of equally good ones the first or last."""
    left = _left(puzzle, per_dot, per_step, banned)
    way = [puzzle.start]
    while way[-1] != puzzle.goal:
        r, c = way[-1]
        good = [near for near in puzzle.around((r, c)) if near in left
                and left[near] + per_dot * puzzle.dots[near[0]][near[1]] + per_step == left[r, c]]  # fmt: skip
        way.append(good[-1 if last else 0])
    return way


def _quickest(puzzle: Puzzle) -> list[Cell]:
    """The way with the fewest steps; of those the one with the fewest dots."""
    return _way(puzzle, per_dot=1, per_step=1000)


def _second(puzzle: Puzzle) -> list[Cell]:
    """The best way that is not quite the cheapest."""
    best = _way(puzzle)
    ways = [_quickest(puzzle)]
    for cell in best[1:-1]:
        if puzzle.start in _left(puzzle, 100, 1, cell):
            ways.append(_way(puzzle, banned=cell))
    return min((way for way in ways if puzzle.cost(way) > puzzle.cost(best)), key=puzzle.cost)


def _moments(way: Sequence[Cell]) -> list[Moment]:
    return [Moment((float(r), float(c))) for r, c in way]


# ------------------------------------------------------------------------------------------------------- the making


def _winding(rng: random.Random, rows: int, columns: int, length: int) -> list[Cell]:
    """A random way that nowhere comes beside itself, two or four steps longer than need be; empty if it failed."""
    cells = [(r, c) for r in range(rows) for c in range(columns)]
    start = rng.choice(cells)
    ends = [cell for cell in cells if length - _apart(start, cell) in (2, 4) and _apart(start, cell) > 1]
    if not ends:
        return []
    goal, way = rng.choice(ends), [start]
    upright = rng.random() < 0.5
    while way[-1] != goal:
        r, c = way[-1]
        if r == goal[0] or c == goal[1]:
            upright = c == goal[1]
        elif rng.random() < 0.4:
            upright = not upright
        way.append((r + (1 if goal[0] > r else -1), c) if upright else (r, c + (1 if goal[1] > c else -1)))
    for _ in range(4 * length):
        if len(way) > length:
            return way
        # The middle one of three cells in a row is left out, and the way goes round it.
        i, side = rng.randrange(len(way) - 2), rng.choice((-1, 1))
        (r, c), left_out, (s, d) = way[i : i + 3]
        down, right = (side, 0) if r == s else (0, side)
        new = [(k + down, m + right) for k, m in way[i : i + 3]]
        old = {*way} - {left_out}
        if (r != s and c != d) or old & {*new} or any(not (0 <= k < rows and 0 <= m < columns) for k, m in new):
            continue
        if [old & {*_beside(cell)} for cell in new] == [{(r, c)}, set(), {(s, d)}]:
            way = [*way[: i + 1], *new, *way[i + 2 :]]
    return []


def _beside(cell: Cell) -> list[Cell]:
    return [(cell[0] + down, cell[1] + right) for down, right in WORDS]


def _apart(a: Cell, b: Cell) -> int:
    return abs(a[0] - b[0]) + abs(a[1] - b[1])


def _weighted(rng: random.Random, rows: int, columns: int, way: Sequence[Cell], most: int) -> Puzzle:
    """A board on which a way is likely to be the cheapest."""
    dots = [rng.choices(range(1, most + 1), (4, 4, 5, 4, 3, 3)[:most], k=columns) for _ in range(rows)]
    for r, c in way:
        dots[r][c] = rng.choice((1, 1, 1, 2))
    for r, c in (way[0], way[-1]):
        dots[r][c] = 0
    while True:
        puzzle = Puzzle(dots=tuple(map(tuple, dots)), start=way[0], goal=way[-1])
        cheapest = _way(puzzle)
        # Where a cheaper way goes, the board gets as dear as can be.
        raised = [(r, c) for r, c in cheapest if (r, c) not in way and dots[r][c] < most]
        if puzzle.cost(cheapest) == puzzle.cost(way) or not raised:
            return puzzle
        for r, c in raised:
            dots[r][c] = most


# ------------------------------------------------------------------------------------------------------ the drawing


def _color(dots: int) -> Color:
    return mix(WHITE, UMBER, 0.16 * dots) if dots else mix(WHITE, GRAY, 0.5)


def _sheet(puzzle: Puzzle, canvas: Size, downscale: float) -> tuple[Sketch, tuple[float, float, float]]:
    """The board without the disc, and where its cells lie."""
    rows, columns = len(puzzle.dots), len(puzzle.dots[0])
    cell = min(canvas[0] / columns, canvas[1] / rows) * 0.87
    left, top = (canvas[0] - cell * columns) / 2, (canvas[1] - cell * rows) / 2
    sheet = Sketch(canvas, downscale=downscale)
    half = 0.465 * cell
    for r in range(rows):
        for c in range(columns):
            x, y, dots = left + (c + 0.5) * cell, top + (r + 0.5) * cell, puzzle.dots[r][c]
            sheet.rectangle((x - half, y - half, x + half, y + half), _color(dots), radius=0.1 * cell)
            for right, down in _DOTS.get(dots, []):
                sheet.circle((x + right * cell, y + down * cell), _DOT * cell, INK)
    x, y, half = left + (puzzle.goal[1] + 0.5) * cell, top + (puzzle.goal[0] + 0.5) * cell, _GOAL * cell
    sheet.rectangle((x - half, y - half, x + half, y + half), ORANGE, radius=half * 0.25)
    return sheet, (left, top, cell)
