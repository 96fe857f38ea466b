"""Clocks: times checked with calendar arithmetic, and videos that try to deceive the verifier."""

from __future__ import annotations

import datetime
import itertools
import math
import random
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from tests.one_task import score_states, score_video, video_of
from vmevalkit.tasks.clock import Clock, Puzzle

CLOCK = Clock()
TEN_TO_TWO = Puzzle(shows=13 * 60 + 50 - 12 * 60, forward=50)


def turned(frame: npt.NDArray[Any], degrees: float) -> npt.NDArray[Any]:
    """Turn an image about its center."""
    height, width = frame.shape[:2]
    ys, xs = np.mgrid[:height, :width] + 0.5
    right, down, angle = xs - width / 2, ys - height / 2, math.radians(degrees)
    from_x = right * math.cos(angle) + down * math.sin(angle) + width / 2
    from_y = down * math.cos(angle) - right * math.sin(angle) + height / 2
    image: npt.NDArray[Any] = frame[from_y.astype(int).clip(0, height - 1), from_x.astype(int).clip(0, width - 1)]
    return image


@pytest.mark.parametrize("difficulty", range(1, 6))
def test_prompts_name_the_time_that_a_calendar_gives(difficulty: int) -> None:
    for seed in range(40):
        of = CLOCK.generate(random.Random(seed), difficulty)
        end = datetime.datetime(2000, 1, 1) + datetime.timedelta(minutes=of.shows + of.forward)
        told = f"{end:%I:%M}".lstrip("0")
        assert f"forward to {told}." in CLOCK.phrasings(of)[1]
        assert CLOCK.steps(of)[-1].endswith(f" {told}")
        last = CLOCK.solution(of)[-1]
        assert last.long % 360 == end.minute * 6
        assert last.short % 360 == pytest.approx((end.hour % 12) * 30 + end.minute / 2)


def test_the_long_hand_can_be_followed() -> None:
    for difficulty in range(1, 6):
        of = CLOCK.generate(random.Random(difficulty), difficulty)
        states = CLOCK.solution(of)
        step = max(b.long - a.long for a, b in itertools.pairwise(states))
        assert step * (len(states) - 1) / 41 <= 24.2


def test_unsteady_hands_pass_and_uncoupled_hands_fail() -> None:
    path = CLOCK.solution(TEN_TO_TWO)
    first, last = path[0], path[-1]
    rng = random.Random(1)
    steady = [CLOCK.between(TEN_TO_TWO, first, last, i / 10) for i in range(1, 10)]
    uneven = [
        first,
        *(h._replace(short=h.short + rng.uniform(-3, 3), long=h.long + rng.uniform(-5, 5)) for h in steady),
    ]
    assert score_states(CLOCK, TEN_TO_TWO, [*uneven, last], 30).passed
    late = [first, *(h._replace(short=first.short) for h in steady), last]
    assert score_states(CLOCK, TEN_TO_TWO, late, 30).reason == "uncoupled"
    reverse = [first, *steady[:5], *steady[3:0:-1], *steady[1:], last]
    assert score_states(CLOCK, TEN_TO_TWO, reverse, 30).reason == "backwards"


def test_a_turning_face_an_extra_hand_and_a_broken_hand_fail() -> None:
    right = video_of(CLOCK, TEN_TO_TWO, frames=30)
    assert score_video(CLOCK, TEN_TO_TWO, right).passed
    whole = np.stack([turned(right[0], 300 * i / 29) for i in range(30)])
    assert not score_video(CLOCK, TEN_TO_TWO, whole).passed
    extra, broken, loose = right.copy(), right.copy(), right.copy()
    ys, xs = np.mgrid[:240, :360]
    extra[5:, (abs(xs - 150 + (ys - 120) // 3) < 4) & (ys > 125) & (ys < 190)] = (0, 148, 104)
    broken[8:, abs(np.hypot(ys - 120, xs - 180) - 30) < 9] = 255
    tip = np.hypot(ys - 120, xs - 180) < 80
    loose[10:, tip] = np.roll(right[10:], (14, 10), (1, 2))[:, tip]
    for name, frames in {"extra": extra, "broken": broken, "loose": loose}.items():
        assert not score_video(CLOCK, TEN_TO_TWO, frames).passed, name


def test_a_hand_that_stays_behind_as_well_fails() -> None:
    right = video_of(CLOCK, TEN_TO_TWO, frames=30)
    both = np.minimum(right, right[0])
    assert score_video(CLOCK, TEN_TO_TWO, both).reason in {"two_agents", "extra_object"}
    leaps = right[[0, 0, 0, *([14] * 10), *([29] * 10)]]
    assert not score_video(CLOCK, TEN_TO_TWO, leaps).passed
