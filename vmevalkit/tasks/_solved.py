"""What the solution of a question looks like, and what is derived from that. Each part is made when it is needed."""

from __future__ import annotations

import math
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from vmevalkit.media import Planes
from vmevalkit.tasks.toolkit.camera import Camera
from vmevalkit.tasks.toolkit.compare import Mask, differing
from vmevalkit.tasks.toolkit.course import Course
from vmevalkit.tasks.toolkit.emphasis import Stage
from vmevalkit.tasks.toolkit.envelope import Envelope
from vmevalkit.tasks.toolkit.lens import Lens
from vmevalkit.tasks.toolkit.repairs import acting_colors, margin_of
from vmevalkit.tasks.toolkit.vision import Painted, downscale_of
from vmevalkit.types import Size

if TYPE_CHECKING:
    from vmevalkit.tasks.base import Task

# So many moments of the solution are drawn, to tell what belongs to the puzzle.
_DRAWN = 24
# Pixels of the view around what changes that a small movement of the camera brings there.
_AROUND = 2
# Drawn at this share of their size, objects are invisible.
_INVISIBLE = 0.02


class Solved:
    """Drawings of the solution of one puzzle, for the videos that do not pass at once.

    Args:
        task, puzzle, canvas: the question.
    """

    def __init__(self, task: Task[Any, Any], puzzle: Any, canvas: Size) -> None:
        self._task, self._puzzle, self._canvas = task, puzzle, canvas
        self._states = task.paced(puzzle, task.solution(puzzle))
        self._steps = len(self._states) - 1

    @cached_property
    def drawings(self) -> list[Planes]:
        """Drawings from the start to the answer."""
        return self._drawn()

    @cached_property
    def changing(self) -> Mask:
        """The pixels that change in the solution."""
        first, *others = self.drawings
        changing: Mask = np.logical_or.reduce([differing(first, drawing, _AROUND) for drawing in others])
        return changing

    @cached_property
    def camera(self) -> Camera:
        """Finds the movement of the camera."""
        return Camera(self.drawings[0], self.changing)

    @cached_property
    def lens(self) -> Lens:
        """Brings frames to the light and position of the first drawing."""
        return Lens(self.drawings[0], ~self.changing)

    @cached_property
    def answer(self) -> Envelope:
        """Tells what the last drawing does not explain."""
        return Envelope(self.drawings[-1])

    @cached_property
    def margin(self) -> Mask | None:
        """What lies beside all that the puzzle uses; None if there is hardly any."""
        return margin_of(self.drawings)

    @cached_property
    def acting(self) -> Planes:
        """Colors of what moves or appears."""
        acting, wrong = acting_colors(self.drawings, self._moves), self._wrong_drawings()
        if not wrong:
            return acting
        return np.concatenate([acting, acting_colors([self.drawings[0], *wrong])], 1)

    @cached_property
    def stage(self) -> Stage:
        """What acts, and what lies below it."""
        return Stage(self.drawings, self._drawn(_INVISIBLE))

    @cached_property
    def course(self) -> Course:
        """All moments of the solution."""
        paint = Painted(self._task.painter(self._puzzle, self._canvas, downscale_of(self._canvas)))
        states, steps = self._states, self._steps

        def draw(at: float) -> Planes:
            return paint(self._task.moment(self._puzzle, states, round(at, 4)))

        def draw_bare(at: float) -> Planes:
            k = min(int(at), steps - 1)
            state = self._task.moment(self._puzzle, states, round(at, 4))
            return paint(self._task.without_mover(self._puzzle, state, states[k], states[k + 1]))

        count = steps * max(8, math.ceil(192 / steps))
        return Course(draw, draw_bare if self._moves else None, steps, count, self.acting)

    @cached_property
    def _moves(self) -> bool:
        """Whether something moves from place to place."""
        first, second = self._states[:2]
        return self._task.without_mover(self._puzzle, first, first, second) is not None

    def _wrong_drawings(self) -> list[Planes]:
        """Draw the ends of illegal ways, if nothing moves: what is wrong may have other colors than the answer."""
        if self._moves:
            return []
        paint = Painted(self._task.painter(self._puzzle, self._canvas, downscale_of(self._canvas)))
        ways = self._task.cheats(self._puzzle).values()
        return [paint(state) for way in ways for state in way[-2:] if state not in self._states]

    def _drawn(self, object_scale: float = 1) -> list[Planes]:
        paint = Painted(self._task.painter(self._puzzle, self._canvas, downscale_of(self._canvas), object_scale))
        steps = self._steps
        shown = np.linspace(0, steps, max(1, _DRAWN // steps) * steps + 1 if steps < _DRAWN else _DRAWN)
        return [paint(self._task.moment(self._puzzle, self._states, round(float(at), 3))) for at in shown]


@lru_cache(maxsize=2)
def solved(task: Task[Any, Any], puzzle: str, canvas: Size) -> Solved:
    """Return the solution of a puzzle, given as JSON.

    It is cached, because the videos of a question share its drawings.
    """
    return Solved(task, task.puzzle_type.model_validate_json(puzzle), canvas)
