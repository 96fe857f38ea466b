"""Visual analogy: one figure fits each panel, also by what is drawn, and what must stay."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
import pytest

from tests.one_task import CANVAS, score_states, score_video, video_of
from vmevalkit.tasks.toolkit.cells import swept
from vmevalkit.tasks.visual_analogy import LEVELS, Analogy, Figure, VisualAnalogy

TASK = VisualAnalogy()
SHAPES = ("arrow", "half disc", "corner", "drop", "flag")
COLORS = ("blue", "orange", "green", "purple", "yellow", "brown")


def answers(of: Analogy) -> Iterator[Figure]:
    """Every figure to which a rule leads from the third one: a rule of each feature that explains the upper row.

    A feature stays if the upper row does not show that it changes. Otherwise it becomes the new value, or, as there are
    only two fillings, it is exchanged for the other one, or, as a direction is an angle, it goes on by as much.
    """
    a, b, c = of.first, of.second, of.third
    for shape, color, solid, turn in itertools.product(SHAPES, COLORS, (False, True), range(4)):
        named = ((a.shape, b.shape, c.shape, shape), (a.color, b.color, c.color, color))
        stays_or_becomes = all((new == value) if old == value_before else (new == value_before)
                               for old, value_before, value, new in named)  # fmt: skip
        becomes = solid == (c.solid if a.solid == b.solid else b.solid)
        exchanged = solid == (c.solid if a.solid == b.solid else not c.solid)
        turned = (turn - c.turn - b.turn + a.turn) % 4 == 0
        if stays_or_becomes and (becomes or exchanged) and turned:
            yield Figure(shape=shape, color=color, solid=solid, turn=turn)


@pytest.mark.parametrize("difficulty", range(1, 6))
def test_one_figure_fits_each_panel(difficulty: int) -> None:
    level = LEVELS[difficulty]
    for seed in range(4):
        of = TASK.example(difficulty, seed)
        assert len(of.analogies) == level.columns * level.rows
        for analogy, words in zip(of.analogies, TASK.in_words(of, TASK.solution(of)[-1]).values(), strict=True):
            (answer,) = answers(analogy)
            assert words == f"filled with a {answer.words()}"
            assert answer not in (analogy.second, analogy.third)
            # Which direction of one shape is that of another could be disputed.
            assert analogy.first.shape in (analogy.second.shape, analogy.third.shape)
            pairs = zip(analogy.first.model_dump().values(), analogy.second.model_dump().values(), strict=True)
            assert level.fewest <= sum(x != y for x, y in pairs) <= level.most


def test_a_turn_is_seen_in_the_drawing() -> None:
    """In panels where only the direction changes, both rows are turned by the same multiple of 90 degrees."""
    seen = 0
    for seed in range(12):
        of = TASK.example(1, seed)
        if all(it.changes() != ["turn"] for it in of.analogies):
            continue
        last = TASK.painter(of, (900, 600))(TASK.solution(of)[-1]).astype(int)
        for it, (left, top, right, _) in zip(of.analogies, TASK.sheet(of, (900, 600))[1], strict=True):
            if it.changes() != ["turn"]:
                continue
            side = right - left
            # The insides of the frames are 1.3 and 1.1 frames apart, and have 0.89 of the side of a frame.
            across, down = 1.3 / 0.89 * side, 1.1 / 0.89 * side
            corners = [(left - across, top - down), (left, top - down), (left - across, top), (left, top)]
            a, b, c, d = (last[round(y) : round(y + side), round(x) : round(x + side)] for x, y in corners)
            errors = [[np.abs(np.rot90(old, -k) - new).mean() for k in range(4)] for old, new in ((a, b), (c, d))]
            assert np.argmin(errors[0]) == np.argmin(errors[1]) > 0
            seen += 1
    assert seen > 2


@pytest.mark.parametrize("difficulty", range(1, 6))
def test_no_wipe_meets_the_empty_frames_one_after_another(difficulty: int) -> None:
    for size in ((720, 480), (480, 480)):
        boxes = TASK.sheet(TASK.example(difficulty, 0), size)[1]
        cell = (boxes[0][2] - boxes[0][0]) / 0.72
        assert not swept([(box[1] / cell, box[0] / cell) for box in boxes])


def test_a_given_figure_may_not_change_to_fit_a_mistake() -> None:
    of = TASK.example(1, 2)
    frames = video_of(TASK, of)
    third = of.analogies[0].third
    other = of.analogies[0].model_copy(update={"third": third.model_copy(update={"turn": (third.turn + 1) % 4})})
    changed = of.model_copy(update={"analogies": (other, *of.analogies[1:])})
    frames[-6:, :, :180] = TASK.painter(changed, CANVAS)(TASK.solution(of)[0])[:, :180]
    found = score_video(TASK, of, frames)
    assert not found.passed


def test_a_mistake_is_said_in_words() -> None:
    of = TASK.example(2, 3)
    found = score_states(TASK, of, TASK.cheats(of)["nearly_one_change_forgotten"])
    assert (found.passed, found.reason) == (False, "wrong_place")
    assert of.analogies[-1].answer().words() in found.explanation
