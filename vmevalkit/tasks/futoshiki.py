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

import random
from collections.abc import Sequence
from typing import NamedTuple

from vmevalkit.tasks.base import register_task
from vmevalkit.tasks.toolkit.cells import CELL_REASONS, Board, CellsTask, Looks, changed, middle_of, square_box, swept
from vmevalkit.tasks.toolkit.compass import cell_in_words
from vmevalkit.tasks.toolkit.completions import Choices, completions, has_one_completion
from vmevalkit.tasks.toolkit.draw import BLUE, GRAY, INK, WHITE, Box, Color, Point, Sketch
from vmevalkit.tasks.toolkit.levels import levels
from vmevalkit.types import Record, Size

# The first of two neighboring cards has fewer pips than the second.
Sign = tuple[int, int]


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
# Shares of the distance between cards: side of a card, width of its border, half the opening and half the depth of a
# sign, and width of its lines.
_CARD, _BORDER = 0.7, 0.045
_OPENING, _DEPTH, _PEN = 0.125, 0.07, 0.07
# Shares of half a card: radius of a pip, and distance of the outer pips from the middle.
_PIP, _SPREAD = 0.28, 0.56
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
        signs: pairs of neighboring cards (fewer pips, more pips).
    """

    side: int
    given: tuple[int, ...]
    answer: tuple[int, ...]
    signs: tuple[Sign, ...]


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
        level = LEVELS[difficulty]
        side = level.side
        while True:
            answer = next(completions((0,) * side * side, _rules(side), rng))
            missing = rng.sample(range(side * side), rng.randint(level.fewest, level.most))
            given = changed(answer, dict.fromkeys(missing, 0))
            if swept([divmod(card, side) for card in missing]) or has_one_completion(given, _rules(side)):
                continue
            signs = _necessary(rng, given, answer, side, level.signs)
            if signs is not None:
                return Puzzle(side=side, given=given, answer=answer, signs=signs)

    def goal(self, puzzle: Puzzle) -> Looks:
        return tuple(puzzle.answer[card] for card in _missing(puzzle))

    def looks(self, puzzle: Puzzle) -> int:
        return puzzle.side + 1

    def steps(self, puzzle: Puzzle) -> list[str]:
        n = puzzle.side
        return [f"{puzzle.answer[c]} {cell_in_words(divmod(c, n))}" for c in _missing(puzzle)]

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
            f"A board of {n}x{n} cards with 1 to {n} pips, some still empty. One empty card after another gets blue "
            "pips, all at once, until no number of pips repeats in any row or column and every sign between two cards "
            "opens towards the card with more pips. The dark pips and the signs never change. The camera is fixed.",
            f"Solve this number puzzle with pips instead of digits: each row and column must have 1 to {n} pips once "
            "each, and each arrow-like sign points from the card with more pips to the one with fewer. Fill the empty "
            "cards in blue, one whole card at a time. Given pips and signs stay. Static camera.",
            f"All blue pips of an empty card appear together, one card after another. In the end every row and every "
            f"column holds the numbers 1 to {n}, none twice, and the wide side of every sign faces the larger number. "
            "The cards with dark pips stay as they are and the camera does not move.",
        )

    def cheats(self, puzzle: Puzzle) -> dict[str, list[Board]]:
        found, goal, order = super().cheats(puzzle), self.goal(puzzle), self.order(puzzle)
        other = next(place for place in order if goal[place] != goal[order[-1]])
        swapped = changed(goal, {other: goal[order[-1]], order[-1]: goal[other]})
        found["nearly_two_swapped"] = self.filled(puzzle, order, swapped)
        ignoring = next(it for it in completions(puzzle.given, _rules(puzzle.side)) if it != puzzle.answer)
        found["nearly_signs_ignored"] = self.filled(puzzle, order, tuple(ignoring[card] for card in _missing(puzzle)))
        return found

    def sheet(self, puzzle: Puzzle, canvas: Size, downscale: float = 1) -> tuple[Sketch, list[Box]]:
        side = puzzle.side
        step = min(canvas) * 0.92 / (side - 1 + _CARD)
        left, top = ((extent - step * (side - 1)) / 2 for extent in canvas)
        sketch = Sketch(canvas, downscale=downscale)
        centers = [(left + c % side * step, top + c // side * step) for c in range(side * side)]
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
            _draw_sign(sketch, centers[few], centers[many])
        return sketch, boxes

    def draw_look(self, puzzle: Puzzle, sketch: Sketch, box: Box, look: int, size: float) -> None:
        _draw_pips(sketch, box, look, BLUE, size)


def _draw_pips(sketch: Sketch, box: Box, pips: int, color: Color, size: float) -> None:
    """Draw pips on a card, each at a share of its full size."""
    x, y, half = middle_of(box)
    for across, down in _PIPS[pips]:
        sketch.circle((x + across * _SPREAD * half, y + down * _SPREAD * half), _PIP * half * size, color)


def _draw_sign(sketch: Sketch, few: Point, many: Point) -> None:
    """Draw a sign between the centers of two cards. Its tip points to the card with fewer pips."""
    x, y, right, down = (few[0] + many[0]) / 2, (few[1] + many[1]) / 2, few[0] - many[0], few[1] - many[1]
    ends = [(x - _DEPTH * right + k * down, y - _DEPTH * down + k * right) for k in (_OPENING, -_OPENING)]
    sketch.line([ends[0], (x + _DEPTH * right, y + _DEPTH * down), ends[1]], _PEN * (abs(right) + abs(down)), INK)


def _missing(puzzle: Puzzle) -> list[int]:
    """Return the empty cards."""
    return [card for card, pips in enumerate(puzzle.given) if not pips]


def _necessary(rng: random.Random, given: Looks, answer: Looks, side: int, most: int) -> tuple[Sign, ...] | None:
    """Return at most `most` signs that leave one answer; None if leaving out one after another does not find them."""
    cards = range(side * side)
    pairs = [(c, c + 1) for c in cards if (c + 1) % side] + [(c, c + side) for c in cards[:-side]]
    # A sign between two given cards says nothing.
    signs = [(a, b) if answer[a] < answer[b] else (b, a) for a, b in pairs if not (given[a] and given[b])]
    rng.shuffle(signs)
    if not has_one_completion(given, _rules(side, signs)):
        return None
    for sign in list(signs):
        rest = [it for it in signs if it != sign]
        if len(signs) > most and has_one_completion(given, _rules(side, rest)):
            signs = rest
    return tuple(sorted(signs)) if len(signs) <= most else None


def _rules(side: int, signs: Sequence[Sign] = ()) -> Choices:
    """Return what tells how many pips an empty card may have, next to the other cards and to signs."""

    def choices(board: Looks, card: int) -> list[int]:
        row, column = divmod(card, side)
        taken = {*board[row * side : (row + 1) * side], *board[column::side]}
        low = max((board[a] for a, b in signs if b == card), default=0)
        high = min((board[b] or side + 1 for a, b in signs if a == card), default=side + 1)
        return [pips for pips in range(low + 1, high) if pips not in taken]

    return choices
