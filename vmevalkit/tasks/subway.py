r"""Subway: ride along the colored lines to the orange station and pass as few stations as possible.

    o---+---+       +---x      o  the train            A video passes when the train is seen to ride along the lines,
             \     /           +  a station            from line to line only at a station that both share, until it
    +---+-----\---#            #  a shared station     rests on the square, by a way with the fewest stations. All
               \   \           x  the goal             such ways are right. Changing where lines only cross,
                +---+                                  leaving the lines, jumping, and longer ways are not.

The plan length is the number of stations travelled. There are far more than 10,000 maps at every difficulty.
"""

from __future__ import annotations

import heapq
import itertools
import math
import random
from collections import deque
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from vmevalkit.media import Planes
from vmevalkit.tasks.base import Painter, Reader, Reading, lerp, register_task
from vmevalkit.tasks.toolkit.compass import STEPS
from vmevalkit.tasks.toolkit.draw import HUES, ORANGE, PAPER, WHITE, Point, Sketch
from vmevalkit.tasks.toolkit.levels import levels
from vmevalkit.tasks.toolkit.vision import Floats, Lens, downscale_of, to_planes
from vmevalkit.tasks.toolkit.walk import AGENT_REASONS, Moment, Walk, agent_reader, disc_painter
from vmevalkit.types import Record, Size

Stop = tuple[int, int]
Place = tuple[float, float]
Edge = tuple[Stop, Stop]


class Level(NamedTuple):
    """Columns and rows of the lattice of stations; lines; fewest and most stations of a line; shortest and longest
    path; least number of stations that a change at a mere crossing would save.
    """

    columns: int
    rows: int
    lines: int
    stations: tuple[int, int]
    shortest: int
    longest: int
    saved: int


LEVELS = levels(
    Level(columns=6, rows=4, lines=2, stations=(4, 6), shortest=3, longest=4, saved=0),
    Level(columns=7, rows=4, lines=3, stations=(4, 6), shortest=5, longest=6, saved=0),
    Level(columns=8, rows=5, lines=4, stations=(5, 8), shortest=7, longest=8, saved=1),
    Level(columns=9, rows=6, lines=5, stations=(5, 9), shortest=9, longest=10, saved=1),
    Level(columns=9, rows=6, lines=5, stations=(6, 11), shortest=11, longest=14, saved=1),
)
_COLORS = ("green", "purple", "sky blue", "yellow", "red")
# The eight directions in which lines run, clockwise from the right.
_WORDS = ("right", "lower right", "down", "lower left", "left", "upper left", "up", "upper right")
# Sizes in distances between stations.
_TRACK, _STATION, _SHARED, _TRAIN, _GOAL = 0.2, 0.2, 0.26, 0.24, 0.25
# Farther along the lines than this from one seen position to the next is a jump; farther from a line than this is off
# it; nearer to a station than this is there.
_LEAP, _OFF, _AT = 2.0, 0.24, 0.2
# Lines are looked at in so many units from each other; another color differs by more than this in luma or chroma.
_APART, _OTHERWISE = 0.12, (38, 24)
_GRAY = (112, 118, 130)
# Darker than ink, so that the train stands out from every line.
_BLACK = (10, 12, 18)


class Line(Record):
    """A line: its color and its stations in order, as (column, row) of the lattice; straight between two of them."""

    colour: str
    stops: tuple[Stop, ...]

    @property
    def edges(self) -> list[Edge]:
        return list(itertools.pairwise(self.stops))


class Puzzle(Record):
    """A map, the train's station and the goal."""

    columns: int
    rows: int
    lines: tuple[Line, ...]
    start: Stop
    goal: Stop


