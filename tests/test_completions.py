"""Completions: the number of Latin squares is known, and a random order loses none."""

from __future__ import annotations

import random

from vmevalkit.tasks.toolkit.cells import Looks
from vmevalkit.tasks.toolkit.completions import completions, has_one_completion


def unused(board: Looks, place: int) -> list[int]:
    """What is neither in the row nor in the column of a place of a 3x3 board."""
    row, column = divmod(place, 3)
    return [look for look in (1, 2, 3) if look not in {*board[3 * row : 3 * row + 3], *board[column::3]}]


def test_every_latin_square_of_order_3_is_found() -> None:
    found = list(completions((0,) * 9, unused))
    assert len({*found}) == len(found) == 12


def test_a_random_order_has_the_same_boards() -> None:
    plain = list(completions((0,) * 9, unused))
    mixed = list(completions((0,) * 9, unused, random.Random(1)))
    assert mixed != plain
    assert sorted(mixed) == sorted(plain)


def test_one_completion() -> None:
    assert has_one_completion((1, 2, 0, 2, 3, 0, 0, 0, 0), unused)
    assert not has_one_completion((1, 0, 0, 0, 0, 0, 0, 0, 0), unused)
    # The first row leaves nothing for its last place.
    assert not has_one_completion((1, 2, 0, 0, 0, 3, 0, 0, 0), unused)
