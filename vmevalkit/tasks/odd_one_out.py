"""Odd one out: in each box, draw a ring round the one figure that breaks the rule of the others.

    +---------+  +---------+      Six figures in a box follow a rule, all but one. A video passes if the odd figure of
    | o  o  o |  | #  #  # |      every box gets a brown ring, one after another and in any order, and if all rings are
    | o (#) o |  | # (o) # |      there at the end. No other figure may get a ring, not even for a moment, and the
    +---------+  +---------+      figures and the boxes must stay.

The odd figure differs from all others of its box in one feature: shape, color, number, direction, or that it is a
mirror image. Or two features belong together, as in boxes where circles are blue and squares are orange, and the odd
figure has a combination of its own. Other features may vary, too, but each of their values is in the box at least
twice. The plan length is the number of boxes. There are far more than 10,000 questions at every difficulty.
"""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Sequence
from typing import Literal, NamedTuple, TypeVar

from vmevalkit.tasks.base import register_task
from vmevalkit.tasks.toolkit.cells import CELL_REASONS, Board, CellsTask, Looks, changed, square_box, swept
from vmevalkit.tasks.toolkit.draw import FIGURES, GRAY, HUES, WHITE, Box, Point, Sketch, arrow, figure
from vmevalkit.tasks.toolkit.levels import levels
from vmevalkit.tasks.toolkit.rings import draw_ring
from vmevalkit.types import Record, Size

T = TypeVar("T")
Feature = Literal["shape", "color", "number", "turn", "mirrored"]
# The odd figure differs in a feature, or in how two features belong together.
Rule = Literal["shape", "color", "number", "turn", "mirrored", "pair"]


class Level(NamedTuple):
    """Settings of one difficulty.

    Attributes:
        across, down: number of boxes.
        columns, rows: size of a box in figures.
        rules: rules of the boxes.
        varied: most features that vary without a rule.
    """

    across: int
    down: int
    columns: int
    rows: int
    rules: tuple[Rule, ...]
    varied: int


LEVELS = levels(
    Level(across=2, down=2, columns=3, rows=2, rules=("shape", "color"), varied=0),
    Level(across=3, down=2, columns=2, rows=3, rules=("shape", "color", "number"), varied=1),
    Level(across=4, down=2, columns=2, rows=3, rules=("shape", "color", "number", "turn"), varied=1),
    Level(across=3, down=3, columns=3, rows=2, rules=("number", "turn", "mirrored", "pair"), varied=1),
    Level(across=5, down=2, columns=2, rows=3, rules=("shape", "turn", "mirrored", "pair", "pair"), varied=2),
)
_COLORS = ("blue", "orange", "green", "purple", "sky blue")
_VALUES: dict[Feature, tuple[object, ...]] = {
    "shape": FIGURES,
    "color": _COLORS,
    "number": (1, 2, 3),
    "turn": (0, 1, 2, 3),
    "mirrored": (False, True),
}
_PAIRS: tuple[tuple[Feature, Feature], ...] = (
    ("shape", "color"), ("shape", "number"), ("number", "color"), ("turn", "color"),
)  # fmt: skip
# Features that may vary without a rule, by the shapes of a box.
_FREE: dict[str, tuple[Feature, ...]] = {"arrow": ("color", "turn"), "hook": ("color", "turn")}
_FREE_FIGURES: tuple[Feature, ...] = ("shape", "color", "number")
_WAYS = ((0, -1), (1, 0), (0, 1), (-1, 0))
# Shares of the distance between figures: space between the figures of neighboring boxes in addition, space of a box
# around its figures, width of its border, and half the side of a place.
_GAP, _AROUND, _BORDER, _PLACE = 0.3, 0.04, 0.045, 0.47
# Radius of a single figure, half the length of an arrow, unit of a hook, and width of its pen.
_FIGURE, _ARROW, _HOOK, _PEN = 0.31, 0.31, 0.29, 0.13
_HOOK_LINE: tuple[Point, ...] = ((-0.55, 0.8), (-0.55, -0.8), (0.55, -0.8), (0.55, -0.05))
# Positions of several figures in one place, and their radius.
_SPOTS: dict[int, tuple[Point, ...]] = {
    2: ((-0.17, 0), (0.17, 0)),
    3: ((0, -0.16), (-0.165, 0.12), (0.165, 0.12)),
}
_SEVERAL = 0.145


class Figure(Record):
    """`number` equal shapes of a color in one place: one of `FIGURES`, an arrow, or a hook.

    Arrows and hooks are turned clockwise by `turn` quarters, from up. A hook may be `mirrored` before it is turned.
    """

    shape: str
    color: str
    number: int = 1
    turn: int = 0
    mirrored: bool = False


