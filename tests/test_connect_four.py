"""Connect four: winning columns found by playing each, and what must stay."""

from __future__ import annotations

import numpy as np
import pytest

from tests.one_task import CANVAS, judge_states, score_video, video_of
from vmevalkit import contract
from vmevalkit.tasks.base import TASKS
from vmevalkit.tasks.connect_four import LEVELS, ConnectFour, Position, Puzzle

TASK = ConnectFour()


def grid_of(of: Puzzle, board: Position) -> np.ndarray:
    """Rows from the top: 1 for discs, whose turn it is, -1 for the other side, 0 for free cells."""
    letters = np.array(list(board.cells)).reshape(of.rows, of.columns)
    return np.where(letters == ".", 0, np.where(letters == "x", 1, -1))


def longest(grid: np.ndarray, side: int) -> int:
    """The length of the longest straight line of a side, by steps from each of its pieces."""
    best = 0
    for row, column in np.argwhere(grid == side):
        for down, right in ((0, 1), (1, 0), (1, 1), (1, -1)):
            count, r, c = 0, row, column
            while 0 <= r < len(grid) and 0 <= c < len(grid[0]) and grid[r, c] == side:
                count, r, c = count + 1, r + down, c + right
            best = max(best, count)
    return best


def winning_columns(of: Puzzle, board: Position) -> dict[int, int]:
    """The columns that win at once, each with the row in which the piece comes to rest."""
    found = {}
    for column in range(of.columns):
        grid = grid_of(of, board)
        free = np.flatnonzero(grid[:, column] == 0)
        if len(free):
            grid[free[-1], column] = 1
            if longest(grid, 1) >= 4:
                found[column] = int(free[-1])
    return found


@pytest.mark.parametrize("difficulty", range(1, 6))
def test_one_column_of_each_board_wins(difficulty: int) -> None:
    level = LEVELS[difficulty]
    for seed in range(8):
        of = TASK.example(difficulty, seed)
        goals = TASK.moves(of)[-1]
        assert len(of.boards) == level.across * level.down
        for number, board in enumerate(of.boards):
            grid = grid_of(of, board)
            assert max(longest(grid, 1), longest(grid, -1)) < 4
            assert all((column == 0).tolist() == sorted((column == 0).tolist(), reverse=True) for column in grid.T)
            assert 0 <= (grid == -1).sum() - (grid == 1).sum() <= 1
            [(column, row)] = winning_columns(of, board).items()
            down, across = divmod(number, of.across)
            assert goals[number] == pytest.approx((row + down * (of.rows + 1.75), column + across * (of.columns + 0.9)))
            assert board.waits != column


def test_lines_of_all_directions_are_asked() -> None:
    ways = set()
    for seed in range(12):
        of = TASK.example(1, seed)
        [board] = of.boards
        [(column, row)] = winning_columns(of, board).items()
        grid = grid_of(of, board)
        grid[row, column] = 1
        flat, upright = grid[row : row + 1], grid[:, column : column + 1]
        ways.add("flat" if longest(flat, 1) >= 4 else "upright" if longest(upright, 1) >= 4 else "diagonal")
    assert ways == {"flat", "upright", "diagonal"}


@pytest.mark.parametrize("difficulty", [1, 3])
def test_a_piece_enters_through_the_right_column_only(difficulty: int) -> None:
    puzzles = (TASK.example(difficulty, seed) for seed in range(9))
    of = next(it for it in puzzles if "nearly_hangs_in_the_air" in TASK.cheats(it))
    assert judge_states(TASK, of, TASK.solution(of), moments=23).reason == "solved"
    cheats = TASK.cheats(of)
    for name in ("nearly_next_column", "wrong_move_taken_back", "through_another_column"):
        assert judge_states(TASK, of, cheats[name], moments=23).reason == "wrong_column", name
    assert judge_states(TASK, of, cheats["nearly_hangs_in_the_air"], moments=23).reason == "unfinished"


def test_a_dark_piece_may_not_change_to_make_another_column_win() -> None:
    of = TASK.example(1, 3)
    frames = video_of(TASK, of)
    [board] = of.boards
    last = board.cells.rindex("x" if "x" in board.cells else "o")
    changed = board.cells[:last] + ("o" if board.cells[last] == "x" else "x") + board.cells[last + 1 :]
    other = of.model_copy(update={"boards": (board.model_copy(update={"cells": changed}),)})
    frames[-5:] = TASK.painter(other, CANVAS)(TASK.solution(of)[-1])
    found = score_video(TASK, of, frames)
    assert not found.passed
    assert found.preservation < 1


def test_blurred_videos_of_small_boards_pass() -> None:
    trials = contract.try_videos(TASKS["connect_four"], 5, "solve", 0, names=["blurred"])
    assert all(trial.as_expected for trial in trials)
