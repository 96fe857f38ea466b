"""Clock: move the clock forward by a time, both hands turning as in a real clock.

        . | .           A video passes if the long hand turns clockwise through all positions in between, the short
      .   |   .         hand follows at a twelfth of its speed, both stop when the time has passed and stay there, and
     -    o--- -        the face does not change. A video fails if a hand turns backwards, lags behind, runs ahead or
      .       .         jumps, or ends 20 degrees off.
        . | .

Each start time, to the minute, and each duration in the range of a difficulty make a question: between 10,800 and
21,600 for each difficulty. The plan length is the number of quarter hours, the last of which may be shorter.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from vmevalkit.media import Frame, Planes
from vmevalkit.tasks.base import Painter, Reader, Reading, Task, lerp, register_task
from vmevalkit.tasks.toolkit.dials import HUB, TICKS, draw_dial, toward
from vmevalkit.tasks.toolkit.draw import BLUE, INK, ORANGE, WHITE, Point, Sketch
from vmevalkit.tasks.toolkit.levels import levels
from vmevalkit.tasks.toolkit.vision import (
    OTHER_COLOR,
    Envelope,
    Floats,
    Mask,
    Scene,
    downscale_of,
    lost,
    patches,
    to_planes,
    tone,
    unmix,
)
from vmevalkit.types import Record, Size, Verdict


class Level(NamedTuple):
    """Settings of one difficulty: range of the minutes to move forward."""

    min_minutes: int
    max_minutes: int


# The longest turn is 24 degrees a frame, so that the long hand can be followed in a video of 49 frames.
LEVELS = levels(
    Level(min_minutes=30, max_minutes=45),
    Level(min_minutes=46, max_minutes=75),
    Level(min_minutes=76, max_minutes=105),
    Level(min_minutes=106, max_minutes=130),
    Level(min_minutes=131, max_minutes=150),
)
_QUARTER = 15
# In shares of the radius of the face: the lengths and widths of the hands.
_LONG, _SHORT, _THIN, _THICK = 0.71, 0.45, 0.075, 0.125
# Speeds of the long and the short hand, in degrees per minute.
_FAST, _SLOW = 6.0, 0.5
# In degrees: a larger turn between two readings is a jump; a larger turn back is backwards.
_LEAP, _BACK = 75.0, 8.0
# By how many degrees the short hand may be off during the turn, and either hand at the end.
_LOOSE, _EXACT = 10.0, 7.5
# Two positions of a hand within this many degrees count as the same.
_ALIKE = 6.0


class Puzzle(Record):
    """The time that the clock shows, in minutes after twelve, and the minutes to move it forward."""

    shows: int
    forward: int


class Hands(NamedTuple):
    """Directions of the short and the long hand, in degrees clockwise from the top.

    When a video is judged, turns are accumulated from the start, and `wrong` is the reason code of the first violation.
    """

    short: float
    long: float
    wrong: str | None = None


@register_task
class Clock(Task[Puzzle, Hands]):
    """Two hands on a round face. The state is their directions."""

    name = "clock"
    tags = ("geometry", "logic")
    puzzle_type = Puzzle
    reasons = {
        "backwards": "A hand turns backwards.",
        "uncoupled": "The short hand does not move with the long hand as in a real clock.",
        "hand_lost": "A hand is incomplete or missing.",
        "two_agents": "A hand is in more than one place.",
    }
    rubric = {
        "outcome": "Both hands show the start time plus the duration in the prompt.",
        "process": (
            "The long hand turns clockwise through all positions, and the short hand follows at a twelfth of its speed."
        ),
    }

    def generate(self, rng: random.Random, difficulty: int) -> Puzzle:
        level = LEVELS[difficulty]
        return Puzzle(shows=rng.randrange(12 * 60), forward=rng.randint(level.min_minutes, level.max_minutes))

    def solution(self, puzzle: Puzzle) -> list[Hands]:
        return [_hands_after(puzzle, after) for after in self._stops(puzzle)]

    def _stops(self, puzzle: Puzzle) -> list[float]:
        """Minutes after the start at which each step ends, with 0 first."""
        return [0.0, *map(float, range(_QUARTER, puzzle.forward, _QUARTER)), float(puzzle.forward)]

    def steps(self, puzzle: Puzzle) -> list[str]:
        return [f"turn both hands on until the clock shows {_time(puzzle, after)}" for after in self._stops(puzzle)[1:]]

    def plan_text(self, puzzle: Puzzle) -> str:
        return "the clock shows " + ", then ".join(_time(puzzle, after) for after in self._stops(puzzle))

    def in_words(self, puzzle: Puzzle, state: Hands) -> dict[str, str]:
        # Both hands in one, because they are wrong together.
        hours, minutes = state.short / 30 % 12, round(state.long / _FAST) % 60
        return {"the time shown": f"{hours:.1f} hours (orange hand) and {minutes} minutes (blue hand)"}

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
            f"Set this clock forward to {_time(puzzle, puzzle.forward)}. The hands turn smoothly and only clockwise, "
            "the orange hour hand twelve times slower than the blue minute hand, and come to rest at that time, "
            f"{duration} later. The face stays as it is. Static camera.",
            f"Time passes on this clock: show {duration} going by in a time lapse. Both hands move clockwise together, "
            "blue for minutes and orange for hours, without jumps, and stop. The face does not change, and the camera "
            "does not move.",
        )

    def painter(self, puzzle: Puzzle, canvas: Size, downscale: float = 1, object_scale: float = 1) -> Painter[Hands]:
        (x, y), radius = _face(canvas)
        base = _sheet(canvas, downscale).pixels()
        # The hands never reach the ticks, so the background behind them is always white.
        blank = Sketch(canvas, WHITE, downscale)

        def draw(hands: Hands) -> Frame:
            frame: Frame = base.copy()
            lines = []
            for angle, length, width, color in (
                (hands.long, _LONG, _THIN, BLUE), (hands.short, _SHORT, _THICK, ORANGE)
            ):  # fmt: skip
                pen = width * radius * object_scale
                lines.append((toward((x, y), angle, length * radius * object_scale - pen / 2), pen, color))
            for (tip_x, tip_y), pen, _ in lines:
                rim = max(pen / 2, HUB * radius)
                box = (min(x, tip_x) - rim, min(y, tip_y) - rim, max(x, tip_x) + rim, max(y, tip_y) + rim)
                part = blank.region(box)
                for tip, width, color in lines:
                    part.line([(x, y), tip], width, color)
                part.circle((x, y), HUB * radius, INK)
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
        found["an_hour_too_much"] = [
            *path,
            _hands_after(puzzle, puzzle.forward + 30),
            _hands_after(puzzle, puzzle.forward + 60),
        ]
        found["too_far_and_back"] = [*path, last._replace(long=last.long + 40), last]
        return found

    def _slowly(self, puzzle: Puzzle, a: Hands, b: Hands) -> list[Hands]:
        """Go from one state to another in as many steps as the solution has."""
        count = len(self._stops(puzzle)) - 1
        return [self.between(puzzle, a, b, i / count) for i in range(count + 1)]

    def alternatives(self, puzzle: Puzzle) -> dict[str, list[Hands]]:
        path = self.solution(puzzle)
        return {"in_two_halves": [path[0], _hands_after(puzzle, puzzle.forward / 2), path[-1]]}

    def reader(self, puzzle: Puzzle, canvas: Size) -> Reader[Hands]:
        downscale = downscale_of(canvas)
        (x, y), radius = _face(canvas)
        center, radius = (x / downscale - 0.5, y / downscale - 0.5), radius / downscale
        sheet, start = _sheet(canvas, downscale), self.drawing(puzzle, _hands_after(puzzle, 0), canvas)
        bare = to_planes(sheet.pixels())
        ys, xs = np.mgrid[: bare.shape[1], : bare.shape[2]]
        inside: Mask = np.hypot(ys - center[1], xs - center[0]) < (TICKS[0] - 0.04) * radius
        # Where the hands turn, the scene check accepts any mix of their colors and the face; `_HandReader` reads it.
        filled = []
        for color in (BLUE, ORANGE):
            planes = bare.copy()
            planes[:, inside] = np.array(tone(color), np.uint8)[:, None]
            filled.append(planes)
        scene, face = Scene(start, [bare, *filled], inside), Envelope(bare)
        hands = _HandReader(bare, center, radius)

        def read(frame: Planes) -> Reading[Hands]:
            planes, wrong = scene.look(frame)
            if wrong:
                return Reading(None, False, wrong)
            unexplained = face.unexplained(planes)
            if lost(unexplained):
                return Reading(None, False, "scene_lost")
            return hands.read(planes, unexplained)

        return read

    def judge(self, puzzle: Puzzle, readings: Sequence[Reading[Hands]]) -> Verdict:
        return super().judge(puzzle, self._followed(puzzle, readings))

    def _followed(self, puzzle: Puzzle, readings: Sequence[Reading[Hands]]) -> list[Reading[Hands]]:
        """Accumulate the turns of the readings and note the first violation."""
        start = _hands_after(puzzle, 0)
        followed: list[Reading[Hands]] = []
        last, farthest = start, 0.0
        for reading in readings:
            if reading.state is None:
                followed.append(reading)
                continue
            short, long = _shorter_turn(last.short, reading.state.short), _shorter_turn(last.long, reading.state.long)
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
        first, last = _hands_after(puzzle, 0), _hands_after(puzzle, puzzle.forward)
        if max(abs(state.short - last.short), abs(state.long - last.long)) <= _EXACT:
            return 1.0
        share = (state.long - first.long) / (last.long - first.long)
        return min(max(0.0, min(share, 2 - share)), 0.99)

    def same(self, puzzle: Puzzle, a: Hands, b: Hands) -> bool:
        return max(abs(_shorter_turn(a.short, b.short)), abs(_shorter_turn(a.long, b.long))) <= _ALIKE


def _hands_after(puzzle: Puzzle, after: float) -> Hands:
    """Hands some minutes after the start, with whole turns counted."""
    minutes = puzzle.shows + after
    return Hands(_SLOW * minutes, _FAST * minutes)


def _time(puzzle: Puzzle, after: float) -> str:
    """Time as text, some minutes after the start."""
    hours, minutes = divmod(round(puzzle.shows + after), 60)
    return f"{(hours - 1) % 12 + 1}:{minutes:02d}"


def _shorter_turn(a: float, b: float) -> float:
    """Shorter turn from one angle to another, in [-180, 180) degrees."""
    return (b - a + 180) % 360 - 180


def _face(canvas: Size) -> tuple[Point, float]:
    """Center and radius of the clock in pixels."""
    return (canvas[0] / 2, canvas[1] / 2), 0.43 * min(canvas)


def _sheet(canvas: Size, downscale: float) -> Sketch:
    """Draw the clock without its hands."""
    sheet = Sketch(canvas, downscale=downscale)
    draw_dial(sheet, *_face(canvas))
    return sheet


class _HandReader:
    """Reads the directions of two hands of different colors, from the pixels that the bare face does not explain.

    Ink is the opacity of the color of a hand, summed over pixels.
    """

    # A hand may be smeared by this many degrees to either side, and have this many times the ink of one hand.
    SMEAR, MOST = 20.0, 1.6
    # Share of the ink of a hand that must be present in each part of its length.
    LEAST = 0.5

    def __init__(self, bare: Planes, center: Point, radius: float) -> None:
        self._pixel = 1 / radius
        ys, xs = np.mgrid[: bare.shape[1], : bare.shape[2]].reshape(2, -1).astype(np.float32)
        # Offset of each pixel from the center in radii: to the right, upwards, and in total.
        self._right, self._up = (xs - center[0]) / radius, (center[1] - ys) / radius
        self._far: Floats = np.hypot(self._right, self._up)
        self._bare = bare.reshape(3, -1).astype(np.float32)

    def read(self, planes: Planes, unexplained: Mask) -> Reading[Hands]:
        """Read one frame; `unexplained` is a mask of the pixels that differ from the bare face."""
        at = np.flatnonzero(unexplained)
        right, up, far = self._right[at], self._up[at], self._far[at]
        blue, orange = self._opacity(planes.reshape(3, -1).take(at, 1).astype(np.float32), self._bare.take(at, 1))
        # The short hand covers the long one, so the long one is read beyond the tip of the short one.
        beyond = far > 1.1 * _SHORT
        short = _direction(right, up, np.where((far > 1.5 * HUB) & ~beyond, orange / far, 0))
        long = _direction(right, up, np.where(beyond & (far < 1.1 * _LONG), blue / far, 0))
        if short is None or long is None:
            return Reading(None, False, "hand_lost")
        if max(short[1], long[1]) > self.SMEAR:
            return Reading(None, False, "two_agents")
        rest = np.ones(len(at), bool)
        for (angle, smear), length, width, ink in (
            (short, _SHORT, _THICK, orange), (long, _LONG, _THIN, np.maximum(blue, orange))
        ):  # fmt: skip
            across, down = math.sin(math.radians(angle)), math.cos(math.radians(angle))
            # Distance from the center line of the hand, minus what the smear explains.
            aside = np.abs(right * down - up * across) - far * math.sin(math.radians(1.8 * smear))
            own = aside < 0.55 * width + 3 * self._pixel
            own &= (right * across + up * down > 0) & (far < 1.1 * length + 3 * self._pixel)
            rest &= ~own
            # Ink in each quarter of the hand, as a share of the expected ink.
            first, part = 1.3 * HUB, (0.9 * length - 1.3 * HUB) / 4
            parts = np.clip((far[own] - first) / part + 1, 0, 5).astype(np.intp)
            share = np.bincount(parts, ink[own], 6)[1:5] * self._pixel**2 / (width * part)
            if share.min() < self.LEAST:
                return Reading(None, False, "hand_lost")
            # The short hand never covers the last quarter of the long hand.
            if share[-1 if length == _LONG else 0 :].mean() > self.MOST:
                return Reading(None, False, "two_agents")
        left: Mask = np.zeros(unexplained.shape, bool)
        left.ravel()[at[rest]] = True
        if patches(left):
            return Reading(None, False, "extra_object")
        return Reading(Hands(short[0], long[0]))

    def _opacity(self, pixels: Floats, behind: Floats) -> tuple[Floats, Floats]:
        """Opacity of the colors of the long and of the short hand in each pixel, in [0, 1]."""
        shares, errors = [], []
        for color in (BLUE, ORANGE):
            share, error = unmix(pixels, behind, color)
            shares.append(share)
            errors.append(error)
        other = np.minimum(*errors) > OTHER_COLOR
        return (np.where(other | (errors[0] > errors[1]), 0, shares[0]),
                np.where(other | (errors[1] >= errors[0]), 0, shares[1]))  # fmt: skip


def _direction(right: Floats, up: Floats, weight: Floats) -> tuple[float, float] | None:
    """Mean direction and spread of some ink, in degrees; None if there is too little ink."""
    total = float((weight * np.hypot(right, up)).sum())
    if total < 4:
        return None
    across, height = float((weight * right).sum()) / total, float((weight * up).sum()) / total
    length = min(math.hypot(across, height), 1.0)
    return math.degrees(math.atan2(across, height)), math.degrees(math.sqrt(-2 * math.log(max(length, 0.01))))
