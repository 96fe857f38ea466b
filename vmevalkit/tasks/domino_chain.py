"""Domino chain: show which dominoes fall when the first one of each row is pushed.

    > | | |   | |         Dominoes stand in rows, seen from above, and an arrow pushes the first one of a row. A domino
                          that falls knocks over the next one if it reaches it. A video passes if these dominoes fall,
    > ===|===|==   | |    in each row one at a time and each after the one that pushes it, and if all others stay. Rows
                          may take turns in any way, or fall at the same time. A video fails if a domino behind a gap
                          that is too wide falls.

A domino reaches as far as a short gap, and a tall one twice as far. A gap that stops a row is at least 1.9 times as
wide as a short one, or 3 times after a tall domino. A broad domino stands across two rows and pushes the next one in
both. The plan length is the number of dominoes that fall. Some rows go right and some left, so that no straight wipe
meets the dominoes in their order. There are more than 10,000 questions at every difficulty: 18,000 of 20,000 random
ones differ at difficulty 1, and all of them from difficulty 3 on.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from vmevalkit.tasks.base import register_task
from vmevalkit.tasks.toolkit.cells import CELL_REASONS, Board, CellsTask, Looks, changed
from vmevalkit.tasks.toolkit.draw import GRAY, HUES, INK, PAPER, Box, Sketch, arrow, mix
from vmevalkit.tasks.toolkit.levels import levels
from vmevalkit.types import Record, Size


class Level(NamedTuple):
    """Settings of one difficulty.

    Attributes:
        rows: number of rows.
        length: of a row, in short gaps.
        fewest, most: range of the number of dominoes that fall.
        tall: share of tall dominoes.
        broad: number of dominoes across two rows.
    """

    rows: int
    length: float
    fewest: int
    most: int
    tall: float
    broad: int


LEVELS = levels(
    Level(rows=2, length=6, fewest=4, most=5, tall=0, broad=0),
    Level(rows=3, length=6.5, fewest=6, most=7, tall=0, broad=0),
    Level(rows=4, length=7, fewest=9, most=11, tall=0.25, broad=0),
    Level(rows=5, length=8.5, fewest=13, most=15, tall=0.25, broad=1),
    Level(rows=6, length=9.5, fewest=17, most=20, tall=0.25, broad=1),
)
# In short gaps: reach of a small and of a tall domino, width of a gap that stops each, and how much wider it may be.
_REACH, _STOP, _MORE = (1.0, 2.0), (1.9, 3.0), 4
# In short gaps: thickness of a standing domino, what a fallen one lacks to touch the next, length of the part of a row
# with its arrow, and largest distance of the rows.
_THICK, _LACK, _START, _ROW = 0.24, 0.03, 1.15, 1.2
# Breadth of a small and of a tall domino, and of the track below them, as shares of the distance of the rows.
_BREADTH, _TRACK = (0.5, 0.66), 0.84
# Radius of the corners of a domino, in short gaps.
_ROUND = 0.04
_TRACK_COLOR = mix(PAPER, GRAY, 0.45)
# Share of the gaps that stop a row.
_STOPS = 0.3
# A look grows from this share of its size (`CellsTask.between`): there, a falling domino is as it stands.
_FIRST = 0.2
_COLORS = ("blue", "orange", "green", "purple", "brown")


class Domino(Record):
    """A domino.

    Attributes:
        row: the row in which it stands, from the top.
        at: distance from the start of the row, in short gaps.
        tall: whether it is twice as long as the others when it lies.
        rows: 2 for a broad domino, which also stands in the next row.
        before: index of the domino before it; -1 if an arrow pushes it.
    """

    row: int
    at: float
    tall: bool = False
    rows: int = 1
    before: int = -1


class Puzzle(Record):
    """Dominoes, each after the one that pushes it.

    Attributes:
        length: of a row, in short gaps.
        leftward: whether each row goes from right to left.
        hues: of small and of tall dominoes.
    """

    length: float
    leftward: tuple[bool, ...]
    hues: tuple[str, str]
    dominoes: tuple[Domino, ...]


@register_task
class DominoChain(CellsTask[Puzzle]):
    """The places are the dominoes. Look 0 is standing; a fallen one has look 1 + tall + 2 * leftward."""

    name = "domino_chain"
    tags = ("physics",)
    read_size = 0.98
    puzzle_type = Puzzle
    reasons = {
        **CELL_REASONS,
        "wrong_place": "A domino falls that nothing reaches, or a fallen domino changes.",
        "wrong_order": "A domino falls before the one that pushes it.",
    }
    rubric = {
        "outcome": "Exactly those dominoes lie that an arrow pushes or that a fallen domino reaches.",
        "process": (
            "In each row, one domino falls at a time, each after the one that pushes it. Rows may take turns in any "
            "way, or fall at the same time."
        ),
    }

    def generate(self, rng: random.Random, difficulty: int) -> Puzzle:
        level = LEVELS[difficulty]
        while True:
            dominoes, leftward = list[Domino](), list[bool]()
            broad = {*rng.sample(range(level.rows - 1), level.broad)}
            while len(leftward) < level.rows:
                rows = 1 + (len(leftward) in broad)
                dominoes += _random_row(rng, level, len(leftward), rows, len(dominoes))
                leftward += [rng.random() < 0.5] * rows
            hues = rng.sample(_COLORS, 2)
            puzzle = Puzzle(length=level.length, leftward=tuple(leftward), hues=(hues[0], hues[1]),
                            dominoes=tuple(dominoes))  # fmt: skip
            fallen = fallen_of(puzzle)
            if not level.fewest <= len(fallen) <= level.most or len(fallen) == len(dominoes):
                continue
            kinds = {domino.tall for domino in dominoes}, {domino.rows for domino in dominoes}
            if kinds != ({False, True} if level.tall else {False}, {1, 2} if level.broad else {1}):
                continue
            # A straight wipe would meet the dominoes in their order if all rows went the same way.
            moving = [puzzle.leftward[dominoes[a].row] for a in fallen if dominoes[a].before in fallen]
            if {*moving} == {False, True}:
                return puzzle

    def goal(self, puzzle: Puzzle) -> Looks:
        fallen = fallen_of(puzzle)
        return tuple(_look(puzzle, domino) * (place in fallen) for place, domino in enumerate(puzzle.dominoes))

    def looks(self, puzzle: Puzzle) -> int:
        return 5

    def choices(self, puzzle: Puzzle) -> list[tuple[int, int]]:
        return [(0, _look(puzzle, domino)) for domino in puzzle.dominoes]

    def groups(self, puzzle: Puzzle) -> list[int]:
        return [domino.row for domino in puzzle.dominoes]

    def too_early(self, puzzle: Puzzle, looks: Looks, place: int) -> bool:
        before = puzzle.dominoes[place].before
        return before >= 0 and not looks[before]

    def steps(self, puzzle: Puzzle) -> list[str]:
        return [f"{self.place_in_words(puzzle, place)} falls" for place in self.order(puzzle)]

    def plan_text(self, puzzle: Puzzle) -> str:
        rows: dict[int, int] = {}
        for place in self.order(puzzle):
            row = puzzle.dominoes[place].row
            rows[row] = rows.get(row, 0) + 1
        return ", then ".join(f"{count} of row {row + 1}" for row, count in rows.items())

    def place_in_words(self, puzzle: Puzzle, place: int) -> str:
        row = puzzle.dominoes[place].row
        number = sum(domino.row == row for domino in puzzle.dominoes[: place + 1])
        return f"domino {number} of row {row + 1}"

    def look_in_words(self, puzzle: Puzzle, look: int) -> str:
        return "fallen" if look else "standing"

    def phrasings(self, puzzle: Puzzle) -> Sequence[str]:
        small, tall = puzzle.hues
        kinds = {domino.tall for domino in puzzle.dominoes}
        reach = f" A tall {tall} domino reaches twice as far as a {small} one." if True in kinds else ""
        broad = ""
        if any(domino.rows > 1 for domino in puzzle.dominoes):
            broad = " A broad domino pushes the next one in both of its rows."
        return (
            "Rows of standing dominoes, seen from above as narrow bars. Each arrow pushes the domino beside it, which "
            "falls in the direction of the arrow and then lies as a long bar. It knocks over the next one if the gap "
            f"is short; a gap about twice as wide stops the row.{reach}{broad} In each row, one domino falls after "
            "another; all others stay standing. The camera is fixed.",
            "Show the chain reaction of these dominoes from above. The arrows push the first domino of each row; a "
            "standing domino is a narrow bar and becomes a long bar when it falls over, away from the arrow. Across a "
            f"short gap it knocks over the next one, across a gap about twice as wide it does not.{reach}{broad} "
            "In a row they fall one at a time; what is not hit stays standing. Static camera.",
            "Seen from above, dominoes stand in rows as narrow bars. In each row they topple one after another, "
            "beginning beside the arrow: each tips over in the direction of its arrow, lies flat as a long bar, and "
            f"hits the next one if the gap is short. The row ends where a gap is about twice as wide.{reach}{broad} "
            "Dominoes that are not hit do not fall. The camera does not move.",
        )

    def alternatives(self, puzzle: Puzzle) -> dict[str, list[Board]]:
        order, depth, arrow_of = self.order(puzzle), {-1: 0}, dict[int, int]()
        for place in order:
            before = puzzle.dominoes[place].before
            depth[place], arrow_of[place] = depth[before] + 1, arrow_of.get(before, place)
        deepest = max(depth.values())
        fallen = [(look, depth.get(place, 0)) for place, look in enumerate(self.goal(puzzle))]
        return {
            "last_row_first": self.filled(puzzle, sorted(order, key=lambda place: -arrow_of[place])),
            "rows_take_turns": self.filled(puzzle, sorted(order, key=lambda place: depth[place])),
            "rows_together": [Board(tuple(look * (deep <= n) for look, deep in fallen)) for n in range(deepest + 1)],
        }

    def cheats(self, puzzle: Puzzle) -> dict[str, list[Board]]:
        found, path, order, goal = super().cheats(puzzle), self.solution(puzzle), self.order(puzzle), self.goal(puzzle)
        behind = next(i for i, d in enumerate(puzzle.dominoes) if not goal[i] and d.before in order)
        over = Board(changed(goal, {behind: _look(puzzle, puzzle.dominoes[behind])}))
        found["nearly_over_the_gap"] = [*path, over]
        last = next(place for place in order[::-1] if puzzle.dominoes[place].before >= 0)
        rest = [place for place in order if place != last]
        found["nearly_last_of_a_row_stays"] = self.filled(puzzle, rest)
        found["backwards"] = self.filled(puzzle, order[::-1])
        # The last two of a row fall together.
        pushes = puzzle.dominoes[last].before
        early = [place for place in rest if place != pushes]
        found["two_at_once"] = [*self.filled(puzzle, early), path[-1]]
        return found

    def sheet(self, puzzle: Puzzle, canvas: Size, downscale: float = 1) -> tuple[Sketch, list[Box]]:
        rows, length = len(puzzle.leftward), puzzle.length + _START
        unit = min(canvas[0] * 0.93 / length, canvas[1] * 0.92 / rows)
        high = min(canvas[1] * 0.92 / rows, _ROW * unit)
        left, top = (canvas[0] - length * unit) / 2, (canvas[1] - rows * high) / 2
        sketch = Sketch(canvas, downscale=downscale)
        for row in range(rows):
            y = top + (row + 0.5) * high
            box = (left, y - _TRACK / 2 * high, canvas[0] - left, y + _TRACK / 2 * high)
            sketch.rectangle(box, _TRACK_COLOR, radius=0.15 * unit)
        boxes = []
        for domino in puzzle.dominoes:
            turned, y = puzzle.leftward[domino.row], top + (domino.row + domino.rows / 2) * high
            half = (_BREADTH[domino.tall] + domino.rows - 1) / 2 * high
            back = domino.at - _THICK / 2
            across = [canvas[0] - left - (_START + x) * unit if turned else left + (_START + x) * unit
                      for x in (back, back + _THICK, back + _REACH[domino.tall] - _LACK)]  # fmt: skip
            standing = (min(across[:2]), y - half, max(across[:2]), y + half)
            sketch.rectangle(standing, HUES[puzzle.hues[domino.tall]], radius=_ROUND * unit)
            boxes.append((min(across), y - half, max(across), y + half))
            if domino.before < 0:
                way = -1 if turned else 1
                arrow(sketch, (across[0] - way * 0.52 * unit, y), 0.36 * unit, INK, (way, 0))
        return sketch, boxes

    def draw_look(self, puzzle: Puzzle, sketch: Sketch, box: Box, look: int, size: float) -> None:
        left, top, right, bottom = box
        tall, leftward = (look - 1) % 2, look > 2
        # What is seen of a falling domino from above gets longer, from its thickness to its length.
        thick = _THICK / (_REACH[tall] - _LACK)
        length = (right - left) * (thick + (1 - thick) * max(0.0, (size - _FIRST) / (1 - _FIRST)))
        lying = (right - length, top, right, bottom) if leftward else (left, top, left + length, bottom)
        sketch.rectangle(lying, HUES[puzzle.hues[tall]], radius=_ROUND * (right - left) / _REACH[tall])


def _look(puzzle: Puzzle, domino: Domino) -> int:
    return 1 + domino.tall + 2 * puzzle.leftward[domino.row]


@lru_cache(maxsize=64)
def fallen_of(puzzle: Puzzle) -> tuple[int, ...]:
    """Return the dominoes that fall, each after the one that pushes it."""
    found = list[int]()
    for place, domino in enumerate(puzzle.dominoes):
        before = puzzle.dominoes[domino.before]
        if domino.before < 0 or (domino.before in found and domino.at - before.at <= _REACH[before.tall] + 1e-6):
            found.append(place)
    return tuple(found)


def _random_row(rng: random.Random, level: Level, row: int, rows: int, number: int) -> list[Domino]:
    """Return the dominoes of a row, or of two rows that a broad domino connects; the first one has this number."""
    at = rng.randrange(5) / 10
    if rows == 1:
        found = [Domino(row=row, at=at, tall=rng.random() < level.tall)]
    else:
        count = rng.randint(1, 2)
        found = [Domino(row=row, at=at + i, before=number + i - 1 if i else -1) for i in range(count)]
        found.append(Domino(row=row, at=at + count, rows=2, before=number + count - 1))
    last = len(found) - 1
    for lane in range(row, row + rows):
        before = last
        while True:
            at = round(found[before].at + _random_gap(rng, found[before].tall), 3)
            domino = Domino(row=lane, at=at, tall=rng.random() < level.tall, before=number + before)
            if at + _REACH[domino.tall] > level.length:
                break
            found.append(domino)
            before = len(found) - 1
    return found


def _random_gap(rng: random.Random, tall: bool) -> float:
    """Return the distance to the next domino: within reach, or clearly not."""
    return _STOP[tall] + rng.randrange(_MORE) / 10 if rng.random() < _STOPS else _REACH[tall]
