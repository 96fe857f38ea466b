"""Mazes: what families share in which a disc walks through passages between walls."""

from __future__ import annotations

import math
import random
from typing import TypeVar

from vmevalkit.tasks.base import lerp
from vmevalkit.tasks.toolkit.draw import INK, ORANGE, WHITE, Sketch, square_board
from vmevalkit.types import Record, Size

Cell = tuple[int, int]
Place = tuple[float, float]
W = TypeVar("W", bound="Walls")

WORDS = {(0, 1): "right", (0, -1): "left", (1, 0): "down", (-1, 0): "up"}
# Radius of the disc and half the side of the goal, in cells.
RADIUS = GOAL = 0.27
# Farther than this from one seen position to the next, in cells, is a jump.
LEAP = 1.6


class Walls(Record):
    """A perfect maze. `right[r][c]` is "1" where the cell is open to its right neighbor, `down` to the one below."""

    cells: int
    right: tuple[str, ...]
    down: tuple[str, ...]
    start: Cell
    goal: Cell

    def open(self, a: Cell, b: Cell) -> bool:
        """Whether two cells are neighbors with no wall between."""
        (r, c), (s, d) = min(a, b), max(a, b)
        if min(r, c) < 0 or max(s, d) >= self.cells:
            return False
        if (s, d) == (r, c + 1):
            return self.right[r][c] == "1"
        return (s, d) == (r + 1, c) and self.down[r][c] == "1"

    def around(self, cell: Cell) -> list[Cell]:
        """Neighbors with no wall between."""
        return [near for near in around(cell) if self.open(cell, near)]

    def crossed(self, a: Place, b: Place) -> str | None:
        """Why the disc cannot have gone straight from one place to another (a reason code), or None."""
        if math.dist(a, b) > LEAP:
            return "teleport"
        # Small steps: none may change into a cell behind a wall.
        count = max(1, math.ceil(math.dist(a, b) / 0.1))
        cell = cell_of(a)
        for i in range(1, count + 1):
            new = cell_of((lerp(a[0], b[0], i / count), lerp(a[1], b[1], i / count)))
            if abs(new[0] - cell[0]) + abs(new[1] - cell[1]) == 2:
                corners = ((cell[0], new[1]), (new[0], cell[1]))
                if not any(self.open(cell, corner) and self.open(corner, new) for corner in corners):
                    return "wall_crossed"
            elif new != cell and not self.open(cell, new):
                return "wall_crossed"
            cell = new
        return None

    def sheet(self, canvas: Size, downscale: float) -> tuple[Sketch, tuple[float, float, float]]:
        """The walls and the goal, and where the cells lie: left, top and side of a cell in pixels of the canvas."""
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
        return sheet, (left, top, cell)


def cell_of(place: Place) -> Cell:
    """The cell that is nearest to a place."""
    return round(place[0]), round(place[1])


def around(cell: Cell) -> list[Cell]:
    """The four neighbors, walls or not, also beyond the edge."""
    return [(cell[0] + down, cell[1] + right) for down, right in WORDS]


def carve(rng: random.Random, cells: int, kind: type[W]) -> W:
    """A random spanning tree by Wilson's algorithm: every maze of the size is equally likely (Wilson 1996)."""
    everything = [(r, c) for r in range(cells) for c in range(cells)]
    inside = {rng.choice(everything)}
    links: set[tuple[Cell, Cell]] = set()
    for origin in everything:
        after: dict[Cell, Cell] = {}
        cell = origin
        while cell not in inside:
            after[cell] = rng.choice([n for n in around(cell) if min(n) >= 0 and max(n) < cells])
            cell = after[cell]
        cell = origin
        while cell not in inside:
            inside.add(cell)
            links.add((min(cell, after[cell]), max(cell, after[cell])))
            cell = after[cell]
    right = tuple("".join("01"[((r, c), (r, c + 1)) in links] for c in range(cells)) for r in range(cells))
    down = tuple("".join("01"[((r, c), (r + 1, c)) in links] for c in range(cells)) for r in range(cells))
    return kind(cells=cells, right=right, down=down, start=(0, 0), goal=(0, 0))
