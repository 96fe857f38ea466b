"""Ball bounce: the way in closed form is that of a simulation, and small departures from it fail."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.one_task import score_states
from vmevalkit.tasks.ball_bounce import Ball, BallBounce, Puzzle

TASK = BallBounce()


def simulated(puzzle: Puzzle, step: float = 2e-4) -> list[tuple[float, float]]:
    """The ball's way by small steps of time, with no floor but when it touches it."""
    x, height, down = puzzle.x, puzzle.height, 0.0
    way = [(x, height)]
    while x < 1.32 - 0.034:
        down += step
        height -= down * step
        x += puzzle.speed * step
        if height <= 0:
            # As much of the height is kept as of the square of the speed.
            height, down = 0.0, -down * math.sqrt(puzzle.kept)
        way.append((x, height))
    return way


@pytest.mark.parametrize("difficulty", range(1, 6))
def test_a_simulation_hits_the_same_field(difficulty: int) -> None:
    for seed in range(4):
        puzzle = TASK.example(difficulty, seed)
        way = np.array(simulated(puzzle))
        assert int((way[-1, 1] + 0.034) / 0.13) == puzzle.field
        for share in (0.3, 0.6, 0.9):
            x, height = way[int(len(way) * share)]
            assert abs(puzzle.place((x - puzzle.x) / puzzle.speed)[1] - height) < 0.02


def test_every_field_is_an_answer() -> None:
    assert {TASK.example(1, seed).field for seed in range(60)} == {0, 1, 2, 3}


def test_a_bounce_that_loses_too_much_or_too_little_fails() -> None:
    puzzle = TASK.example(3)
    assert score_states(TASK, puzzle, TASK.solution(puzzle)).reason == "solved"
    for change in (-0.2, 0.12):
        other = puzzle.model_copy(update={"kept": puzzle.kept + change})
        times = np.linspace(puzzle.start, puzzle.end, 18).tolist()
        assert (
            score_states(TASK, puzzle, [TASK.solution(puzzle)[0], *(Ball(*other.place(t)) for t in times)]).reason
            == "off_course"
        )


def test_the_first_frame_shows_the_bounce_and_the_ball_at_its_top() -> None:
    puzzle = TASK.example(2)
    start = TASK.solution(puzzle)[0]
    assert start.height == pytest.approx(puzzle.height * puzzle.kept, abs=1e-6)
    assert TASK.progress(puzzle, start) == 0.0
    assert TASK.progress(puzzle, TASK.solution(puzzle)[-1]) == 1.0