@register_task
class Subway(Walk[Puzzle]):
    """The train's place is the state; the stations it passed are remembered."""

    name = "subway"
    tags = ("planning", "navigation")
    puzzle_type = Puzzle
    leap, there = _LEAP, 0.3
    reasons = {
        **AGENT_REASONS,
        "map_changed": "Lines or stations of the map vanish or change.",
        "off_line": "The train leaves the lines.",
        "changed_line": "The train gets to another place than its line leads to.",
        "too_long": "The train passes more stations than need be.",
    }
    rubric = {
        "outcome": (
            "The train rests on the orange station and passed as few stations as any way has. Every such way is "
            "right, not the one shown alone."
        ),
        "process": "The train rides along the coloured lines and changes the line only at a station that both share.",
    }

    def generate(self, rng: random.Random, difficulty: int) -> Puzzle:
        columns, rows, count, (fewest, most), shortest, longest, saved = LEVELS[difficulty]
        while True:
            puzzle = _map(rng, columns, rows, count, fewest, most)
            if not puzzle:
                continue
            for start in rng.sample(sorted(_Net(puzzle).near), 4):
                far = _Net(puzzle, start).left
                goals = [stop for stop, steps in sorted(far.items()) if shortest <= steps <= longest
                         and not any({start, stop} <= {*line.stops} for line in puzzle.lines)]  # fmt: skip
                # A change where lines only cross must tempt.
                tempting = _Net(puzzle, start, crossings=True).left if goals else {}
                goals = [stop for stop in goals if tempting[stop] <= far[stop] - saved]
                if goals:
                    return puzzle.model_copy(update={"start": start, "goal": rng.choice(goals)})

    def solution(self, puzzle: Puzzle) -> list[Moment]:
        return _moments(_net(puzzle).way(puzzle.start))

    def steps(self, puzzle: Puzzle) -> list[str]:
        way = _net(puzzle).way(puzzle.start)
        return [f"{_line_of(puzzle, a, b).colour} line {_word(a, b)}" for a, b in itertools.pairwise(way)]

    def plan_text(self, puzzle: Puzzle) -> str:
        way = list(itertools.pairwise(_net(puzzle).way(puzzle.start)))
        rides = [(color, list(ride)) for color, ride in itertools.groupby(way, lambda e: _line_of(puzzle, *e).colour)]
        return ", then ".join(
            f"{len(ride)} station{'s' * (len(ride) > 1)} on the {color} line, first {_word(*ride[0])}"
            for color, ride in rides
        )

    def phrasings(self, puzzle: Puzzle) -> Sequence[str]:
        return (
            "A subway map. The black disc is a train. It rides along the coloured lines to the station with the orange "
            "square and stops there, on a way that passes as few stations as possible. It changes to another line only "
            "at a large grey station where both lines stop, never where lines merely cross. It never leaves the lines "
            "or jumps. The map does not change. The camera is fixed.",
            "Show the black train travelling on this metro network to the orange square by the way with the fewest "
            "stations. It glides along the thick lines from station to station. Changing lines is allowed at the large "
            "grey ring stations only; a crossing without a station is a bridge. Nothing else moves. Static camera.",
            "Find the best connection: the black disc follows the metro lines, station by station, until it rests on "
            "the orange square, with as few stations on the way as possible. It may switch lines only at stations that "
            "two lines share, marked by large grey rings. The lines stay as they are and the camera does not move.",
        )

    def painter(self, puzzle: Puzzle, canvas: Size, downscale: float = 1, object_scale: float = 1) -> Painter[Moment]:
        sheet, (left, top, unit) = _sheet(puzzle, canvas, downscale)

        def center(moment: Moment) -> Point:
            return left + moment.place[0] * unit, top + moment.place[1] * unit

        return disc_painter(sheet, _BLACK, _TRAIN * unit * object_scale, center)

    def cheats(self, puzzle: Puzzle) -> dict[str, list[Moment]]:
        net = _net(puzzle)
        way = net.way(puzzle.start)
        found: dict[str, list[Place]] = {
            "nearly_there": [*way[:-1]],
            "there_and_back": [*way[:2], *way],
        }
        if len({_word(a, b) for a, b in itertools.pairwise(way)}) > 1:
            found["straight_there"] = [way[0], *[way[-1]] * 3]
        beyond = [stop for stop, _ in net.near[way[-1]] if stop != way[-2]]
        if beyond:
            found["nearly_but_one_too_far"] = [*way, beyond[0]]
        for i, (a, b) in enumerate(zip(way, way[2:], strict=False)):
            middles = [(lerp(a[0], b[0], t), lerp(a[1], b[1], t)) for t in (0.4, 0.5, 0.6)]
            if max(min(_foot(edge, at)[1] for edge in net.edges) for at in middles) > 1.3 * _OFF:
                found["cuts_a_bend"] = [*way[: i + 1], *way[i + 2 :]]
                break
        across = _Net(puzzle, puzzle.goal, crossings=True)
        short = across.way(puzzle.start)
        if not all(stop in net.near for stop in short):
            found["changes_at_a_crossing"] = [*short]
        detour = _detour(puzzle, way)
        if detour:
            found["a_longer_way"] = [*detour]
        return {name: _moments(places) for name, places in found.items()}

    def alternatives(self, puzzle: Puzzle) -> dict[str, list[Moment]]:
        net = _net(puzzle)
        other = net.way(puzzle.start, last=True)
        return {"as_short": _moments(other)} if other != net.way(puzzle.start) else {}

    def reader(self, puzzle: Puzzle, canvas: Size) -> Reader[Moment]:
        downscale = downscale_of(canvas)
        sheet, place = _sheet(puzzle, canvas, downscale)
        left, top, unit = (length / downscale for length in place)
        start, empty = self.drawing(puzzle, self.solution(puzzle)[0], canvas), to_planes(sheet.pixels())
        find = agent_reader(start, empty, _BLACK, _TRAIN * unit, slack=0.55 * unit)
        lens, tracks = Lens(start), _Tracks(puzzle, empty, (left, top, unit))

        def read(frame: Planes) -> Reading[Moment]:
            planes = lens.planes(frame)
            found = find(planes)
            if found.state is None:
                return Reading(None, found.scene_intact, found.note)
            x, y = found.state
            place = ((x - left) / unit, (y - top) / unit)
            return Reading(Moment(place), tracks.kept(planes, place), "map_changed")

        return read

    def followed(self, puzzle: Puzzle, readings: Sequence[Reading[Moment]]) -> Iterator[Reading[Moment]]:
        """Readings with the way along the lines taken into account."""
        net = _net(puzzle)
        # Where the train may be: for each edge how far along, the station passed last, and how many were passed.
        known: dict[int, tuple[float, Place, int]] = {
            number: (math.dist(net.edges[number][0], puzzle.start), puzzle.start, 0)
            for _, number in net.near[puzzle.start]
        }
        for reading in readings:
            if reading.state is None:
                yield reading
                continue
            place, wrong = reading.state.place, None
            on = [(number, *_foot(edge, place)) for number, edge in enumerate(net.edges)]
            new: dict[int, tuple[float, Place, int]] = {}
            for number, along, off in on:
                if off > _OFF:
                    continue
                for was, (before, last, count) in known.items():
                    passed = _passed(net, was, before, number, along)
                    if passed is None:
                        continue
                    for stop in passed:
                        count, last = (count + 1, stop) if stop != last else (count, last)
                    if number not in new or count < new[number][2]:
                        new[number] = along, last, count
            if not new:
                wrong = "changed_line" if any(off <= _OFF for _, _, off in on) else "off_line"
            elif min(count + net.left[last] for _, last, count in new.values()) > net.left[puzzle.start]:
                wrong = "too_long"
            known = new or known
            yield Reading(Moment(place, wrong), reading.scene_intact, reading.note)

    def progress(self, puzzle: Puzzle, state: Moment) -> float:
        if math.dist(state.place, puzzle.goal) < self.there:
            return 1.0
        left = _net(puzzle).left
        nearest = min(left, key=lambda stop: math.dist(stop, state.place))
        return min(0.99, max(0.0, 1 - left[nearest] / left[puzzle.start]))


