"""Gravity drop: let floating blocks fall straight down, until each rests on the floor, a ledge or another block.

    . . a . .         . . . . .      A video passes if every block that floats in the first frame falls straight down
    . c . b b         . . . . .      and comes to rest on the first thing that any part of it meets. Blocks may fall in
    . . . . .   ->    . . . . .      any order, or together. A video fails if a block goes through something, moves
    . . . . .         . . a b b      sideways, rises, or ends in the air, or if a block moves that rests at the start.
    . . d = d         . c d = d
    =========         =========

Blocks are one, two or three cells wide. A block that comes to rest is held at both ends, so that none tips over. Every
floating block falls by two rows at least. The plan length is the number of blocks that fall. There are far more than
10,000 questions at every difficulty: 20,000 random ones were all different.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

from vmevalkit.tasks.base import Fault, Reading, register_task
from vmevalkit.tasks.toolkit.draw import GRAY, Color, Point, Sketch
from vmevalkit.tasks.toolkit.levels import levels
from vmevalkit.tasks.toolkit.motion import first_of
from vmevalkit.tasks.toolkit.pieces import PIECE_HUES, PIECE_REASONS, REST, Board, PiecesTask, Place, Places
from vmevalkit.types import Record, Size


class Level(NamedTuple):
    """Settings of one difficulty.

    Attributes:
        columns, rows: size of the space above the floor, in cells.
        min_falling, max_falling: range of the number of blocks that fall.
        resting: number of blocks that rest at the start.
        ledges: number of ledges.
        widths: possible widths of a block.
    """

    columns: int
    rows: int
    min_falling: int
    max_falling: int
    resting: int
    ledges: int
    widths: tuple[int, ...]


LEVELS = levels(
    Level(columns=6, rows=5, min_falling=2, max_falling=2, resting=2, ledges=1, widths=(1,)),
    Level(columns=6, rows=5, min_falling=3, max_falling=4, resting=1, ledges=1, widths=(1, 1, 2)),
    Level(columns=7, rows=6, min_falling=5, max_falling=5, resting=1, ledges=2, widths=(1, 1, 2)),
    Level(columns=8, rows=7, min_falling=6, max_falling=6, resting=1, ledges=2, widths=(1, 1, 2, 3)),
    Level(columns=8, rows=7, min_falling=7, max_falling=7, resting=1, ledges=3, widths=(1, 1, 2, 3)),
)
# Smallest fall, in rows.
_FALL = 2
# In cells: half the height of a block, gap at each of its sides, and thickness of the ledges and the floor.
_HALF, _GAP, _THICK = 0.47, 0.05, 0.28
# A block may rise by so much, as when it bounces, and two blocks may seem to overlap by so much, in cells.
_BOUNCE, _OVERLAP = 0.5, 0.35


class Block(Record):
    """A block: its leftmost column, its width in cells, its row at the start, and its hue. Row 0 is the top row."""

    left: int
    width: int
    row: int
    hue: str

    def over(self, other: Block | Ledge) -> bool:
        """Whether the two have a column in common."""
        return self.left < other.left + other.width and other.left < self.left + self.width


class Ledge(Record):
    """A ledge: its leftmost column, its width in cells, and the row below the blocks that lie on it."""

    left: int
    width: int
    row: int


class Puzzle(Record):
    """Blocks and ledges above a floor, which is below the last row."""

    columns: int
    rows: int
    blocks: tuple[Block, ...]
    ledges: tuple[Ledge, ...]


@register_task
class GravityDrop(PiecesTask[Puzzle]):
    """Each block is a piece. A place is (row, column) of its middle."""

    name = "gravity_drop"
    tags = ("physics",)
    puzzle_type = Puzzle
    # Blocks may fall together.
    hands = len(PIECE_HUES)
    clear = 0.5
    unseen = 0.15
    noun = "block"
    reasons = {
        **PIECE_REASONS,
        "sideways": "A block moves sideways instead of straight down.",
        "rises": "A block moves up.",
        "falls_through": "A block falls through something, or moves although something holds it.",
    }
    rubric = {
        "outcome": (
            "No block floats: each lies on the floor, on a ledge, or on the first block that any part of it met."
        ),
        "process": "The floating blocks fall straight down, in any order or together, without turning.",
    }

    def generate(self, rng: random.Random, difficulty: int) -> Puzzle:
        level = LEVELS[difficulty]
        while True:
            ledges = _random_ledges(rng, level)
            falling = rng.randint(level.min_falling, level.max_falling)
            settled = _random_pile(rng, level, ledges, falling + level.resting)
            blocks = _lifted(rng, settled, falling) if settled else []
            if blocks:
                hues = rng.sample(list(PIECE_HUES), len(blocks))
                drawn = (block.model_copy(update={"hue": hue}) for block, hue in zip(blocks, hues, strict=True))
                return Puzzle(columns=level.columns, rows=level.rows, blocks=tuple(drawn), ledges=ledges)

    def moves(self, puzzle: Puzzle) -> list[Places]:
        return self._moves(puzzle, self.order(puzzle))

    def _moves(self, puzzle: Puzzle, order: Iterable[int]) -> list[Places]:
        """Return the places when blocks fall in an order, each as far as the others let it."""
        rows = [block.row for block in puzzle.blocks]
        found = [_places(puzzle, rows)]
        for falling in order:
            rows[falling] = _landing(puzzle, rows, falling)
            found.append(_places(puzzle, rows))
        return found

    def order(self, puzzle: Puzzle) -> list[int]:
        """Return the blocks that fall, lowest first."""
        lower = sorted(range(len(puzzle.blocks)), key=lambda block: -puzzle.blocks[block].row)
        return [block for block in lower if puzzle.blocks[block].row != settled_rows(puzzle)[block]]

    def steps(self, puzzle: Puzzle) -> list[str]:
        rows, blocks = settled_rows(puzzle), puzzle.blocks
        return [f"the {blocks[block].hue} block falls to row {puzzle.rows - rows[block]} from the floor"
                for block in self.order(puzzle)]  # fmt: skip

    def plan_text(self, puzzle: Puzzle) -> str:
        return ", ".join(self.steps(puzzle))

    def place_in_words(self, puzzle: Puzzle, piece: int, place: Place) -> str:
        return f"in row {round(puzzle.rows - place[0])} from the floor, column {place[1] + 1:.3g}"

    def phrasings(self, puzzle: Puzzle) -> Sequence[str]:
        return (
            "Colored blocks float above a gray floor with gray ledges. Now gravity sets in: every block that floats "
            "falls straight down until it lies on the floor, on a ledge or on another block; a wide block stops as "
            "soon as any part of it meets something. Blocks never turn or move sideways. Blocks that already lie on "
            "something, the ledges and the camera stay where they are.",
            "Show what happens when the floating blocks are let go. Each one drops straight down and comes to rest on "
            "the first thing that lies below any part of it: floor, gray ledge or block. They do not tilt, slide "
            "sideways or pass through anything. Ledges and blocks that are already supported do not move. Static "
            "camera.",
            "The colored blocks fall. Every block with free space below sinks vertically, keeping its shape and color, "
            "until something stops it: the gray floor, a gray ledge, or a block, even if it touches only a part of "
            "it. At the end no block hangs in the air. Supported blocks, ledges and the camera stay fixed.",
        )

    def colors(self, puzzle: Puzzle) -> Sequence[Color]:
        return [PIECE_HUES[block.hue] for block in puzzle.blocks]

    def sheet(self, puzzle: Puzzle, canvas: Size, downscale: float = 1) -> tuple[Sketch, Point, float]:
        unit = min(canvas[0] * 0.9 / puzzle.columns, canvas[1] * 0.9 / (puzzle.rows + _THICK))
        left, top = (canvas[0] - puzzle.columns * unit) / 2, (canvas[1] - (puzzle.rows + _THICK) * unit) / 2
        sketch = Sketch(canvas, downscale=downscale)
        floor = Ledge(left=0, width=puzzle.columns, row=puzzle.rows)
        for ledge in (floor, *puzzle.ledges):
            x, y = left + ledge.left * unit, top + ledge.row * unit
            sketch.rectangle((x, y, x + ledge.width * unit, y + _THICK * unit), GRAY, radius=0.08 * unit)
        return sketch, (left + unit / 2, top + unit / 2), unit

    def draw_piece(self, puzzle: Puzzle, sketch: Sketch, piece: int, center: Point, unit: float) -> None:
        (x, y), (down, right) = center, self.extent(puzzle, piece)
        box = (x - right * unit, y - down * unit, x + right * unit, y + down * unit)
        sketch.rectangle(box, self.colors(puzzle)[piece], radius=0.1 * unit)

    def extent(self, puzzle: Puzzle, piece: int) -> tuple[float, float]:
        return _HALF, puzzle.blocks[piece].width / 2 - _GAP

    def between(self, puzzle: Puzzle, a: Board, b: Board, t: float) -> Board:
        # Faster and faster, but so that a block is soon seen on its way.
        return super().between(puzzle, a, b, 0.6 * t + 0.4 * t * t)

    def slot(self, puzzle: Puzzle, homes: Places, piece: int, place: Place) -> Place:
        """Return where the block rests at the start or in the end. A block that rests elsewhere will fall on."""
        found = (_places(puzzle, rows)[piece] for rows in ([b.row for b in puzzle.blocks], settled_rows(puzzle)))
        return min(found, key=lambda slot: abs(slot[0] - place[0]))

    def astray(self, puzzle: Puzzle, homes: Places, piece: int, place: Place) -> str | None:
        block, last = puzzle.blocks[piece], settled_rows(puzzle)[piece]
        if abs(place[1] - _middle(block)) > REST + 0.1:
            return "sideways"
        if place[0] < block.row - _BOUNCE:
            return "rises"
        return "falls_through" if place[0] > last + REST else None

    def against(self, puzzle: Puzzle, homes: Places, piece: int, slot: Place, aloft: Sequence[int]) -> str | None:
        return "rises" if slot[0] < homes[piece][0] else None

    def illegal(self, puzzle: Puzzle, a: Board, b: Board) -> str | None:
        if b.wrong:
            return b.wrong
        for upper, lower in _stacked(puzzle):
            above, below = b.places[upper], b.places[lower]
            if above and below and below[0] - above[0] < 1 - _OVERLAP:
                return "falls_through"
        return None

    def interrupted(self, puzzle: Puzzle, readings: Sequence[Reading[Board]]) -> Fault | None:
        return first_of(super().interrupted(puzzle, readings), _rising(readings))

    def closeness(self, puzzle: Puzzle, homes: Places) -> float:
        order, goal = self.order(puzzle), _places(puzzle, settled_rows(puzzle))
        done = sum(homes[block] == goal[block] for block in order)
        return 1.0 if homes == goal else min(0.99, done / len(order))

    def alternatives(self, puzzle: Puzzle) -> dict[str, list[Board]]:
        order, path = self.order(puzzle), self.solution(puzzle)
        # Highest first: a block that comes to rest on one that still floats falls again with it.
        again = self._moves(puzzle, [block for _ in order for block in order[::-1]])
        unlike = [a for a, b in itertools.pairwise(again) if a != b]
        found = {"all_together": [path[0], path[-1]]}
        if len(unlike) < 9:
            found["highest_first"] = [Board(places) for places in (*unlike, again[-1])]
        return found

    def cheats(self, puzzle: Puzzle) -> dict[str, list[Board]]:
        path, order, rows = self.solution(puzzle), self.order(puzzle), settled_rows(puzzle)
        first, last = order[0], order[-1]

        def at(board: Board, block: int, down: float, right: float = 0.0) -> Board:
            """Return a board with a block elsewhere: by rows and columns from where it is in the end."""
            place = rows[block] + down, _middle(puzzle.blocks[block]) + right
            return Board((*board.places[:block], place, *board.places[block + 1 :]))

        side = 1.0 if puzzle.blocks[last].left == 0 else -1.0
        far = float(rows[first] - puzzle.blocks[first].row)
        found = {
            "nearly_one_floats": path[:-1],
            "nearly_one_hangs": [*path[:-1], at(path[-2], last, -1)],
            "nearly_one_is_beside": [*path[:-1], at(path[-2], last, 0, side)],
            "sideways_first": [path[0], *[at(path[0], first, -far, side)] * 2, *path],
            "falls_and_rises": [*path[:2], *path],
            "rises_first": [path[0], at(path[0], last, puzzle.blocks[last].row - rows[last] - 1), *path],
        }
        covered = {lower for _, lower in _stacked(puzzle)}
        free = [block for block in range(len(rows)) if block not in order and block not in covered]
        if free:
            found["nearly_another_rises"] = [*path, at(path[-1], free[0], -1)]
        low = next((block for block in order[::-1] if rows[block] < puzzle.rows - 1), None)
        if low is not None:
            found["nearly_through"] = [*path[:-1], path[-1], at(path[-1], low, 1)]
        return found


def _middle(block: Block) -> float:
    """Return the column of the middle of a block."""
    return block.left + (block.width - 1) / 2


def _places(puzzle: Puzzle, rows: Sequence[int]) -> Places:
    return tuple((float(row), _middle(block)) for row, block in zip(rows, puzzle.blocks, strict=True))


@lru_cache(maxsize=64)
def settled_rows(puzzle: Puzzle) -> tuple[int, ...]:
    """Return the row in which each block rests in the end: the lowest blocks fall first."""
    rows = [block.row for block in puzzle.blocks]
    for block in sorted(range(len(rows)), key=lambda block: -rows[block]):
        rows[block] = _landing(puzzle, rows, block)
    return tuple(rows)


def _landing(puzzle: Puzzle, rows: Sequence[int], falling: int) -> int:
    """Return the row in which a block comes to rest if all others stay in their rows."""
    block, row = puzzle.blocks[falling], rows[falling]
    below = [other for i, other in enumerate(rows) if other > row and block.over(puzzle.blocks[i])]
    below += [ledge.row for ledge in puzzle.ledges if ledge.row > row and block.over(ledge)]
    return min([puzzle.rows, *below]) - 1


@lru_cache(maxsize=64)
def _stacked(puzzle: Puzzle) -> list[tuple[int, int]]:
    """Return all pairs of blocks with a common column, the upper one first."""
    pairs = itertools.permutations(range(len(puzzle.blocks)), 2)
    return [(a, b) for a, b in pairs if puzzle.blocks[a].over(puzzle.blocks[b])
            and puzzle.blocks[a].row < puzzle.blocks[b].row]  # fmt: skip


def _rising(readings: Sequence[Reading[Board]]) -> Fault | None:
    """Return where a block has risen clearly above the lowest place at which it was seen."""
    lowest: dict[int, float] = {}
    for i, reading in enumerate(readings):
        for piece, place in enumerate(reading.state.places if reading.state else ()):
            if place is not None:
                lowest[piece] = max(lowest.get(piece, place[0]), place[0])
                if place[0] < lowest[piece] - _BOUNCE:
                    return Fault("rises", i)
    return None


def _random_ledges(rng: random.Random, level: Level) -> tuple[Ledge, ...]:
    """Return ledges in different rows, none over another."""
    free, found = set(range(level.columns)), list[Ledge]()
    for row in sorted(rng.sample(range(_FALL + 1, level.rows), level.ledges)):
        width = rng.randint(1, 2)
        lefts = [left for left in range(level.columns) if {*range(left, left + width)} <= free]
        if lefts:
            left = rng.choice(lefts)
            free -= {*range(left, left + width)}
            found.append(Ledge(left=left, width=width, row=row))
    return tuple(found)


def _random_pile(rng: random.Random, level: Level, ledges: Sequence[Ledge], count: int) -> list[Block]:
    """Return blocks that rest, each held at both ends; empty if there is no room for them."""
    tops = [level.rows] * level.columns
    for ledge in ledges:
        tops[ledge.left : ledge.left + ledge.width] = [ledge.row] * ledge.width
    found = list[Block]()
    for _ in range(60):
        width = rng.choice(level.widths)
        left = rng.randrange(level.columns - width + 1)
        below = tops[left : left + width]
        row = min(below) - 1
        if row < _FALL or below[0] != below[-1] or below[0] != row + 1:
            continue
        tops[left : left + width] = [row] * width
        found.append(Block(left=left, width=width, row=row, hue=""))
        if len(found) == count:
            return found
    return []


def _lifted(rng: random.Random, settled: Sequence[Block], falling: int) -> list[Block]:
    """Lift some blocks, from the highest to the lowest, without changing their order; empty if there is no room."""
    rows = [block.row for block in settled]
    chosen = {*rng.sample(range(len(settled)), falling)}
    for i in sorted(chosen, key=lambda i: rows[i]):
        above = [rows[k] for k, other in enumerate(settled) if rows[k] < rows[i] and settled[i].over(other)]
        free = range(max(above, default=-1) + 1, rows[i] - _FALL + 1)
        if not free:
            return []
        rows[i] = rng.choice(free)
    lifted = [block.model_copy(update={"row": row}) for block, row in zip(settled, rows, strict=True)]
    rng.shuffle(lifted)
    return lifted
