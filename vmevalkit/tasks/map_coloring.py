"""Map coloring: color every region in one of four colors so that regions that share a border differ.

    +-------+-----+       Some regions have their color from the start. A video passes if each other region gets its
    | blue  |     |       right color, one region after another and in any order, and if the full map is held. Regions
    +---+---+     |       that share a piece of border never have the same color. The given regions and the borders must
    |   | red     |       stay, and no region may get a wrong color, not even for a moment.
    +---+---------+

The plan length is the number of regions to color. The given colors leave one answer. There are far more than 10,000
questions at every difficulty.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Container, Iterator, Sequence
from typing import NamedTuple

from vmevalkit.tasks.base import register_task
from vmevalkit.tasks.toolkit.cells import CELL_REASONS, Board, CellsTask, Looks, changed, swept
from vmevalkit.tasks.toolkit.completions import Choices, completions, has_one_completion
from vmevalkit.tasks.toolkit.draw import HUES, INK, WHITE, Box, Sketch
from vmevalkit.tasks.toolkit.levels import levels
from vmevalkit.tasks.toolkit.sums import added
from vmevalkit.types import Record, Size

# Left, top, right, bottom, in units of the map.
Region = tuple[int, int, int, int]


class Level(NamedTuple):
    """Settings of one difficulty: number of regions, range of those to color, and size of the map in units."""

    regions: int
    fewest: int
    most: int
    columns: int
    rows: int


LEVELS = levels(
    Level(regions=9, fewest=4, most=5, columns=9, rows=6),
    Level(regions=11, fewest=5, most=7, columns=9, rows=6),
    Level(regions=16, fewest=8, most=11, columns=12, rows=8),
    Level(regions=21, fewest=12, most=15, columns=14, rows=9),
    Level(regions=27, fewest=16, most=20, columns=15, rows=10),
)
_COLORS = ("blue", "orange", "green", "purple")
# Shortest side of a region, in units, and the longest as a multiple of the other.
_SHORTEST, _LONGEST = 2, 3
# Number of colorings that are tried for each map.
_TRIES = 8
# Width of borders as a share of the shorter side of the canvas.
_BORDER = 0.03
# Largest share of the canvas, in each direction, that the map covers. The light of frames is told by the paper around
# it, because most of the map may change.
_WIDE = 0.84


class Puzzle(Record):
    """A map of rectangular regions, which cover `columns` x `rows` units, and their colors.

    Attributes:
        regions: (left, top, right, bottom) of each region.
        given: color of each region, counted from 1; 0 if it is to be found.
        answer: color of each region.
    """

    columns: int
    rows: int
    regions: tuple[Region, ...]
    given: Looks
    answer: Looks


@register_task
class MapColoring(CellsTask[Puzzle]):
    """The places are the regions without color, and a look is a color."""

    name = "map_coloring"
    tags = ("logic", "planning")
    puzzle_type = Puzzle
    read_size = 0.97
    reasons = CELL_REASONS
    rubric = {
        "outcome": "Every region is colored, and no two regions that share a border have the same color.",
        "process": "Regions are colored one after another, in any order, and never in a wrong color.",
    }

    def generate(self, rng: random.Random, difficulty: int) -> Puzzle:
        level = LEVELS[difficulty]
        while True:
            regions = _random_map(rng, level)
            if regions is None:
                continue
            rules = _rules(regions)
            for _ in range(_TRIES):
                answer = next(completions((0,) * len(regions), rules, rng))
                given = _fewer(rng, answer, rules, rng.randint(level.fewest, level.most))
                if given is None:
                    continue
                white = [region for region, color in enumerate(given) if not color]
                if len({answer[region] for region in white}) > 1 and not _swept([regions[i] for i in white]):
                    return Puzzle(columns=level.columns, rows=level.rows, regions=regions, given=given, answer=answer)

    def goal(self, puzzle: Puzzle) -> Looks:
        return tuple(color for color, given in zip(puzzle.answer, puzzle.given, strict=True) if not given)

    def looks(self, puzzle: Puzzle) -> int:
        return len(_COLORS) + 1

    def steps(self, puzzle: Puzzle) -> list[str]:
        return [
            f"color the region at {x} % from the left, {y} % from the top {_COLORS[look - 1]}"
            for (x, y), look in zip(_middles(puzzle), self.goal(puzzle), strict=True)
        ]

    def plan_text(self, puzzle: Puzzle) -> str:
        found: dict[str, list[str]] = {}
        for (x, y), look in zip(_middles(puzzle), self.goal(puzzle), strict=True):
            found.setdefault(_COLORS[look - 1], []).append(f"{x} {y}")
        parts = (f"{color} {', '.join(places)}" for color, places in found.items())
        return f"regions with middle at (% from left, from top) {'; '.join(parts)}"

    def phrasings(self, puzzle: Puzzle) -> Sequence[str]:
        return (
            "A map of rectangular regions, some of them white. The white regions are colored one after another in "
            "blue, orange, green or purple, so that two regions that share a border never have the same color. The "
            "colored regions and the dark borders stay as they are. The camera is fixed.",
            "Color this map with four colors (blue, orange, green, purple): neighboring regions must differ. One "
            "white region at a time is filled completely with its color until no white is left. Given colors and "
            "borders do not change. Static camera.",
            "The blank regions of the map fill with color one by one: blue, orange, green or purple, each different "
            "from all regions that it borders. Regions that have a color keep it, and the camera does not move.",
        )

    def cheats(self, puzzle: Puzzle) -> dict[str, list[Board]]:
        found, goal, order = super().cheats(puzzle), self.goal(puzzle), self.order(puzzle)
        other = next(place for place in order if goal[place] != goal[order[-1]])
        swapped = changed(goal, {other: goal[order[-1]], order[-1]: goal[other]})
        found["nearly_two_swapped"] = self.filled(puzzle, order, swapped)
        found["all_in_one_color"] = self.filled(puzzle, order, (goal[0],) * len(goal))
        return found

    def sheet(self, puzzle: Puzzle, canvas: Size, downscale: float = 1) -> tuple[Sketch, list[Box]]:
        border = _BORDER * min(canvas)
        unit = min((canvas[0] * _WIDE - border) / puzzle.columns, (canvas[1] * _WIDE - border) / puzzle.rows)
        left, top = (canvas[0] - unit * puzzle.columns) / 2, (canvas[1] - unit * puzzle.rows) / 2
        sketch = Sketch(canvas, downscale=downscale)
        half = border / 2
        sketch.rectangle((left - half, top - half, canvas[0] - left + half, canvas[1] - top + half), INK, radius=border)
        boxes = []
        for (x0, y0, x1, y1), given in zip(puzzle.regions, puzzle.given, strict=True):
            box = left + x0 * unit + half, top + y0 * unit + half, left + x1 * unit - half, top + y1 * unit - half
            sketch.rectangle(box, WHITE)
            if given:
                self.draw_look(puzzle, sketch, box, given, 1.0)
            else:
                boxes.append(box)
        return sketch, boxes

    def draw_look(self, puzzle: Puzzle, sketch: Sketch, box: Box, look: int, size: float) -> None:
        left, top, right, bottom = box
        # As much from each side, because readers tolerate so many pixels of a long region, too.
        margin = (1 - size) * min(right - left, bottom - top) / 2
        sketch.rectangle((left + margin, top + margin, right - margin, bottom - margin), HUES[_COLORS[look - 1]])


def _middles(puzzle: Puzzle) -> list[tuple[int, int]]:
    """Return the middle of each region to color: percent of the map from the left and from the top."""
    return [
        (round(50 * (x0 + x1) / puzzle.columns), round(50 * (y0 + y1) / puzzle.rows))
        for (x0, y0, x1, y1), given in zip(puzzle.regions, puzzle.given, strict=True)
        if not given
    ]


def _random_map(rng: random.Random, level: Level) -> tuple[Region, ...] | None:
    """Return a map made by cutting large regions in two, again and again; None if it has too few, or a long one."""
    regions: list[Region] = [(0, 0, level.columns, level.rows)]
    while len(regions) < level.regions:
        corners = {corner for x0, y0, x1, y1 in regions for corner in itertools.product((x0, x1), (y0, y1))}
        cuts = [(region, cut) for region in regions for cut in _cuts(region, corners)]
        if not cuts:
            return None
        # Large regions are cut more often.
        weights = [((x1 - x0) * (y1 - y0)) ** 2 for (x0, y0, x1, y1), _ in cuts]
        region, cut = rng.choices(cuts, weights)[0]
        regions.remove(region)
        regions += cut
    if any(max(x1 - x0, y1 - y0) > _LONGEST * min(x1 - x0, y1 - y0) for x0, y0, x1, y1 in regions):
        return None
    return tuple(sorted(regions, key=lambda region: (region[1], region[0])))


def _cuts(region: Region, corners: Container[tuple[int, int]]) -> Iterator[tuple[Region, Region]]:
    """Yield every way to cut a region in two that are not too narrow.

    A cut may not end in a corner: where four regions meet, it is not clear which of them share a border.
    """
    x0, y0, x1, y1 = region
    for x in range(x0 + _SHORTEST, x1 - _SHORTEST + 1):
        if (x, y0) not in corners and (x, y1) not in corners:
            yield (x0, y0, x, y1), (x, y0, x1, y1)
    for y in range(y0 + _SHORTEST, y1 - _SHORTEST + 1):
        if (x0, y) not in corners and (x1, y) not in corners:
            yield (x0, y0, x1, y), (x0, y, x1, y1)


def _rules(regions: Sequence[Region]) -> Choices:
    """Return what tells which colors a white region may have, next to those that it borders."""
    near = [[i for i, other in enumerate(regions) if _share_border(region, other)] for region in regions]

    def choices(colors: Looks, region: int) -> list[int]:
        taken = {colors[other] for other in near[region]}
        return [color for color in range(1, len(_COLORS) + 1) if color not in taken]

    return choices


def _share_border(a: Region, b: Region) -> bool:
    across, down = (min(a[k + 2], b[k + 2]) - max(a[k], b[k]) for k in (0, 1))
    return min(across, down) == 0 < max(across, down)


def _swept(regions: Sequence[Region]) -> bool:
    """Return whether a straight wipe meets the regions one after another, for `swept` in regions of mean size."""
    size = math.sqrt(added((x1 - x0) * (y1 - y0) for x0, y0, x1, y1 in regions) / len(regions))
    return swept([((y0 + y1) / 2 / size, (x0 + x1) / 2 / size) for x0, y0, x1, y1 in regions])


def _fewer(rng: random.Random, answer: Looks, rules: Choices, count: int) -> Looks | None:
    """Return the answer without the colors of `count` regions, which follow from the others; None if none is found."""
    given = answer
    for region in rng.sample(range(len(answer)), len(answer)):
        fewer = changed(given, {region: 0})
        if has_one_completion(fewer, rules):
            given = fewer
        if given.count(0) == count:
            return given
    return None