class _Tracks:
    """Whether lines and stations look as drawn, wherever the train does not hide them: they are thin."""

    def __init__(self, puzzle: Puzzle, drawing: Planes, layout: tuple[float, float, float]) -> None:
        left, top, unit = layout
        stations: dict[Place, float] = {stop: _STATION for line in puzzle.lines for stop in line.stops}
        count_stations = len(stations)
        for a, b in (edge for line in puzzle.lines for edge in line.edges):
            count = math.ceil(math.dist(a, b) / _APART)
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
        self._at = np.concatenate(pixels)
        self._number = np.repeat(np.arange(len(pixels)), [len(spot) for spot in pixels])
        self._count = np.bincount(self._number)
        self._known = self._means(drawing)
        # One damaged station is too much; one spot on a line may be a speck.
        self._weight = np.where(np.arange(len(pixels)) < count_stations, 2, 1)

    def _means(self, planes: Planes) -> Floats:
        seen = planes.reshape(3, -1).take(self._at, 1)
        return np.stack([np.bincount(self._number, values) / self._count for values in seen]).astype(np.float32)

    def kept(self, planes: Planes, place: Place) -> bool:
        """Whether lines and stations have their colors, but for one spot."""
        luma, *chroma = np.abs(self._means(planes) - self._known)
        seen = np.hypot(*(self._places - place).T) > _TRAIN + 0.5
        off = (luma > _OTHERWISE[0]) | (np.maximum(*chroma) > _OTHERWISE[1])
        return int(self._weight[seen & off].sum()) < 2


