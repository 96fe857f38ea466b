"""Gears: show for each driven gear which way it turns, from the first gear along the train.

     _   _               The first gear has an arrow. A gear that meshes with another turns the other way; a belt turns
    / \\_/ \\    _       two gears the same way, and a crossed belt turns them in opposite ways. A video passes if each
    \\>/ \\ /\\  / \\      gear of the train gets the right arrow, one gear after another, each linked to a gear that
        \\_/   \\_/      has its arrow, and if the full train is held. Gears that nothing drives must stay blank.

A blue disc with a white arrow means clockwise, an orange one counterclockwise. The plan length is the number of gears
that are driven. Belts come in at difficulty 4. There are far more than 10,000 questions at every difficulty.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from vmevalkit.tasks.base import random_generator, register_task
from vmevalkit.tasks.gears.drawing import draw_arrow, machine_sketch
from vmevalkit.tasks.gears.generation import LEVELS, Level, generate_puzzle
from vmevalkit.tasks.gears.puzzle import CLOCKWISE, Belt, Gear, Puzzle, bounds, directions, linked_gears
from vmevalkit.tasks.toolkit.cells import CELL_REASONS, Board, CellsTask, Looks
from vmevalkit.tasks.toolkit.draw import Box, Sketch
from vmevalkit.types import Size

__all__ = ["LEVELS", "Belt", "Gear", "Gears", "Level", "Puzzle"]

_WAYS = ("clockwise", "counterclockwise")


@register_task
class Gears(CellsTask[Puzzle]):
    """The places are the middles of the gears, and a look is an arrow."""

    name = "gears"
    tags = ("physics", "logic")
    puzzle_type = Puzzle
    reasons = {
        **CELL_REASONS,
        "wrong_place": "A gear gets a wrong arrow, or a gear that nothing drives gets one.",
        "wrong_order": "A gear gets its arrow before a gear that drives it has one.",
    }
    rubric = {
        "outcome": (
            "Each gear that is driven has the arrow of its direction: blue for clockwise, orange for counterclockwise. "
            "Gears that mesh turn in opposite ways, also those with a crossed belt; a plain belt keeps the direction."
        ),
        "process": (
            "Gears get their arrows one after another, each linked to a gear that has its arrow, and never a wrong one."
        ),
    }

    def generate(self, rng: random.Random, difficulty: int) -> Puzzle:
        return generate_puzzle(rng, difficulty)

    def start(self, puzzle: Puzzle) -> Looks:
        return (puzzle.look, *(0,) * (len(puzzle.gears) - 1))

    def goal(self, puzzle: Puzzle) -> Looks:
        return directions(puzzle)

    def looks(self, puzzle: Puzzle) -> int:
        return 3

    def order(self, puzzle: Puzzle) -> list[int]:
        order = [0]
        for gear in order:
            order += [other for other, _ in linked_gears(puzzle)[gear] if other not in order]
        return order[1:]

    def too_early(self, puzzle: Puzzle, looks: Looks, place: int) -> bool:
        linked = linked_gears(puzzle)[place]
        return bool(linked) and not any(looks[other] for other, _ in linked)

    def alternatives(self, puzzle: Puzzle) -> dict[str, list[Board]]:
        """Return the solution in another order along the train, if there is one."""
        rng, first = random_generator("order", self.name, str(puzzle)), self.order(puzzle)
        for _ in range(8):
            order, left = [0], set(first)
            while left:
                order.append(
                    rng.choice(
                        [gear for gear in sorted(left) for other, _ in linked_gears(puzzle)[gear] if other in order]
                    )
                )
                left.remove(order[-1])
            if order[1:] != first:
                return {"other_branch_first": self.filled(puzzle, order[1:])}
        return {}

    def steps(self, puzzle: Puzzle) -> list[str]:
        goal = self.goal(puzzle)
        return [f"the gear at {_where(puzzle, gear)} turns {_WAYS[goal[gear] - 1]}" for gear in self.order(puzzle)]

    def plan_text(self, puzzle: Puzzle) -> str:
        goal = self.goal(puzzle)
        gears = (
            "{} {} {}".format(*_percent(puzzle, gear), "blue" if goal[gear] == CLOCKWISE else "orange")
            for gear in self.order(puzzle)
        )
        return f"gears at (% from left, from top): {', '.join(gears)}"

    def place_in_words(self, puzzle: Puzzle, place: int) -> str:
        return f"the gear at {_where(puzzle, place)}"

    def look_in_words(self, puzzle: Puzzle, look: int) -> str:
        return f"marked {_WAYS[look - 1]}" if look else "blank"

    def phrasings(self, puzzle: Puzzle) -> Sequence[str]:
        belts = puzzle.belts
        drive = "teeth or belts" if belts else "teeth"
        rule = " A plain belt keeps the direction, a crossed belt reverses it." if belts else ""
        return (
            f"A machine of gears; one has an arrow that shows its turn. From it along the train, joined by {drive}, "
            "gear after gear gets a disc with a white arrow in its middle: blue if it turns clockwise, orange if "
            f"counterclockwise. Gears that mesh turn in opposite ways.{rule} Gears that nothing drives stay blank. The "
            "gears are not seen to turn, and the camera is fixed.",
            "Which way does each gear turn? Start at the gear with the arrow. One at a time, each gear that is driven "
            f"by a gear with an arrow (through {drive}) gets its own: a blue disc with a clockwise arrow or an orange "
            f"disc with a counterclockwise arrow. Meshing gears turn opposite ways.{rule} Gears that are not driven "
            "stay blank, and all gears rest where they are. Static camera.",
            f"The turn of the marked gear is passed on through {drive}. Gear by gear along the train, the blank middle "
            "fills with a disc that shows the direction: blue with a clockwise arrow, orange with a counterclockwise "
            f"one. Where teeth mesh, the direction changes.{rule} Gears apart from the train keep blank middles. The "
            "gears stand still, and the camera does not move.",
        )

    def cheats(self, puzzle: Puzzle) -> dict[str, list[Board]]:
        found, order, goal = super().cheats(puzzle), self.order(puzzle), self.goal(puzzle)
        alike = tuple(look and puzzle.look for look in goal)
        found["nearly_all_turn_alike"] = self.filled(puzzle, order, alike)
        found["all_reversed"] = self.filled(puzzle, order, tuple(look and 3 - look for look in goal))
        found["far_end_first"] = self.filled(puzzle, order[::-1])
        plain = tuple(belt.model_copy(update={"crossed": not belt.crossed}) for belt in puzzle.belts)
        if plain:
            exchanged = directions(puzzle.model_copy(update={"belts": plain}))
            found["nearly_belts_mistaken"] = self.filled(puzzle, order, exchanged)
        return found

    def sheet(self, puzzle: Puzzle, canvas: Size, downscale: float = 1) -> tuple[Sketch, list[Box]]:
        return machine_sketch(puzzle, canvas, downscale)

    def draw_look(self, puzzle: Puzzle, sketch: Sketch, box: Box, look: int, size: float) -> None:
        draw_arrow(sketch, box, look, size)


def _percent(puzzle: Puzzle, gear: int) -> tuple[int, int]:
    """Return the center of a gear, in percent of the machine from the left and from the top."""
    (left, top, right, bottom), found = bounds(puzzle.gears), puzzle.gears[gear]
    return round(100 * (found.x - left) / (right - left)), round(100 * (found.y - top) / (bottom - top))


def _where(puzzle: Puzzle, gear: int) -> str:
    return "{} % from the left, {} % from the top".format(*_percent(puzzle, gear))
