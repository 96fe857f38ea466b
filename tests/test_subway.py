"""Subway: an independent search, other right videos, and videos that try to get past the verifier."""

from __future__ import annotations

import itertools

import pytest

from tests.one_task import score_states
from vmevalkit.tasks.subway import Line, Moment, Puzzle, Subway
from vmevalkit.types import Verdict

TASK = Subway()
Stop = tuple[int, int]


def verdict(of: Puzzle, places: list[tuple[float, float]], frames: int = 49) -> Verdict:
    return score_states(TASK, of, [Moment(place) for place in places], frames)


def route(of: Puzzle) -> list[Stop]:
    return [(round(m.place[0]), round(m.place[1])) for m in TASK.solution(of)]


def flooded(of: Puzzle) -> int:
    """Fewest stations from start to goal, by flooding over pairs of stations that follow each other on a line."""
    pairs = {pair for line in of.lines for pair in itertools.pairwise(line.stops)}
    pairs |= {(b, a) for a, b in pairs}
    reached, count = {of.start}, 0
    while of.goal not in reached:
        reached |= {b for a, b in pairs if a in reached}
        count += 1
    return count


def handmade() -> Puzzle:
    """A ring of two equally good ways, and a line that crosses one of them without a station."""
    return Puzzle(
        columns=5,
        rows=4,
        lines=(
            Line(colour="green", stops=((0, 1), (1, 0), (2, 0), (3, 0), (4, 1))),
            Line(colour="sky blue", stops=((0, 1), (1, 2), (2, 2), (3, 2), (4, 1))),
            Line(colour="red", stops=((2, 3), (1, 3), (0, 2), (1, 1), (2, 1))),
        ),
        start=(0, 1),
        goal=(4, 1),
    )


@pytest.mark.parametrize("difficulty", range(1, 6))
def test_the_solution_is_a_shortest_way_and_needs_a_change(difficulty: int) -> None:
    for seed in range(20):
        of = TASK.example(difficulty, seed)
        way = route(of)
        assert len(way) - 1 == flooded(of)
        assert not any({of.start, of.goal} <= {*line.stops} for line in of.lines)


@pytest.mark.parametrize("difficulty", range(1, 6))
def test_lines_meet_at_stations_and_middles_only(difficulty: int) -> None:
    for seed in range(20):
        of = TASK.example(difficulty, seed)
        edges = [edge for line in of.lines for edge in itertools.pairwise(line.stops)]
        stops = {stop for line in of.lines for stop in line.stops}
        assert len({frozenset(edge) for edge in edges}) == len(edges)
        for a, b in edges:
            dx, dy = b[0] - a[0], b[1] - a[1]
            assert dx == 0 or dy == 0 or abs(dx) == abs(dy)
            # No station lies beside the way of a line without belonging to it.
            middle = ((a[0] + b[0]) / 2, (a[1] + b[1]) / 2)
            assert middle not in stops


def test_both_of_two_equally_short_ways_pass() -> None:
    of = handmade()
    for line in of.lines[:2]:
        assert verdict(of, [*line.stops]).passed, line.colour


def test_changing_where_lines_only_cross_fails() -> None:
    of = handmade().model_copy(update={"goal": (2, 2)})
    crossing = (0.5, 1.5)
    assert verdict(of, [(0, 1), (1, 2), (2, 2)]).passed
    of = of.model_copy(update={"start": (2, 1), "goal": (2, 2)})
    unreachable = [(2, 1), (1, 1), crossing, (1, 2), (2, 2)]
    red = Line(colour="red", stops=((2, 1), (1, 1), (0, 2), (0, 1)))
    joined = of.model_copy(update={"lines": (*of.lines[:2], red)})
    assert verdict(joined, unreachable).reason == "changed_line"
    assert verdict(joined, [(2, 1), (1, 1), (0, 2), (0, 1), (1, 2), (2, 2)]).passed


def test_a_way_with_one_station_more_and_a_stop_beyond_fail() -> None:
    of = handmade().model_copy(update={"goal": (3, 0)})
    assert verdict(of, [*of.lines[0].stops[:4]]).passed
    assert verdict(of, [*of.lines[1].stops, (3, 0)], 97).reason == "too_long"
    assert not verdict(of, [*of.lines[0].stops]).passed


def test_leaving_the_lines_fails_but_rounding_a_bend_does_not() -> None:
    of = handmade()
    way = of.lines[0].stops
    assert verdict(of, [way[0], (0, 0), *way[1:]], 97).reason == "off_line"
    assert verdict(of, [way[0], (0.9, 0.15), (1.15, 0.05), *way[2:]], 97).passed
