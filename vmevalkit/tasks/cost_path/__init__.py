"""Cheapest path: move the blue disc to the orange square over cells with the fewest dots in total.

    +---+---+---+---+
    | o | : | :.| :.|      o  the disc       A video passes if the disc visibly moves from cell to cell, not
    +---+---+---+---+      x  the goal       diagonally, until it rests on the square, and the cells that it enters
    | . | ::| . | . |                        have the fewest dots in total. A cell that is entered twice counts
    +---+---+---+---+                        twice. Every cheapest path is correct.
    | . | . | . | x |
    +---+---+---+---+

Start and goal have no dots. The path with the fewest steps is never the cheapest. The plan length is the number of
cells entered. There are far more than 10,000 puzzles at every difficulty.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable, Iterator, Sequence

from vmevalkit.media import Planes
from vmevalkit.tasks.base import Reading, lerp, register_task
from vmevalkit.tasks.cost_path.drawing import RADIUS, DotsCheck, board_sketch
from vmevalkit.tasks.cost_path.puzzle import (
    LEVELS,
    Level,
    Puzzle,
    cheapest_path,
    costs_to_goal,
    generate_puzzle,
    second_best_path,
    shortest_path,
)
from vmevalkit.tasks.toolkit.axes import Axes, CellAxes
from vmevalkit.tasks.toolkit.compass import counted
from vmevalkit.tasks.toolkit.draw import Sketch
from vmevalkit.tasks.toolkit.grid import WORDS, Place, corner
from vmevalkit.tasks.toolkit.walk import AGENT_REASONS, Moment, Walk, moments
from vmevalkit.types import Size

__all__ = ["LEVELS", "CostPath", "Level", "Moment", "Puzzle"]

# The disc enters a cell if its center is so far from that of the cell before. It moves diagonally if it is farther than
# the second distance from both center lines of a cell. In cells.
_ENTERED, _ASLANT = 0.6, 0.34


@register_task
class CostPath(Walk[Puzzle]):
    """A disc moves over cells that cost. The state is its place; `followed` adds up the cost."""

    name = "cost_path"
    tags = ("planning", "navigation")
    puzzle_type = Puzzle
    leap, there, damage = 1.6, 0.35, "dots_changed"
    reasons = {
        **AGENT_REASONS,
        "too_expensive": "The path of the blue disc has more dots than necessary.",
        "aslant": "The blue disc moves diagonally over the corner of a cell.",
        "dots_changed": "Dots vanish from a cell.",
        "left_grid": "The blue disc leaves the cells.",
    }
    rubric = {
        "outcome": (
            "The disc rests on the orange square, and no other path enters cells with fewer dots in total. Every such "
            "path is correct, not only the one shown."
        ),
        "process": "The disc visibly moves from cell to neighboring cell, never diagonally.",
    }

    def generate(self, rng: random.Random, difficulty: int) -> Puzzle:
        return generate_puzzle(rng, difficulty)

    def solution(self, puzzle: Puzzle) -> list[Moment]:
        return moments(cheapest_path(puzzle))

    def steps(self, puzzle: Puzzle) -> list[str]:
        way = cheapest_path(puzzle)
        return [WORDS[b[0] - a[0], b[1] - a[1]] for a, b in itertools.pairwise(way)]

    def plan_text(self, puzzle: Puzzle) -> str:
        return ", ".join(counted(self.steps(puzzle)))

    def phrasings(self, puzzle: Puzzle) -> Sequence[str]:
        return (
            "A board of brown cells with one to six dots each; darker cells have more dots. The blue disc moves from "
            "cell to cell, up, down, left or right, to the orange square and stops there. Of all ways it takes one on "
            "which the cells it enters have the fewest dots in total. It never moves diagonally or jumps. The cells "
            "do not change. The camera is fixed.",
            "The dots of a cell are the cost of entering it. Show the blue disc travelling along the cheapest path to "
            "the orange square, even if that path is longer. It goes straight from a cell to the next one beside it, "
            "never across corners, and rests on the square. The cells stay as they are. Static camera.",
            "Find the cheapest way over this board: each cell costs as many points as it shows dots. The blue disc "
            "glides step by step through neighbouring cells, not diagonally, to the orange square, so that the sum of "
            "the dots on its way is as small as possible. The cells and the camera do not move.",
        )

    def cheats(self, puzzle: Puzzle) -> dict[str, list[Moment]]:
        way = cheapest_path(puzzle)
        found = {
            "nearly_there": way[:-1],
            "nearly_cheapest": second_best_path(puzzle),
            "fewest_steps": shortest_path(puzzle),
            "one_cell_twice": [*way[:3], way[1], *way[2:]],
            "straight_there": [way[0], *[way[-1]] * 3],
        }
        bend = corner(way, 1)
        if bend:
            found["across_a_corner"] = [*way[: bend.start + 1], *way[bend.end :]]
        return {name: moments(cells) for name, cells in found.items()}

    def alternatives(self, puzzle: Puzzle) -> dict[str, list[Moment]]:
        other = cheapest_path(puzzle, last=True)
        return {"as_cheap": moments(other)} if other != cheapest_path(puzzle) else {}

    def sheet(self, puzzle: Puzzle, canvas: Size, downscale: float = 1) -> tuple[Sketch, CellAxes]:
        return board_sketch(puzzle, canvas, downscale)

    def radius(self, puzzle: Puzzle) -> float:
        return RADIUS

    def details(self, puzzle: Puzzle, empty: Planes, axes: Axes) -> Callable[[Planes, Place], bool]:
        return DotsCheck(puzzle, empty, axes).is_intact

    def followed(self, puzzle: Puzzle, readings: Sequence[Reading[Moment]]) -> Iterator[Reading[Moment]]:
        """Yield the readings with `wrong` set if the disc leaves the board, moves diagonally or pays too much."""
        costs = costs_to_goal(puzzle)
        cell, before, spent = puzzle.start, (float(puzzle.start[0]), float(puzzle.start[1])), 0
        for reading in readings:
            if reading.state is None:
                yield reading
                continue
            place, wrong = reading.state.place, None
            if not puzzle.inside((round(place[0]), round(place[1]))):
                wrong = "left_grid"
            elif min(abs(at - round(at)) for at in place) > _ASLANT:
                wrong = "aslant"
            # Take small steps along the straight line between two readings, so that no cell is missed.
            count = max(1, math.ceil(math.dist(before, place) / 0.1))
            for i in range(1, count + 1):
                at = (lerp(before[0], place[0], i / count), lerp(before[1], place[1], i / count))
                new = (round(at[0]), round(at[1]))
                if new == cell or max(abs(at[0] - cell[0]), abs(at[1] - cell[1])) < _ENTERED or not puzzle.inside(new):
                    continue
                if abs(new[0] - cell[0]) + abs(new[1] - cell[1]) == 2:
                    # It is not visible which of two cells it passed. Assume the cheaper one.
                    spent += min(puzzle.dots[cell[0]][new[1]], puzzle.dots[new[0]][cell[1]])
                cell = new
                spent += puzzle.dots[cell[0]][cell[1]]
            if spent + costs[cell] > costs[puzzle.start]:
                wrong = wrong or "too_expensive"
            before = place
            yield Reading(Moment(place, wrong), reading.scene_intact, reading.note)

    def progress(self, puzzle: Puzzle, state: Moment) -> float:
        if math.dist(state.place, puzzle.goal) < self.there:
            return 1.0
        left, here = costs_to_goal(puzzle), (round(state.place[0]), round(state.place[1]))
        return min(0.99, max(0.0, 1 - left[here] / left[puzzle.start])) if here in left else 0.0
