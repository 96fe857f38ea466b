"""Flow connect: an independent search for other answers, and videos that must fail."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from tests.one_task import score_video, video_of
from vmevalkit.media import Frames
from vmevalkit.tasks.flow_connect import Cell, FlowConnect, Puzzle, count_solutions
from vmevalkit.tasks.toolkit.draw import HUES
from vmevalkit.tasks.toolkit.strokes import Lines

FLOW = FlowConnect()


def render(puzzle: Puzzle, states: list[Lines] | None = None) -> Frames:
    return video_of(FLOW, puzzle, states)


def answers(rows: int, columns: int, ends: list[tuple[Cell, Cell]]) -> int:
    """Count the ways to fill the grid, by walking every line from disc to disc."""
    cells = set(itertools.product(range(rows), range(columns)))

    def walk(line: int, cell: Cell, free: set[Cell]) -> int:
        if cell == ends[line][1]:
            if line + 1 < len(ends):
                return walk(line + 1, ends[line + 1][0], free)
            return int(not free)
        near = [(cell[0] + 1, cell[1]), (cell[0] - 1, cell[1]), (cell[0], cell[1] + 1), (cell[0], cell[1] - 1)]
        return sum(walk(line, n, free - {n}) for n in near if n in free or n == ends[line][1])

    return walk(0, ends[0][0], cells - {cell for pair in ends for cell in pair})


@pytest.mark.parametrize(("difficulty", "seeds"), [(1, 12), (2, 8), (3, 2)])
def test_the_answer_is_the_only_one(difficulty: int, seeds: int) -> None:
    for seed in range(seeds):
        puzzle = FLOW.example(difficulty, seed)
        assert answers(puzzle.rows, puzzle.columns, [(way[0], way[-1]) for way in puzzle.ways]) == 1


@pytest.mark.parametrize("difficulty", range(1, 6))
def test_the_paths_fill_the_grid_step_by_step(difficulty: int) -> None:
    for seed in range(5):
        puzzle = FLOW.example(difficulty, seed)
        cells = [cell for way in puzzle.ways for cell in way]
        assert sorted(cells) == list(itertools.product(range(puzzle.rows), range(puzzle.columns)))
        steps = [abs(a[0] - b[0]) + abs(a[1] - b[1]) for way in puzzle.ways for a, b in itertools.pairwise(way)]
        assert set(steps) == {1}
        assert len(set(puzzle.colours)) == len(puzzle.ways)


def test_the_count_is_right_if_there_are_many_answers_or_none() -> None:
    cases: list[tuple[int, int, list[tuple[Cell, Cell]]]] = [
        (3, 4, [((0, 0), (2, 3))]), (3, 3, [((0, 0), (2, 2))]), (4, 4, [((0, 0), (3, 0)), ((0, 1), (3, 1))]),
        (3, 4, [((0, 0), (0, 3)), ((2, 0), (2, 3))]), (3, 3, [((0, 0), (2, 2)), ((0, 2), (2, 0))]),
        (4, 5, [((0, 0), (3, 4))]),
    ]  # fmt: skip
    counts = [count_solutions(*case) for case in cases]
    assert counts == [answers(*case) for case in cases]
    assert min(counts) == 0
    assert max(counts) > 3


def test_lines_may_start_at_either_end_in_any_order_but_not_be_interrupted() -> None:
    puzzle = FLOW.example(3, 1)
    path, count = FLOW.solution(puzzle), len(puzzle.ways)
    none, full, back = (0.0, 0.0), (1.0, 0.0), (0.0, 1.0)
    mixed = [Lines(tuple((back if i % 2 else full) if i >= n else none for i in range(count)))
             for n in range(count, -1, -1)]  # fmt: skip
    assert score_video(FLOW, puzzle, render(puzzle, mixed)).passed
    interrupted = [path[0], Lines(((0.5, 0.0), *path[0].drawn[1:])), Lines(((0.5, 0.0), full, *path[0].drawn[2:])),
             Lines((full, full, *path[0].drawn[2:])), *path[len(path) // 2 :]]  # fmt: skip
    assert not score_video(FLOW, puzzle, render(puzzle, [*interrupted[:4], *mixed[-1:]])).passed
    both_ends = [path[0], *(Lines(((x, x), *path[0].drawn[1:])) for x in (0.25, 0.5))]
    assert not score_video(FLOW, puzzle, render(puzzle, [*both_ends, *path[1:]])).passed


def test_a_line_in_another_color_or_a_gap_fails() -> None:
    puzzle = FLOW.example(2, 3)
    correct = render(puzzle)
    other = next(name for name in ("blue", "green", "purple") if name not in puzzle.colours)
    painted = correct.copy()
    drawn = (correct != correct[0]).any(3) & (np.abs(correct.astype(int) - HUES[puzzle.colours[0]]).sum(3) < 60)
    painted[drawn] = HUES[other]
    assert not score_video(FLOW, puzzle, painted).passed
    gap = correct.copy()
    ys, xs = np.nonzero((correct[-1] != correct[0]).any(2))
    middle = len(ys) // 2
    hole = (np.abs(ys - ys[middle]) < 14) & (np.abs(xs - xs[middle]) < 14)
    gap[:, ys[hole], xs[hole]] = correct[0, ys[hole], xs[hole]]
    assert not score_video(FLOW, puzzle, gap).passed
    assert score_video(FLOW, puzzle, correct).passed
