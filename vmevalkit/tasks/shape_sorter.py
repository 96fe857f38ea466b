"""Shape sorter: put each shape into the hole of its own form and size, one after another.

    +-----------------------+
    |  [ ]   { }   ( )   /\\  |      A video passes if one shape after another moves from the tray through the free
    +-----------------------+      space in the middle into the hole that it fits, in any order, and all of them stay
                                   there. A video fails if a shape enters another hole, jumps or runs into another
        (#)   [#]   /#\\            shape, if a hole vanishes, or if two shapes move at a time.
     ---------------------

The plan length is the number of shapes, from 2 to 7. Harder puzzles also have holes without a shape, and forms
in two sizes. There are far more than 10,000 questions at every difficulty.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import NamedTuple

from vmevalkit.tasks.base import register_task
from vmevalkit.tasks.toolkit.draw import FIGURES, PAPER, SAND, UMBER, Color, Point, Sketch, figure, oval
from vmevalkit.tasks.toolkit.levels import levels
from vmevalkit.tasks.toolkit.pieces import PIECE_HUES, PIECE_REASONS, Board, PiecesTask, Place, Places
from vmevalkit.types import Record, Size


class Level(NamedTuple):
    """Settings of one difficulty.

    Attributes:
        min_shapes, max_shapes: range of the number of shapes.
        min_spare, max_spare: range of the number of holes without a shape.
        twins: how many forms come in two sizes.
    """

    min_shapes: int
    max_shapes: int
    min_spare: int
    max_spare: int
    twins: int


LEVELS = levels(
    Level(min_shapes=2, max_shapes=3, min_spare=0, max_spare=1, twins=0),
    Level(min_shapes=4, max_shapes=4, min_spare=0, max_spare=1, twins=0),
    Level(min_shapes=5, max_shapes=5, min_spare=1, max_spare=1, twins=0),
    Level(min_shapes=6, max_shapes=6, min_spare=1, max_spare=2, twins=1),
    Level(min_shapes=7, max_shapes=7, min_spare=1, max_spare=1, twins=2),
)
_FORMS = (*FIGURES, "diamond", "heart", "half circle")
# In units (the distance between neighboring holes): radius of large and small shapes, scale of their holes, and
# half the height of the board and of the tray.
_RADII, _LOOSE, _HALF = (0.4, 0.27), 1.15, 0.6
# Two shapes overlap if they are closer than this share of the sum of their radii.
_APART = 0.75
# Form (an index into `_FORMS`) and size (0 is large, 1 is small).
Kind = tuple[int, int]


class Puzzle(Record):
    """Form and size of each hole and of each shape, from left to right, and the hue of each shape."""

    holes: tuple[tuple[int, int], ...]
    shapes: tuple[tuple[int, int], ...]
    hues: tuple[str, ...]


@register_task
class ShapeSorter(PiecesTask[Puzzle]):
    """Each shape is a piece. A place is (below the row of holes, from the left)."""

    name = "shape_sorter"
    tags = ("geometry", "perception")
    puzzle_type = Puzzle
    clear = 0.5
    unseen = 0.15
    hovers = True
    noun = "shape"
    reasons = {
        **PIECE_REASONS,
        "wrong_hole": "A shape enters a hole of another form or size.",
        "overlap": "A shape runs into another one.",
    }
    rubric = {
        "outcome": "Every shape of the tray lies in the hole of its own form and size.",
        "process": "One shape at a time moves through free space into its hole, in any order.",
    }

    def generate(self, rng: random.Random, difficulty: int) -> Puzzle:
        level = LEVELS[difficulty]
        while True:
            count = rng.randint(level.min_shapes, level.max_shapes)
            spare = rng.randint(level.min_spare, level.max_spare)
            forms = rng.sample(range(len(_FORMS)), count + spare - level.twins)
            kinds = [(form, rng.randrange(2) if level.twins else 0) for form in forms]
            kinds += [(form, 1 - size) for form, size in kinds[: level.twins]]
            rng.shuffle(kinds)
            shapes = rng.sample(kinds, count)
            hues = tuple(rng.sample(list(PIECE_HUES), count))
            puzzle = Puzzle(holes=tuple(kinds), shapes=tuple(shapes), hues=hues)
            # Each shape fits exactly one hole, and at least one does not lie straight below its hole.
            if all(kinds.count(kind) == 1 for kind in shapes) and any(
                a[1] != b[1] for a, b in zip(self._tray(puzzle), self._fitting(puzzle), strict=True)
            ):
                return puzzle

    def moves(self, puzzle: Puzzle) -> list[Places]:
        return self._moves(puzzle, range(len(puzzle.shapes)))

    def _moves(self, puzzle: Puzzle, order: Sequence[int]) -> list[Places]:
        now, fitting = list(self._tray(puzzle)), self._fitting(puzzle)
        found: list[Places] = [tuple(now)]
        for piece in order:
            now[piece] = fitting[piece]
            found.append(tuple(now))
        return found

    def _tray(self, puzzle: Puzzle) -> Places:
        """Places of the shapes at the start."""
        left = (len(puzzle.holes) - len(puzzle.shapes)) / 2
        return tuple((_depth(puzzle), left + i) for i in range(len(puzzle.shapes)))

    def _fitting(self, puzzle: Puzzle) -> Places:
        """Places of the shapes in their holes."""
        return tuple((0.0, float(puzzle.holes.index(kind))) for kind in puzzle.shapes)

    def steps(self, puzzle: Puzzle) -> list[str]:
        return [
            f"{hue} {_FORMS[kind[0]]} into hole {puzzle.holes.index(kind) + 1}"
            for hue, kind in zip(puzzle.hues, puzzle.shapes, strict=True)
        ]

    def plan_text(self, puzzle: Puzzle) -> str:
        return "move " + ", ".join(self.steps(puzzle)) + " from the left"

    def place_in_words(self, puzzle: Puzzle, piece: int, place: Place) -> str:
        if place[0] < 0.5:
            return f"at hole {round(place[1]) + 1} from the left"
        return "in the tray" if place[0] > _depth(puzzle) - 0.5 else "between the tray and the holes"

    def phrasings(self, puzzle: Puzzle) -> Sequence[str]:
        return (
            "A wooden board with holes above, a tray with coloured shapes below. One shape after another rises from "
            "the tray, moves through the free space in the middle and settles in the hole of its own form and size, "
            "until the tray is empty. Shapes never touch each other and never change, and the board stays as it is. "
            "The camera is fixed.",
            "Solve the shape sorter: move each coloured shape, one at a time, straight into the hole of the board that "
            "has exactly its outline and its size. Do not put a shape into a wrong hole, and keep clear of the other "
            "shapes. Holes without a shape stay empty. Static camera.",
            "The coloured shapes in the tray glide up one by one, each into the matching cut-out of the board, until "
            "all are in. A shape enters only the hole that it fills, without touching any other shape; the board "
            "does not change, and the camera stays still.",
        )

    def colors(self, puzzle: Puzzle) -> Sequence[Color]:
        return [PIECE_HUES[hue] for hue in puzzle.hues]

    def sheet(self, puzzle: Puzzle, canvas: Size, downscale: float = 1) -> tuple[Sketch, Point, float]:
        count, deep = len(puzzle.holes), _depth(puzzle)
        unit = min(canvas[0] * 0.88 / (count + 0.2), canvas[1] * 0.88 / (deep + 2 * _HALF))
        x, y = (canvas[0] - (count - 1) * unit) / 2, (canvas[1] - deep * unit) / 2
        sketch = Sketch(canvas, downscale=downscale)
        for down, color in ((0.0, UMBER), (deep, SAND)):
            box = (x - 0.6 * unit, y + (down - _HALF) * unit, x + (count - 0.4) * unit, y + (down + _HALF) * unit)
            sketch.rectangle(box, color, radius=0.15 * unit)
        for i, kind in enumerate(puzzle.holes):
            _draw(sketch, kind, (x + i * unit, y), unit * _LOOSE, PAPER)
        return sketch, (x, y), unit

    def draw_piece(self, puzzle: Puzzle, sketch: Sketch, piece: int, center: Point, unit: float) -> None:
        _draw(sketch, puzzle.shapes[piece], center, unit, self.colors(puzzle)[piece])

    def extent(self, puzzle: Puzzle, piece: int) -> tuple[float, float]:
        radius = _RADII[puzzle.shapes[piece][1]]
        return radius, radius

    def detour(self, puzzle: Puzzle, piece: int, a: Place, b: Place) -> list[Place]:
        lane = _depth(puzzle) / 2
        return [] if lane in (a[0], b[0]) else [(lane, a[1]), (lane, b[1])]

    def slot(self, puzzle: Puzzle, homes: Places, piece: int, place: Place) -> Place:
        holes = [(0.0, float(i)) for i in range(len(puzzle.holes))]
        return min((self._tray(puzzle)[piece], *holes), key=lambda slot: math.dist(slot, place))

    def against(self, puzzle: Puzzle, homes: Places, piece: int, slot: Place, aloft: Sequence[int]) -> str | None:
        return None if slot in (self._tray(puzzle)[piece], self._fitting(puzzle)[piece]) else "wrong_hole"

    def illegal(self, puzzle: Puzzle, a: Board, b: Board) -> str | None:
        if b.wrong:
            return b.wrong
        seen = [(place, _RADII[size]) for place, (_, size) in zip(b.places, puzzle.shapes, strict=True) if place]
        for i, (place, radius) in enumerate(seen):
            if any(math.dist(place, other) < _APART * (radius + wide) for other, wide in seen[:i]):
                return "overlap"
        return None

    def closeness(self, puzzle: Puzzle, homes: Places) -> float:
        return sum(home == place for home, place in zip(homes, self._fitting(puzzle), strict=True)) / len(homes)

    def alternatives(self, puzzle: Puzzle) -> dict[str, list[Board]]:
        back = range(len(puzzle.shapes))[::-1]
        return {"from_the_right": [Board(places) for places in self._moves(puzzle, back)]}

    def cheats(self, puzzle: Puzzle) -> dict[str, list[Board]]:
        path, tray, fitting = self.solution(puzzle), self._tray(puzzle), self._fitting(puzzle)
        exchanged = [*path[:-2], Board((*fitting[:-2], fitting[-1], tray[-1])),
                     Board((*fitting[:-2], fitting[-1], fitting[-2]))]  # fmt: skip
        wrong = Board((fitting[1], *tray[1:]))
        beside = Board((*fitting[:-1], (0.6, fitting[-1][1])))
        found = {
            "all_at_once": [path[0], path[-1]],
            "two_at_once": [path[0], *path[2:]],
            "wrong_hole_first": [path[0], *[wrong] * 2, *path[1:]],
            "nearly_two_exchanged": exchanged,
            "nearly_one_left": path[:-1],
            "nearly_beside_its_hole": [*path[:-1], beside],
        }
        empty = [i for i, kind in enumerate(puzzle.holes) if kind not in puzzle.shapes]
        if empty:
            found["nearly_in_an_empty_hole"] = [*path[:-1], Board((*fitting[:-1], (0.0, float(empty[0]))))]
        return found


def _depth(puzzle: Puzzle) -> float:
    """Distance from the row of holes to the tray. It is larger for many holes, to fill the image."""
    return 2.0 if len(puzzle.holes) < 6 else 2.4


def _draw(sketch: Sketch, kind: Kind, center: Point, unit: float, color: Color) -> None:
    """Draw a shape or a hole; its radius is a share of `unit`."""
    form, radius = _FORMS[kind[0]], _RADII[kind[1]] * unit
    if form in FIGURES:
        figure(sketch, form, center, radius, color)
    else:
        sketch.polygon([(center[0] + x * radius, center[1] + y * radius) for x, y in _outline(form)], color)


def _outline(form: str) -> list[Point]:
    """Corners of a form that is not in `FIGURES`, within a circle of radius 1."""
    if form == "diamond":
        return [(0, -1), (0.66, 0), (0, 1), (-0.66, 0)]
    if form == "half circle":
        return [(x, y + 0.45) for x, y in oval(0, 0, 0.95, 0.95) if y <= 1e-9]
    turns = [math.tau * k / 40 for k in range(40)]
    return [(0.93 * math.sin(t) ** 3,
             0.05 - (13 * math.cos(t) - 5 * math.cos(2 * t) - 2 * math.cos(3 * t) - math.cos(4 * t)) / 17.5)
            for t in turns]  # fmt: skip
