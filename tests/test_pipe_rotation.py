"""Pipe rotation: the only pipe found by another search, and turns that must not be."""

from __future__ import annotations

import itertools

import pytest

from tests.one_task import score_states
from vmevalkit.tasks.pipe_rotation import LEVELS, PipeRotation, Puzzle
from vmevalkit.tasks.toolkit.cells import Board

TASK = PipeRotation()

# Sides in clockwise order.
SIDES = {"right": (1, 0), "down": (0, 1), "left": (-1, 0), "up": (0, -1)}
SHAPES = {"straight": ({"right", "left"}, {"up", "down"}),
          "bend": tuple({a, b} for a in ("right", "left") for b in ("up", "down")),
          "tee": tuple({*SIDES} - {side} for side in SIDES)}  # fmt: skip


def pipes(of: Puzzle) -> list[dict[int, frozenset[str]]]:
    """All pipes without an open end, tile by tile in reading order: the open sides of the tiles that carry water.

    A side between two tiles is open on both or on neither; dry tiles are open nowhere. Pipes that do not hang together
    with the source are left out in the end.
    """
    names = list(SIDES)
    ends = {(tile, names[way]) for tile, way in (of.source, of.drain)}
    found: list[tuple[frozenset[str], ...]] = [()]
    for tile, piece in enumerate(of.pieces):
        row, column = divmod(tile, of.columns)
        options = [frozenset[str](), *map(frozenset, SHAPES[piece])]
        longer = []
        for before, sides in itertools.product(found, options):
            up = "down" in before[tile - of.columns] if row else (tile, "up") in ends
            left = "right" in before[tile - 1] if column else (tile, "left") in ends
            down_right = all(
                ((tile, side) in ends) == (side in sides)
                for side, at_edge in (("down", row == of.rows - 1), ("right", column == of.columns - 1))
                if at_edge
            )
            if ("up" in sides) == up and ("left" in sides) == left and down_right:
                longer.append((*before, sides))
        found = longer
    return [wet for board in found if len(wet := reached(of, board)) == sum(map(bool, board))]


def reached(of: Puzzle, board: tuple[frozenset[str], ...]) -> dict[int, frozenset[str]]:
    """The tiles to which water flows from the source, with their open sides."""
    wet = [of.source[0]]
    for tile in wet:
        row, column = divmod(tile, of.columns)
        for side in board[tile]:
            x, y = column + SIDES[side][0], row + SIDES[side][1]
            if 0 <= x < of.columns and 0 <= y < of.rows and y * of.columns + x not in wet:
                wet.append(y * of.columns + x)
    return {tile: board[tile] for tile in wet}


def opened(of: Puzzle, board: Board) -> list[frozenset[str]]:
    """The open sides of each tile, from the words of explanations."""
    named = {"top": "up", "bottom": "down", "left": "left", "right": "right"}
    words = TASK.in_words(of, board).values()
    return [frozenset(named[word] for word in text.split() if word in named) for text in words]


@pytest.mark.parametrize("difficulty", [1, 2, 3])
def test_there_is_one_pipe_and_it_is_the_answer(difficulty: int) -> None:
    level = LEVELS[difficulty]
    for seed in range(4):
        of = TASK.example(difficulty, seed)
        [pipe] = pipes(of)
        path = TASK.solution(of)
        first, last = opened(of, path[0]), opened(of, path[-1])
        wrong = [tile for tile in pipe if first[tile] != pipe[tile]]
        assert all(last[tile] == pipe.get(tile, first[tile]) for tile in range(len(last)))
        assert sorted(wrong) == sorted(TASK.order(of))
        assert level.fewest <= len(wrong) <= level.most
        # A quarter turn keeps one side of a bend open.
        assert all(len(first[tile] & last[tile]) == (of.pieces[tile] == "bend") for tile in wrong)


@pytest.mark.parametrize("difficulty", range(1, 6))
def test_the_answer_carries_the_water_to_the_drain(difficulty: int) -> None:
    of = TASK.example(difficulty, 7)
    board = tuple(opened(of, TASK.solution(of)[-1]))
    wet, names = reached(of, board), list(SIDES)
    for tile, way in (of.source, of.drain):
        assert names[way] in wet[tile]
    for tile, side in [(wet_tile, side) for wet_tile in wet for side in wet[wet_tile]]:
        row, column = divmod(tile, of.columns)
        x, y = column + SIDES[side][0], row + SIDES[side][1]
        opposite = names[(names.index(side) + 2) % 4]
        outside = (tile, names.index(side)) in (of.source, of.drain)
        assert outside or opposite in wet[y * of.columns + x]


def test_a_bend_that_turns_the_wrong_way_fails() -> None:
    of = TASK.example(2, 0)
    found = score_states(TASK, of, TASK.cheats(of)["nearly_one_bend_the_wrong_way"])
    assert (found.passed, found.reason) == (False, "wrong_place")


def test_the_order_is_free() -> None:
    of = TASK.example(3, 1)
    assert score_states(TASK, of, TASK.alternatives(of)["any_order"]).passed
