"""Shape search: what is of the sample's kind, told from the pixels, and the mistakes that look right."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from tests.one_task import CANVAS, score_states, score_video, video_of
from vmevalkit.tasks.shape_search import LEVELS, Puzzle, ShapeSearch
from vmevalkit.tasks.toolkit.draw import PAPER

TASK = ShapeSearch()


def crops(of: Puzzle) -> list[npt.NDArray[np.int_]]:
    """The pixels of every place of the first frame, cut to squares of one size."""
    frame = TASK.painter(of, (1360, 768))(TASK.solution(of)[0]).astype(int)
    middles = [((x0 + x1) / 2, (y0 + y1) / 2) for x0, y0, x1, y1 in TASK.sheet(of, (1360, 768))[1]]
    half = int(0.4 * min(np.diff(sorted({x for x, _ in middles}))))
    return [frame[round(y) - half : round(y) + half, round(x) - half : round(x) + half] for x, y in middles]


@pytest.mark.parametrize("difficulty", range(1, 6))
def test_the_pixels_tell_what_is_of_one_kind(difficulty: int) -> None:
    level = LEVELS[difficulty]
    for seed in range(2):
        of, answer = TASK.example(difficulty, seed), TASK.goal(TASK.example(difficulty, seed))
        images = crops(of)
        first = images[answer.index(1)]
        for image, ringed in zip(images, answer, strict=True):
            inks = [np.abs(it - PAPER).sum(2) > 60 for it in (image, first)]
            same_shape = (inks[0] != inks[1]).mean() < 0.07
            colors = [np.median(it[ink], axis=0) for it, ink in zip((image, first), inks, strict=True)]
            assert ringed == (same_shape and (not level.colored or bool(np.abs(colors[0] - colors[1]).max() < 9)))
        assert level.fewest <= sum(answer) <= level.most


def test_at_the_top_the_sample_is_there_turned_and_in_other_colors() -> None:
    of = TASK.example(5, 1)
    sample = np.array([*of.shape]).reshape(3, 3)
    turned = {"".join(np.rot90(it, k).ravel()) for it in (sample, sample[:, ::-1]) for k in range(4)} - {of.shape}
    assert turned & {it.shape for it in of.figures}
    assert any(it.shape == of.shape and it.color != of.color for it in of.figures)


@pytest.mark.parametrize("difficulty", [1, 5])
def test_a_ring_round_another_shape_fails(difficulty: int) -> None:
    of = TASK.example(difficulty, 2)
    found = score_states(TASK, of, TASK.cheats(of)["nearly_wrong_shape"])
    assert (found.passed, found.reason) == (False, "wrong_place")


def test_the_order_is_free() -> None:
    of = TASK.example(3, 2)
    assert all(score_states(TASK, of, boards).passed for boards in TASK.alternatives(of).values())


def test_the_sample_may_not_be_changed_to_fit_a_mistake() -> None:
    of = TASK.example(1, 1)
    frames = video_of(TASK, of)
    other = next(it.shape for it in of.figures if it.shape != of.shape)
    frames[-5:] = TASK.painter(of.model_copy(update={"shape": other}), CANVAS)(TASK.solution(of)[-1])
    found = score_video(TASK, of, frames)
    assert (found.passed, found.outcome) == (False, 1.0)
    assert found.preservation < 1
