"""Water level: let the water in joined vessels settle at one level.

    |   | |###|  |   | |   |     Where the gate of a pipe is up (:), the water of both vessels finds one level; a gate
    |   | |###|  |   | |###|     that is down (X) stops it. A video passes if one layer of water at a time disappears
    |###| |###|  |###| |###|     at the surface of a vessel, or appears on top of its water, until all levels are
    |###|:|###|  |###|X|###|     final, and if they are held. Layers may change in any order in which water stays below
                                 air. Vessels that nothing joins keep their level. Pipes and gates must stay.

A layer in a vessel of double width has the volume of two. Final levels are whole layers. The plan length is the number
of layers that disappear or appear. There are more than 10,000 questions at every difficulty.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Sequence
from typing import Literal, NamedTuple

from vmevalkit.tasks.base import random_generator, register_task
from vmevalkit.tasks.toolkit.cells import CELL_REASONS, Board, CellsTask, Looks, swept
from vmevalkit.tasks.toolkit.draw import GRAY, INK, ORANGE, SKY, WHITE, Box, Sketch
from vmevalkit.tasks.toolkit.levels import levels
from vmevalkit.types import Record, Size

Joint = Literal["open", "closed", "none"]
Levels = tuple[int, ...]


class Level(NamedTuple):
    """Settings of one difficulty.

    Attributes:
        vessels: possible numbers of vessels.
        layers: height of the vessels.
        double: possible numbers of vessels of double width.
        fewest, most: range of the layers that change.
    """

    vessels: tuple[int, ...]
    layers: int
    double: tuple[int, ...]
    fewest: int
    most: int


LEVELS = levels(
    Level(vessels=(5, 6), layers=7, double=(0, 1, 2), fewest=4, most=5),
    Level(vessels=(5, 6), layers=7, double=(0, 1, 2), fewest=6, most=7),
    Level(vessels=(5, 6), layers=7, double=(0, 1, 2), fewest=8, most=11),
    Level(vessels=(6, 7), layers=7, double=(1, 2), fewest=12, most=14),
    Level(vessels=(6, 7), layers=8, double=(1, 2), fewest=15, most=17),
)
# In heights of a layer: distance between vessels, thickness of their walls, height of a pipe, margin between layers,
# and the most that a vessel is wide.
_BETWEEN, _WALL, _PIPE, _MARGIN, _WIDEST = 0.85, 0.13, 0.42, 0.05, 1.9


class Puzzle(Record):
    """A row of vessels, `layers` high.

    Attributes:
        widths: width of each vessel, 1 or 2.
        water: number of layers of water in each vessel.
        joints: what is between each vessel and the next: a pipe with a gate that is open or closed, or nothing.
    """

    layers: int
    widths: tuple[int, ...]
    water: Levels
    joints: tuple[Joint, ...]


@register_task
class WaterLevel(CellsTask[Puzzle]):
    """The places are the layers of the vessels, from the bottom up, and the only look is water."""

    name = "water_level"
    tags = ("physics",)
    puzzle_type = Puzzle
    reasons = {
        **CELL_REASONS,
        "wrong_place": "Water appears or disappears in a layer where it should not.",
        "wrong_order": "A layer appears above air, or disappears below water.",
    }
    rubric = {
        "outcome": (
            "The water stands equally high in all vessels that pipes with open gates join, and as much as before; in "
            "the others, it stands as before."
        ),
        "process": "One layer at a time disappears at the surface of a vessel or appears on top of its water.",
    }

    def generate(self, rng: random.Random, difficulty: int) -> Puzzle:
        level = LEVELS[difficulty]
        while True:
            puzzle = _random_vessels(rng, level)
            if not _is_fair(puzzle):
                continue
            changed = _towards(puzzle, _final(puzzle))
            cells = [(-(place % puzzle.layers), place // puzzle.layers) for place in changed]
            if level.fewest <= len(changed) <= level.most and not swept(cells):
                return puzzle

    def start(self, puzzle: Puzzle) -> Looks:
        return _looks(puzzle, puzzle.water)

    def goal(self, puzzle: Puzzle) -> Looks:
        return _looks(puzzle, _final(puzzle))

    def order(self, puzzle: Puzzle) -> list[int]:
        """Return the layers in an order in which water leaves the fullest vessels first, and comes up elsewhere."""
        final, order = _final(puzzle), list[int]()
        for group in _groups(puzzle):
            water, moving = {vessel: puzzle.water[vessel] for vessel in group}, 0
            while any(water[vessel] != final[vessel] for vessel in group):
                low = min(group, key=lambda it: water[it])
                if water[low] < final[low] and moving >= puzzle.widths[low]:
                    order.append(low * puzzle.layers + water[low])
                    water[low] += 1
                    moving -= puzzle.widths[low]
                else:
                    high = max(group, key=lambda it: water[it])
                    water[high] -= 1
                    moving += puzzle.widths[high]
                    order.append(high * puzzle.layers + water[high])
        return order

    def too_early(self, puzzle: Puzzle, looks: Looks, place: int) -> bool:
        layer = place % puzzle.layers
        if looks[place]:
            return layer + 1 < puzzle.layers and looks[place + 1] == 1
        return layer > 0 and looks[place - 1] == 0

    def between(self, puzzle: Puzzle, a: Board, b: Board, t: float) -> Board:
        """Return the board at a share `t` of a step; a layer is lost at the pace at which one is gained."""
        board = super().between(puzzle, a, b, t)
        gained = {place: size for place, _, size in super().between(puzzle, b, a, t).coming}
        coming = (
            (place, look, size if b.looks[place] else round(math.sqrt(1 - gained[place] ** 2), 3))
            for place, look, size in board.coming
        )
        return Board(board.looks, tuple(coming))

    def alternatives(self, puzzle: Puzzle) -> dict[str, list[Board]]:
        """Return solutions in other orders in which water stays below air."""
        rng, order = random_generator("order", self.name, str(puzzle)), self.order(puzzle)
        vessels = [place // puzzle.layers for place in order]
        rng.shuffle(vessels)
        queues = {vessel: [p for p in order if p // puzzle.layers == vessel] for vessel in vessels}
        return {
            "vessel_by_vessel": self.filled(puzzle, [place for queue in queues.values() for place in queue]),
            "any_order": self.filled(puzzle, [queues[vessel].pop(0) for vessel in vessels]),
        }

    def steps(self, puzzle: Puzzle) -> list[str]:
        start = self.start(puzzle)
        return [
            f"{'take a layer from' if start[place] else 'add a layer to'} vessel {place // puzzle.layers + 1}"
            for place in self.order(puzzle)
        ]

    def plan_text(self, puzzle: Puzzle) -> str:
        moves = [(i + 1, new - old) for i, (old, new) in enumerate(zip(puzzle.water, _final(puzzle), strict=True))]
        parts = [f"{number} {'rises' if by > 0 else 'falls'} by {abs(by)}" for number, by in moves if by]
        return f"layer by layer, vessel (from the left) {', '.join(parts)}"

    def place_in_words(self, puzzle: Puzzle, place: int) -> str:
        vessel, layer = divmod(place, puzzle.layers)
        return f"layer {layer + 1} from the bottom of vessel {vessel + 1}"

    def look_in_words(self, puzzle: Puzzle, look: int) -> str:
        return "water" if look else "empty"

    def phrasings(self, puzzle: Puzzle) -> Sequence[str]:
        double = ""
        if len({*puzzle.widths}) > 1:
            double = " In a vessel of double width, a layer holds twice as much."
        return (
            "Vessels with blue water in layers. Pipes join some of them at the bottom. If the orange gate of a pipe is "
            "pulled up, water flows through until both vessels have the same level; if it is pushed down into the "
            f"pipe, nothing flows.{double} Show it layer by layer: one layer at a time vanishes at the surface of a "
            "vessel or appears on top of its water, until all levels are final. No water is lost. Vessels, pipes and "
            "gates stay. The camera is fixed.",
            "Connected vessels: in all vessels that are joined by pipes with raised gates, the water settles at one "
            f"level. Lowered gates block their pipes.{double} The amount of water stays the same. The blue layers "
            "change one by one, always at the surface: the top layer of a vessel that is too full disappears, or a "
            "new layer appears on the water of one that is not full enough. Vessels without an open pipe keep their "
            "level, and the gates do not move. Static camera.",
            "Let the water find its level. Through pipes with an open (raised) gate it flows from fuller to emptier "
            "vessels until they stand equally high; closed (lowered) gates hold it back. The water falls and rises in "
            f"whole layers, one layer at a time, from the surface.{double} All water is kept, vessels and gates stay "
            "as they are, and the camera does not move.",
        )

    def cheats(self, puzzle: Puzzle) -> dict[str, list[Board]]:
        found, final = super().cheats(puzzle), _final(puzzle)
        opened = puzzle.model_copy(update={"joints": tuple("open" for _ in puzzle.joints)})
        highest = [0] * len(final)
        for group in _groups(puzzle):
            for vessel in group:
                highest[vessel] = max(puzzle.water[other] for other in group)
        wrong = {
            "nearly_gates_ignored": _final(opened),
            "nearly_one_group_too_low": tuple(
                level - (vessel in self._changing_group(puzzle)) for vessel, level in enumerate(final)
            ),
            "water_from_nowhere": tuple(highest),
        }
        for name, water in wrong.items():
            found[name] = self.filled(puzzle, _towards(puzzle, water), _looks(puzzle, water))
        return found

    def _changing_group(self, puzzle: Puzzle) -> list[int]:
        final = _final(puzzle)
        return next(group for group in _groups(puzzle) if any(final[it] != puzzle.water[it] for it in group))

    def sheet(self, puzzle: Puzzle, canvas: Size, downscale: float = 1) -> tuple[Sketch, list[Box]]:
        layer = min(0.82 * canvas[1] / (puzzle.layers + 0.6), 0.9 * canvas[0] / (1.9 * len(puzzle.widths)))
        gaps = (len(puzzle.widths) - 1) * _BETWEEN * layer
        unit = min((0.9 * canvas[0] - gaps) / sum(puzzle.widths), _WIDEST * layer)
        x, bottom = (canvas[0] - gaps - unit * sum(puzzle.widths)) / 2, (canvas[1] + puzzle.layers * layer) / 2
        sketch, wall = Sketch(canvas, downscale=downscale), _WALL * layer
        boxes: list[Box] = []
        for vessel, width in enumerate(puzzle.widths):
            right, top = x + width * unit, bottom - puzzle.layers * layer
            sketch.rectangle((x, top - 0.35 * layer, x + wall, bottom + wall), INK, radius=wall / 2)
            sketch.rectangle((right - wall, top - 0.35 * layer, right, bottom + wall), INK, radius=wall / 2)
            sketch.rectangle((x, bottom, right, bottom + wall), INK, radius=wall / 2)
            sketch.rectangle((x + wall, top, right - wall, bottom), WHITE)
            if vessel < len(puzzle.joints):
                _draw_joint(sketch, puzzle.joints[vessel], (right, bottom), layer)
            margin = _MARGIN * layer
            for number in range(puzzle.layers):
                low = bottom - number * layer
                boxes.append((x + wall + margin, low - layer + margin, right - wall - margin, low - margin))
            x = right + _BETWEEN * layer
        for left, _, right, low in boxes:
            sketch.rectangle((left, low, right, low + 2 * _MARGIN * layer), GRAY)
        return sketch, boxes

    def draw_look(self, puzzle: Puzzle, sketch: Sketch, box: Box, look: int, size: float) -> None:
        left, top, right, bottom = box
        # The area grows like that of a square.
        sketch.rectangle((left, bottom - size * size * (bottom - top), right, bottom), SKY)


def _draw_joint(sketch: Sketch, joint: Joint, corner: tuple[float, float], layer: float) -> None:
    """Draw the pipe to the next vessel and its gate; `corner` is the lower right of a vessel."""
    if joint == "none":
        return
    (x, bottom), wall, far = corner, _WALL * layer, _BETWEEN * layer
    top = bottom - _PIPE * layer
    sketch.rectangle((x - wall, top - wall, x + far + wall, bottom + wall), INK)
    sketch.rectangle((x - wall, top, x + far + wall, bottom), WHITE)
    # The plate of the gate and its handle.
    middle, half = x + far / 2, 0.13 * layer
    low = bottom + wall if joint == "closed" else top - wall
    high = low - (_PIPE + 2 * _WALL + 0.6) * layer
    sketch.rectangle((middle - half, high, middle + half, low), ORANGE)
    sketch.rectangle((middle - 2.2 * half, high - wall, middle + 2.2 * half, high + wall), ORANGE, radius=wall)


def _random_vessels(rng: random.Random, level: Level) -> Puzzle:
    count = rng.choice(level.vessels)
    double = rng.sample(range(count), rng.choice(level.double))
    return Puzzle(
        layers=level.layers,
        widths=tuple(2 if vessel in double else 1 for vessel in range(count)),
        water=tuple(rng.randint(0, level.layers) for _ in range(count)),
        joints=tuple(rng.choices(("open", "closed", "none"), (5, 3, 1), k=count - 1)),
    )


def _groups(puzzle: Puzzle) -> list[list[int]]:
    """Return the vessels that open gates join, from left to right."""
    groups = [[0]]
    for vessel, joint in enumerate(puzzle.joints, 1):
        if joint == "open":
            groups[-1].append(vessel)
        else:
            groups.append([vessel])
    return groups


def _final(puzzle: Puzzle) -> Levels:
    """Return the final level in each vessel, in layers, rounded down."""
    found: list[int] = []
    for group in _groups(puzzle):
        volume = sum(puzzle.widths[vessel] * puzzle.water[vessel] for vessel in group)
        found += [volume // sum(puzzle.widths[vessel] for vessel in group)] * len(group)
    return tuple(found)


def _is_fair(puzzle: Puzzle) -> bool:
    """Return whether final levels are whole layers, and a gate that is down keeps two levels apart."""
    final = _final(puzzle)
    whole = _volume(puzzle, final) == _volume(puzzle, puzzle.water)
    gates = zip(puzzle.joints, itertools.pairwise(final), strict=True)
    return whole and any(joint == "closed" and a != b for joint, (a, b) in gates)


def _volume(puzzle: Puzzle, water: Levels) -> int:
    return sum(width * level for width, level in zip(puzzle.widths, water, strict=True))


def _looks(puzzle: Puzzle, water: Levels) -> Looks:
    return tuple(int(layer < level) for level in water for layer in range(puzzle.layers))


def _towards(puzzle: Puzzle, water: Levels) -> list[int]:
    """Return the layers that change on the way to other levels, vessel by vessel, from the surface on."""
    order: list[int] = []
    for vessel, (old, new) in enumerate(zip(puzzle.water, water, strict=True)):
        layers = range(old, new) if new > old else range(old - 1, new - 1, -1)
        order += [vessel * puzzle.layers + layer for layer in layers]
    return order
