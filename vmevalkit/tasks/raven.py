"""Raven: slide the card that fits the rules of the rows into the empty place.

    o    oo   ooo       A video passes if the one card that continues the rows slides into the empty place at the lower
    #    ##   ###       right and stays there. It may take any path. The gray cards and the other colored cards stay as
    +    ++    ?        they are.

                        Each feature (shape, number, size, shade, direction) follows its own rule along the rows: it
    [++]  [+++]         stays the same, goes up or down step by step, takes the same three values in any order, or the
    [##]  [###]         number in the third card is the sum or the difference of the first two.

The plan length is always one; difficulty is how many features change and by which rules. Each value of a changing
feature appears in half of the answers, so that the answers alone do not reveal which is right. There are far more than
10,000 grids at every difficulty except difficulty 1, which has about 8,000, times the order and the colors of the
answers.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from vmevalkit.media import Planes
from vmevalkit.tasks.base import Reader, Reading, lerp, register_task
from vmevalkit.tasks.toolkit.draw import FIGURES, GRAY, INK, PAPER, WHITE, Color, Point, Sketch, figure, oval
from vmevalkit.tasks.toolkit.levels import levels
from vmevalkit.tasks.toolkit.pieces import PIECE_HUES, PIECE_REASONS, REST, Board, PiecesTask, Place, Places
from vmevalkit.tasks.toolkit.vision import Floats, Lens, downscale_of
from vmevalkit.types import Record, Size

# Shape, number of figures, size, shade, direction in quarter turns.
Panel = tuple[int, int, int, int, int]
_FEATURES = range(5)
_SHAPE, _NUMBER, _SIZE, _SHADE, _TURN = _FEATURES
# Shapes with a direction, as polygons about the origin that point up, within a radius of about 1.
_POINTERS: dict[str, list[Point]] = {
    "arrow": [(0, -1), (0.9, 0), (0.36, 0), (0.36, 0.95), (-0.36, 0.95), (-0.36, 0), (-0.9, 0)],
    "half": [(x, max(-1.0, 1.1 * y) + 0.5) for x, y in oval(0, 0, 1, 1) if y <= 0.01],
    "dart": [(0, -1), (0.9, 0.9), (0, 0.35), (-0.9, 0.9)],
}
_SHAPES = (*FIGURES, *_POINTERS)
# Bluish grays: far from purple, which is as bright as the middle one.
_SHADES: tuple[Color, ...] = ((178, 192, 197), (76, 104, 110), INK)
_SIZES = (0.14, 0.21, 0.29)
# Positions of one to four figures in a card, in units, and their size if there are several.
_SPOTS: tuple[tuple[Point, ...], ...] = (
    ((0, 0),),
    ((-0.19, 0), (0.19, 0)),
    ((0, -0.155), (-0.19, 0.155), (0.19, 0.155)),
    ((-0.19, -0.155), (0.19, -0.155), (-0.19, 0.155), (0.19, 0.155)),
)
_SEVERAL_SIZE = 0.15

# How a feature changes along a row: it stays the same, takes three values in any order, goes up or down step by step,
# or the third value is the sum or the difference of the first two.
Rule = Literal["same", "three", "step", "sum", "difference"]


class Level(NamedTuple):
    """Settings of one difficulty: the number of answers, and sets of rules for the features that change."""

    answers: int
    rules: tuple[tuple[Rule, ...], ...]


LEVELS = levels(
    Level(answers=4, rules=(("same", "step"), ("same", "three"))),
    Level(answers=4, rules=(("three", "step"), ("three", "three"), ("step", "step"))),
    Level(answers=6, rules=(("same", "three", "step"), ("three", "three", "step"), ("same", "three", "three"))),
    Level(answers=6, rules=(("sum", "three", "step"), ("difference", "three", "three"), ("sum", "three", "three"))),
    Level(answers=6, rules=(("sum", "three", "three", "step"), ("difference", "three", "three", "three"))),
)
_HUES = ("blue", "orange", "green", "purple", "yellow", "red")
# The empty place, and the gap between the answers and the grid.
_GAP: Place = (2.0, 2.0)
_APART = 0.35
# A card this near to its place lies still. Its figures are wrong if another card explains them with less than this
# share of the error.
_STILL, _WRONG_ERROR = 0.05, 0.5


class Puzzle(Record):
    """Eight cards of a grid, row by row, the answers to choose from, and the colors of the answers' borders."""

    given: tuple[Panel, ...]
    answers: tuple[Panel, ...]
    hues: tuple[str, ...]

    @property
    def right(self) -> int:
        """Index of the answer that fits."""
        return self.answers.index(_continued(self.given))