class _Net:
    """The map as stations and the edges between them. With `crossings`, one may change there as well.

    Attributes:
        edges: pairs of stations that follow each other on a line.
        near: neighbors of each station, with the number of the edge that leads there.
        left: stations to be travelled from each station to `goal`.
    """

    def __init__(self, puzzle: Puzzle, goal: Place | None = None, crossings: bool = False) -> None:
        self.edges: list[tuple[Place, Place]] = [edge for line in puzzle.lines for edge in line.edges]
        steps = [1.0] * len(self.edges)
        if crossings:
            for i, j, point in _crossings(puzzle):
                self.edges += [(end, point) for edge in (i, j) for end in self.edges[edge]]
                steps += [0.5] * 4
        self.near: dict[Place, list[tuple[Place, int]]] = {}
        for number, (a, b) in enumerate(self.edges):
            self.near.setdefault(a, []).append((b, number))
            self.near.setdefault(b, []).append((a, number))
        self._steps = steps
        self.left = {} if goal is None else self._distances(goal)

    def _distances(self, goal: Place) -> dict[Place, float]:
        left: dict[Place, float] = {}
        queue = [(0.0, goal)]
        while queue:
            far, stop = heapq.heappop(queue)
            if stop not in left:
                left[stop] = far
                for near, edge in self.near[stop]:
                    heapq.heappush(queue, (far + self._steps[edge], near))
        return left

    def way(self, start: Place, last: bool = False) -> list[Place]:
        """A shortest way to the goal; of equally good ones the first or the last."""
        way = [start]
        while self.left[way[-1]]:
            good = [near for near, edge in self.near[way[-1]]
                    if self.left[near] + self._steps[edge] == self.left[way[-1]]]  # fmt: skip
            way.append(good[-1 if last else 0])
        return way


@lru_cache(maxsize=64)
def _net(puzzle: Puzzle) -> _Net:
    return _Net(puzzle, puzzle.goal)


def _crossings(puzzle: Puzzle) -> list[tuple[int, int, Place]]:
    """Where lines cross without a station: the numbers of both edges and the place."""
    edges = [edge for line in puzzle.lines for edge in line.edges]
    middles: dict[Place, list[int]] = {}
    for number, (a, b) in enumerate(edges):
        middles.setdefault(((a[0] + b[0]) / 2, (a[1] + b[1]) / 2), []).append(number)
    # Lattice lines cross at middles only: those of cells, and those of edges that leave a place of the lattice out.
    return [(*numbers, place) for place, numbers in middles.items() if len(numbers) == 2]  # type: ignore[misc]


