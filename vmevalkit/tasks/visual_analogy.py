"""Visual analogy: change the third figure as the first one changes to the second, and draw the result.

    [ ^ ] -> [ > ]        Each panel has four frames. Here an arrow turns to the right, so the second arrow, which
                          points to the right, turns on and points down. A video passes if the right figure appears in
    [ > ] -> [   ]        the empty frame of each panel, one frame after another and in any order, and if all of them
                          stay. The other figures must not change. A wrong figure may not appear, not even for a moment.

A figure has a shape, a color and a direction, and is solid or hollow. One to three of these features change, by the
same rule in both rows: a new shape, color or filling is the same one, and a turn has the same angle. What does not
change in the first figure does not change in the third. If the shape or the filling changes, the first and the third
figure have the same one, so that each panel has one answer. The plan length is the number of panels. There are far more
than 10,000 questions at every difficulty.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from functools import lru_cache
from typing import Literal, NamedTuple, get_args

from vmevalkit.tasks.base import register_task
from vmevalkit.tasks.toolkit.cells import CELL_REASONS, Board, CellsTask, Looks, changed, middle_of, square_box
from vmevalkit.tasks.toolkit.draw import GRAY, HUES, INK, PAPER, WHITE, Box, Point, Sketch, arrow, mix, oval
from vmevalkit.tasks.toolkit.levels import levels
from vmevalkit.types import Record, Size

Feature = Literal["shape", "color", "solid", "turn"]


class Level(NamedTuple):
    """Settings of one difficulty: panels across and down, and range of the features that change in a panel."""

    columns: int
    rows: int
    fewest: int
    most: int


LEVELS = levels(
    Level(columns=2, rows=2, fewest=1, most=1),
    Level(columns=3, rows=2, fewest=1, most=2),
    Level(columns=4, rows=2, fewest=2, most=2),
    Level(columns=3, rows=3, fewest=2, most=3),
    Level(columns=4, rows=3, fewest=3, most=3),
)
# Outlines of figures that point up, within a square of 2 x 2 about the origin. No turn leaves one of them as it is.
_SHAPES: dict[str, list[Point]] = {
    "arrow": [(0, -1), (1, 0), (0.45, 0), (0.45, 1), (-0.45, 1), (-0.45, 0), (-1, 0)],
    "half disc": [(x, 1.1 * y + 0.55) for x, y in oval(0, 0, 1, 1) if y <= 0.01],
    "corner": [(-0.9, -1), (-0.15, -1), (-0.15, 0.25), (0.9, 0.25), (0.9, 1), (-0.9, 1)],
    "drop": [(0, -1), *((0.72 * math.cos(a), 0.28 + 0.72 * math.sin(a))
                        for a in (math.radians(-34 + 12.4 * i) for i in range(21)))],
    "flag": [(-0.8, -1), (-0.2, -1), (1, -0.35), (-0.2, 0.3), (-0.2, 1), (-0.8, 1)],
}  # fmt: skip
_COLORS = ("blue", "orange", "green", "purple", "yellow", "brown")
_TURNS = ("up", "right", "down", "left")
# Radius of a figure as a share of half a frame's inside, and width of a hollow figure's line as a share of the radius.
_RADIUS, _PEN = 0.8, 0.3
# In widths of a frame: distance between two frames across and down, width and height of the area of a panel, and width
# of the border of a frame.
_ACROSS, _DOWN, _WIDE, _HIGH, _BORDER = 1.3, 1.1, 2.66, 2.44, 0.055


class Figure(Record):
    """A figure: a shape, a color, whether it is solid or hollow, and its quarter turns clockwise from up."""

    shape: str
    color: str
    solid: bool
    turn: int

    def words(self) -> str:
        """Return the figure in words."""
        return f"{'solid' if self.solid else 'hollow'} {self.color} {self.shape} {_TURNS[self.turn]}"


class Analogy(Record):
    """The figures of a panel: the third changes as the first one changes to the second."""

    first: Figure
    second: Figure
    third: Figure

    def changes(self) -> list[Feature]:
        """Return the features in which the first two figures differ."""
        return [name for name in get_args(Feature) if getattr(self.first, name) != getattr(self.second, name)]

    def answer(self, without: Feature | None = None) -> Figure:
        """Return the fourth figure; if a feature is given, as if that one did not change."""
        new: dict[str, object] = {name: getattr(self.second, name) for name in self.changes()}
        new["turn"] = (self.third.turn + self.second.turn - self.first.turn) % 4
        if without is not None:
            new[without] = getattr(self.third, without)
        return self.third.model_copy(update=new)

    def options(self) -> list[Figure]:
        """Return the fourth figure, and the results of usual mistakes."""
        found = [self.answer(), self.answer(without=self.changes()[-1]), self.third, self.second]
        return list(dict.fromkeys(found))


class Puzzle(Record):
    """Panels, row by row."""

    columns: int
    analogies: tuple[Analogy, ...]


@register_task
class VisualAnalogy(CellsTask[Puzzle]):
    """The places are the empty frames. A look is one of the figures of `_figures`, from 1 on."""

    name = "visual_analogy"
    tags = ("logic", "geometry")
    puzzle_type = Puzzle
    reasons = {**CELL_REASONS, "wrong_place": "A wrong figure appears in a frame, or something else changes."}
    rubric = {
        "outcome": (
            "The fourth figure of each panel differs from the third as the second differs from the first: in the same "
            "features, to the same shape, color or filling, and by the same turn."
        ),
        "process": "One empty frame after another gets its figure, in any order, and never a wrong one.",
    }

    def generate(self, rng: random.Random, difficulty: int) -> Puzzle:
        level = LEVELS[difficulty]
        found: list[Analogy] = []
        while len(found) < level.columns * level.rows:
            analogy = _random_analogy(rng, rng.randint(level.fewest, level.most))
            if analogy not in found:
                found.append(analogy)
        return Puzzle(columns=level.columns, analogies=tuple(found))

    def goal(self, puzzle: Puzzle) -> Looks:
        return _looks(puzzle, [analogy.answer() for analogy in puzzle.analogies])

    def looks(self, puzzle: Puzzle) -> int:
        return len(_figures(puzzle)) + 1

    def choices(self, puzzle: Puzzle) -> list[tuple[int, ...]]:
        return [(0, *_looks(puzzle, analogy.options())) for analogy in puzzle.analogies]

    def steps(self, puzzle: Puzzle) -> list[str]:
        answers = enumerate(analogy.answer().words() for analogy in puzzle.analogies)
        return [f"draw a {words} in {self.place_in_words(puzzle, place)}" for place, words in answers]

    def plan_text(self, puzzle: Puzzle) -> str:
        words = [analogy.answer().words() for analogy in puzzle.analogies]
        rows = [words[i : i + puzzle.columns] for i in range(0, len(words), puzzle.columns)]
        return "draw, " + "; ".join(f"row {row + 1}: {', '.join(figures)}" for row, figures in enumerate(rows))

    def place_in_words(self, puzzle: Puzzle, place: int) -> str:
        row, column = divmod(place, puzzle.columns)
        return f"the empty frame of panel {column + 1} in row {row + 1}"

    def look_in_words(self, puzzle: Puzzle, look: int) -> str:
        return f"filled with a {_figures(puzzle)[look - 1].words()}" if look else "empty"

    def phrasings(self, puzzle: Puzzle) -> Sequence[str]:
        return (
            "In each panel, the first figure becomes the second one, as the arrow shows, and the third figure must "
            "change in the same way. The result appears in the empty frame: the same new shape or color, solid or "
            "hollow alike, turned by the same angle, and without a change where the upper figures do not differ. The "
            "empty frames are filled one after another. The given figures stay. The camera is fixed.",
            "Complete the analogies. What happens to the upper figure of a panel, a new shape or color, a turn, or a "
            "change between solid and hollow, happens to the lower figure, too, and leaves its other features alone. "
            "Draw each result in the empty frame at the end of the arrow, one frame at a time. The figures that are "
            "given do not change. Static camera.",
            "As the first figure is to the second, so is the third to the missing one. One by one, the missing figures "
            "appear in the empty frames, with the same changes of shape, color and filling and the same turn as in "
            "the row above, and otherwise like the figure beside them. All other frames stay as they are and the "
            "camera does not move.",
        )

    def cheats(self, puzzle: Puzzle) -> dict[str, list[Board]]:
        found, path, order, goal = super().cheats(puzzle), self.solution(puzzle), self.order(puzzle), self.goal(puzzle)
        mistakes = {
            "nearly_third_figure_again": [analogy.third for analogy in puzzle.analogies],
            "nearly_second_figure_again": [analogy.second for analogy in puzzle.analogies],
        }
        for name, figures in mistakes.items():
            found[name] = self.filled(puzzle, order, _looks(puzzle, figures))
        last = puzzle.analogies[-1]
        (look,) = _looks(puzzle, [last.answer(without=last.changes()[-1])])
        found["nearly_one_change_forgotten"] = [*path[:-1], Board(changed(goal, {order[-1]: look}))]
        return found

    def sheet(self, puzzle: Puzzle, canvas: Size, downscale: float = 1) -> tuple[Sketch, list[Box]]:
        rows = len(puzzle.analogies) // puzzle.columns
        unit = min(0.97 * canvas[0] / (puzzle.columns * _WIDE), 0.97 * canvas[1] / (rows * _HIGH))
        left, top = (canvas[0] - puzzle.columns * _WIDE * unit) / 2, (canvas[1] - rows * _HIGH * unit) / 2
        sketch = Sketch(canvas, downscale=downscale)
        boxes = []
        for place, analogy in enumerate(puzzle.analogies):
            row, column = divmod(place, puzzle.columns)
            center = left + (column + 0.5) * _WIDE * unit, top + (row + 0.5) * _HIGH * unit
            boxes.append(_draw_panel(sketch, analogy, center, unit))
        return sketch, boxes

    def draw_look(self, puzzle: Puzzle, sketch: Sketch, box: Box, look: int, size: float) -> None:
        _draw_figure(sketch, _figures(puzzle)[look - 1], box, size)


@lru_cache(maxsize=64)
def _figures(puzzle: Puzzle) -> tuple[Figure, ...]:
    """Return the figures that a reader knows, each once."""
    return tuple(dict.fromkeys(figure for analogy in puzzle.analogies for figure in analogy.options()))


def _looks(puzzle: Puzzle, figures: Sequence[Figure]) -> Looks:
    known = _figures(puzzle)
    return tuple(known.index(figure) + 1 for figure in figures)


def _random_analogy(rng: random.Random, changes: int) -> Analogy:
    """Return a panel in which some features change, and the first and the third figure differ in two or more."""
    first = Figure(
        shape=rng.choice([*_SHAPES]), color=rng.choice(_COLORS), solid=rng.random() < 0.5, turn=rng.randrange(4)
    )
    features = rng.sample(get_args(Feature), changes)
    second = first.model_copy(update={name: _other(rng, name, first) for name in features})
    while True:
        new = {name: _other(rng, name, first) for name in get_args(Feature) if rng.random() < 0.6}
        # See the docstring of the module. A figure cannot get the color that it has.
        fixed = {"shape", "solid"} & {*features} & {*new}
        if len(new) < 2 or fixed or ("color" in features and new.get("color") == second.color):
            continue
        return Analogy(first=first, second=second, third=first.model_copy(update=new))


def _other(rng: random.Random, name: Feature, figure: Figure) -> str | bool | int:
    """Return a random value of a feature that a figure does not have."""
    values: dict[Feature, Sequence[str | bool | int]] = {
        "shape": [*_SHAPES], "color": _COLORS, "solid": (False, True), "turn": range(4)
    }  # fmt: skip
    return rng.choice([value for value in values[name] if value != getattr(figure, name)])


def _draw_panel(sketch: Sketch, analogy: Analogy, center: Point, unit: float) -> Box:
    """Draw a panel about its center, and return the inside of its empty frame. `unit` is the width of a frame."""
    x, y = center
    wide, high = (_WIDE / 2 - 0.05) * unit, (_HIGH / 2 - 0.05) * unit
    sketch.rectangle((x - wide, y - high, x + wide, y + high), mix(PAPER, GRAY, 0.45), radius=0.12 * unit)
    figures = (analogy.first, analogy.second, analogy.third, None)
    for number, figure in enumerate(figures):
        across, down = number % 2 - 0.5, number // 2 - 0.5
        at = x + across * _ACROSS * unit, y + down * _DOWN * unit
        inside = square_box(at, (0.5 - _BORDER) * unit)
        sketch.rectangle(square_box(at, 0.5 * unit), mix(INK, GRAY, 0.4), radius=0.1 * unit)
        sketch.rectangle(inside, WHITE, radius=0.06 * unit)
        if figure is not None:
            _draw_figure(sketch, figure, inside, 1.0)
    for down in (-0.5, 0.5):
        arrow(sketch, (x, y + down * _DOWN * unit), 0.12 * unit, INK)
    return inside


def _draw_figure(sketch: Sketch, figure: Figure, box: Box, size: float) -> None:
    x, y, half = middle_of(box)
    radius, points = _RADIUS * half * size, _SHAPES[figure.shape]
    for _ in range(figure.turn):
        points = [(-down, across) for across, down in points]
    # A line lies on both sides of its points.
    inner = radius if figure.solid else (1 - _PEN / 2) * radius
    outline = [(x + inner * across, y + inner * down) for across, down in points]
    if figure.solid:
        sketch.polygon(outline, HUES[figure.color])
    else:
        sketch.line([*outline, outline[0]], _PEN * radius, HUES[figure.color])
