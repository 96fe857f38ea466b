"""Tic-tac-toe: a plain search of the whole game finds the same cells, and videos of lazy or cheating moves fail."""

from __future__ import annotations

import numpy as np
import pytest

from tests.one_task import score_video, video_of
from vmevalkit.tasks.tic_tac_toe import TicTacToe
from vmevalkit.tasks.toolkit.pieces import Board

TASK = TicTacToe()
LEVELS = range(1, 6)


def lines(side: int) -> list[range]:
    size = side * side
    rows = [range(side * i, side * i + side) for i in range(side)]
    columns = [range(i, size, side) for i in range(side)]
    return [*rows, *columns, range(0, size, side + 1), range(side - 1, size - 1, side - 1)]


def won(cells: str, letter: str) -> bool:
    return any(all(cells[i] == letter for i in line) for line in lines(round(len(cells) ** 0.5)))


def after(cells: str, at: int, letter: str) -> str:
    return cells[:at] + letter + cells[at + 1 :]


def value(cells: str, mover: str, other: str) -> int:
    """Result for the side to move if both play perfectly: 1, 0 or -1."""
    if won(cells, other):
        return -1
    best = -1 if "." in cells else 0
    for at, letter in enumerate(cells):
        if letter == "." and best < 1:
            best = max(best, -value(after(cells, at, mover), other, mover))
    return best


def reached(goal: str, cells: str, mover: str, other: str) -> bool:
    if goal == "line":
        return won(cells, mover)
    return value(cells, other, mover) <= (0 if goal == "hold" else -1)


@pytest.mark.parametrize("difficulty", LEVELS)
def test_a_plain_search_finds_the_same_one_cell(difficulty: int) -> None:
    for seed in range(8):
        puzzle = TASK.example(difficulty, seed)
        if puzzle.cells.count(".") > 7:
            continue
        mover, other = ("x", "o") if puzzle.mover == "cross" else ("o", "x")
        played = {at: after(puzzle.cells, at, mover) for at, letter in enumerate(puzzle.cells) if letter == "."}
        assert [at for at, cells in played.items() if reached(puzzle.goal, cells, mover, other)] == puzzle.best()
        assert len(played) > 1
        assert puzzle.cells.count(other) - puzzle.cells.count(mover) in (0, 1)


def test_looking_ahead_grows_with_difficulty() -> None:
    for difficulty, goals in enumerate(({"line"}, {"hold"}, {"win"}, {"win", "hold"}, {"win"}), 1):
        puzzles = [TASK.example(difficulty, seed) for seed in range(40)]
        assert {puzzle.goal for puzzle in puzzles} == goals
        if difficulty > 2:
            for puzzle in puzzles:
                mover, other = ("x", "o") if puzzle.mover == "cross" else ("o", "x")
                free = [at for at, letter in enumerate(puzzle.cells) if letter == "."]
                assert not any(won(after(puzzle.cells, at, letter), letter) for at in free for letter in (mover, other))


def test_the_same_move_with_the_other_mark_fails() -> None:
    puzzle = TASK.example(3, 1)
    other = puzzle.model_copy(update={"mover": "ring" if puzzle.mover == "cross" else "cross"})
    boards = TASK.solution(puzzle)
    frames = video_of(TASK, puzzle, boards, 25)
    assert score_video(TASK, puzzle, frames).passed
    frames[6:] = video_of(TASK, other, boards, 25)[6:]
    assert not score_video(TASK, puzzle, frames).passed


@pytest.mark.parametrize("difficulty", [1, 5])
def test_marks_on_the_board_must_stay(difficulty: int) -> None:
    puzzle = TASK.example(difficulty, 2)
    right = video_of(TASK, puzzle, TASK.solution(puzzle), 25)
    assert score_video(TASK, puzzle, right).passed
    for at, letter in enumerate(puzzle.cells):
        new = {"x": "o", "o": ".", ".": "x"}[letter]
        if at == puzzle.best()[0]:
            continue
        changed = video_of(
            TASK, puzzle.model_copy(update={"cells": after(puzzle.cells, at, new)}), [Board((None,))] * 2, 5
        )[0]
        kept = video_of(TASK, puzzle, [Board((None,))] * 2, 5)[0]
        frames = right.copy()
        there = (changed != kept).any(2)
        frames[18:, there] = changed[there]
        assert not score_video(TASK, puzzle, frames).passed, (at, new)


def test_a_mark_that_stays_in_the_tray_too_or_turns_dark_fails() -> None:
    puzzle = TASK.example(2, 3)
    right = video_of(TASK, puzzle, TASK.solution(puzzle))
    first, kept = right[0], video_of(TASK, puzzle, [Board((None,))] * 2, 5)[0]
    copied = right.copy()
    tray = (first != kept).any(2)
    copied[:, tray] = first[tray]
    assert not score_video(TASK, puzzle, copied).passed
    letter = "x" if puzzle.mover == "cross" else "o"
    dark = puzzle.model_copy(update={"cells": after(puzzle.cells, puzzle.best()[0], letter)})
    frames = right.copy()
    frames[30:] = video_of(TASK, dark, [Board((None,))] * 2, 5)[:1]
    assert not score_video(TASK, puzzle, frames).passed


def test_a_pause_over_a_wrong_cell_passes_but_a_move_taken_back_fails() -> None:
    puzzle = TASK.example(1, 4)
    start, end = TASK.solution(puzzle)
    wrong = TASK.cheats(puzzle)["nearly_the_next_free_cell"][1]
    frames = video_of(TASK, puzzle, [start, wrong, end])
    there = video_of(TASK, puzzle, [wrong] * 2, 5)[0]
    over = int(np.abs(frames.astype(int) - there).sum((1, 2, 3)).argmin())
    for pause, passes in ((5, True), (30, False)):
        paused = frames[[*range(over), *[over] * pause, *range(over, len(frames))]]
        assert score_video(TASK, puzzle, paused).passed == passes
