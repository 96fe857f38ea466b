"""Sort into bins: move each piece of a row into a free place of the bin that shows its shape, or its shape and size.

    +---------------+ +---------------+
    | o  .   .   .  | | x  .   .   .  |      A video passes if one piece after another moves into the bin that shows
    +---------------+ +---------------+      it, until all pieces rest there. Pieces may go in any order, and into any
         (#)  /#\\  [#]  (#)  >#<            free place of the right bin. A video fails if a piece rests in a wrong
             +---------------+               bin or on another piece, jumps, or changes, or if two pieces move at a
             | A  .   .   .  |               time.
             +---------------+

Each piece has a color of its own, which does not matter. Difficulties 1 and 2 sort by shape; 3 too, but sizes differ
and do not matter; 4 and 5 sort by shape and size. The plan length is the number of pieces. There are far more than
10,000 questions at every difficulty: at difficulty 1, 20 pairs of bins, 6 ways to share out three pieces, and 336 ways
to color them make 40,320.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from vmevalkit.tasks.base import register_task
from vmevalkit.tasks.toolkit.cells import square_box
from vmevalkit.tasks.toolkit.draw import FIGURES, GRAY, PAPER, SAND, UMBER, Color, Point, Sketch, figure, mix
from vmevalkit.tasks.toolkit.levels import levels
from vmevalkit.tasks.toolkit.pieces import PIECE_HUES, PIECE_REASONS, Board, PiecesTask, Place, Places
from vmevalkit.types import Record, Size


class Level(NamedTuple):
    """Settings of one difficulty.

    Attributes:
        min_pieces, max_pieces: range of the number of pieces.
        bins: number of bins.
        places: number of places in each bin.
        sizes: whether pieces have two sizes.
        by_size: whether the bins ask for a size, too.
    """

    min_pieces: int
    max_pieces: int
    bins: int
    places: int
    sizes: bool
    by_size: bool


LEVELS = levels(
    Level(min_pieces=3, max_pieces=3, bins=2, places=3, sizes=False, by_size=False),
    Level(min_pieces=4, max_pieces=4, bins=3, places=3, sizes=False, by_size=False),
    Level(min_pieces=5, max_pieces=5, bins=3, places=3, sizes=True, by_size=False),
    Level(min_pieces=6, max_pieces=6, bins=4, places=3, sizes=True, by_size=True),
    Level(min_pieces=7, max_pieces=8, bins=4, places=3, sizes=True, by_size=True),
)
# In units (the distance between neighboring places): radius of large and small pieces, distance from the row of pieces
# to a row of bins, half the height of a bin, its margin on the left and right, and the gap between two bins.
_RADII, _ROW, _HALF, _MARGIN, _GAP = (0.42, 0.26), 1.75, 0.56, 0.6, 0.35
_PLACE_COLOR = mix(GRAY, PAPER, 0.3)
_NAMES = {
    2: ("upper", "lower"),
    3: ("upper left", "upper right", "lower"),
    4: ("upper left", "upper right", "lower left", "lower right"),
}
# Shape (an index into `FIGURES`) and size (0 is large, 1 is small).
Kind = tuple[int, int]


class Puzzle(Record):
    """Kinds of the bins and of the pieces.

    Attributes:
        bins: shape and size that each bin shows: the upper ones from the left, then the lower ones.
        pieces: shape and size of each piece, from left to right.
        hues: color of each piece.
        places: number of places in each bin.
        by_size: whether a piece must have the size that its bin shows, too.
    """

    bins: tuple[Kind, ...]
    pieces: tuple[Kind, ...]
    hues: tuple[str, ...]
    places: int
    by_size: bool

    def bin_of(self, piece: int) -> int:
        """Return the bin that a piece belongs to."""
        shape, size = self.pieces[piece]
        return next(i for i, kind in enumerate(self.bins) if kind == (shape, size if self.by_size else kind[1]))


@register_task
class SortIntoBins(PiecesTask[Puzzle]):
    """A place is (below the row of pieces, right of the middle)."""

    name = "sort_into_bins"
    tags = ("perception", "logic")
    puzzle_type = Puzzle
    clear = 0.5
    unseen = 0.15
    hovers = True
    reasons = {
        **PIECE_REASONS,
        "wrong_bin": "A piece comes to rest in a wrong bin.",
        "onto_another": "A piece comes to rest on another one.",
    }
    rubric = {
        "outcome": "Every piece rests in a place of the bin that shows its shape, and its size if the prompt says so.",
        "process": "One piece at a time moves into a free place of its bin, in any order.",
    }

    def generate(self, rng: random.Random, difficulty: int) -> Puzzle:
        level = LEVELS[difficulty]
        while True:
            bins = _random_bins(rng, level)
            count = rng.randint(level.min_pieces, level.max_pieces)
            used = [rng.randrange(level.bins) for _ in range(count)]
            if max(map(used.count, used)) > level.places or len(set(used)) < min(level.bins, 3):
                continue
            pieces = [bins[i] if level.by_size or not level.sizes else (bins[i][0], rng.randrange(2)) for i in used]
            if len({size for _, size in pieces}) < 1 + level.sizes:
                continue
            hues = tuple(rng.sample(list(PIECE_HUES), count))
            return Puzzle(bins=bins, pieces=tuple(pieces), hues=hues, places=level.places, by_size=level.by_size)

    def moves(self, puzzle: Puzzle) -> list[Places]:
        return self._moves(puzzle, range(len(puzzle.pieces)))

    def _moves(self, puzzle: Puzzle, order: Sequence[int], last: bool = False) -> list[Places]:
        """Move pieces in an order, each into the first or the last free place of its bin."""
        now = list(_row(puzzle))
        found: list[Places] = [tuple(now)]
        for piece in order:
            free = [place for place in _places(puzzle)[puzzle.bin_of(piece)] if place not in now]
            now[piece] = free[-1 if last else 0]
            found.append(tuple(now))
        return found

    def steps(self, puzzle: Puzzle) -> list[str]:
        names = _bin_names(puzzle)
        return [f"{hue} into the {names[puzzle.bin_of(piece)]} bin" for piece, hue in enumerate(puzzle.hues)]

    def plan_text(self, puzzle: Puzzle) -> str:
        return "move " + ", then ".join(self.steps(puzzle))

    def place_in_words(self, puzzle: Puzzle, piece: int, place: Place) -> str:
        if abs(place[0]) < _ROW / 3:
            return "in the row"
        for name, places in zip(_bin_names(puzzle), _places(puzzle), strict=True):
            if min(math.dist(place, slot) for slot in places) < 0.5:
                return f"in the {name} bin"
        return "between the row and the bins"

    def phrasings(self, puzzle: Puzzle) -> Sequence[str]:
        sizes = len({size for _, size in puzzle.pieces}) > 1
        what = "shape and size" if puzzle.by_size else "shape"
        ignored = "Colors and sizes do" if sizes and not puzzle.by_size else "The color of a piece does"
        return (
            "A row of colored pieces between brown bins; each bin shows a pale figure beside its free places. One "
            f"piece after another moves into a free place of the bin whose figure has the {what} of the piece, until "
            f"the row is empty. {ignored} not matter. A piece that lies in its bin stays there. Pieces and bins keep "
            "their looks. The camera is fixed.",
            f"Sort the pieces by {what}: one at a time, each glides from the row into a free place of the bin that "
            f"shows its {what} as a pale figure. {ignored} not matter, and any free place of that bin is right. No "
            "piece rests in another bin or on another piece, and no piece or bin changes. Static camera.",
            "The pieces of the middle row go into the bins, one by one, until all of them lie there. The pale figure "
            f"of a bin tells the {what} of the pieces that belong in it. {ignored} not matter. Each piece takes a "
            "place that is still free and stays as it is; the bins do not change, and the camera does not move.",
        )

    def colors(self, puzzle: Puzzle) -> Sequence[Color]:
        return [PIECE_HUES[hue] for hue in puzzle.hues]

    def sheet(self, puzzle: Puzzle, canvas: Size, downscale: float = 1) -> tuple[Sketch, Point, float]:
        wide = max(2 * max(place[1] for place in _every_place(puzzle)) + 2 * _MARGIN, len(puzzle.pieces))
        unit = min(canvas[0] * 0.92 / wide, canvas[1] * 0.9 / (2 * _ROW + 2 * _HALF))
        x, y = canvas[0] / 2, canvas[1] / 2
        sketch = Sketch(canvas, downscale=downscale)
        shelf = (len(puzzle.pieces) / 2 * unit, 0.5 * unit)
        sketch.rectangle((x - shelf[0], y - shelf[1], x + shelf[0], y + shelf[1]), SAND, radius=0.2 * unit)
        for (shape, size), places in zip(puzzle.bins, _places(puzzle), strict=True):
            down, left, right = y + places[0][0] * unit, x + places[0][1] * unit, x + places[-1][1] * unit
            sketch.rectangle(
                (left - (1 + _MARGIN) * unit, down - _HALF * unit, right + _MARGIN * unit, down + _HALF * unit),
                UMBER, radius=0.15 * unit,
            )  # fmt: skip
            figure(sketch, FIGURES[shape], (left - unit, down), _RADII[size] * unit, PAPER)
            for place in places:
                box = square_box((x + place[1] * unit, down), 0.46 * unit)
                sketch.rectangle(box, _PLACE_COLOR, radius=0.14 * unit)
        return sketch, (x, y), unit

    def draw_piece(self, puzzle: Puzzle, sketch: Sketch, piece: int, center: Point, unit: float) -> None:
        shape, size = puzzle.pieces[piece]
        figure(sketch, FIGURES[shape], center, _RADII[size] * unit, self.colors(puzzle)[piece])

    def extent(self, puzzle: Puzzle, piece: int) -> tuple[float, float]:
        radius = 1.03 * _RADII[puzzle.pieces[piece][1]]
        return radius, radius

    def detour(self, puzzle: Puzzle, piece: int, a: Place, b: Place) -> list[Place]:
        lane = (a[0] + b[0]) / 2
        return [(lane, a[1]), (lane, b[1])] if {a[0], b[0]} in ({0.0, _ROW}, {0.0, -_ROW}) else []

    def slot(self, puzzle: Puzzle, homes: Places, piece: int, place: Place) -> Place:
        return min((_row(puzzle)[piece], *_every_place(puzzle)), key=lambda slot: math.dist(slot, place))

    def against(self, puzzle: Puzzle, homes: Places, piece: int, slot: Place, aloft: Sequence[int]) -> str | None:
        if slot in homes:
            return "onto_another"
        return None if slot in (_row(puzzle)[piece], *_places(puzzle)[puzzle.bin_of(piece)]) else "wrong_bin"

    def closeness(self, puzzle: Puzzle, homes: Places) -> float:
        sorted_in = [home in _places(puzzle)[puzzle.bin_of(piece)] for piece, home in enumerate(homes)]
        return sum(sorted_in) / len(homes) if len(set(homes)) == len(homes) else 0.0

    def alternatives(self, puzzle: Puzzle) -> dict[str, list[Board]]:
        back = range(len(puzzle.pieces))[::-1]
        return {"from_the_right_into_last_places": [Board(it) for it in self._moves(puzzle, back, last=True)]}

    def cheats(self, puzzle: Puzzle) -> dict[str, list[Board]]:
        path, row, end = self.solution(puzzle), _row(puzzle), self.moves(puzzle)[-1]
        last = len(end) - 1
        other = next(piece for piece in range(last) if puzzle.bin_of(piece) != puzzle.bin_of(last))
        wrong = next(
            place
            for number, places in enumerate(_places(puzzle))
            for place in places
            if number != puzzle.bin_of(last) and place not in end
        )
        # Half of the way back to the rim of the bin.
        outside = (end[last][0] * (1 - _HALF / _ROW), end[last][1])

        def ending(**targets: Place) -> list[Board]:
            """Move the pieces one after another, the last piece and the other one to these places."""
            goal = list(end)
            for key, place in targets.items():
                goal[{"last": last, "other": other}[key]] = place
            return [Board((*goal[:count], *row[count:])) for count in range(len(end) + 1)]

        return {
            "all_at_once": [path[0], path[-1]],
            "two_at_once": [path[0], *path[2:]],
            "wrong_bin_first": [path[0], *[Board((*row[:-1], wrong))] * 2, *path],
            "onto_another": ending(last=end[other]),
            "nearly_one_in_a_wrong_bin": ending(last=wrong),
            "nearly_two_exchanged": ending(last=end[other], other=end[last]),
            "nearly_one_left": path[:-1],
            "nearly_half_outside": ending(last=outside),
        }


def _random_bins(rng: random.Random, level: Level) -> tuple[Kind, ...]:
    """Return bins for different kinds; if they ask for a size, at least one shape has two bins."""
    if not level.by_size:
        return tuple((shape, 0) for shape in rng.sample(range(len(FIGURES)), level.bins))
    shapes = rng.sample(range(len(FIGURES)), level.bins - 1)
    return tuple(rng.sample([(shape, size) for shape in shapes for size in range(2)], level.bins))


def _bin_names(puzzle: Puzzle) -> tuple[str, ...]:
    return _NAMES[len(puzzle.bins)]


def _row(puzzle: Puzzle) -> Places:
    """Return the places of the pieces at the start."""
    count = len(puzzle.pieces)
    return tuple((0.0, i - (count - 1) / 2) for i in range(count))


@lru_cache(maxsize=64)
def _places(puzzle: Puzzle) -> tuple[Places, ...]:
    """Return the places in each bin. The upper bins, and the lower ones, lie side by side."""
    upper = (len(puzzle.bins) + 1) // 2
    # The figure of a bin is one unit to the left of its places.
    wide = puzzle.places + 2 * _MARGIN + _GAP
    found = list[Places]()
    for down, count in ((-_ROW, upper), (_ROW, len(puzzle.bins) - upper)):
        lefts = [(i - count / 2) * wide + _GAP / 2 + _MARGIN + 1 for i in range(count)]
        found += [tuple((down, left + i) for i in range(puzzle.places)) for left in lefts]
    return tuple(found)


@lru_cache(maxsize=64)
def _every_place(puzzle: Puzzle) -> Places:
    return tuple(place for places in _places(puzzle) for place in places)
