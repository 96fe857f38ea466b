"""Shape search: draw a ring round every shape that is of the same kind as the sample in the frame.

    +---+     S  (Z)  T       The sample is Z. A video passes if each shape of its kind gets a brown ring, one after
    | Z |    (Z)  T   S       another and in any order, and if all rings are there at the end. No other shape may get
    +---+     T  (Z) (Z)      a ring, not even for a moment, and the shapes and the sample must stay.

At difficulties 1 to 3, the sample is dark, and shapes of every color are of its kind. At difficulties 4 and 5, the
sample has a color, and only shapes of that color are of its kind. Shapes are not turned: at difficulty 5, the sample
turned or mirrored is another shape. The plan length is the number of rings. There are far more than 10,000 questions at
every difficulty.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from vmevalkit.tasks.base import register_task
from vmevalkit.tasks.toolkit.cells import CELL_REASONS, Board, CellsTask, Looks, changed, square_box, swept
from vmevalkit.tasks.toolkit.compass import cell_in_words
from vmevalkit.tasks.toolkit.draw import GRAY, HUES, INK, WHITE, Box, Color, Point, Sketch
from vmevalkit.tasks.toolkit.levels import levels
from vmevalkit.tasks.toolkit.rings import draw_ring
from vmevalkit.types import Record, Size


class Level(NamedTuple):
    """Settings of one difficulty.

    Attributes:
        columns, rows: size of the board.
        figures: number of shapes on it.
        fewest, most: range of shapes of the sample's kind.
        others: number of other shapes.
        apart: least number of squares in which these differ from the sample.
        colored: whether the color counts.
        turned: whether the sample is among the other shapes, turned and mirrored.
    """

    columns: int
    rows: int
    figures: int
    fewest: int
    most: int
    others: int
    apart: int
    colored: bool
    turned: bool


LEVELS = levels(
    Level(columns=4, rows=3, figures=10, fewest=4, most=5, others=3, apart=5, colored=False, turned=False),
    Level(columns=5, rows=3, figures=14, fewest=5, most=7, others=4, apart=4, colored=False, turned=False),
    Level(columns=6, rows=4, figures=23, fewest=8, most=10, others=5, apart=3, colored=False, turned=False),
    Level(columns=7, rows=5, figures=32, fewest=11, most=13, others=5, apart=3, colored=True, turned=False),
    Level(columns=7, rows=5, figures=35, fewest=14, most=16, others=5, apart=3, colored=True, turned=True),
)
_COLORS = ("blue", "orange", "green", "purple")
# Shares of a cell: distance of the squares of a shape, width of its pen, half the side of a place, half the outer and
# half the inner side of the frame, and space that the frame takes beside the board.
_UNIT, _WIDTH, _PLACE, _OUTSIDE, _INSIDE, _BESIDE = 0.18, 0.18, 0.47, 0.62, 0.54, 1.6
# Size of the sample relative to the shapes on the board.
_SAMPLE = 1.25


class Figure(Record):
    """A shape, its color and its cell (column, row).

    A shape is written row by row, three squares in each of three rows: `#` is a part of it, and `.` is not.
    """

    shape: str
    color: str
    cell: tuple[int, int]


class Puzzle(Record):
    """Shapes on a board of `columns` x `rows`, and the sample; it has no color if every color is of its kind."""

    columns: int
    rows: int
    figures: tuple[Figure, ...]
    shape: str
    color: str | None

    def wanted(self) -> list[int]:
        """Return the indices of the shapes of the sample's kind."""
        return [i for i, it in enumerate(self.figures) if it.shape == self.shape and self.color in (None, it.color)]


