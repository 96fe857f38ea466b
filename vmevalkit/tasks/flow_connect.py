"""Flow connect: join each pair of equal discs by a line, until the lines fill the whole grid.

    1 . . 2        1-+ +-2        A video passes if one line after another grows along the cells from a disc to its
    . . . .        +-+ | +        partner, in the color of the pair, until all pairs are joined and every cell has a
    . 1 3 .        | 1 3 |        line, and if the finished drawing is held. Grid and discs must stay. Lines may be
    2 . . 3        2 . . 3        drawn in any order and from either end. A video fails if lines cross, leave a cell
                                  empty, grow two at a time or appear all at once.

Each puzzle has only one answer; a count of all answers confirms it. The plan length is the number of straight pieces.
With their colors, there are far more than 10,000 questions at every difficulty.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from vmevalkit.defaults import DEFAULT_CANVAS
from vmevalkit.tasks.base import register_task
from vmevalkit.tasks.toolkit.compass import counted
from vmevalkit.tasks.toolkit.draw import GRAY, HUES, INK, SKY, WHITE, YELLOW, Point, Sketch, digit
from vmevalkit.tasks.toolkit.grid import WORDS, around
from vmevalkit.tasks.toolkit.levels import levels
from vmevalkit.tasks.toolkit.strokes import STROKE_REASONS, Lines, Stroke, StrokesTask, swept
from vmevalkit.tasks.toolkit.sums import added
from vmevalkit.types import Record, Size

Cell = tuple[int, int]
Path = list[Cell]


class Level(NamedTuple):
    """Settings of one difficulty.

    Attributes:
        boards: (rows, columns, pairs) to choose from.
        fewest, most: range of straight pieces of all lines.
    """

    boards: tuple[tuple[int, int, int], ...]
    fewest: int
    most: int


LEVELS = levels(
    Level(boards=((3, 4, 3), (4, 3, 3), (3, 5, 3), (5, 3, 3)), fewest=5, most=6),
    Level(boards=((4, 4, 3), (4, 4, 4)), fewest=6, most=7),
    Level(boards=((4, 5, 4), (5, 4, 4), (5, 5, 5)), fewest=8, most=10),
    Level(boards=((5, 6, 5), (6, 5, 5)), fewest=11, most=13),
    Level(boards=((6, 6, 6),), fewest=14, most=20),
)
_COLORS = ("blue", "red", "green", "yellow", "purple", "sky blue", "brown")
# Radius of a disc and width of a line, in cells.
_DISC, _PEN = 0.35, 0.3
# How often a path may take over a neighbor's end cell when a board is made.
_EXCHANGES = 180


class Puzzle(Record):
    """A grid, and for each pair its color and the path of its line: cells (row, column) from one disc to the other."""

    rows: int
    columns: int
    colours: tuple[str, ...]
    ways: tuple[tuple[Cell, ...], ...]


@register_task
class FlowConnect(StrokesTask[Puzzle]):
    """One line for each pair. The state is how much of each is drawn."""

    name = "flow_connect"
    tags = ("planning", "logic")
    puzzle_type = Puzzle
    reasons = STROKE_REASONS
    rubric = {
        "outcome": (
            "Each pair of equal discs is joined by a line of their color, and every cell of the grid has a line."
        ),
        "process": "Lines grow along the cells one after another, from either end and in any order, and never cross.",
    }
    both_ways = True

    def generate(self, rng: random.Random, difficulty: int) -> Puzzle:
        level = LEVELS[difficulty]
        while True:
            rows, columns, pairs = rng.choice(level.boards)
            paths = _random_paths(rng, rows, columns, pairs)
            # Each path starts at its upper disc, or at the left one.
            corners = [_corners(min(path, path[::-1])) for path in paths]
            if not level.fewest <= sum(len(line) - 1 for line in corners) <= level.most:
                continue
            if any(_touches_itself(path) for path in paths) or swept(corners, both_ways=True):
                continue
            rng.shuffle(paths)
            if count_solutions(rows, columns, [(path[0], path[-1]) for path in paths]) == 1:
                return Puzzle(rows=rows, columns=columns, colours=tuple(rng.sample(_COLORS, pairs)),
                              ways=tuple(tuple(min(path, path[::-1])) for path in paths))  # fmt: skip

    def _pieces(self, puzzle: Puzzle) -> list[list[str]]:
        """Return the straight pieces of each line in words."""
        pieces = []
        for path in puzzle.ways:
            moves = [WORDS[b[0] - a[0], b[1] - a[1]] for a, b in itertools.pairwise(path)]
            pieces.append(counted(moves))
        return pieces

    def steps(self, puzzle: Puzzle) -> list[str]:
        lines = zip(puzzle.colours, self._pieces(puzzle), strict=True)
        return [f"draw the {color} line {piece}" for color, pieces in lines for piece in pieces]

    def plan_text(self, puzzle: Puzzle) -> str:
        lines = []
        for color, path, pieces in zip(puzzle.colours, puzzle.ways, self._pieces(puzzle), strict=True):
            side = "left" if path[0][0] == path[-1][0] else "upper"
            lines.append(f"{color} from the {side} disc {', '.join(pieces)}")
        return "; ".join(lines)

    def line_in_words(self, puzzle: Puzzle, line: int) -> str:
        return f"the {puzzle.colours[line]} line"

    def phrasings(self, puzzle: Puzzle) -> Sequence[str]:
        return (
            "A grid with pairs of coloured, numbered discs. Join the two discs of each pair with a thick line of their "
            "colour that runs through the centres of cells, across and down only. Lines never cross or share a cell, "
            "and in the end every cell is filled. One line after another is drawn; the discs stay. The camera "
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
        return _PEN * _layout(puzzle, canvas)[2]

    def paced(self, puzzle: Puzzle, states: Sequence[Lines]) -> Sequence[Lines]:
        """Return one state for each cell instead of one for each straight piece, so that the pace is even."""
        cells = [len(path) - 1 for path in puzzle.ways]
        paced = list(states[:1])
        for a, b in itertools.pairwise(states):
            grown = (abs(sum(y) - sum(x)) * n for x, y, n in zip(a.drawn, b.drawn, cells, strict=True))
            count = max(1, round(added(grown)))
            paced += [self.between(puzzle, a, b, i / count) for i in range(1, count)] + [b]
        return paced

    def cheats(self, puzzle: Puzzle) -> dict[str, list[Lines]]:
        strokes, none, full = self.strokes(puzzle, DEFAULT_CANVAS), (0.0, 0.0), (1.0, 0.0)
        # All lines but the first, and then a line from its disc to one of the second pair.
        count = len(strokes)
        others = [Lines(tuple(full if 0 < i <= n else none for i in range(count))) for n in range(count)]
        width, height = DEFAULT_CANVAS
        wrong_line = tuple((x / width, y / height) for x, y in (strokes[0].points[0], strokes[1].points[-1]))
        return {
            **super().cheats(puzzle),
            "nearly_one_line_missing": others,
            "nearly_wrong_partner": [*others, others[-1]._replace(elsewhere=wrong_line)],
        }

    def sheet(self, puzzle: Puzzle, canvas: Size, downscale: float = 1) -> Sketch:
        left, top, cell = _layout(puzzle, canvas)
        right, bottom = left + cell * puzzle.columns, top + cell * puzzle.rows
        thin, thick = max(min(canvas) / 120, cell * 0.06), min(canvas) / 36
        sketch = Sketch(canvas, downscale=downscale)
        sketch.rectangle((left - thick, top - thick, right + thick, bottom + thick), INK, radius=1.5 * thick)
        sketch.rectangle((left, top, right, bottom), GRAY, radius=0.7 * thick)
        for row in range(puzzle.rows):
            for column in range(puzzle.columns):
                x, y, half = left + column * cell, top + row * cell, thin / 2
                sketch.rectangle((x + half, y + half, x + cell - half, y + cell - half), WHITE, radius=0.08 * cell)
        return sketch

    def draw_above(self, puzzle: Puzzle, sketch: Sketch, canvas: Size) -> None:
        cell = _layout(puzzle, canvas)[2]
        for number, stroke in enumerate(self.strokes(puzzle, canvas), 1):
            for end in (stroke.points[0], stroke.points[-1]):
                sketch.circle(end, _DISC * cell, stroke.color)
                digit(sketch, number, end, 1.15 * _DISC * cell, INK if stroke.color in (YELLOW, SKY) else WHITE)


def _layout(puzzle: Puzzle, canvas: Size) -> tuple[float, float, float]:
    """Return left and top of the grid and the size of a cell, in pixels of the canvas."""
    cell = min(canvas[0] * 0.83 / puzzle.columns, canvas[1] * 0.83 / puzzle.rows)
    return (canvas[0] - cell * puzzle.columns) / 2, (canvas[1] - cell * puzzle.rows) / 2, cell


@lru_cache(maxsize=8)
def _strokes(puzzle: Puzzle, canvas: Size) -> list[Stroke]:
    left, top, cell = _layout(puzzle, canvas)
    found = []
    for color, path in zip(puzzle.colours, puzzle.ways, strict=True):
        points = tuple((left + (column + 0.5) * cell, top + (row + 0.5) * cell) for column, row in _corners(path))
        found.append(Stroke(points, HUES[color]))
    return found


def _corners(path: Sequence[Cell]) -> list[Point]:
    """Return the ends and corners of a path, as (column, row)."""
    # A cell is a corner if it is not half-way between its neighbors.
    inner = [
        b
        for a, b, c in zip(path, path[1:], path[2:], strict=False)
        if a[0] + c[0] != 2 * b[0] or a[1] + c[1] != 2 * b[1]
    ]
    return [(float(column), float(row)) for row, column in (path[0], *inner, path[-1])]


def _touches_itself(path: Path) -> bool:
    """Return whether cells of a path are neighbors that do not follow each other."""
    # Such a path could be shorter. A board with one rarely has a unique answer, so it is rejected before the count.
    cells = set(path)
    return sum(near in cells for cell in path for near in around(cell)) > 2 * len(path) - 2


def _random_paths(rng: random.Random, rows: int, columns: int, count: int) -> list[Path]:
    """Cut a grid into paths: a meander in equal pieces, whose ends then grow into neighboring paths."""
    upright = rng.random() < 0.5
    outer, inner = (columns, rows) if upright else (rows, columns)
    meander = [(i, j if i % 2 == 0 else inner - 1 - j) for i in range(outer) for j in range(inner)]
    if upright:
        meander = [(row, column) for column, row in meander]
    cuts = [len(meander) * i // count for i in range(count + 1)]
    paths = [meander[a:b] for a, b in itertools.pairwise(cuts)]
    owner = {cell: i for i, path in enumerate(paths) for cell in path}
    neighbors = {cell: [other for other in around(cell) if other in owner] for cell in owner}
    for _ in range(_EXCHANGES):
        i, last = rng.randrange(count), rng.random() < 0.5
        cell = rng.choice(neighbors[paths[i][-last]])
        giver = paths[owner[cell]]
        # The giver keeps at least three cells, and the taker does not touch itself.
        if len(giver) < 4 or cell not in (giver[0], giver[-1]) or sum(owner[c] == i for c in neighbors[cell]) > 1:
            continue
        giver.remove(cell)
        paths[i].insert(len(paths[i]) if last else 0, cell)
        owner[cell] = i
    return paths


def count_solutions(rows: int, columns: int, ends: Sequence[tuple[Cell, Cell]]) -> int:
    """Count the ways to join pairs of cells by lines that use every cell.

    Goes through the grid cell by cell and counts the partial answers by the lines that cross the frontier between the
    cells so far and the rest. A frontier has one entry for each of its sides: the number of a pair (from 1), a negative
    number for a line that has no disc yet, or 0 if no line crosses.
    """
    discs = {cell: number for number, pair in enumerate(ends, 1) for cell in pair}
    counts: dict[tuple[int, ...], int] = {(0,) * (columns + 1): 1}
    for row, column in itertools.product(range(rows), range(columns)):
        disc = discs.get((row, column), 0)
        right, down = column < columns - 1, row < rows - 1
        new_line = -(row * columns + column) - 1
        extended: dict[tuple[int, ...], int] = {}
        for frontier, count in counts.items():
            # Lines that enter the cell from the left and from above, and its disc.
            lines = [line for line in (*frontier[column : column + 2], disc) if line]
            if not lines:
                exits = [(new_line, new_line)] * (right and down)
            elif len(lines) == 1:
                exits = [(lines[0], 0)] * down + [(0, lines[0])] * right
            else:
                one, other = max(lines), min(lines)
                # Three lines, a ring, or the lines of two pairs.
                if len(lines) == 3 or one == other < 0 or one != other > 0:
                    continue
                exits = [(0, 0)]
                if other < 0:
                    frontier = tuple(one if line == other else line for line in frontier)
            for below, beside in exits:
                new = (*frontier[:column], below, beside, *frontier[column + 2 :])
                # At the end of a row, the side to the right of its last cell becomes the left side of the next row.
                new = new if right else (0, *new[:-1])
                extended[new] = extended.get(new, 0) + count
        counts = extended
    return sum(counts.values())
