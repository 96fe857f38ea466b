"""The eight directions of a grid, as numbers of steps of 45 degrees, clockwise from the right as seen on a screen."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence

# Each direction as (columns to the right, rows down).
STEPS: tuple[tuple[int, int], ...] = ((1, 0), (1, 1), (0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1))
WORDS = ("right", "down right", "down", "down left", "left", "up left", "up", "up right")


def counted(words: Iterable[str]) -> list[str]:
    """Return the words of steps, each with how often it is repeated: `2 right`, `1 down`."""
    return [f"{len(list(group))} {word}" for word, group in itertools.groupby(words)]


def line_between(a: tuple[int, int], b: tuple[int, int]) -> list[tuple[int, int]]:
    """Return the grid points from one to another in one of the eight directions, including both."""
    count = max(abs(b[0] - a[0]), abs(b[1] - a[1]))
    return [(a[0] + (b[0] - a[0]) * i // count, a[1] + (b[1] - a[1]) * i // count) for i in range(count + 1)]


def sweeps(points: Sequence[tuple[float, float]]) -> Iterator[list[float]]:
    """Yield when straight wipes meet points: how far along each of 48 directions each point (right, down) lies."""
    for step in range(48):
        across, down = math.cos(step * math.pi / 24), math.sin(step * math.pi / 24)
        yield [x * across + y * down for x, y in points]


def cell_in_words(place: tuple[float, float]) -> str:
    """Return the cell of a grid that a place (row, column) from (0, 0) lies in, as explanations name it."""
    return f"in row {round(place[0]) + 1}, column {round(place[1]) + 1}"
