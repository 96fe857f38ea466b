"""Flow connect: join each pair of equal discs by a line, until the lines fill the whole grid.

    1 . . 2        1-+ +-2        A video passes when one line after another grows along the cells from a disc to its
    . . . .        +-+ | +        partner, in the color of the two, until all pairs are joined and every cell has a
    . 1 3 .        | 1 3 |        line; the finished picture is held, while grid and discs stay. Lines may be drawn in
    2 . . 3        2 . . 3        any order and from either end. Lines that cross, leave a cell empty, come two at a
                                  time or all at once do not pass.

There is one way to join them, which is confirmed by counting. The plan length is the number of straight pieces. With
their colors, there are far more than 10,000 questions at every difficulty.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from vmevalkit.defaults import DEFAULT_CANVAS
from vmevalkit.media import Frame
from vmevalkit.tasks.base import FRAMES, register_task
from vmevalkit.tasks.toolkit.draw import GRAY, HUES, INK, SKY, WHITE, YELLOW, Point, Sketch, digit
from vmevalkit.tasks.toolkit.strokes import STROKE_REASONS, Lines, Stroke, StrokesTask, swept
from vmevalkit.types import Record, Size

Cell = tuple[int, int]
Way = list[Cell]


class _Level(NamedTuple):
    """What a difficulty asks for: (rows, columns, pairs) to choose from, and fewest and most straight pieces."""

    boards: tuple[tuple[int, int, int], ...]
    fewest: int
    most: int


_LEVELS = {
    1: _Level(((3, 4, 3), (4, 3, 3), (3, 5, 3), (5, 3, 3)), 5, 6),
    2: _Level(((4, 4, 3), (4, 4, 4)), 6, 7),
    3: _Level(((4, 5, 4), (5, 4, 4), (5, 5, 5)), 8, 10),
    4: _Level(((5, 6, 5), (6, 5, 5)), 11, 13),
    5: _Level(((6, 6, 6),), 14, 20),
}
_COLORS = ("blue", "red", "green", "yellow", "purple", "sky blue", "brown")
_WORDS = {(0, 1): "right", (0, -1): "left", (1, 0): "down", (-1, 0): "up"}
# Radius of a disc and width of a line, in cells.
_DISC, _PEN = 0.35, 0.3
# How often the ways exchange a cell when a board is made.
_EXCHANGES = 180


class Puzzle(Record):
    """A grid, and the color and the way of each pair's line: cells (row, column) from one disc to the other."""

    rows: int
    columns: int
    colours: tuple[str, ...]
    ways: tuple[tuple[Cell, ...], ...]


