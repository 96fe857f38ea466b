"""Walks: tasks in which one object of one color (the agent) moves through a scene."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from typing import Any, ClassVar, NamedTuple, TypeVar

import numpy as np

from vmevalkit.media import Frame, Planes
from vmevalkit.tasks.base import Fault, Painter, Reader, Reading, Task, lerp
from vmevalkit.tasks.toolkit.axes import Axes, Place
from vmevalkit.tasks.toolkit.compass import cell_in_words
from vmevalkit.tasks.toolkit.draw import BLUE, Color, Point, Sketch
from vmevalkit.tasks.toolkit.grid import NOWHERE, cell_of
from vmevalkit.tasks.toolkit.motion import MOTION_REASONS, Scale, first_of, jumped, popped, vanished
from vmevalkit.tasks.toolkit.vision import Blob, Envelope, Lens, Mask, downscale_of, lost, patches, to_planes
from vmevalkit.types import Size, Verdict

P = TypeVar("P", bound=Any)
S = TypeVar("S")

# Range of the area of the agent, in shares of its area at the start: 70 to 130 % in diameter.
_SMALLEST, _LARGEST = 0.5, 1.8
# Share of its area from which on its color elsewhere is a second agent, or a ghost that stays behind.
_STRAY = 0.35
# Two images of the agent in a blend of two frames lie within so many times its reach.
_APART = 2.5
# Largest number of unexplained squares of 4x4 pixels beside the agent.
_MAX_UNEXPLAINED = 2

# In cells: compression moves a resting disc by less than the first length. A cut of more than the second hides a cell.
STEPWISE = Scale(still=0.06, jump=0.6)

AGENT_REASONS = {
    **MOTION_REASONS,
    "agent_lost": "The moving object has disappeared.",
    "two_agents": "The moving object is in more than one place.",
}


def disc_painter(sheet: Sketch, color: Color, radius: float, center: Callable[[S], Point]) -> Painter[S]:
    """Return a painter that draws a disc over a scene.

    Args:
        sheet: the scene without the disc.
        color: of the disc.
        radius: in pixels of the canvas.
        center: returns the center of the disc in a state, (x, y) in pixels of the canvas.
    """
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
    """Return a function that finds the center of the agent in a frame: (x, y) in pixels of the view.

    Args:
        start: the first frame at the size of the view (`Task.drawing`).
        empty: the same scene without the agent.
        color: of the agent. Nothing else in the scene may have it.
        radius: of the agent, in pixels of the view.
        slack: largest distance of its smear from its rim, in pixels of the view.
        others: further drawings that the empty scene may agree with, in part or as a blend, for objects that appear or
            vanish.
    """
    lens, envelope = Lens(start), Envelope(empty, *others)
    reach = radius + slack

    def look(frame: Planes) -> tuple[Planes, Mask]:
        planes = lens.planes(frame)
        return planes, envelope.unexplained(planes)

    drawn = Blob(*look(start), empty, color, reach)
    nominal = drawn.mass

    def read(frame: Planes) -> Reading[tuple[float, float]]:
        planes, unexplained = look(frame)
        if lost(unexplained):
            return Reading(None, False, "scene_lost")
        blob = Blob(planes, unexplained, empty, color, reach)
        found = judged(blob, patches(_beyond(unexplained, blob, reach + 1)))
        if not found.scene_intact and Blob(planes, unexplained, empty, color, _APART * reach).is_blend(drawn):
            return Reading(None, True, "agent_lost")
        return found

    def judged(blob: Blob, unexplained: int) -> Reading[tuple[float, float]]:
        if blob.mass < _SMALLEST * nominal:
            return Reading(None, unexplained <= _MAX_UNEXPLAINED and blob.mass < 0.2 * nominal, "agent_lost")
        if blob.stray > _STRAY * nominal or blob.mass > _LARGEST * nominal:
            # The smear of one agent has no more area than the agent.
            return Reading(None, False, "two_agents")
        if unexplained > _MAX_UNEXPLAINED:
            return Reading(None, False, "extra_object")
        if blob.other > 1.2 * nominal:
            return Reading(None, True)
        if not blob.resembles(drawn):
            return Reading(None, True, "agent_lost")
        return Reading((blob.x + 0.5, blob.y + 0.5))

    return read


def _beyond(unexplained: Mask, blob: Blob, reach: float) -> Mask:
    """Return the pixels of a mask that are farther than `reach` from the center of a blob."""
    if math.isnan(blob.x):
        return unexplained
    top, left = max(0, math.floor(blob.y - reach)), max(0, math.floor(blob.x - reach))
    around = unexplained[top : math.ceil(blob.y + reach) + 1, left : math.ceil(blob.x + reach) + 1]
    down = np.arange(top, top + around.shape[0])[:, None] - blob.y
    right = np.arange(left, left + around.shape[1]) - blob.x
    beyond: Mask = unexplained.copy()
    beyond[top : top + around.shape[0], left : left + around.shape[1]] &= down**2 + right**2 > reach * reach
    return beyond


def walked(
    places: Sequence[Place | None], scale: Scale = STEPWISE, step_of: Callable[[Place], Hashable] = cell_of
) -> Fault | None:
    """Return where the agent vanishes or jumps, given its place in each frame (None if it is not seen as itself)."""
    return first_of(vanished([places], scale, step_of), jumped([places], scale), popped(places, scale))


class Moment(NamedTuple):
    """A moment of a walk.

    Attributes:
        place: of the agent.
        wrong: in a followed moment, the reason code if the way to it was against the rules.
        node: in a followed moment of a task whose rules are a graph (`follow`), the node that was reached last.
        shown: for each thing that may vanish, 1 if it is present, 0 if it is gone, and 0.5 if that cannot be seen.
    """

    place: tuple[float, float]
    wrong: str | None = None
    node: Any = None
    shown: tuple[float, ...] = ()


def moments(way: Iterable[Place]) -> list[Moment]:
    """Return the moments at the places of a way."""
    return [Moment((float(place[0]), float(place[1]))) for place in way]


class MomentReader:
    """Reads the place of the agent in a frame, and whether the scene is intact.

    Args:
        start: the first frame at the size of the view.
        find: finds the agent; see `agent_reader`.
        place_of: converts x and y in pixels of the view to a place in the units of the task.
        is_intact: whether the details of the scene stay, given the corrected planes and the place of the agent.
        note: reason code if they do not.
    """

    def __init__(
        self,
        start: Planes,
        find: Callable[[Planes], Reading[tuple[float, float]]],
        place_of: Callable[[float, float], tuple[float, float]],
        is_intact: Callable[[Planes, tuple[float, float]], bool],
        note: str,
    ) -> None:
        self._lens, self._find, self._place_of = Lens(start), find, place_of
        self._is_intact, self._note = is_intact, note

    def read(self, frame: Planes) -> Reading[Moment]:
        """Read the planes of a frame."""
        planes = self._lens.planes(frame)
        found = self._find(planes)
        if found.state is None:
            return Reading(None, found.scene_intact, found.note)
        place = self._place_of(*found.state)
        return Reading(Moment(place), self._is_intact(planes, place), self._note)


class Walk(Task[P, Moment]):
    """A task in which a disc moves, and the way to a place matters, not only the place.

    Class attributes:
        color: of the disc. Nothing else in the scene may have it.
        slack: largest distance of its smear from its rim, in units of the axes.
        damage: reason code if details of the scene change.
        leap: a longer distance between two readings is a jump.
        scale: smallest lengths that count, for `motion`.
        there: two places are the same if they are nearer than this.
        mover: what the object is called in explanations.
    """

    color: ClassVar[Color] = BLUE
    slack: ClassVar[float] = 0.4
    damage: ClassVar[str] = "scene_lost"
    leap: ClassVar[float]
    scale: ClassVar[Scale] = STEPWISE
    there: ClassVar[float]
    mover: ClassVar[str] = "the blue disc"

    @abstractmethod
    def sheet(self, puzzle: P, canvas: Size, downscale: float = 1) -> tuple[Sketch, Axes]:
        """Draw the scene without the disc. Return also its axes, in pixels of the canvas."""

    @abstractmethod
    def radius(self, puzzle: P) -> float:
        """Return the radius of the disc in units of the axes."""

    def details(self, puzzle: P, empty: Planes, axes: Axes) -> Callable[[Planes, Place], bool]:
        """Return a function that says whether small details of the scene stay. By default it has none.

        Args:
            puzzle: the puzzle.
            empty: the scene without the disc, at the size of the view.
            axes: of the view. The function is called with a corrected frame and the place of the disc.
        """
        return lambda planes, place: True

    def painter(self, puzzle: P, canvas: Size, downscale: float = 1, object_scale: float = 1) -> Painter[Moment]:
        sheet, axes = self.sheet(puzzle, canvas, downscale)
        radius = self.radius(puzzle) * axes.unit * object_scale
        return disc_painter(sheet, self.color, radius, lambda moment: axes.point(moment.place))

    def reader(self, puzzle: P, canvas: Size) -> Reader[Moment]:
        downscale = downscale_of(canvas)
        sheet, axes = self.sheet(puzzle, canvas, downscale)
        axes = axes.downscaled(downscale)
        start, empty = self.drawing(puzzle, self.solution(puzzle)[0], canvas), to_planes(sheet.pixels())
        find = agent_reader(start, empty, self.color, self.radius(puzzle) * axes.unit, self.slack * axes.unit)
        return MomentReader(start, find, axes.place, self.details(puzzle, empty, axes), self.damage).read

    @abstractmethod
    def followed(self, puzzle: P, readings: Sequence[Reading[Moment]]) -> Iterator[Reading[Moment]]:
        """Yield the readings with `wrong` set in each moment: the reason code if the rules were broken so far."""

    def between(self, puzzle: P, a: Moment, b: Moment, t: float) -> Moment:
        return a._replace(place=(lerp(a.place[0], b.place[0], t), lerp(a.place[1], b.place[1], t)))

    def without_mover(self, puzzle: P, state: Moment, a: Moment, b: Moment) -> Moment:
        return state._replace(place=NOWHERE)

    def in_words(self, puzzle: P, state: Moment) -> dict[str, str]:
        """Return where the object is; see `Task.in_words`."""
        return {self.mover: self.place_in_words(puzzle, state.place)}

    def place_in_words(self, puzzle: P, place: Place) -> str:
        """Return a place in words. By default the row and the column."""
        return cell_in_words(place)

    def judge(self, puzzle: P, readings: Sequence[Reading[Moment]]) -> Verdict:
        return super().judge(puzzle, list(self.followed(puzzle, readings)))

    def illegal(self, puzzle: P, a: Moment, b: Moment) -> str | None:
        return "teleport" if math.dist(a.place, b.place) > self.leap else b.wrong

    def interrupted(self, puzzle: P, readings: Sequence[Reading[Moment]]) -> Fault | None:
        return walked([reading.state and reading.state.place for reading in readings], self.scale)

    def same(self, puzzle: P, a: Moment, b: Moment) -> bool:
        return math.dist(a.place, b.place) < self.there
