"""Rotation: turn the colored shape about the marked point by a given angle, in a given direction.

      ##                        A video passes if the shape turns visibly about the ring, by the given angle and in the
      ##                        given direction, keeps its form and its distance, and rests there, while the ring and
      ####    -->     ####      the other shapes stay. A video fails if the shape turns the other way, jumps, moves in a
                      ##        straight line, is mirrored or doubled, or ends 20 degrees off.
         o     o    ####

The ring lies inside the shape at difficulty 1, on its edge at difficulty 2, and beside it at difficulties 3 to 5, which
also have other shapes. The plan length is the number of turns by 30 degrees (45 if the angle is not a multiple of 30).
There are far more than 10,000 questions at every difficulty.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Sequence

import numpy as np

from vmevalkit.media import Frame, Planes
from vmevalkit.tasks.base import Fault, Painter, Reader, Reading, Task, lerp, register_task
from vmevalkit.tasks.rotation.drawing import draw_ring, draw_scene, place_in_pixels, square_corners
from vmevalkit.tasks.rotation.puzzle import LEVELS, REACH, Level, Pose, Puzzle, Shape, generate_puzzle
from vmevalkit.tasks.rotation.reading import ShapeReader
from vmevalkit.tasks.toolkit.draw import HUES
from vmevalkit.tasks.toolkit.motion import Scale, jumped
from vmevalkit.tasks.toolkit.vision import Envelope, Mask, Scene, downscale_of, lost, to_planes, tone
from vmevalkit.types import Size, Verdict

__all__ = ["LEVELS", "Level", "Pose", "Puzzle", "Rotation", "Shape"]

_SHARES = {
    60: "a sixth of a turn", 90: "a quarter turn", 120: "a third of a turn", 135: "three eighths of a turn",
    150: "less than half a turn", 180: "half a turn", 210: "more than half a turn", 240: "two thirds of a turn",
    270: "three quarters of a turn", 300: "five sixths of a turn",
}  # fmt: skip
# In degrees: a larger turn between two readings is a jump; a larger turn back is backwards; tolerance at the end.
_LEAP, _BACK, _EXACT = 40.0, 8.0, 8.0
# The same for `motion`: a smaller turn is none; a larger one is a jump if the shape turns much more slowly otherwise.
_SCALE = Scale(still=0.5, jump=20.0)
# By how much the distance of the shape from the ring may change, in shares of the height of the image.
_STRAY = 0.05


@register_task
class Rotation(Task[Puzzle, Pose]):
    """One shape turns about a point. The state is its pose."""

    name = "rotation"
    tags = ("geometry",)
    puzzle_type = Puzzle
    reasons = {
        "backwards": "The shape turns in the wrong direction.",
        "off_centre": "The distance of the shape from the marked point changes.",
        "out_of_shape": "The shape is deformed, mirrored, or not turned as its position about the point requires.",
        "object_lost": "The shape is missing.",
        "two_agents": "The shape is in more than one place.",
    }
    rubric = {
        "outcome": (
            "The shape is turned about the ring by the angle and in the direction that the prompt gives, within a few "
            "degrees, and is not mirrored."
        ),
        "process": "The shape turns visibly about the ring and keeps its form and its distance from the ring.",
    }

    def generate(self, rng: random.Random, difficulty: int) -> Puzzle:
        return generate_puzzle(rng, difficulty)

    def solution(self, puzzle: Puzzle) -> list[Pose]:
        step = 30 if puzzle.turn % 30 == 0 else 45
        count = abs(puzzle.turn) // step
        return [Pose(puzzle.turn * i / count) for i in range(count + 1)]

    def steps(self, puzzle: Puzzle) -> list[str]:
        step = abs(puzzle.turn) // (len(self.solution(puzzle)) - 1)
        return [f"turn the {puzzle.thing.colour} shape {_direction(puzzle)} to {i * step} degrees from where it was"
                for i in range(1, abs(puzzle.turn) // step + 1)]  # fmt: skip

    def plan_text(self, puzzle: Puzzle) -> str:
        step = abs(puzzle.turn) // (len(self.solution(puzzle)) - 1)
        angles = ", ".join(str(i * step) for i in range(1, abs(puzzle.turn) // step + 1))
        return f"the {puzzle.thing.colour} shape turns {_direction(puzzle)} to {angles} degrees from where it was"

    def in_words(self, puzzle: Puzzle, state: Pose) -> dict[str, str]:
        way = "clockwise" if state.turn >= 0 else "counterclockwise"
        mirrored = " and mirrored" if state.mirrored else ""
        return {f"the {puzzle.thing.colour} shape": f"turned {abs(round(state.turn))} degrees {way}{mirrored}"}

    def phrasings(self, puzzle: Puzzle) -> Sequence[str]:
        color, angle, way = puzzle.thing.colour, f"{abs(puzzle.turn)} degrees", _direction(puzzle)
        share = _SHARES[abs(puzzle.turn)]
        return (
            f"Turn the {color} shape by {angle} {way} ({share}) about the dark ring. It turns smoothly like a hand of "
            "a clock fixed at the ring, keeps its form and its distance, passes through all positions in between, and "
            "stops. The ring stays. The camera is fixed.",
            f"The {color} shape swings around the dark ring, {way}, through exactly {angle}, that is {share}, and "
            "then rests. It is a rigid flat piece: no mirroring, no bending, no sliding away. The ring stays. Static "
            "camera.",
            f"Show a rotation in the plane: the {color} piece rotates {way} by {angle} with the dark ring as its "
            f"centre ({share}). Size and form do not change, the ring stays, and the camera does not move.",
        )

    def painter(self, puzzle: Puzzle, canvas: Size, downscale: float = 1, object_scale: float = 1) -> Painter[Pose]:
        sheet, shape = draw_scene(puzzle, canvas, downscale), puzzle.thing
        base = sheet.pixels()

        def draw(pose: Pose) -> Frame:
            frame: Frame = base.copy()
            for shown in (pose, *([] if pose.copy is None else [Pose(pose.copy)])):
                squares = square_corners(shape, canvas, shown, object_scale)
                xs, ys = zip(*itertools.chain.from_iterable(squares), strict=True)
                part = sheet.region((min(xs) - 1, min(ys) - 1, max(xs) + 1, max(ys) + 1))
                for square in squares:
                    part.polygon(square, HUES[shape.colour])
                draw_ring(part, shape, canvas)
                part.onto(frame)
            return frame

        return draw

    def between(self, puzzle: Puzzle, a: Pose, b: Pose, t: float) -> Pose:
        late = b if t > 0.5 else a
        return Pose(lerp(a.turn, b.turn, t), lerp(a.lag, b.lag, t), lerp(a.out, b.out, t), lerp(a.size, b.size, t),
                    late.mirrored, late.copy)  # fmt: skip

    def cheats(self, puzzle: Puzzle) -> dict[str, list[Pose]]:
        path, turn = self.solution(puzzle), float(puzzle.turn)
        side = math.copysign(1, turn)
        return {
            "the_other_way_round": self._slowly(path[0], Pose(turn - 360 * side)),
            "nearly_20_degrees_short": self._slowly(path[0], Pose(turn - 20 * side)),
            "nearly_20_degrees_too_far": self._slowly(path[0], Pose(turn + 20 * side)),
            "nearly_mirrored": [*path, path[-1]._replace(mirrored=True)],
            "nearly_not_turned_in_itself": self._slowly(path[0], Pose(turn, -turn)),
            "nearly_turned_on_the_spot": self._slowly(path[0], Pose(0, turn)),
            "on_the_spot_and_then_about": [*self._slowly(path[0], Pose(0, turn)), path[-1]],
            "straight_across": [path[0], Pose(turn / 2, 0, -0.6), path[-1]],
            "nearly_too_far_out": self._slowly(path[0], Pose(turn, 0, 0.1 / math.hypot(*puzzle.thing.arm()))),
            "shrunk_and_grown": [path[0], Pose(0, size=0.1), Pose(turn, size=0.1), path[-1]],
            "one_stays_behind": [path[0], *(pose._replace(copy=0.0) for pose in path[1:]), path[-1]],
            "two_of_them": [*path, path[-1]._replace(copy=0.0)],
            "too_far_and_back": [*path, Pose(turn + 45 * side), path[-1]],
        }

    def _slowly(self, a: Pose, b: Pose) -> list[Pose]:
        """Go from one pose to another in four steps."""
        return [a._replace(turn=lerp(a.turn, b.turn, t), lag=lerp(a.lag, b.lag, t), out=lerp(a.out, b.out, t))
                for t in (0, 0.25, 0.5, 0.75, 1)]  # fmt: skip

    def alternatives(self, puzzle: Puzzle) -> dict[str, list[Pose]]:
        return {"at_once": self._slowly(Pose(0.0), Pose(float(puzzle.turn)))}

    def reader(self, puzzle: Puzzle, canvas: Size) -> Reader[Pose]:
        downscale = downscale_of(canvas)
        start = self.drawing(puzzle, Pose(0.0), canvas)
        bare = to_planes(draw_scene(puzzle, canvas, downscale).pixels())
        (x, y), unit = place_in_pixels(puzzle.thing.at, canvas)
        ys, xs = np.mgrid[: bare.shape[1], : bare.shape[2]]
        inside: Mask = np.hypot(ys + 0.5 - y / downscale, xs + 0.5 - x / downscale) < (REACH + 0.03) * unit / downscale
        filled = bare.copy()
        filled[:, inside] = np.array(tone(HUES[puzzle.thing.colour]), np.uint8)[:, None]
        scene, empty = Scene(start, [bare, filled], inside), Envelope(bare)
        center = (x / downscale - 0.5, y / downscale - 0.5)
        shape = ShapeReader(puzzle.thing, start, empty.unexplained(start), bare, center, unit / downscale)

        def read(frame: Planes) -> Reading[Pose]:
            planes, wrong = scene.look(frame)
            if wrong:
                return Reading(None, False, wrong)
            unexplained = empty.unexplained(planes)
            if lost(unexplained):
                return Reading(None, False, "scene_lost")
            return shape.read(planes, unexplained)

        return read

    def judge(self, puzzle: Puzzle, readings: Sequence[Reading[Pose]]) -> Verdict:
        return super().judge(puzzle, self._followed(puzzle, readings))

    def _followed(self, puzzle: Puzzle, readings: Sequence[Reading[Pose]]) -> list[Reading[Pose]]:
        """Accumulate the turns of the readings and note the first violation."""
        side = math.copysign(1, puzzle.turn)
        followed: list[Reading[Pose]] = []
        turned, farthest, wrong = 0.0, 0.0, None
        for reading in readings:
            pose = reading.state
            if pose is None:
                followed.append(reading)
                continue
            step = (pose.turn - turned + 180) % 360 - 180
            turned += step
            farthest = max(farthest, side * turned)
            if abs(step) > _LEAP:
                wrong = wrong or "teleport"
            elif side * turned < farthest - _BACK:
                wrong = wrong or "backwards"
            elif abs(pose.out) * math.hypot(*puzzle.thing.arm()) > _STRAY:
                wrong = wrong or "off_centre"
            followed.append(Reading(pose._replace(turn=turned, wrong=wrong), reading.scene_intact, reading.note))
        return followed

    def interrupted(self, puzzle: Puzzle, readings: Sequence[Reading[Pose]]) -> Fault | None:
        return jumped([[reading.state and (reading.state.turn, 0.0) for reading in readings]], _SCALE)

    def illegal(self, puzzle: Puzzle, a: Pose, b: Pose) -> str | None:
        return b.wrong

    def progress(self, puzzle: Puzzle, state: Pose) -> float:
        off = abs(state.turn - puzzle.turn)
        if state.clear and max(off, abs(state.turn + state.lag - puzzle.turn)) <= _EXACT:
            return 1.0
        # A turn too small to be told from the start earns nothing.
        return min(max(0.0, 1 - off / (abs(puzzle.turn) - _EXACT)), 0.99)

    def same(self, puzzle: Puzzle, a: Pose, b: Pose) -> bool:
        return abs((a.turn - b.turn + 180) % 360 - 180) <= _EXACT and abs(a.lag - b.lag) <= _EXACT


def _direction(puzzle: Puzzle) -> str:
    return "clockwise" if puzzle.turn > 0 else "counterclockwise"
