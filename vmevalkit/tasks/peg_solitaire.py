"""Peg solitaire: jump pegs over pegs, which then vanish, until a single peg is left.

    . o . . .      o  a peg         A video passes if one peg after another jumps over its neighbor into the hole right
    . o . . .      .  an empty      behind it, and the peg below it vanishes, until one peg is left in any hole. Jumps
    o . . . .         hole          are horizontal or vertical. Every way that ends with one peg is correct. Pegs that
    . . . . .                       move or vanish otherwise, or are not seen on their way, are mistakes.

The plan length is the number of jumps, one less than the number of pegs. From difficulty 3 on, some first jump leads to
a dead end. There are 11,460 questions at difficulty 1, and many more at the others: positions on seven boards, which
are turned and mirrored, in five colors.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from vmevalkit.media import Frame
from vmevalkit.tasks.base import Painter, lerp, register_task
from vmevalkit.tasks.toolkit.cells import CELL_REASONS, Board, Looks, changed, square_box
from vmevalkit.tasks.toolkit.draw import HUES, INK, SAND, Box, Point, Sketch, mix
from vmevalkit.tasks.toolkit.levels import levels
from vmevalkit.tasks.toolkit.motion import MOTION_REASONS
from vmevalkit.tasks.toolkit.ruled_cells import RuledCells
from vmevalkit.types import Record, Size

# Row and column of a hole.
Hole = tuple[int, int]
# Numbers of the holes from which a peg jumps, over which it jumps, and into which it jumps.
Jump = tuple[int, int, int]


class Level(NamedTuple):
    """Settings of one difficulty: possible boards, range of the jumps, and whether some first jump is a dead end."""

    boards: tuple[str, ...]
    fewest: int
    most: int
    trap: bool


_BOARDS = {
    "plus": (".ooo.", "ooooo", "ooooo", "ooooo", ".ooo."),
    "cross": ("..ooo..", "..ooo..", "ooooooo", "ooooooo", "ooooooo", "..ooo..", "..ooo.."),
    "triangle": ("o.....", "oo....", "ooo...", "oooo..", "ooooo.", "oooooo"),
    "house": ("..oo..", ".oooo.", "oooooo", "oooooo", "oooooo"),
    "arrow": ("...oo..", "oooooo.", "ooooooo", "oooooo.", "...oo.."),
    "steps": ("oooo...", "ooooo..", ".ooooo.", "..ooooo", "...oooo"),
    "plank": ("oooooooo", "oooooooo", "oooooooo", "oooooooo", "oooooooo"),
}
_ALL = tuple(_BOARDS)
LEVELS = levels(
    Level(boards=_ALL, fewest=2, most=2, trap=False),
    Level(boards=_ALL, fewest=3, most=3, trap=False),
    Level(boards=_ALL, fewest=4, most=5, trap=True),
    Level(boards=_ALL, fewest=6, most=6, trap=True),
    Level(boards=("cross", "arrow", "steps", "house"), fewest=7, most=8, trap=True),
)
_HUES = ("blue", "green", "purple", "red", "brown")
_WAYS = ((0, 1), (1, 0), (0, -1), (-1, 0))
# Radius of a peg and of a hole, and margin of the board, in distances of two holes.
_PEG, _HOLE, _RIM = 0.34, 0.15, 0.2
_BOARD, _PIT = SAND, mix(SAND, INK, 0.45)


class Puzzle(Record):
    """The holes of a board, row by row, the holes that have a peg, and the color of the pegs."""

    holes: tuple[Hole, ...]
    pegs: tuple[Hole, ...]
    hue: str


@register_task
class PegSolitaire(RuledCells[Puzzle]):
    """The places are the holes, and the only look is a peg."""

    name = "peg_solitaire"
    version = 2
    tags = ("planning", "logic")
    puzzle_type = Puzzle
    together = False
    gradual = True
    reasons = {
        **CELL_REASONS,
        **MOTION_REASONS,
        "not_a_jump": "A peg moves, vanishes or appears otherwise than in a jump over one peg into the hole behind it.",
    }
    rubric = {
        "outcome": "A single peg is left on the board, in any hole.",
        "process": (
            "One peg at a time visibly jumps in a row or column over a neighboring peg into the empty hole right "
            "behind it, and the peg that it jumped over vanishes. Every such way is correct."
        ),
    }

    def generate(self, rng: random.Random, difficulty: int) -> Puzzle:
        level = LEVELS[difficulty]
        while True:
            holes = _turned(_BOARDS[rng.choice(level.boards)], rng.randrange(4), rng.random() < 0.5)
            pegs = _jumped_back(rng, holes, rng.randint(level.fewest, level.most))
            if pegs is None:
                continue
            puzzle = Puzzle(holes=holes, pegs=pegs, hue=rng.choice(_HUES))
            if not level.trap or any(not solved_from(holes, looks) for looks in self.after(puzzle, self.start(puzzle))):
                return puzzle

    def start(self, puzzle: Puzzle) -> Looks:
        return tuple(int(hole in puzzle.pegs) for hole in puzzle.holes)

    def plan(self, puzzle: Puzzle) -> list[Looks]:
        return list(_plan(puzzle.holes, self.start(puzzle)))

    def after(self, puzzle: Puzzle, looks: Looks) -> Sequence[Looks]:
        return [after_jump(looks, jump) for jump in jumps_from(puzzle.holes, looks)]

    def steps_left(self, puzzle: Puzzle, looks: Looks) -> int:
        return sum(looks) - 1

    def misstep(self, puzzle: Puzzle, looks: Looks, places: set[int]) -> str:
        pairs = itertools.combinations(jumps_from(puzzle.holes, looks), 2)
        together = any(places <= {*a, *b} and {a[2], b[2]} <= places for a, b in pairs)
        return "several_at_once" if together else "not_a_jump"

    def steps(self, puzzle: Puzzle) -> list[str]:
        return [f"from {_in_words(puzzle, a)} to {_in_words(puzzle, b)}" for a, _, b in _jumps(puzzle)]

    def plan_text(self, puzzle: Puzzle) -> str:
        holes = puzzle.holes
        jumps = (f"{holes[a][0] + 1} {holes[a][1] + 1} to {holes[b][0] + 1} {holes[b][1] + 1}"
                 for a, _, b in _jumps(puzzle))  # fmt: skip
        return f"jump (row column) {', '.join(jumps)}"

    def place_in_words(self, puzzle: Puzzle, place: int) -> str:
        return f"the hole in {_in_words(puzzle, place)}"

    def look_in_words(self, puzzle: Puzzle, look: int) -> str:
        return "filled with a peg" if look else "empty"

    def phrasings(self, puzzle: Puzzle) -> Sequence[str]:
        hue = puzzle.hue
        return (
            f"A wooden board with holes and {hue} pegs, seen from above. One after another, a peg jumps in a straight "
            "line, along a row or column, over the peg next to it into the empty hole right behind, and the peg below "
            "vanishes. The jumps go on until a single peg is left. The other pegs and the board stay as they are. The "
            "camera is fixed.",
            f"Solve this peg solitaire: one {hue} peg at a time visibly jumps over a neighboring peg, never "
            "diagonally, and lands in the free hole just beyond it; the peg that it jumped over is gone. At the end "
            "only one peg remains, in any hole. Pegs do not move otherwise, and the board does not change. Static "
            "camera.",
            f"Jump by jump, the {hue} pegs on the board are cleared. A peg glides up, down, left or right across its "
            "neighbor into the empty hole on the other side, and the crossed peg disappears. Show legal jumps only, "
            "until exactly one peg is left. Holes, board and camera stay still.",
        )

    def alternatives(self, puzzle: Puzzle) -> dict[str, list[Board]]:
        first = self.plan(puzzle)
        ways = itertools.islice(_ways(puzzle.holes, first[0]), 200)
        other = next((way for way in ways if way[1] != first[1]), None)
        return {} if other is None else {"another_way": [Board(looks) for looks in other]}

    def cheats(self, puzzle: Puzzle) -> dict[str, list[Board]]:
        found, path = super().cheats(puzzle), self.solution(puzzle)
        start, goal, jumps = path[0].looks, path[-1].looks, _jumps(puzzle)
        found["nearly_crossed_peg_stays"] = [*path[:-1], Board(changed(goal, {jumps[-1][1]: 1}))]
        # The right number of pegs, but the last one did not jump.
        found["nearly_last_peg_stays_behind"] = [*path[:-1], Board(changed(goal, {jumps[-1][0]: 1, jumps[-1][2]: 0}))]
        vanishing, looks = [Board(start)], start
        for place in (place for place, look in enumerate(start) if look):
            looks = changed(looks, {place: 0})
            vanishing.append(Board(looks))
        found["pegs_vanish_one_by_one"] = vanishing[:-1]
        hidden = Board(changed(start, {jumps[0][0]: 0, jumps[0][1]: 0}))
        found["peg_vanishes_on_the_way"] = [path[0], *[hidden] * 3, *path[1:]]
        lost = _lost_way(puzzle.holes, start)
        if lost:
            found["nearly_dead_end"] = [Board(looks) for looks in lost]
        return found

    def between(self, puzzle: Puzzle, a: Board, b: Board, t: float) -> Board:
        """Return a moment of a jump: its three holes are empty, and `coming` has each of them with the time."""
        jump = _jump_between(puzzle.holes, a.looks, b.looks)
        if jump is None:
            return super().between(puzzle, a, b, t)
        return Board(changed(a.looks, dict.fromkeys(jump, 0)), tuple((place, 1, t) for place in jump))

    def without_mover(self, puzzle: Puzzle, state: Board, a: Board, b: Board) -> Board:
        jump = _jump_between(puzzle.holes, a.looks, b.looks)
        if jump is None:
            return state
        crossed = a.looks[jump[1]] if state == a or (state.coming and state.coming[0][2] < 0.5) else 0
        return Board(changed(state.looks, {jump[0]: 0, jump[1]: crossed, jump[2]: 0}))

    def painter(self, puzzle: Puzzle, canvas: Size, downscale: float = 1, object_scale: float = 1) -> Painter[Board]:
        paint = super().painter(puzzle, canvas, downscale, object_scale)
        sheet, boxes = self.sheet(puzzle, canvas, downscale)
        centers = [((left + right) / 2, (top + bottom) / 2) for left, top, right, bottom in boxes]
        half = (boxes[0][2] - boxes[0][0]) / 2

        def draw(board: Board) -> Frame:
            jump = tuple(place for place, *_ in board.coming)
            if jump not in jumps_of(puzzle.holes) or not board.coming[0][1]:
                return paint(board)
            t = board.coming[0][2]
            # The peg that is crossed is there until it is covered.
            frame = paint(Board(changed(board.looks, {jump[1]: int(t < 0.5)})))
            a, b = centers[jump[0]], centers[jump[2]]
            box = square_box((lerp(a[0], b[0], t), lerp(a[1], b[1], t)), half)
            part = sheet.region(box)
            if t < 0.5:
                self.draw_look(puzzle, part, boxes[jump[1]], 1, min(object_scale, 1.0))
            self.draw_look(puzzle, part, box, 1, min(object_scale, 1.0))
            part.onto(frame)
            return frame

        return draw

    def sheet(self, puzzle: Puzzle, canvas: Size, downscale: float = 1) -> tuple[Sketch, list[Box]]:
        rows, columns = (max(side) + 1 for side in zip(*puzzle.holes, strict=True))
        unit = min(canvas[0] * 0.9 / (columns + 2 * _RIM), canvas[1] * 0.9 / (rows + 2 * _RIM))
        left, top = (canvas[0] - columns * unit) / 2, (canvas[1] - rows * unit) / 2
        sketch = Sketch(canvas, downscale=downscale)
        boxes = [square_box((left + (column + 0.5) * unit, top + (row + 0.5) * unit), unit / 2)
                 for row, column in puzzle.holes]  # fmt: skip
        rim = _RIM * unit
        for x0, y0, x1, y1 in boxes:
            sketch.rectangle((x0 - rim, y0 - rim, x1 + rim, y1 + rim), _BOARD, radius=2 * rim)
        for a, b in itertools.combinations(range(len(boxes)), 2):
            (r, c), (row, column) = puzzle.holes[a], puzzle.holes[b]
            if abs(r - row) + abs(c - column) == 1:
                # No notch between neighbors.
                across, down = (0.0, rim) if r == row else (rim, 0.0)
                (x0, y0, _, _), (_, _, x1, y1) = boxes[a], boxes[b]
                sketch.rectangle((x0 - across, y0 - down, x1 + across, y1 + down), _BOARD)
        for x0, y0, x1, y1 in boxes:
            sketch.circle(((x0 + x1) / 2, (y0 + y1) / 2), _HOLE * unit, _PIT)
        return sketch, boxes

    def lanes(self, puzzle: Puzzle, canvas: Size, downscale: float) -> Sketch | None:
        sketch, boxes = self.sheet(puzzle, canvas, downscale)
        width = 2 * _PEG * (boxes[0][2] - boxes[0][0])
        for a, _, b in jumps_of(puzzle.holes):
            ends: list[Point] = [((boxes[i][0] + boxes[i][2]) / 2, (boxes[i][1] + boxes[i][3]) / 2) for i in (a, b)]
            sketch.line(ends, width, HUES[puzzle.hue])
        return sketch

    def draw_look(self, puzzle: Puzzle, sketch: Sketch, box: Box, look: int, size: float) -> None:
        left, top, right, bottom = box
        sketch.circle(((left + right) / 2, (top + bottom) / 2), _PEG * (right - left) * size, HUES[puzzle.hue])


@lru_cache(maxsize=64)
def jumps_of(holes: tuple[Hole, ...]) -> frozenset[Jump]:
    """Return every jump that the holes of a board allow, if there are pegs."""
    at = {hole: place for place, hole in enumerate(holes)}
    found = set()
    for (row, column), place in at.items():
        for down, right in _WAYS:
            over, into = (row + down, column + right), (row + 2 * down, column + 2 * right)
            if over in at and into in at:
                found.add((place, at[over], at[into]))
    return frozenset(found)


def jumps_from(holes: tuple[Hole, ...], looks: Looks) -> list[Jump]:
    """Return the jumps that are possible on a board."""
    return [jump for jump in sorted(jumps_of(holes)) if tuple(looks[place] for place in jump) == (1, 1, 0)]


def after_jump(looks: Looks, jump: Jump) -> Looks:
    """Return the board after a jump."""
    return changed(looks, {jump[0]: 0, jump[1]: 0, jump[2]: 1})


@lru_cache(maxsize=65536)
def solved_from(holes: tuple[Hole, ...], looks: Looks) -> bool:
    """Return whether some way leads from a board to a single peg."""
    if sum(looks) == 1:
        return True
    return any(solved_from(holes, after_jump(looks, jump)) for jump in jumps_from(holes, looks))


def _ways(holes: tuple[Hole, ...], looks: Looks) -> Iterator[list[Looks]]:
    """Yield every way from a board to a single peg."""
    if sum(looks) == 1:
        yield [looks]
    for jump in jumps_from(holes, looks):
        new = after_jump(looks, jump)
        if solved_from(holes, new):
            for way in _ways(holes, new):
                yield [looks, *way]


@lru_cache(maxsize=64)
def _plan(holes: tuple[Hole, ...], looks: Looks) -> list[Looks]:
    return next(_ways(holes, looks))


def _lost_way(holes: tuple[Hole, ...], looks: Looks) -> list[Looks]:
    """Return legal boards up to one with several pegs and no jump; empty if no first jump leads there at once."""
    way = [looks]
    while jumps := jumps_from(holes, way[-1]):
        boards = [after_jump(way[-1], jump) for jump in jumps]
        way.append(next((board for board in boards if not solved_from(holes, board)), boards[0]))
    return way if sum(way[-1]) > 1 else []


def _jump_between(holes: tuple[Hole, ...], a: Looks, b: Looks) -> Jump | None:
    """Return the jump that leads from one board to another; None if there is none."""
    return next((jump for jump in jumps_from(holes, a) if after_jump(a, jump) == b), None)


def _jumps(puzzle: Puzzle) -> list[Jump]:
    """Return the jumps of the plan."""
    boards = _plan(puzzle.holes, tuple(int(hole in puzzle.pegs) for hole in puzzle.holes))
    found = (_jump_between(puzzle.holes, a, b) for a, b in itertools.pairwise(boards))
    return [jump for jump in found if jump is not None]


def _in_words(puzzle: Puzzle, place: int) -> str:
    row, column = puzzle.holes[place]
    return f"row {row + 1}, column {column + 1}"


def _turned(rows: Sequence[str], quarters: int, mirrored: bool) -> tuple[Hole, ...]:
    """Return the holes of a board that is turned by some quarters and mirrored."""
    for _ in range(quarters):
        rows = ["".join(column) for column in zip(*rows[::-1], strict=True)]
    rows = [row[::-1] for row in rows] if mirrored else rows
    return tuple((r, c) for r, row in enumerate(rows) for c, letter in enumerate(row) if letter == "o")


def _jumped_back(rng: random.Random, holes: tuple[Hole, ...], count: int) -> tuple[Hole, ...] | None:
    """Return pegs from which so many jumps lead to one peg, found by jumping back; None if there is no way back."""
    pegs = {rng.randrange(len(holes))}
    jumps = sorted(jumps_of(holes))
    for _ in range(count):
        back = [(a, over, b) for a, over, b in jumps if b in pegs and a not in pegs and over not in pegs]
        if not back:
            return None
        a, over, b = rng.choice(back)
        pegs = pegs - {b} | {a, over}
    return tuple(holes[place] for place in sorted(pegs))
