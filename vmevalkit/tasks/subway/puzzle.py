"""Puzzles: maps of lines and stations, and paths along them."""

from __future__ import annotations

import heapq
import itertools
import math
from collections import deque
from collections.abc import Sequence
from functools import lru_cache

from vmevalkit.tasks.base import lerp
from vmevalkit.types import Record

Stop = tuple[int, int]
Place = tuple[float, float]
Edge = tuple[Stop, Stop]

# A longer movement along the lines between two readings is a jump; the train is at a station if it is nearer than the
# second distance. In distances between stations.
LEAP, _AT = 2.0, 0.2


class Line(Record):
    """A line: its color and its stations in order, as (column, row) of the lattice. It is straight between stations."""

    colour: str
    stops: tuple[Stop, ...]

    @property
    def edges(self) -> list[Edge]:
        """Pairs of stations that follow each other."""
        return list(itertools.pairwise(self.stops))


class Puzzle(Record):
    """A map with the station of the train and the goal."""

    columns: int
    rows: int
    lines: tuple[Line, ...]
    start: Stop
    goal: Stop


class Net:
    """The map as a graph of stations and edges. With `crossings`, lines can also be changed where they cross.

    Attributes:
        edges: pairs of stations that follow each other on a line.
        near: neighbors of each station, with the number of the edge to each.
        left: number of stations from each station to `goal`.
    """

    def __init__(self, puzzle: Puzzle, goal: Place | None = None, crossings: bool = False) -> None:
        self.edges: list[tuple[Place, Place]] = [edge for line in puzzle.lines for edge in line.edges]
        steps = [1.0] * len(self.edges)
        if crossings:
            for i, j, point in crossings_of(puzzle):
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
        """Return a shortest path to the goal; of equally good paths the first, or the `last`."""
        way = [start]
        while self.left[way[-1]]:
            good = [near for near, edge in self.near[way[-1]]
                    if self.left[near] + self._steps[edge] == self.left[way[-1]]]  # fmt: skip
            way.append(good[-1 if last else 0])
        return way


@lru_cache(maxsize=64)
def net_of(puzzle: Puzzle) -> Net:
    """Return the graph of a puzzle, with distances to its goal."""
    return Net(puzzle, puzzle.goal)


def crossings_of(puzzle: Puzzle) -> list[tuple[int, int, Place]]:
    """Return the crossings without a station: the numbers of both edges and the place."""
    edges = [edge for line in puzzle.lines for edge in line.edges]
    middles: dict[Place, list[int]] = {}
    for number, (a, b) in enumerate(edges):
        middles.setdefault(((a[0] + b[0]) / 2, (a[1] + b[1]) / 2), []).append(number)
    # Lines cross only in the middle of cells, and of edges that skip a place of the lattice.
    return [(*numbers, place) for place, numbers in middles.items() if len(numbers) == 2]  # type: ignore[misc]


def detour_of(puzzle: Puzzle, way: Sequence[Place]) -> list[Place]:
    """Return the shortest path with more stations than necessary and none of them twice; empty if there is none."""
    net = net_of(puzzle)
    queue: deque[list[Place]] = deque([[puzzle.start]])
    while queue and len(queue) < 400:
        path = queue.popleft()
        if path[-1] == puzzle.goal:
            if len(path) > len(way):
                return path
            continue
        queue += [[*path, near] for near, _ in net.near[path[-1]] if near not in path]
    return []


def nearest_point(edge: tuple[Place, Place], place: Place) -> tuple[float, float]:
    """Return the distance along an edge of the point that is nearest to a place, and its distance from the place."""
    (ax, ay), (bx, by) = edge
    length = math.dist(*edge)
    along = ((place[0] - ax) * (bx - ax) + (place[1] - ay) * (by - ay)) / length
    along = min(max(along, 0.0), length)
    return along, math.dist(place, (lerp(ax, bx, along / length), lerp(ay, by, along / length)))


def stations_passed(net: Net, was: int, before: float, number: int, along: float) -> list[Place] | None:
    """Return the stations between a point of one edge and a point of another; None if the way is longer than `LEAP`."""
    ends = [(stop, abs(along - at)) for stop, at in zip(net.edges[number], _span(net.edges[number]), strict=True)]
    here = [stop for stop, off in ends if off < _AT]
    if was == number:
        return here if abs(along - before) <= LEAP else None
    best, stops = LEAP, None
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


def line_of(puzzle: Puzzle, a: Place, b: Place) -> Line:
    """Return the line on which two stations follow each other."""
    return next(line for line in puzzle.lines if (a, b) in line.edges or (b, a) in line.edges)
