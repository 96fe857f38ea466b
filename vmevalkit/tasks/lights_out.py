"""Lights out: press lamps until all of them are dark, with as few presses as possible.

    *---o---*    * a lamp that is lit     A press switches a lamp and all lamps that are joined to it by a bar: lit ones
    |   |   |    o a lamp that is dark    go out, and the others light up, all at the same time. A video passes if every
    o---*   o                             change is such a press, one after another and in any order, if no press is
    |       |                             superfluous, and if all lamps are dark at the end.
    *---o---o

On each board, one set of presses leads to darkness, and each of its lamps is pressed once: the toggle matrix has an
inverse over GF(2). The crosses of pressed lamps overlap. The plan length is the number of presses. There are more than
500,000 questions at difficulty 1 (4,814 boards, each with about 115 sets of presses), and many more at the others.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from vmevalkit.tasks.base import register_task
from vmevalkit.tasks.toolkit.cells import CELL_REASONS, Board, Looks, changed, middle_of, square_box
from vmevalkit.tasks.toolkit.compass import cell_in_words
from vmevalkit.tasks.toolkit.draw import GRAY, INK, YELLOW, Box, Sketch, mix
from vmevalkit.tasks.toolkit.levels import levels
from vmevalkit.tasks.toolkit.ruled_cells import RuledCells
from vmevalkit.types import Record, Size

# Column and row.
Cell = tuple[int, int]


class Level(NamedTuple):
    """Settings of one difficulty: size of the board, lamps that are missing on it, and range of the presses."""

    columns: int
    rows: int
    missing: int
    fewest: int
    most: int


LEVELS = levels(
    Level(columns=5, rows=4, missing=5, fewest=2, most=3),
    Level(columns=5, rows=4, missing=4, fewest=4, most=5),
    Level(columns=5, rows=4, missing=3, fewest=6, most=8),
    Level(columns=6, rows=4, missing=3, fewest=9, most=11),
    Level(columns=7, rows=5, missing=5, fewest=12, most=15),
)
# Radius of a lamp, half of the side of its place, and width of a bar, in cells.
_LAMP, _PLACE, _BAR = 0.34, 0.38, 0.14
_PANEL, _DARK, _JOINT = mix(INK, GRAY, 0.06), mix(INK, GRAY, 0.42), mix(INK, GRAY, 0.3)


class Puzzle(Record):
    """The cell (column, row) of each lamp, and the lamps to press, in the order of the ground truth."""

    columns: int
    rows: int
    lamps: tuple[Cell, ...]
    presses: tuple[int, ...]


@register_task
class LightsOut(RuledCells[Puzzle]):
    """The places are the lamps, and the only look is lit."""

    name = "lights_out"
    tags = ("logic", "planning")
    puzzle_type = Puzzle
    reasons = {
        **CELL_REASONS,
        "wrong_press": "A lamp is pressed that need not be pressed, or is pressed twice.",
        "no_press": "Lamps change that are not a lamp together with all lamps that are joined to it.",
        "not_together": "The lamps of a press do not change at the same time.",
    }
    rubric = {
        "outcome": "No lamp on the board is lit.",
        "process": (
            "Lamps are pressed one after another, in any order. Each press switches a lamp and all lamps joined to it "
            "by a bar, at the same time, and each is needed: no lamp is pressed twice."
        ),
    }

    def generate(self, rng: random.Random, difficulty: int) -> Puzzle:
        level = LEVELS[difficulty]
        cells = [(x, y) for y in range(level.rows) for x in range(level.columns)]
        while True:
            lamps = tuple(sorted(rng.sample(cells, len(cells) - level.missing), key=lambda cell: cell[::-1]))
            crosses = crosses_of(lamps)
            if min(map(len, crosses)) < 2 or _inverse(lamps) is None:
                continue
            presses = tuple(rng.sample(range(len(lamps)), rng.randint(level.fewest, level.most)))
            puzzle = Puzzle(columns=level.columns, rows=level.rows, lamps=lamps, presses=presses)
            lit = {lamp for lamp, look in enumerate(self.start(puzzle)) if look}
            # Some lamps that are dark at the start light up on the way, whatever comes first.
            if _tangled([crosses[lamp] for lamp in presses]) and not any(lit <= cross for cross in crosses):
                return puzzle

    def plan(self, puzzle: Puzzle) -> list[Looks]:
        return list(_plan(puzzle))

    def after(self, puzzle: Puzzle, looks: Looks) -> Sequence[Looks]:
        crosses = crosses_of(puzzle.lamps)
        return [pressed(looks, crosses[lamp]) for lamp in presses_for(puzzle.lamps, looks)]

    def steps_left(self, puzzle: Puzzle, looks: Looks) -> int:
        return len(presses_for(puzzle.lamps, looks))

    def misstep(self, puzzle: Puzzle, looks: Looks, places: set[int]) -> str:
        crosses = crosses_of(puzzle.lamps)
        if any(places <= cross for cross in crosses):
            return "wrong_press"
        needed = presses_for(puzzle.lamps, looks)
        return "several_at_once" if places <= set().union(*(crosses[i] for i in needed)) else "no_press"

    def steps(self, puzzle: Puzzle) -> list[str]:
        lamps = (puzzle.lamps[lamp] for lamp in puzzle.presses)
        return [f"press the lamp {cell_in_words((y, x))}" for x, y in lamps]

    def plan_text(self, puzzle: Puzzle) -> str:
        lamps = (puzzle.lamps[lamp] for lamp in puzzle.presses)
        return "press the lamps (row column) " + ", ".join(f"{y + 1} {x + 1}" for x, y in lamps)

    def place_in_words(self, puzzle: Puzzle, place: int) -> str:
        x, y = puzzle.lamps[place]
        return f"the lamp {cell_in_words((y, x))}"

    def look_in_words(self, puzzle: Puzzle, look: int) -> str:
        return "lit" if look else "dark"

    def phrasings(self, puzzle: Puzzle) -> Sequence[str]:
        return (
            "A dark board with round lamps, some of them lit yellow, joined by bars. Pressing a lamp switches it and "
            "all lamps that a bar joins to it, at the same moment: lit ones go out and dark ones light up. Lamps are "
            "pressed one after another, with as few presses as possible, until all are dark. Lamps and bars stay in "
            "their places. The camera is fixed.",
            "Lights out: make the whole board dark with the fewest presses, one press at a time. In each press, a lamp "
            "and its direct neighbors along the bars change together between lit yellow and dark. No press is wasted, "
            "and at the end no lamp is lit. The board does not move. Static camera.",
            "Each press on a lamp flips that lamp and every lamp joined to it by a bar, all together: yellow turns "
            "dark, dark turns yellow. Show press after press, none of them superfluous, until every lamp has gone out. "
            "The other lamps keep their state during a press, the bars stay, and the camera does not move.",
        )

    def alternatives(self, puzzle: Puzzle) -> dict[str, list[Board]]:
        start, presses = self.start(puzzle), puzzle.presses
        return {
            "backwards": _boards(puzzle, start, presses[::-1]),
            "row_by_row": _boards(puzzle, start, sorted(presses)),
        }

    def cheats(self, puzzle: Puzzle) -> dict[str, list[Board]]:
        found, path, start = super().cheats(puzzle), self.solution(puzzle), self.start(puzzle)
        crosses, presses = crosses_of(puzzle.lamps), puzzle.presses
        spare = [lamp for lamp in range(len(puzzle.lamps)) if lamp not in presses]
        other = min(spare, key=lambda lamp: _distance(puzzle, lamp, presses[-1]))
        found["nearly_one_press_beside"] = _boards(puzzle, start, (*presses[:-1], other))
        # It ends in darkness, but with two presses too many.
        found["pressed_twice"] = _boards(puzzle, start, (other, *presses, other))
        found["nearly_one_lamp_left"] = [*path[:-1], Board(changed(path[-1].looks, {min(crosses[presses[-1]]): 1}))]
        looks, alone = start, [Board(start)]
        for lamp in (lamp for lamp, look in enumerate(start) if look):
            looks = changed(looks, {lamp: 0})
            alone.append(Board(looks))
        found["lit_lamps_go_out_one_by_one"] = alone
        if len(path) <= 6:
            found["press_spreads"] = [*_spreading(path[0], path[1]), *path[2:]]
        return found

    def sheet(self, puzzle: Puzzle, canvas: Size, downscale: float = 1) -> tuple[Sketch, list[Box]]:
        rim = 0.065 * min(canvas)
        cell = min((canvas[0] - 2 * rim) / puzzle.columns, (canvas[1] - 2 * rim) / puzzle.rows)
        left, top = (canvas[0] - puzzle.columns * cell) / 2, (canvas[1] - puzzle.rows * cell) / 2
        sketch = Sketch(canvas, downscale=downscale)
        sketch.rectangle((left, top, canvas[0] - left, canvas[1] - top), _PANEL, radius=0.3 * cell)
        centers = [(left + (x + 0.5) * cell, top + (y + 0.5) * cell) for x, y in puzzle.lamps]
        for lamp, cross in enumerate(crosses_of(puzzle.lamps)):
            for other in cross:
                if other > lamp:
                    sketch.line([centers[lamp], centers[other]], _BAR * cell, _JOINT)
        for center in centers:
            sketch.circle(center, _LAMP * cell, _DARK)
        return sketch, [square_box(center, _PLACE * cell) for center in centers]

    def draw_look(self, puzzle: Puzzle, sketch: Sketch, box: Box, look: int, size: float) -> None:
        x, y, half = middle_of(box)
        sketch.circle((x, y), _LAMP / _PLACE * half * size, YELLOW)


@lru_cache(maxsize=64)
def crosses_of(lamps: tuple[Cell, ...]) -> list[frozenset[int]]:
    """Return the lamps that a press on each lamp switches: itself and its neighbors."""
    at = {cell: lamp for lamp, cell in enumerate(lamps)}
    near = ((0, 0), (1, 0), (0, 1), (-1, 0), (0, -1))
    return [frozenset(at[x + i, y + j] for i, j in near if (x + i, y + j) in at) for x, y in lamps]


def pressed(looks: Looks, cross: frozenset[int]) -> Looks:
    """Return looks of which those of some lamps are switched."""
    return tuple(look ^ (lamp in cross) for lamp, look in enumerate(looks))


@lru_cache(maxsize=4096)
def presses_for(lamps: tuple[Cell, ...], looks: Looks) -> list[int]:
    """Return the only set of presses that makes a board dark."""
    inverse = _inverse(lamps)
    assert inverse is not None, "such a board is never generated"
    lit = sum(look << lamp for lamp, look in enumerate(looks))
    return [lamp for lamp, row in enumerate(inverse) if (row & lit).bit_count() % 2]


@lru_cache(maxsize=64)
def _plan(puzzle: Puzzle) -> tuple[Looks, ...]:
    dark = (0,) * len(puzzle.lamps)
    # From the end: presses have the same effect in any order.
    back = [board.looks for board in _boards(puzzle, dark, puzzle.presses[::-1])]
    return tuple(reversed(back))


@lru_cache(maxsize=64)
def _inverse(lamps: tuple[Cell, ...]) -> list[int] | None:
    """Return the inverse of the toggle matrix over GF(2), a bit mask for each row; None if there is none.

    It is found by elimination. Bits of the left half of a row are the matrix, those of the right half the inverse.
    """
    count = len(lamps)
    rows = [sum(1 << lamp for lamp in cross) | 1 << count + i for i, cross in enumerate(crosses_of(lamps))]
    for i in range(count):
        pivot = next((k for k in range(i, count) if rows[k] >> i & 1), None)
        if pivot is None:
            return None
        rows[i], rows[pivot] = rows[pivot], rows[i]
        rows = [row ^ rows[i] if k != i and row >> i & 1 else row for k, row in enumerate(rows)]
    return [row >> count for row in rows]


def _boards(puzzle: Puzzle, looks: Looks, presses: Sequence[int]) -> list[Board]:
    """Return a board, and the boards after each of some presses."""
    crosses = crosses_of(puzzle.lamps)
    found = [Board(looks)]
    for lamp in presses:
        found.append(Board(pressed(found[-1].looks, crosses[lamp])))
    return found


def _tangled(crosses: Sequence[frozenset[int]]) -> bool:
    """Return whether each cross has three lamps or more, and one in common with another cross."""
    return all(len(a) > 2 and any(a & b for b in crosses if b is not a) for a in crosses)


def _distance(puzzle: Puzzle, a: int, b: int) -> int:
    (x, y), (u, v) = puzzle.lamps[a], puzzle.lamps[b]
    return abs(x - u) + abs(y - v)


def _spreading(a: Board, b: Board) -> Iterator[Board]:
    """Yield boards on which the lamps of a press change one after another."""
    looks = a.looks
    yield a
    for lamp, (old, new) in enumerate(zip(a.looks, b.looks, strict=True)):
        if old != new:
            looks = changed(looks, {lamp: new})
            yield Board(looks)
