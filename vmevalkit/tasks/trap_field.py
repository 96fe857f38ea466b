"""Trap field: move the blue disc to the orange square without entering a tile whose ring has a gap.

    +---+---+---+---+
    | o | c | O | O |      o  the disc       A video passes if the disc visibly moves from tile to tile, not diagonally,
    +---+---+---+---+      x  the goal       over tiles with a closed ring until it rests on the square. Every way
    | O | O | c | O |      O  a safe tile    without a trap is correct, also a long one. A video fails if the disc
    +---+---+---+---+      c  a trap         enters a trap, leaves the field, cuts a corner, or jumps.
    | c | O | O | x |
    +---+---+---+---+

The gap of each trap points in one of eight directions. From difficulty 3 on, every way that never turns away from the
goal leads over a trap. The plan length is the least number of steps. There are far more than 10,000 fields at every
difficulty.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from vmevalkit.media import Planes
from vmevalkit.tasks.base import register_task
from vmevalkit.tasks.toolkit.axes import Axes, CellAxes
from vmevalkit.tasks.toolkit.compass import counted
from vmevalkit.tasks.toolkit.draw import BROWN, ORANGE, SAND, UMBER, Sketch, mix
from vmevalkit.tasks.toolkit.follow import RuledWalk, shortest_path
from vmevalkit.tasks.toolkit.grid import WORDS, Cell, Place, around, corner
from vmevalkit.tasks.toolkit.levels import levels
from vmevalkit.tasks.toolkit.spots import Spots
from vmevalkit.tasks.toolkit.walk import AGENT_REASONS, Moment, moments
from vmevalkit.types import Record, Size


class Level(NamedTuple):
    """Settings of one difficulty: size of the field, range of the steps, share of traps beside and off the path, and
    how many steps longer than without traps the path is at least.
    """

    rows: int
    columns: int
    min_steps: int
    max_steps: int
    beside: float
    elsewhere: float
    longer: int


LEVELS = levels(
    Level(rows=4, columns=5, min_steps=3, max_steps=4, beside=0.5, elsewhere=0.2, longer=0),
    Level(rows=4, columns=6, min_steps=5, max_steps=7, beside=0.5, elsewhere=0.25, longer=0),
    Level(rows=5, columns=7, min_steps=8, max_steps=11, beside=0.5, elsewhere=0.3, longer=2),
    Level(rows=6, columns=8, min_steps=12, max_steps=15, beside=0.55, elsewhere=0.3, longer=2),
    Level(rows=6, columns=9, min_steps=16, max_steps=20, beside=0.55, elsewhere=0.3, longer=4),
)
# Sizes in cells: the disc, half the goal, the middle of a ring and the width of its line.
_RADIUS, _GOAL, _RING, _PEN = 0.27, 0.27, 0.28, 0.12
# Half of the angle that is missing where a ring has a gap, in degrees; the line has round ends.
_GAP = 44
_RING_COLOR = mix(UMBER, BROWN, 0.5)


class Puzzle(Record):
    """A field of tiles.

    Attributes:
        gaps: for each tile, row by row, the direction of the gap in its ring, in steps of 45 degrees clockwise from
            the right; None if the ring is closed.
    """

    gaps: tuple[tuple[int | None, ...], ...]
    start: Cell
    goal: Cell

    def inside(self, cell: Cell) -> bool:
        """Whether a cell is on the field."""
        return 0 <= cell[0] < len(self.gaps) and 0 <= cell[1] < len(self.gaps[0])

    def trap(self, cell: Cell) -> bool:
        """Whether a cell of the field is a trap."""
        return self.gaps[cell[0]][cell[1]] is not None

    def around(self, cell: Cell) -> list[Cell]:
        """Return the neighbors of a cell, traps included."""
        return [near for near in around(cell) if self.inside(near)]


@register_task
class TrapField(RuledWalk[Puzzle]):
    """A disc moves over tiles. The state is its place as (row, column)."""

    name = "trap_field"
    tags = ("navigation", "perception")
    puzzle_type = Puzzle
    off, slack, damage = 0.34, 0.27, "rings_changed"
    reasons = {
        **AGENT_REASONS,
        "trap": "The blue disc enters a tile whose ring has a gap.",
        "aslant": "The blue disc moves diagonally over the corner of a tile.",
        "left_field": "The blue disc leaves the field.",
        "rings_changed": "Rings of the field vanish or change.",
    }
    rubric = {
        "outcome": "The disc rests on the orange square.",
        "process": (
            "The disc visibly moves from tile to neighboring tile, never diagonally, and enters only tiles whose ring "
            "is closed. Every such way is correct, also a longer one."
        ),
    }

    def generate(self, rng: random.Random, difficulty: int) -> Puzzle:
        level = LEVELS[difficulty]
        while True:
            path = _winding_path(rng, level, rng.randint(level.min_steps, level.max_steps))
            (r, c), (s, d) = path[0], path[-1]
            if len(path) - 1 < abs(r - s) + abs(c - d) + level.longer:
                continue
            puzzle = _with_traps(rng, level, path)
            # The direct way must be tempting: one that never turns away from the goal leads over a trap.
            if any(puzzle.trap(cell) for cell in _direct(puzzle)):
                return puzzle

    def first(self, puzzle: Puzzle) -> Cell:
        return puzzle.start

    def after(self, puzzle: Puzzle, node: Cell) -> Sequence[Cell]:
        return [near for near in puzzle.around(node) if not puzzle.trap(near)]

    def finished(self, puzzle: Puzzle, node: Cell) -> bool:
        return node == puzzle.goal

    def place_of(self, puzzle: Puzzle, node: Cell) -> Place:
        return float(node[0]), float(node[1])

    def misstep(self, puzzle: Puzzle, node: Cell, place: Place) -> str:
        down, right = place[0] - node[0], place[1] - node[1]
        if min(abs(down), abs(right)) > self.off:
            return "aslant"
        steep = abs(down) > abs(right)
        cell = node[0] + steep * round(math.copysign(1, down)), node[1] + (not steep) * round(math.copysign(1, right))
        if not puzzle.inside(cell):
            return "left_field"
        return "trap" if puzzle.trap(cell) else "aslant"

    def steps(self, puzzle: Puzzle) -> list[str]:
        return [WORDS[b[0] - a[0], b[1] - a[1]] for a, b in itertools.pairwise(self.plan(puzzle))]

    def plan_text(self, puzzle: Puzzle) -> str:
        return ", ".join(counted(self.steps(puzzle)))

    def phrasings(self, puzzle: Puzzle) -> Sequence[str]:
        return (
            "A field of tiles seen from above. A tile whose ring has a gap is a trap. The blue disc moves from tile to "
            "tile, up, down, left or right, to the orange square and stops there, and only enters tiles whose ring is "
            "closed. It never moves diagonally or jumps. The tiles do not change. The camera is fixed.",
            "Most rings on this field are whole, but some are broken: those tiles are traps. Show the blue disc "
            "travelling step by step around the traps until it rests on the orange square. It goes straight from a "
            "tile to the next one beside it, never across corners. The field stays as it is. Static camera.",
            "Bring the blue disc safely to the orange square. It glides over tiles with complete rings only and avoids "
            "every tile whose ring is open. It never leaves the field, moves diagonally or jumps. The rings and the "
            "camera do not move.",
        )

    def cheats(self, puzzle: Puzzle) -> dict[str, list[Moment]]:
        plan = self.plan(puzzle)
        found = {
            "nearly_there": plan[:-1],
            "over_the_traps": _direct(puzzle),
            "straight_there": [plan[0], *[plan[-1]] * 3],
        }
        for i, cell in enumerate(plan[:-1]):
            traps = [near for near in puzzle.around(cell) if puzzle.trap(near)]
            if traps:
                found["onto_a_trap_and_back"] = [*plan[: i + 1], traps[0], *plan[i:]]
                break
        bend = corner(plan, 1)
        if bend:
            found["across_a_corner"] = [*plan[: bend.start + 1], *plan[bend.end :]]
        return {name: moments(cells) for name, cells in found.items()}

    def alternatives(self, puzzle: Puzzle) -> dict[str, list[Moment]]:
        plan = self.plan(puzzle)
        aside = [near for near in self.after(puzzle, plan[1]) if near not in plan]
        if not aside or len(plan) > 18:
            return {}
        return {"one_tile_aside": [Moment(self.place_of(puzzle, at)) for at in (*plan[:2], aside[0], *plan[1:])]}

    def sheet(self, puzzle: Puzzle, canvas: Size, downscale: float = 1) -> tuple[Sketch, CellAxes]:
        rows, columns = len(puzzle.gaps), len(puzzle.gaps[0])
        cell = min(canvas[0] / columns, canvas[1] / rows) * 0.87
        left, top = (canvas[0] - cell * columns) / 2, (canvas[1] - cell * rows) / 2
        sheet = Sketch(canvas, downscale=downscale)
        for r, row in enumerate(puzzle.gaps):
            for c, gap in enumerate(row):
                x, y, half = left + (c + 0.5) * cell, top + (r + 0.5) * cell, 0.465 * cell
                sheet.rectangle((x - half, y - half, x + half, y + half), SAND, radius=0.12 * cell)
                if (r, c) == puzzle.goal:
                    half = _GOAL * cell
                    sheet.rectangle((x - half, y - half, x + half, y + half), ORANGE, radius=half * 0.25)
                elif (r, c) != puzzle.start:
                    first, last = (0, 360) if gap is None else (45 * gap + _GAP, 45 * gap + 360 - _GAP)
                    angles = [math.radians(first + (last - first) * i / 40) for i in range(41)]
                    ring = [(x + _RING * cell * math.cos(a), y + _RING * cell * math.sin(a)) for a in angles]
                    sheet.line(ring, _PEN * cell, _RING_COLOR)
        return sheet, CellAxes(left, top, cell)

    def radius(self, puzzle: Puzzle) -> float:
        return _RADIUS

    def details(self, puzzle: Puzzle, empty: Planes, axes: Axes) -> Callable[[Planes, Place], bool]:
        left, top, cell = axes
        places = ((left + x * cell, top + y * cell, radius * cell) for x, y, radius in _spots(puzzle))
        spots = Spots(empty, places, hues=True)
        return lambda planes, place: spots.are_intact(planes, *axes.point(place), 0.75 * cell)


def _winding_path(rng: random.Random, level: Level, length: int) -> list[Cell]:
    """Return a random path of so many steps that never runs beside itself."""
    cells = [(r, c) for r in range(level.rows) for c in range(level.columns)]
    while True:
        path = [rng.choice(cells)]
        while len(path) <= length:
            fresh = [near for near in around(path[-1]) if near in cells and near not in path]
            free = [near for near in fresh if {*around(near)} & {*path} == {path[-1]}]
            if not free:
                break
            # Straight on more often than not, so that the path leads somewhere.
            ahead = (2 * path[-1][0] - path[-2][0], 2 * path[-1][1] - path[-2][1]) if len(path) > 1 else None
            path.append(rng.choice([*free, *[near for near in free if near == ahead]]))
        else:
            return path


def _with_traps(rng: random.Random, level: Level, path: Sequence[Cell]) -> Puzzle:
    """Return a field on which no way without traps is shorter than a path."""
    near = {cell for at in path for cell in around(at)}
    cells = [(r, c) for r in range(level.rows) for c in range(level.columns)]
    traps = {cell for cell in cells if cell not in path
             and rng.random() < (level.beside if cell in near else level.elsewhere)}  # fmt: skip
    while True:
        safe = {cell for cell in cells if cell not in traps}
        shortest = shortest_path(path[0], path[-1], lambda cell: [near for near in around(cell) if near in safe])  # noqa: B023
        if len(shortest) == len(path):
            break
        traps.add(rng.choice([cell for cell in shortest if cell not in path]))
    gaps = tuple(tuple(rng.randrange(8) if (r, c) in traps else None for c in range(level.columns))
                 for r in range(level.rows))  # fmt: skip
    return Puzzle(gaps=gaps, start=path[0], goal=path[-1])


def _direct(puzzle: Puzzle) -> list[Cell]:
    """Return a shortest path regardless of traps: it keeps near to the straight line to the goal."""
    way, goal = [puzzle.start], puzzle.goal
    while way[-1] != goal:
        r, c = way[-1]
        down, right = goal[0] - r, goal[1] - c
        way.append((r + (down > 0) - (down < 0), c) if abs(down) > abs(right) else (r, c + (right > 0) - (right < 0)))
    return way


def _spots(puzzle: Puzzle) -> Iterator[tuple[float, float, float]]:
    """Yield right, down and radius of places on each ring and tile, in cells from the corner of the field."""
    for r, row in enumerate(puzzle.gaps):
        for c in range(len(row)):
            for k in range(8):
                angle = math.radians(45 * k)
                yield c + 0.5 + _RING * math.cos(angle), r + 0.5 + _RING * math.sin(angle), _PEN / 2
            yield c + 0.5, r + 0.5, 0.1
            yield c + 0.15, r + 0.15, 0.08
