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

import math
import random
from collections.abc import Sequence
from functools import lru_cache

from vmevalkit.tasks.base import Reader, lerp, register_task
from vmevalkit.tasks.raven.cards import draw_card
from vmevalkit.tasks.raven.reading import CELLS, CardComparison, CardReader
from vmevalkit.tasks.raven.rules import LEVELS, Level, Puzzle, generate_puzzle
from vmevalkit.tasks.toolkit.draw import GRAY, PAPER, Color, Point, Sketch
from vmevalkit.tasks.toolkit.pieces import PIECE_HUES, PIECE_REASONS, REST, Board, PiecesTask, Place, Places
from vmevalkit.tasks.toolkit.vision import downscale_of
from vmevalkit.types import Size

__all__ = ["LEVELS", "Level", "Puzzle", "Raven"]

# The empty place, and the gap between the answers and the grid.
_GAP: Place = (2.0, 2.0)
_APART = 0.35


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
        return generate_puzzle(rng, difficulty)

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
            draw_card(sketch, panel, (origin[0] + i % 3 * unit, origin[1] + i // 3 * unit), unit, GRAY)
        x, y, half = origin[0] + 2 * unit, origin[1] + 2 * unit, 0.46 * unit
        sketch.rectangle((x - half, y - half, x + half, y + half), GRAY, radius=0.1 * unit)
        half -= 0.07 * unit
        sketch.rectangle((x - half, y - half, x + half, y + half), PAPER, radius=0.05 * unit)
        return sketch, origin, unit

    def draw_piece(self, puzzle: Puzzle, sketch: Sketch, piece: int, center: Point, unit: float) -> None:
        card = self._order(puzzle)[piece]
        draw_card(sketch, puzzle.answers[card], center, unit, PIECE_HUES[puzzle.hues[card]])

    def extent(self, puzzle: Puzzle, piece: int) -> tuple[float, float]:
        return 0.46, 0.46

    def reader(self, puzzle: Puzzle, canvas: Size) -> Reader[Board]:
        """Make a reader that also compares the figures on the cards, which blur makes similar."""
        _sheet, (left, top), unit = self.sheet(puzzle, canvas)
        downscale, homes = downscale_of(canvas), self.moves(puzzle)[0]
        cards = CardComparison(
            self.drawing(puzzle, Board(homes), canvas),
            [*(puzzle.answers[card] for card in self._order(puzzle)), *puzzle.given],
            [*homes, *CELLS],
            (left / downscale, top / downscale),
            unit / downscale,
        )
        read = super().reader(puzzle, canvas)
        return CardReader(read, cards, homes, lambda piece, place: self.slot(puzzle, homes, piece, place)).read

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
