"""Sequence completion: fill the empty slots of each row with the figures that its rule demands.

    o  #  o  #  [o] #         Each row follows a rule, and some of its figures are missing. A video passes if every
    ^  >  v  <  ^  [>]        empty slot gets the right figure, one slot after another and in any order, and if the full
    A  A  B  [A] A  B         rows are held. The given figures must stay, and no slot may get a wrong figure, not even
                              for a moment.

The figures of a row and their colors follow a rule each: they repeat after one to four places (an arrow turns by
quarters), and a disc may instead fill up or empty by a sixth after every place, every second or every third one. The
given figures leave one answer under all these rules. The plan length is the number of empty slots. There are far more
than 10,000 questions at every difficulty.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Sequence
from functools import lru_cache
from typing import Literal, NamedTuple

from vmevalkit.tasks.base import register_task
from vmevalkit.tasks.toolkit.cells import CELL_REASONS, Board, CellsTask, Looks, changed, middle_of, square_box, swept
from vmevalkit.tasks.toolkit.compass import cell_in_words
from vmevalkit.tasks.toolkit.draw import GRAY, HUES, PAPER, WHITE, Box, Point, Sketch, arrow, figure, oval
from vmevalkit.tasks.toolkit.levels import levels
from vmevalkit.types import Record, Size

# What figures and colors do along a row: stay the same, repeat a pattern, or ("with") repeat it as the figures do;
# arrows turn; discs fill up or empty.
FormRule = Literal["same", "repeat", "turn", "grow"]
ColorRule = Literal["same", "repeat", "with"]


class Level(NamedTuple):
    """Settings of one difficulty.

    Attributes:
        rows, columns: number of rows and figures in a row.
        fewest, most: range of empty slots.
        patterns: what is repeated; each letter stands for a figure or a color.
        rules: rules of figures and colors.
    """

    rows: int
    columns: int
    fewest: int
    most: int
    patterns: tuple[str, ...]
    rules: tuple[tuple[FormRule, ColorRule], ...]


_EASY, _HARD = ("AB", "AAB", "ABB", "ABC"), ("AB", "ABC", "AAB", "AABB", "ABAC", "ABCB", "ABCD")
LEVELS = levels(
    Level(3, 6, 4, 5, _EASY, (("repeat", "same"), ("same", "repeat"))),
    Level(3, 7, 5, 7, _EASY, (("repeat", "with"), ("repeat", "same"), ("turn", "same"), ("same", "repeat"))),
    Level(4, 8, 8, 10, _HARD, (("repeat", "with"), ("turn", "same"), ("grow", "same"), ("repeat", "repeat"))),
    Level(5, 8, 11, 13, _HARD, (("repeat", "with"), ("turn", "repeat"), ("grow", "repeat"), ("repeat", "repeat"))),
    Level(5, 9, 14, 15, _HARD, (("turn", "repeat"), ("grow", "repeat"), ("repeat", "repeat"))),
)
_COLORS = ("blue", "orange", "green", "purple")
# A disc would be too similar to a square.
_FORMS = ("ring", "square", "triangle", "star", "cross")
# The ways of arrows in clockwise order, and the parts of a disc.
_WAYS: dict[str, Point] = {"up": (0, -1), "right": (1, 0), "down": (0, 1), "left": (-1, 0)}
_PARTS = ("1/6", "2/6", "3/6", "4/6", "5/6", "6/6")
# Longest pattern, and most places after which a disc has another part.
_LONGEST, _SLOWEST = 4, 3
# Tries to choose the slots of a row.
_TRIES = 30
# Shares of a cell: half the height of a row, half the outer and inner side of a slot, and width of borders.
_ROW, _OUTSIDE, _INSIDE, _BORDER = 0.47, 0.41, 0.365, 0.025
# Shares of half a slot: radius of a figure, half the length of an arrow, radius of a ring, and width of its pen.
_FIGURE, _ARROW, _RING, _PEN = 0.84, 0.84, 0.53, 0.34
# Form and color of a figure. A form is one of `_FORMS`, the way of an arrow, or a part of a disc.
Item = tuple[str, str]


class Row(Record):
    """The form and the color of each figure of a row, and the places that are empty at the start."""

    forms: tuple[str, ...]
    colors: tuple[str, ...]
    missing: tuple[int, ...]

    def items(self) -> list[Item]:
        """Return form and color of each figure."""
        return list(zip(self.forms, self.colors, strict=True))


class Puzzle(Record):
    """Rows of equally many figures."""

    rows: tuple[Row, ...]

    def slots(self) -> list[tuple[int, int]]:
        """Return row and column of each empty slot."""
        return [(number, column) for number, row in enumerate(self.rows) for column in row.missing]


@register_task
class SequenceCompletion(CellsTask[Puzzle]):
    """The places are the empty slots, and a look is a figure."""

    name = "sequence_completion"
    tags = ("logic",)
    puzzle_type = Puzzle
    reasons = CELL_REASONS
    rubric = {
        "outcome": "Every slot has the figure, in form and color, that continues the rule of its row.",
        "process": "Slots are filled one after another, in any order, and never with a wrong figure.",
    }

    def generate(self, rng: random.Random, difficulty: int) -> Puzzle:
        level = LEVELS[difficulty]
        while True:
            count = rng.randint(level.fewest, level.most)
            # Each row has about equally many slots.
            shares = [count // level.rows + (i < count % level.rows) for i in range(level.rows)]
            rng.shuffle(shares)
            rules = [level.rules[i % len(level.rules)] for i in range(level.rows)]
            rng.shuffle(rules)
            rows = [_random_row(rng, *rule, share, level) for rule, share in zip(rules, shares, strict=True)]
            puzzle = Puzzle(rows=tuple(rows))
            if len({*self.goal(puzzle)}) > 1 and not swept(puzzle.slots()):
                return puzzle

    def goal(self, puzzle: Puzzle) -> Looks:
        known = _items(puzzle)
        return tuple(known.index(puzzle.rows[row].items()[column]) + 1 for row, column in puzzle.slots())

    def looks(self, puzzle: Puzzle) -> int:
        return len(_items(puzzle)) + 1

    def choices(self, puzzle: Puzzle) -> list[tuple[int, ...]]:
        known = _items(puzzle)
        of_rows = [(0, *sorted({known.index(item) + 1 for item in row.items()})) for row in puzzle.rows]
        return [of_rows[row] for row, _ in puzzle.slots()]

    def steps(self, puzzle: Puzzle) -> list[str]:
        return [
            f"put {self.look_in_words(puzzle, look)} {cell_in_words((row, column))}"
            for (row, column), look in zip(puzzle.slots(), self.goal(puzzle), strict=True)
        ]

    def plan_text(self, puzzle: Puzzle) -> str:
        rows = []
        for number, row in enumerate(puzzle.rows):
            parts = (f"{_in_words(row.items()[column])} {column + 1}" for column in row.missing)
            rows.append(f"row {number + 1}: {', '.join(parts)}")
        return f"fill in (figure, column) {'; '.join(rows)}"

    def place_in_words(self, puzzle: Puzzle, place: int) -> str:
        row, column = puzzle.slots()[place]
        return f"the slot {cell_in_words((row, column))}"

    def look_in_words(self, puzzle: Puzzle, look: int) -> str:
        if not look:
            return "empty"
        item = _items(puzzle)[look - 1]
        words = _in_words(item) + (" of a disc" if item[0] in _PARTS else "")
        return f"{'an' if words[0] == 'o' else 'a'} {words}"

    def phrasings(self, puzzle: Puzzle) -> Sequence[str]:
        return (
            "Rows of figures with empty slots. In each row, figures and colors repeat in a fixed order, arrows turn, "
            "or discs fill up or empty part by part. One slot after another gets the figure that its row demands, "
            "until no slot is empty. The given figures never change. The camera is fixed.",
            "Complete the sequences: in every row, find the rule by which forms and colors repeat, arrows turn or "
            "discs grow or lose parts, and fill each empty slot with the right figure in the right color, one at a "
            "time. All other figures stay. Static camera.",
            "The missing figures of each row appear in the empty slots, one by one, each with the form and the color "
            "that continue the pattern of its row: a repetition, a turning arrow, or a disc that fills up or empties. "
            "The figures that are there stay as they are and the camera does not move.",
        )

    def cheats(self, puzzle: Puzzle) -> dict[str, list[Board]]:
        found, order, goal = super().cheats(puzzle), self.order(puzzle), self.goal(puzzle)
        known, slots = _items(puzzle), puzzle.slots()
        # Two slots of one row, if its figures differ.
        different = (pair for pair in itertools.combinations(order, 2) if goal[pair[0]] != goal[pair[1]])
        a, b = min(different, key=lambda pair: slots[pair[0]][0] != slots[pair[1]][0])
        found["nearly_two_swapped"] = self.filled(puzzle, order, changed(goal, {a: goal[b], b: goal[a]}))
        copied = tuple(known.index(puzzle.rows[row].items()[column - 1]) + 1 for row, column in slots)
        if copied != goal:
            found["neighbors_copied"] = self.filled(puzzle, order, copied)
        return found

    def sheet(self, puzzle: Puzzle, canvas: Size, downscale: float = 1) -> tuple[Sketch, list[Box]]:
        rows, columns = len(puzzle.rows), len(puzzle.rows[0].forms)
        cell = min(canvas[0] * 0.95 / columns, canvas[1] * 0.92 / rows)
        left, top = (canvas[0] - columns * cell) / 2, (canvas[1] - rows * cell) / 2
        sketch = Sketch(canvas, downscale=downscale)
        boxes = []
        for number, row in enumerate(puzzle.rows):
            y = top + (number + 0.5) * cell
            for margin, color in ((0.0, GRAY), (_BORDER * cell, WHITE)):
                ends = left + margin, y - _ROW * cell + margin, canvas[0] - left - margin, y + _ROW * cell - margin
                sketch.rectangle(ends, color, radius=0.12 * cell)
            for column, item in enumerate(row.items()):
                center = left + (column + 0.5) * cell, y
                inside = square_box(center, _INSIDE * cell)
                if column not in row.missing:
                    _draw_item(sketch, inside, item, 1.0)
                    continue
                sketch.rectangle(square_box(center, _OUTSIDE * cell), GRAY, radius=0.09 * cell)
                sketch.rectangle(inside, PAPER, radius=0.05 * cell)
                boxes.append(inside)
        return sketch, boxes

    def draw_look(self, puzzle: Puzzle, sketch: Sketch, box: Box, look: int, size: float) -> None:
        _draw_item(sketch, box, _items(puzzle)[look - 1], size)


@lru_cache(maxsize=64)
def _items(puzzle: Puzzle) -> tuple[Item, ...]:
    """Return all different figures of a puzzle. A look is the number of one, from 1."""
    return tuple(dict.fromkeys(item for row in puzzle.rows for item in row.items()))


def _in_words(item: Item) -> str:
    form, color = item
    if form in _WAYS:
        return f"{color} arrow {form}"
    return f"{color} {form}"


def _draw_item(sketch: Sketch, box: Box, item: Item, size: float) -> None:
    """Draw a figure in a square box, at a share of its full size."""
    (x, y, half), (form, color) = middle_of(box), (item[0], HUES[item[1]])
    if form in _WAYS:
        arrow(sketch, (x, y), _ARROW * half * size, color, _WAYS[form])
    elif form in _PARTS:
        # A slice from the top, clockwise. It grows from half of its radius: small slices are hard to tell apart.
        turns, radius = (_PARTS.index(form) + 1) / len(_PARTS), _FIGURE * half * (0.5 + 0.5 * size)
        angles = [2 * math.pi * turns * k / 36 for k in range(37)]
        slice_ = [(x + radius * math.sin(a), y - radius * math.cos(a)) for a in angles]
        sketch.polygon([(x, y), *slice_], color)
    elif form == "ring":
        radius = _RING * half * size
        sketch.line(oval(x, y, radius, radius), _PEN * half * size, color)
    else:
        figure(sketch, form, (x, y), _FIGURE * half * size, color)


def _random_row(rng: random.Random, form: FormRule, color: ColorRule, slots: int, level: Level) -> Row:
    """Return a row with some empty slots, whose given figures leave one answer."""
    columns = level.columns
    while True:
        pattern, names = rng.choice(level.patterns), rng.sample(_COLORS, len(_COLORS))
        if form == "turn":
            ways, first = [*_WAYS][:: rng.choice((1, -1))], rng.randrange(4)
            forms = [ways[(first + i) % 4] for i in range(columns)]
        elif form == "grow":
            forms = rng.choice(_growths(columns))
        else:
            forms = _repeated(pattern if form == "repeat" else "A", rng.sample(_FORMS, len(_FORMS)), columns)
        if color == "repeat":
            # Colors repeat after another number of places than figures.
            pattern = rng.choice([it for it in level.patterns if form != "repeat" or len(it) != len(pattern)])
        colors = _repeated("A" if color == "same" else pattern, names, columns)
        for _ in range(_TRIES):
            missing = sorted(rng.sample(range(columns), slots))
            row = Row(forms=tuple(forms), colors=tuple(colors), missing=tuple(missing))
            if all(_is_determined(values, missing) for values in (forms, colors)):
                return row


def _repeated(pattern: str, names: Sequence[str], columns: int) -> list[str]:
    """Return what a pattern of letters says, with a name for each letter."""
    return [names["ABCD".index(pattern[i % len(pattern)])] for i in range(columns)]


@lru_cache(maxsize=8)
def _growths(columns: int) -> list[list[str]]:
    """Return all rows of discs of which one part more, or one less, is there after every so many places."""
    found = []
    for pace in range(1, _SLOWEST + 1):
        for phase in range(pace):
            rises = [(i + phase) // pace for i in range(columns)]
            for least in range(len(_PARTS) - rises[-1]):
                found += [
                    [_PARTS[least + rise] for rise in rises],
                    [_PARTS[least + rises[-1] - rise] for rise in rises],
                ]
    return found


def _is_determined(values: Sequence[str], missing: Sequence[int]) -> bool:
    """Return whether all rules that fit the given values say the same about the missing ones."""
    given = [i for i in range(len(values)) if i not in missing]
    for period in range(1, _LONGEST + 1):
        seen = {i % period: values[i] for i in given}
        if all(values[i] == seen[i % period] for i in given) and any(
            seen.get(i % period) != values[i] for i in missing
        ):
            return False
    if values[0] not in _PARTS:
        return True
    fitting = (it for it in _growths(len(values)) if all(it[i] == values[i] for i in given))
    return all(it[i] == values[i] for it in fitting for i in missing)
