"""Ray reflection: an independent tracer in small steps, and videos that must fail."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.one_task import CANVAS, score_video, video_of
from vmevalkit.media import Frames
from vmevalkit.tasks.ray_reflection import Puzzle, RayReflection

RAY = RayReflection()


def render(puzzle: Puzzle) -> Frames:
    return video_of(RAY, puzzle)


def walk(puzzle: Puzzle) -> tuple[float, float, int]:
    """Return where a ray ends (x, y) and how often it is reflected, walking in hundredths of a grid step."""
    (x, y), turns, since = puzzle.lamp, 0, 0.0
    angle = {(True, False): 0.0, (False, False): math.pi / 2}.get((x == 0, x == puzzle.columns), math.pi)
    if 0 < x < puzzle.columns:
        angle = math.pi / 2 if y == 0 else -math.pi / 2
    place = [float(x), float(y)]
    for _ in range(20000):
        place[0] += 0.01 * math.cos(angle)
        place[1] += 0.01 * math.sin(angle)
        since += 0.01
        for mx, my, turn in puzzle.mirrors:
            if since > 0.2 and math.dist(place, (mx, my)) < 0.008:
                angle = 2 * turn * math.pi / 8 - angle
                place, turns, since = [float(mx), float(my)], turns + 1, 0.0
        if not (0 <= place[0] <= puzzle.columns and 0 <= place[1] <= puzzle.rows):
            break
    return place[0], place[1], turns


@pytest.mark.parametrize("difficulty", range(1, 6))
def test_small_steps_lead_to_the_same_pad(difficulty: int) -> None:
    for seed in range(3):
        puzzle = RAY.example(difficulty, seed)
        x, y, turns = walk(puzzle)
        assert turns == len(RAY.steps(puzzle)) - 1
        (pad,) = [pad for pad in puzzle.pads if math.dist(pad, (x, y)) < 0.1]
        assert pad == puzzle.ray()[-1][0]
        assert len(puzzle.pads) >= 4


def test_plans_grow_with_difficulty() -> None:
    longest = [max(len(RAY.steps(RAY.example(d, s))) for s in range(10)) for d in range(1, 6)]
    assert longest == sorted(set(longest))
    assert longest[1] <= 7
    assert longest[-1] <= 20


def test_a_ray_that_misses_a_mirror_fails() -> None:
    puzzle = RAY.example(4)
    missing = puzzle.model_copy(update={"mirrors": tuple(m for m in puzzle.mirrors if m[:2] != puzzle.ray()[-2][0])})
    shown = video_of(RAY, missing)
    background = render(puzzle)[0]
    ink = (shown != shown[0]).any(3, keepdims=True)
    assert score_video(RAY, puzzle, render(puzzle)).passed
    assert not score_video(RAY, puzzle, np.where(ink, shown, background)).passed


@pytest.mark.parametrize("degrees", range(0, 360, 45))
def test_a_soft_wipe_fails(degrees: int) -> None:
    puzzle = RAY.example(1, degrees)
    first, last = render(puzzle)[[0, -1]]
    ys, xs = np.mgrid[:240, :360]
    along = xs * math.cos(math.radians(degrees)) + ys * math.sin(math.radians(degrees))
    along = (along - along.min()) / np.ptp(along)
    shares = [np.clip((t - along) / 0.05, 0, 1)[..., None] for t in np.linspace(0, 1.06, 44)]
    wiped = np.stack(
        [first] * 2 + [(first + share * (last - first.astype(float))).astype(np.uint8) for share in shares]
    )
    assert not score_video(RAY, puzzle, np.concatenate([wiped, last[None], last[None]])).passed


def test_a_mirror_may_not_turn_or_vanish() -> None:
    puzzle = RAY.example(3)
    correct = render(puzzle)
    x, y, turn = puzzle.mirrors[0]
    for mirrors in (puzzle.mirrors[1:], ((x, y, (turn + 4) % 8), *puzzle.mirrors[1:])):
        other = next(RAY.render(puzzle.model_copy(update={"mirrors": mirrors}), RAY.solution(puzzle)[:1], CANVAS))
        changed = correct.copy()
        differs = (other != correct[0]).any(2) & (correct == correct[0]).all((0, 3))
        assert differs.any()
        changed[20:, differs] = other[differs]
        assert not score_video(RAY, puzzle, changed).passed
