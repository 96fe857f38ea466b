"""Object subtraction: exactly the figures that the prompt names vanish, one at a time."""

from __future__ import annotations

import re

import pytest

from tests.one_task import score_video, video_of
from vmevalkit.tasks.object_subtraction import Kind, ObjectSubtraction, Puzzle
from vmevalkit.tasks.toolkit.cells import Board, changed
from vmevalkit.types import Verdict

TASK = ObjectSubtraction()
LEVELS = range(1, 6)


def verify(puzzle: Puzzle, boards: list[Board], drawn: Puzzle | None = None) -> Verdict:
    return score_video(TASK, puzzle, video_of(TASK, drawn or puzzle, boards))


def is_named(prompt: str, kind: Kind) -> bool:
    """Return whether a prompt asks to remove figures of a kind."""
    match = re.search(r"Remove (.*?):", prompt)
    assert match
    words = {kind.size, kind.colour, kind.shape, "figure"}
    for name in re.sub(r"\bevery |\ba ", "", match[1]).split(" and "):
        included, _, excluded = name.partition(" that is not ")
        if set(included.split()) <= words and (not excluded or excluded not in words):
            return True
    return False


@pytest.mark.parametrize("difficulty", LEVELS)
def test_the_prompt_names_what_is_removed(difficulty: int) -> None:
    for seed in range(12):
        puzzle = TASK.example(difficulty, seed)
        prompt = TASK.phrasings(puzzle)[0]
        named = [place for place, kind in enumerate(puzzle.figures) if is_named(prompt, puzzle.kinds[kind])]
        assert TASK.order(puzzle) == named
        assert 2 <= len(named) < len(puzzle.figures)


def test_a_name_with_two_qualities_has_neighbors_that_share_one() -> None:
    for seed in range(20):
        puzzle = TASK.example(2, seed)
        (name,) = puzzle.names
        others = [kind for kind in puzzle.kinds if not name.fits(kind)]
        assert any(kind.colour == name.colour or kind.shape == name.shape for kind in others)


def test_sizes_follow_the_difficulty() -> None:
    for difficulty, (fewest, most) in enumerate([(4, 5), (4, 7), (8, 11), (9, 13), (14, 19)], 1):
        lengths = {len(TASK.steps(TASK.example(difficulty, seed))) for seed in range(60)}
        assert lengths == set(range(fewest, most + 1))


def test_any_order_passes() -> None:
    puzzle = TASK.example(4)
    places = TASK.order(puzzle)
    assert verify(puzzle, TASK.filled(puzzle, places[1::2] + places[::2])).passed


def test_a_figure_that_was_not_named_may_not_vanish_even_if_it_returns() -> None:
    puzzle = TASK.example(3)
    path = TASK.solution(puzzle)
    other = next(place for place, look in enumerate(path[-1].looks) if look)
    slip = Board(changed(path[2].looks, {other: 0}))
    verdict = verify(puzzle, [*path[:3], slip, *path[2:]])
    assert (verdict.passed, verdict.reason, verdict.outcome) == (False, "wrong_place", 1.0)


def test_a_figure_may_not_turn_into_another_instead_of_vanishing() -> None:
    puzzle = TASK.example(2)
    path = TASK.solution(puzzle)
    more = puzzle.model_copy(update={"kinds": (*puzzle.kinds, Kind(shape="circle", colour="sky blue"))})
    end = Board(changed(path[-1].looks, {TASK.order(puzzle)[-1]: len(more.kinds)}))
    assert not verify(puzzle, [*path[:-1], end], more).passed
