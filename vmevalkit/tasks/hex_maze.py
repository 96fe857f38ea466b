r"""Hex maze: move the blue disc along the only path to the orange square, in a maze of hexagons or of rings.

      / \ / \          .-----.
     | o    x |      /   .-.   \       o  the disc      A video passes if the disc visibly moves from its start to the
    / \   / \ / \   |  (  o   x |      x  the goal      goal through open passages only, rests there, and nothing else
   |    |   |   |    \   '-'   /                        changes. A dead end and back is allowed. Crossing a wall and
    \ /   \ / \ /      '-----'                          jumping are not.

The plan length is the number of steps from cell to cell. There are far more than 10,000 mazes at every difficulty.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from vmevalkit.tasks.base import lerp, register_task
from vmevalkit.tasks.toolkit.axes import Axes
from vmevalkit.tasks.toolkit.compass import counted
from vmevalkit.tasks.toolkit.draw import INK, ORANGE, WHITE, Point, Sketch
from vmevalkit.tasks.toolkit.follow import RuledWalk, along, distances
from vmevalkit.tasks.toolkit.grid import Cell, Place, spanning_tree
from vmevalkit.tasks.toolkit.levels import levels
from vmevalkit.tasks.toolkit.walk import AGENT_REASONS, Moment
from vmevalkit.types import Record, Size


class Level(NamedTuple):
    """Settings of one difficulty: rings around the middle cell of each layout, and range of the steps of the path."""

    hexagons: int
    circles: int
    min_steps: int
    max_steps: int


LEVELS = levels(
    Level(hexagons=2, circles=2, min_steps=3, max_steps=4),
    Level(hexagons=2, circles=3, min_steps=5, max_steps=7),
    Level(hexagons=3, circles=3, min_steps=8, max_steps=11),
    Level(hexagons=3, circles=4, min_steps=12, max_steps=15),
    Level(hexagons=3, circles=4, min_steps=16, max_steps=20),
)
LAYOUTS = ("hexagons", "circles")
# Steps between hexagons as (q, r), clockwise from the right; their words in prompts.
_AROUND = ((1, 0), (0, 1), (-1, 1), (-1, 0), (0, -1), (1, -1))
_HEX_WORDS = ("right", "lower right", "lower left", "left", "upper left", "upper right")
# Number of cells of each ring of the round maze: all are about as long as wide.
_SECTORS = (1, 6, 12, 12, 24)
# Radius of the disc and half the side of the goal, by layout: passages between hexagons are narrow.
_RADIUS = {"hexagons": 0.19, "circles": 0.27}
# Distances from the middle of a passage of a way that must pass and of one that must fail. The disc may overlap the end
# of a wall, but its center may not come that far.
_BESIDE, _OFF, _INSIDE = 0.08, 0.25, 0.36


class Puzzle(Record):
    """A maze with one path from each cell to each other.

    Attributes:
        layout: one of `LAYOUTS`.
        rings: number of rings around the cell in the middle.
        links: pairs of cells without a wall between. A hexagon is (q, r), steps to the right and to the lower right; a
            cell of the round maze is (ring, sector), clockwise from the right.
    """

    layout: str
    rings: int
    links: tuple[tuple[Cell, Cell], ...]
    start: Cell
    goal: Cell

    @property
    def cells(self) -> list[Cell]:
        """All cells."""
        n = self.rings
        if self.layout == "circles":
            return [(ring, sector) for ring in range(n + 1) for sector in range(_SECTORS[ring])]
        return [(q, r) for r in range(-n, n + 1) for q in range(-n, n + 1) if abs(q + r) <= n]

    def beside(self, cell: Cell) -> list[Cell]:
        """Return the neighbors of a cell, regardless of walls."""
        if self.layout == "hexagons":
            near = [(cell[0] + q, cell[1] + r) for q, r in _AROUND]
            return [other for other in near if max(map(abs, (*other, sum(other)))) <= self.rings]
        ring, sector = cell
        found = [(ring, (sector + turn) % _SECTORS[ring]) for turn in (1, -1)] if ring else []
        if ring:
            found.append((ring - 1, sector * _SECTORS[ring - 1] // _SECTORS[ring]))
        if ring < self.rings:
            more = _SECTORS[ring + 1] // _SECTORS[ring]
            found += [(ring + 1, more * sector + i) for i in range(more)]
        return found

    def center(self, cell: Cell) -> Place:
        """Return the middle of a cell: (right, down) of the middle of the maze, in distances between cells."""
        if self.layout == "hexagons":
            return cell[0] + cell[1] / 2, cell[1] * math.sqrt(0.75)
        return _turned(cell[0], (cell[1] + 0.5) / _SECTORS[cell[0]] * math.tau)


@lru_cache(maxsize=64)
def _open(puzzle: Puzzle) -> dict[Cell, list[Cell]]:
    """Return the neighbors without a wall between, of each cell."""
    links = {*puzzle.links} | {(b, a) for a, b in puzzle.links}
    return {cell: [near for near in puzzle.beside(cell) if (cell, near) in links] for cell in puzzle.cells}


@register_task
class HexMaze(RuledWalk[Puzzle]):
    """A disc moves through a maze. The state is its place as (right, down) of the middle of the maze."""

    name = "hex_maze"
    tags = ("navigation", "planning")
    puzzle_type = Puzzle
    off = _OFF
    reasons = {**AGENT_REASONS, "wall_crossed": "The blue disc moves through a wall."}
    rubric = {
        "outcome": "The disc rests on the orange square.",
        "process": (
            "The disc visibly moves through open passages only, never through a wall. A dead end and back is allowed."
        ),
    }

    def generate(self, rng: random.Random, difficulty: int) -> Puzzle:
        level = LEVELS[difficulty]
        while True:
            layout = rng.choice(LAYOUTS)
            empty = Puzzle(layout=layout, rings=getattr(level, layout), links=(), start=(0, 0), goal=(0, 0))
            links = tuple(sorted(spanning_tree(rng, empty.cells, empty.beside)))
            maze = empty.model_copy(update={"links": links, "start": rng.choice(empty.cells)})
            steps = distances(maze.start, _open(maze).__getitem__)
            goals = [cell for cell in maze.cells if level.min_steps <= steps[cell] <= level.max_steps]
            if goals:
                return maze.model_copy(update={"goal": rng.choice(goals)})

    def first(self, puzzle: Puzzle) -> Cell:
        return puzzle.start

    def after(self, puzzle: Puzzle, node: Cell) -> Sequence[Cell]:
        return _open(puzzle)[node]

    def finished(self, puzzle: Puzzle, node: Cell) -> bool:
        return node == puzzle.goal

    def place_of(self, puzzle: Puzzle, node: Cell) -> Place:
        return puzzle.center(node)

    def path(self, puzzle: Puzzle, a: Place, b: Place) -> list[Place]:
        if puzzle.layout == "hexagons":
            return [a, b]
        # First along the inner ring, then outward, or the other way round.
        inner, outer = sorted((a, b), key=lambda place: math.hypot(*place))
        radius, start, end = math.hypot(*inner), math.atan2(inner[1], inner[0]), math.atan2(outer[1], outer[0])
        turn = (end - start + math.pi) % math.tau - math.pi
        count = max(1, math.ceil(abs(turn) / 0.1))
        found = [inner, *(_turned(radius, start + turn * i / count) for i in range(1, count + 1)), outer]
        return found if inner == a else found[::-1]

    def misstep(self, puzzle: Puzzle, node: Cell, place: Place) -> str:
        return "wall_crossed"

    def steps(self, puzzle: Puzzle) -> list[str]:
        return [_word(puzzle, a, b) for a, b in itertools.pairwise(self.plan(puzzle))]

    def plan_text(self, puzzle: Puzzle) -> str:
        return ", ".join(counted(self.steps(puzzle)))

    def place_in_words(self, puzzle: Puzzle, place: Place) -> str:
        cell = min(puzzle.cells, key=lambda cell: math.dist(puzzle.center(cell), place))
        x, y = puzzle.center(cell)
        if math.hypot(x, y) < 0.5:
            return "in the middle"
        ring = cell[0] if puzzle.layout == "circles" else max(abs(cell[0]), abs(cell[1]), abs(sum(cell)))
        turn = round(math.degrees(math.atan2(x, -y))) % 360
        return f"in ring {ring}, {turn} degrees clockwise from the top"

    def phrasings(self, puzzle: Puzzle) -> Sequence[str]:
        kind = "hexagons" if puzzle.layout == "hexagons" else "rings around a middle cell"
        shape = "A honeycomb maze" if puzzle.layout == "hexagons" else "A round maze"
        return (
            f"A maze of {kind} seen from above, with dark walls. The blue disc moves along the open passages to the "
            "orange square and stops on it. It moves cell by cell, never crosses a wall and never jumps. The walls and "
            "the square stay as they are. The camera is fixed.",
            f"{shape}. Find the way through: the blue disc travels smoothly through the gaps between the dark walls "
            "until it rests on the orange square. It may not pass through walls. The walls stay, and the camera does "
            "not move.",
            f"Show the blue disc walking the only open path from where it is to the orange square in this maze of "
            f"{kind}, at a steady pace, never through a wall. The maze does not change. Fixed top-down camera.",
        )

    def cheats(self, puzzle: Puzzle) -> dict[str, list[Moment]]:
        way, near = self.solution(puzzle), _open(puzzle)
        found = {"nearly_one_cell_short": way[:-1], **self._beside(puzzle, "along_inside_a_wall", _INSIDE)}
        for i, cell in enumerate(self.plan(puzzle)[:-1]):
            aside = [other for other in puzzle.beside(cell) if other not in near[cell]]
            if aside:
                found["through_a_wall"] = [*way[: i + 1], Moment(puzzle.center(aside[0])), *way[i:]]
                break
        straight = [(lerp(way[0].place[0], way[-1].place[0], t / 8), lerp(way[0].place[1], way[-1].place[1], t / 8))
                    for t in range(9)]  # fmt: skip
        if max(_off(self, puzzle, place) for place in straight) > 0.4:
            found["straight_there"] = [Moment(place) for place in straight]
        return found

    def alternatives(self, puzzle: Puzzle) -> dict[str, list[Moment]]:
        way, plan = self.solution(puzzle), self.plan(puzzle)
        found = self._beside(puzzle, "along_a_wall", _BESIDE)
        aside = [cell for cell in _open(puzzle)[plan[0]] if cell != plan[1]]
        if aside and len(way) <= 18:
            found["dead_end_first"] = [way[0], Moment(puzzle.center(aside[0])), *way]
        return found

    def _beside(self, puzzle: Puzzle, name: str, off: float) -> dict[str, list[Moment]]:
        """Return a way with one step that is so far from the middle of every passage, by name."""
        way = self.solution(puzzle)
        for i, (a, b) in enumerate(itertools.pairwise(way)):
            path = self.path(puzzle, a.place, b.place)
            for side in (off, -off):
                aside = [_aside(path, t, side) for t in (0.3, 0.5, 0.7)]
                if min(_off(self, puzzle, place) for place in aside) > 0.95 * off:
                    return {name: [*way[: i + 1], *map(Moment, aside), *way[i + 1 :]]}
        return {}

    def sheet(self, puzzle: Puzzle, canvas: Size, downscale: float = 1) -> tuple[Sketch, Axes]:
        n = puzzle.rings
        wide = 2 * n + 1
        high = wide if puzzle.layout == "circles" else 2 * n * math.sqrt(0.75) + 2 / math.sqrt(3)
        unit = min(canvas[0] / wide, canvas[1] / high) * 0.92
        x, y = canvas[0] / 2, canvas[1] / 2
        sheet = Sketch(canvas, downscale=downscale)
        walls = (_circles if puzzle.layout == "circles" else _hexagons)(puzzle, sheet, (x, y), unit)
        (right, down), half = puzzle.center(puzzle.goal), _RADIUS[puzzle.layout] * unit
        u, v = x + right * unit, y + down * unit
        sheet.rectangle((u - half, v - half, u + half, v + half), ORANGE, radius=half * 0.25)
        for wall in walls:
            points = [(x + right * unit, y + down * unit) for right, down in wall]
            sheet.line(points, max(min(canvas) / 40, unit * 0.15), INK)
        return sheet, Axes(x, y, unit)

    def radius(self, puzzle: Puzzle) -> float:
        return _RADIUS[puzzle.layout]


def _turned(radius: float, angle: float) -> Place:
    return radius * math.cos(angle), radius * math.sin(angle)


def _off(task: HexMaze, puzzle: Puzzle, place: Place) -> float:
    """Return the distance of a place from the middle of the nearest passage."""
    paths = (task.path(puzzle, puzzle.center(a), puzzle.center(b)) for a, b in puzzle.links)
    return min(math.dist(place, along(path, t / 10)) for path in paths for t in range(11))


def _aside(path: Sequence[Place], t: float, off: float) -> Place:
    """Return the place at share `t` of a path, moved to the right of it."""
    (x, y), (u, v) = along(path, t - 0.05), along(path, t + 0.05)
    far = math.dist((x, y), (u, v))
    return (x + u) / 2 + off * (y - v) / far, (y + v) / 2 + off * (u - x) / far


def _word(puzzle: Puzzle, a: Cell, b: Cell) -> str:
    """Return the direction of a step in words."""
    if puzzle.layout == "hexagons":
        return _HEX_WORDS[_AROUND.index((b[0] - a[0], b[1] - a[1]))]
    if a[0] != b[0]:
        return "outward" if b[0] > a[0] else "inward"
    return "clockwise" if (b[1] - a[1]) % _SECTORS[a[0]] == 1 else "counterclockwise"


def _hexagons(puzzle: Puzzle, sheet: Sketch, middle: Point, unit: float) -> list[list[Place]]:
    """Draw the floor of a maze of hexagons, and return its walls."""
    walls, corner, near = [], 1 / math.sqrt(3), _open(puzzle)
    for cell in puzzle.cells:
        right, down = puzzle.center(cell)
        corners = [_turned(corner, math.radians(60 * k - 30)) for k in range(7)]
        corners = [(right + u, down + v) for u, v in corners]
        sheet.polygon([(middle[0] + u * unit, middle[1] + v * unit) for u, v in corners[:6]], WHITE)
        for k, (q, r) in enumerate(_AROUND):
            if (cell[0] + q, cell[1] + r) not in near[cell]:
                walls.append(corners[k : k + 2])
    return walls


def _circles(puzzle: Puzzle, sheet: Sketch, middle: Point, unit: float) -> list[list[Place]]:
    """Draw the floor of a round maze, and return its walls."""
    sheet.circle(middle, (puzzle.rings + 0.5) * unit, WHITE)
    walls, near = [], _open(puzzle)
    for ring, sector in puzzle.cells[1:]:
        a, b = (angle / _SECTORS[ring] * math.tau for angle in (sector, sector + 1))
        count = math.ceil((b - a) / 0.08)
        if not any(other[0] < ring for other in near[ring, sector]):
            walls.append([_turned(ring - 0.5, lerp(a, b, i / count)) for i in range(count + 1)])
        if (ring, (sector + 1) % _SECTORS[ring]) not in near[ring, sector]:
            walls.append([_turned(ring - 0.5, b), _turned(ring + 0.5, b)])
        if ring == puzzle.rings:
            walls.append([_turned(ring + 0.5, lerp(a, b, i / count)) for i in range(count + 1)])
    return walls
