"""Maze: move the blue disc along the only path to the orange square.

    +---+---+---+
    | o |       |      o  the disc          A video passes if the disc visibly moves from its start to the goal through
    +   +   +   +      x  the goal          open passages only, rests there, and nothing else changes. A dead end and
    |       |   |                           back is allowed. Crossing a wall and jumping are not.
    +---+---+   +
    |         x |
    +---+---+---+

The plan length is the number of steps from cell to cell. There are far more than 10,000 mazes at every difficulty,
except at difficulty 1, where small grids allow some thousands.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from vmevalkit.media import Planes
from vmevalkit.tasks.base import Fault, Painter, Reader, Reading, Task, lerp, register_task
from vmevalkit.tasks.toolkit.compass import cell_in_words, counted
from vmevalkit.tasks.toolkit.draw import BLUE
from vmevalkit.tasks.toolkit.follow import distances
from vmevalkit.tasks.toolkit.grid import (
    BESIDE,
    CUT,
    INSIDE,
    NOWHERE,
    RADIUS,
    ROUNDED,
    WORDS,
    Bend,
    Cell,
    Place,
    Walls,
    carve,
    cell_of,
    corner,
)
from vmevalkit.tasks.toolkit.levels import levels
from vmevalkit.tasks.toolkit.vision import downscale_of, to_planes
from vmevalkit.tasks.toolkit.walk import AGENT_REASONS, agent_reader, disc_painter, walked
from vmevalkit.types import Size


class Level(NamedTuple):
    """Settings of one difficulty: range of the cells per side, and range of the steps of the path."""

    min_cells: int
    max_cells: int
    min_steps: int
    max_steps: int


# With 20 steps, a step takes two frames in a video of 49 frames.
LEVELS = levels(
    Level(min_cells=3, max_cells=4, min_steps=3, max_steps=4),
    Level(min_cells=4, max_cells=5, min_steps=5, max_steps=7),
    Level(min_cells=5, max_cells=7, min_steps=8, max_steps=11),
    Level(min_cells=7, max_cells=9, min_steps=12, max_steps=15),
    Level(min_cells=8, max_cells=10, min_steps=16, max_steps=20),
)


class Puzzle(Walls):
    """A perfect maze with one path from each cell to each other."""

    def distances(self, origin: Cell) -> dict[Cell, int]:
        """Return the number of steps from a cell to each cell."""
        return _distances(self, origin)


@lru_cache(maxsize=256)
def _distances(puzzle: Puzzle, origin: Cell) -> dict[Cell, int]:
    return distances(origin, puzzle.around)


@register_task
class Maze(Task[Puzzle, Place]):
    """A disc moves through a maze. The state is its center as (row, column) in cells, with fractions between cells."""

    name = "maze"
    tags = ("navigation", "planning")
    version = 2
    puzzle_type = Puzzle
    reasons = {
        **AGENT_REASONS,
        "wall_crossed": "The blue disc moves through a wall.",
    }
    rubric = {
        "outcome": "The disc rests on the orange square.",
        "process": (
            "The disc visibly moves through open passages only, never through a wall. A dead end and back is allowed."
        ),
    }

    def generate(self, rng: random.Random, difficulty: int) -> Puzzle:
        level = LEVELS[difficulty]
        while True:
            cells = rng.randint(level.min_cells, level.max_cells)
            puzzle = carve(rng, cells, Puzzle)
            start = (rng.randrange(cells), rng.randrange(cells))
            steps = sorted(puzzle.distances(start).items())
            goals = [cell for cell, count in steps if level.min_steps <= count <= level.max_steps]
            if goals:
                return puzzle.model_copy(update={"start": start, "goal": rng.choice(goals)})

    def solution(self, puzzle: Puzzle) -> list[Place]:
        to_goal = puzzle.distances(puzzle.goal)
        path = [puzzle.start]
        while path[-1] != puzzle.goal:
            path.append(next(n for n in puzzle.around(path[-1]) if to_goal[n] < to_goal[path[-1]]))
        return [(float(r), float(c)) for r, c in path]

    def steps(self, puzzle: Puzzle) -> list[str]:
        path = self.solution(puzzle)
        return [WORDS[round(b[0] - a[0]), round(b[1] - a[1])] for a, b in itertools.pairwise(path)]

    def plan_text(self, puzzle: Puzzle) -> str:
        return ", ".join(counted(self.steps(puzzle)))

    def in_words(self, puzzle: Puzzle, state: Place) -> dict[str, str]:
        return {"the blue disc": cell_in_words(state)}

    def phrasings(self, puzzle: Puzzle) -> Sequence[str]:
        return (
            "A maze seen from above with dark walls. The blue disc moves along the open corridors to the orange square "
            "and stops on it. It moves step by step, never crosses or touches a wall and never jumps. "
            "The walls and the square stay as they are. The camera is fixed.",
            "Find the way through this maze: the blue disc travels smoothly through the white passages until it rests "
            "on the orange square. It may not pass through walls. The walls stay, and the camera does not move.",
            "Show the blue disc walking the only open path from where it is to the orange square, at a steady pace, "
            "staying inside the corridors all the way. The maze does not change. Fixed top-down camera.",
        )

    def painter(self, puzzle: Puzzle, canvas: Size, downscale: float = 1, object_scale: float = 1) -> Painter[Place]:
        sheet, axes = puzzle.sheet(canvas, downscale)
        return disc_painter(sheet, BLUE, RADIUS * axes.unit * object_scale, axes.point)

    def between(self, puzzle: Puzzle, a: Place, b: Place, t: float) -> Place:
        return lerp(a[0], b[0], t), lerp(a[1], b[1], t)

    def without_mover(self, puzzle: Puzzle, state: Place, a: Place, b: Place) -> Place:
        return NOWHERE

    def cheats(self, puzzle: Puzzle) -> dict[str, list[Place]]:
        path = self.solution(puzzle)
        bends = {"along_inside_a_wall": puzzle.along_wall(path, INSIDE), "cuts_a_corner": corner(path, CUT)}
        found = {"nearly_one_cell_short": path[:-1], **_bent(path, bends)}
        for i, (r, c) in enumerate(path[:-1]):
            here = (round(r), round(c))
            for near in ((here[0] + a, here[1] + b) for a, b in WORDS):
                if 0 <= min(near) and max(near) < puzzle.cells and not puzzle.open(here, near):
                    aside = (float(near[0]), float(near[1]))
                    return {**found, "through_a_wall": [*path[: i + 1], aside, *path[i:]]}
        return found

    def alternatives(self, puzzle: Puzzle) -> dict[str, list[Place]]:
        path = self.solution(puzzle)
        r, c = puzzle.start
        ahead = (round(path[1][0]), round(path[1][1]))
        aside = [n for n in ((r + a, c + b) for a, b in WORDS) if n != ahead and puzzle.open((r, c), n)]
        found = _bent(path, {"along_a_wall": puzzle.along_wall(path, BESIDE), "rounds_a_corner": corner(path, ROUNDED)})
        if aside and len(path) <= 18:
            found["dead_end_first"] = [path[0], (float(aside[0][0]), float(aside[0][1])), *path]
        return found

    def reader(self, puzzle: Puzzle, canvas: Size) -> Reader[Place]:
        downscale = downscale_of(canvas)
        sheet, axes = puzzle.sheet(canvas, downscale)
        axes = axes.downscaled(downscale)
        start = self.drawing(puzzle, self.solution(puzzle)[0], canvas)
        find = agent_reader(start, to_planes(sheet.pixels()), BLUE, RADIUS * axes.unit, slack=0.4 * axes.unit)

        def read(frame: Planes) -> Reading[Place]:
            found = find(frame)
            if found.state is None:
                return Reading(None, found.scene_intact, found.note)
            return Reading(axes.place(*found.state))

        return read

    def illegal(self, puzzle: Puzzle, a: Place, b: Place) -> str | None:
        return puzzle.crossed(a, b)

    def interrupted(self, puzzle: Puzzle, readings: Sequence[Reading[Place]]) -> Fault | None:
        return walked([reading.state for reading in readings])

    def progress(self, puzzle: Puzzle, state: Place) -> float:
        if self.same(puzzle, state, (float(puzzle.goal[0]), float(puzzle.goal[1]))):
            return 1.0
        to_goal = puzzle.distances(puzzle.goal)
        here = to_goal.get(cell_of(state))
        if here is None:
            return 0.0
        return min(0.99, max(0.0, 1 - here / to_goal[puzzle.start]))

    def same(self, puzzle: Puzzle, a: Place, b: Place) -> bool:
        return math.dist(a, b) < 0.35


def _bent(path: list[Place], bends: dict[str, Bend | None]) -> dict[str, list[Place]]:
    """Return the ways with a bend, by name."""
    return {name: [*path[: bend.start + 1], *bend.places, *path[bend.end :]] for name, bend in bends.items() if bend}
