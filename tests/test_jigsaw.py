"""Jigsaw: the one way in which the tiles that are seen fit, and videos that do and do not complete the pattern."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
import numpy.typing as npt
import pytest

from tests.one_task import score_states, score_video, video_of
from vmevalkit import contract
from vmevalkit.tasks.jigsaw import Jigsaw, Puzzle
from vmevalkit.tasks.toolkit.draw import PAPER
from vmevalkit.tasks.toolkit.pieces import Board
from vmevalkit.types import Size, Verdict

JIGSAW = Jigsaw()
SMALL: Size = (240, 160)
PAIR = Puzzle(
    rows=2,
    columns=3,
    circles=(0, 1, 2, 3, 4, 0, 3, 1, 1, 4, 0, 2),
    loose=((0, 0), (1, 1)),
    hues=("blue", "red"),
)
TRAY = ((3.0, 0.45), (3.0, 1.55))
GOAL = ((0.0, 0.0), (1.0, 1.0))
Spots = tuple[tuple[float, float], ...]
Bits = npt.NDArray[np.bool_]
# The cell of a gray tile, or the number of a loose one.
Name = tuple[int, int] | int


def score_moves(*moments: Spots) -> Verdict:
    """Score a video in which tiles move between places and rest at each."""
    held = [Board(moment) for moment in moments for _ in range(2)]
    return score_states(JIGSAW, PAIR, held, canvas=SMALL)


def edges_of(puzzle: Puzzle) -> dict[Name, list[Bits]]:
    """Which pixels along the four edges of each tile are pale."""
    canvas = (960, 640)
    frame = JIGSAW.painter(puzzle, canvas)(JIGSAW.solution(puzzle)[0]).astype(int)
    pale = np.abs(frame - PAPER).max(2) < 40
    _sheet, (left, top), unit = JIGSAW.sheet(puzzle, canvas)
    half = round(0.47 * unit)

    def edges(row: float, column: float) -> list[Bits]:
        y, x = round(top + row * unit), round(left + column * unit)
        tile = pale[y - half : y + half, x - half : x + half]
        return [tile[0], tile[:, -1], tile[-1], tile[:, 0]]

    cells = product(range(puzzle.rows), range(puzzle.columns))
    fixed: dict[Name, list[Bits]] = {cell: edges(*cell) for cell in cells if cell not in puzzle.loose}
    start = JIGSAW.solution(puzzle)[0].places
    return fixed | {tile: edges(*place) for tile, place in enumerate(start) if place}


@pytest.mark.parametrize("difficulty", range(1, 6))
def test_the_tiles_that_are_seen_fit_in_one_way(difficulty: int) -> None:
    for seed in range(3):
        of = JIGSAW.example(difficulty, seed)
        tiles = edges_of(of)
        cells = sorted(of.loose)

        # Share of the edge on a side of a tile that differs from that of its neighbor.
        off = {
            (tile, other, side): (tiles[tile][side] ^ tiles[other][side - 2]).mean()
            for tile, other in permutations(tiles, 2)
            for side in range(4)
        }
        worst = {}
        for order in permutations(range(len(cells))):
            board = {cell: cell for cell in tiles if isinstance(cell, tuple)} | dict(zip(cells, order, strict=True))
            errors = [
                off[board[row, column], board[row + down, column + right], side]
                for row, column in cells
                for side, (down, right) in enumerate(((-1, 0), (0, 1), (1, 0), (0, -1)))
                if (row + down, column + right) in board
            ]
            worst[order] = max(errors)
        (best, order), *others = sorted((error, order) for order, error in worst.items())
        assert [cells.index(cell) for cell in of.loose] == [order.index(tile) for tile in range(len(cells))]
        assert best < 0.05
        assert all(error > best + 0.1 for error, _ in others)


def test_any_order_passes() -> None:
    assert score_moves(TRAY, (GOAL[0], TRAY[1]), GOAL).reason == "solved"
    assert score_moves(TRAY, (TRAY[0], GOAL[1]), GOAL).reason == "solved"


def test_a_tile_may_pass_over_an_empty_place() -> None:
    assert score_moves(TRAY, ((1.0, 1.0), TRAY[1]), (GOAL[0], TRAY[1]), GOAL).reason == "solved"


def test_exchanged_tiles_fail() -> None:
    assert not score_moves(TRAY, (GOAL[1], TRAY[1]), (GOAL[1], GOAL[0])).passed


def test_two_at_once_fail() -> None:
    assert score_moves(TRAY, GOAL).reason == "several_at_once"


def test_a_tile_beside_its_place_is_not_placed() -> None:
    assert score_moves(TRAY, (GOAL[0], TRAY[1]), (GOAL[0], (1.4, 1.0))).reason == "unfinished"


def test_a_tile_with_another_pattern_fails() -> None:
    moves = [Board(places) for places in (TRAY, (GOAL[0], TRAY[1]), GOAL) for _ in range(2)]
    frames = video_of(JIGSAW, PAIR, moves, canvas=SMALL)
    other = PAIR.model_copy(update={"circles": (*PAIR.circles[:5], 4, *PAIR.circles[6:])})
    _sheet, (x, y), unit = JIGSAW.sheet(PAIR, SMALL)
    changed = video_of(JIGSAW, other, moves, canvas=SMALL)
    tile = (slice(round(y + 0.5 * unit), round(y + 1.5 * unit)), slice(round(x + 0.5 * unit), round(x + 1.5 * unit)))
    frames[-6:, tile[0], tile[1]] = changed[-6:, tile[0], tile[1]]
    assert not score_video(JIGSAW, PAIR, frames).passed


# Known: of the questions that were tried, one. The same videos of seeds 0 and 1 pass.
@pytest.mark.xfail(strict=True, raises=AssertionError, reason="an orange piece that is blended over gray is not found")
def test_a_right_video_of_blended_frames_passes() -> None:
    (trial,) = contract.try_videos(Jigsaw(), 4, "solve", 24, names=("blended",))
    assert trial.as_expected
