"""Two agents: let the blue and the orange disc swap places in narrow corridors.

    +---+---+---+---+---+
    | B .   .   .   . O |      B  the blue disc     A video passes if the discs visibly move along the corridors, never
    +---+---+   +---+---+      O  the orange disc   through a wall or through each other, until each rests where the
            |   |                                   other one began. One must give way in a side corridor. They may move
            +---+                                   one after another or at the same time; every legal way is correct.

The plan length is the least number of cells that both discs move together; it is even. There are more than 10,000
puzzles at every difficulty.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import NamedTuple

from vmevalkit.tasks.base import lerp, register_task
from vmevalkit.tasks.toolkit.draw import BLUE, ORANGE, PAPER, UMBER, Color, Point, Sketch
from vmevalkit.tasks.toolkit.follow import Follower, shortest_path
from vmevalkit.tasks.toolkit.grid import WORDS, Cell, around
from vmevalkit.tasks.toolkit.levels import levels
from vmevalkit.tasks.toolkit.pieces import PIECE_REASONS, Board, Place
from vmevalkit.tasks.toolkit.ruled_pieces import Cells, RuledPieces, floor_sheet, nodes_left, places_of, straight
from vmevalkit.types import Record, Size


class Level(NamedTuple):
    """Settings of one difficulty: size of the board, range of the cells of the corridors, and of the steps."""

    rows: int
    columns: int
    min_cells: int
    max_cells: int
    min_steps: int
    max_steps: int


LEVELS = levels(
    Level(rows=4, columns=6, min_cells=7, max_cells=10, min_steps=4, max_steps=6),
    Level(rows=4, columns=6, min_cells=10, max_cells=13, min_steps=6, max_steps=6),
    Level(rows=4, columns=6, min_cells=11, max_cells=14, min_steps=8, max_steps=10),
    Level(rows=5, columns=7, min_cells=12, max_cells=18, min_steps=12, max_steps=14),
    Level(rows=5, columns=7, min_cells=14, max_cells=20, min_steps=16, max_steps=20),
)
_RADIUS, _RING = 0.3, 0.4
# Two discs that are nearer than this overlap clearly. When one follows the other around a corner, they are 0.7 apart.
_CLASH = 0.5
# Words of the discs in prompts.
_DISCS = ("blue", "orange")


class Puzzle(Record):
    """The cells of the corridors as (row, column), and where the blue and the orange disc are."""

    cells: tuple[Cell, ...]
    discs: tuple[Cell, Cell]


@lru_cache(maxsize=64)
def _near(cells: tuple[Cell, ...]) -> dict[Cell, list[Cell]]:
    return {cell: [near for near in around(cell) if near in cells] for cell in cells}


@register_task
class TwoAgents(RuledPieces[Puzzle]):
    """Two discs are pieces; a node is the cell of each."""

    name = "two_agents"
    tags = ("planning", "navigation")
    puzzle_type = Puzzle
    noun = "disc"
    reasons = {
        **PIECE_REASONS,
        "wall_crossed": "A disc leaves the corridors.",
        "clash": "The discs move through each other.",
    }
    rubric = {
        "outcome": "The blue disc rests where the orange one began, and the orange disc where the blue one began.",
        "process": (
            "The discs visibly move along the corridors, never through walls or through each other. They may move one "
            "after another or together. Every such way is correct."
        ),
    }

    def generate(self, rng: random.Random, difficulty: int) -> Puzzle:
        level = LEVELS[difficulty]
        while True:
            cells = _corridors(rng, level)
            for discs in rng.sample(list(itertools.permutations(cells, 2)), min(12, len(cells))):
                puzzle = Puzzle(cells=cells, discs=discs)
                if level.min_steps <= nodes_left(self, puzzle).get(discs, 0) <= level.max_steps:
                    return puzzle

    def floor(self, puzzle: Puzzle) -> Collection[Cell]:
        return puzzle.cells

    def first(self, puzzle: Puzzle) -> Cells:
        return puzzle.discs

    def after(self, puzzle: Puzzle, node: Cells) -> Sequence[Cells]:
        near, (blue, orange) = _near(puzzle.cells), node
        return [*((cell, orange) for cell in near[blue] if cell != orange),
                *((blue, cell) for cell in near[orange] if cell != blue)]  # fmt: skip

    def finished(self, puzzle: Puzzle, node: Cells) -> bool:
        return node == puzzle.discs[::-1]

    def misstep(self, puzzle: Puzzle, node: Cells, places: Sequence[Place | None]) -> str:
        return "wall_crossed"

    def followers(self, puzzle: Puzzle) -> list[Follower[Cells]]:
        near = _near(puzzle.cells)
        return [Follower((disc,), lambda node: [(cell,) for cell in near[node[0]]], straight, 0.3)
                for disc in puzzle.discs]  # fmt: skip

    def clash(self, puzzle: Puzzle, before: Sequence[Place | None], places: Sequence[Place | None]) -> str | None:
        (a, b), (u, v) = before, places
        if not (a and b and u and v):
            return None
        ways = ((lerp(a[0], u[0], t) - lerp(b[0], v[0], t), lerp(a[1], u[1], t) - lerp(b[1], v[1], t))
                for t in (i / 8 for i in range(9)))  # fmt: skip
        return "clash" if min(math.hypot(*way) for way in ways) < _CLASH else None

    def steps(self, puzzle: Puzzle) -> list[str]:
        found = []
        for a, b in itertools.pairwise(self.plan(puzzle)):
            disc = 0 if a[0] != b[0] else 1
            found.append(f"{_DISCS[disc]} {WORDS[b[disc][0] - a[disc][0], b[disc][1] - a[disc][1]]}")
        return found

    def plan_text(self, puzzle: Puzzle) -> str:
        runs = [(disc, [step.split()[1] for step in group])
                for disc, group in itertools.groupby(self.steps(puzzle), lambda step: step.split()[0])]  # fmt: skip
        return ", then ".join(f"{disc} goes {' '.join(words)}" for disc, words in runs)

    def phrasings(self, puzzle: Puzzle) -> Sequence[str]:
        return (
            "Narrow corridors seen from above. The blue and the orange disc swap places: each ends on the brown ring "
            "where the other one began. They glide along the white corridors. There is no room to pass each other, so "
            "one gives way in a side corridor. They never touch, cross walls or jump. The camera is fixed.",
            "Two discs stand in each other's way. Show them moving cell by cell through the white corridors until the "
            "blue disc rests where the orange disc was and the orange disc where the blue disc was. They may not go "
            "through walls or through one another. The walls stay as they are. Static camera.",
            "Let the blue disc and the orange disc exchange their places. The corridors are as wide as one disc: one "
            "disc waits in a branch while the other goes by. Both stay inside the corridors and never overlap. The "
            "corridors and the camera do not move.",
        )

    def colors(self, puzzle: Puzzle) -> Sequence[Color]:
        return BLUE, ORANGE

    def sheet(self, puzzle: Puzzle, canvas: Size, downscale: float = 1) -> tuple[Sketch, Point, float]:
        sheet, origin, cell = floor_sheet(puzzle.cells, canvas, downscale)
        for r, c in puzzle.discs:
            at = origin[0] + c * cell, origin[1] + r * cell
            sheet.circle(at, _RING * cell, UMBER)
            sheet.circle(at, (_RING - 0.1) * cell, PAPER)
        return sheet, origin, cell

    def draw_piece(self, puzzle: Puzzle, sketch: Sketch, piece: int, center: Point, unit: float) -> None:
        sketch.circle(center, _RADIUS * unit, self.colors(puzzle)[piece])

    def extent(self, puzzle: Puzzle, piece: int) -> tuple[float, float]:
        return _RADIUS, _RADIUS

    def cheats(self, puzzle: Puzzle) -> dict[str, list[Board]]:
        plan = self.plan(puzzle)
        blue, orange = puzzle.discs
        through = shortest_path(blue, orange, _near(puzzle.cells).__getitem__)
        found: dict[str, list[Cells]] = {
            "nearly_one_cell_short": plan[:-1],
            "through_each_other": list(zip(through, through[::-1], strict=True)),
            "nearly_one_disc_only": [(cell, orange) for cell in through if cell != orange],
        }
        solid = next((near for near in around(blue) if near not in puzzle.cells), None)
        if solid:
            found["into_a_wall"] = [plan[0], (solid, orange), *plan]
        straight_way = [(lerp(blue[0], orange[0], t), lerp(blue[1], orange[1], t)) for t in (0, 0.5, 1)]
        return {name: [Board(places_of(node)) for node in nodes] for name, nodes in found.items()} | {
            "straight_there": [Board((a, b)) for a, b in zip(straight_way, straight_way[::-1], strict=True)]
        }

    def alternatives(self, puzzle: Puzzle) -> dict[str, list[Board]]:
        """A step of one disc and the next step of the other one may happen at the same time."""
        plan, joined = self.plan(puzzle), []
        while plan:
            joined.append(plan.pop(0))
            if len(plan) > 1 and plan[0][0] != joined[-1][0] and plan[1][0] == plan[0][0]:
                plan.pop(0)
        found = {"both_at_once": [Board(places_of(node)) for node in joined]}
        return found if len(joined) < len(self.plan(puzzle)) else {}


def _corridors(rng: random.Random, level: Level) -> tuple[Cell, ...]:
    """Return connected cells that are nowhere two cells wide, except for a place to pass at difficulty 1."""
    cells = {(rng.randrange(level.rows), rng.randrange(level.columns))}
    wide, size = int(level.min_steps == 4), rng.randint(level.min_cells, level.max_cells)
    for _ in range(20 * size):
        if len(cells) == size:
            break
        new = rng.choice([near for cell in cells for near in around(cell)])
        if new in cells or not (0 <= new[0] < level.rows and 0 <= new[1] < level.columns):
            continue
        if _squares({*cells, new}) <= wide:
            cells.add(new)
    top, left = min(r for r, _ in cells), min(c for _, c in cells)
    return tuple(sorted((r - top, c - left) for r, c in cells))


def _squares(cells: Collection[Cell]) -> int:
    """Return how many squares of 2x2 cells there are."""
    return sum({(r, c + 1), (r + 1, c), (r + 1, c + 1)} <= {*cells} for r, c in cells)