def _detour(puzzle: Puzzle, way: Sequence[Place]) -> list[Place]:
    """The shortest way with more stations than needed that visits none twice; empty if there is none."""
    net = _net(puzzle)
    queue: deque[list[Place]] = deque([[puzzle.start]])
    while queue and len(queue) < 400:
        path = queue.popleft()
        if path[-1] == puzzle.goal:
            if len(path) > len(way):
                return path
            continue
        queue += [[*path, near] for near, _ in net.near[path[-1]] if near not in path]
    return []


def _foot(edge: tuple[Place, Place], place: Place) -> tuple[float, float]:
    """How far along an edge the nearest point to a place is, and how far away."""
    (ax, ay), (bx, by) = edge
    length = math.dist(*edge)
    along = ((place[0] - ax) * (bx - ax) + (place[1] - ay) * (by - ay)) / length
    along = min(max(along, 0.0), length)
    return along, math.dist(place, (lerp(ax, bx, along / length), lerp(ay, by, along / length)))


def _passed(net: _Net, was: int, before: float, number: int, along: float) -> list[Place] | None:
    """The stations passed from a point on one edge to a point on another, or None if it is too far along the lines."""
    ends = [(stop, abs(along - at)) for stop, at in zip(net.edges[number], _span(net.edges[number]), strict=True)]
    here = [stop for stop, off in ends if off < _AT]
    if was == number:
        return here if abs(along - before) <= _LEAP else None
    best, stops = _LEAP, None
    for stop, off in zip(net.edges[was], (abs(before - at) for at in _span(net.edges[was])), strict=True):
        for end, rest in ends:
            if end == stop and off + rest <= best:
                best, stops = off + rest, [stop]
            for near, middle in net.near[stop]:
                far = off + rest + math.dist(*net.edges[middle])
                if end == near and far <= best:
                    best, stops = far, [stop, near]
    return None if stops is None else stops + here


def _span(edge: tuple[Place, Place]) -> tuple[float, float]:
    return 0.0, math.dist(*edge)


def _moments(way: Sequence[Place]) -> list[Moment]:
    return [Moment((float(x), float(y))) for x, y in way]


def _line_of(puzzle: Puzzle, a: Place, b: Place) -> Line:
    return next(line for line in puzzle.lines if (a, b) in line.edges or (b, a) in line.edges)


def _word(a: Place, b: Place) -> str:
    sign = [(b[i] > a[i]) - (b[i] < a[i]) for i in (0, 1)]
    return _WORDS[STEPS.index((sign[0], sign[1]))]


# ------------------------------------------------------------------------------------------------------- the making


def _map(rng: random.Random, columns: int, rows: int, count: int, fewest: int, most: int) -> Puzzle | None:
    """A map of lines, each of which shares a station or two with others; None if it failed."""
    draft = _Draft(rng, columns, rows)
    for _ in range(count):
        for _ in range(8):
            stops = draft.line(rng.randint(fewest, most), fewest)
            if stops:
                draft.add(stops)
                break
        else:
            return None
    left, top = (min(stop[i] for stop in draft.stops) for i in (0, 1))
    right, bottom = (max(stop[i] for stop in draft.stops) for i in (0, 1))
    if right - left < 3 or bottom - top < 2:
        return None
    lines = tuple(
        Line(colour=color, stops=tuple((x - left, y - top) for x, y in stops))
        for color, stops in zip(rng.sample(_COLORS, count), draft.lines, strict=True)
    )
    return Puzzle(columns=right - left + 1, rows=bottom - top + 1, lines=lines, start=(0, 0), goal=(0, 0))


