"""Balance scale: light a lamp below each beam: on the side that would sink, or in the middle if it stays level.

      #                   Blocks stand on a beam, and each counts by its distance from the pivot. Here the left side
      #     .       #     has 2 blocks at distance 2 and the right side has 1 at distance 3. Because 2x2 is more than
    --+--+--+--+--+--+--  1x3, the left side would sink. A video passes if exactly the right lamp of each scale lights
            A             up, one lamp after another and in any order, and if all lamps stay lit. The beams stay level,
      (*)  ( )  ( )       and the blocks stay where they are.

Torques get closer with the difficulty, and more scales are level or sink on the side with fewer blocks. Two sides are
equal or differ by at least one block at distance 1, so that no answer is ambiguous. The plan length is the number of
scales. There are far more than 10,000 questions at every difficulty.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Literal, NamedTuple

from vmevalkit.tasks.base import register_task
from vmevalkit.tasks.toolkit.cells import CELL_REASONS, Board, CellsTask, Looks, changed, middle_of, square_box, swept
from vmevalkit.tasks.toolkit.draw import BLUE, BROWN, GRAY, INK, SAND, YELLOW, Box, Point, Sketch, mix
from vmevalkit.tasks.toolkit.levels import levels
from vmevalkit.types import Record, Size

# How the blocks of a scale are chosen: the beam stays level, the side with fewer blocks sinks, or any side sinks.
Kind = Literal["level", "fewer", "any"]


class Level(NamedTuple):
    """Settings of one difficulty.

    Attributes:
        rows: number of scales in each row.
        arm: number of distances on each side of the pivot.
        stacks: most stacks on one side.
        least, most: range of the difference of two torques that are not equal.
        level: number of scales that stay level.
        fewer: number of scales on which the side with fewer blocks sinks.
    """

    rows: tuple[int, ...]
    arm: int
    stacks: int
    least: int
    most: int
    level: int
    fewer: int


LEVELS = levels(
    Level(rows=(2, 3), arm=3, stacks=1, least=3, most=9, level=0, fewer=1),
    Level(rows=(3, 3), arm=3, stacks=1, least=2, most=6, level=1, fewer=2),
    Level(rows=(3, 2, 3), arm=4, stacks=2, least=2, most=4, level=1, fewer=3),
    Level(rows=(3, 4, 3), arm=4, stacks=2, least=1, most=3, level=2, fewer=4),
    Level(rows=(4, 4, 4), arm=4, stacks=3, least=1, most=2, level=3, fewer=5),
)
# Most blocks in a stack.
_TALLEST = 4
_SIDES = ("left", "middle", "right")
# Sizes in steps of the distance between stacks: width and height of the area of a scale, distance of the outer lamps
# from the middle one, and radius of a lamp.
_WIDE, _HIGH, _APART, _LAMP = 10.2, 9.6, 2.55, 0.86
# Heights above the bottom of the area: middle of the lamps, top of their panel, and bottom and top of the beam.
_LAMPS, _PANEL, _BELOW, _ABOVE = 1.6, 2.75, 4.2, 4.85
# Distance between blocks in a stack, and the gap between two blocks.
_BLOCK, _GAP = 1.0, 0.14
_PANEL_COLOR, _DARK = mix(INK, GRAY, 0.08), mix(INK, GRAY, 0.36)


class Scale(Record):
    """The number of blocks at each distance from the pivot, from the nearest on, on both sides of a beam."""

    left: tuple[int, ...]
    right: tuple[int, ...]

    def excess(self) -> int:
        """Return by how much the torque of the right side is larger."""
        return _torque(self.right) - _torque(self.left)

    def more(self) -> int:
        """Return by how much the number of blocks on the right side is larger."""
        return sum(self.right) - sum(self.left)


class Puzzle(Record):
    """Some scales, row by row; `rows` has their number in each row, and `arm` the number of distances on a side."""

    rows: tuple[int, ...]
    arm: int
    scales: tuple[Scale, ...]


@register_task
class BalanceScale(CellsTask[Puzzle]):
    """The places are the lamps, three for each scale from left to right, and the only look is lit."""

    name = "balance_scale"
    tags = ("physics", "counting")
    puzzle_type = Puzzle
    reasons = {**CELL_REASONS, "wrong_place": "A lamp lights up that must stay dark, or something else changes."}
    rubric = {
        "outcome": (
            "Exactly one lamp below each beam is lit: on the side with the larger torque, or in the middle if both "
            "torques are equal."
        ),
        "process": "Lamps light up one after another, in any order, and never a wrong one.",
        "preservation": "The beams stay level, and the blocks stay where they are.",
    }

    def generate(self, rng: random.Random, difficulty: int) -> Puzzle:
        level = LEVELS[difficulty]
        count = sum(level.rows)
        numbers: dict[Kind, int] = {"level": level.level, "fewer": level.fewer}
        numbers["any"] = count - sum(numbers.values())
        kinds = [kind for kind, number in numbers.items() for _ in range(number)]
        while True:
            rng.shuffle(kinds)
            scales = tuple(_random_scale(rng, level, kind) for kind in kinds)
            puzzle = Puzzle(rows=level.rows, arm=level.arm, scales=scales)
            lit = [_lamps(puzzle)[place] for place, look in enumerate(self.goal(puzzle)) if look]
            # `swept` takes the width of a look as 0.72 cells.
            cell = 2 * _LAMP / 0.72
            if len(set(scales)) == count and not swept([(y / cell, x / cell) for x, y in lit]):
                return puzzle

    def goal(self, puzzle: Puzzle) -> Looks:
        return _lit([scale.excess() for scale in puzzle.scales])

    def steps(self, puzzle: Puzzle) -> list[str]:
        return [f"light {self.place_in_words(puzzle, place)}" for place in self.order(puzzle)]

    def plan_text(self, puzzle: Puzzle) -> str:
        rows: dict[int, list[str]] = {}
        for place in self.order(puzzle):
            rows.setdefault(_cell(puzzle, place // 3)[0], []).append(_SIDES[place % 3])
        return "light the lamps, " + "; ".join(f"row {row + 1}: {', '.join(sides)}" for row, sides in rows.items())

    def place_in_words(self, puzzle: Puzzle, place: int) -> str:
        row, column = _cell(puzzle, place // 3)
        return f"the {_SIDES[place % 3]} lamp of scale {column + 1} in row {row + 1}"

    def look_in_words(self, puzzle: Puzzle, look: int) -> str:
        return "lit" if look else "dark"

    def phrasings(self, puzzle: Puzzle) -> Sequence[str]:
        return (
            "Balance scales: stacks of equal blue blocks stand on beams that are held level. Below each beam, one of "
            "three dark lamps begins to glow yellow: the left or right one on the side that would sink if the beam "
            "were free, or the middle one if it would stay level. Blocks count more the farther they are from the "
            "pivot. One lamp after another, one for each beam; lit lamps stay lit. Beams and blocks do not move. The "
            "camera is fixed.",
            "Which way would each beam tilt? A block's weight counts as many times as the light dots from the pivot to "
            "it. Light one lamp below each beam in yellow, one at a time: the lamp on the heavier side, or the one in "
            "the middle if both sides balance. The other lamps stay dark, no lamp goes out, and beams and blocks stay "
            "as they are. Static camera.",
            "Use the law of the lever: on each side of a beam, add up the blocks times their distance from the pivot. "
            "The lamp below the side with more lights up yellow and stays lit; if both sides are equal, the middle "
            "lamp does. The scales take turns, one lamp each. No beam tilts, no block moves, and the camera does not "
            "move.",
        )

    def cheats(self, puzzle: Puzzle) -> dict[str, list[Board]]:
        found, path, order, goal = super().cheats(puzzle), self.solution(puzzle), self.order(puzzle), self.goal(puzzle)
        by_count = _lit([scale.more() for scale in puzzle.scales])
        found["nearly_more_blocks"] = self.filled(puzzle, [i for i, look in enumerate(by_count) if look], by_count)
        last = order[-1]
        other = last - 2 if last % 3 == 2 else 3 * (last // 3) + 2
        wrong = changed(goal, {last: 0, other: 1})
        found["nearly_other_side"] = self.filled(puzzle, [*order[:-1], other], wrong)
        found["nearly_both_sides"] = [*path, Board(changed(goal, {other: 1}))]
        tried = Board(changed(path[-2].looks, {other: 1}))
        found["both_sides_then_one"] = [*path[:-1], tried, Board(changed(tried.looks, {last: 1})), path[-1]]
        return found

    def sheet(self, puzzle: Puzzle, canvas: Size, downscale: float = 1) -> tuple[Sketch, list[Box]]:
        wide, high = max(puzzle.rows) * _WIDE, len(puzzle.rows) * _HIGH
        unit = min(0.97 * canvas[0] / wide, 0.97 * canvas[1] / high)
        left, top = (canvas[0] - wide * unit) / 2, (canvas[1] - high * unit) / 2
        sketch = Sketch(canvas, downscale=downscale)
        lamps = [(left + x * unit, top + y * unit) for x, y in _lamps(puzzle)]
        for scale, middle in zip(puzzle.scales, lamps[1::3], strict=True):
            _draw_scale(sketch, scale, puzzle.arm, middle, unit)
        for lamp in lamps:
            sketch.circle(lamp, _LAMP * unit, _DARK)
        return sketch, [square_box(lamp, _LAMP * unit) for lamp in lamps]

    def draw_look(self, puzzle: Puzzle, sketch: Sketch, box: Box, look: int, size: float) -> None:
        x, y, radius = middle_of(box)
        sketch.circle((x, y), radius * size, YELLOW)


def _torque(side: Sequence[int]) -> int:
    return sum(distance * blocks for distance, blocks in enumerate(side, 1))


def _lit(excesses: Sequence[int]) -> Looks:
    """Return the looks of the lamps if the right side of each scale has so much more than the left one."""
    return tuple(int((excess > 0) - (excess < 0) == way) for excess in excesses for way in (-1, 0, 1))


def _cell(puzzle: Puzzle, scale: int) -> tuple[int, int]:
    """Return the row of a scale, and its number in the row."""
    row = 0
    while scale >= puzzle.rows[row]:
        scale -= puzzle.rows[row]
        row += 1
    return row, scale


def _lamps(puzzle: Puzzle) -> list[Point]:
    """Return the middle (x, y) of each lamp, in steps from the upper left corner of the drawing."""
    found = []
    for scale in range(len(puzzle.scales)):
        row, column = _cell(puzzle, scale)
        # Each row is centered.
        x = (column + 0.5 + (max(puzzle.rows) - puzzle.rows[row]) / 2) * _WIDE
        found += [(x + way * _APART, (row + 1) * _HIGH - _LAMPS) for way in (-1, 0, 1)]
    return found


def _random_scale(rng: random.Random, level: Level, kind: Kind) -> Scale:
    """Return a scale of a kind, with at least one block on each side, and sides that are not the same."""
    while True:
        scale = Scale(left=_random_side(rng, level), right=_random_side(rng, level))
        excess, more = scale.excess(), scale.more()
        if scale.left == scale.right:
            continue
        if kind == "level":
            if excess == 0:
                return scale
        elif level.least <= abs(excess) <= level.most and (kind == "any" or excess * more < 0):
            return scale


def _random_side(rng: random.Random, level: Level) -> tuple[int, ...]:
    side = [0] * level.arm
    for distance in rng.sample(range(level.arm), rng.randint(1, level.stacks)):
        side[distance] = rng.randint(1, _TALLEST)
    return tuple(side)


def _draw_scale(sketch: Sketch, scale: Scale, arm: int, middle: Point, unit: float) -> None:
    """Draw a scale without its lamps. `middle` is that of the lamp in the middle, and `unit` a step in pixels."""
    x, bottom = middle[0], middle[1] + _LAMPS * unit
    panel, below, above = (bottom - height * unit for height in (_PANEL, _BELOW, _ABOVE))
    half = (_APART + 1.15) * unit
    sketch.rectangle((x - half, panel, x + half, 2 * middle[1] - panel), _PANEL_COLOR, radius=0.5 * unit)
    sketch.polygon([(x, below - 0.1 * unit), (x + unit, panel + 1), (x - unit, panel + 1)], _PANEL_COLOR)
    half = (arm + 0.6) * unit
    sketch.rectangle((x - half, above, x + half, below), BROWN, radius=0.2 * unit)
    for way, side in ((-1, scale.left), (1, scale.right)):
        for distance, blocks in enumerate(side, 1):
            at = x + way * distance * unit
            sketch.circle((at, (above + below) / 2), 0.2 * unit, SAND)
            side_half = (_BLOCK - _GAP) / 2 * unit
            for number in range(blocks):
                low = above - number * _BLOCK * unit
                box = (at - side_half, low - (_BLOCK - _GAP) * unit, at + side_half, low)
                sketch.rectangle(box, BLUE, radius=0.12 * unit)
