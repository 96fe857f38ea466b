"""Sort into bins: which bin a piece fits in the image, and videos that do and do not sort."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from tests.one_task import score_states
from vmevalkit.tasks.sort_into_bins import Puzzle, SortIntoBins
from vmevalkit.tasks.toolkit.draw import FIGURES, PAPER, UMBER
from vmevalkit.tasks.toolkit.pieces import Board
from vmevalkit.types import Size, Verdict

BINS = SortIntoBins()
SMALL: Size = (240, 160)
CIRCLE, SQUARE = FIGURES.index("circle"), FIGURES.index("square")
# A circle above a square; the pieces are a square, a circle and a square.
THREE = Puzzle(
    bins=((CIRCLE, 0), (SQUARE, 0)),
    pieces=((SQUARE, 0), (CIRCLE, 0), (SQUARE, 0)),
    hues=("blue", "red", "green"),
    places=3,
    by_size=False,
)
ROW = ((0.0, -1.0), (0.0, 0.0), (0.0, 1.0))
UP, DOWN = -1.75, 1.75
# Each piece in a place of its bin.
A, B, C = (DOWN, -0.5), (UP, 0.5), (DOWN, 1.5)
Spots = tuple[tuple[float, float], ...]
Bits = npt.NDArray[np.bool_]


def score_moves(*moments: Spots) -> Verdict:
    """Score a video in which pieces move between places and rest at each."""
    held = [Board(moment) for moment in moments for _ in range(2)]
    return score_states(BINS, THREE, held, canvas=SMALL)


def outline(bits: Bits) -> tuple[Bits, int]:
    """The figure in a mask at a size of 32 x 32, and its height in pixels."""
    rows, columns = np.flatnonzero(bits.any(1)), np.flatnonzero(bits.any(0))
    box = bits[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return np.asarray(Image.fromarray(box.astype(np.uint8) * 255).resize((32, 32))) > 127, len(box)


@pytest.mark.parametrize("difficulty", range(1, 6))
def test_each_piece_goes_to_the_bin_whose_figure_looks_like_it(difficulty: int) -> None:
    canvas = (720, 480)
    for seed in range(2):
        of = BINS.example(difficulty, seed)
        draw, path = BINS.painter(of, canvas), BINS.solution(of)
        empty = draw(Board((None,) * len(of.pieces))).astype(int)
        # Bins from the upper left to the lower right, by their color.
        brown = np.abs(empty - UMBER).max(2) < 8
        pale = np.abs(empty - PAPER).max(2) < 20
        figures, boxes = [], []
        for half in (slice(0, 240), slice(240, 480)):
            rows = np.flatnonzero(brown[half].any(1)) + half.start
            runs = np.flatnonzero(np.diff(np.pad(brown[half].any(0).astype(int), 1)))
            for left, right in runs.reshape(-1, 2):
                inside = (slice(rows[0] + 6, rows[-1] - 5), slice(left + 6, right - 6))
                figures.append(outline(pale[inside]))
                boxes.append((rows[0], rows[-1], left, right))
        assert len(figures) == len(of.bins)
        for piece, end in enumerate(path[-1].places):
            alone: list[tuple[float, float] | None] = [None] * len(of.pieces)
            alone[piece] = path[0].places[piece]
            shape, height = outline(np.abs(draw(Board(tuple(alone))).astype(int) - empty).max(2) > 40)
            likeness = [
                (shape & figure).sum() / (shape | figure).sum() * (not of.by_size or 0.75 < height / tall < 1.33)
                for figure, tall in figures
            ]
            assert sorted(likeness)[-2] < 0.9 * max(likeness)
            fit = int(np.argmax(likeness))
            _sheet, origin, unit = BINS.sheet(of, canvas)
            assert end is not None
            y, x = origin[1] + end[0] * unit, origin[0] + end[1] * unit
            top, bottom, left, right = boxes[fit]
            assert top < y < bottom
            assert left < x < right


def test_any_order_and_any_free_place_pass() -> None:
    for a, b, c in ((A, B, C), ((DOWN, 0.5), (UP, -0.5), A)):
        assert score_moves(ROW, (a, *ROW[1:]), (a, b, ROW[2]), (a, b, c)).reason == "solved"
        assert score_moves(ROW, (*ROW[:2], c), (a, ROW[1], c), (a, b, c)).reason == "solved"


def test_a_piece_may_go_back_to_the_row_and_then_take_another_place() -> None:
    other = (DOWN, 0.5)
    assert score_moves(ROW, (A, *ROW[1:]), ROW, (other, *ROW[1:]), (other, B, ROW[2]), (other, B, C)).reason == "solved"


def test_a_wrong_bin_fails_even_for_a_while() -> None:
    assert score_moves(ROW, ((UP, 1.5), *ROW[1:]), (A, *ROW[1:]), (A, B, ROW[2]), (A, B, C)).reason == "wrong_bin"


def test_two_pieces_in_one_place_fail() -> None:
    assert not score_moves(ROW, (A, *ROW[1:]), (A, B, ROW[2]), (A, B, A)).passed


def test_two_at_once_fail() -> None:
    assert score_moves(ROW, (A, B, ROW[2]), (A, B, C)).reason == "several_at_once"


def test_a_piece_outside_its_bin_is_not_sorted() -> None:
    assert score_moves(ROW, (A, *ROW[1:]), (A, B, ROW[2]), (A, B, (1.0, 1.5))).reason == "unfinished"
