"""Rays: an independent tracer in small steps, and videos that try to get past the verifier."""

from __future__ import annotations

import math

import numpy as np
import pytest

from vmevalkit import contract
from vmevalkit.media import Frames
from vmevalkit.tasks.base import TASKS, as_frames
from vmevalkit.tasks.ray_reflection import Puzzle
from vmevalkit.types import Size, Verdict

RAY = TASKS["ray_reflection"]
SMALL: Size = (360, 240)


def puzzle(difficulty: int, seed: int = 0) -> Puzzle:
    found: Puzzle = contract.puzzle_of(RAY, difficulty, seed)
    return found


def video(of: Puzzle) -> Frames:
    return as_frames(RAY.render(of, RAY.solution(of), SMALL))


def verdict(of: Puzzle, frames: Frames) -> Verdict:
    return RAY.verify(of, contract.views(frames), canvas=SMALL)


def marched(of: Puzzle) -> tuple[float, float, int]:
    """Where a ray ends and how often it turned, walking in hundredths of a grid step and looking for mirrors nearby."""
    (x, y), turns, since = of.lamp, 0, 0.0
    angle = {(True, False): 0.0, (False, False): math.pi / 2}.get((x == 0, x == of.columns), math.pi)
    if 0 < x < of.columns:
        angle = math.pi / 2 if y == 0 else -math.pi / 2
    place = [float(x), float(y)]
    for _ in range(20000):
        place[0] += 0.01 * math.cos(angle)
        place[1] += 0.01 * math.sin(angle)
        since += 0.01
        for mx, my, turn in of.mirrors:
            if since > 0.2 and math.dist(place, (mx, my)) < 0.008:
                angle = 2 * turn * math.pi / 8 - angle
                place, turns, since = [float(mx), float(my)], turns + 1, 0.0
        if not (0 <= place[0] <= of.columns and 0 <= place[1] <= of.rows):
            break
    return place[0], place[1], turns


@pytest.mark.parametrize("difficulty", range(1, 6))
def test_small_steps_lead_to_the_same_pad(difficulty: int) -> None:
    for seed in range(3):
        of = puzzle(difficulty, seed)
        x, y, turns = marched(of)
        assert turns == len(RAY.steps(of)) - 1
        (pad,) = [pad for pad in of.pads if math.dist(pad, (x, y)) < 0.1]
        assert pad == of.ray()[-1][0]
        assert len(of.pads) >= 4


def test_plans_grow_with_difficulty() -> None:
    longest = [max(len(RAY.steps(puzzle(d, s))) for s in range(10)) for d in range(1, 6)]
    assert longest == sorted(set(longest))
    assert longest[1] <= 7
    assert longest[-1] <= 20


def test_a_ray_that_misses_a_mirror_fails() -> None:
    of = puzzle(4)
    missing = of.model_copy(update={"mirrors": tuple(m for m in of.mirrors if m[:2] != of.ray()[-2][0])})
    shown = as_frames(RAY.render(missing, RAY.solution(missing), SMALL))
    background = video(of)[0]
    ink = (shown != shown[0]).any(3, keepdims=True)
    assert verdict(of, video(of)).passed
    assert not verdict(of, np.where(ink, shown, background)).passed


@pytest.mark.parametrize("degrees", range(0, 360, 45))
def test_a_soft_wipe_fails(degrees: int) -> None:
    of = puzzle(1, degrees)
    first, last = video(of)[[0, -1]]
    ys, xs = np.mgrid[:240, :360]
    along = xs * math.cos(math.radians(degrees)) + ys * math.sin(math.radians(degrees))
    along = (along - along.min()) / np.ptp(along)
    shares = [np.clip((t - along) / 0.05, 0, 1)[..., None] for t in np.linspace(0, 1.06, 44)]
    wiped = np.stack(
        [first] * 2 + [(first + share * (last - first.astype(float))).astype(np.uint8) for share in shares]
    )
    assert not verdict(of, np.concatenate([wiped, last[None], last[None]])).passed


def test_a_mirror_that_turns_or_vanishes_fails() -> None:
    of = puzzle(3)
    right = video(of)
    x, y, turn = of.mirrors[0]
    for mirrors in (of.mirrors[1:], ((x, y, (turn + 4) % 8), *of.mirrors[1:])):
        other = as_frames(RAY.render(of.model_copy(update={"mirrors": mirrors}), RAY.solution(of)[:1], SMALL))[0]
        changed = right.copy()
        there = (other != right[0]).any(2) & (right == right[0]).all((0, 3))
        assert there.any()
        changed[20:, there] = other[there]
        assert not verdict(of, changed).passed
