"""Transitions: videos that uncover the last frame over the first, as video editors do. They must fail.

A transition is a sequence of masks (0 to 1 for each pixel, never falling), with which each frame is
first * (1 - mask) + last * mask. It shows the answer without a single step, so it must not pass, and its value must be
next to nothing.

Some transitions cannot be told from solutions, because they are solutions pixel for pixel, and are excluded here: those
in which each place that changes does so between two frames, and no frame shows a part of it. Places then pop in one
after another. So blocks (shapes "dissolve" and "checker") are at most a 36th of the width, which is less than a place,
and an edge takes at least a quarter of the video (12 of 49 frames) to pass over the frame.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal, get_args

import numpy as np
import numpy.typing as npt
from pydantic import Field

from vmevalkit.media import Frame, Frames
from vmevalkit.types import Record

Floats = npt.NDArray[np.float32]
Share = Annotated[float, Field(ge=0, le=1)]
Shape = Literal["fade", "wipe", "blinds", "iris", "box", "diamond", "clock", "spiral", "dissolve", "checker"]
Pace = Literal["even", "faster", "slower", "smooth"]
SHAPES: tuple[Shape, ...] = get_args(Shape)
PACES: tuple[Pace, ...] = get_args(Pace)

# An edge counts as hard if a pixel needs less than this share of the transition.
_HARD = 1e-4


class Transition(Record):
    """A way to go from one frame to another.

    Attributes:
        shape: "fade" changes all pixels together. "wipe" moves a straight edge, and "blinds" several that are parallel.
            The edge of "iris" is a circle, of "box" a rectangle, of "diamond" a rhombus. "clock" turns a hand, "spiral"
            winds around the center. "dissolve" replaces blocks in random order, "checker" in the order of a wipe, where
            every second block is ahead.
        angle: direction of the edge, or where the clock starts, in degrees from right to down.
        center: of iris, box, diamond, clock and spiral, as shares of width and height.
        softness: share of the way of the edge over which pixels are half-transparent; 0 is a hard edge.
        backwards: whether the last pixels come first.
        parts: number of blinds; turns of the spiral; blocks across the frame.
        seed: of the order of a dissolve.
        pace: how the speed changes: none, faster and faster, slower and slower, or first the one and then the other.
        start, end: when the transition begins and ends, in shares of the video.
    """

    shape: Shape
    angle: Annotated[float, Field(ge=0, lt=360)] = 0.0
    center: tuple[Share, Share] = (0.5, 0.5)
    softness: Share = 0.0
    backwards: bool = False
    parts: Annotated[int, Field(ge=1, le=120)] = 1
    seed: int = 0
    pace: Pace = "even"
    start: Share = 0.04
    end: Share = 0.9

    @property
    def name(self) -> str:
        """What a person calls it, such as "iris backwards soft"."""
        words: list[str] = [self.shape]
        words += [f"{self.angle:.0f}"] * (self.shape in ("wipe", "blinds", "checker", "clock"))
        words += [f"of {self.parts}"] * (self.parts > 1)
        words += ["at {:.2f} {:.2f}".format(*self.center)] * (self.center != (0.5, 0.5))
        words += ["backwards"] * self.backwards + ["soft"] * (self.softness > 0)
        return " ".join(words)

    def draw(self, first: Frame, last: Frame, count: int) -> Frames:
        """Return the video, uint8 (count, height, width, 3)."""
        at = np.flatnonzero((first != last).any(2))
        before, after = (frame.reshape(-1, 3)[at].astype(np.float32) for frame in (first, last))
        height, width = first.shape[:2]
        frames: Frames = np.repeat(first[None], count, axis=0)
        pixels = frames.reshape(count, -1, 3)
        for i, mask in enumerate(self.masks(height, width, count)):
            shown = mask.ravel()[at, None]
            pixels[i, at] = (before + (after - before) * shown).round()
        return frames

    def masks(self, height: int, width: int, count: int) -> Iterator[Floats]:
        """Yield the mask of each frame, shape (height, width): 0 shows the first frame, 1 the last."""
        order, softness = self.order(height, width), max(self.softness, _HARD)
        whole = float(order.max()) + softness
        first, final = self.start * (count - 1), max(self.end * (count - 1), self.start * (count - 1) + 1)
        for i in range(count):
            t = min(max((i - first) / (final - first), 0.0), 1.0)
            yield np.clip((_paced(t, self.pace) * whole - order) / softness, 0, 1, dtype=np.float32)

    def order(self, height: int, width: int) -> Floats:
        """Return when the edge reaches each pixel, from 0 (first) to 1 (last), shape (height, width)."""
        order = _ORDERS[self.shape](self, height, width).astype(np.float32)
        order -= order.min()
        order /= max(float(order.max()), 1e-6)
        if self.shape == "fade":
            return order
        return 1 - order if self.backwards else order


def kinds() -> list[Transition]:
    """Return the transitions that video editors offer, to be tried on every task."""
    closed: tuple[Shape, ...] = ("iris", "box", "diamond")
    found = [Transition(shape="fade"), Transition(shape="fade", pace="smooth")]
    found += [Transition(shape="wipe", angle=angle) for angle in range(0, 360, 30)]
    found += [Transition(shape="wipe", angle=angle, softness=0.15) for angle in (0, 45, 90, 225)]
    found += [Transition(shape=shape, backwards=backwards) for shape in closed for backwards in (False, True)]
    found += [Transition(shape="iris", center=center) for center in ((0.0, 0.0), (1.0, 0.3))]
    found += [Transition(shape="iris", softness=0.2)]
    found += [Transition(shape="clock", angle=270, backwards=backwards) for backwards in (False, True)]
    found += [Transition(shape="clock", center=(0.0, 1.0))]
    found += [Transition(shape="blinds", angle=angle, parts=parts) for angle, parts in ((0, 4), (90, 3), (45, 6))]
    found += [Transition(shape="spiral", parts=3), Transition(shape="spiral", parts=5, backwards=True)]
    found += [Transition(shape="dissolve", parts=40), Transition(shape="checker", angle=45, parts=40)]
    return found


def _paced(t: float, pace: Pace) -> float:
    return {"even": t, "faster": t * t, "slower": t * (2 - t), "smooth": t * t * (3 - 2 * t)}[pace]


def _grid(height: int, width: int) -> tuple[Floats, Floats]:
    """Return down and across of each pixel, in pixels from the upper left corner."""
    ys, xs = np.indices((height, width), np.float32)
    return ys, xs


def _from_center(way: Transition, height: int, width: int) -> tuple[Floats, Floats]:
    ys, xs = _grid(height, width)
    return ys - way.center[1] * (height - 1), xs - way.center[0] * (width - 1)


def _along(way: Transition, ys: Floats, xs: Floats) -> Floats:
    """Return the distance along the direction of the edge."""
    angle = np.radians(way.angle)
    along: Floats = xs * np.float32(np.cos(angle)) + ys * np.float32(np.sin(angle))
    return along


def _fade(way: Transition, height: int, width: int) -> Floats:
    return np.zeros((height, width), np.float32)


def _wipe(way: Transition, height: int, width: int) -> Floats:
    return _along(way, *_grid(height, width))


def _blinds(way: Transition, height: int, width: int) -> Floats:
    along = _wipe(way, height, width)
    along -= along.min()
    blinds: Floats = along / (along.max() + np.float32(1e-3)) * np.float32(way.parts) % np.float32(1.0)
    return blinds


def _iris(way: Transition, height: int, width: int) -> Floats:
    ys, xs = _from_center(way, height, width)
    distance: Floats = np.hypot(ys, xs)
    return distance


def _box(way: Transition, height: int, width: int) -> Floats:
    ys, xs = _from_center(way, height, width)
    distance: Floats = np.maximum(np.abs(ys) / height, np.abs(xs) / width)
    return distance


def _diamond(way: Transition, height: int, width: int) -> Floats:
    ys, xs = _from_center(way, height, width)
    distance: Floats = (np.abs(ys) / height + np.abs(xs) / width).astype(np.float32)
    return distance


def _turned(way: Transition, height: int, width: int) -> Floats:
    """Return the angle of each pixel around the center, from 0 to 1."""
    ys, xs = _from_center(way, height, width)
    turned: Floats = (np.arctan2(ys, xs) - np.float32(np.radians(way.angle))) / np.float32(2 * np.pi) % np.float32(1.0)
    return turned


def _spiral(way: Transition, height: int, width: int) -> Floats:
    """Count the turns that a spiral with `parts` turns has made when it reaches a pixel."""
    turned = _turned(way, height, width)
    distance = _iris(way, height, width)
    rings = distance / distance.max() * np.float32(way.parts)
    turns: Floats = (np.floor(rings - turned + 1) + turned).astype(np.float32)
    return turns


def _block_rows(way: Transition, height: int, width: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Return row and column of the block of each pixel."""
    side = width / way.parts
    ys, xs = _grid(height, width)
    return (ys / side).astype(np.intp), (xs / side).astype(np.intp)


def _dissolve(way: Transition, height: int, width: int) -> Floats:
    rows, columns = _block_rows(way, height, width)
    when = np.random.default_rng(way.seed).permutation((rows.max() + 1) * (columns.max() + 1)).astype(np.float32)
    order: Floats = when[rows * (columns.max() + 1) + columns]
    return order


def _checker(way: Transition, height: int, width: int) -> Floats:
    rows, columns = _block_rows(way, height, width)
    # The second half of the blocks is as far behind as a sixth of the blocks across.
    behind = (rows + columns) % 2 * (way.parts / 6)
    return _along(way, rows.astype(np.float32), columns.astype(np.float32)) + behind.astype(np.float32)


_ORDERS = {
    "fade": _fade,
    "wipe": _wipe,
    "blinds": _blinds,
    "iris": _iris,
    "box": _box,
    "diamond": _diamond,
    "clock": _turned,
    "spiral": _spiral,
    "dissolve": _dissolve,
    "checker": _checker,
}
