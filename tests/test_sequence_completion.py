"""Sequence completion: all ways to fill a row, tried one by one, and the mistakes that look right."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest

from tests.one_task import CANVAS, score_states, score_video, video_of
from vmevalkit.tasks.sequence_completion import LEVELS, SequenceCompletion
from vmevalkit.tasks.toolkit.cells import Board

TASK = SequenceCompletion()
PARTS = tuple(f"{k}/6" for k in range(1, 7))


def repeats(values: Sequence[str]) -> bool:
    return any(all(a == b for a, b in zip(values, values[period:], strict=False)) for period in range(1, 5))


def grows(values: Sequence[str]) -> bool:
    """By one part more, or one less, after runs of one length; only the first and last run may be cut off."""
    runs = [(PARTS.index(value), len([*same])) for value, same in itertools.groupby(values)]
    steps = {b - a for (a, _), (b, _) in itertools.pairwise(runs)}
    lengths = [length for _, length in runs]
    pace = max(lengths)
    return steps in ({1}, {-1}) and pace <= 3 and all(length == pace for length in lengths[1:-1])


def ways_to_fill(values: Sequence[str], missing: Sequence[int]) -> list[tuple[str, ...]]:
    """All ways to fill a row so that it follows a rule; "other" stands for anything that is not in the row."""
    names = PARTS if values[0] in PARTS else [*{*values}, "other"]
    found = []
    for filling in itertools.product(names, repeat=len(missing)):
        full = list(values)
        for place, value in zip(missing, filling, strict=True):
            full[place] = value
        if repeats(full) or (names is PARTS and grows(full)):
            found.append(tuple(full))
    return found


@pytest.mark.parametrize("difficulty", range(1, 6))
def test_each_row_has_one_answer(difficulty: int) -> None:
    level = LEVELS[difficulty]
    for seed in range(6):
        of = TASK.example(difficulty, seed)
        for row in of.rows:
            assert ways_to_fill(row.forms, row.missing) == [row.forms]
            assert ways_to_fill(row.colors, row.missing) == [row.colors]
            assert len({*row.items()}) > 1
        assert len(of.rows) == level.rows
        assert level.fewest <= sum(len(row.missing) for row in of.rows) <= level.most


def test_rows_repeat_turn_and_grow() -> None:
    rows = [row for difficulty in (3, 4, 5) for seed in range(6) for row in TASK.example(difficulty, seed).rows]
    assert any(row.forms[0] in PARTS and not repeats(row.forms) for row in rows)
    assert any({*row.forms} == {"up", "right", "down", "left"} for row in rows)
    assert any(len({*row.items()}) > max(len({*row.forms}), len({*row.colors})) for row in rows)


@pytest.mark.parametrize("name", ["nearly_two_swapped", "neighbors_copied"])
def test_wrong_figures_fail(name: str) -> None:
    of = TASK.example(4, 2)
    found = score_states(TASK, of, TASK.cheats(of)[name])
    assert (found.passed, found.reason) == (False, "wrong_place")


def test_the_order_is_free() -> None:
    of = TASK.example(3, 2)
    assert all(score_states(TASK, of, boards).passed for boards in TASK.alternatives(of).values())


def test_a_given_figure_may_not_be_changed_to_fit_a_mistake() -> None:
    of = TASK.example(1, 1)
    frames = video_of(TASK, of)
    row = of.rows[0]
    other = row.model_copy(update={"forms": ("cross", *row.forms[1:-1], "cross")})
    changed = of.model_copy(update={"rows": (other, *of.rows[1:])})
    frames[-5:] = TASK.painter(changed, CANVAS)(Board(TASK.goal(changed)))
    found = score_video(TASK, of, frames)
    assert (found.passed, found.outcome < 1 or found.preservation < 1) == (False, True)
