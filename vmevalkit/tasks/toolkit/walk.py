"""Finding one moving object of one color: what the families with a walking agent share."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar, NamedTuple, TypeVar

import numpy as np

from vmevalkit.media import Frame, Planes
from vmevalkit.tasks.base import Painter, Reading, Task, lerp
from vmevalkit.tasks.toolkit.draw import Color, Point, Sketch
from vmevalkit.tasks.toolkit.vision import Blob, Envelope, Lens, Mask, lost, patches
from vmevalkit.types import Verdict

P = TypeVar("P", bound=Any)
S = TypeVar("S")

# How much of the agent's area must be there, and how much more may be: 70 to 130 % in diameter.
_SMALLEST, _LARGEST = 0.5, 1.8
# Its color farther away than `slack`, as a share of its area: a second agent, or a ghost that stays behind.
_STRAY = 0.35
# Squares of four pixels that nothing explains, beside the agent.
_STRANGE = 2

AGENT_REASONS = {
    "agent_lost": "The moving object is gone.",
    "two_agents": "The moving object is in more than one place.",
}


def disc_painter(sheet: Sketch, color: Color, radius: float, center: Callable[[S], Point]) -> Painter[S]:
    """Draws the disc of a state over what stays; its radius, and its center in a state, are in pixels of the canvas."""
    base = sheet.pixels()

    def draw(state: S) -> Frame:
        frame: Frame = base.copy()
        x, y = center(state)
        part = sheet.region((x - radius - 1, y - radius - 1, x + radius + 1, y + radius + 1))
        part.circle((x, y), radius, color)
        part.onto(frame)
        return frame

    return draw


def agent_reader(
    start: Planes, empty: Planes, color: Color, radius: float, slack: float, *others: Planes
) -> Callable[[Planes], Reading[tuple[float, float]]]:
    """A function that says where the agent's center is in a frame: (x, y) in pixels of the view.

    Args:
        start: the puzzle's first frame at the size of the view (`Task.drawing`).
        empty: the same scene without the agent.
        color: of the agent; nothing else in the scene may have it.
        radius: of the agent, in pixels of the view.
        slack: how far from its rim its smear between two neighboring frames may reach.
        others: further drawings that the empty scene may agree with, in part or in between: what appears or vanishes.
    """
    lens, envelope = Lens(start), Envelope(empty, *others)
    reach = radius + slack

    def look(frame: Planes) -> tuple[Blob, int] | None:
        planes = lens.planes(frame)
        strange = envelope.unexplained(planes)
        if lost(strange):
            return None
        blob = Blob(planes, strange, empty, color, reach)
        return blob, patches(_beyond(strange, blob, reach + 1))

    shown = look(start)
    assert shown is not None, "the start drawing must explain itself"
    nominal = shown[0].mass

    def read(frame: Planes) -> Reading[tuple[float, float]]:
        seen = look(frame)
        if seen is None:
            return Reading(None, False, "scene_lost")
        blob, strange = seen
        if blob.mass < _SMALLEST * nominal:
            return Reading(None, strange <= _STRANGE and blob.mass < 0.2 * nominal, "agent_lost")
        if blob.stray > _STRAY * nominal or blob.mass > _LARGEST * nominal:
            # A smear is no more than the agent itself, spread out.
            return Reading(None, False, "two_agents")
        if strange > _STRANGE:
            return Reading(None, False, "extra_object")
        if blob.other > 1.2 * nominal:
            return Reading(None, True)
        return Reading((blob.x + 0.5, blob.y + 0.5))

    return read


def _beyond(strange: Mask, blob: Blob, reach: float) -> Mask:
    if math.isnan(blob.x):
        return strange
    top, left = max(0, math.floor(blob.y - reach)), max(0, math.floor(blob.x - reach))
    around = strange[top : math.ceil(blob.y + reach) + 1, left : math.ceil(blob.x + reach) + 1]
    down = np.arange(top, top + around.shape[0])[:, None] - blob.y
    right = np.arange(left, left + around.shape[1]) - blob.x
    beyond: Mask = strange.copy()
    beyond[top : top + around.shape[0], left : left + around.shape[1]] &= down**2 + right**2 > reach * reach
    return beyond


class Moment(NamedTuple):
    """Where the agent is; in a moment that is judged, also what was against the rules on the way to it."""

    place: tuple[float, float]
    wrong: str | None = None


class Walk(Task[P, Moment]):
    """A family in which the way to a place matters, and not the place alone.

    Class attributes:
        leap: farther than this from one seen position to the next is a jump.
        there: nearer than this two positions are the same.
    """

    leap: ClassVar[float]
    there: ClassVar[float]

    @abstractmethod
    def followed(self, puzzle: P, readings: Sequence[Reading[Moment]]) -> Iterator[Reading[Moment]]:
        """Readings in which each moment says what was against the rules so far."""

    def between(self, puzzle: P, a: Moment, b: Moment, t: float) -> Moment:
        return Moment((lerp(a.place[0], b.place[0], t), lerp(a.place[1], b.place[1], t)))

    def judge(self, puzzle: P, readings: Sequence[Reading[Moment]]) -> Verdict:
        return super().judge(puzzle, list(self.followed(puzzle, readings)))

    def illegal(self, puzzle: P, a: Moment, b: Moment) -> str | None:
        return "teleport" if math.dist(a.place, b.place) > self.leap else b.wrong

    def same(self, puzzle: P, a: Moment, b: Moment) -> bool:
        return math.dist(a.place, b.place) < self.there
