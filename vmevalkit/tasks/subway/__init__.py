r"""Subway: follow the colored lines to the orange station and pass as few stations as possible.

    o---+---+       +---x      o  the train            A video passes if the train visibly moves along the lines to the
             \     /           +  a station            square on a path with the fewest stations, and rests there. It
    +---+-----\---#            #  a shared station     may change lines only at a station that both lines share. Every
               \   \           x  the goal             shortest path is correct. A change where lines only cross,
                +---+                                  leaving the lines, jumps and longer paths fail.

The plan length is the number of stations on the path, without the first. There are far more than 10,000 maps at every
difficulty.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable, Iterator, Sequence

from vmevalkit.media import Planes
from vmevalkit.tasks.base import Reading, lerp, register_task
from vmevalkit.tasks.subway.drawing import TRAIN, TracksCheck, map_sketch
from vmevalkit.tasks.subway.generation import LEVELS, Level, generate_puzzle
from vmevalkit.tasks.subway.puzzle import (
    LEAP,
    Line,
    Net,
    Place,
    Puzzle,
    detour_of,
    line_of,
    nearest_point,
    net_of,
    stations_passed,
)
from vmevalkit.tasks.toolkit.axes import Axes
from vmevalkit.tasks.toolkit.compass import STEPS, cell_in_words
from vmevalkit.tasks.toolkit.draw import Sketch
from vmevalkit.tasks.toolkit.sums import length_of
from vmevalkit.tasks.toolkit.walk import AGENT_REASONS, Moment, Walk, moments
from vmevalkit.types import Size

__all__ = ["LEVELS", "Level", "Line", "Moment", "Puzzle", "Subway"]

# Words of the eight directions in prompts, clockwise from the right.
_WORDS = ("right", "lower right", "down", "lower left", "left", "upper left", "up", "upper right")
# The train leaves the lines if it is farther from them than this, in distances between stations.
_OFF = 0.24
# Between two readings, the way over stations is at most so many times the distance, and so much more: at a sharp turn,
# 2.6 times.
_DETOUR, _BEND = 3.0, 0.6
# Darker than ink, so that the train stands out from every line.
_BLACK = (10, 12, 18)


@register_task
class Subway(Walk[Puzzle]):
    """A train follows lines. The state is its place; `followed` counts the stations that it passed."""

    name = "subway"
    tags = ("planning", "navigation")
    puzzle_type = Puzzle
    color, slack, damage = _BLACK, 0.55, "map_changed"
    leap, there = LEAP, 0.3
    mover = "the train"
    reasons = {
        **AGENT_REASONS,
        "map_changed": "Lines or stations of the map vanish or change.",
        "off_line": "The train leaves the lines.",
        "changed_line": "The train reaches a place that its line does not lead to.",
        "too_long": "The train passes more stations than necessary.",
    }
    rubric = {
        "outcome": (
            "The train rests on the orange station, and no other path passes fewer stations. Every such path is "
            "correct, not only the one shown."
        ),
        "process": "The train follows the colored lines and changes lines only at a station that both share.",
    }

    def generate(self, rng: random.Random, difficulty: int) -> Puzzle:
        return generate_puzzle(rng, difficulty)

    def solution(self, puzzle: Puzzle) -> list[Moment]:
        return moments(net_of(puzzle).way(puzzle.start))

    def steps(self, puzzle: Puzzle) -> list[str]:
        way = net_of(puzzle).way(puzzle.start)
        return [f"{line_of(puzzle, a, b).colour} line {_word(a, b)}" for a, b in itertools.pairwise(way)]

    def plan_text(self, puzzle: Puzzle) -> str:
        way = list(itertools.pairwise(net_of(puzzle).way(puzzle.start)))
        rides = [(color, list(ride)) for color, ride in itertools.groupby(way, lambda e: line_of(puzzle, *e).colour)]
        return ", then ".join(
            f"{len(ride)} station{'s' * (len(ride) > 1)} on the {color} line, first {_word(*ride[0])}"
            for color, ride in rides
        )

    def place_in_words(self, puzzle: Puzzle, place: Place) -> str:
        stop = min({stop for line in puzzle.lines for stop in line.stops}, key=lambda stop: math.dist(stop, place))
        near = "at" if math.dist(stop, place) < self.there else "near"
        return f"{near} the station {cell_in_words((stop[1], stop[0]))}"

    def phrasings(self, puzzle: Puzzle) -> Sequence[str]:
        return (
            "A subway map. The black disc is a train. It rides along the coloured lines to the station with the orange "
            "square and stops there, on a way that passes as few stations as possible. It changes to another line only "
            "at a large grey station where both lines stop, never where lines merely cross. It never leaves the lines "
            "or jumps. The map does not change. The camera is fixed.",
            "Show the black train travelling on this metro network to the orange square by the way with the fewest "
            "stations. It glides along the thick lines from station to station. Changing lines is allowed at the large "
            "grey ring stations only; a crossing without a station is a bridge. The map does not move. Static camera.",
            "Find the best connection: the black disc follows the metro lines, station by station, until it rests on "
            "the orange square, with as few stations on the way as possible. It may switch lines only at stations that "
            "two lines share, marked by large grey rings. The lines stay as they are and the camera does not move.",
        )

    def cheats(self, puzzle: Puzzle) -> dict[str, list[Moment]]:
        net = net_of(puzzle)
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
            if max(min(nearest_point(edge, at)[1] for edge in net.edges) for at in middles) > 1.3 * _OFF:
                found["cuts_a_bend"] = [*way[: i + 1], *way[i + 2 :]]
                break
        across = Net(puzzle, puzzle.goal, crossings=True)
        short = across.way(puzzle.start)
        stations = [stop for stop in short if stop in net.near]
        # A way may also pass over a crossing on its line.
        if not all(b in dict(net.near[a]) for a, b in itertools.pairwise(stations)):
            found["changes_at_a_crossing"] = [*short]
        detour = detour_of(puzzle, way)
        if detour:
            found["a_longer_way"] = [*detour]
        return {name: moments(places) for name, places in found.items()}

    def alternatives(self, puzzle: Puzzle) -> dict[str, list[Moment]]:
        net = net_of(puzzle)
        other = net.way(puzzle.start, last=True)
        return {"as_short": moments(other)} if other != net.way(puzzle.start) else {}

    def sheet(self, puzzle: Puzzle, canvas: Size, downscale: float = 1) -> tuple[Sketch, Axes]:
        return map_sketch(puzzle, canvas, downscale)

    def radius(self, puzzle: Puzzle) -> float:
        return TRAIN

    def details(self, puzzle: Puzzle, empty: Planes, axes: Axes) -> Callable[[Planes, Place], bool]:
        return TracksCheck(puzzle, empty, axes).is_intact

    def followed(self, puzzle: Puzzle, readings: Sequence[Reading[Moment]]) -> Iterator[Reading[Moment]]:
        """Yield the readings with `wrong` set if the train leaves its line, or passes more stations than necessary."""
        net = net_of(puzzle)
        # Possible places of the train: for each edge the distance along it, the last station, and the stations so far.
        known: dict[int, tuple[float, Place, int]] = {
            number: (math.dist(net.edges[number][0], puzzle.start), puzzle.start, 0)
            for _, number in net.near[puzzle.start]
        }
        seen: Place = puzzle.start
        for reading in readings:
            if reading.state is None:
                yield reading
                continue
            place, wrong = reading.state.place, None
            on = [(number, *nearest_point(edge, place)) for number, edge in enumerate(net.edges)]
            new: dict[int, tuple[float, Place, int]] = {}
            for number, along, off in on:
                if off > _OFF:
                    continue
                for was, (before, last, count) in known.items():
                    passed = stations_passed(net, was, before, number, along)
                    if passed is None or _is_detour([seen, *passed, place]):
                        continue
                    for stop in passed:
                        count, last = (count + 1, stop) if stop != last else (count, last)
                    if number not in new or count < new[number][2]:
                        new[number] = along, last, count
            if not new:
                wrong = "changed_line" if any(off <= _OFF for _, _, off in on) else "off_line"
            elif min(count + net.left[last] for _, last, count in new.values()) > net.left[puzzle.start]:
                wrong = "too_long"
            known, seen = new or known, place
            yield Reading(Moment(place, wrong), reading.scene_intact, reading.note)

    def progress(self, puzzle: Puzzle, state: Moment) -> float:
        if math.dist(state.place, puzzle.goal) < self.there:
            return 1.0
        left = net_of(puzzle).left
        nearest = min(left, key=lambda stop: math.dist(stop, state.place))
        return min(0.99, max(0.0, 1 - left[nearest] / left[puzzle.start]))


def _is_detour(way: Sequence[Place]) -> bool:
    """Whether a train that moves from the first to the last of some places cannot have passed the others unseen."""
    return length_of(way) > _DETOUR * math.dist(way[0], way[-1]) + _BEND


def _word(a: Place, b: Place) -> str:
    sign = [(b[i] > a[i]) - (b[i] < a[i]) for i in (0, 1)]
    return _WORDS[STEPS.index((sign[0], sign[1]))]
