"""Paper fold: punch the holes where they will be when the folded sheet is unfolded.

    +-------+      +---+          The small images show how a sheet is folded and where the folded sheet is punched. A
    | <-    |  >   | o |    >     video passes if all holes of the unfolded sheet appear in the large sheet, one after
    |       |      |   |          another and in any order, and if the finished sheet is held. A hole goes through all
    +-------+      +---+          layers, so it is mirrored in each fold. No other cell may get a hole, not even for a
                                  moment, and the small images must stay.

Folds are along lines of the grid, from any side, and may be narrow, so that parts of the sheet have one layer. The plan
length is the number of holes in the large sheet. There are more than 10,000 questions at every difficulty.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from vmevalkit.tasks.base import register_task
from vmevalkit.tasks.toolkit.cells import CELL_REASONS, Board, CellsTask, Looks, middle_of, swept
from vmevalkit.tasks.toolkit.draw import BLUE, GRAY, INK, SAND, UMBER, Box, Color, Point, Sketch, arrow, mix
from vmevalkit.tasks.toolkit.levels import levels
from vmevalkit.types import Record, Size

Cell = tuple[int, int]
# First row, first column, and the row and column after the last.
Area = tuple[int, int, int, int]
Edge = Literal["top", "left", "bottom", "right"]


class Level(NamedTuple):
    """Settings of one difficulty.

    Attributes:
        sides: possible sides of the sheet in cells.
        folds: possible numbers of folds.
        punches: possible numbers of punches.
        fewest, most: range of the number of holes.
    """

    sides: tuple[int, ...]
    folds: tuple[int, ...]
    punches: tuple[int, ...]
    fewest: int
    most: int


LEVELS = levels(
    Level(sides=(6, 7, 8), folds=(1,), punches=(2, 3, 4), fewest=4, most=5),
    Level(sides=(6, 7), folds=(1, 2), punches=(2, 3, 4), fewest=6, most=7),
    Level(sides=(6,), folds=(2,), punches=(3, 4), fewest=8, most=11),
    Level(sides=(6,), folds=(2, 3), punches=(3, 4, 5), fewest=12, most=15),
    Level(sides=(6,), folds=(3,), punches=(4, 5, 6), fewest=16, most=20),
)
_EDGES: tuple[Edge, ...] = ("top", "left", "bottom", "right")
# The way of a fold, as (across, down).
_WAYS: dict[Edge, Point] = {"top": (0, 1), "left": (1, 0), "bottom": (0, -1), "right": (-1, 0)}
_FLAP = mix(SAND, UMBER, 0.55)
# Radius of a hole in cells.
_HOLE = 0.32


class Fold(Record):
    """A flap, `width` rows or columns at an edge of the sheet as it is then, is folded over."""

    edge: Edge
    width: int


class Puzzle(Record):
    """A square sheet of `side` x `side` cells, how it is folded, and the cells of the folded sheet that are punched.

    A cell (row, column) of the folded sheet has the name of the cell of the unfolded sheet that has not moved.
    """

    side: int
    folds: tuple[Fold, ...]
    punches: tuple[Cell, ...]

    def areas(self) -> list[Area]:
        """Return what the sheet covers at the start and after each fold."""
        found: list[Area] = [(0, 0, self.side, self.side)]
        for fold in self.folds:
            area, i = list(found[-1]), _EDGES.index(fold.edge)
            area[i] += fold.width if i < 2 else -fold.width
            found.append((area[0], area[1], area[2], area[3]))
        return found

    def layers(self, mirrored: bool = True) -> dict[Cell, list[Cell]]:
        """Return the cells of the unfolded sheet that lie on each other, by the cell of the folded sheet.

        If not `mirrored`, flaps are shifted instead of folded, as in a common mistake.
        """
        sheet: dict[Cell, list[Cell]] = {(r, c): [(r, c)] for r in range(self.side) for c in range(self.side)}
        for fold, area in zip(self.folds, self.areas()[1:], strict=True):
            for cell in [cell for cell in sheet if not _inside(cell, area)]:
                sheet[_moved(cell, fold, area, mirrored)] += sheet.pop(cell)
        return sheet

    def holes(self, mirrored: bool = True) -> set[Cell]:
        """Return the cells of the unfolded sheet that have a hole."""
        sheet = self.layers(mirrored)
        return {cell for punch in self.punches for cell in sheet[punch]}


@register_task
class PaperFold(CellsTask[Puzzle]):
    """The places are the cells of the large sheet, and the only look is a hole."""

    name = "paper_fold"
    tags = ("geometry", "planning")
    puzzle_type = Puzzle
    reasons = {**CELL_REASONS, "wrong_place": "A hole appears where none will be, or something else changes."}
    rubric = {
        "outcome": "The large sheet has exactly the holes that the punched sheet has when it is unfolded.",
        "process": "Holes appear one after another, in any order, and never in a cell that has no hole in the end.",
    }

    def generate(self, rng: random.Random, difficulty: int) -> Puzzle:
        level = LEVELS[difficulty]
        while True:
            side = rng.choice(level.sides)
            puzzle = Puzzle(side=side, folds=tuple(_random_folds(rng, side, rng.choice(level.folds))), punches=())
            sheet = puzzle.layers()
            punches = rng.sample(sorted(sheet), min(len(sheet), rng.choice(level.punches)))
            puzzle = puzzle.model_copy(update={"punches": tuple(sorted(punches))})
            holes = puzzle.holes()
            # Each fold must matter, so a hole lies in each flap.
            matters = all(any(_inside(cell, flap) for cell in holes) for flap in _flaps(puzzle))
            if matters and level.fewest <= len(holes) <= level.most and not swept(list(holes)):
                return puzzle

    def start(self, puzzle: Puzzle) -> Looks:
        return (0,) * puzzle.side**2

    def goal(self, puzzle: Puzzle) -> Looks:
        return _looks(puzzle, puzzle.holes())

    def looks(self, puzzle: Puzzle) -> int:
        return 2

    def steps(self, puzzle: Puzzle) -> list[str]:
        cells = (divmod(place, puzzle.side) for place in self.order(puzzle))
        return [f"punch row {row + 1}, column {column + 1}" for row, column in cells]

    def plan_text(self, puzzle: Puzzle) -> str:
        cells = (divmod(place, puzzle.side) for place in self.order(puzzle))
        return "holes at (row column) " + ", ".join(f"{row + 1} {column + 1}" for row, column in cells)

    def phrasings(self, puzzle: Puzzle) -> Sequence[str]:
        return (
            "The small images on the left show, in order, how a square sheet of paper is folded and where the folded "
            "sheet is punched. On the large sheet, the same paper unfolded, the dark round holes appear one after "
            "another, exactly where they will be: each hole goes through all layers. The small images stay as they "
            "are. The camera is fixed.",
            "Paper folding: the dark part of the sheet is folded along its edge in the direction of the arrow, then "
            "the folded sheet gets holes. Where are the holes after unfolding? Draw them into the large sheet as dark "
            "discs, one at a time, mirrored in every fold, and put none in a wrong cell. The small images do not "
            "change. Static camera.",
            "A sheet is folded step by step and punched, as the small images show. Dark holes appear one by one in "
            "the cells of the large unfolded sheet until it has every hole that goes through its layers, and no "
            "other. The images on the left stay, and the camera does not move.",
        )

    def cheats(self, puzzle: Puzzle) -> dict[str, list[Board]]:
        found, goal, order = super().cheats(puzzle), self.goal(puzzle), self.order(puzzle)
        wrong = {
            "nearly_punches_only": {*puzzle.punches},
            "nearly_shifted_instead_of_mirrored": puzzle.holes(mirrored=False),
            "nearly_last_fold_forgotten": puzzle.model_copy(
                update={"folds": puzzle.folds[:-1], "punches": puzzle.punches}
            ).holes(),
        }
        for name, holes in wrong.items():
            looks = _looks(puzzle, holes)
            if looks != goal:
                found[name] = self.filled(puzzle, [place for place, look in enumerate(looks) if look], looks)
        # The right number of holes, but the last one lies beside its place.
        beside = min((place for place, look in enumerate(goal) if not look), key=lambda place: abs(place - order[-1]))
        wrong_one = tuple(int(place == beside or (look == 1 and place != order[-1])) for place, look in enumerate(goal))
        found["nearly_one_beside"] = self.filled(puzzle, [*order[:-1], beside], wrong_one)
        return found

    def sheet(self, puzzle: Puzzle, canvas: Size, downscale: float = 1) -> tuple[Sketch, list[Box]]:
        # All sizes are shares of the height of an image that is 1.5 times as wide as high.
        unit = min(canvas[1], canvas[0] / 1.5)
        left, top = (canvas[0] - 1.5 * unit) / 2, (canvas[1] - unit) / 2
        sketch = Sketch(canvas, downscale=downscale)
        areas, count = puzzle.areas(), len(puzzle.folds) + 1
        size, across, down = (0.37, 0.0, 0.46) if count == 2 else (0.26, 0.32, 0.4)
        for i, area in enumerate(areas):
            column, row = (0, i) if count == 2 else (i % 2, i // 2)
            x = left + (0.07 + (0.1 if count == 2 else 0.0) + column * across) * unit
            y = top + (0.5 - (size + down) / 2 + row * down) * unit
            cell = size * unit / puzzle.side
            # The outline of the unfolded sheet.
            sketch.line(_corners((0, 0, puzzle.side, puzzle.side), (x, y), cell), 0.007 * unit, GRAY)
            _draw_paper(sketch, area, (x, y), cell)
            if i < len(puzzle.folds):
                _draw_flap(sketch, puzzle, i, (x, y), cell)
            else:
                for punch in puzzle.punches:
                    center = x + (punch[1] + 0.5) * cell, y + (punch[0] + 0.5) * cell
                    sketch.circle(center, _HOLE * cell, INK)
        cell = 0.74 * unit / puzzle.side
        corner = left + 0.72 * unit, top + 0.13 * unit
        _draw_paper(sketch, areas[0], corner, cell)
        boxes = []
        for row, column in itertools.product(range(puzzle.side), repeat=2):
            x, y = corner[0] + column * cell, corner[1] + row * cell
            margin = 0.1 * cell
            boxes.append((x + margin, y + margin, x + cell - margin, y + cell - margin))
        return sketch, boxes

    def draw_look(self, puzzle: Puzzle, sketch: Sketch, box: Box, look: int, size: float) -> None:
        x, y, half = middle_of(box)
        sketch.circle((x, y), _HOLE / 0.4 * half * size, INK)


def _inside(cell: Cell, area: Area) -> bool:
    return area[0] <= cell[0] < area[2] and area[1] <= cell[1] < area[3]


def _moved(cell: Cell, fold: Fold, area: Area, mirrored: bool) -> Cell:
    """Return where a cell of a flap comes to lie; `area` is the sheet after the fold."""
    line, axis = area[_EDGES.index(fold.edge)], _EDGES.index(fold.edge) % 2
    shift = fold.width if fold.edge in ("top", "left") else -fold.width
    place = list(cell)
    place[axis] = 2 * line - 1 - cell[axis] if mirrored else cell[axis] + shift
    return place[0], place[1]


def _flaps(puzzle: Puzzle) -> list[Area]:
    """Return what the flap of each fold covers before it is folded."""
    found = []
    for fold, area in zip(puzzle.folds, puzzle.areas(), strict=False):
        i, flap = _EDGES.index(fold.edge), list(area)
        flap[(i + 2) % 4] = area[i] + (fold.width if i < 2 else -fold.width)
        found.append((flap[0], flap[1], flap[2], flap[3]))
    return found


def _random_folds(rng: random.Random, side: int, count: int) -> Iterator[Fold]:
    """Yield folds whose flaps are at most half as wide as the sheet."""
    extent = {"top": side, "left": side}
    for _ in range(count):
        edge = rng.choice(_EDGES)
        along = "top" if edge in ("top", "bottom") else "left"
        width = rng.randint(1, extent[along] // 2)
        extent[along] -= width
        yield Fold(edge=edge, width=width)


def _looks(puzzle: Puzzle, holes: set[Cell]) -> Looks:
    return tuple(int(divmod(place, puzzle.side) in holes) for place in range(puzzle.side**2))


def _corners(area: Area, corner: Point, cell: float) -> list[Point]:
    """Return the outline of an area, as a closed line."""
    top, left, bottom, right = area
    turns = ((left, top), (right, top), (right, bottom), (left, bottom), (left, top))
    return [(corner[0] + x * cell, corner[1] + y * cell) for x, y in turns]


def _draw_paper(sketch: Sketch, area: Area, corner: Point, cell: float, color: Color = SAND) -> None:
    """Draw a part of the sheet with the lines of its cells; `corner` is the upper left of the unfolded sheet."""
    top, left, bottom, right = area
    x, y = corner
    sketch.rectangle((x + left * cell, y + top * cell, x + right * cell, y + bottom * cell), color)
    for row in range(top, bottom + 1):
        sketch.line(
            [(x + left * cell, y + row * cell), (x + right * cell, y + row * cell)], 0.07 * cell, mix(color, INK, 0.22)
        )
    for column in range(left, right + 1):
        sketch.line(
            [(x + column * cell, y + top * cell), (x + column * cell, y + bottom * cell)],
            0.07 * cell,
            mix(color, INK, 0.22),
        )


def _draw_flap(sketch: Sketch, puzzle: Puzzle, number: int, corner: Point, cell: float) -> None:
    """Draw the flap of a fold, the line along which it is folded, and the way."""
    fold, flap = puzzle.folds[number], _flaps(puzzle)[number]
    _draw_paper(sketch, flap, corner, cell, _FLAP)
    top, left, bottom, right = flap
    x, y = corner
    across, down = _WAYS[fold.edge]
    # The line lies at the end of the flap in the way of the fold.
    ends = {"top": ((left, bottom), (right, bottom)), "left": ((right, top), (right, bottom)),
            "bottom": ((left, top), (right, top)), "right": ((left, top), (left, bottom))}[fold.edge]  # fmt: skip
    sketch.line([(x + a * cell, y + b * cell) for a, b in ends], 0.2 * cell, BLUE)
    middle = (ends[0][0] + ends[1][0]) / 2, (ends[0][1] + ends[1][1]) / 2
    reach = min(max(fold.width, 1.2), 1.6)
    arrow(sketch, (x + middle[0] * cell, y + middle[1] * cell), 0.62 * reach * cell, INK, (across, down))
