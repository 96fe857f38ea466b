r"""Graph traversal: follow the arrows with the blue disc and visit the numbered circles in order.

    o->-+--<-(2)       o        the disc         A video passes if the disc visibly moves along the lines, always in the
    |    \    |        +        a circle         direction of their arrows, comes to the circle 1, then to 2, and so on,
    v     v   ^       (1) (2)   its goals        and rests on the last one. It may pass other circles on its way, also
    |      \  |                                  numbered ones, and every such way is correct. A video fails if the disc
   (1)->-----+                                   goes against an arrow, leaves the lines, misses a number, or jumps.

The plan length is the least number of lines to follow. From difficulty 2 on, a way against an arrow is shorter. There
are far more than 10,000 graphs at every difficulty.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from vmevalkit.media import Planes
from vmevalkit.tasks.base import lerp, register_task
from vmevalkit.tasks.toolkit.axes import Axes
from vmevalkit.tasks.toolkit.compass import STEPS, WORDS, cell_in_words
from vmevalkit.tasks.toolkit.draw import INK, WHITE, YELLOW, Sketch, digit
from vmevalkit.tasks.toolkit.follow import RuledWalk, distances, shortest_path
from vmevalkit.tasks.toolkit.grid import Place
from vmevalkit.tasks.toolkit.levels import levels
from vmevalkit.tasks.toolkit.spots import Spots
from vmevalkit.tasks.toolkit.walk import AGENT_REASONS, Moment
from vmevalkit.types import Record, Size


class Level(NamedTuple):
    """Settings of one difficulty: size of the lattice of circles, number of goals, range of the steps, and how many
    steps a way against arrows saves at least.
    """

    columns: int
    rows: int
    goals: int
    min_steps: int
    max_steps: int
    saves: int


LEVELS = levels(
    Level(columns=4, rows=3, goals=1, min_steps=3, max_steps=4, saves=0),
    Level(columns=5, rows=3, goals=2, min_steps=5, max_steps=7, saves=1),
    Level(columns=5, rows=4, goals=2, min_steps=8, max_steps=11, saves=2),
    Level(columns=6, rows=4, goals=3, min_steps=12, max_steps=15, saves=3),
    Level(columns=7, rows=4, goals=4, min_steps=16, max_steps=20, saves=4),
)
# Sizes in distances of the lattice: the disc, a circle, a goal, a line and an arrow.
_DISC, _CIRCLE, _GOAL, _LINE, _ARROW = 0.2, 0.17, 0.27, 0.1, 0.19
# How far circles are from the lattice at most. Two circles beside each other are joined with the second probability.
_SCATTER, _JOINED = 0.14, 0.8
_GRAY = (182, 188, 197)
Node = tuple[int, int]  # (circle, number of goals visited)


class Puzzle(Record):
    """A directed graph.

    Attributes:
        spots: column and row of each circle on the lattice.
        places: where it is drawn, (right, down) in distances of the lattice.
        arrows: pairs of circles, each joined by a line that may only be followed from the first to the second.
        start: circle of the disc.
        goals: circles to visit, in order.
    """

    spots: tuple[tuple[int, int], ...]
    places: tuple[tuple[float, float], ...]
    arrows: tuple[tuple[int, int], ...]
    start: int
    goals: tuple[int, ...]


@lru_cache(maxsize=64)
def _ahead(puzzle: Puzzle) -> list[list[int]]:
    """Return the circles to which arrows lead, for each circle."""
    return [[b for a, b in puzzle.arrows if a == circle] for circle in range(len(puzzle.spots))]


@register_task
class GraphTraversal(RuledWalk[Puzzle]):
    """A disc moves along arrows. The state is its place; a node also counts the goals that were visited."""

    name = "graph_traversal"
    tags = ("planning", "navigation")
    puzzle_type = Puzzle
    off, there, slack, damage = 0.27, 0.25, 0.5, "graph_changed"
    reasons = {
        **AGENT_REASONS,
        "against_arrow": "The blue disc follows a line against its arrow.",
        "off_line": "The blue disc leaves the lines.",
        "graph_changed": "Lines, arrows or circles vanish or change.",
    }
    rubric = {
        "outcome": "The disc rests on the circle with the highest number, after it was on all lower ones in order.",
        "process": (
            "The disc visibly moves along the lines, only in the direction of their arrows. It may pass any circle on "
            "its way. Every such way is correct, also a longer one."
        ),
    }

    def generate(self, rng: random.Random, difficulty: int) -> Puzzle:
        level = LEVELS[difficulty]
        while True:
            graph = _random_graph(rng, level)
            circles = range(len(graph.spots))
            far = [distances(circle, _ahead(graph).__getitem__) for circle in circles]
            both = graph.model_copy(update={"arrows": (*graph.arrows, *((b, a) for a, b in graph.arrows))})
            near = [distances(circle, _ahead(both).__getitem__) for circle in circles]
            for _ in range(40):
                stops = rng.sample(circles, level.goals + 1)
                legs = [far[a].get(b, 0) for a, b in itertools.pairwise(stops)]
                saved = sum(legs) - sum(near[a].get(b, 0) for a, b in itertools.pairwise(stops))
                if min(legs) > 1 and level.min_steps <= sum(legs) <= level.max_steps and saved >= level.saves:
                    return graph.model_copy(update={"start": stops[0], "goals": tuple(stops[1:])})

    def first(self, puzzle: Puzzle) -> Node:
        return puzzle.start, 0

    def after(self, puzzle: Puzzle, node: Node) -> Sequence[Node]:
        circle, count = node
        due = puzzle.goals[count] if count < len(puzzle.goals) else -1
        return [(other, count + (other == due)) for other in _ahead(puzzle)[circle]]

    def finished(self, puzzle: Puzzle, node: Node) -> bool:
        return node == (puzzle.goals[-1], len(puzzle.goals))

    def place_of(self, puzzle: Puzzle, node: Node) -> Place:
        return puzzle.places[node[0]]

    def misstep(self, puzzle: Puzzle, node: Node, place: Place) -> str:
        return "against_arrow" if _off(puzzle, place) <= self.off else "off_line"

    def steps(self, puzzle: Puzzle) -> list[str]:
        spots = [puzzle.spots[circle] for circle, _ in self.plan(puzzle)]
        return [WORDS[STEPS.index((b[0] - a[0], b[1] - a[1]))] for a, b in itertools.pairwise(spots)]

    def plan_text(self, puzzle: Puzzle) -> str:
        return "go " + ", ".join(self.steps(puzzle))

    def place_in_words(self, puzzle: Puzzle, place: Place) -> str:
        circle = min(range(len(puzzle.spots)), key=lambda i: math.dist(puzzle.places[i], place))
        near = "at" if math.dist(puzzle.places[circle], place) < self.there else "near"
        number = f" with the number {puzzle.goals.index(circle) + 1}" if circle in puzzle.goals else ""
        column, row = puzzle.spots[circle]
        return f"{near} the circle{number} {cell_in_words((row, column))}"

    def phrasings(self, puzzle: Puzzle) -> Sequence[str]:
        last = len(puzzle.goals)
        order = "the circle 1" if last == 1 else f"the circles 1 to {last} in this order"
        return (
            f"Circles joined by lines with arrows. The blue disc moves along the lines to {order} and stops on the "
            "last one. It follows each line only in the direction of its arrow, and may pass other circles on its way. "
            "It never leaves the lines or jumps. The lines and numbers stay. The camera is fixed.",
            f"A network of one-way roads. Show the blue disc travelling from circle to circle until it has visited "
            f"{order}; it rests on circle {last}. It may pass any circle, but never drives against an arrow or off the "
            "roads. The network does not change. Static camera.",
            f"Follow the arrows: the blue disc glides along the gray lines, always the way their arrows point, reaches "
            f"{order}, and stays on the last. Other circles may be passed. It never jumps, and the camera does not "
            "move.",
        )

    def cheats(self, puzzle: Puzzle) -> dict[str, list[Moment]]:
        plan = [circle for circle, _ in self.plan(puzzle)]
        goals, ahead = puzzle.goals, _ahead(puzzle)
        both = _ahead(puzzle.model_copy(update={"arrows": (*puzzle.arrows, *((b, a) for a, b in puzzle.arrows))}))
        found = {"nearly_there": plan[:-1], "straight_there": [puzzle.start, *goals]}
        short = _through(both, (puzzle.start, *goals))
        if len(short) < len(plan):
            found["against_an_arrow"] = short
        if ahead[plan[-1]]:
            found["nearly_but_one_too_far"] = [*plan, ahead[plan[-1]][0]]
        if len(goals) > 1:
            without = [[b for b in ends if b != goals[0]] for ends in ahead]
            skipping = _through(without, (puzzle.start, *goals[1:]))
            swapped = _through(ahead, (puzzle.start, goals[1], goals[0], *goals[2:]))
            found |= {"nearly_all_numbers": skipping} if skipping else {}
            # On the way to the second goal and on, the first ones may be met in order all the same.
            met = iter(swapped)
            found |= {"wrong_order": swapped} if swapped and not all(goal in met for goal in goals) else {}
        return {name: [Moment(puzzle.places[circle]) for circle in way] for name, way in found.items()}

    def alternatives(self, puzzle: Puzzle) -> dict[str, list[Moment]]:
        plan = self.plan(puzzle)
        for other in self.after(puzzle, plan[0]):
            rest = _through(_ahead(puzzle), (other[0], *puzzle.goals[other[1] :]))
            if other != plan[1] and 0 < len(rest) <= 19:
                return {"another_way": [Moment(puzzle.places[circle]) for circle in (puzzle.start, *rest)]}
        return {}

    def sheet(self, puzzle: Puzzle, canvas: Size, downscale: float = 1) -> tuple[Sketch, Axes]:
        columns, rows = (max(spot[i] for spot in puzzle.spots) + 1 for i in (0, 1))
        unit = min(canvas[0] / columns, canvas[1] / rows)
        left, top = (canvas[0] - unit * (columns - 1)) / 2, (canvas[1] - unit * (rows - 1)) / 2
        places = [(left + x * unit, top + y * unit) for x, y in puzzle.places]
        sheet = Sketch(canvas, downscale=downscale)
        for a, b in puzzle.arrows:
            sheet.line([places[a], places[b]], _LINE * unit, _GRAY)
        for a, b in puzzle.arrows:
            (x, y), (u, v) = places[a], places[b]
            across, down = ((u - x) / math.dist(places[a], places[b]), (v - y) / math.dist(places[a], places[b]))
            middle = lerp(x, u, 0.5) + 0.5 * _ARROW * unit * across, lerp(y, v, 0.5) + 0.5 * _ARROW * unit * down
            tip = middle[0] + 0.5 * _ARROW * unit * across, middle[1] + 0.5 * _ARROW * unit * down
            foot = tip[0] - 1.5 * _ARROW * unit * across, tip[1] - 1.5 * _ARROW * unit * down
            wide = 0.75 * _ARROW * unit
            sheet.polygon([tip, (foot[0] - wide * down, foot[1] + wide * across),
                           (foot[0] + wide * down, foot[1] - wide * across)], INK)  # fmt: skip
        for circle, at in enumerate(places):
            if circle in puzzle.goals:
                sheet.circle(at, _GOAL * unit, INK)
                sheet.circle(at, (_GOAL - 0.05) * unit, YELLOW)
                digit(sheet, puzzle.goals.index(circle) + 1, at, 0.3 * unit, INK)
            elif any(circle in arrow for arrow in puzzle.arrows):
                sheet.circle(at, _CIRCLE * unit, INK)
                sheet.circle(at, (_CIRCLE - 0.06) * unit, WHITE)
        return sheet, Axes(left, top, unit)

    def radius(self, puzzle: Puzzle) -> float:
        return _DISC

    def details(self, puzzle: Puzzle, empty: Planes, axes: Axes) -> Callable[[Planes, Place], bool]:
        left, top, unit = axes
        spots = Spots(empty, ((left + x * unit, top + y * unit, radius * unit) for x, y, radius in _spots(puzzle)), 1)
        return lambda planes, place: spots.are_intact(planes, *axes.point(place), 0.7 * unit)


def _random_graph(rng: random.Random, level: Level) -> Puzzle:
    """Return a graph on a lattice whose lines do not cross, without start and goals."""
    spots = [(x, y) for y in range(level.rows) for x in range(level.columns)]
    pairs = [(spot, (spot[0] + 1, spot[1])) for spot in spots] + [(spot, (spot[0], spot[1] + 1)) for spot in spots]
    for x, y in spots:
        pairs.append(rng.choice((((x, y), (x + 1, y + 1)), ((x + 1, y), (x, y + 1)))))
    joined = [pair for pair in pairs if pair[0] in spots and pair[1] in spots and rng.random() < _JOINED]
    arrows = [(spots.index(a), spots.index(b)) for a, b in (rng.sample(pair, 2) for pair in joined)]
    places = [(round(x + rng.uniform(-_SCATTER, _SCATTER), 2), round(y + rng.uniform(-_SCATTER, _SCATTER), 2))
              for x, y in spots]  # fmt: skip
    return Puzzle(spots=tuple(spots), places=tuple(places), arrows=tuple(arrows), start=0, goals=())


def _through(ahead: Sequence[Sequence[int]], stops: Sequence[int]) -> list[int]:
    """Return a shortest way along arrows from stop to stop; empty if there is none."""
    way = [stops[0]]
    for a, b in itertools.pairwise(stops):
        leg = shortest_path(a, b, ahead.__getitem__)
        if not leg:
            return []
        way += leg[1:]
    return way


def _off(puzzle: Puzzle, place: Place) -> float:
    """Return the distance of a place from the nearest line."""
    ends = ((puzzle.places[a], puzzle.places[b]) for a, b in puzzle.arrows)
    return min(
        math.dist(place, (lerp(a[0], b[0], t / 20), lerp(a[1], b[1], t / 20))) for a, b in ends for t in range(21)
    )


def _spots(puzzle: Puzzle) -> Iterator[tuple[float, float, float]]:
    """Yield right, down and radius of places on each line, arrow and circle, in distances of the lattice."""
    for a, b in puzzle.arrows:
        (x, y), (u, v) = puzzle.places[a], puzzle.places[b]
        far = math.dist((x, y), (u, v))
        count = math.ceil((far - 0.6) / 0.05)
        for i in range(count + 1):
            t = (0.3 + (far - 0.6) * i / count) / far
            yield lerp(x, u, t), lerp(y, v, t), 0.4 * _LINE
    for circle, (x, y) in enumerate(puzzle.places):
        for k in range(8):
            angle = math.radians(45 * k)
            far = _GOAL - 0.07 if circle in puzzle.goals else _CIRCLE - 0.03
            yield x + far * math.cos(angle), y + far * math.sin(angle), 0.03
        yield x, y, 0.08
