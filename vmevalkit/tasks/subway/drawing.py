"""Drawing of the map, and the check that it stays."""

from __future__ import annotations

import math

import numpy as np

from vmevalkit.media import Planes
from vmevalkit.tasks.base import lerp
from vmevalkit.tasks.subway.puzzle import Place, Puzzle, crossings_of
from vmevalkit.tasks.toolkit.axes import Axes
from vmevalkit.tasks.toolkit.draw import HUES, ORANGE, PAPER, WHITE, Sketch
from vmevalkit.tasks.toolkit.spots import MeanChanges
from vmevalkit.types import Size

# Sizes in distances between stations.
_TRACK, _STATION, _SHARED, TRAIN, _GOAL = 0.2, 0.2, 0.26, 0.24, 0.25
# Lines are checked at places so far apart. A color has changed if it differs by more than this in luma or chroma.
_SPACING, _OTHERWISE = 0.12, (38, 24)
_GRAY = (112, 118, 130)


def map_sketch(puzzle: Puzzle, canvas: Size, downscale: float) -> tuple[Sketch, Axes]:
    """Draw the map without the train. Return also the axes, in pixels of the canvas."""
    unit = min(canvas[0] * 0.84 / (puzzle.columns - 1), canvas[1] * 0.82 / (puzzle.rows - 1), min(canvas) * 0.2)
    left, top = (canvas[0] - unit * (puzzle.columns - 1)) / 2, (canvas[1] - unit * (puzzle.rows - 1)) / 2
    sheet, axes = Sketch(canvas, downscale=downscale), Axes(left, top, unit)
    at = axes.point

    edges = [(edge, line) for line in puzzle.lines for edge in line.edges]
    for line in puzzle.lines:
        sheet.line([at(stop) for stop in line.stops], _TRACK * unit, HUES[line.colour])
    for i, j, (x, y) in crossings_of(puzzle):
        # The later line crosses the earlier one on a bridge.
        (a, b), line = edges[max(i, j)]
        dx, dy = 0.3 * (b[0] - a[0]) / math.dist(a, b), 0.3 * (b[1] - a[1]) / math.dist(a, b)
        span = [at((x - dx, y - dy)), at((x + dx, y + dy))]
        sheet.line(span, (_TRACK + 0.13) * unit, PAPER)
        sheet.line([at(a), at(b)], _TRACK * unit, HUES[line.colour])
    lines = {
        stop: [line for line in puzzle.lines if stop in line.stops] for line in puzzle.lines for stop in line.stops
    }
    for stop, here in lines.items():
        shared = len(here) > 1
        radius = (_SHARED if shared else _STATION) * unit
        sheet.circle(at(stop), radius, _GRAY if shared else HUES[here[0].colour])
        sheet.circle(at(stop), radius * 0.56, WHITE)
    x, y = at(puzzle.goal)
    for half, color in ((_GOAL * unit * 1.24, PAPER), (_GOAL * unit, ORANGE)):
        sheet.rectangle((x - half, y - half, x + half, y + half), color, radius=half * 0.25)
    return sheet, axes


class TracksCheck:
    """Checks that lines and stations stay. They are too thin for the general check of the scene."""

    def __init__(self, puzzle: Puzzle, drawing: Planes, axes: Axes) -> None:
        left, top, unit = axes
        stations: dict[Place, float] = {stop: _STATION for line in puzzle.lines for stop in line.stops}
        count_stations = len(stations)
        for a, b in (edge for line in puzzle.lines for edge in line.edges):
            count = math.ceil(math.dist(a, b) / _SPACING)
            way = [(lerp(a[0], b[0], i / count), lerp(a[1], b[1], i / count)) for i in range(count)]
            stations |= {place: _TRACK / 3 for place in way if min(math.dist(place, end) for end in (a, b)) > 0.3}
        self._places = np.array([*stations])
        rows, columns = np.indices(drawing.shape[1:]) + 0.5
        pixels = []
        for (x, y), radius in stations.items():
            near = np.s_[max(0, int(top + (y - 0.3) * unit)) : int(top + (y + 0.3) * unit) + 2,
                         max(0, int(left + (x - 0.3) * unit)) : int(left + (x + 0.3) * unit) + 2]  # fmt: skip
            off = np.hypot(rows[near] - top - y * unit, columns[near] - left - x * unit)
            inside = off <= max(radius * unit, off.min())
            pixels.append(
                (rows[near][inside].astype(np.intp) * drawing.shape[2]) + columns[near][inside].astype(np.intp)
            )
        self._changes = MeanChanges(drawing, pixels)
        # One damaged station is too many. One damaged spot on a line may be caused by compression.
        self._weight = np.where(np.arange(len(pixels)) < count_stations, 2, 1)

    def is_intact(self, planes: Planes, place: Place) -> bool:
        """Whether lines and stations have their colors, except for one spot and where the train hides them."""
        luma, *chroma = np.abs(self._changes.of(planes))
        seen = np.hypot(*(self._places - place).T) > TRAIN + 0.5
        off = (luma > _OTHERWISE[0]) | (np.maximum(*chroma) > _OTHERWISE[1])
        return int(self._weight[seen & off].sum()) < 2
