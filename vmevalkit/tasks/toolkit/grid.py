"""Mazes: for tasks in which a disc walks through passages between walls."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

from vmevalkit.tasks.base import lerp
from vmevalkit.tasks.toolkit.axes import CellAxes
from vmevalkit.tasks.toolkit.axes import Place as Place
from vmevalkit.tasks.toolkit.compass import STEPS
from vmevalkit.tasks.toolkit.compass import WORDS as DIRECTIONS
from vmevalkit.tasks.toolkit.draw import INK, ORANGE, WHITE, Sketch, square_board
from vmevalkit.types import Record, Size

Cell = tuple[int, int]
W = TypeVar("W", bound="Walls")

# Words for the four steps, by (rows down, columns right). Their order decides which mazes a seed gives.
WORDS = {(down, right): word for right, down, word in ((*STEPS[i], DIRECTIONS[i]) for i in (0, 4, 2, 6))}
# Radius of the disc and half the side of the goal, in cells.
RADIUS = GOAL = 0.27
# A place outside the image.
NOWHERE: Place = (-9.0, -9.0)
# A longer distance between two readings, in cells, is a jump.
LEAP = 1.6
# Distances from the center line, and shares of a corner, of a way that must pass and of one that must fail. A disc at
# the first distance touches walls; at the second one it covers their middle.
BESIDE, INSIDE = 0.14, 0.34
ROUNDED, CUT = 0.4, 0.9
# Depth in cells to which the disc may cover the middle of a wall, which is about a pixel of the view: places are read
# with this accuracy where discs are small.
_OVERLAP = 0.04


class Bend(NamedTuple):
    """Two places that replace what lies between the places number `start` and `end` of a way."""

    start: int
    end: int
    places: tuple[Place, Place]


class Walls(Record):
    """A perfect maze. `right[r][c]` is "1" if the cell is open to its right neighbor; `down`, to the one below."""

    cells: int
    right: tuple[str, ...]
    down: tuple[str, ...]
    start: Cell
    goal: Cell

    def open(self, a: Cell, b: Cell) -> bool:
        """Whether two cells are neighbors without a wall between them."""
        (r, c), (s, d) = min(a, b), max(a, b)
        if min(r, c) < 0 or max(s, d) >= self.cells:
            return False
        if (s, d) == (r, c + 1):
            return self.right[r][c] == "1"
        return (s, d) == (r + 1, c) and self.down[r][c] == "1"

    def around(self, cell: Cell) -> list[Cell]:
        """Return the neighbors without a wall between."""
        return [near for near in around(cell) if self.open(cell, near)]

    def crossed(self, a: Place, b: Place) -> str | None:
        """Return the reason code if the disc cannot move straight from one place to another, or None."""
        if math.dist(a, b) > LEAP:
            return "teleport"
        # Take small steps. None may enter a cell behind a wall.
        count = max(1, math.ceil(math.dist(a, b) / 0.1))
        cell = cell_of(a)
        for i in range(1, count + 1):
            place = lerp(a[0], b[0], i / count), lerp(a[1], b[1], i / count)
            # On a fast way round a corner, the straight line between two readings cuts it.
            if (i == count or math.dist(a, b) <= 1) and self.touched(place):
                return "wall_crossed"
            new = cell_of(place)
            if abs(new[0] - cell[0]) + abs(new[1] - cell[1]) == 2:
                corners = ((cell[0], new[1]), (new[0], cell[1]))
                if not any(self.open(cell, corner) and self.open(corner, new) for corner in corners):
                    return "wall_crossed"
            elif new != cell and not self.open(cell, new):
                return "wall_crossed"
            cell = new
        return None

    def touched(self, place: Place) -> bool:
        """Whether the disc covers the middle of a wall. It may cover the edges of walls: corridors are narrow."""
        r, c = cell = cell_of(place)
        down, right = place[0] - r, place[1] - c
        # Walls end at every corner of a cell, because each part of the walls is connected to the border.
        far = [math.hypot(0.5 - abs(down), 0.5 - abs(right))]
        far += [0.5 - side for side, near in ((down, (r + 1, c)), (-down, (r - 1, c)), (right, (r, c + 1)),
                (-right, (r, c - 1))) if not self.open(cell, near)]  # fmt: skip
        return min(far) < RADIUS - _OVERLAP

    def along_wall(self, way: Sequence[Place], off: float) -> Bend | None:
        """Return a bend that brings a way nearer to a wall, `off` cells from the center line; None without a wall."""
        for i, (a, b) in enumerate(itertools.pairwise(way)):
            for turn in (1, -1):
                down, right = turn * (b[1] - a[1]), turn * (a[0] - b[0])
                if a != b and not self.open(cell_of(a), cell_of((a[0] + down, a[1] + right))):
                    down, right = off * down, off * right
                    return Bend(i, i + 1, ((a[0] + down, a[1] + right), (b[0] + down, b[1] + right)))
        return None

    def sheet(self, canvas: Size, downscale: float) -> tuple[Sketch, CellAxes]:
        """Draw the walls and the goal. Return also the axes, in pixels of the canvas."""
        left, top, cell = square_board(canvas, self.cells, margin=0.06)
        right, bottom = left + cell * self.cells, top + cell * self.cells
        wall = max(min(canvas) / 40, cell * 0.16)
        sheet = Sketch(canvas, downscale=downscale)
        sheet.rectangle((left, top, right, bottom), WHITE)
        x, y, half = left + (self.goal[1] + 0.5) * cell, top + (self.goal[0] + 0.5) * cell, GOAL * cell
        sheet.rectangle((x - half, y - half, x + half, y + half), ORANGE, radius=half * 0.25)
        for r in range(self.cells):
            for c in range(self.cells):
                x, y = left + c * cell, top + r * cell
                if self.right[r][c] == "0":
                    sheet.line([(x + cell, y), (x + cell, y + cell)], wall, INK)
                if self.down[r][c] == "0":
                    sheet.line([(x, y + cell), (x + cell, y + cell)], wall, INK)
        sheet.line([(left, top), (right, top), (right, bottom), (left, bottom), (left, top)], wall, INK)
        return sheet, CellAxes(left, top, cell)


def cell_of(place: Place) -> Cell:
    """Return the cell that a place (row, column) lies in."""
    return round(place[0]), round(place[1])


def corner(way: Sequence[Place], cut: float) -> Bend | None:
    """Return a bend that cuts a corner of a way: 0 not at all, 1 from one center of a cell to the next but one."""
    for i, (a, b, c) in enumerate(zip(way, way[1:], way[2:], strict=False)):
        if a[0] != c[0] and a[1] != c[1]:
            before, after = ((lerp(b[0], end[0], cut), lerp(b[1], end[1], cut)) for end in (a, c))
            return Bend(i, i + 2, (before, after))
    return None


def around(cell: Cell) -> list[Cell]:
    """Return the four neighbors, regardless of walls and edges."""
    return [(cell[0] + down, cell[1] + right) for down, right in WORDS]


def carve(rng: random.Random, cells: int, kind: type[W]) -> W:
    """Generate a maze of `cells` x `cells`. All mazes are equally likely (`spanning_tree`)."""

    def beside(cell: Cell) -> list[Cell]:
        return [near for near in around(cell) if min(near) >= 0 and max(near) < cells]

    links = spanning_tree(rng, [(r, c) for r in range(cells) for c in range(cells)], beside)
    right = tuple("".join("01"[((r, c), (r, c + 1)) in links] for c in range(cells)) for r in range(cells))
    down = tuple("".join("01"[((r, c), (r + 1, c)) in links] for c in range(cells)) for r in range(cells))
    return kind(cells=cells, right=right, down=down, start=(0, 0), goal=(0, 0))


def spanning_tree(
    rng: random.Random, cells: Sequence[Cell], beside: Callable[[Cell], Sequence[Cell]]
) -> set[tuple[Cell, Cell]]:
    """Return links that make a perfect maze, by the algorithm of Wilson (1996): all trees are equally likely.

    Args:
        cells: all cells of the maze.
        beside: returns the neighbors of a cell. Their order decides which maze a seed gives.
    """
    inside, links = {rng.choice(cells)}, set()
    for origin in cells:
        after: dict[Cell, Cell] = {}
        cell = origin
        while cell not in inside:
            after[cell] = rng.choice(beside(cell))
            cell = after[cell]
        cell = origin
        while cell not in inside:
            inside.add(cell)
            links.add((min(cell, after[cell]), max(cell, after[cell])))
            cell = after[cell]
    return links