@register_task
class FlowConnect(StrokesTask[Puzzle]):
    """One line for each pair; the state is how much of each is drawn."""

    name = "flow_connect"
    puzzle_type = Puzzle
    reasons = STROKE_REASONS
    rubric = {
        "outcome": (
            "Each pair of equal discs is joined by a line of their colour, and every cell of the grid has a line."
        ),
        "process": "Lines grow along the cells one after another, from either end and in any order, and never cross.",
    }
    both_ways = True

    def generate(self, rng: random.Random, difficulty: int) -> Puzzle:
        level = _LEVELS[difficulty]
        while True:
            rows, columns, pairs = rng.choice(level.boards)
            ways = _ways(rng, rows, columns, pairs)
            # The upper disc first, or the left one.
            bends = [_bends(min(way, way[::-1])) for way in ways]
            if not level.fewest <= sum(len(bend) - 1 for bend in bends) <= level.most:
                continue
            if any(_touches(way) for way in ways) or swept(bends, both_ways=True):
                continue
            rng.shuffle(ways)
            if _count(rows, columns, [(way[0], way[-1]) for way in ways]) == 1:
                return Puzzle(rows=rows, columns=columns, colours=tuple(rng.sample(_COLORS, pairs)),
                              ways=tuple(tuple(min(way, way[::-1])) for way in ways))  # fmt: skip

    def _runs(self, puzzle: Puzzle) -> list[list[str]]:
        """The straight pieces of each line in words."""
        found = []
        for way in puzzle.ways:
            moves = [_WORDS[b[0] - a[0], b[1] - a[1]] for a, b in itertools.pairwise(way)]
            found.append([f"{len(list(run))} {word}" for word, run in itertools.groupby(moves)])
        return found

    def steps(self, puzzle: Puzzle) -> list[str]:
        return [f"draw the {color} line {run}"
                for color, runs in zip(puzzle.colours, self._runs(puzzle), strict=True) for run in runs]  # fmt: skip

    def plan_text(self, puzzle: Puzzle) -> str:
        lines = []
        for color, way, runs in zip(puzzle.colours, puzzle.ways, self._runs(puzzle), strict=True):
            side = "left" if way[0][0] == way[-1][0] else "upper"
            lines.append(f"{color} from the {side} disc {', '.join(runs)}")
        return "; ".join(lines)

    def phrasings(self, puzzle: Puzzle) -> Sequence[str]:
        return (
            "A grid with pairs of coloured, numbered discs. Join the two discs of each pair with a thick line of their "
            "colour that runs through the centres of cells, across and down only. Lines never cross or share a cell, "
            "and in the end every cell is filled. One line after another is drawn; nothing else changes. The camera "
            "is fixed.",
            "Connect equal numbers: from a disc, a line in its colour grows from cell to neighbouring cell until it "
            "reaches the other disc of that number, then the next pair follows. All cells of the grid must be used, "
            "no two lines may touch the same cell, and no line is erased. Discs and grid stay. Static camera.",
            "Solve this flow puzzle. Each pair of equal discs is linked by one continuous line of the same colour, "
            "one pair at a time, without diagonals and without crossings, so that the lines cover the whole grid. "
            "The discs do not move and the camera does not move.",
        )

    def strokes(self, puzzle: Puzzle, canvas: Size) -> list[Stroke]:
        return _strokes(puzzle, canvas)

    def pen(self, puzzle: Puzzle, canvas: Size) -> float:
        return _PEN * _place(puzzle, canvas)[2]

    def render(
        self,
        puzzle: Puzzle,
        states: Sequence[Lines],
        canvas: Size = DEFAULT_CANVAS,
        frames: int = FRAMES,
        object_scale: float = 1,
    ) -> Iterator[Frame]:
        # The pen keeps its pace: a state for each cell, not for each straight piece.
        cells = [len(way) - 1 for way in puzzle.ways]
        paced = list(states[:1])
        for a, b in itertools.pairwise(states):
            grown = (abs(sum(y) - sum(x)) * n for x, y, n in zip(a.drawn, b.drawn, cells, strict=True))
            count = max(1, round(sum(grown)))
            paced += [self.between(puzzle, a, b, i / count) for i in range(1, count)] + [b]
        return super().render(puzzle, paced, canvas, frames, object_scale)

    def cheats(self, puzzle: Puzzle) -> dict[str, list[Lines]]:
        strokes, full = self.strokes(puzzle, (720, 480)), (1.0, 0.0)
        # Only the first line is missing, or it goes to the next line's disc.
        count = len(strokes)
        others = [Lines(tuple(full if 0 < i <= n else (0.0, 0.0) for i in range(count))) for n in range(count)]
        ends = (strokes[0].points[0], strokes[1].points[-1])
        astray = tuple((x / 720, y / 480) for x, y in ends)
        return {
            **super().cheats(puzzle),
            "nearly_one_line_missing": others,
            "nearly_wrong_partner": [*others, others[-1]._replace(elsewhere=astray)],
        }

    def sheet(self, puzzle: Puzzle, canvas: Size, downscale: float = 1) -> Sketch:
        left, top, cell = _place(puzzle, canvas)
        right, bottom = left + cell * puzzle.columns, top + cell * puzzle.rows
        thin = max(min(canvas) / 120, cell * 0.06)
        sketch = Sketch(canvas, downscale=downscale)
        thick = min(canvas) / 36
        sketch.rectangle((left - thick, top - thick, right + thick, bottom + thick), INK, radius=1.5 * thick)
        sketch.rectangle((left, top, right, bottom), GRAY, radius=0.7 * thick)
        for row in range(puzzle.rows):
            for column in range(puzzle.columns):
                x, y, half = left + column * cell, top + row * cell, thin / 2
                sketch.rectangle((x + half, y + half, x + cell - half, y + cell - half), WHITE, radius=0.08 * cell)
        return sketch

    def draw_above(self, puzzle: Puzzle, sketch: Sketch, canvas: Size) -> None:
        cell = _place(puzzle, canvas)[2]
        for number, stroke in enumerate(self.strokes(puzzle, canvas), 1):
            for end in (stroke.points[0], stroke.points[-1]):
                sketch.circle(end, _DISC * cell, stroke.color)
                digit(sketch, number, end, 1.15 * _DISC * cell, INK if stroke.color in (YELLOW, SKY) else WHITE)