@register_task
class ShapeSearch(CellsTask[Puzzle]):
    """The places are the shapes, and the only look is a ring."""

    name = "shape_search"
    tags = ("perception", "geometry")
    puzzle_type = Puzzle
    reasons = {
        **CELL_REASONS,
        "wrong_place": "A shape that is not of the sample's kind gets a ring, or a shape changes.",
    }
    rubric = {
        "outcome": "Every shape of the same kind as the sample in the frame has a ring, and no other shape has one.",
        "process": "Rings are drawn one after another, in any order, and never round another shape.",
    }

    def generate(self, rng: random.Random, difficulty: int) -> Puzzle:
        level = LEVELS[difficulty]
        cells = [(x, y) for y in range(level.rows) for x in range(level.columns)]
        while True:
            shape, color = rng.choice(_shapes()), rng.choice(_COLORS) if level.colored else None
            others = _others(rng, shape, level)
            chosen = sorted(rng.sample(cells, level.figures), key=lambda cell: cell[::-1])
            wanted = rng.sample(chosen, rng.randint(level.fewest, level.most))
            if others is None or swept([cell[::-1] for cell in wanted]):
                continue
            kinds = _kinds(rng, level.figures - len(wanted), shape, color, others)
            figures = []
            for cell in chosen:
                kind = (shape, color or rng.choice(_COLORS)) if cell in wanted else kinds.pop()
                figures.append(Figure(shape=kind[0], color=kind[1], cell=cell))
            return Puzzle(columns=level.columns, rows=level.rows, figures=tuple(figures), shape=shape, color=color)

    def goal(self, puzzle: Puzzle) -> Looks:
        wanted = puzzle.wanted()
        return tuple(int(i in wanted) for i in range(len(puzzle.figures)))

    def steps(self, puzzle: Puzzle) -> list[str]:
        return [f"draw a ring round {self.place_in_words(puzzle, place)}" for place in puzzle.wanted()]

    def plan_text(self, puzzle: Puzzle) -> str:
        cells = (puzzle.figures[place].cell for place in puzzle.wanted())
        return f"ring the shapes in (row column) {', '.join(f'{y + 1} {x + 1}' for x, y in cells)}"

    def place_in_words(self, puzzle: Puzzle, place: int) -> str:
        it = puzzle.figures[place]
        return f"the {it.color} shape {cell_in_words(it.cell[::-1])}"

    def look_in_words(self, puzzle: Puzzle, look: int) -> str:
        return "ringed" if look else "without a ring"

    def phrasings(self, puzzle: Puzzle) -> Sequence[str]:
        kind = "the same shape as the sample, in any color"
        if puzzle.color:
            kind = "the same shape and the same color as the sample"
        return (
            f"A board of colored shapes, and a sample in a frame. A brown ring is drawn round every shape on the board "
            f"that has {kind}, one ring after another. A turned or mirrored shape is a different one. No other "
            "shape gets a ring, and the rings, the shapes and the sample stay. The camera is fixed.",
            f"Find all shapes that match the framed sample ({kind}; not turned, not mirrored) and put a brown ring "
            "around each of them, one at a time. Leave the others unmarked. Rings remain, and no shape moves or "
            "changes. Static camera.",
            f"Which shapes on the board are like the one in the frame? Circle every one that has {kind} and is "
            "turned the same way, one by one, with a brown ring that stays. All other shapes stay without a ring, the "
            "sample does not change, and the camera does not move.",
        )

    def cheats(self, puzzle: Puzzle) -> dict[str, list[Board]]:
        found, order, goal = super().cheats(puzzle), self.order(puzzle), self.goal(puzzle)
        rest = [place for place, look in enumerate(goal) if not look]
        # The most tempting mistake: the shape, but not the color, or else the most similar shape.
        other = max(rest, key=lambda place: -_differing(puzzle.figures[place].shape, puzzle.shape))
        wrong = changed(goal, {order[-1]: 0, other: 1})
        found["nearly_wrong_shape"] = self.filled(puzzle, [*order[:-1], other], wrong)
        found["all_others"] = self.filled(puzzle, rest, tuple(1 - look for look in goal))
        return found

    def sheet(self, puzzle: Puzzle, canvas: Size, downscale: float = 1) -> tuple[Sketch, list[Box]]:
        (width, height), columns, rows = canvas, puzzle.columns, puzzle.rows
        left_of, above = (
            min(width * 0.94 / (columns + across), height * 0.92 / (rows + down))
            for across, down in ((_BESIDE, 0.0), (0.0, _BESIDE))
        )
        # The frame is where it leaves more space for the board.
        cell = max(left_of, above)
        across, down = (_BESIDE, 0.0) if cell == left_of else (0.0, _BESIDE)
        left, top = (width - (columns + across) * cell) / 2, (height - (rows + down) * cell) / 2
        sketch = Sketch(canvas, downscale=downscale)
        middle = (left + _OUTSIDE * cell, height / 2) if across else (width / 2, top + _OUTSIDE * cell)
        for half, color in ((_OUTSIDE, GRAY), (_INSIDE, WHITE)):
            sketch.rectangle(square_box(middle, half * cell), color, radius=0.1 * cell)
        _draw_shape(sketch, puzzle.shape, middle, _SAMPLE * cell, HUES[puzzle.color] if puzzle.color else INK)
        boxes = []
        for it in puzzle.figures:
            center = left + (across + it.cell[0] + 0.5) * cell, top + (down + it.cell[1] + 0.5) * cell
            _draw_shape(sketch, it.shape, center, cell, HUES[it.color])
            boxes.append(square_box(center, _PLACE * cell))
        return sketch, boxes

    def draw_look(self, puzzle: Puzzle, sketch: Sketch, box: Box, look: int, size: float) -> None:
        draw_ring(sketch, box, size)


