"""Bookshelf: the one order of the books that are seen, and videos that do and do not reach it."""

from __future__ import annotations

from itertools import pairwise, permutations

import numpy as np
import pytest

from tests.one_task import score_states
from vmevalkit.media import Frame
from vmevalkit.tasks.bookshelf import LEVELS, Bookshelf, Puzzle
from vmevalkit.tasks.toolkit.draw import PAPER, UMBER
from vmevalkit.tasks.toolkit.pieces import Board
from vmevalkit.types import Size, Verdict

SHELF = Bookshelf()
SMALL: Size = (240, 160)
# The last gap stays empty.
PAIR = Puzzle(heights=(100, 130, 160, 200, 0), loose=(2, 0), hues=("blue", "red"), falling=False)
ABOVE = ((-5.0, 1.5), (-4.7, 2.5))
GOAL = ((-0.8, 2.0), (-0.5, 0.0))
Spots = tuple[tuple[float, float], ...]


def score_moves(*moments: Spots) -> Verdict:
    """Score a video in which books move between places and rest at each."""
    held = [Board(moment) for moment in moments for _ in range(2)]
    return score_states(SHELF, PAIR, held, canvas=SMALL)


def height(frame: Frame, column: int, floor: int) -> int:
    """Height of what stands on a board whose top is a row of pixels, in pixels."""
    seen = np.abs(frame[:, column].astype(int) - PAPER).max(1) > 40
    # Without the two rows where the colors of the board and the books mix.
    return int(seen[: floor - 2][::-1].argmin())


@pytest.mark.parametrize("difficulty", range(1, 6))
def test_the_books_that_are_seen_have_one_order(difficulty: int) -> None:
    canvas = (960, 640)
    for seed in range(3):
        of = SHELF.example(difficulty, seed)
        path, (_sheet, (left, low), unit) = SHELF.solution(of), SHELF.sheet(of, canvas)
        frame = SHELF.painter(of, canvas)(path[0])
        brown = np.flatnonzero((np.abs(frame.astype(int) - UMBER).max(2) < 9).mean(1) > 0.4)
        # The tops of the upper and the lower board.
        boards = [int(row) for before, row in pairwise([-9, *brown]) if row - before > 1]
        assert abs(boards[2] - low) < 2
        # Beside the pale labels of the books.
        row = [height(frame, round(left + (at - 0.3) * unit), boards[2]) for at in range(len(of.heights))]
        loose = [height(frame, round(left + (place[1] - 0.3) * unit), boards[1]) for place in path[0].places if place]
        gaps = [at for at, tall in enumerate(row) if tall == 0]
        answers = []
        for chosen in permutations(gaps, len(loose)):
            now = list(row)
            for at, tall in zip(chosen, loose, strict=True):
                now[at] = tall
            books = [tall for tall in now if tall][:: -1 if of.falling else 1]
            if all(a < b for a, b in pairwise(books)):
                answers.append(chosen)
                ratios = [b / a for a, b in pairwise(books)]
        assert answers == [tuple(place[1] for place in path[-1].places if place)]
        assert min(ratios) > LEVELS[difficulty].ratio / 100 - 0.04


def test_any_order_passes() -> None:
    assert score_moves(ABOVE, (GOAL[0], ABOVE[1]), GOAL).reason == "solved"
    assert score_moves(ABOVE, (ABOVE[0], GOAL[1]), GOAL).reason == "solved"


def test_a_book_may_wait_on_its_way_and_go_back() -> None:
    assert score_moves(ABOVE, ((-2.3, 1.5), ABOVE[1]), ABOVE, (GOAL[0], ABOVE[1]), GOAL).reason == "solved"


def test_a_wrong_gap_fails_even_for_a_while() -> None:
    assert score_moves(ABOVE, ((-0.8, 4.0), ABOVE[1]), (GOAL[0], ABOVE[1]), GOAL).reason == "wrong_gap"


def test_a_book_where_another_stands_fails() -> None:
    assert score_moves(ABOVE, (GOAL[0], ABOVE[1]), (GOAL[0], (-0.5, 2.2)), GOAL).reason == "onto_another"


def test_two_at_once_fail() -> None:
    assert score_moves(ABOVE, GOAL).reason == "several_at_once"


def test_a_book_that_hangs_above_its_gap_is_not_in_order() -> None:
    assert score_moves(ABOVE, (GOAL[0], ABOVE[1]), (GOAL[0], (-0.9, 0.0))).reason == "unfinished"
