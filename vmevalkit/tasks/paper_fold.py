"""Paper fold: punch the holes where they will be when the folded sheet is unfolded.

    +-------+      +---+          The small images show how a sheet is folded and where the folded sheet is punched. A
    | <-    |  >   | o |    >     video passes if all holes of the unfolded sheet appear in the large sheet, one after
    |       |      |   |          another and in any order, and if the finished sheet is held. A hole goes through all
    +-------+      +---+          layers, so it is mirrored in each fold. No other cell may get a hole, not even for a
                                  moment, and the small images must stay.

Folds are along lines of the grid and may be narrow, so that parts of the folded sheet have one layer. The plan length
is the number of holes in the large sheet. There are more than 10,000 questions at every difficulty.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Literal, NamedTuple

from vmevalkit.tasks.base import register_task
from vmevalkit.tasks.toolkit.cells import CELL_REASONS, Board, CellsTask, Looks, inset_cell, middle_of, swept
from vmevalkit.tasks.toolkit.draw import BLUE, GRAY, INK, PAPER, SAND, UMBER, Box, Color, Point, Sketch, arrow, mix
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
# The way of a flap that is folded from an edge: (across, down).
_WAYS: dict[Edge, tuple[int, int]] = {"top": (0, 1), "left": (1, 0), "bottom": (0, -1), "right": (-1, 0)}
_FLAP = mix(SAND, UMBER, 0.55)
# Radius of a hole, and margin of a cell that holds one, in cells.
_HOLE, _MARGIN = 0.32, 0.1


class Fold(Record):
    """A flap, `width` rows or columns at an edge of the sheet as it is then, is folded over."""

    edge: Edge
    width: int

    def split(self, sheet: Area) -> tuple[Area, Area]:
        """Return the flap and the rest of a sheet."""
        (top, left, bottom, right), width = sheet, self.width
        parts: dict[Edge, tuple[Area, Area]] = {
            "top": ((top, left, top + width, right), (top + width, left, bottom, right)),
            "left": ((top, left, bottom, left + width), (top, left + width, bottom, right)),
            "bottom": ((bottom - width, left, bottom, right), (top, left, bottom - width, right)),
            "right": ((top, right - width, bottom, right), (top, left, bottom, right - width)),
        }
        return parts[self.edge]

    def crease(self, flap: Area) -> tuple[Point, Point]:
        """Return the ends (x, y) of the line along which a flap is folded."""
        top, left, bottom, right = flap
        ends: dict[Edge, tuple[Point, Point]] = {
            "top": ((left, bottom), (right, bottom)),
            "left": ((right, top), (right, bottom)),
            "bottom": ((left, top), (right, top)),
            "right": ((left, top), (left, bottom)),
        }
        return ends[self.edge]

    def landing(self, cell: Cell, flap: Area, mirrored: bool = True) -> Cell:
        """Return where a cell of the flap comes to lie, if the flap is folded or (not `mirrored`) shifted."""
        (row, column), (across, down) = cell, _WAYS[self.edge]
        if not mirrored:
            return row + down * self.width, column + across * self.width
        x, y = (int(at) for at in self.crease(flap)[0])
        return (2 * y - 1 - row, column) if down else (row, 2 * x - 1 - column)


class Puzzle(Record):
    """A square sheet of `side` x `side` cells, how it is folded, and the cells of the folded sheet that are punched.

    A cell (row, column) of the folded sheet has the name of the cell of the unfolded sheet that has not moved.
    """

    side: int
    folds: tuple[Fold, ...]
    punches: tuple[Cell, ...]

    def sheets(self) -> list[Area]:
        """Return the area of the sheet at the start and after each fold."""
        found: list[Area] = [(0, 0, self.side, self.side)]
        for fold in self.folds:
            found.append(fold.split(found[-1])[1])
        return found

    def flaps(self) -> list[Area]:
        """Return the area of the flap before each fold."""
        return [fold.split(sheet)[0] for fold, sheet in zip(self.folds, self.sheets(), strict=False)]

    def layers(self, mirrored: bool = True) -> dict[Cell, list[Cell]]:
        """Return the cells of the unfolded sheet that lie on each other, by the cell of the folded sheet.

        If not `mirrored`, flaps are shifted instead of folded, as in a common mistake.
        """
        found: dict[Cell, list[Cell]] = {(r, c): [(r, c)] for r in range(self.side) for c in range(self.side)}
        for fold, flap in zip(self.folds, self.flaps(), strict=True):
            for cell in [cell for cell in found if _inside(cell, flap)]:
                found[fold.landing(cell, flap, mirrored)] += found.pop(cell)
        return found

    def holes(self, mirrored: bool = True) -> set[Cell]:
        """Return the cells of the unfolded sheet that have a hole."""
        layers = self.layers(mirrored)
        return {cell for punch in self.punches for cell in layers[punch]}


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
            folded = Puzzle(side=side, folds=_random_folds(rng, side, rng.choice(level.folds)), punches=())
            cells = sorted(folded.layers())
            punches = rng.sample(cells, min(len(cells), rng.choice(level.punches)))
            puzzle = folded.model_copy(update={"punches": tuple(sorted(punches))})
            holes = puzzle.holes()
            # Each fold must matter, so a hole lies in each flap.
            matters = all(any(_inside(cell, flap) for cell in holes) for flap in puzzle.flaps())
            if matters and level.fewest <= len(holes) <= level.most and not swept(list(holes)):
                return puzzle

    def goal(self, puzzle: Puzzle) -> Looks:
        return _looks(puzzle, puzzle.holes())

    def steps(self, puzzle: Puzzle) -> list[str]:
        cells = (_cell(puzzle, place) for place in self.order(puzzle))
        return [f"punch row {row + 1}, column {column + 1}" for row, column in cells]

    def plan_text(self, puzzle: Puzzle) -> str:
        cells = (_cell(puzzle, place) for place in self.order(puzzle))
        return "holes at (row column) " + ", ".join(f"{row + 1} {column + 1}" for row, column in cells)

    def phrasings(self, puzzle: Puzzle) -> Sequence[str]:
        return (
            "The small images on the left show, row by row, how a square sheet of paper is folded along the blue lines "
            "and where the folded sheet is punched. On the large sheet, the same paper unfolded, the dark round holes "
            "appear one after another, exactly where they will be: each punch goes through all layers. The small "
            "images stay as they are. The camera is fixed.",
            "Paper folding: the darker part of the sheet is folded over the blue line in the direction of the arrow, "
            "then the folded sheet gets holes. Where are the holes after unfolding? Draw them into the large sheet as "
            "dark discs, one at a time, mirrored in every fold, and put none in a wrong cell. The small images do not "
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
            "nearly_last_fold_forgotten": puzzle.model_copy(update={"folds": puzzle.folds[:-1]}).holes(),
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
        columns, size = (1, 0.42) if len(puzzle.folds) == 1 else (2, 0.31)
        for i in range(len(puzzle.folds) + 1):
            row, column = divmod(i, columns)
            x = left + (0.395 + (column - columns / 2) * (size + 0.05) + 0.025) * unit
            y = top + (0.5 + (row - 1) * (size + 0.06) + 0.03) * unit
            _draw_stage(sketch, puzzle, i, (x, y), size * unit)
        corner, cell = (left + 0.79 * unit, top + 0.17 * unit), 0.66 * unit / puzzle.side
        _draw_paper(sketch, puzzle.sheets()[0], corner, cell, 0.07)
        return sketch, [inset_cell(corner, cell, *_cell(puzzle, place), _MARGIN) for place in range(puzzle.side**2)]

    def draw_look(self, puzzle: Puzzle, sketch: Sketch, box: Box, look: int, size: float) -> None:
        x, y, half = middle_of(box)
        sketch.circle((x, y), _HOLE / (0.5 - _MARGIN) * half * size, INK)


def _cell(puzzle: Puzzle, place: int) -> Cell:
    return divmod(place, puzzle.side)


def _looks(puzzle: Puzzle, holes: set[Cell]) -> Looks:
    return tuple(int(_cell(puzzle, place) in holes) for place in range(puzzle.side**2))


def _inside(cell: Cell, area: Area) -> bool:
    return area[0] <= cell[0] < area[2] and area[1] <= cell[1] < area[3]


def _random_folds(rng: random.Random, side: int, count: int) -> tuple[Fold, ...]:
    """Return folds whose flaps are at most half as wide as the sheet."""
    folds: list[Fold] = []
    high = wide = side
    for _ in range(count):
        edge = rng.choice([*_WAYS])
        width = rng.randint(1, (high if edge in ("top", "bottom") else wide) // 2)
        high, wide = (high - width, wide) if edge in ("top", "bottom") else (high, wide - width)
        folds.append(Fold(edge=edge, width=width))
    return tuple(folds)


def _draw_stage(sketch: Sketch, puzzle: Puzzle, number: int, corner: Point, size: float) -> None:
    """Draw a small image: the sheet before the fold of a number, or the punched sheet after the last one."""
    (x, y), cell, outline = corner, size / puzzle.side, 0.02 * size
    # What the unfolded sheet covers.
    sketch.rectangle((x - outline, y - outline, x + size + outline, y + size + outline), GRAY)
    sketch.rectangle((x, y, x + size, y + size), PAPER)
    _draw_paper(sketch, puzzle.sheets()[number], corner, cell, 0.1)
    if number == len(puzzle.folds):
        for row, column in puzzle.punches:
            sketch.circle((x + (column + 0.5) * cell, y + (row + 0.5) * cell), _HOLE * cell, INK)
        return
    fold, flap = puzzle.folds[number], puzzle.flaps()[number]
    _draw_paper(sketch, flap, corner, cell, 0.1, _FLAP)
    ends = [(x + right * cell, y + down * cell) for right, down in fold.crease(flap)]
    sketch.line(ends, 0.25 * cell, BLUE)
    middle = (ends[0][0] + ends[1][0]) / 2, (ends[0][1] + ends[1][1]) / 2
    arrow(sketch, middle, (0.75 if fold.width == 1 else 1.0) * cell, INK, _WAYS[fold.edge])


def _draw_paper(sketch: Sketch, area: Area, corner: Point, cell: float, width: float, color: Color = SAND) -> None:
    """Draw a part of the sheet with lines of a width in cells; `corner` is the upper left of the unfolded sheet."""
    top, left, bottom, right = area
    x0, y0, x1, y1 = (corner[k % 2] + at * cell for k, at in enumerate((left, top, right, bottom)))
    shade = mix(color, INK, 0.28)
    sketch.rectangle((x0, y0, x1, y1), color)
    for row in range(bottom - top + 1):
        sketch.line([(x0, y0 + row * cell), (x1, y0 + row * cell)], width * cell, shade)
    for column in range(right - left + 1):
        sketch.line([(x0 + column * cell, y0), (x0 + column * cell, y1)], width * cell, shade)