@register_task
class Raven(PiecesTask[Puzzle]):
    """The answers are the pieces. A place is (row, column) of the grid, which the columns of answers extend.

    The right card is the last piece, so that it is drawn above the others when it passes over them.
    """

    name = "raven"
    tags = ("logic", "perception")
    puzzle_type = Puzzle
    clear = 0.55
    reasons = {**PIECE_REASONS, "wrong_card": "A card that does not fit the rows enters the empty place."}
    rubric = {
        "outcome": "The one card that continues the rules of the rows lies in the empty place.",
        "process": "That card slides into the empty place. It may take any path.",
    }

    def generate(self, rng: random.Random, difficulty: int) -> Puzzle:
        count, choices = LEVELS[difficulty]
        while True:
            rules = rng.choice(choices)
            panels = _random_cards(rng, rules)
            if panels is None:
                continue
            *given, last = panels
            # Reject the grid if another rule that fits the given cards would continue the rows differently.
            if any(
                _predictions([panel[feature] for panel in given], feature) != {last[feature]} for feature in _FEATURES
            ):
                continue
            changing = [feature for feature in _FEATURES if len({panel[feature] for panel in panels}) > 1]
            answers = _answers(rng, given, last, changing, count)
            rng.shuffle(answers)
            return Puzzle(given=tuple(given), answers=tuple(answers), hues=tuple(rng.sample(_HUES, count)))

    def _order(self, puzzle: Puzzle) -> list[int]:
        """Index of the answer that each piece is."""
        right = _right(puzzle)
        return [*(card for card in range(len(puzzle.answers)) if card != right), right]

    def moves(self, puzzle: Puzzle) -> list[Places]:
        rows = len(puzzle.answers) // 2
        columns = (-1 - _APART, 3 + _APART)
        homes = [(card // 2 + (3 - rows) / 2, columns[card % 2]) for card in self._order(puzzle)]
        return [tuple(homes), (*homes[:-1], _GAP)]

    def steps(self, puzzle: Puzzle) -> list[str]:
        return [f"slide the card with the {puzzle.hues[_right(puzzle)]} frame into the empty place"]

    def piece_in_words(self, puzzle: Puzzle, piece: int) -> str:
        return f"the card with the {puzzle.hues[self._order(puzzle)[piece]]} frame"

    def place_in_words(self, puzzle: Puzzle, piece: int, place: Place) -> str:
        if math.dist(place, _GAP) < REST:
            return "in the empty place"
        at_home = math.dist(place, self.moves(puzzle)[0][piece]) < REST
        return "at its place beside the grid" if at_home else "on its way"

    def phrasings(self, puzzle: Puzzle) -> Sequence[str]:
        count = {4: "four", 6: "six"}[len(puzzle.answers)]
        return (
            "A grid of three rows of grey cards; the last card is missing. All rows follow the same rules for shape, "
            f"number, size, shade and direction. One of the {count} coloured cards at the sides continues the last "
            "row: it slides into the empty place and stays there. All other cards stay. The camera is fixed.",
            f"A picture puzzle: find the rules of the rows, then slide the one of the {count} coloured cards that "
            "belongs there into the empty place at the lower right of the grid. Only this card moves, smoothly and in "
            "one piece. Static camera.",
            f"Complete the three by three matrix. Of the {count} cards with coloured frames, only one fits the pattern "
            "of the rows. Show it gliding into the gap, unchanged, while the others rest. The camera does not move.",
        )

    def colors(self, puzzle: Puzzle) -> Sequence[Color]:
        return [PIECE_HUES[puzzle.hues[card]] for card in self._order(puzzle)]

    def sheet(self, puzzle: Puzzle, canvas: Size, downscale: float = 1) -> tuple[Sketch, Point, float]:
        wide = 5 + 2 * _APART
        unit = min(canvas[0] * 0.88 / wide, canvas[1] * 0.86 / 3)
        left, top = (canvas[0] - unit * wide) / 2, (canvas[1] - unit * 3) / 2
        origin = (left + (1.5 + _APART) * unit, top + unit / 2)
        sketch = Sketch(canvas, downscale=downscale)
        for i, panel in enumerate(puzzle.given):
            _draw_card(sketch, panel, (origin[0] + i % 3 * unit, origin[1] + i // 3 * unit), unit, GRAY)
        x, y, half = origin[0] + 2 * unit, origin[1] + 2 * unit, 0.46 * unit
        sketch.rectangle((x - half, y - half, x + half, y + half), GRAY, radius=0.1 * unit)
        half -= 0.07 * unit
        sketch.rectangle((x - half, y - half, x + half, y + half), PAPER, radius=0.05 * unit)
        return sketch, origin, unit

    def draw_piece(self, puzzle: Puzzle, sketch: Sketch, piece: int, center: Point, unit: float) -> None:
        card = self._order(puzzle)[piece]
        _draw_card(sketch, puzzle.answers[card], center, unit, PIECE_HUES[puzzle.hues[card]])

    def extent(self, puzzle: Puzzle, piece: int) -> tuple[float, float]:
        return 0.46, 0.46

    def reader(self, puzzle: Puzzle, canvas: Size) -> Reader[Board]:
        """Make a reader that also compares the figures on the cards, which blur makes similar."""
        return _CardReader(self, puzzle, canvas, super().reader(puzzle, canvas)).read

    def slot(self, puzzle: Puzzle, homes: Places, piece: int, place: Place) -> Place:
        return min(self.moves(puzzle)[0][piece], _GAP, key=lambda slot: math.dist(slot, place))

    def against(self, puzzle: Puzzle, homes: Places, piece: int, slot: Place, aloft: Sequence[int]) -> str | None:
        return "wrong_card" if slot == _GAP and piece != len(homes) - 1 else None

    def closeness(self, puzzle: Puzzle, homes: Places) -> float:
        return 1.0 if homes == self.moves(puzzle)[1] else 0.0

    def detour(self, puzzle: Puzzle, piece: int, a: Place, b: Place) -> list[Place]:
        # Pass over the grid instead of over other answers.
        return [(a[0], b[1])]

    def cheats(self, puzzle: Puzzle) -> dict[str, list[Board]]:
        start, end = self.solution(puzzle)
        homes, last, aside = start.places, len(start.places) - 1, (1.0, 1.0)
        found = {
            f"nearly_card_{piece + 1}": [start, Board((*homes[:piece], _GAP, *homes[piece + 1 :]))]
            for piece in range(last)
        }
        return found | {
            "two_cards": [start, Board((_GAP, *homes[1:])), Board((_GAP, *homes[1:last], _GAP))],
            "nearly_in_place": [start, Board((*homes[:last], (2.0, 2.35)))],
            "jump": [start, Board((*homes[:last], None)), end, end],
            "another_card_leaves_too": [start, Board((aside, *homes[1:])), Board((aside, *end.places[1:]))],
        }

    def alternatives(self, puzzle: Puzzle) -> dict[str, list[Board]]:
        start, end = self.solution(puzzle)
        (down, right), others = start.places[-1] or _GAP, start.places[:-1]
        straight = [Board((*others, (lerp(down, _GAP[0], t), lerp(right, _GAP[1], t)))) for t in (0.25, 0.5, 0.75)]
        return {
            "straight": [start, *straight, end],
            "over_the_grid": [start, Board((*others, (0.4, 1.2))), end],
        }


@lru_cache(maxsize=256)
def _right(puzzle: Puzzle) -> int:
    return puzzle.right


def _draw_card(sketch: Sketch, panel: Panel, center: Point, unit: float, frame: Color) -> None:
    """Draw a card. Its border is broader at the bottom, so that its color can be seen."""
    x, y, half = *center, 0.46 * unit
    sketch.rectangle((x - half, y - half, x + half, y + half), frame, radius=0.1 * unit)
    side, bottom = half - 0.08 * unit, half - 0.22 * unit
    sketch.rectangle((x - side, y - side, x + side, y + bottom), WHITE, radius=0.05 * unit)
    y += (bottom - side) / 2
    shape, number, size, shade, turn = panel
    radius = (_SIZES[size] if number == 1 else _SEVERAL_SIZE) * unit
    for across, down in _SPOTS[number - 1]:
        at = (x + across * unit, y + down * unit)
        if _SHAPES[shape] in FIGURES:
            figure(sketch, _SHAPES[shape], at, radius, _SHADES[shade])
        else:
            points = _POINTERS[_SHAPES[shape]]
            for _ in range(turn):
                points = [(-down, across) for across, down in points]
            sketch.polygon([(at[0] + radius * right, at[1] + radius * low) for right, low in points], _SHADES[shade])


class _CardReader:
    """Reads frames like every pieces task, and checks that resting cards show their own figures."""

    def __init__(self, task: Raven, puzzle: Puzzle, canvas: Size, read: Reader[Board]) -> None:
        self._task, self._puzzle, self._read = task, puzzle, read
        self._homes = task.moves(puzzle)[0]
        self._cells = [divmod(float(i), 3) for i in range(8)]
        _sheet, origin, unit = task.sheet(puzzle, canvas)
        downscale = downscale_of(canvas)
        self._cards = _CardComparison(
            task.drawing(puzzle, Board(self._homes), canvas),
            [*(puzzle.answers[card] for card in task._order(puzzle)), *puzzle.given],
            [*self._homes, *self._cells],
            (origin[0] / downscale, origin[1] / downscale),
            unit / downscale,
        )

    def read(self, frame: Planes) -> Reading[Board]:
        """Read one frame."""
        reading = self._read(frame)
        if reading.state is None:
            return reading
        places = [place for place in reading.state.places if place is not None]
        if len(places) < len(self._homes):
            return reading
        slots = [self._task.slot(self._puzzle, self._homes, piece, place) for piece, place in enumerate(places)]
        # A card that is about to leave may cover part of another.
        if max(map(math.dist, slots, places)) > _STILL:
            return reading
        wrong = self._cards.wrong(frame, [*slots, *self._cells])
        if any(card >= len(self._homes) for card in wrong):
            return Reading(None, False, "piece_changed")
        return Reading(reading.state._replace(odd=(*reading.state.odd, *wrong)), reading.scene_intact, reading.note)


class _CardComparison:
    """Compares the figures on cards with those on every other card, at the size of the view."""

    def __init__(
        self, start: Planes, panels: Sequence[Panel], places: Sequence[Place], origin: Point, unit: float
    ) -> None:
        self._lens, self._origin, self._unit = Lens(start), origin, unit
        self._known = np.stack([self._cut(start[0], place)[4] for place in places])
        # Cards with the same figures are not compared.
        self._alike = np.array([[a == b for b in panels] for a in panels])

    def _cut(self, luma: npt.NDArray[np.uint8], place: Place) -> Floats:
        """Inside of a card at nine offsets of up to a pixel; shape (9, pixels)."""
        x = round(self._origin[0] + (place[1] - 0.36) * self._unit)
        y = round(self._origin[1] + (place[0] - 0.36) * self._unit)
        height, width = round(0.57 * self._unit), round(0.72 * self._unit)
        cuts = [luma[y + b : y + b + height, x + a : x + a + width].ravel() for b in (-1, 0, 1) for a in (-1, 0, 1)]
        return np.stack(cuts).astype(np.float32)

    def wrong(self, frame: Planes, places: Sequence[Place]) -> list[int]:
        """Indices of cards whose figures resemble those of another card more than their own."""
        luma = self._lens.planes(frame)[0]
        size = (self._known**2).sum(1)
        found = []
        for card, place in enumerate(places):
            cuts = self._cut(luma, place)
            off = ((cuts**2).sum(1)[:, None] - 2 * cuts @ self._known.T + size).min(0)
            if (off < _WRONG_ERROR * off[card])[~self._alike[card]].any():
                found.append(card)
        return found


def _random_cards(rng: random.Random, rules: Sequence[Rule]) -> list[Panel] | None:
    """Choose nine cards that follow the rules; None if the chosen features cannot be combined."""
    number_rule = next((rule for rule in rules if rule in ("sum", "difference")), None)
    others = [rule for rule in rules if rule != number_rule]
    features = rng.sample([f for f in _FEATURES if not (number_rule and f == _NUMBER)], len(others))
    chosen = dict(zip(features, others, strict=True)) | ({_NUMBER: number_rule} if number_rule else {})
    # Several figures in a card leave no room for sizes. Shapes have no order, and thus no steps.
    if {_NUMBER, _SIZE} <= chosen.keys() or chosen.get(_SHAPE) == "step":
        return None
    pointing = range(len(FIGURES), len(_SHAPES))
    domains = {
        _SHAPE: list(pointing if _TURN in chosen else range(len(FIGURES))),
        _NUMBER: [1, 2, 3, 4], _SIZE: [0, 1, 2], _SHADE: [0, 1, 2], _TURN: [0, 1, 2, 3],
    }  # fmt: skip
    still = {
        _SHAPE: rng.choice(domains[_SHAPE]),
        _NUMBER: 1 if _SIZE in chosen else rng.choice([1, 1, 2, 3]), _SIZE: 2, _SHADE: rng.randrange(3), _TURN: 0,
    }  # fmt: skip
    if _NUMBER in chosen:
        # A single figure is then as large as each of several.
        still[_SIZE] = 0
    values = [_feature_values(rng, chosen[f], domains[f], f) if f in chosen else [still[f]] * 9 for f in _FEATURES]
    return [(a, b, c, d, e) for a, b, c, d, e in zip(*values, strict=True)]


def _feature_values(rng: random.Random, rule: Rule, domain: list[int], feature: int) -> list[int]:
    """Choose the values of a feature in nine cards that follow a rule along the rows."""
    if rule == "same":
        return [value for value in rng.sample(domain, 3) for _ in range(3)]
    if rule == "three":
        values = rng.sample(domain, 3)
        shift = rng.choice((1, 2))
        return [values[(column + shift * row) % 3] for row in range(3) for column in range(3)]
    if rule == "step":
        by = rng.choice((-1, 1))
        rows = [[value + by * i for i in range(3)] for value in domain]
        rows = [[value % 4 for value in row] for row in rows] if feature == _TURN else rows
        rows = [row for row in rows if set(row) <= set(domain)]
        return [value for _ in range(3) for value in rng.choice(rows)]
    sums = [(a, b, a + b) for a, b in itertools.product(domain, repeat=2) if a + b in domain]
    picked = rng.sample(sums, 3)
    return [value for a, b, c in picked for value in ((a, b, c) if rule == "sum" else (c, b, a))]


def _predictions(given: Sequence[int], feature: int) -> set[int]:
    """Ninth values predicted by the rules that fit the eight given values of a feature, along rows or columns."""
    found = set[int]()
    for order in (range(9), (0, 3, 6, 1, 4, 7, 2, 5, 8)):
        values = [given[i] for i in order if i < 8]
        found.update(_continuations(values[:3], values[3:6], values[6:], feature))
    return found


def _continuations(first: Sequence[int], second: Sequence[int], third: Sequence[int], feature: int) -> Iterator[int]:
    """Last values of the third row, one for each rule that fits two complete rows and two values of the third."""
    rows = (first, second)
    if all(len(set(row)) == 1 for row in (*rows, third)):
        yield third[0]
    if set(first) == set(second) and len(set(first)) == 3 and len(set(third)) == 2 and set(third) <= set(first):
        yield (set(first) - set(third)).pop()
    around = 4 if feature == _TURN else 100
    steps = {(b - a) % around for a, b in (*itertools.pairwise(first), *itertools.pairwise(second), third)}
    if feature != _SHAPE and len(steps) == 1:
        yield (third[1] + steps.pop()) % around
    if feature == _NUMBER:
        if all(a + b == c for a, b, c in rows):
            yield sum(third)
        if all(a - b == c for a, b, c in rows):
            yield third[0] - third[1]


def _continued(given: Sequence[Panel]) -> Panel:
    """Ninth card of the grid."""
    a, b, c, d, e = (_predictions([panel[feature] for panel in given], feature).pop() for feature in _FEATURES)
    return a, b, c, d, e


def _answers(
    rng: random.Random, given: Sequence[Panel], last: Panel, changing: Sequence[int], count: int
) -> list[Panel]:
    """Choose the right card and wrong ones in opposite pairs: each value of a changing feature is in half."""
    other = {feature: rng.choice(sorted({panel[feature] for panel in given} - {last[feature]})) for feature in changing}

    def card(wrong: frozenset[int]) -> Panel:
        a, b, c, d, e = (other[f] if f in wrong else last[f] for f in _FEATURES)
        return a, b, c, d, e

    near = rng.sample([frozenset([feature]) for feature in changing], count // 2 - 1)
    everything = frozenset(changing)
    return [card(wrong) for side in (frozenset[int](), *near) for wrong in (side, everything - side)]
