"""Puzzles: boards of cells with dots, how they are generated, and their cheapest paths."""

from __future__ import annotations

import heapq
import random
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from vmevalkit.tasks.toolkit.grid import Cell, around
from vmevalkit.tasks.toolkit.levels import levels
from vmevalkit.types import Record


class Level(NamedTuple):
    """Settings of one difficulty: range of rows, of columns and of the steps of the path; most dots of a cell."""

    min_rows: int
    max_rows: int
    min_columns: int
    max_columns: int
    min_steps: int
    max_steps: int
    max_dots: int


LEVELS = levels(
    Level(min_rows=3, max_rows=3, min_columns=4, max_columns=5, min_steps=4, max_steps=5, max_dots=4),
    Level(min_rows=4, max_rows=4, min_columns=4, max_columns=5, min_steps=6, max_steps=7, max_dots=4),
    Level(min_rows=4, max_rows=5, min_columns=5, max_columns=6, min_steps=8, max_steps=10, max_dots=5),
    Level(min_rows=5, max_rows=6, min_columns=7, max_columns=7, min_steps=11, max_steps=13, max_dots=6),
    Level(min_rows=6, max_rows=6, min_columns=8, max_columns=9, min_steps=14, max_steps=17, max_dots=6),
)


class Puzzle(Record):
    """Number of dots of each cell, row by row. Start and goal have none."""

    dots: tuple[tuple[int, ...], ...]
    start: Cell
    goal: Cell

    def inside(self, cell: Cell) -> bool:
        """Whether a cell is on the board."""
        return 0 <= cell[0] < len(self.dots) and 0 <= cell[1] < len(self.dots[0])

    def around(self, cell: Cell) -> list[Cell]:
        """Return the neighbors of a cell."""
        return [near for near in around(cell) if self.inside(near)]

    def cost(self, path: Sequence[Cell]) -> int:
        """Return the number of dots of the cells that a path enters."""
        return sum(self.dots[r][c] for r, c in path[1:])


@lru_cache(maxsize=256)
def costs_to_goal(puzzle: Puzzle, per_dot: int = 1, per_step: int = 0, banned: Cell | None = None) -> dict[Cell, int]:
    """Return the cost of the best path to the goal from each cell, without that cell, by Dijkstra's algorithm."""
    costs: dict[Cell, int] = {}
    queue = [(0, puzzle.goal)]
    while queue:
        far, cell = heapq.heappop(queue)
        if cell in costs or cell == banned:
            continue
        costs[cell] = far
        here = far + per_dot * puzzle.dots[cell[0]][cell[1]] + per_step
        for near in puzzle.around(cell):
            if near not in costs:
                heapq.heappush(queue, (here, near))
    return costs


def cheapest_path(
    puzzle: Puzzle, per_dot: int = 100, per_step: int = 1, banned: Cell | None = None, last: bool = False
) -> list[Cell]:
    """Return the best path, by default by dots and then steps; of equally good paths the first, or the `last`."""
    costs = costs_to_goal(puzzle, per_dot, per_step, banned)
    path = [puzzle.start]
    while path[-1] != puzzle.goal:
        r, c = path[-1]
        good = [near for near in puzzle.around((r, c)) if near in costs
                and costs[near] + per_dot * puzzle.dots[near[0]][near[1]] + per_step == costs[r, c]]  # fmt: skip
        path.append(good[-1 if last else 0])
    return path


def shortest_path(puzzle: Puzzle) -> list[Cell]:
    """Return the path with the fewest steps, and of those the one with the fewest dots."""
    return cheapest_path(puzzle, per_dot=1, per_step=1000)


def second_best_path(puzzle: Puzzle) -> list[Cell]:
    """Return the best path that is not a cheapest one."""
    best = cheapest_path(puzzle)
    paths = [shortest_path(puzzle)]
    for cell in best[1:-1]:
        if puzzle.start in costs_to_goal(puzzle, 100, 1, cell):
            paths.append(cheapest_path(puzzle, banned=cell))
    return min((path for path in paths if puzzle.cost(path) > puzzle.cost(best)), key=puzzle.cost)


def generate_puzzle(rng: random.Random, difficulty: int) -> Puzzle:
    """Generate a puzzle of a difficulty from 1 to 5."""
    level = LEVELS[difficulty]
    while True:
        rows = rng.randint(level.min_rows, level.max_rows)
        columns = rng.randint(level.min_columns, level.max_columns)
        path = _winding_path(rng, rows, columns, rng.randint(level.min_steps, level.max_steps))
        puzzle = _add_dots(rng, rows, columns, path, level.max_dots) if path else None
        if not puzzle or not level.min_steps <= len(cheapest_path(puzzle)) - 1 <= level.max_steps:
            continue
        # Independent searches must find no cheaper path, and only expensive shortest ones.
        if puzzle.cost(path) == puzzle.cost(cheapest_path(puzzle)) < puzzle.cost(shortest_path(puzzle)):
            return puzzle


def _winding_path(rng: random.Random, rows: int, columns: int, length: int) -> list[Cell]:
    """Return a random path that never runs beside itself and is two or four steps too long; empty if that fails."""
    cells = [(r, c) for r in range(rows) for c in range(columns)]
    start = rng.choice(cells)
    ends = [cell for cell in cells if length - _distance(start, cell) in (2, 4) and _distance(start, cell) > 1]
    if not ends:
        return []
    goal, path = rng.choice(ends), [start]
    upright = rng.random() < 0.5
    while path[-1] != goal:
        r, c = path[-1]
        if r == goal[0] or c == goal[1]:
            upright = c == goal[1]
        elif rng.random() < 0.4:
            upright = not upright
        path.append((r + (1 if goal[0] > r else -1), c) if upright else (r, c + (1 if goal[1] > c else -1)))
    for _ in range(4 * length):
        if len(path) > length:
            return path
        # Replace the middle one of three cells in a line by a detour around it.
        i, side = rng.randrange(len(path) - 2), rng.choice((-1, 1))
        (r, c), left_out, (s, d) = path[i : i + 3]
        down, right = (side, 0) if r == s else (0, side)
        new = [(k + down, m + right) for k, m in path[i : i + 3]]
        old = {*path} - {left_out}
        if (r != s and c != d) or old & {*new} or any(not (0 <= k < rows and 0 <= m < columns) for k, m in new):
            continue
        if [old & {*around(cell)} for cell in new] == [{(r, c)}, set(), {(s, d)}]:
            path = [*path[: i + 1], *new, *path[i + 2 :]]
    return []


def _distance(a: Cell, b: Cell) -> int:
    return abs(a[0] - b[0]) + abs(a[1] - b[1])


def _add_dots(rng: random.Random, rows: int, columns: int, path: Sequence[Cell], most: int) -> Puzzle:
    """Return a board on which a path is likely to be the cheapest."""
    dots = [rng.choices(range(1, most + 1), (4, 4, 5, 4, 3, 3)[:most], k=columns) for _ in range(rows)]
    for r, c in path:
        dots[r][c] = rng.choice((1, 1, 1, 2))
    for r, c in (path[0], path[-1]):
        dots[r][c] = 0
    while True:
        puzzle = Puzzle(dots=tuple(map(tuple, dots)), start=path[0], goal=path[-1])
        cheapest = cheapest_path(puzzle)
        # Make the cells of a cheaper path as expensive as possible.
        raised = [(r, c) for r, c in cheapest if (r, c) not in path and dots[r][c] < most]
        if puzzle.cost(cheapest) == puzzle.cost(path) or not raised:
            return puzzle
        for r, c in raised:
            dots[r][c] = most
