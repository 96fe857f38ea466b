"""Futoshiki: fill the empty cards with pips so that no row or column repeats a number and every sign holds.

    [1]   [ ] > [2]       Each card has one to three pips here. A video passes if every empty card gets its right number
     ^           ^        of blue pips, one card after another and in any order, and if the full board is held. A sign
    [ ]   [ ]   [ ]       between two cards opens towards the card with more pips. The given cards (dark pips) and the
                          signs must stay. A card may not get a wrong number of pips, not even for a moment.
    [ ] > [2]   [ ]

The plan length is the number of empty cards. Each puzzle has one answer, and would have several without its signs.
There are far more than 10,000 questions at every difficulty.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from vmevalkit.tasks.base import register_task
from vmevalkit.tasks.toolkit.cells import CELL_REASONS, Board, CellsTask, Looks, changed, middle_of, square_box, swept
from vmevalkit.tasks.toolkit.draw import BLUE, GRAY, INK, WHITE, Box, Color, Point, Sketch
from vmevalkit.tasks.toolkit.levels import levels
from vmevalkit.types import Record, Size


class Level(NamedTuple):
    """Settings of one difficulty: cards in a row, range of the empty cards, and number of signs."""

    side: int
    fewest: int
    most: int
    signs: int


LEVELS = levels(
    Level(side=4, fewest=4, most=5, signs=4),
    Level(side=4, fewest=5, most=7, signs=5),
    Level(side=4, fewest=8, most=11, signs=6),
    Level(side=5, fewest=12, most=15, signs=9),
    Level(side=5, fewest=16, most=20, signs=12),
)
# Shares of the distance between cards: side of a card, width of its border, and half the height of a sign.
_CARD, _BORDER, _SIGN = 0.74, 0.045, 0.1
# Shares of half a card: radius of a pip, and distance of the outer pips from the middle.
_PIP, _SPREAD = 0.26, 0.56
# Places of the pips of each number, as on dice, in units of the distance above.
_PIPS: dict[int, tuple[Point, ...]] = {
    1: ((0, 0),),
    2: ((-1, 1), (1, -1)),
    3: ((-1, 1), (0, 0), (1, -1)),
    4: ((-1, -1), (-1, 1), (1, -1), (1, 1)),
    5: ((-1, -1), (-1, 1), (0, 0), (1, -1), (1, 1)),
}


class Puzzle(Record):
    """A board of `side` x `side` cards, row by row.

    Attributes:
        given: pips on each card; 0 if it is empty.
        answer: pips on each card.
        signs: pairs of neighboring cards; the first has fewer pips than the second.
    """

    side: int
    given: tuple[int, ...]
    answer: tuple[int, ...]
    signs: tuple[tuple[int, int], ...]


@register_task
class Futoshiki(CellsTask[Puzzle]):
    """The places are the empty cards, and a look is a number of pips."""

    name = "futoshiki"
    tags = ("logic", "counting")
    puzzle_type = Puzzle
    reasons = CELL_REASONS
    rubric = {
        "outcome": (
            "Every card has pips, no row or column has two cards with the same number, and every sign opens towards "
            "the card with more pips."
        ),
        "process": "Empty cards get blue pips one card after another, in any order, and never a wrong number.",
    }

    def generate(self, rng: random.Random, difficulty: int) -> Puzzle:
        side, fewest, most, signs = LEVELS[difficulty]
        while True:
            answer = next(_answers((0,) * side * side, (), side, rng))
            missing = rng.sample(range(side * side), rng.randint(fewest, most))
            given = tuple(0 if card in missing else pips for card, pips in enumerate(answer))
            if swept([divmod(card, side) for card in missing]) or _is_unique(given, (), side):
                continue
            found = _necessary(rng, given, answer, side, signs)
            if found is not None:
                return Puzzle(side=side, given=given, answer=answer, signs=found)

    def start(self, puzzle: Puzzle) -> Looks:
        return (0,) * puzzle.given.count(0)

    def goal(self, puzzle: Puzzle) -> Looks:
        return tuple(puzzle.answer[card] for card in _missing(puzzle))

    def looks(self, puzzle: Puzzle) -> int:
        return puzzle.side + 1

    def steps(self, puzzle: Puzzle) -> list[str]:
        n = puzzle.side
        return [f"{puzzle.answer[c]} in row {c // n + 1}, column {c % n + 1}" for c in _missing(puzzle)]

    def plan_text(self, puzzle: Puzzle) -> str:
        rows = []
        for row in range(puzzle.side):
            cards = [card for card in _missing(puzzle) if card // puzzle.side == row]
            parts = (f"{puzzle.answer[card]} in {card % puzzle.side + 1}" for card in cards)
            if cards:
                rows.append(f"row {row + 1}: {', '.join(parts)}")
        return f"put pips (number in column), {'; '.join(rows)}"

    def phrasings(self, puzzle: Puzzle) -> Sequence[str]:
        n = puzzle.side
        return (
            f"A board of {n}x{n} cards with 1 to {n} pips, some still empty. The empty cards get blue pips, one card "
            "after another, until no number of pips repeats in any row or column and every sign between two cards "
            "opens towards the card with more pips. The dark pips and the signs never change. The camera is fixed.",
            f"Solve this number puzzle with pips instead of digits: each row and column must have 1 to {n} pips once "
            "each, and each arrow-like sign points from the card with more pips to the one with fewer. Fill the empty "
            "cards in blue, one at a time. Given pips and signs stay. Static camera.",
            f"Blue pips appear on one empty card after another. In the end every row and every column holds the "
            f"numbers 1 to {n}, none twice, and the wide side of every sign faces the larger number. The cards with "
            "dark pips stay as they are and the camera does not move.",
        )

    def cheats(self, puzzle: Puzzle) -> dict[str, list[Board]]:
        found, goal, order = super().cheats(puzzle), self.goal(puzzle), self.order(puzzle)
        other = next(place for place in order if goal[place] != goal[order[-1]])
        swapped = changed(goal, {other: goal[order[-1]], order[-1]: goal[other]})
        found["nearly_two_swapped"] = self.filled(puzzle, order, swapped)
        without_signs = next(a for a in _answers(puzzle.given, (), puzzle.side) if a != puzzle.answer)
        found["nearly_signs_ignored"] = self.filled(
            puzzle, order, tuple(without_signs[card] for card in _missing(puzzle))
        )
        return found

    def sheet(self, puzzle: Puzzle, canvas: Size, downscale: float = 1) -> tuple[Sketch, list[Box]]:
        side = puzzle.side
        step = min(canvas) * 0.94 / side
        left, top = ((extent - step * side) / 2 for extent in canvas)
        sketch = Sketch(canvas, downscale=downscale)
        centers = [(left + (c % side + 0.5) * step, top + (c // side + 0.5) * step) for c in range(side * side)]
        boxes = []
        for pips, center in zip(puzzle.given, centers, strict=True):
            inside = square_box(center, (_CARD / 2 - _BORDER) * step)
            sketch.rectangle(square_box(center, _CARD / 2 * step), GRAY, radius=0.1 * step)
            sketch.rectangle(inside, WHITE, radius=0.07 * step)
            if pips:
                _draw_pips(sketch, inside, pips, INK, 1.0)
            else:
                boxes.append(inside)
        for few, many in puzzle.signs:
            _draw_sign(sketch, centers[few], centers[many], _SIGN * step)
        return sketch, boxes

    def draw_look(self, puzzle: Puzzle, sketch: Sketch, box: Box, look: int, size: float) -> None:
        _draw_pips(sketch, box, look, BLUE, size)


def _draw_pips(sketch: Sketch, box: Box, pips: int, color: Color, size: float) -> None:
    """Draw pips on a card, each at a share of its full size."""
    x, y, half = middle_of(box)
    for across, down in _PIPS[pips]:
        sketch.circle((x + across * _SPREAD * half, y + down * _SPREAD * half), _PIP * half * size, color)


def _draw_sign(sketch: Sketch, few: Point, many: Point, half: float) -> None:
    """Draw a sign between two cards, whose tip shows the one with fewer pips."""
    x, y = (few[0] + many[0]) / 2, (few[1] + many[1]) / 2
    distance = abs(few[0] - many[0]) + abs(few[1] - many[1])
    dx, dy = (few[0] - many[0]) / distance, (few[1] - many[1]) / distance
    ends = [(x - 0.55 * half * dx + k * half * dy, y - 0.55 * half * dy + k * half * dx) for k in (1, -1)]
    sketch.line([ends[0], (x + 0.55 * half * dx, y + 0.55 * half * dy), ends[1]], 0.42 * half, INK)


def _missing(puzzle: Puzzle) -> list[int]:
    """Return the empty cards."""
    return [card for card, pips in enumerate(puzzle.given) if not pips]


def _pairs(side: int) -> list[tuple[int, int]]:
    """Return all pairs of neighboring cards."""
    cards = range(side * side)
    return [(c, c + 1) for c in cards if (c + 1) % side] + [(c, c + side) for c in cards if c + side < side * side]


def _necessary(
    rng: random.Random, given: Looks, answer: Looks, side: int, most: int
) -> tuple[tuple[int, int], ...] | None:
    """Return signs that leave one answer, found by leaving out one after another; None if there are more than `most`.

    There are exactly `most` if fewer are enough. A sign between two given cards says nothing and is left out first.
    """
    signs = [(a, b) if answer[a] < answer[b] else (b, a) for a, b in _pairs(side)]
    rng.shuffle(signs)
    signs = [pair for pair in signs if not (given[pair[0]] and given[pair[1]])]
    if not _is_unique(given, signs, side):
        return None
    for sign in list(signs):
        rest = [it for it in signs if it != sign]
        if len(signs) > most and _is_unique(given, rest, side):
            signs = rest
    return tuple(sorted(signs)) if len(signs) <= most else None


def _is_unique(given: Looks, signs: Sequence[tuple[int, int]], side: int) -> bool:
    return len(list(itertools.islice(_answers(given, signs, side), 2))) == 1


def _answers(
    given: Looks, signs: Sequence[tuple[int, int]], side: int, rng: random.Random | None = None
) -> Iterator[Looks]:
    """Yield the answers, in random order if there is a random generator.

    The card with the fewest choices is filled first.
    """
    if 0 not in given:
        yield given
        return
    best: tuple[int, list[int]] | None = None
    for card in (card for card, pips in enumerate(given) if not pips):
        row, column = divmod(card, side)
        taken = {*given[row * side : (row + 1) * side], *given[column::side]}
        low = max((given[a] for a, b in signs if b == card), default=0)
        high = min((given[b] or side + 1 for a, b in signs if a == card), default=side + 1)
        choices = [pips for pips in range(low + 1, high) if pips not in taken]
        if best is None or len(choices) < len(best[1]):
            best = card, choices
    assert best is not None
    card, choices = best
    if rng is not None:
        rng.shuffle(choices)
    for pips in choices:
        yield from _answers(changed(given, {card: pips}), signs, side, rng)