class Puzzle(Record):
    """`across` x `down` boxes of `columns` x `rows` figures; boxes and figures are counted row by row.

    Attributes:
        boxes: the figures of each box.
        odd: index of the odd figure of each box.
    """

    across: int
    down: int
    columns: int
    rows: int
    boxes: tuple[tuple[Figure, ...], ...]
    odd: tuple[int, ...]

    def cell(self, place: int) -> tuple[int, int]:
        """Return row and column of a figure, counted through all boxes."""
        box, number = divmod(place, self.columns * self.rows)
        (down, across), (row, column) = divmod(box, self.across), divmod(number, self.columns)
        return down * self.rows + row, across * self.columns + column

    def at(self, place: int) -> tuple[float, float]:
        """Return the position (row, column) of a figure, with the gaps between boxes."""
        row, column = self.cell(place)
        return row + row // self.rows * _GAP, column + column // self.columns * _GAP


@register_task
class OddOneOut(CellsTask[Puzzle]):
    """The places are the figures, and the only look is a ring."""

    name = "odd_one_out"
    tags = ("logic", "perception")
    puzzle_type = Puzzle
    reasons = {**CELL_REASONS, "wrong_place": "A figure that follows the rule of its box gets a ring."}
    rubric = {
        "outcome": "In every box, the one figure that breaks the rule of the others has a ring, and no other has one.",
        "process": "Rings are drawn one after another, in any order, and never round a figure that follows the rule.",
    }

    def generate(self, rng: random.Random, difficulty: int) -> Puzzle:
        level = LEVELS[difficulty]
        count, size = level.across * level.down, level.columns * level.rows
        # Each rule about equally often.
        rules = [level.rules[i % len(level.rules)] for i in range(count)]
        rng.shuffle(rules)
        boxes = [_random_box(rng, rule, level.varied, size) for rule in rules]
        while True:
            # The odd figure of each box is the last one. It changes places with another.
            odd = [rng.randrange(size) for _ in boxes]
            puzzle = Puzzle(
                across=level.across, down=level.down, columns=level.columns, rows=level.rows,
                boxes=tuple((*box[:k], box[-1], *box[k:-1]) for k, box in zip(odd, boxes, strict=True)),
                odd=tuple(odd),
            )  # fmt: skip
            if not swept([puzzle.at(place) for place in self.order(puzzle)]):
                return puzzle

    def goal(self, puzzle: Puzzle) -> Looks:
        return tuple(int(i == odd) for box, odd in zip(puzzle.boxes, puzzle.odd, strict=True) for i in range(len(box)))

    def steps(self, puzzle: Puzzle) -> list[str]:
        return [f"draw a ring round {self.place_in_words(puzzle, place)}" for place in self.order(puzzle)]

    def plan_text(self, puzzle: Puzzle) -> str:
        cells = (puzzle.cell(place) for place in self.order(puzzle))
        return f"ring the figures in (row column, across all boxes) {', '.join(f'{r + 1} {c + 1}' for r, c in cells)}"

    def place_in_words(self, puzzle: Puzzle, place: int) -> str:
        row, column = puzzle.cell(place)
        return f"the figure in row {row + 1}, column {column + 1} of all boxes"

    def look_in_words(self, puzzle: Puzzle, look: int) -> str:
        return "ringed" if look else "without a ring"

    def phrasings(self, puzzle: Puzzle) -> Sequence[str]:
        return (
            "Boxes with six figures each. In every box, five figures follow a rule and one is odd: it alone differs in "
            "shape, color, number or direction, it alone is a mirror image, or it alone breaks the way in which two of "
            "these belong together. One after another, the odd figure of each box gets a brown ring. No other figure "
            "gets a ring, and figures, boxes and rings stay. The camera is fixed.",
            "Find the odd one out in each box. The other five agree where it does not: in shape, color, number or "
            "direction, in not being mirrored, or in which two of these go together. Draw a brown ring around the odd "
            "one of every box, one ring at a time, in any order. Other figures get no ring. Rings remain, and no "
            "figure or box moves or changes. Static camera.",
            "Which figure does not belong in its box? Only that one has another shape, color, number or direction than "
            "the other five, or is a mirror image, or combines two of these in a way that the others do not. Brown "
            "rings appear round the odd figures, one by one, exactly one in each box, and stay. Figures and boxes do "
            "not change, and the camera does not move.",
        )

    def cheats(self, puzzle: Puzzle) -> dict[str, list[Board]]:
        found, order, goal = super().cheats(puzzle), self.order(puzzle), self.goal(puzzle)
        size = len(puzzle.boxes[0])
        # The figure after the odd one of the last box, or before it.
        beside = order[-1] + (1 if puzzle.odd[-1] < size - 1 else -1)
        wrong = changed(goal, {order[-1]: 0, beside: 1})
        found["nearly_figure_beside"] = self.filled(puzzle, [*order[:-1], beside], wrong)
        found["first_of_each_box"] = self.filled(
            puzzle, range(0, len(goal), size), tuple(int(i % size == 0) for i in range(len(goal)))
        )
        if not any(puzzle.odd):
            del found["first_of_each_box"]
        return found

    def sheet(self, puzzle: Puzzle, canvas: Size, downscale: float = 1) -> tuple[Sketch, list[Box]]:
        wide = puzzle.across * puzzle.columns + (puzzle.across - 1) * _GAP
        high = puzzle.down * puzzle.rows + (puzzle.down - 1) * _GAP
        margin = 2 * (_AROUND + _BORDER)
        cell = min(canvas[0] * 0.95 / (wide + margin), canvas[1] * 0.92 / (high + margin))
        left, top = (canvas[0] - wide * cell) / 2, (canvas[1] - high * cell) / 2
        sketch = Sketch(canvas, downscale=downscale)
        for down, across in itertools.product(range(puzzle.down), range(puzzle.across)):
            x, y = left + across * (puzzle.columns + _GAP) * cell, top + down * (puzzle.rows + _GAP) * cell
            for around, color in ((_AROUND + _BORDER, GRAY), (_AROUND, WHITE)):
                ends = x + (puzzle.columns + around) * cell, y + (puzzle.rows + around) * cell
                sketch.rectangle((x - around * cell, y - around * cell, *ends), color, radius=(0.1 + around) * cell)
        boxes = []
        for place, it in enumerate(itertools.chain(*puzzle.boxes)):
            row, column = puzzle.at(place)
            center = left + (column + 0.5) * cell, top + (row + 0.5) * cell
            _draw_figure(sketch, it, center, cell)
            boxes.append(square_box(center, _PLACE * cell))
        return sketch, boxes

    def draw_look(self, puzzle: Puzzle, sketch: Sketch, box: Box, look: int, size: float) -> None:
        draw_ring(sketch, box, size)