class _Draft:
    """Lines on a lattice, one after another. Lines may share a station or cross, but nothing else."""

    def __init__(self, rng: random.Random, columns: int, rows: int) -> None:
        self._rng, self._columns, self._rows = rng, columns, rows
        self.lines: list[list[Stop]] = []
        # How many lines stop at each place; places that a line passes without a stop; steps of the lattice in use.
        self.stops: dict[Stop, int] = {}
        self._passed: set[Stop] = set()
        self._steps: set[frozenset[Stop]] = set()

    def add(self, stops: list[Stop]) -> None:
        """Take a line into the map."""
        self.lines.append(stops)
        for stop in stops:
            self.stops[stop] = self.stops.get(stop, 0) + 1
        for a, b in itertools.pairwise(stops):
            way = _lattice(a, b)
            self._passed |= {*way[1:-1]}
            self._steps |= {frozenset(step) for step in itertools.pairwise(way)}

    def line(self, length: int, fewest: int) -> list[Stop]:
        """A new line through a random place, or through a station that is there; empty if it came out too short."""
        rng = self._rng
        alone = [stop for stop, lines in self.stops.items() if lines == 1]
        if self.lines and not alone:
            return []
        seed = rng.choice(alone) if self.lines else (rng.randrange(self._columns), rng.randrange(self._rows))
        heading = rng.randrange(8)
        stops, own = [seed], {seed}
        for turned in (0, 4):
            # First ahead from the seed, then back from it.
            way = (heading + turned) % 8
            stops = stops[::-1]
            while len(stops) < (length if turned else (length + 1) // 2 + 1):
                option = self._next(stops, own, way)
                if option is None:
                    break
                stop, way = option
                own |= {*_lattice(stops[-1], stop)}
                stops.append(stop)
        shared = sum(stop in self.stops for stop in stops)
        return stops if len(stops) >= fewest and shared <= 2 else []

    def _next(self, stops: list[Stop], own: set[Stop], way: int) -> tuple[Stop, int] | None:
        """The next station and the direction to it; bends are gentle."""
        here = stops[-1]
        for turn in self._rng.sample((0, 0, 0, 0, 0, 1, -1), 7):
            new = (way + turn) % 8
            dx, dy = STEPS[new]
            ahead, beyond = (here[0] + dx, here[1] + dy), (here[0] + 2 * dx, here[1] + 2 * dy)
            # Another line that passes ahead without a station is crossed; so may be a line to come.
            skip = ahead in self._passed or (ahead not in self.stops and self._rng.random() < 0.12)
            if skip and dx and dy:
                # Too far for one ride aslant.
                continue
            stop = beyond if skip else ahead
            if self._fits(_lattice(here, stop), own) and not (stop in self.stops and here in self.stops):
                return stop, new
        return None

    def _fits(self, way: list[Stop], own: set[Stop]) -> bool:
        if any(stop in own or not (0 <= stop[0] < self._columns and 0 <= stop[1] < self._rows) for stop in way[1:]):
            return False
        if way[-1] in self._passed or self.stops.get(way[-1], 0) > 1:
            return False
        for a, b in itertools.pairwise(way):
            # Two lines do not share a step, and a line does not cross itself.
            if frozenset((a, b)) in self._steps or {(a[0], b[1]), (b[0], a[1])} <= own:
                return False
        return True


def _lattice(a: Stop, b: Stop) -> list[Stop]:
    """The places of the lattice from one to another along a straight line."""
    count = max(abs(b[0] - a[0]), abs(b[1] - a[1]))
    return [(a[0] + (b[0] - a[0]) * i // count, a[1] + (b[1] - a[1]) * i // count) for i in range(count + 1)]


# ------------------------------------------------------------------------------------------------------ the drawing


def _sheet(puzzle: Puzzle, canvas: Size, downscale: float) -> tuple[Sketch, tuple[float, float, float]]:
    """The map without the train, and where place (0, 0) is and how long a unit."""
    unit = min(canvas[0] * 0.84 / (puzzle.columns - 1), canvas[1] * 0.82 / (puzzle.rows - 1), min(canvas) * 0.2)
    left, top = (canvas[0] - unit * (puzzle.columns - 1)) / 2, (canvas[1] - unit * (puzzle.rows - 1)) / 2
    sheet = Sketch(canvas, downscale=downscale)

    def at(place: Place) -> Point:
        return left + place[0] * unit, top + place[1] * unit

    edges = [(edge, line) for line in puzzle.lines for edge in line.edges]
    for line in puzzle.lines:
        sheet.line([at(stop) for stop in line.stops], _TRACK * unit, HUES[line.colour])
    for i, j, (x, y) in _crossings(puzzle):
        # A bridge: the later line goes over the earlier one.
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
    return sheet, (left, top, unit)
