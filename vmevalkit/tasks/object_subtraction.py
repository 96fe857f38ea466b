"""Object subtraction: make the named figures vanish, one after another, and leave all others.

    o  A  x  o           Asked for every o: a video passes when all o vanish, one after another and in any order, and
    x  o  A  A           all other figures stay as they are. None comes back.
    A  o  x  A

Difficulty 1 names a color or a shape, 2 both, 3 two kinds, or a color with an exception, 4 a size with a color or a
shape, 5 two kinds with their sizes or with an exception. The plan length is the number of figures to remove. There are
far more than 10,000 questions at every difficulty.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from functools import lru_cache

from vmevalkit.tasks.base import register_task
from vmevalkit.tasks.toolkit.cells import CELL_REASONS, Board, CellsTask, Looks, changed, swept
from vmevalkit.tasks.toolkit.draw import FIGURES, GRAY, HUES, PAPER, Box, Sketch, figure, mix
from vmevalkit.types import Record, Size

# Difficulty: columns, rows, fewest and most figures to remove, kinds that are not named.
_LEVELS = {1: (4, 3, 4, 5, 3), 2: (5, 3, 4, 7, 4), 3: (6, 4, 8, 11, 6), 4: (6, 4, 9, 13, 7), 5: (7, 5, 14, 19, 9)}
_COLORS = ("blue", "orange", "green", "purple", "yellow", "brown")
# In shares of a cell: radius of a figure, by its size; half of its tile, which is its place.
_RADII = {"": 0.36, "large": 0.42, "small": 0.23}
_TILE = 0.45
_TILE_COLOR = mix(PAPER, GRAY, 0.42)


class Kind(Record):
    """What a figure looks like; `size` is empty where all are of one size."""

    shape: str
    colour: str
    size: str = ""

    def words(self) -> str:
        """As a prompt says it."""
        return " ".join(filter(None, (self.size, self.colour, self.shape)))


class Name(Record):
    """A name for figures: those that have all the qualities it gives, but not the quality in `never`."""

    shape: str = ""
    colour: str = ""
    size: str = ""
    never: str = ""

    def fits(self, kind: Kind) -> bool:
        """Whether a kind of figure bears the name."""
        wanted = ((self.shape, kind.shape), (self.colour, kind.colour), (self.size, kind.size))
        return all(word in ("", quality) for word, quality in wanted) and self.never not in (kind.shape, kind.colour)

    def words(self) -> str:
        """As a prompt says it: "large green square", "figure that is not blue"."""
        name = " ".join(filter(None, (self.size, self.colour, self.shape or "figure")))
        if self.never:
            name += f" that is not {'a ' * (self.never in FIGURES)}{self.never}"
        return name


class Puzzle(Record):
    """Figures row by row on a full board, as numbers of `kinds`, and the names of those to be removed."""

    columns: int
    kinds: tuple[Kind, ...]
    figures: tuple[int, ...]
    names: tuple[Name, ...]


@lru_cache(maxsize=256)
def _left_over(puzzle: Puzzle) -> Looks:
    stays = [not any(name.fits(kind) for name in puzzle.names) for kind in puzzle.kinds]
    return tuple((number + 1) * stays[number] for number in puzzle.figures)


@register_task
class ObjectSubtraction(CellsTask[Puzzle]):
    """Every figure is a place. Its look is its kind, counted from 1, or 0 when it is gone."""

    name = "object_subtraction"
    puzzle_type = Puzzle
    reasons = {**CELL_REASONS, "wrong_place": "A figure vanishes or changes that should stay."}
    rubric = {
        "outcome": "The figures that the words name are gone, and all others are there.",
        "process": "The figures vanish one after another, in any order, and none comes back.",
    }

    def generate(self, rng: random.Random, difficulty: int) -> Puzzle:
        columns, rows, fewest, most, others = _LEVELS[difficulty]
        sizes = ("large", "small") if difficulty >= 4 else ("",)
        every = [Kind(shape=s, colour=c, size=z) for s in FIGURES for c in _COLORS for z in sizes]
        while True:
            names = _names(rng, difficulty)
            named = [[kind for kind in every if name.fits(kind)] for name in names]
            # No figure bears two names, so that none of them is idle.
            if len(set(itertools.chain(*named))) < sum(map(len, named)):
                continue
            # What is nearly right is chosen first: kinds that share all but one of a name's qualities.
            rest = [kind for kind in every if not any(name.fits(kind) for name in names)]
            near = [kind for kind in rest if any(_nearly(name, kind) for name in names)]
            left = rng.sample(near, min(len(near), (others + 1) // 2))
            left += rng.sample([kind for kind in rest if kind not in left], others - len(left))
            # Large and small must be seen side by side, also among what stays.
            if {kind.size for kind in left} != set(sizes):
                continue
            asked = [kind for kinds in named for kind in rng.sample(kinds, min(len(kinds), 3))]
            count = rng.randint(fewest, most)
            places = rng.sample(range(columns * rows), columns * rows)
            if swept([divmod(place, columns) for place in places[:count]]) or count < len(asked):
                continue
            chosen = asked + rng.choices(asked, k=count - len(asked))
            chosen += left + rng.choices(left, k=len(places) - count - len(left))
            kinds = tuple(sorted({*chosen}, key=Kind.words))
            board = dict(zip(places, chosen, strict=True))
            puzzle = Puzzle(
                columns=columns, kinds=kinds, names=names, figures=tuple(kinds.index(board[at]) for at in sorted(board))
            )
            if self.order(puzzle) == sorted(places[:count]):
                return puzzle

    def start(self, puzzle: Puzzle) -> Looks:
        return tuple(number + 1 for number in puzzle.figures)

    def goal(self, puzzle: Puzzle) -> Looks:
        return _left_over(puzzle)

    def looks(self, puzzle: Puzzle) -> int:
        return len(puzzle.kinds) + 1

    def choices(self, puzzle: Puzzle) -> list[tuple[int, int]]:
        return [(0, number + 1) for number in puzzle.figures]

    def steps(self, puzzle: Puzzle) -> list[str]:
        found = []
        for place in self.order(puzzle):
            row, column = divmod(place, puzzle.columns)
            kind = puzzle.kinds[puzzle.figures[place]]
            found.append(f"remove the {kind.words()} in row {row + 1}, column {column + 1}")
        return found

    def plan_text(self, puzzle: Puzzle) -> str:
        rows: dict[int, list[str]] = {}
        for place in self.order(puzzle):
            row, column = divmod(place, puzzle.columns)
            rows.setdefault(row + 1, []).append(str(column + 1))
        return "remove the figures in " + ", ".join(f"row {row} columns {' '.join(at)}" for row, at in rows.items())

    def phrasings(self, puzzle: Puzzle) -> Sequence[str]:
        every = " and ".join(f"every {name.words()}" for name in puzzle.names)
        return (
            f"Coloured figures on grey tiles. Remove {every}: these figures shrink and vanish one after another until "
            "none of them is left. All other figures stay exactly as they are, and nothing comes back. The camera is "
            "fixed.",
            f"Take away {every}, one figure at a time. They disappear and leave their tiles empty. Do not touch the "
            "other figures; nothing moves and nothing new appears. Static camera.",
            f"One by one, {every} disappears from the picture. The other figures keep their place, size and colour. "
            "At the end only those are left that were not named. The camera does not move.",
        )

    def cheats(self, puzzle: Puzzle) -> dict[str, list[Board]]:
        found, path, order = super().cheats(puzzle), self.solution(puzzle), self.order(puzzle)
        start, goal = path[0].looks, path[-1].looks
        # The right number of figures, but one that was not named for one that was.
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
            x, y, half = left + (column + 0.5) * cell, top + (row + 0.5) * cell, _TILE * cell
            boxes.append((x - half, y - half, x + half, y + half))
            sketch.rectangle(boxes[-1], _TILE_COLOR, radius=0.14 * cell)
        return sketch, boxes

    def draw_look(self, puzzle: Puzzle, sketch: Sketch, box: Box, look: int, size: float) -> None:
        kind = puzzle.kinds[look - 1]
        center = ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)
        radius = _RADII[kind.size] / _TILE * (box[2] - box[0]) / 2
        figure(sketch, kind.shape, center, radius * size, HUES[kind.colour])


def _names(rng: random.Random, difficulty: int) -> tuple[Name, ...]:
    """Names for what is to be removed."""
    (a, b), (shape, other) = rng.sample(_COLORS, 2), rng.sample(FIGURES, 2)
    sizes = rng.sample(("large", "small"), 2)
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


def _nearly(name: Name, kind: Kind) -> bool:
    """Whether a kind would bear a name if one of the name's conditions fell away."""
    given = [quality for quality in ("shape", "colour", "size", "never") if getattr(name, quality)]
    return len(given) > 1 and any(name.model_copy(update={quality: ""}).fits(kind) for quality in given)
