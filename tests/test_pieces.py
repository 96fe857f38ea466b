"""Pieces: what the reader sees of boards, and what the tracker says about moves between them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from vmevalkit import contract
from vmevalkit.tasks.base import TASKS
from vmevalkit.tasks.toolkit.pieces import Board, PiecesTask, hovering
from vmevalkit.types import Size

CANVAS: Size = (360, 240)
PIECES = [name for name in TASKS if isinstance(TASKS[name], PiecesTask)]


def pieces_task(name: str) -> PiecesTask[Any]:
    task = TASKS[name]
    assert isinstance(task, PiecesTask)
    return task


@pytest.mark.parametrize("name", PIECES)
def test_a_drawn_board_is_read_where_it_was_drawn(name: str) -> None:
    task = pieces_task(name)
    puzzle = contract.puzzle_of(task, 2, 0)
    read = task.reader(puzzle, CANVAS)
    for board in task.solution(puzzle):
        reading = read(task.drawing(puzzle, board, CANVAS))
        assert reading.scene_intact
        assert reading.state is not None
        assert task.same(puzzle, reading.state, board)


@pytest.mark.parametrize("name", PIECES)
def test_a_missing_piece_has_no_place(name: str) -> None:
    task = pieces_task(name)
    puzzle = contract.puzzle_of(task, 2, 0)
    places = task.moves(puzzle)[0]
    reading = task.reader(puzzle, CANVAS)(task.drawing(puzzle, Board((*places[:-1], None)), CANVAS))
    assert reading.state is not None
    assert reading.state.places[-1] is None
    assert None not in reading.state.places[:-1]


@pytest.mark.parametrize("name", PIECES)
def test_a_painter_draws_a_board_the_same_after_any_other(name: str) -> None:
    task = pieces_task(name)
    puzzle = contract.puzzle_of(task, 3, 0)
    first, *_, last = task.solution(puzzle)
    paint = task.painter(puzzle, CANVAS)
    paint(last)
    paint(task.between(puzzle, first, last, 0.4))
    # Antialiasing at the border of a redrawn part may differ by a few levels.
    assert np.abs(paint(first).astype(int) - task.painter(puzzle, CANVAS)(first)).max() <= 4


def test_hovering_starts_and_ends_at_rest_and_is_slow_in_the_middle() -> None:
    assert hovering(0.0) == pytest.approx(0.0)
    assert hovering(1.0) == pytest.approx(1.0)
    assert hovering(0.1, rest=0.2) == hovering(0.2, rest=0.2) == pytest.approx(0.0)
    assert hovering(0.55) - hovering(0.45) < 0.02 < hovering(0.1)
