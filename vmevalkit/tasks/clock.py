"""Clock: move the clock forward by a time, both hands turning as in a real clock.

        . | .           A video passes when the long hand turns clockwise through all positions in between, the short
      .   |   .         hand follows at a twelfth of its pace, both stop when the time has passed, and the picture is
     -    o--- -        held, while the face stays. Turning back, a hand that stays behind, runs ahead or jumps, and
      .       .         a hand that ends 20 degrees off do not pass.
        . | .

Every start, to the minute, and every duration in a difficulty's range is a question: from 10,800
to 21,600 at each. The plan length is the number of quarters of an hour, the last of which may be shorter.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from vmevalkit.media import Frame, Planes
from vmevalkit.tasks.base import Painter, Reader, Reading, Task, lerp, register_task
from vmevalkit.tasks.toolkit.draw import BLUE, INK, ORANGE, WHITE, Point, Sketch
from vmevalkit.tasks.toolkit.vision import (
    Envelope,
    Floats,
    Mask,
    Scene,
    downscale_of,
    lost,
    most,
    patches,
    to_planes,
    tone,
)
from vmevalkit.types import Record, Size, Verdict

# Difficulty: fewest and most minutes. At 24 degrees a frame the long hand can be followed in a video of 49 frames.
_LEVELS = {1: (30, 45), 2: (46, 75), 3: (76, 105), 4: (106, 130), 5: (131, 150)}
_QUARTER = 15
# In shares of the face's radius: the hub, the hands' lengths and widths, and where large and small ticks begin.
_HUB, _LONG, _SHORT, _THIN, _THICK, _TICKS = 0.075, 0.71, 0.45, 0.075, 0.125, (0.835, 0.865)
# The clock's own turning speeds, in degrees a minute.
_FAST, _SLOW = 6.0, 0.5
# Degrees: a farther turn from one seen moment to the next is a jump; further back is backwards.
_LEAP, _BACK = 75.0, 8.0
# By how many degrees the short hand may be off on the way, and either hand at the end.
_LOOSE, _EXACT = 10.0, 7.5
# Degrees within which two positions of a hand are the same for the eye.
_ALIKE = 6.0


class Puzzle(Record):
    """The time that the clock shows, in minutes after twelve, and by how many minutes it is to be moved."""

    shows: int
    forward: int


class Hands(NamedTuple):
    """A moment: where the short and the long hand point, in degrees clockwise from the top.

    In states that are judged, turns are added up from the start, and `wrong` is what was against the rules so far.
    """

    short: float
    long: float
    wrong: str | None = None


@register_task
class Clock(Task[Puzzle, Hands]):
    """Two hands on a round face; the state is where they point."""

    name = "clock"
    puzzle_type = Puzzle
    reasons = {
        "backwards": "A hand turns backwards.",
        "uncoupled": "The short hand does not keep pace with the long hand as in a real clock.",
        "hand_lost": "A hand is not whole, or it is gone.",
        "two_agents": "A hand is in more than one place.",
    }
    rubric = {
        "outcome": "Both hands show the start time plus the time that was asked for.",
        "process": (
            "The long hand turns clockwise through all positions, and the short hand follows at a twelfth of its pace."
        ),
    }

    def generate(self, rng: random.Random, difficulty: int) -> Puzzle:
        return Puzzle(shows=rng.randrange(12 * 60), forward=rng.randint(*_LEVELS[difficulty]))

    def solution(self, puzzle: Puzzle) -> list[Hands]:
        return [_at(puzzle, after) for after in self._stops(puzzle)]

    def _stops(self, puzzle: Puzzle) -> list[float]:
        """Minutes after the start at which a step ends."""
        return [0.0, *map(float, range(_QUARTER, puzzle.forward, _QUARTER)), float(puzzle.forward)]

    def steps(self, puzzle: Puzzle) -> list[str]:
        return [f"turn both hands on until the clock shows {_told(puzzle, after)}" for after in self._stops(puzzle)[1:]]

    def plan_text(self, puzzle: Puzzle) -> str:
        return "the clock shows " + ", then ".join(_told(puzzle, after) for after in self._stops(puzzle))

    def phrasings(self, puzzle: Puzzle) -> Sequence[str]:
        hours, minutes = divmod(puzzle.forward, 60)
        parts = [
            f"{count} {word}{'s' * (count > 1)}" for count, word in ((hours, "hour"), (minutes, "minute")) if count
        ]
        duration = " and ".join(parts)
        return (
            "A round clock with a short orange hour hand and a long blue minute hand. Move it forward by exactly "
            f"{duration}: the blue hand turns clockwise all the way, and the orange hand follows slowly as in a real "
            "clock. Then both hands stop. The face stays as it is. The camera is fixed.",
            f"Set this clock forward to {_told(puzzle, puzzle.forward)}. The hands turn smoothly and only clockwise, "
            "the orange hour hand twelve times slower than the blue minute hand, and come to rest at that time, "
            f"{duration} later. Nothing else moves. Static camera.",
            f"Time passes on this clock: show {duration} going by in a time lapse. Both hands move clockwise together, "
            "blue for minutes and orange for hours, without jumps, and stop. Only the hands move, and the camera does "
            "not move.",
        )

    def painter(self, puzzle: Puzzle, canvas: Size, downscale: float = 1, object_scale: float = 1) -> Painter[Hands]:
        (x, y), radius = _face(canvas)
        base = _sheet(canvas, downscale).pixels()
        # The hands never reach the ticks, so that white is all that is behind them.
        blank = Sketch(canvas, WHITE, downscale)

        def draw(hands: Hands) -> Frame:
            frame: Frame = base.copy()
            lines = []
            for angle, length, width, color in (
                (hands.long, _LONG, _THIN, BLUE), (hands.short, _SHORT, _THICK, ORANGE)
            ):  # fmt: skip
                turn, pen = math.radians(angle), width * radius * object_scale
                far = length * radius * object_scale - pen / 2
                lines.append(((x + far * math.sin(turn), y - far * math.cos(turn)), pen, color))
            for (tip_x, tip_y), pen, _ in lines:
                rim = max(pen / 2, _HUB * radius)
                box = (min(x, tip_x) - rim, min(y, tip_y) - rim, max(x, tip_x) + rim, max(y, tip_y) + rim)
                part = blank.region(box)
                for tip, width, color in lines:
                    part.line([(x, y), tip], width, color)
                part.circle((x, y), _HUB * radius, INK)
                part.onto(frame)
            return frame

        return draw

    def between(self, puzzle: Puzzle, a: Hands, b: Hands, t: float) -> Hands:
        return Hands(lerp(a.short, b.short, t), lerp(a.long, b.long, t))

    def cheats(self, puzzle: Puzzle) -> dict[str, list[Hands]]:
        path = self.solution(puzzle)
        first, last = path[0], path[-1]
        back = (first.long - last.long) % 360 or 360.0
        ways = {
            "backwards": Hands(last.short, first.long - back),
            "nearly_only_the_long_hand": last._replace(short=first.short),
            "only_the_short_hand": last._replace(long=first.long),
            "short_hand_backwards": last._replace(short=2 * first.short - last.short),
            "nearly_short_hand_too_far": last._replace(short=last.short + 20),
            "nearly_short_hand_too_near": last._replace(short=last.short - 20),
            "nearly_long_hand_too_far": last._replace(long=last.long + 20),
            "nearly_long_hand_too_near": last._replace(long=last.long - 20),
            "short_hand_an_hour_ahead": last._replace(short=last.short + 30),
        }
        found = {name: self._slowly(puzzle, first, end) for name, end in ways.items()}
        found["one_hand_after_the_other"] = [*self._slowly(puzzle, first, ways["nearly_only_the_long_hand"]), last]
        found["an_hour_too_much"] = [*path, _at(puzzle, puzzle.forward + 30), _at(puzzle, puzzle.forward + 60)]
        found["too_far_and_back"] = [*path, last._replace(long=last.long + 40), last]
        return found

    def _slowly(self, puzzle: Puzzle, a: Hands, b: Hands) -> list[Hands]:
        """As many steps as the solution has."""
        count = len(self._stops(puzzle)) - 1
        return [self.between(puzzle, a, b, i / count) for i in range(count + 1)]

    def alternatives(self, puzzle: Puzzle) -> dict[str, list[Hands]]:
        path = self.solution(puzzle)
        return {"in_two_halves": [path[0], _at(puzzle, puzzle.forward / 2), path[-1]]}

    # ----------------------------------------------------------------------------------------------------- judging

    def reader(self, puzzle: Puzzle, canvas: Size) -> Reader[Hands]:
        downscale = downscale_of(canvas)
        (x, y), radius = _face(canvas)
        center, radius = (x / downscale - 0.5, y / downscale - 0.5), radius / downscale
        sheet, start = _sheet(canvas, downscale), self.drawing(puzzle, _at(puzzle, 0), canvas)
        bare = to_planes(sheet.pixels())
        ys, xs = np.mgrid[: bare.shape[1], : bare.shape[2]]
        inside: Mask = np.hypot(ys - center[1], xs - center[0]) < (_TICKS[0] - 0.04) * radius
        # Where the hands turn, anything between their colors and the face's is left to the eyes below.
        filled = []
        for color in (BLUE, ORANGE):
            planes = bare.copy()
            planes[:, inside] = np.array(tone(color), np.uint8)[:, None]
            filled.append(planes)
        scene, face = Scene(start, [bare, *filled], inside), Envelope(bare)
        eye = _Eye(bare, center, radius)

        def read(frame: Planes) -> Reading[Hands]:
            planes, wrong = scene.look(frame)
            if wrong:
                return Reading(None, False, wrong)
            strange = face.unexplained(planes)
            if lost(strange):
                return Reading(None, False, "scene_lost")
            return eye.read(planes, strange)

        return read

    def judge(self, puzzle: Puzzle, readings: Sequence[Reading[Hands]]) -> Verdict:
        return super().judge(puzzle, self._followed(puzzle, readings))

    def _followed(self, puzzle: Puzzle, readings: Sequence[Reading[Hands]]) -> list[Reading[Hands]]:
        """Readings with the turns added up, and what was against the rules."""
        start = _at(puzzle, 0)
        followed: list[Reading[Hands]] = []
        last, farthest = start, 0.0
        for reading in readings:
            if reading.state is None:
                followed.append(reading)
                continue
            short, long = _turn(last.short, reading.state.short), _turn(last.long, reading.state.long)
            last = Hands(last.short + short, last.long + long, last.wrong)
            turned = last.long - start.long
            farthest = max(farthest, turned)
            wrong = None
            if max(abs(short), abs(long)) > _LEAP:
                wrong = "teleport"
            elif turned < farthest - _BACK:
                wrong = "backwards"
            elif abs(last.short - start.short - turned / 12) > _LOOSE:
                wrong = "uncoupled"
            last = last._replace(wrong=last.wrong or wrong)
            followed.append(Reading(last, reading.scene_intact, reading.note))
        return followed

    def illegal(self, puzzle: Puzzle, a: Hands, b: Hands) -> str | None:
        return b.wrong

    def progress(self, puzzle: Puzzle, state: Hands) -> float:
        first, last = _at(puzzle, 0), _at(puzzle, puzzle.forward)
        if max(abs(state.short - last.short), abs(state.long - last.long)) <= _EXACT:
            return 1.0
        share = (state.long - first.long) / (last.long - first.long)
        return min(max(0.0, min(share, 2 - share)), 0.99)

    def same(self, puzzle: Puzzle, a: Hands, b: Hands) -> bool:
        return max(abs(_turn(a.short, b.short)), abs(_turn(a.long, b.long))) <= _ALIKE


def _at(puzzle: Puzzle, after: float) -> Hands:
    """The hands some minutes after the start, without leaving out whole turns."""
    minutes = puzzle.shows + after
    return Hands(_SLOW * minutes, _FAST * minutes)


def _told(puzzle: Puzzle, after: float) -> str:
    """The time some minutes after the start."""
    hours, minutes = divmod(round(puzzle.shows + after), 60)
    return f"{(hours - 1) % 12 + 1}:{minutes:02d}"


def _turn(a: float, b: float) -> float:
    """The shorter turn from one angle to another, from -180 up to 180 degrees."""
    return (b - a + 180) % 360 - 180


def _face(canvas: Size) -> tuple[Point, float]:
    """Center and radius of the clock in pixels."""
    return (canvas[0] / 2, canvas[1] / 2), 0.43 * min(canvas)


def _sheet(canvas: Size, downscale: float) -> Sketch:
    """The clock without its hands."""
    (x, y), radius = _face(canvas)
    sheet = Sketch(canvas, downscale=downscale)
    sheet.circle((x, y), radius, INK)
    sheet.circle((x, y), 0.94 * radius, WHITE)
    for hour in range(12):
        across, up = math.sin(math.radians(30 * hour)), math.cos(math.radians(30 * hour))
        inner, width = (_TICKS[0], 0.08) if hour % 3 == 0 else (_TICKS[1], 0.055)
        ends = [(x + far * radius * across, y - far * radius * up) for far in (inner, 0.885)]
        sheet.line(ends, width * radius, INK)
    sheet.circle((x, y), _HUB * radius, INK)
    return sheet


class _Eye:
    """Reads where two hands of different colors point, from the pixels that the bare face does not explain."""

    # A hand may be smeared by so many degrees to either side, and weigh so much more than one hand.
    SMEAR, MOST = 20.0, 1.6
    # Share of a hand's ink that must be there in each part of its length.
    LEAST = 0.5

    def __init__(self, bare: Planes, center: Point, radius: float) -> None:
        self._pixel = 1 / radius
        ys, xs = np.mgrid[: bare.shape[1], : bare.shape[2]].reshape(2, -1).astype(np.float32)
        # Of every pixel, in radii from the center: how far to the right, how far up, and how far in all.
        self._right, self._up = (xs - center[0]) / radius, (center[1] - ys) / radius
        self._far: Floats = np.hypot(self._right, self._up)
        self._bare = bare.reshape(3, -1).astype(np.float32)

    def read(self, planes: Planes, strange: Mask) -> Reading[Hands]:
        at = np.flatnonzero(strange)
        right, up, far = self._right[at], self._up[at], self._far[at]
        blue, orange = self._opacity(planes.reshape(3, -1).take(at, 1).astype(np.float32), self._bare.take(at, 1))
        # The short hand lies above the long one, which is read where only it can be.
        beyond = far > 1.1 * _SHORT
        short = _pointing(right, up, np.where((far > 1.5 * _HUB) & ~beyond, orange / far, 0))
        long = _pointing(right, up, np.where(beyond & (far < 1.1 * _LONG), blue / far, 0))
        if short is None or long is None:
            return Reading(None, False, "hand_lost")
        if max(short[1], long[1]) > self.SMEAR:
            return Reading(None, False, "two_agents")
        rest = np.ones(len(at), bool)
        for (angle, smear), length, width, ink in (
            (short, _SHORT, _THICK, orange), (long, _LONG, _THIN, np.maximum(blue, orange))
        ):  # fmt: skip
            across, down = math.sin(math.radians(angle)), math.cos(math.radians(angle))
            # How far from the hand's middle line, less what the smear explains.
            aside = np.abs(right * down - up * across) - far * math.sin(math.radians(1.8 * smear))
            own = aside < 0.55 * width + 3 * self._pixel
            own &= (right * across + up * down > 0) & (far < 1.1 * length + 3 * self._pixel)
            rest &= ~own
            # The ink of four parts of the hand, as a share of what they should have.
            first, part = 1.3 * _HUB, (0.9 * length - 1.3 * _HUB) / 4
            parts = np.clip((far[own] - first) / part + 1, 0, 5).astype(np.intp)
            share = np.bincount(parts, ink[own], 6)[1:5] * self._pixel**2 / (width * part)
            if share.min() < self.LEAST:
                return Reading(None, False, "hand_lost")
            # The long hand's last part is that which the short hand never covers.
            if share[-1 if length == _LONG else 0 :].mean() > self.MOST:
                return Reading(None, False, "two_agents")
        left: Mask = np.zeros(strange.shape, bool)
        left.ravel()[at[rest]] = True
        if patches(left):
            return Reading(None, False, "extra_object")
        return Reading(Hands(short[0], long[0]))

    def _opacity(self, pixels: Floats, behind: Floats) -> tuple[Floats, Floats]:
        """How much of the long and of the short hand's color each pixel has."""
        shares, errors = [], []
        for color in (BLUE, ORANGE):
            toward = np.asarray(tone(color), np.float32)[:, None] - behind
            share = ((pixels - behind) * toward).sum(0) / np.maximum((toward * toward).sum(0), 1.0)
            shares.append(np.clip(share, 0, 1))
            errors.append(most(np.abs(pixels - behind - shares[-1] * toward)))
        other = np.minimum(*errors) > 48
        return (np.where(other | (errors[0] > errors[1]), 0, shares[0]),
                np.where(other | (errors[1] >= errors[0]), 0, shares[1]))  # fmt: skip


def _pointing(right: Floats, up: Floats, weight: Floats) -> tuple[float, float] | None:
    """The mean direction of some ink and its spread to either side, in degrees; None without ink."""
    total = float((weight * np.hypot(right, up)).sum())
    if total < 4:
        return None
    across, height = float((weight * right).sum()) / total, float((weight * up).sum()) / total
    length = min(math.hypot(across, height), 1.0)
    return math.degrees(math.atan2(across, height)), math.degrees(math.sqrt(-2 * math.log(max(length, 0.01))))
