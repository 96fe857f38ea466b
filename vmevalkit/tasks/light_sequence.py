"""Light sequence: light one lamp after another, following the arrows to the lamp with the star.

    (>)  (v)  ( )         The first lamp is lit. Its arrow points to the next: the nearest lamp in that direction. A
     -   (/)  (*)         video passes if the lamps along the arrows light up one after another, in their order, up to
    (^)  (>)  (^)         the star, and if all of them are lit at the end. The other lamps must stay dark.

The plan length is the number of lamps to light. A light that sweeps straight over the board, at any angle, never meets
the lamps in their order. There are far more than 10,000 questions at every difficulty.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from vmevalkit.tasks.base import register_task
from vmevalkit.tasks.toolkit.cells import CELL_REASONS, Board, CellsTask, Looks, changed, middle_of, square_box
from vmevalkit.tasks.toolkit.compass import STEPS, cell_in_words, sweeps
from vmevalkit.tasks.toolkit.draw import GRAY, INK, WHITE, YELLOW, Box, Point, Sketch, mix, oval
from vmevalkit.tasks.toolkit.levels import levels
from vmevalkit.types import Record, Size


class Level(NamedTuple):
    """Settings of one difficulty.

    Attributes:
        columns, rows: size of the board.
        lamps: number of lamps.
        fewest, most: range of lamps to light.
        diagonal: whether arrows may point diagonally.
    """

    columns: int
    rows: int
    lamps: int
    fewest: int
    most: int
    diagonal: bool


LEVELS = levels(
    Level(columns=4, rows=3, lamps=10, fewest=4, most=5, diagonal=False),
    Level(columns=5, rows=3, lamps=13, fewest=6, most=7, diagonal=False),
    Level(columns=5, rows=4, lamps=17, fewest=8, most=11, diagonal=True),
    Level(columns=6, rows=4, lamps=21, fewest=12, most=15, diagonal=True),
    Level(columns=7, rows=5, lamps=28, fewest=16, most=20, diagonal=True),
)
# The "arrow" of the last lamp.
_STAR = 8
# Radius of a lamp as a share of a cell, and inner radius of its glow as a share of that.
_LAMP, _PLATE = 0.43, 0.63
_PANEL, _DARK = mix(INK, GRAY, 0.08), mix(INK, GRAY, 0.36)


class Puzzle(Record):
    """The cell (column, row) and the arrow of each lamp, and the lamp that is lit at the start.

    An arrow is an index of `compass.STEPS`, or 8 for the star.
    """

    columns: int
    rows: int
    lamps: tuple[tuple[int, int], ...]
    arrows: tuple[int, ...]
    first: int


@register_task
class LightSequence(CellsTask[Puzzle]):
    """The places are the lamps, and the only look is lit."""

    name = "light_sequence"
    tags = ("navigation", "planning")
    puzzle_type = Puzzle
    reasons = {**CELL_REASONS, "wrong_order": "A lamp lights up before its turn."}
    rubric = {
        "outcome": "All lamps along the arrows are lit, up to the lamp with the star, and no other lamp is.",
        "process": (
            "Each lamp lights up in its turn: an arrow points to the next lamp, the nearest one in its direction."
        ),
    }

    def generate(self, rng: random.Random, difficulty: int) -> Puzzle:
        level = LEVELS[difficulty]
        cells = [(x, y) for y in range(level.rows) for x in range(level.columns)]
        directions = range(0, 8, 1 if level.diagonal else 2)
        while True:
            lamps = sorted(rng.sample(cells, level.lamps))
            neighbors = [_neighbors(lamps, lamp, directions) for lamp in range(level.lamps)]
            path = _random_path(rng, neighbors, rng.randint(level.fewest, level.most) + 1)
            if not path or _monotonous([lamps[lamp] for lamp in path[1:]]) or not all(neighbors):
                continue
            arrows = [rng.choice(list(around)) for around in neighbors]
            for a, b in itertools.pairwise(path):
                arrows[a] = next(direction for direction, lamp in neighbors[a].items() if lamp == b)
            arrows[path[-1]] = _STAR
            puzzle = Puzzle(
                columns=level.columns, rows=level.rows, lamps=tuple(lamps), arrows=tuple(arrows), first=path[0]
            )
            if list(_path(puzzle)) == path:
                return puzzle

    def start(self, puzzle: Puzzle) -> Looks:
        return tuple(int(lamp == puzzle.first) for lamp in range(len(puzzle.lamps)))

    def goal(self, puzzle: Puzzle) -> Looks:
        lit = set(_path(puzzle))
        return tuple(int(lamp in lit) for lamp in range(len(puzzle.lamps)))

    def order(self, puzzle: Puzzle) -> list[int]:
        return list(_path(puzzle)[1:])

    def too_early(self, puzzle: Puzzle, looks: Looks, place: int) -> bool:
        path = _path(puzzle)
        return place in path and not all(looks[lamp] for lamp in path[: path.index(place)])

    def steps(self, puzzle: Puzzle) -> list[str]:
        lamps = (puzzle.lamps[lamp] for lamp in self.order(puzzle))
        return [f"light the lamp {cell_in_words((y, x))}" for x, y in lamps]

    def plan_text(self, puzzle: Puzzle) -> str:
        lamps = (puzzle.lamps[lamp] for lamp in self.order(puzzle))
        return "light the lamps (row column) " + ", ".join(f"{y + 1} {x + 1}" for x, y in lamps)

    def place_in_words(self, puzzle: Puzzle, place: int) -> str:
        x, y = puzzle.lamps[place]
        return f"the lamp {cell_in_words((y, x))}"

    def look_in_words(self, puzzle: Puzzle, look: int) -> str:
        return "lit" if look else "dark"

    def phrasings(self, puzzle: Puzzle) -> Sequence[str]:
        return (
            "Lamps with arrows on a dark board; one of them glows yellow. Its arrow points at the next lamp, the "
            "nearest one in that direction, which then begins to glow too. Go on from lamp to lamp, one at a time, "
            "until the lamp with the star glows. Lamps that glow stay lit, all others stay dark. The camera is fixed.",
            "Starting at the lamp that is lit, follow the arrows: each arrow leads to the nearest lamp in its "
            "direction. Light these lamps yellow one after another, in this order, and end at the star. A lit lamp is "
            "never switched off, no lamp beside the way is lit, and the lamps stay where they are. Static camera.",
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
        # Each lamp goes out when the next one lights up.
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
            center = left + (column + 0.5) * cell, top + (row + 0.5) * cell
            sketch.circle(center, radius, _DARK)
            sketch.circle(center, _PLATE * radius, _PANEL)
            sketch.polygon(_sign(arrow, center, _PLATE * radius * 0.9), WHITE)
            boxes.append(square_box(center, radius))
        return sketch, boxes

    def draw_look(self, puzzle: Puzzle, sketch: Sketch, box: Box, look: int, size: float) -> None:
        x, y, radius = middle_of(box)
        # The glow spreads outwards from the plate, so that the arrow stays visible. Its area grows like that of a disc.
        width = (1 - _PLATE) * radius * size * size
        middle = _PLATE * radius + width / 2
        sketch.line(oval(x, y, middle, middle), width, YELLOW)


def _sign(arrow: int, center: Point, radius: float) -> list[Point]:
    """Return the outline of an arrow, or of a star, that fits into a circle."""
    if arrow == _STAR:
        return [(center[0] + (r := radius * (0.45 if i % 2 else 1.05)) * math.sin(i * math.pi / 5),
                 center[1] - r * math.cos(i * math.pi / 5)) for i in range(10)]  # fmt: skip
    angle = arrow * math.pi / 4
    along, across = radius * math.cos(angle), radius * math.sin(angle)
    outline = ((-0.95, -0.27), (0.05, -0.27), (0.05, -0.8), (1.0, 0.0), (0.05, 0.8), (0.05, 0.27), (-0.95, 0.27))
    return [(center[0] + u * along - v * across, center[1] + u * across + v * along) for u, v in outline]


@lru_cache(maxsize=64)
def _path(puzzle: Puzzle) -> tuple[int, ...]:
    """Follow the arrows, cell by cell, from the first lamp to the star.

    Returns:
        The lamps along the arrows; empty if the arrows lead off the board or in a circle.
    """
    lamp_at = {cell: lamp for lamp, cell in enumerate(puzzle.lamps)}
    path = [puzzle.first]
    while puzzle.arrows[path[-1]] != _STAR:
        x, y = puzzle.lamps[path[-1]]
        across, down = STEPS[puzzle.arrows[path[-1]]]
        x, y = x + across, y + down
        while (x, y) not in lamp_at:
            if not (0 <= x < puzzle.columns and 0 <= y < puzzle.rows):
                return ()
            x, y = x + across, y + down
        if lamp_at[x, y] in path:
            return ()
        path.append(lamp_at[x, y])
    return tuple(path)


def _neighbors(lamps: Sequence[tuple[int, int]], lamp: int, directions: Sequence[int]) -> dict[int, int]:
    """Return the nearest lamp in each direction in which there is one."""
    nearest = {direction: _nearest(lamps, lamp, direction) for direction in directions}
    return {direction: other for direction, other in nearest.items() if other is not None}


def _nearest(lamps: Sequence[tuple[int, int]], lamp: int, direction: int) -> int | None:
    """Return the nearest lamp in a direction, or None."""
    (x, y), (across, down) = lamps[lamp], STEPS[direction]
    found = []
    for other, (column, row) in enumerate(lamps):
        distance = max(abs(column - x), abs(row - y))
        if distance and (column - x, row - y) == (across * distance, down * distance):
            found.append((distance, other))
    return min(found)[1] if found else None


def _random_path(rng: random.Random, neighbors: Sequence[dict[int, int]], length: int) -> list[int]:
    """Return a random walk that visits `length` lamps, none of them twice; empty if it gets stuck."""
    path = [rng.randrange(len(neighbors))]
    while len(path) < length:
        unvisited = [lamp for lamp in neighbors[path[-1]].values() if lamp not in path]
        if not unvisited:
            return []
        path.append(rng.choice(unvisited))
    return path


def _monotonous(cells: Sequence[tuple[int, int]]) -> bool:
    """Return whether a straight wipe, at any angle, meets the cells in their order."""
    return any(all(b >= a for a, b in itertools.pairwise(met)) for met in sweeps(cells))
