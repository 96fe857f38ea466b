"""Paper fold: another way to unfold, and the mistakes that people make."""

from __future__ import annotations

import pytest

from tests.one_task import CANVAS, score_states, score_video, video_of
from vmevalkit.tasks.paper_fold import LEVELS, Fold, PaperFold, Puzzle

TASK = PaperFold()


def unfolded(of: Puzzle) -> set[tuple[int, int]]:
    """Unfold from the last fold to the first: what lies on the flap's width beside the line is mirrored outwards."""
    top, left, bottom, right = 0, 0, of.side, of.side
    lines = []
    for fold in of.folds:
        if fold.edge == "top":
            top += fold.width
            lines.append((0, top, fold.width))
        elif fold.edge == "left":
            left += fold.width
            lines.append((1, left, fold.width))
        elif fold.edge == "bottom":
            bottom -= fold.width
            lines.append((0, bottom, fold.width))
        else:
            right -= fold.width
            lines.append((1, right, fold.width))
    holes = {*of.punches}
    for axis, line, width in reversed(lines):
        for hole in list(holes):
            middle = hole[axis] + 0.5
            if abs(middle - line) < width:
                other = int(2 * line - middle)
                holes.add((other, hole[1]) if axis == 0 else (hole[0], other))
    return holes


@pytest.mark.parametrize("difficulty", range(1, 6))
def test_the_answer_is_what_unfolding_gives(difficulty: int) -> None:
    for seed in range(20):
        of = TASK.example(difficulty, seed)
        answer = {divmod(place, of.side) for place, look in enumerate(TASK.goal(of)) if look}
        assert answer == unfolded(of)
        assert LEVELS[difficulty].fewest <= len(answer) <= LEVELS[difficulty].most


def test_a_sheet_that_is_folded_twice_has_four_holes() -> None:
    folds = (Fold(edge="left", width=2), Fold(edge="bottom", width=2))
    of = Puzzle(side=4, folds=folds, punches=((1, 2),))
    assert of.holes() == {(1, 1), (1, 2), (2, 1), (2, 2)}


def test_shifting_instead_of_mirroring_fails() -> None:
    for seed in range(4):
        of = TASK.example(2, seed)
        cheats = TASK.cheats(of)
        if "nearly_shifted_instead_of_mirrored" in cheats:
            assert score_states(TASK, of, cheats["nearly_shifted_instead_of_mirrored"]).reason == "wrong_place"
            return
    raise AssertionError("no puzzle tells shifting from mirroring")


def test_a_punch_may_not_be_moved_to_fit_a_mistake() -> None:
    of = TASK.example(1, 1)
    frames = video_of(TASK, of)
    free = next(cell for cell in sorted(of.layers()) if cell not in of.punches)
    moved = of.model_copy(update={"punches": (*of.punches[1:], free)})
    frames[-5:] = TASK.painter(moved, CANVAS)(TASK.solution(of)[-1])
    found = score_video(TASK, of, frames)
    assert (found.passed, found.outcome) == (False, 1.0)
    assert found.preservation < 1
