"""Collect in order: fetch figures with the blue disc in the order of the row at the top.

      * + #               the order        A video passes if the disc visibly moves from tile to tile, not diagonally,
    +---+---+---+---+                      and touches the figures of the row one after another, from left to right. A
    | o | # |   | @ |     o  the disc      figure on the field vanishes when the disc comes onto its tile. The disc may
    +---+---+---+---+                      go any way. A video fails if it comes onto a figure that is not due, if a
    | + |   | * |   |                      figure vanishes untouched or stays, or if the row changes.
    +---+---+---+---+

Some figures are not in the row and must stay. Going to the nearest figure first is wrong from difficulty 2 on. The plan
length is the least number of steps from tile to tile. There are far more than 10,000 puzzles at every difficulty.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from vmevalkit.media import Frame, Planes
from vmevalkit.tasks.base import Painter, Reader, Reading, register_task
from vmevalkit.tasks.toolkit.axes import CellAxes
from vmevalkit.tasks.toolkit.compass import cell_in_words, counted
from vmevalkit.tasks.toolkit.draw import BLUE, FIGURES, GRAY, HUES, INK, PAPER, WHITE, Point, Sketch, figure, mix
from vmevalkit.tasks.toolkit.follow import RuledWalk, nodes_of, shortest_path
from vmevalkit.tasks.toolkit.grid import NOWHERE, WORDS, Cell, Place, around
from vmevalkit.tasks.toolkit.levels import levels
from vmevalkit.tasks.toolkit.spots import Spots
from vmevalkit.tasks.toolkit.things import ThingReader, shaded
from vmevalkit.tasks.toolkit.vision import Lens, downscale_of, to_planes
from vmevalkit.tasks.toolkit.walk import AGENT_REASONS, Moment, agent_reader
from vmevalkit.types import Record, Size


class Level(NamedTuple):
    """Settings of one difficulty: size of the field, figures to collect, further figures, and range of the steps."""

    rows: int
    columns: int
    figures: int
    others: int
    min_steps: int
    max_steps: int


LEVELS = levels(
    Level(rows=3, columns=5, figures=2, others=1, min_steps=3, max_steps=4),
    Level(rows=4, columns=6, figures=3, others=1, min_steps=5, max_steps=7),
    Level(rows=4, columns=7, figures=3, others=3, min_steps=8, max_steps=11),
    Level(rows=5, columns=7, figures=4, others=4, min_steps=12, max_steps=15),
    Level(rows=5, columns=8, figures=5, others=4, min_steps=16, max_steps=20),
)
# Colors of figures: all differ clearly from the disc.
_HUES = ("green", "purple", "orange", "brown")
# Sizes in cells: the disc, a figure, half a tile, and the height of the row above the field.
_RADIUS, _FIGURE, _TILE, _ROW = 0.31, 0.26, 0.465, 1.15
# A figure vanishes when the disc is nearer than the first distance, and is gone when it is farther than the second.
# Below the third distance, the disc hides it.
_TOUCH, _LEFT, _BELOW = 0.8, 0.9, 0.25
_FLOOR = mix(GRAY, WHITE, 0.55)
Node = tuple[Cell, int]  # (cell of the disc, number of figures collected)


class Item(Record):
    """A figure: its name, its color and its cell."""

    name: str
    colour: str
    cell: Cell

    @property
    def words(self) -> str:
        """What it is called in prompts."""
        return f"{self.colour} {self.name}"


class Puzzle(Record):
    """A field with the figures of the row, in order, then those that stay."""

    rows: int
    columns: int
    count: int
    items: tuple[Item, ...]
    start: Cell


@register_task
class CollectInOrder(RuledWalk[Puzzle]):
    """A disc collects figures. The state is its place and which figures are present."""

    name = "collect_in_order"
    tags = ("planning", "navigation")
    puzzle_type = Puzzle
    off = 0.34
    reasons = {
        **AGENT_REASONS,
        "not_due": "The blue disc comes onto a figure that is not the next one of the row.",
        "untouched": "A figure vanishes although the disc has not reached it.",
        "not_collected": "A figure is still there, or is there again, although the disc was on its tile.",
        "aslant": "The blue disc moves diagonally over the corner of a tile.",
        "left_field": "The blue disc leaves the field.",
    }
    rubric = {
        "outcome": "The figures of the row are gone from the field, and all others are still there.",
        "process": (
            "The disc moves from tile to neighboring tile, never diagonally, and comes onto the figures in the order "
            "of the row. Each vanishes only when the disc reaches it. Any way is correct."
        ),
    }

    def generate(self, rng: random.Random, difficulty: int) -> Puzzle:
        level = LEVELS[difficulty]
        cells = [(r, c) for r in range(level.rows) for c in range(level.columns)]
        looks = [(name, color) for name in FIGURES for color in _HUES]
        while True:
            start, *places = rng.sample(cells, 1 + level.figures + level.others)
            chosen = rng.sample(looks, len(places))
            items = tuple(Item(name=n, colour=h, cell=at) for (n, h), at in zip(chosen, places, strict=True))
            puzzle = Puzzle(rows=level.rows, columns=level.columns, count=level.figures, items=items, start=start)
            if difficulty > 1 and _nearest_first(puzzle):
                continue
            steps = nodes_of(self, puzzle).get(self.first(puzzle), 0)
            if level.min_steps <= steps <= level.max_steps:
                return puzzle

    def first(self, puzzle: Puzzle) -> Node:
        return puzzle.start, 0

    def after(self, puzzle: Puzzle, node: Node) -> Sequence[Node]:
        cell, count = node
        due = puzzle.items[count].cell if count < puzzle.count else None
        closed = {item.cell for item in puzzle.items[count:]} - {due}
        return [(near, count + (near == due)) for near in around(cell) if _inside(puzzle, near) and near not in closed]

    def finished(self, puzzle: Puzzle, node: Node) -> bool:
        return node[1] == puzzle.count

    def place_of(self, puzzle: Puzzle, node: Node) -> Place:
        return float(node[0][0]), float(node[0][1])

    def misstep(self, puzzle: Puzzle, node: Node, place: Place) -> str:
        if not (-0.6 < place[0] < puzzle.rows - 0.4 and -0.6 < place[1] < puzzle.columns - 0.4):
            return "left_field"
        near = min(puzzle.items[node[1] :], key=lambda item: math.dist(item.cell, place))
        return "not_due" if math.dist(near.cell, place) < _TOUCH else "aslant"

    def solution(self, puzzle: Puzzle) -> list[Moment]:
        # A figure stays until the disc has arrived.
        return [_moment(puzzle, cell, count) for cell, count in self.plan(puzzle)]

    def steps(self, puzzle: Puzzle) -> list[str]:
        return [WORDS[b[0][0] - a[0][0], b[0][1] - a[0][1]] for a, b in itertools.pairwise(self.plan(puzzle))]

    def plan_text(self, puzzle: Puzzle) -> str:
        found, run = [], list[str]()
        for word, (_, count), (_, before) in zip(
            self.steps(puzzle), self.plan(puzzle)[1:], self.plan(puzzle), strict=False
        ):
            run.append(word)
            if count > before:
                found.append(f"{' '.join(counted(run))} to the {puzzle.items[before].words}")
                run = []
        return ", ".join(found)

    def in_words(self, puzzle: Puzzle, state: Moment) -> dict[str, str]:
        clear = ((item, shown) for item, shown in zip(puzzle.items, state.shown, strict=False) if shown in (0, 1))
        return super().in_words(puzzle, state) | {
            f"the {item.words} {cell_in_words(item.cell)}": "there" if shown else "gone" for item, shown in clear
        }

    def phrasings(self, puzzle: Puzzle) -> Sequence[str]:
        return (
            "A field of tiles with figures; the row at the top shows some of them in order. The blue disc collects "
            "these figures on the field in the order of the row, from left to right. It moves from tile to tile, not "
            "diagonally. A figure vanishes when the disc reaches it. It never enters a tile with another figure. The "
            "row stays. Fixed camera.",
            "Show the blue disc fetching the figures in the order given above the field, first the leftmost one. Each "
            "figure disappears from the field as soon as the disc is on it; figures that are not due are avoided and "
            "stay. It goes straight from tile to tile beside it and never jumps. Static camera.",
            "Collect in order: the blue disc glides step by step over the tiles, up, down, left or right, to each "
            "figure of the upper row in turn, which is then gone from the field. It goes around all other figures. The "
            "row at the top and the camera do not move.",
        )

    def sheet(self, puzzle: Puzzle, canvas: Size, downscale: float = 1) -> tuple[Sketch, CellAxes]:
        cell = min(canvas[0] / puzzle.columns, canvas[1] / (puzzle.rows + _ROW)) * 0.9
        left, top = (canvas[0] - cell * puzzle.columns) / 2, (canvas[1] - cell * (puzzle.rows - _ROW)) / 2
        sheet = Sketch(canvas, downscale=downscale)
        for r in range(puzzle.rows):
            for c in range(puzzle.columns):
                x, y, half = left + (c + 0.5) * cell, top + (r + 0.5) * cell, _TILE * cell
                sheet.rectangle((x - half, y - half, x + half, y + half), _FLOOR, radius=0.12 * cell)
        row = [(left + x * cell, top + y * cell) for x, y in _row(puzzle)]
        edge = 0.5 * cell
        sheet.rectangle((row[0][0] - edge, row[0][1] - 0.42 * cell, row[-1][0] + edge, row[0][1] + 0.42 * cell),
                        INK, radius=0.2 * cell)  # fmt: skip
        sheet.rectangle((row[0][0] - edge + 0.07 * cell, row[0][1] - 0.35 * cell, row[-1][0] + edge - 0.07 * cell,
                         row[0][1] + 0.35 * cell), PAPER, radius=0.14 * cell)  # fmt: skip
        for at, item in zip(row, puzzle.items, strict=False):
            figure(sheet, item.name, at, _FIGURE * cell, HUES[item.colour])
        return sheet, CellAxes(left, top, cell)

    def radius(self, puzzle: Puzzle) -> float:
        return _RADIUS

    def painter(self, puzzle: Puzzle, canvas: Size, downscale: float = 1, object_scale: float = 1) -> Painter[Moment]:
        sheet, axes = self.sheet(puzzle, canvas, downscale)
        cell = axes.unit
        known: dict[tuple[float, ...], tuple[Sketch, Frame]] = {}

        def with_items(shown: tuple[float, ...]) -> tuple[Sketch, Frame]:
            if shown not in known:
                whole = sheet.region((0, 0, *canvas))
                for item, size in zip(puzzle.items, shown, strict=True):
                    if size:
                        figure(whole, item.name, axes.point(item.cell), _FIGURE * cell * size, HUES[item.colour])
                known[shown] = whole, whole.pixels()
            return known[shown]

        def draw(moment: Moment) -> Frame:
            whole, base = with_items(moment.shown)
            frame: Frame = base.copy()
            (x, y), radius = axes.point(moment.place), _RADIUS * cell * object_scale
            part = whole.region((x - radius - 1, y - radius - 1, x + radius + 1, y + radius + 1))
            part.circle((x, y), radius, BLUE)
            part.onto(frame)
            return frame

        return draw

    def cheats(self, puzzle: Puzzle) -> dict[str, list[Moment]]:
        path = self.solution(puzzle)
        whole, last = path[0].shown, path[-1]
        other = _moment(puzzle, puzzle.items[-1].cell, puzzle.count)
        swapped = [puzzle.items[1], puzzle.items[0], *puzzle.items[2 : puzzle.count]]
        found = {
            "nearly_all": path[:-1],
            "figures_stay": [m._replace(shown=whole) for m in path],
            "figures_vanish_at_once": [path[0], *(m._replace(shown=last.shown) for m in path[1:])],
            "figures_come_back": [*path, last._replace(shown=whole)],
            "nearly_one_figure_comes_back": [*path, last._replace(shown=(1.0, *last.shown[1:]))],
            "one_figure_too_many": [*path, other._replace(shown=(*other.shown[:-1], 0.0))],
            "wrong_order": self._direct(puzzle, swapped),
        }
        stops = [puzzle.start, *(item.cell for item in puzzle.items[: puzzle.count])]
        if any(a[0] != b[0] and a[1] != b[1] for a, b in itertools.pairwise(stops)):
            found["straight_there"] = [_moment(puzzle, cell, i) for i, cell in enumerate(stops)]
        return found

    def _direct(self, puzzle: Puzzle, items: Sequence[Item]) -> list[Moment]:
        """Return the way to some figures, each of which vanishes when it is reached."""
        gone: set[Cell] = set()
        way, here = [_moment(puzzle, puzzle.start, 0)], puzzle.start
        for item in items:
            closed = {other.cell for other in puzzle.items} - gone - {item.cell}

            def free(cell: Cell, closed: set[Cell] = closed) -> list[Cell]:
                return [near for near in around(cell) if _inside(puzzle, near) and near not in closed]

            for cell in shortest_path(here, item.cell, free)[1:]:
                here = cell
                gone |= {cell} & {item.cell}
                shown = tuple(float(other.cell not in gone) for other in puzzle.items)
                way.append(_moment(puzzle, cell, 0)._replace(shown=shown))
        return way

    def alternatives(self, puzzle: Puzzle) -> dict[str, list[Moment]]:
        plan = self.plan(puzzle)
        aside = [node for node in self.after(puzzle, plan[0]) if node != plan[1] and node[1] == 0]
        if not aside or len(plan) > 18:
            return {}
        way = [plan[0], aside[0], *plan]
        return {"one_tile_aside": [_moment(puzzle, cell, count) for cell, count in way]}

    def reader(self, puzzle: Puzzle, canvas: Size) -> Reader[Moment]:
        downscale = downscale_of(canvas)
        axes = self.sheet(puzzle, canvas, downscale)[1].downscaled(downscale)
        left, top, cell = axes
        first, paint = self.solution(puzzle)[0], self.painter(puzzle, canvas, downscale)
        lens = Lens(to_planes(paint(first)))
        everything, nothing = (
            to_planes(paint(Moment(NOWHERE, shown=(size,) * len(puzzle.items)))) for size in (1.0, 0.0)
        )
        boxes = [(left + item.cell[1] * cell, top + item.cell[0] * cell, cell) for item in puzzle.items]
        things = ThingReader(everything, nothing, boxes)
        between = shaded(nothing, boxes, [HUES[item.colour] for item in puzzle.items], (0.18, 0.82))
        start = to_planes(paint(first._replace(shown=(0.0,) * len(puzzle.items))))
        find = agent_reader(start, nothing, BLUE, _RADIUS * cell, 0.3 * cell, between)
        row = Spots(nothing, ((left + x * cell, top + y * cell, 0.12 * cell) for x, y in _row(puzzle)), hues=True)

        def read(frame: Planes) -> Reading[Moment]:
            planes = lens.planes(frame)
            found = find(planes)
            if found.state is None:
                return Reading(None, found.scene_intact, found.note)
            place = axes.place(*found.state)
            # The disc hides a figure completely. What is below it counts as collected, until it is seen again.
            shown = tuple(0.0 if math.dist(item.cell, place) < _BELOW else size
                          for item, size in zip(puzzle.items, things.read(planes), strict=True))  # fmt: skip
            return Reading(Moment(place, shown=shown), row.are_intact(planes, *found.state, 0.6 * cell), "scene_lost")

        return read

    def followed(self, puzzle: Puzzle, readings: Sequence[Reading[Moment]]) -> Iterator[Reading[Moment]]:
        """Yield the readings with the node that was reached, and the reason code if a rule was broken."""
        known = [1.0] * len(puzzle.items)
        for reading in super().followed(puzzle, readings):
            if reading.state is None:
                yield reading
                continue
            place, wrong, node, seen = reading.state
            for i, (item, shown) in enumerate(zip(puzzle.items, seen, strict=True)):
                far = math.dist(item.cell, place)
                if shown == 0.0 and known[i] and (far > _TOUCH or i > node[1]):
                    wrong = wrong or "untouched"
                if shown == 1.0 and i < node[1] and far > _LEFT:
                    wrong = wrong or "not_collected"
                known[i] = known[i] if shown == 0.5 else shown
            yield Reading(Moment(place, wrong, node, tuple(known)), reading.scene_intact, reading.note)

    def is_drawable(self, puzzle: Puzzle, state: Moment) -> bool:
        return 0.5 not in state.shown

    def progress(self, puzzle: Puzzle, state: Moment) -> float:
        found = super().progress(puzzle, state)
        return found if state.shown == _moment(puzzle, (0, 0), puzzle.count).shown else min(found, 0.99)

    def same(self, puzzle: Puzzle, a: Moment, b: Moment) -> bool:
        return a.shown == b.shown and super().same(puzzle, a, b)


def _moment(puzzle: Puzzle, cell: Cell, count: int) -> Moment:
    """Return the moment after so many figures are collected."""
    shown = tuple(float(i >= count) for i in range(len(puzzle.items)))
    return Moment((float(cell[0]), float(cell[1])), shown=shown)


def _inside(puzzle: Puzzle, cell: Cell) -> bool:
    return 0 <= cell[0] < puzzle.rows and 0 <= cell[1] < puzzle.columns


def _nearest_first(puzzle: Puzzle) -> bool:
    """Whether going to the nearest figure again and again collects those of the row in order."""
    here, left = puzzle.start, list(puzzle.items)
    for item in puzzle.items[: puzzle.count]:
        far = [abs(other.cell[0] - here[0]) + abs(other.cell[1] - here[1]) for other in left]
        if far[0] > min(far):
            return False
        here = item.cell
        left.pop(0)
    return True


def _row(puzzle: Puzzle) -> list[Point]:
    """Return the middles of the figures of the row: (right, down) from the corner of the field, in cells."""
    return [((puzzle.columns - puzzle.count) / 2 + i + 0.5, 0.42 - _ROW) for i in range(puzzle.count)]
