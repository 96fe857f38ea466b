"""Comparison of frames with drawings of the states that were read from them."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from vmevalkit.media import Planes, Views
from vmevalkit.tasks._reading import Reading
from vmevalkit.tasks.toolkit.ahead import shown_ahead
from vmevalkit.tasks.toolkit.compare import differing
from vmevalkit.tasks.toolkit.fidelity import Fidelity
from vmevalkit.tasks.toolkit.vision import Painted, downscale_of
from vmevalkit.types import Size

if TYPE_CHECKING:
    from vmevalkit.tasks.base import Task

# So many frames of a video are compared, with objects as drawn, a little smaller, and a little larger.
_COMPARED = 8
_SCALES = (1.0, 0.92, 1.08)
# Number of blocks that may differ: the last trace of something that vanishes.
_FEW = 1
# Roughness of what stays (see `Fidelity.roughness`) in frames with a texture: 0.18 to 0.21, and 0.02 at most in light
# that changes. So large a part of the frames may be like that.
_RESTLESS, _SOME = 0.15, 0.25
# What moves or appears may be larger than it is drawn by so many pixels of the view.
_AROUND = 6
# Moments of a step at which something that grows or shrinks is drawn.
_MOMENTS = (0.1, 0.25, 0.4, 0.55)
# So many drawings are kept, 260 KB each at the usual size.
_KEPT = 32


class _Shown(NamedTuple):
    """What may be seen in a frame.

    Attributes:
        here: the state that was read.
        beside: the states of the frames before and after it, if they can be drawn.
        before, after: the nearest other states.
    """

    here: Any
    beside: tuple[Any, ...] = ()
    before: Any = None
    after: Any = None


class Comparison:
    """Compares frames of one video with drawings of what was read from them.

    Args:
        task, puzzle, canvas: what the frames show.
        readings: what was read from each frame.
    """

    def __init__(self, task: Task[Any, Any], puzzle: Any, canvas: Size, readings: Sequence[Reading[Any]]) -> None:
        self._task, self._puzzle, self._readings = task, puzzle, readings
        self._fidelity = Fidelity(task.drawing(puzzle, task.solution(puzzle)[0], canvas))
        self._canvas = canvas
        self._paints: dict[float, Painted] = {}
        # Frames beside each other need the same drawings.
        self._drawing = lru_cache(maxsize=_KEPT)(self._drawn)

    def altered(self, frames: Views) -> int | None:
        """Return the number of the first compared frame that does not look as drawn; None if there is none."""
        last = len(self._readings) - 1
        settled = [i for i in range(last) if self._is_settled(i)]
        chosen = {settled[round(k)] for k in np.linspace(0, len(settled) - 1, _COMPARED)} if settled else set()
        ends = {i for i in (0, last) if self._drawable(i) is not None}
        compared = sorted(chosen | ends)
        odd = next((i for i in compared if not self._fidelity.shows(frames[i], self._drawings(i), _FEW)), None)
        if odd is None and self._is_changed(frames):
            odd = last
        odd = self._restless(frames, compared) if odd is None else odd
        return shown_ahead(frames, self._read_drawing) if odd is None else odd

    def _restless(self, frames: Views, compared: Container[int]) -> int | None:
        """Return the first frame with a texture over the scene; None if there are few.

        A texture may keep readers from seeing any state clearly. Then no frame is settled, and compared as a whole.
        """
        first, last = self._read_drawing(0), self._read_drawing(len(frames) - 1)
        between = [i for i, reading in enumerate(self._readings) if reading.scene_intact and i not in compared]
        if first is None or last is None or not between:
            return None
        stays = ~differing(first, last, _AROUND)
        chosen = sorted({between[round(k)] for k in np.linspace(0, len(between) - 1, _COMPARED)})
        found = [i for i in chosen if self._fidelity.roughness(frames[i], first, stays) > _RESTLESS]
        return found[0] if len(found) > _SOME * len(chosen) else None

    def _is_changed(self, frames: Views) -> bool:
        """Whether something that stays looks different at the end of the video from how it looked at the start."""
        first, last = self._read_drawing(0), self._read_drawing(len(frames) - 1)
        if first is None or last is None:
            return False
        stays = ~differing(first, last, _AROUND)
        return self._fidelity.changed(frames[-1], frames[0], stays) > _FEW

    def _read_drawing(self, i: int) -> Planes | None:
        """Return a drawing of what was read from a frame, also where something moves; None if nothing was read."""
        state = self._readings[i].state
        return None if state is None else self._drawing(1.0, state)

    def _shown(self, i: int) -> _Shown:
        """Return what may be seen in a frame."""
        last, here = len(self._readings) - 1, self._readings[i].state
        if i in (0, last):
            return _Shown(here)
        before, after = self._next_other(here, range(i - 1, -1, -1)), self._next_other(here, range(i + 1, last + 1))
        return _Shown(here, (self._drawable(i - 1), self._drawable(i + 1)), before, after)

    def _drawings(self, i: int) -> Iterator[Planes]:
        """Yield drawings that explain a frame together, the likeliest first."""
        here = self._readings[i].state
        for scale in _SCALES:
            yield from (self._drawing(scale, state) for state in self._task.drawn(self._puzzle, here))
        shown = self._shown(i)
        # Between the ends of the video, a frame may be a blend of its neighbors.
        yield from (self._drawing(1.0, beside) for beside in shown.beside if beside is not None)
        # A change may just begin, or may not have ended.
        for a, b in ((shown.before, here), (here, shown.after)):
            if a is not None and b is not None:
                yield from (self._drawing(1.0, self._task.between(self._puzzle, a, b, t)) for t in _MOMENTS)
                yield self._drawing(1.0, a if b is here else b)

    def _drawn(self, scale: float, state: Any) -> Planes:
        """Draw a state with objects of some size. Most videos need only one."""
        if scale not in self._paints:
            painter = self._task.painter(self._puzzle, self._canvas, downscale_of(self._canvas), scale)
            self._paints[scale] = Painted(painter)
        return self._paints[scale](state)

    def _drawable(self, i: int) -> Any:
        """Return the state of a frame if it says all that the frame shows, else None."""
        state = self._readings[i].state
        return state if state is not None and self._task.is_drawable(self._puzzle, state) else None

    def _is_settled(self, i: int) -> bool:
        """Whether the neighbors of a frame show the same state."""
        here, beside = self._drawable(i), (self._readings[max(0, i - 1)].state, self._readings[i + 1].state)
        return here is not None and all(s is not None and self._task.same(self._puzzle, here, s) for s in beside)

    def _next_other(self, here: Any, numbers: range) -> Any:
        """Return the first state in some frames that differs from one; None if there is none."""
        states = (state for k in numbers if (state := self._drawable(k)) is not None)
        return next((state for state in states if not self._task.same(self._puzzle, here, state)), None)
