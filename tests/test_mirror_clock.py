"""Mirror clock: the colored dots are where the flipped drawing of the hands points."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.one_task import CANVAS, score_states, score_video, video_of
from vmevalkit.media import Frame
from vmevalkit.tasks.mirror_clock import LEVELS, MirrorClock, Pair, Puzzle
from vmevalkit.tasks.toolkit.cells import Board, changed
from vmevalkit.tasks.toolkit.draw import BLUE, ORANGE, Color

TASK = MirrorClock()


def direction(clock: Frame, color: Color) -> float:
    """The direction from the middle of a square to the pixels of a color, in hours clockwise from the top."""
    ys, xs = np.nonzero(np.abs(clock.astype(int) - color).max(2) < 12)
    middle = (len(clock) - 1) / 2
    return math.degrees(math.atan2(xs.mean() - middle, middle - ys.mean())) / 30


@pytest.mark.parametrize("difficulty", range(1, 6))
def test_dots_are_colored_where_the_flipped_hands_point(difficulty: int) -> None:
    size = (1080, 720)
    for seed in range(4):
        of = TASK.example(difficulty, seed)
        last = TASK.painter(of, size)(TASK.solution(of)[-1])
        boxes = TASK.sheet(of, size)[1]
        assert len(boxes) == 12 * LEVELS[difficulty].pairs
        for number, pair in enumerate(of.pairs):
            # The dots at 12 and 6 are 2 x 0.75 radii apart, and the centers of the two clocks are 2.6 radii apart.
            top, bottom = boxes[12 * number], boxes[12 * number + 6]
            x, y, radius = (top[0] + top[2]) / 2, (top[1] + bottom[3]) / 2, (bottom[1] - top[1]) / 1.5
            apart = 2.6 * radius * (1 if pair.after else -1)
            empty, given = (
                last[round(v - 0.95 * radius) : round(v + 0.95 * radius),
                     round(u - 0.95 * radius) : round(u + 0.95 * radius)]
                for u, v in ((x, y), (x, y + apart) if of.flat else (x + apart, y))
            )  # fmt: skip
            image = given[::-1] if of.flat else given[:, ::-1]
            for color in (BLUE, ORANGE):
                off = (direction(image, color) - direction(empty, color) + 6) % 12 - 6
                assert abs(off) < 0.3


def test_lines_are_vertical_at_first_and_horizontal_in_half_of_the_others() -> None:
    flat = [[TASK.example(difficulty, seed).flat for seed in range(20)] for difficulty in range(1, 6)]
    assert not any(flat[0])
    assert all(4 <= sum(found) <= 16 for found in flat[1:])


def test_copying_the_hands_is_never_right() -> None:
    for difficulty in range(1, 6):
        of = TASK.example(difficulty, 5)
        goal = TASK.goal(of)
        for number, pair in enumerate(of.pairs):
            clock = goal[12 * number : 12 * number + 12]
            assert sorted(clock) == [0] * 10 + [1, 2]
            assert (clock.index(1), clock.index(2)) != pair.hands


def drawn() -> Puzzle:
    hands = ((3, 6), (1, 8), (10, 11))
    cells = ((0, 0), (1, 0), (1, 1))
    pairs = tuple(Pair(column=x, row=y, hands=it, after=x > 0) for (x, y), it in zip(cells, hands, strict=True))
    return Puzzle(columns=2, rows=2, flat=False, pairs=pairs)


def test_colors_that_are_exchanged_for_a_moment_fail() -> None:
    of = drawn()
    path = TASK.solution(of)
    assert [place for place, look in enumerate(TASK.goal(of)) if look] == [6, 9, 12 + 4, 12 + 11, 24 + 1, 24 + 2]
    assert score_states(TASK, of, path).passed
    slip = Board(changed(path[1].looks, {9: 2}))
    found = score_states(TASK, of, [*path[:2], slip, *path[2:]])
    assert (found.passed, found.reason) == (False, "wrong_place")
    assert "The dot at 9 of the empty clock in row 1, column 1" in found.explanation


def test_a_hand_may_not_turn_to_fit_a_mistake() -> None:
    of = drawn()
    frames = video_of(TASK, of)
    turned = of.model_copy(update={"pairs": (of.pairs[0].model_copy(update={"hands": (9, 6)}), *of.pairs[1:])})
    frames[-6:] = TASK.painter(turned, CANVAS)(TASK.solution(of)[-1])
    found = score_video(TASK, of, frames)
    assert (found.passed, found.outcome) == (False, 1.0)
    assert found.preservation < 1