def _draw_shape(sketch: Sketch, shape: str, center: Point, cell: float, color: Color) -> None:
    """Draw a shape in the middle of a cell: a bar over each two squares that touch."""
    unit, half, parts = _UNIT * cell, _WIDTH / 2 * cell, _parts(shape)
    for (x, y), right, down in itertools.product(parts, (0, 1), (0, 1)):
        if right + down == 1 and (x + right, y + down) in parts:
            left, top = center[0] + (x - 1) * unit - half, center[1] + (y - 1) * unit - half
            ends = left + right * unit + 2 * half, top + down * unit + 2 * half
            sketch.rectangle((left, top, *ends), color, radius=0.5 * half)


def _parts(shape: str) -> list[tuple[int, int]]:
    """Return the squares (column, row) of a shape."""
    return [(i % 3, i // 3) for i, part in enumerate(shape) if part == "#"]


@lru_cache(maxsize=1)
def _shapes() -> tuple[str, ...]:
    """Return all shapes: five or six squares that hang together, reach every side, and leave no block of 2 x 2."""
    found = (format(bits, "09b").translate(str.maketrans("01", ".#")) for bits in range(512))
    return tuple(shape for shape in found if shape.count("#") in (5, 6) and _is_shape(_parts(shape)))


def _is_shape(parts: Sequence[tuple[int, int]]) -> bool:
    reached = {parts[0]}
    for _ in parts:
        reached |= {(x, y) for x, y in parts if any(abs(x - u) + abs(y - v) == 1 for u, v in reached)}
    blocks = any({(x, y), (x + 1, y), (x, y + 1), (x + 1, y + 1)} <= reached for x, y in parts)
    spans = all({part[axis] for part in parts} == {0, 1, 2} for axis in (0, 1))
    return len(reached) == len(parts) and spans and not blocks


def _turns(shape: str) -> set[str]:
    """Return the shapes that a shape becomes if it is turned or mirrored, without itself."""
    found, now = set[str](), shape
    for _ in range(4):
        now = "".join(now[3 * (2 - x) + y] for y in range(3) for x in range(3))
        found |= {now, "".join(now[3 * y + 2 - x] for y in range(3) for x in range(3))}
    return found - {shape}


def _differing(a: str, b: str) -> int:
    """Return the number of squares in which two shapes differ."""
    return sum(x != y for x, y in zip(a, b, strict=True))


def _others(rng: random.Random, shape: str, level: Level) -> list[str] | None:
    """Return other shapes for a board; None if there are too few that differ enough."""
    turns = _turns(shape)
    near = [it for it in turns if level.turned and _differing(it, shape) >= level.apart]
    far = [it for it in _shapes() if it != shape and it not in turns and _differing(it, shape) >= level.apart]
    # Sorted, because the order of a set differs from process to process.
    chosen = rng.sample(sorted(near), min(len(near), level.others - 2))
    if (level.turned and not chosen) or len(far) < level.others:
        return None
    return chosen + rng.sample(far, level.others - len(chosen))


def _kinds(
    rng: random.Random, count: int, shape: str, color: str | None, others: Sequence[str]
) -> list[tuple[str, str]]:
    """Return shapes and colors that are not of the sample's kind, each other shape at least once."""
    shapes = [*others, *rng.choices(others, k=count - len(others))]
    found = [(it, rng.choice(_COLORS)) for it in shapes]
    if color is not None:
        # A third has the shape in another color, and a third of the rest has the color.
        rest = [it for it in _COLORS if it != color]
        found[len(others) :] = [
            (shape, rng.choice(rest)) if i % 3 == 0 else (it, color) if i % 3 == 1 else (it, hue)
            for i, (it, hue) in enumerate(found[len(others) :])
        ]
    rng.shuffle(found)
    return found
