"""Sokoban: push every box onto an orange square with the blue disc.

    +---+---+---+---+
    | o | b | . | x |      o  the disc         A video passes if the disc visibly moves from cell to cell and pushes one
    +---+---+---+---+      b  a box            box at a time straight ahead, until each box rests on a square. Any box
    | . | # | b | . |      x  a square         may go to any square, and every legal way is correct. A video fails if a
    +---+---+---+---+      #  a wall           box is pulled, pushed aside or moves by itself, if two boxes are pushed
    | . | . | x | . |                          together, or if something passes through a wall.
    +---+---+---+---+

The plan length is the least number of steps of the disc. From difficulty 3 on, a push that brings a box nearer to a
square would make the puzzle unsolvable. There are far more than 10,000 puzzles at every difficulty.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import NamedTuple

from vmevalkit.tasks.base import register_task
from vmevalkit.tasks.toolkit.compass import counted
from vmevalkit.tasks.toolkit.draw import BLUE, HUES, ORANGE, Color, Point, Sketch
from vmevalkit.tasks.toolkit.grid import WORDS, Cell, around
from vmevalkit.tasks.toolkit.levels import levels
from vmevalkit.tasks.toolkit.pieces import PIECE_REASONS, Board, Place
from vmevalkit.tasks.toolkit.ruled_pieces import Cells, RuledPieces, floor_sheet, nodes_left, places_of
from vmevalkit.types import Record, Size


class Level(NamedTuple):
    """Settings of one difficulty: size of the room, share of walls in it, number of boxes, and range of the steps."""

    rows: int
    columns: int
    walls: float
    boxes: int
    min_steps: int
    max_steps: int


LEVELS = levels(
    Level(rows=3, columns=5, walls=0.15, boxes=1, min_steps=3, max_steps=4),
    Level(rows=4, columns=6, walls=0.2, boxes=1, min_steps=5, max_steps=7),
    Level(rows=4, columns=6, walls=0.2, boxes=2, min_steps=8, max_steps=11),
    Level(rows=4, columns=6, walls=0.2, boxes=2, min_steps=12, max_steps=15),
    Level(rows=5, columns=6, walls=0.25, boxes=2, min_steps=16, max_steps=20),
)
# Half the side of a box and of a square, and the radius of the disc, in cells.
_BOX, _SQUARE, _RADIUS = 0.38, 0.22, 0.3
_BOX_HUES = ("green", "purple")


class Puzzle(Record):
    """A room.

    Attributes:
        cells: its floor, as (row, column).
        disc: cell of the disc.
        boxes: cell of each box.
        squares: cells to which the boxes go.
    """

    cells: tuple[Cell, ...]
    disc: Cell
    boxes: tuple[Cell, ...]
    squares: tuple[Cell, ...]


@lru_cache(maxsize=64)
def _floor(cells: tuple[Cell, ...]) -> frozenset[Cell]:
    return frozenset(cells)


@register_task
class Sokoban(RuledPieces[Puzzle]):
    """The disc and the boxes are pieces, in this order."""

    name = "sokoban"
    tags = ("planning",)
    puzzle_type = Puzzle
    reasons = {
        **PIECE_REASONS,
        "not_pushed": "A box moves although the disc does not push it straight ahead.",
        "blocked": "The disc or a box goes through a wall, or through a box.",
    }
    rubric = {
        "outcome": "A box rests on each orange square. Any box may be on any square.",
        "process": (
            "The disc visibly moves from cell to neighboring cell and pushes at most one box, straight ahead into a "
            "free cell. Boxes are never pulled. Every such way is correct."
        ),
    }

    def generate(self, rng: random.Random, difficulty: int) -> Puzzle:
        level = LEVELS[difficulty]
        while True:
            cells = _room(rng, level)
            if len(cells) < 0.6 * level.rows * level.columns:
                continue
            squares = tuple(sorted(rng.sample(cells, level.boxes)))
            left = _solved_by_pulling(cells, squares)
            fit = sorted(node for node, steps in left.items() if level.min_steps <= steps <= level.max_steps)
            for disc, *boxes in rng.sample(fit, min(len(fit), 6)):
                puzzle = Puzzle(cells=cells, disc=disc, boxes=tuple(rng.sample(boxes, len(boxes))), squares=squares)
                if difficulty < 3 or self._is_tempting(puzzle, left):
                    return puzzle

    def _is_tempting(self, puzzle: Puzzle, left: dict[Cells, int]) -> bool:
        """Whether, on the way of the solution, some push brings a box nearer to a square, but leads to a dead end."""

        def far(node: Cells) -> int:
            return sum(min(abs(r - s) + abs(c - d) for s, d in puzzle.squares) for r, c in node[1:])

        node = self.first(puzzle)
        while left[self.key(node)]:
            after = self.after(puzzle, node)
            if any(self.key(new) not in left and far(new) < far(node) for new in after):
                return True
            node = min(after, key=lambda new: left.get(self.key(new), 99))
        return False

    def floor(self, puzzle: Puzzle) -> Collection[Cell]:
        return _floor(puzzle.cells)

    def first(self, puzzle: Puzzle) -> Cells:
        return (puzzle.disc, *puzzle.boxes)

    def after(self, puzzle: Puzzle, node: Cells) -> Sequence[Cells]:
        floor, ((r, c), *boxes) = _floor(puzzle.cells), node
        found = []
        for down, right in WORDS:
            ahead, beyond = (r + down, c + right), (r + 2 * down, c + 2 * right)
            if ahead in boxes and beyond in floor and beyond not in boxes:
                found.append((ahead, *(beyond if box == ahead else box for box in boxes)))
            elif ahead in floor and ahead not in boxes:
                found.append((ahead, *boxes))
        return found

    def key(self, node: Cells) -> Cells:
        return (node[0], *sorted(node[1:]))

    def finished(self, puzzle: Puzzle, node: Cells) -> bool:
        return {*node[1:]} == {*puzzle.squares}

    def misstep(self, puzzle: Puzzle, node: Cells, places: Sequence[Place | None]) -> str:
        moved = any(place and max(abs(place[0] - r), abs(place[1] - c)) > 0.3
                    for place, (r, c) in zip(places[1:], node[1:], strict=True))  # fmt: skip
        return "not_pushed" if moved else "blocked"

    def steps(self, puzzle: Puzzle) -> list[str]:
        found = []
        for a, b in itertools.pairwise(self.plan(puzzle)):
            word = WORDS[b[0][0] - a[0][0], b[0][1] - a[0][1]]
            found.append(f"push {word}" if a[1:] != b[1:] else word)
        return found

    def plan_text(self, puzzle: Puzzle) -> str:
        return ", ".join(counted(self.steps(puzzle)))

    def in_words(self, puzzle: Puzzle, state: Board) -> dict[str, str]:
        # Boxes first: where the disc is at the end does not matter.
        words = super().in_words(puzzle, state)
        return dict(sorted(words.items(), key=lambda item: "box" not in item[0]))

    def piece_in_words(self, puzzle: Puzzle, piece: int) -> str:
        return f"the {_BOX_HUES[piece - 1]} box" if piece else "the blue disc"

    def phrasings(self, puzzle: Puzzle) -> Sequence[str]:
        one = len(puzzle.boxes) == 1
        box, goal, each = ("the box", "the orange square", "it") if one else (
            "both boxes", "the orange squares", "each of them")  # fmt: skip
        return (
            f"A room with dark walls seen from above. The blue disc pushes {box} onto {goal}. It moves cell by cell, "
            "up, down, left or right, and pushes one box at a time straight ahead into a free cell. It never pulls a "
            "box and never goes through walls or boxes. The camera is fixed.",
            f"Solve this Sokoban puzzle: the blue disc walks behind a box and pushes it, one cell after another, until "
            f"{goal} {'is' if one else 'are'} covered. Boxes can only be pushed, not pulled, and only one at a time. "
            "The walls stay. Static camera.",
            f"Show the blue disc bringing {box} to {goal} by pushing {each} in straight lines. A box moves only while "
            "the disc is right behind it, and stops in front of a wall or another box. The walls and the camera do "
            "not move.",
        )

    def colors(self, puzzle: Puzzle) -> Sequence[Color]:
        return BLUE, *(HUES[hue] for hue in _BOX_HUES[: len(puzzle.boxes)])

    def sheet(self, puzzle: Puzzle, canvas: Size, downscale: float = 1) -> tuple[Sketch, Point, float]:
        sheet, origin, cell = floor_sheet(puzzle.cells, canvas, downscale)
        half = _SQUARE * cell
        for r, c in puzzle.squares:
            x, y = origin[0] + c * cell, origin[1] + r * cell
            sheet.rectangle((x - half, y - half, x + half, y + half), ORANGE, radius=half * 0.25)
        return sheet, origin, cell

    def draw_piece(self, puzzle: Puzzle, sketch: Sketch, piece: int, center: Point, unit: float) -> None:
        x, y = center
        color = self.colors(puzzle)[piece]
        if piece == 0:
            sketch.circle(center, _RADIUS * unit, color)
            return
        half = _BOX * unit
        sketch.rectangle((x - half, y - half, x + half, y + half), color, radius=0.08 * unit)

    def extent(self, puzzle: Puzzle, piece: int) -> tuple[float, float]:
        return (_BOX, _BOX) if piece else (_RADIUS, _RADIUS)

    def cheats(self, puzzle: Puzzle) -> dict[str, list[Board]]:
        plan = self.plan(puzzle)
        first, last = plan[0], plan[-1]
        found = {
            "nearly_one_push_missing": plan[:-1],
            "boxes_slide_alone": [first, *((first[0], *node[1:]) for node in plan)],
            "boxes_jump": [first, (first[0], *last[1:])],
            "disc_pulls": [*plan, *plan[-2::-1], *plan] if len(plan) < 7 else [*plan[: 1 + _pushed(plan)],
                           *plan[_pushed(plan) - 1 :]],
        }  # fmt: skip
        solid = next((near for near in around(puzzle.disc) if near not in puzzle.cells), None)
        if solid:
            found["into_a_wall"] = [first, (solid, *first[1:]), *plan]
        near = next((near for near in around(puzzle.disc) if near in puzzle.boxes), None)
        if near:
            found["through_a_box"] = [first, (near, *first[1:]), *plan]
        return {name: [Board(places_of(node)) for node in nodes] for name, nodes in found.items()}

    def alternatives(self, puzzle: Puzzle) -> dict[str, list[Board]]:
        plan, left = self.plan(puzzle), nodes_left(self, puzzle)
        for other in self.after(puzzle, plan[0]):
            if other != plan[1] and left.get(self.key(other), 99) <= 17:
                way = [plan[0], other]
                while left[self.key(way[-1])]:
                    way.append(min(self.after(puzzle, way[-1]), key=lambda node: left.get(self.key(node), 99)))
                return {"another_way": [Board(places_of(node)) for node in way]}
        return {}


def _pushed(plan: Sequence[Cells]) -> int:
    """Return the number of the first node of a plan in which a box has moved."""
    return next(i for i, node in enumerate(plan) if node[1:] != plan[0][1:])


def _room(rng: random.Random, level: Level) -> tuple[Cell, ...]:
    """Return the cells of a connected room with walls in it, from which corners without use are left out."""
    inside = [(r, c) for r in range(level.rows) for c in range(level.columns) if rng.random() >= level.walls]
    queue = [rng.choice(inside)]
    for cell in queue:
        queue += [near for near in around(cell) if near in inside and near not in queue]
    top, left = min(r for r, _ in queue), min(c for _, c in queue)
    return tuple(sorted((r - top, c - left) for r, c in queue))


def _solved_by_pulling(cells: Sequence[Cell], squares: Sequence[Cell]) -> dict[Cells, int]:
    """Return the number of steps from the disc and sorted boxes of every node that can be solved.

    The search goes backwards from the answer, where the disc pulls boxes.
    """
    floor = set(cells)
    left: dict[Cells, int] = {(cell, *squares): 0 for cell in cells if cell not in squares}
    queue = list(left)
    for node in queue:
        (r, c), boxes = node[0], node[1:]
        for down, right in WORDS:
            back, ahead = (r - down, c - right), (r + down, c + right)
            if back not in floor or back in boxes:
                continue
            before = [(back, *boxes)]
            if ahead in boxes:
                before.append((back, *sorted((r, c) if box == ahead else box for box in boxes)))
            for old in before:
                if old not in left:
                    left[old] = left[node] + 1
                    queue.append(old)
    return left
