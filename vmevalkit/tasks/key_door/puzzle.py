"""Puzzles: mazes with keys and doors, how they are generated, and their shortest solutions."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from vmevalkit.tasks.toolkit.follow import steps_left
from vmevalkit.tasks.toolkit.grid import Cell, Place, Walls, carve
from vmevalkit.tasks.toolkit.levels import levels
from vmevalkit.types import Record

Shown = tuple[float, ...]
Node = tuple[Cell, Shown]


class Level(NamedTuple):
    """Settings of one difficulty: range of the cells per side, number of keys, and range of the plan length."""

    min_cells: int
    max_cells: int
    locks: int
    min_steps: int
    max_steps: int


LEVELS = levels(
    Level(min_cells=3, max_cells=4, locks=1, min_steps=5, max_steps=6),
    Level(min_cells=4, max_cells=4, locks=1, min_steps=7, max_steps=7),
    Level(min_cells=4, max_cells=5, locks=1, min_steps=8, max_steps=11),
    Level(min_cells=5, max_cells=6, locks=2, min_steps=12, max_steps=15),
    Level(min_cells=5, max_cells=6, locks=2, min_steps=16, max_steps=20),
)
_COLORS = ("green", "purple", "brown")
_SHAPES = ("round", "square", "diamond")


class Lock(Record):
    """A key and its door, which fills a cell, with the color and the shape that both have."""

    colour: str
    shape: str
    key: Cell
    door: Cell


class Puzzle(Walls):
    """A maze with keys and doors."""

    locks: tuple[Lock, ...] = ()

    def things(self) -> list[Cell]:
        """Return the cells of the keys, then of the doors."""
        return [lock.key for lock in self.locks] + [lock.door for lock in self.locks]


class Moment(NamedTuple):
    """Place of the disc in cells, and size of each key and door: 0 if it is gone, 1 if it is complete.

    A reader returns 0.5 for a key or door that it cannot read, for example below the disc. A followed moment has the
    last clear size instead, and in `wrong` the reason code if the rules were broken on the way to it.
    """

    place: Place
    shown: Shown
    wrong: str | None = None


def center_of(cell: Cell) -> Place:
    """Return the center of a cell as a place."""
    return float(cell[0]), float(cell[1])


def without(shown: Shown, thing: int) -> Shown:
    """Return the sizes with one key or door removed."""
    return (*shown[:thing], 0.0, *shown[thing + 1 :])


def _after(puzzle: Puzzle, node: Node) -> Iterator[Node]:
    """Yield the nodes that are one step away."""
    cell, shown = node
    things, count = puzzle.things(), len(puzzle.locks)
    for near in puzzle.around(cell):
        thing = things.index(near) if near in things else -1
        if thing < 0 or not shown[thing]:
            yield near, shown
        elif thing < count:
            yield near, without(shown, thing)
        elif not shown[thing - count]:
            yield cell, without(shown, thing)


@lru_cache(maxsize=64)
def steps_to_goal(puzzle: Puzzle) -> dict[Node, int]:
    """Return the number of steps to the goal from every node that can be reached."""
    first = (puzzle.start, (1.0,) * (2 * len(puzzle.locks)))
    return steps_left(first, lambda node: _after(puzzle, node), lambda node: node[0] == puzzle.goal)


def plan_of(puzzle: Puzzle) -> list[Node]:
    """Return the nodes of a shortest path to the goal."""
    left = steps_to_goal(puzzle)
    plan = [(puzzle.start, (1.0,) * (2 * len(puzzle.locks)))]
    while plan[-1] in left and left[plan[-1]]:
        plan.append(min(_after(puzzle, plan[-1]), key=lambda node: left.get(node, math.inf)))
    return plan


class Paths(dict[Cell, dict[Cell, list[Cell]]]):
    """Paths through a maze from one cell to another, regardless of doors: `paths[start][end]`."""

    def __init__(self, maze: Puzzle) -> None:
        super().__init__()
        self.near = {(r, c): maze.around((r, c)) for r in range(maze.cells) for c in range(maze.cells)}

    def __missing__(self, start: Cell) -> dict[Cell, list[Cell]]:
        paths = self[start] = {start: [start]}
        queue = [start]
        for cell in queue:
            for near in self.near[cell]:
                if near not in paths:
                    paths[near] = [*paths[cell], near]
                    queue.append(near)
        return paths


def generate_puzzle(rng: random.Random, difficulty: int) -> Puzzle:
    """Generate a puzzle of a difficulty from 1 to 5."""
    level = LEVELS[difficulty]
    while True:
        maze = carve(rng, rng.randint(level.min_cells, level.max_cells), Puzzle)
        paths = Paths(maze)
        for _ in range(30):
            length = rng.randint(level.min_steps, level.max_steps)
            puzzle = _add_locks(rng, maze, paths, level.locks, length)
            # An independent search must find no shorter solution, and its solution must need every key.
            if puzzle and len(plan_of(puzzle)) == length + 1 and not any(plan_of(puzzle)[-1][1]):
                return puzzle


def _add_locks(rng: random.Random, maze: Puzzle, paths: Paths, locks: int, length: int) -> Puzzle | None:
    """Add keys that must be fetched in turn, each with a door, for a plan length. Return None if that fails."""
    # Divide the path into legs: to each key, and to the goal.
    cuts = sorted(rng.sample(range(1, length - locks - 1), locks))
    legs: list[list[Cell]] = []
    here = rng.choice(list(paths.near))
    for far in (b - a for a, b in itertools.pairwise((0, *cuts, length - locks))):
        new = [way for end, way in paths[here].items() if len(way) == far + 1 and not any(end in leg for leg in legs)]
        if not new:
            return None
        legs.append(rng.choice(new))
        here = legs[-1][-1]
    start, goal, keys = legs[0][0], here, [leg[-1] for leg in legs[:-1]]
    # A key on the direct path would be collected without planning.
    if any(key in paths[start][goal] for key in keys):
        return None
    doors: list[Cell] = []
    for i in range(1, locks + 1):
        # The door is on the leg after its key, on a cell that is new to the path and not beside another key or door.
        taken = {cell for leg in legs[:i] for cell in leg} | {b for a in (*doors, *keys) for b in (a, *paths.near[a])}
        fit = [cell for cell in legs[i][1:-1] if cell not in taken]
        if not fit:
            return None
        doors.append(rng.choice(fit))
    looks = zip(rng.sample(_COLORS, locks), rng.sample(_SHAPES, locks), keys, doors, strict=True)
    made = tuple(Lock(colour=color, shape=shape, key=key, door=door) for color, shape, key, door in looks)
    return maze.model_copy(update={"start": start, "goal": goal, "locks": made})
