"""Object subtraction: make the named figures vanish, one after another, and leave all others.

    o  A  x  o           Named: every o. A video passes if all o vanish, one after another and in any order, and if all
    x  o  A  A           other figures stay as they are. No figure may come back.
    A  o  x  A

Difficulty 1 names a color or a shape; 2 a color and a shape; 3 two kinds, or a color or shape with an exception; 4 a
size with a color or a shape, or each size with a color; 5 two kinds with their sizes, some with an exception. The plan
length is the number of figures to remove. There are far more than 10,000 questions at every difficulty.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from vmevalkit.tasks.base import register_task
from vmevalkit.tasks.toolkit.cells import (
    CELL_REASONS,
    Board,
    CellsTask,
    Looks,
    changed,
    middle_of,
    square_box,
    swept,
)
from vmevalkit.tasks.toolkit.compass import cell_in_words
from vmevalkit.tasks.toolkit.draw import FIGURES, GRAY, HUES, PAPER, Box, Sketch, figure, mix
from vmevalkit.tasks.toolkit.levels import levels
from vmevalkit.types import Record, Size


class Level(NamedTuple):
    """Settings of one difficulty.

    Attributes:
        columns, rows: size of the board.
        fewest, most: range of figures to remove.
        kinds: number of kinds that are not named.
        sizes: sizes of figures; "" if all have the same size.
    """

    columns: int
    rows: int
    fewest: int
    most: int
    kinds: int
    sizes: tuple[str, ...]


_SIZES = ("large", "small")
LEVELS = levels(
    Level(columns=4, rows=3, fewest=4, most=5, kinds=3, sizes=("",)),
    Level(columns=5, rows=3, fewest=4, most=7, kinds=4, sizes=("",)),
    Level(columns=6, rows=4, fewest=8, most=11, kinds=6, sizes=("",)),
    Level(columns=6, rows=4, fewest=9, most=13, kinds=7, sizes=_SIZES),
    Level(columns=7, rows=5, fewest=14, most=19, kinds=9, sizes=_SIZES),
)
_COLORS = ("blue", "orange", "green", "purple", "yellow", "brown")
# Shares of a cell: radius of a figure by its size, and half the side of its tile, which is its place.
_RADII = {"": 0.36, "large": 0.42, "small": 0.23}
_TILE = 0.45
_TILE_COLOR = mix(PAPER, GRAY, 0.42)


class Kind(Record):
    """What a figure looks like; `size` is empty if all figures have the same size."""

    shape: str
    colour: str
    size: str = ""

    def words(self) -> str:
        """Return the kind as a prompt names it."""
        return " ".join(filter(None, (self.size, self.colour, self.shape)))


class Name(Record):
    """A description of figures: they have all its qualities, but not the quality `never`. An empty field is open."""

    shape: str = ""
    colour: str = ""
    size: str = ""
    never: str = ""

    def fits(self, kind: Kind) -> bool:
        """Return whether the name includes a kind."""
        pairs = ((self.shape, kind.shape), (self.colour, kind.colour), (self.size, kind.size))
        return all(word in ("", quality) for word, quality in pairs) and self.never not in (kind.shape, kind.colour)

    def nearly_fits(self, kind: Kind) -> bool:
        """Return whether the name would include a kind if one of its several conditions were dropped."""
        conditions = [quality for quality in ("shape", "colour", "size", "never") if getattr(self, quality)]
        return len(conditions) > 1 and any(self.model_copy(update={it: ""}).fits(kind) for it in conditions)

    def words(self) -> str:
        """Return the name as in a prompt: "large green square", "figure that is not blue"."""
        name = " ".join(filter(None, (self.size, self.colour, self.shape or "figure")))
        if self.never:
            name += f" that is not {'a ' * (self.never in FIGURES)}{self.never}"
        return name


class Puzzle(Record):
    """Figures row by row on a full board, as indices of `kinds`, and the names of those to be removed."""

    columns: int
    kinds: tuple[Kind, ...]
    figures: tuple[int, ...]
    names: tuple[Name, ...]


@register_task
class ObjectSubtraction(CellsTask[Puzzle]):
    """The places are the figures. A look is the index of a kind plus 1, or 0 if the figure has vanished."""

    name = "object_subtraction"
    tags = ("perception", "logic")
    puzzle_type = Puzzle
    reasons = {**CELL_REASONS, "wrong_place": "A figure that should stay vanishes or changes."}
    rubric = {
        "outcome": "All figures that the prompt names are gone, and all others are still there.",
        "process": "The figures vanish one after another, in any order, and none comes back.",
    }

    def generate(self, rng: random.Random, difficulty: int) -> Puzzle:
        level = LEVELS[difficulty]
        size = level.columns * level.rows
        while True:
            names = _random_names(rng, difficulty)
            kinds = _random_kinds(rng, names, level)
            if kinds is None:
                continue
            named, others = kinds
            count = rng.randint(level.fewest, level.most)
            places = rng.sample(range(size), size)
            if swept([divmod(place, level.columns) for place in places[:count]]) or count < len(named):
                continue
            # Each kind at least once, the rest by chance.
            chosen = named + rng.choices(named, k=count - len(named))
            chosen += others + rng.choices(others, k=len(places) - count - len(others))
            used = tuple(sorted({*chosen}, key=Kind.words))
            board = dict(zip(places, chosen, strict=True))
            figures = tuple(used.index(board[place]) for place in sorted(board))
            puzzle = Puzzle(columns=level.columns, kinds=used, names=names, figures=figures)
            if self.order(puzzle) == sorted(places[:count]):
                return puzzle

    def start(self, puzzle: Puzzle) -> Looks:
        return tuple(kind + 1 for kind in puzzle.figures)

    def goal(self, puzzle: Puzzle) -> Looks:
        return _remaining(puzzle)

    def looks(self, puzzle: Puzzle) -> int:
        return len(puzzle.kinds) + 1

    def choices(self, puzzle: Puzzle) -> list[tuple[int, int]]:
        return [(0, kind + 1) for kind in puzzle.figures]

    def steps(self, puzzle: Puzzle) -> list[str]:
        steps = []
        for place in self.order(puzzle):
            row, column = divmod(place, puzzle.columns)
            kind = puzzle.kinds[puzzle.figures[place]]
            steps.append(f"remove the {kind.words()} {cell_in_words((row, column))}")
        return steps

    def plan_text(self, puzzle: Puzzle) -> str:
        columns_by_row: dict[int, list[str]] = {}
        for place in self.order(puzzle):
            row, column = divmod(place, puzzle.columns)
            columns_by_row.setdefault(row + 1, []).append(str(column + 1))
        rows = (f"row {row} columns {' '.join(columns)}" for row, columns in columns_by_row.items())
        return "remove the figures in " + ", ".join(rows)

    def place_in_words(self, puzzle: Puzzle, place: int) -> str:
        row, column = divmod(place, puzzle.columns)
        return f"the {puzzle.kinds[puzzle.figures[place]].words()} {cell_in_words((row, column))}"

    def look_in_words(self, puzzle: Puzzle, look: int) -> str:
        return "there" if look else "gone"

    def phrasings(self, puzzle: Puzzle) -> Sequence[str]:
        every = " and ".join(f"every {name.words()}" for name in puzzle.names)
        return (
            f"Colored figures on gray tiles. Remove {every}: these figures shrink and vanish one after another until "
            "none of them is left. All other figures stay exactly as they are, and none comes back. The camera is "
            "fixed.",
            f"Take away {every}, one figure at a time. They disappear and leave their tiles empty. Do not touch the "
            "other figures; no figure moves and no new one appears. Static camera.",
            f"One by one, {every} disappears from the picture. The other figures keep their place, size and color. "
            "At the end only those are left that were not named. The camera does not move.",
        )

    def cheats(self, puzzle: Puzzle) -> dict[str, list[Board]]:
        found, path, order = super().cheats(puzzle), self.solution(puzzle), self.order(puzzle)
        start, goal = path[0].looks, path[-1].looks
        # The right number of figures vanish, but a figure that is not named instead of one that is.
        other = next(place for place, look in enumerate(goal) if look)
        instead = changed(goal, {order[-1]: start[order[-1]], other: 0})
        found["nearly_another_instead"] = self.filled(puzzle, [*order[:-1], other], instead)
        found["nearly_one_comes_back"] = [*path, Board(changed(goal, {order[0]: start[order[0]]}))]
        return found

    def sheet(self, puzzle: Puzzle, canvas: Size, downscale: float = 1) -> tuple[Sketch, list[Box]]:
        rows = len(puzzle.figures) // puzzle.columns
        cell = min(canvas[0] * 0.9 / puzzle.columns, canvas[1] * 0.88 / rows)
        left, top = (canvas[0] - puzzle.columns * cell) / 2, (canvas[1] - rows * cell) / 2
        sketch = Sketch(canvas, downscale=downscale)
        boxes = []
        for place in range(len(puzzle.figures)):
            row, column = divmod(place, puzzle.columns)
            boxes.append(square_box((left + (column + 0.5) * cell, top + (row + 0.5) * cell), _TILE * cell))
            sketch.rectangle(boxes[-1], _TILE_COLOR, radius=0.14 * cell)
        return sketch, boxes

    def draw_look(self, puzzle: Puzzle, sketch: Sketch, box: Box, look: int, size: float) -> None:
        kind = puzzle.kinds[look - 1]
        x, y, half = middle_of(box)
        radius = _RADII[kind.size] / _TILE * half
        figure(sketch, kind.shape, (x, y), radius * size, HUES[kind.colour])


@lru_cache(maxsize=256)
def _remaining(puzzle: Puzzle) -> Looks:
    stays = [not any(name.fits(kind) for name in puzzle.names) for kind in puzzle.kinds]
    return tuple((kind + 1) * stays[kind] for kind in puzzle.figures)


def _random_kinds(rng: random.Random, names: Sequence[Name], level: Level) -> tuple[list[Kind], list[Kind]] | None:
    """Return kinds that are named and kinds that are not; None if these names do not fit a puzzle."""
    every = [Kind(shape=s, colour=c, size=z) for s in FIGURES for c in _COLORS for z in level.sizes]
    named = [[kind for kind in every if name.fits(kind)] for name in names]
    # No kind has two names, so that each name is needed.
    if len(set(itertools.chain(*named))) < sum(map(len, named)):
        return None
    # Half of the other kinds nearly fit a name, if there are enough.
    rest = [kind for kind in every if not any(name.fits(kind) for name in names)]
    similar = [kind for kind in rest if any(name.nearly_fits(kind) for name in names)]
    others = rng.sample(similar, min(len(similar), (level.kinds + 1) // 2))
    others += rng.sample([kind for kind in rest if kind not in others], level.kinds - len(others))
    # Large and small must be seen side by side, also at the end.
    if {kind.size for kind in others} != set(level.sizes):
        return None
    return [kind for kinds in named for kind in rng.sample(kinds, min(len(kinds), 3))], others


def _random_names(rng: random.Random, difficulty: int) -> tuple[Name, ...]:
    """Return names for the figures to be removed."""
    (a, b), (shape, other) = rng.sample(_COLORS, 2), rng.sample(FIGURES, 2)
    sizes = rng.sample(_SIZES, 2)
    if difficulty == 1:
        return rng.choice([(Name(colour=a),), (Name(shape=shape),)])
    if difficulty == 2:
        return (Name(colour=a, shape=shape),)
    if difficulty == 3:
        return rng.choice([
            (Name(colour=a, shape=shape), Name(colour=b, shape=other)),
            (Name(colour=a, never=shape),),
            (Name(shape=shape, never=a),),
        ])  # fmt: skip
    if difficulty == 4:
        return rng.choice([
            (Name(size=sizes[0], colour=a),),
            (Name(size=sizes[0], shape=shape),),
            (Name(size=sizes[0], colour=a), Name(size=sizes[1], colour=b)),
        ])  # fmt: skip
    return rng.choice([
        (Name(size=sizes[0], shape=shape), Name(size=sizes[1], colour=a)),
        (Name(size=sizes[0], shape=shape), Name(size=sizes[1], shape=other)),
        (Name(size=sizes[0], colour=a, never=shape), Name(size=sizes[1], colour=b)),
        (Name(size=sizes[0], shape=shape, never=a), Name(size=sizes[1], shape=other, never=b)),
    ])  # fmt: skip
