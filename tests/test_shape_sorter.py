"""Shape sorter: which hole a shape fits in the image, and videos that break the rules."""

from __future__ import annotations

import numpy as np
import pytest

from tests.one_task import score_video, video_of
from vmevalkit.media import Frames
from vmevalkit.tasks.shape_sorter import Puzzle, ShapeSorter
from vmevalkit.tasks.toolkit.draw import PAPER
from vmevalkit.tasks.toolkit.pieces import Board
from vmevalkit.types import Size

SORTER = ShapeSorter()
SMALL: Size = (240, 160)
# A square and a circle; the holes are a circle, a square and a triangle.
PAIR = Puzzle(holes=((0, 0), (1, 0), (2, 0)), shapes=((1, 0), (0, 0)), hues=("blue", "red"))
TRAY = ((2.0, 0.5), (2.0, 1.5))


def shot(*moments: tuple[tuple[float, float], ...]) -> Frames:
    """Render a video in which shapes move between places and rest at each."""
    held = [Board(moment) for moment in moments for _ in range(2)]
    return video_of(SORTER, PAIR, held, canvas=SMALL)


@pytest.mark.parametrize("difficulty", range(1, 6))
def test_each_shape_fills_its_own_hole_best(difficulty: int) -> None:
    canvas = (480, 320)
    for seed in range(2):
        of = SORTER.example(difficulty, seed)
        draw, path = SORTER.painter(of, canvas, object_scale=1.15), SORTER.solution(of)
        empty = draw(Board((None,) * len(of.shapes)))
        free = np.abs(empty.astype(int) - PAPER).max(2) < 50
        _sheet, origin, unit = SORTER.sheet(of, canvas)
        top, bottom = round(origin[1] - 0.55 * unit), round(origin[1] + 0.55 * unit)
        for piece in range(len(of.shapes)):
            likeness = []
            for hole in range(len(of.holes)):
                places: list[tuple[float, float] | None] = [None] * len(of.shapes)
                places[piece] = (0.0, float(hole))
                covered = np.abs(draw(Board(tuple(places))).astype(int) - empty).max(2) > 30
                left = round(origin[0] + (hole - 0.5) * unit)
                cut = np.zeros_like(free)
                cut[top:bottom, left : round(left + unit)] = free[top:bottom, left : round(left + unit)]
                likeness.append((covered & cut).sum() / (covered | cut).sum())
            end = path[-1].places[piece]
            assert end is not None
            assert int(np.argmax(likeness)) == end[1]
            assert sorted(likeness)[-2] < 0.92 * max(likeness)


def test_any_order_passes() -> None:
    assert score_video(SORTER, PAIR, shot(TRAY, (TRAY[0], (0, 0)), ((0, 1), (0, 0)))).reason == "solved"
    assert score_video(SORTER, PAIR, shot(TRAY, ((0, 1), TRAY[1]), ((0, 1), (0, 0)))).reason == "solved"


def test_a_shape_may_wait_in_the_middle_and_go_back() -> None:
    assert (
        score_video(SORTER, PAIR, shot(TRAY, (TRAY[0], (1, 1)), TRAY, ((0, 1), TRAY[1]), ((0, 1), (0, 0)))).reason
        == "solved"
    )


def test_a_wrong_hole_fails_even_for_a_while() -> None:
    found = score_video(SORTER, PAIR, shot(TRAY, ((0, 2), TRAY[1]), ((0, 1), TRAY[1]), ((0, 1), (0, 0))))
    assert found.reason == "wrong_hole"


def test_two_at_once_fail() -> None:
    assert score_video(SORTER, PAIR, shot(TRAY, ((0, 1), (0, 0)))).reason == "several_at_once"


def test_a_hole_that_vanishes_fails() -> None:
    frames = shot(TRAY, (TRAY[0], (0, 0)), ((0, 1), (0, 0)))
    _sheet, origin, unit = SORTER.sheet(PAIR, SMALL)
    x, y, half = round(origin[0] + 2 * unit), round(origin[1]), round(unit / 2)
    frames[20:, y - half : y + half, x - half : x + half] = frames[0, y - round(0.57 * unit), x]
    assert score_video(SORTER, PAIR, frames).reason == "extra_object"


def test_a_shape_that_becomes_another_fails() -> None:
    frames = shot(TRAY, (TRAY[0], (0, 0)), ((0, 1), (0, 0)))
    other = PAIR.model_copy(update={"shapes": ((3, 0), (0, 0))})
    changed = video_of(SORTER, other, [Board(((0, 1), (0, 0)))] * 2, canvas=SMALL)
    frames[-8:] = np.where((frames[-8:] == PAPER).all(-1, keepdims=True), frames[-8:], changed[-8:])
    assert not score_video(SORTER, PAIR, frames).passed
