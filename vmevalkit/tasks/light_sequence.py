"""Light sequence: light one lamp after another, following the arrows to the lamp with the star.

    (>)  (v)  ( )         The first lamp glows. Its arrow names the next: the nearest lamp in that direction. A video
     -   (/)  (*)         passes when the lamps on this way begin to glow one after another, in their order, up to the
    (^)  (>)  (^)         star, and all of them glow at the end. Lamps beside the way stay dark.

The plan length is the number of lamps that are still to be lit. The way is not monotonous in any direction, so that a
light that sweeps over the board is wrong. There are far more than 10,000 questions at every difficulty.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Sequence
from functools import lru_cache

from vmevalkit.tasks.base import register_task
from vmevalkit.tasks.toolkit.cells import CELL_REASONS, Board, CellsTask, Looks, changed
from vmevalkit.tasks.toolkit.draw import GRAY, INK, WHITE, YELLOW, Box, Point, Sketch, mix, oval
from vmevalkit.types import Record, Size

# Difficulty: columns, rows, lamps, fewest and most to light, whether arrows may point aslant.
_LEVELS = {
    1: (4, 3, 10, 4, 5, False),
    2: (5, 3, 13, 6, 7, False),
    3: (5, 4, 17, 8, 11, True),
    4: (6, 4, 21, 12, 15, True),
    5: (7, 5, 28, 16, 20, True),
}
# Right, then clockwise, as (column, row); the words are those of the plan.
_WAYS = ((1, 0), (1, 1), (0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1))
_STAR = 8
# In shares of a cell: a lamp's radius. In shares of that: where its glow begins.
_LAMP, _PLATE = 0.43, 0.63
_PANEL, _DARK = mix(INK, GRAY, 0.08), mix(INK, GRAY, 0.36)


class Puzzle(Record):
    """Lamps by their cells (column, row), the arrow of each (0 right, then clockwise by 45 degrees; 8 is the star)."""

    columns: int
    rows: int
    lamps: tuple[tuple[int, int], ...]
    arrows: tuple[int, ...]
    first: int


@register_task
class LightSequence(CellsTask[Puzzle]):
    """Every lamp is a place; its only look is that it glows."""

    name = "light_sequence"
    puzzle_type = Puzzle
    reasons = {**CELL_REASONS, "wrong_order": "A lamp begins to glow before its turn."}
    rubric = {
        "outcome": "All lamps on the way that the arrows name glow, up to the lamp with the star, and no other.",
        "process": (
            "Each lamp begins to glow in its turn: its arrow names the next, the nearest lamp in that direction."
        ),
    }

    def generate(self, rng: random.Random, difficulty: int) -> Puzzle:
        columns, rows, count, fewest, most, aslant = _LEVELS[difficulty]
        cells = [(x, y) for y in range(rows) for x in range(columns)]
        ways = range(0, 8, 1 if aslant else 2)
        while True:
            lamps = sorted(rng.sample(cells, count))
            near = [{way: lamp for way in ways if (lamp := _nearest(lamps, i, way)) is not None} for i in range(count)]
            trail = _stroll(rng, near, rng.randint(fewest, most) + 1)
            if not trail or _monotonous([lamps[i] for i in trail[1:]]) or not all(near):
                continue
            arrows = [rng.choice(list(ways)) for ways in near]
            for here, there in itertools.pairwise(trail):
                arrows[here] = next(way for way, lamp in near[here].items() if lamp == there)
            arrows[trail[-1]] = _STAR
            puzzle = Puzzle(
                columns=columns, rows=rows, lamps=tuple(lamps), arrows=tuple(arrows), first=trail[0]
            )  # fmt: skip
            if list(_followed(puzzle)) == trail:
                return puzzle

    def start(self, puzzle: Puzzle) -> Looks:
        return tuple(int(lamp == puzzle.first) for lamp in range(len(puzzle.lamps)))

    def goal(self, puzzle: Puzzle) -> Looks:
        lit = set(_followed(puzzle))
        return tuple(int(lamp in lit) for lamp in range(len(puzzle.lamps)))

    def looks(self, puzzle: Puzzle) -> int:
        return 2

    def order(self, puzzle: Puzzle) -> list[int]:
        return list(_followed(puzzle)[1:])

    def too_early(self, puzzle: Puzzle, looks: Looks, place: int) -> bool:
        trail = _followed(puzzle)
        return place in trail and not all(looks[lamp] for lamp in trail[: trail.index(place)])

    def steps(self, puzzle: Puzzle) -> list[str]:
        lamps = (puzzle.lamps[lamp] for lamp in self.order(puzzle))
        return [f"light the lamp in row {y + 1}, column {x + 1}" for x, y in lamps]

    def plan_text(self, puzzle: Puzzle) -> str:
        lamps = (puzzle.lamps[lamp] for lamp in self.order(puzzle))
        return "light the lamps (row column) " + ", ".join(f"{y + 1} {x + 1}" for x, y in lamps)

    def phrasings(self, puzzle: Puzzle) -> Sequence[str]:
        return (
            "Lamps with arrows on a dark board; one of them glows yellow. Its arrow points at the next lamp, the "
            "nearest one in that direction, which then begins to glow too. Go on from lamp to lamp, one at a time, "
            "until the lamp with the star glows. Lamps that glow stay lit, all others stay dark. The camera is fixed.",
            "Starting at the lamp that is lit, follow the arrows: each arrow leads to the nearest lamp in its "
            "direction. Light these lamps yellow one after another, in this order, and end at the star. A lit lamp is "
            "never switched off, no lamp beside the way is lit, and nothing moves. Static camera.",
            "A chain of lights: the glowing lamp's arrow shows which lamp lights up next, that lamp's arrow shows the "
            "one after it, and so on up to the star. One lamp at a time turns yellow and keeps glowing. The other "
            "lamps, the arrows and the camera do not change.",
        )

    def cheats(self, puzzle: Puzzle) -> dict[str, list[Board]]:
        found, path, order = super().cheats(puzzle), self.solution(puzzle), self.order(puzzle)
        dark = (0,) * len(puzzle.lamps)
        found["backwards"] = self.filled(puzzle, order[::-1])
        found["nearly_in_order"] = self.filled(puzzle, [*order[:-2], order[-1], order[-2]])
        found["nearly_one_skipped"] = self.filled(puzzle, [*order[: len(order) // 2], *order[len(order) // 2 + 1 :]])
        # A light that runs along the way: each lamp goes out when the next begins to glow.
        found["lights_go_out"] = [path[0], *(Board(changed(dark, {lamp: 1})) for lamp in order), path[-1]]
        return found

    def sheet(self, puzzle: Puzzle, canvas: Size, downscale: float = 1) -> tuple[Sketch, list[Box]]:
        rim = 0.065 * min(canvas)
        cell = min((canvas[0] - 2 * rim) / (puzzle.columns + 0.3), (canvas[1] - 2 * rim) / (puzzle.rows + 0.3))
        left, top = (canvas[0] - puzzle.columns * cell) / 2, (canvas[1] - puzzle.rows * cell) / 2
        sketch = Sketch(canvas, downscale=downscale)
        edge = 0.15 * cell
        panel = (left - edge, top - edge, canvas[0] - left + edge, canvas[1] - top + edge)
        sketch.rectangle(panel, _PANEL, radius=0.3 * cell)
        boxes, radius = [], _LAMP * cell
        for (column, row), arrow in zip(puzzle.lamps, puzzle.arrows, strict=True):
            x, y = left + (column + 0.5) * cell, top + (row + 0.5) * cell
            sketch.circle((x, y), radius, _DARK)
            sketch.circle((x, y), _PLATE * radius, _PANEL)
            sketch.polygon(_sign(arrow, (x, y), _PLATE * radius * 0.9), WHITE)
            boxes.append((x - radius, y - radius, x + radius, y + radius))
        return sketch, boxes

    def draw_look(self, puzzle: Puzzle, sketch: Sketch, box: Box, look: int, size: float) -> None:
        x, y, radius = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2, (box[2] - box[0]) / 2
        # The glow spreads from the plate outwards, its area as that of a disc, and leaves the arrow as it is.
        width = (1 - _PLATE) * radius * size * size
        middle = _PLATE * radius + width / 2
        sketch.line(oval(x, y, middle, middle), width, YELLOW)


def _sign(arrow: int, center: Point, radius: float) -> list[Point]:
    """The outline of an arrow or of a star that fits into a circle."""
    if arrow == _STAR:
        return [(center[0] + (r := radius * (0.45 if i % 2 else 1.05)) * math.sin(i * math.pi / 5),
                 center[1] - r * math.cos(i * math.pi / 5)) for i in range(10)]  # fmt: skip
    angle = arrow * math.pi / 4
    along, across = radius * math.cos(angle), radius * math.sin(angle)
    outline = ((-0.95, -0.27), (0.05, -0.27), (0.05, -0.8), (1.0, 0.0), (0.05, 0.8), (0.05, 0.27), (-0.95, 0.27))
    return [(center[0] + u * along - v * across, center[1] + u * across + v * along) for u, v in outline]


# ------------------------------------------------------------------------------------------------------------- the way


@lru_cache(maxsize=64)
def _followed(puzzle: Puzzle) -> tuple[int, ...]:
    """The lamps on the way, found as a person does: cell by cell in the arrow's direction, up to the star.

    Empty if the arrows lead off the board or round in a circle.
    """
    at = {cell: lamp for lamp, cell in enumerate(puzzle.lamps)}
    trail = [puzzle.first]
    while puzzle.arrows[trail[-1]] != _STAR:
        x, y = puzzle.lamps[trail[-1]]
        across, down = _WAYS[puzzle.arrows[trail[-1]]]
        x, y = x + across, y + down
        while (x, y) not in at:
            if not (0 <= x < puzzle.columns and 0 <= y < puzzle.rows):
                return ()
            x, y = x + across, y + down
        if at[x, y] in trail:
            return ()
        trail.append(at[x, y])
    return tuple(trail)


def _nearest(lamps: Sequence[tuple[int, int]], here: int, way: int) -> int | None:
    """The nearest lamp in a direction from a lamp."""
    (x, y), (across, down) = lamps[here], _WAYS[way]
    found = []
    for lamp, (column, row) in enumerate(lamps):
        far = max(abs(column - x), abs(row - y))
        if far and (column - x, row - y) == (across * far, down * far):
            found.append((far, lamp))
    return min(found)[1] if found else None


def _stroll(rng: random.Random, near: Sequence[dict[int, int]], length: int) -> list[int]:
    """A walk of so many lamps that visits none twice; empty if it gets stuck."""
    trail = [rng.randrange(len(near))]
    while len(trail) < length:
        fresh = [lamp for lamp in near[trail[-1]].values() if lamp not in trail]
        if not fresh:
            return []
        trail.append(rng.choice(fresh))
    return trail


def _monotonous(cells: Sequence[tuple[int, int]]) -> bool:
    """Whether a straight line that sweeps over the board, at any angle, would meet the cells in their order."""
    for step in range(48):
        across, down = math.cos(step * math.pi / 24), math.sin(step * math.pi / 24)
        met = [x * across + y * down for x, y in cells]
        if all(b >= a for a, b in itertools.pairwise(met)):
            return True
    return False
