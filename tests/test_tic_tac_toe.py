"""Tic-tac-toe: a plain search of the whole game finds the same cells, and videos of lazy or cheating moves fail."""

from __future__ import annotations

import numpy as np
import pytest

from vmevalkit.contract import views
from vmevalkit.media import Frames
from vmevalkit.tasks.base import TASKS, as_frames, random_generator
from vmevalkit.tasks.tic_tac_toe import Puzzle, TicTacToe
from vmevalkit.tasks.toolkit.pieces import Board
from vmevalkit.types import Verdict

CANVAS = (360, 240)
LEVELS = range(1, 6)


def task() -> TicTacToe:
    task = TASKS["tic_tac_toe"]
    assert isinstance(task, TicTacToe)
    return task


def puzzle_of(difficulty: int, seed: int = 0) -> Puzzle:
    return task().generate(random_generator("test tic-tac-toe", difficulty, seed), difficulty)


def video(puzzle: Puzzle, boards: list[Board], count: int = 49) -> Frames:
    return as_frames(task().render(puzzle, boards, CANVAS, count))


def judged(puzzle: Puzzle, frames: Frames) -> Verdict:
    return task().verify(puzzle, views(frames), "solve", CANVAS)


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
        puzzle = puzzle_of(difficulty, seed)
        if puzzle.cells.count(".") > 7:
            continue
        mover, other = ("x", "o") if puzzle.mover == "cross" else ("o", "x")
        played = {at: after(puzzle.cells, at, mover) for at, letter in enumerate(puzzle.cells) if letter == "."}
        assert [at for at, cells in played.items() if reached(puzzle.goal, cells, mover, other)] == puzzle.best()
        assert len(played) > 1
        assert puzzle.cells.count(other) - puzzle.cells.count(mover) in (0, 1)


def test_looking_ahead_grows_with_difficulty() -> None:
    for difficulty, goals in enumerate(({"line"}, {"hold"}, {"win"}, {"win", "hold"}, {"win"}), 1):
        puzzles = [puzzle_of(difficulty, seed) for seed in range(40)]
        assert {puzzle.goal for puzzle in puzzles} == goals
        if difficulty > 2:
            for puzzle in puzzles:
                mover, other = ("x", "o") if puzzle.mover == "cross" else ("o", "x")
                free = [at for at, letter in enumerate(puzzle.cells) if letter == "."]
                assert not any(won(after(puzzle.cells, at, letter), letter) for at in free for letter in (mover, other))


def test_the_same_move_with_the_other_mark_fails() -> None:
    puzzle = puzzle_of(3, 1)
    other = puzzle.model_copy(update={"mover": "ring" if puzzle.mover == "cross" else "cross"})
    boards = task().solution(puzzle)
    frames = video(puzzle, boards, 25)
    assert judged(puzzle, frames).passed
    frames[6:] = video(other, boards, 25)[6:]
    assert not judged(puzzle, frames).passed


@pytest.mark.parametrize("difficulty", [1, 5])
def test_marks_on_the_board_must_stay(difficulty: int) -> None:
    puzzle = puzzle_of(difficulty, 2)
    right = video(puzzle, task().solution(puzzle), 25)
    assert judged(puzzle, right).passed
    for at, letter in enumerate(puzzle.cells):
        new = {"x": "o", "o": ".", ".": "x"}[letter]
        if at == puzzle.best()[0]:
            continue
        changed = video(puzzle.model_copy(update={"cells": after(puzzle.cells, at, new)}), [Board((None,))] * 2, 5)[0]
        kept = video(puzzle, [Board((None,))] * 2, 5)[0]
        frames = right.copy()
        there = (changed != kept).any(2)
        frames[18:, there] = changed[there]
        assert not judged(puzzle, frames).passed, (at, new)


def test_a_mark_that_stays_in_the_tray_too_or_turns_dark_fails() -> None:
    puzzle = puzzle_of(2, 3)
    right = video(puzzle, task().solution(puzzle))
    first, kept = right[0], video(puzzle, [Board((None,))] * 2, 5)[0]
    copied = right.copy()
    tray = (first != kept).any(2)
    copied[:, tray] = first[tray]
    assert not judged(puzzle, copied).passed
    letter = "x" if puzzle.mover == "cross" else "o"
    dark = puzzle.model_copy(update={"cells": after(puzzle.cells, puzzle.best()[0], letter)})
    frames = right.copy()
    frames[30:] = video(dark, [Board((None,))] * 2, 5)[:1]
    assert not judged(puzzle, frames).passed


def test_a_pause_over_a_wrong_cell_passes_but_a_move_taken_back_fails() -> None:
    puzzle = puzzle_of(1, 4)
    start, end = task().solution(puzzle)
    wrong = task().cheats(puzzle)["nearly_the_next_free_cell"][1]
    frames = video(puzzle, [start, wrong, end])
    there = video(puzzle, [wrong] * 2, 5)[0]
    over = int(np.abs(frames.astype(int) - there).sum((1, 2, 3)).argmin())
    for pause, passes in ((5, True), (30, False)):
        paused = frames[[*range(over), *[over] * pause, *range(over, len(frames))]]
        assert judged(puzzle, paused).passed == passes
