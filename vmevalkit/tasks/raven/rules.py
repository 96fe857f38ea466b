"""Rules of the rows: grids that follow them, what they predict, and answers to choose from."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from vmevalkit.tasks.raven.cards import FEATURES, NUMBER, SHADE, SHAPE, SHAPES, SIZE, TURN, Panel
from vmevalkit.tasks.toolkit.draw import FIGURES
from vmevalkit.tasks.toolkit.levels import levels
from vmevalkit.types import Record

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


class Puzzle(Record):
    """Eight cards of a grid, row by row, the answers to choose from, and the colors of the answers' borders."""

    given: tuple[Panel, ...]
    answers: tuple[Panel, ...]
    hues: tuple[str, ...]

    @property
    def right(self) -> int:
        """Index of the answer that fits."""
        return self.answers.index(_continued(self.given))


def generate_puzzle(rng: random.Random, difficulty: int) -> Puzzle:
    """Generate a grid whose rules determine the last card."""
    count, choices = LEVELS[difficulty]
    while True:
        rules = rng.choice(choices)
        panels = _random_cards(rng, rules)
        if panels is None:
            continue
        *given, last = panels
        # Reject the grid if another rule that fits the given cards would continue the rows differently.
        if any(_predictions([panel[feature] for panel in given], feature) != {last[feature]} for feature in FEATURES):
            continue
        changing = [feature for feature in FEATURES if len({panel[feature] for panel in panels}) > 1]
        answers = _answers(rng, given, last, changing, count)
        rng.shuffle(answers)
        return Puzzle(given=tuple(given), answers=tuple(answers), hues=tuple(rng.sample(_HUES, count)))


def _random_cards(rng: random.Random, rules: Sequence[Rule]) -> list[Panel] | None:
    """Choose nine cards that follow the rules; None if the chosen features cannot be combined."""
    number_rule = next((rule for rule in rules if rule in ("sum", "difference")), None)
    others = [rule for rule in rules if rule != number_rule]
    features = rng.sample([f for f in FEATURES if not (number_rule and f == NUMBER)], len(others))
    chosen = dict(zip(features, others, strict=True)) | ({NUMBER: number_rule} if number_rule else {})
    # Several figures in a card leave no room for sizes. Shapes have no order, and thus no steps.
    if {NUMBER, SIZE} <= chosen.keys() or chosen.get(SHAPE) == "step":
        return None
    pointing = range(len(FIGURES), len(SHAPES))
    domains = {
        SHAPE: list(pointing if TURN in chosen else range(len(FIGURES))),
        NUMBER: [1, 2, 3, 4], SIZE: [0, 1, 2], SHADE: [0, 1, 2], TURN: [0, 1, 2, 3],
    }  # fmt: skip
    still = {
        SHAPE: rng.choice(domains[SHAPE]),
        NUMBER: 1 if SIZE in chosen else rng.choice([1, 1, 2, 3]), SIZE: 2, SHADE: rng.randrange(3), TURN: 0,
    }  # fmt: skip
    if NUMBER in chosen:
        # A single figure is then as large as each of several.
        still[SIZE] = 0
    values = [_feature_values(rng, chosen[f], domains[f], f) if f in chosen else [still[f]] * 9 for f in FEATURES]
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
        rows = [[value % 4 for value in row] for row in rows] if feature == TURN else rows
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
    around = 4 if feature == TURN else 100
    steps = {(b - a) % around for a, b in (*itertools.pairwise(first), *itertools.pairwise(second), third)}
    if feature != SHAPE and len(steps) == 1:
        yield (third[1] + steps.pop()) % around
    if feature == NUMBER:
        if all(a + b == c for a, b, c in rows):
            yield sum(third)
        if all(a - b == c for a, b, c in rows):
            yield third[0] - third[1]


def _continued(given: Sequence[Panel]) -> Panel:
    """Ninth card of the grid."""
    a, b, c, d, e = (_predictions([panel[feature] for panel in given], feature).pop() for feature in FEATURES)
    return a, b, c, d, e


def _answers(
    rng: random.Random, given: Sequence[Panel], last: Panel, changing: Sequence[int], count: int
) -> list[Panel]:
    """Choose the right card and wrong ones in opposite pairs: each value of a changing feature is in half."""
    other = {feature: rng.choice(sorted({panel[feature] for panel in given} - {last[feature]})) for feature in changing}

    def card(wrong: frozenset[int]) -> Panel:
        a, b, c, d, e = (other[f] if f in wrong else last[f] for f in FEATURES)
        return a, b, c, d, e

    near = rng.sample([frozenset([feature]) for feature in changing], count // 2 - 1)
    everything = frozenset(changing)
    return [card(wrong) for side in (frozenset[int](), *near) for wrong in (side, everything - side)]