def _place(puzzle: Puzzle, canvas: Size) -> tuple[float, float, float]:
    """Left and top of the grid and size of a cell."""
    cell = min(canvas[0] * 0.83 / puzzle.columns, canvas[1] * 0.83 / puzzle.rows)
    return (canvas[0] - cell * puzzle.columns) / 2, (canvas[1] - cell * puzzle.rows) / 2, cell


@lru_cache(maxsize=8)
def _strokes(puzzle: Puzzle, canvas: Size) -> list[Stroke]:
    left, top, cell = _place(puzzle, canvas)
    found = []
    for color, way in zip(puzzle.colours, puzzle.ways, strict=True):
        points = tuple((left + (column + 0.5) * cell, top + (row + 0.5) * cell) for column, row in _bends(way))
        found.append(Stroke(points, HUES[color]))
    return found


def _bends(way: Sequence[Cell]) -> list[Point]:
    """The ends and corners of a way, as (column, row)."""
    # A corner is not half-way between its neighbors.
    inner = [
        b for a, b, c in zip(way, way[1:], way[2:], strict=False) if a[0] + c[0] != 2 * b[0] or a[1] + c[1] != 2 * b[1]
    ]
    return [(float(column), float(row)) for row, column in (way[0], *inner, way[-1])]


def _beside(cell: Cell) -> list[Cell]:
    return [(cell[0] + down, cell[1] + right) for down, right in _WORDS]


def _touches(way: Way) -> bool:
    """Whether a way runs along itself, so that it could be shorter: rarely is such a board's answer unique."""
    own = set(way)
    return sum(near in own for cell in way for near in _beside(cell)) > 2 * len(way) - 2


def _ways(rng: random.Random, rows: int, columns: int, count: int) -> list[Way]:
    """A grid cut into ways: a meander in equal pieces, then ends are exchanged between neighboring ways."""
    upright = rng.random() < 0.5
    far, wide = (columns, rows) if upright else (rows, columns)
    meander = [(i, j if i % 2 == 0 else wide - 1 - j) for i in range(far) for j in range(wide)]
    if upright:
        meander = [(row, column) for column, row in meander]
    cuts = [len(meander) * i // count for i in range(count + 1)]
    ways = [meander[a:b] for a, b in itertools.pairwise(cuts)]
    owner = {cell: i for i, way in enumerate(ways) for cell in way}
    near = {cell: [other for other in _beside(cell) if other in owner] for cell in owner}
    for _ in range(_EXCHANGES):
        i, last = rng.randrange(count), rng.random() < 0.5
        cell = rng.choice(near[ways[i][-last]])
        giver = ways[owner[cell]]
        # Three cells at least, and no way may run along itself more than it does.
        if len(giver) < 4 or cell not in (giver[0], giver[-1]) or sum(owner[c] == i for c in near[cell]) > 1:
            continue
        giver.remove(cell)
        ways[i].insert(len(ways[i]) if last else 0, cell)
        owner[cell] = i
    return ways


def _count(rows: int, columns: int, ends: Sequence[tuple[Cell, Cell]]) -> int:
    """In how many ways the pairs can be joined so that every cell is used.

    Cell by cell, for every way in which lines may leave the cells so far: `edge` holds the line that crosses each place
    of the border between these and the rest. A line is a pair's number (from 1), negative while it has no disc yet.
    """
    given = {cell: number for number, pair in enumerate(ends, 1) for cell in pair}
    edges: dict[tuple[int, ...], int] = {(0,) * (columns + 1): 1}
    for row, column in itertools.product(range(rows), range(columns)):
        disc = given.get((row, column), 0)
        right, down = column < columns - 1, row < rows - 1
        fresh = -(row * columns + column) - 1
        after: dict[tuple[int, ...], int] = {}
        for edge, count in edges.items():
            # What comes from the left, from above, and from a disc.
            lines = [line for line in (*edge[column : column + 2], disc) if line]
            if not lines:
                leaving = [(fresh, fresh)] * (right and down)
            elif len(lines) == 1:
                leaving = [(lines[0], 0)] * down + [(0, lines[0])] * right
            else:
                one, other = max(lines), min(lines)
                # Three lines, a ring, or two pairs' lines.
                if len(lines) == 3 or one == other < 0 or one != other > 0:
                    continue
                leaving = [(0, 0)]
                if other < 0:
                    edge = tuple(one if line == other else line for line in edge)
            for below, beside in leaving:
                new = (*edge[:column], below, beside, *edge[column + 2 :])
                # At the end of a row, the place to its right becomes that to the left of the next row.
                new = new if right else (0, *new[:-1])
                after[new] = after.get(new, 0) + count
        edges = after
    return sum(edges.values())