def _draw_figure(sketch: Sketch, it: Figure, center: Point, cell: float) -> None:
    (x, y), color, (across, down) = center, HUES[it.color], _WAYS[it.turn]
    if it.shape == "arrow":
        arrow(sketch, center, _ARROW * cell, color, (across, down))
    elif it.shape == "hook":
        unit = _HOOK * cell
        points = [(-u if it.mirrored else u, v) for u, v in _HOOK_LINE]
        turned = [(x - unit * (down * u + across * v), y + unit * (across * u - down * v)) for u, v in points]
        sketch.line(turned, _PEN * cell, color)
    elif it.number == 1:
        figure(sketch, it.shape, center, _FIGURE * cell, color)
    else:
        for u, v in _SPOTS[it.number]:
            figure(sketch, it.shape, (x + u * cell, y + v * cell), _SEVERAL * cell, color)


def _random_box(rng: random.Random, rule: Rule, varied: int, size: int) -> list[Figure]:
    """Return the figures of a box in random order, but the odd one is the last."""
    while True:
        pair = rng.choice(_PAIRS)
        features: tuple[Feature, ...] = pair if rule == "pair" else (rule,)
        shape = "arrow" if "turn" in features else "hook" if rule == "mirrored" else rng.choice(FIGURES)
        values: dict[Feature, list[object]] = {
            "shape": [shape] * size,
            "color": [rng.choice(_COLORS)] * size,
            "number": [1] * size,
            "turn": [0] * size,
            "mirrored": [False] * size,
        }
        if rule == "pair":
            # About half of the others have one combination. The odd figure has a feature of each.
            which = [int(i < size // 2) for i in range(size - 1)]
            both = rng.choice([(0, 1), (1, 0)])
            for k, feature in enumerate(features):
                names = rng.sample(_VALUES[feature], 2)
                values[feature] = [names[i] for i in which] + [names[both[k]]]
        else:
            usual, odd = rng.sample(_VALUES[features[0]], 2)
            values[features[0]] = [usual] * (size - 1) + [odd]
        free = [it for it in _FREE.get(shape, _FREE_FIGURES) if it not in features]
        most = min(varied, len(free))
        for feature in rng.sample(free, rng.randint(min(most, 1), most)):
            values[feature] = _mixed(rng, _VALUES[feature], size)
        box = [Figure.model_validate({name: column[i] for name, column in values.items()}) for i in range(size)]
        if odd_ones(box) == [size - 1]:
            *others, last = box
            rng.shuffle(others)
            return [*others, last]


def _mixed(rng: random.Random, values: Sequence[T], size: int) -> list[T]:
    """Return values in random order, two or three different ones about equally often."""
    chosen = rng.sample(values, rng.choice((2, 3)))
    found = [chosen[i % len(chosen)] for i in range(size)]
    rng.shuffle(found)
    return found


def odd_ones(box: Sequence[Figure]) -> list[int]:
    """Return the figures that break a rule which all others of a box follow.

    A rule is that a feature is the same, or that two features belong together: each value of one has its value of the
    other, and each combination is there at least twice.
    """
    rows = [tuple(it.model_dump().values()) for it in box]
    found = set()
    for i, it in enumerate(rows):
        others = rows[:i] + rows[i + 1 :]
        columns = list(zip(*others, strict=True))
        for column, value in zip(columns, it, strict=True):
            if len({*column}) == 1 and value != column[0]:
                found.add(i)
        for a, b in itertools.combinations(range(len(it)), 2):
            combinations = Counter(zip(columns[a], columns[b], strict=True))
            firsts, seconds = {first for first, _ in combinations}, {second for _, second in combinations}
            belong = 1 < len(combinations) == len(firsts) == len(seconds) and min(combinations.values()) > 1
            if belong and (it[a], it[b]) not in combinations:
                found.add(i)
    return sorted(found)
