"""Camera: find how the camera moved since the first drawing, and undo it.

The camera is followed from frame to frame: a similarity transform (shift, scale, small rotation) is fitted to the
pixels at the edges of the drawing, together with the light. Edges of what moves or changes in the solution are left
out, if the rest has enough of them. Other things hardly matter, because they hide few of these pixels, and pixels that
do not fit count less and less.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

from vmevalkit.media import Planes, Views
from vmevalkit.tasks.toolkit.compare import Floats, Mask, looks_like

# Largest push-in, shift (as a share of the width) and rotation (in radians) that are undone. The policy tolerates
# a push-in of 4 % and a drift of 3 %; measured poses are exact to about 0.2 %.
_SCALE, _SHIFT, _TURN = 0.045, 0.032, 0.035
# In mode hold, no corner may move farther than this share of the width. Less is not seen as a movement.
HELD = 0.012
# The camera stands still if no corner of the picture has moved by this many pixels of the view. Lenses undo shifts of
# this size, and envelopes accept them.
STILL = 1.0
# Number of pixels at edges that are compared, at most, and the change of luma over two pixels that makes an edge.
_POINTS, _STEEP = 1500, 24.0
# Edges of what stays are enough if they are so large a share of all; the outline of a board is.
_ENOUGH = 0.2
# An error in luma of this size counts half.
_HALF = 16.0
# A pixel fits if its error in luma is less than this. A pose is right if at least `_RIGHT` of the pixels fit, and
# clearly more than without it.
_NEAR, _RIGHT, _CLEARLY = 24.0, 0.5, 0.04
# A rotation that moves no pixel by more than this, in pixels, is ignored.
_STRAIGHT = 0.3
# The same scene elsewhere fits better than this; another puzzle of the same task fits less.
_SURE = 0.65
# Rounds of the fit at each level: at a quarter of the size, at half of it, and at full size.
_ROUNDS = (8, 5, 4)


class Pose(NamedTuple):
    """Where the drawing lies in a frame: scaled and turned around the middle of the canvas, then shifted.

    Attributes:
        along, turned: scale times cosine and sine of the angle.
        x, y: shift in pixels of the view.
    """

    along: float = 1.0
    turned: float = 0.0
    x: float = 0.0
    y: float = 0.0

    def farthest(self, width: int, height: int) -> float:
        """Return the distance by which the corner moves that moves most, in pixels."""
        corner = math.hypot(width / 2, height / 2) * math.hypot(self.along - 1, self.turned)
        return corner + math.hypot(self.x, self.y)

    def is_small(self, width: int, height: int, held: bool) -> bool:
        """Whether the movement of the camera is tolerated: in mode hold, or else."""
        if held:
            return self.farthest(width, height) <= HELD * width
        scale, angle = math.hypot(self.along, self.turned), math.atan2(self.turned, self.along)
        return abs(scale - 1) <= _SCALE and abs(angle) <= _TURN and math.hypot(self.x, self.y) <= _SHIFT * width


# Poses from which a wide search starts.
_WIDE = tuple(Pose(along=scale) for scale in (0.8, 0.87, 0.93, 1.07, 1.15, 1.24))


class Fit(NamedTuple):
    """A pose, the share of the pixels at edges that fit, and the gain and offset of luma."""

    pose: Pose
    share: float
    gain: float
    offset: float


class Steady(NamedTuple):
    """A video without the movement of the camera.

    Attributes:
        views: uint8 (count, 3, height, width).
        moved: numbers of the frames that have been changed.
        too_far: number of the first frame in which the camera has moved too far; None if there is none. Later frames
            are as before.
    """

    views: Views
    moved: tuple[int, ...]
    too_far: int | None


class Camera:
    """Follows the camera in the videos of one puzzle.

    Args:
        drawing: the first drawing, uint8 (3, height, width).
        changing: mask of the pixels that change in the solution.
    """

    def __init__(self, drawing: Planes, changing: Mask) -> None:
        self._drawing = drawing
        self._height, self._width = drawing.shape[1:]
        self._levels = [_Level(drawing[0], changing, factor) for factor in (4, 2, 1)]

    def has_moved(self, frame: Planes) -> bool:
        """Whether the camera may have moved. This is a quick look at half of the size."""
        fit = self._levels[1].fit(frame[0], Pose(), _ROUNDS[1])
        return fit.share < _RIGHT or fit.pose.farthest(self._width, self._height) > STILL

    def is_far(self, frame: Planes, held: bool) -> bool:
        """Whether the camera has moved farther than what is undone. This is a wide search."""
        coarse = self._levels[0]
        starts = (coarse.fit(frame[0], start, _ROUNDS[0]) for start in (*_WIDE, coarse.shift(frame[0])))
        fit = self._refined(frame, max(starts, key=lambda fit: fit.share).pose)
        known = fit.share > _SURE and self._is_right(frame, fit)
        return known and not fit.pose.is_small(self._width, self._height, held)

    def find(self, frame: Planes, last: Fit) -> Fit | None:
        """Return the pose of a frame that is reached from that of the last one; None if there is none."""
        fit = self._levels[-1].fit(frame[0], last.pose, 2)
        if fit.share > max(_RIGHT, last.share - _CLEARLY):
            return fit
        fit = self._refined(frame, last.pose)
        return fit if self._is_right(frame, fit) else None

    def steady(self, frames: Views, held: bool) -> Steady:
        """Undo the movement of the camera, until it has moved too far. In mode hold, this is less."""
        views, fit = frames, self._levels[-1].fit(frames[0, 0], Pose(), 0)
        moved: list[int] = []
        for i, frame in enumerate(frames):
            if i == 0 or not looks_like(frame, frames[i - 1]):
                # A frame that cannot be read has the pose of the one before.
                fit = self.find(frame, fit) or fit
            if not fit.pose.is_small(self._width, self._height, held):
                return Steady(views, tuple(moved), i)
            if fit.pose.farthest(self._width, self._height) > STILL / 2:
                views = views.copy() if views is frames else views
                views[i] = self._undone(frame, fit)
                moved.append(i)
        return Steady(views, tuple(moved), None)

    def _refined(self, frame: Planes, pose: Pose) -> Fit:
        """Return the fit that is reached from a pose, from coarse to fine."""
        fit = Fit(pose, 0.0, 1.0, 0.0)
        for level, rounds in zip(self._levels, _ROUNDS, strict=True):
            fit = level.fit(frame[0], fit.pose, rounds)
        return fit

    def _is_right(self, frame: Planes, fit: Fit) -> bool:
        """Whether enough pixels fit, and more than where the camera stands still."""
        at_rest = self._levels[-1].fit(frame[0], Pose(), 0).share
        is_still = fit.pose.farthest(self._width, self._height) < STILL
        return fit.share > _RIGHT and (is_still or fit.share > at_rest + _CLEARLY)

    def _undone(self, frame: Planes, fit: Fit) -> Planes:
        """Return a frame brought back to the place of the drawing. What lies outside of the frame is drawn."""
        pose = fit.pose
        ys, xs = np.arange(self._height) + 0.5 - self._height / 2, np.arange(self._width) + 0.5 - self._width / 2
        if abs(pose.turned) * self._width / 2 < _STRAIGHT:
            planes = self._scaled(frame, pose)
            x, y = pose.along * xs + pose.x, (pose.along * ys + pose.y)[:, None]
        else:
            planes = self._turned(frame, pose)
            x = pose.along * xs - pose.turned * ys[:, None] + pose.x
            y = pose.turned * xs + pose.along * ys[:, None] + pose.y
        outside = (np.abs(x) > self._width / 2) | (np.abs(y) > self._height / 2)
        planes[:, outside] = self._drawing[:, outside]
        light = np.clip(self._drawing[0][outside] * fit.gain + fit.offset, 0, 255)
        planes[0][outside] = light.astype(np.uint8)
        return planes

    def _scaled(self, frame: Planes, pose: Pose) -> Planes:
        """Undo scale and shift. This is many times faster than `_turned`."""
        width, height = pose.along * self._width, pose.along * self._height
        left, top = self._width / 2 + pose.x - width / 2, self._height / 2 + pose.y - height / 2
        over = max(-left, -top, left + width - self._width, top + height - self._height, 0.0)
        margin = math.ceil(over) + 1
        wide = np.pad(frame, ((0, 0), (margin, margin), (margin, margin)), mode="edge")
        box = (left + margin, top + margin, left + margin + width, top + margin + height)
        size, cubic = (self._width, self._height), Image.Resampling.BICUBIC
        return np.stack([np.asarray(Image.fromarray(plane).resize(size, cubic, box)) for plane in wide])

    def _turned(self, frame: Planes, pose: Pose) -> Planes:
        """Undo scale, shift and rotation."""
        # The middle of the canvas is the origin of a pose.
        middle_x, middle_y = self._width / 2, self._height / 2
        move = (
            pose.along, -pose.turned, middle_x + pose.x - pose.along * middle_x + pose.turned * middle_y,
            pose.turned, pose.along, middle_y + pose.y - pose.turned * middle_x - pose.along * middle_y,
        )  # fmt: skip
        image = Image.fromarray(np.ascontiguousarray(frame.transpose(1, 2, 0)))
        found = image.transform(image.size, Image.Transform.AFFINE, move, Image.Resampling.BICUBIC)
        planes: Planes = np.asarray(found).transpose(2, 0, 1).copy()
        return planes


class _Level:
    """The drawing at one size, and the pixels at its edges.

    Args:
        luma: of the drawing, uint8 (height, width).
        changing: mask of the pixels that change.
        factor: how many times smaller frames are looked at.
    """

    def __init__(self, luma: npt.NDArray[np.uint8], changing: Mask, factor: int) -> None:
        self._factor = factor
        known = self._reduced(luma)
        self._known = known
        down, across = np.gradient(known)
        steep = np.abs(down) + np.abs(across)
        steep[:2] = steep[-2:] = steep[:, :2] = steep[:, -2:] = 0
        at = np.flatnonzero(steep > _STEEP / 2)
        changes = np.asarray(Image.fromarray(changing).convert("L").reduce(factor)).ravel() > 0
        stays = at[~changes[at]]
        at = stays if len(stays) > _ENOUGH * len(at) else at
        at = at[:: 1 + len(at) // _POINTS]
        rows, columns = np.divmod(at, known.shape[1])
        # Places relative to the middle of the canvas, in pixels of this level.
        self._y = (rows + 0.5 - known.shape[0] / 2).astype(np.float32)
        self._x = (columns + 0.5 - known.shape[1] / 2).astype(np.float32)
        self._at_points = known.ravel()[at]
        gx, gy = across.ravel()[at], down.ravel()[at]
        # How luma changes with each number of a pose.
        self._slopes = np.stack([gx * self._x + gy * self._y, gy * self._x - gx * self._y, gx, gy], 1)

    def _reduced(self, luma: npt.NDArray[np.uint8]) -> Floats:
        image = Image.fromarray(luma)
        small = image.reduce(self._factor) if self._factor > 1 else image
        # A little blur widens the edges, so that a fit can see which way to go.
        found = np.asarray(small, np.float32)
        found[1:-1] = (found[:-2] + 2 * found[1:-1] + found[2:]) / 4
        found[:, 1:-1] = (found[:, :-2] + 2 * found[:, 1:-1] + found[:, 2:]) / 4
        return found

    def fit(self, luma: npt.NDArray[np.uint8], start: Pose, rounds: int) -> Fit:
        """Improve a pose by Gauss-Newton steps with weights that ignore what does not fit."""
        if len(self._at_points) < 16:
            return Fit(start, 0.0, 1.0, 0.0)
        frame = self._reduced(luma)
        pose = np.array([start.along, start.turned, start.x / self._factor, start.y / self._factor])
        seen, inside = self._sampled(frame, pose)
        gain, offset = self._light(seen, inside)
        for _ in range(rounds):
            off = seen - gain * self._at_points - offset
            weight = inside / (1 + (off / _HALF) ** 2)
            columns = np.column_stack([self._slopes * gain, -self._at_points / 255, -np.ones_like(off)])
            weighted = columns * weight[:, None]
            # A little damping, for drawings whose edges all have one direction.
            step = np.linalg.solve(weighted.T @ columns + 1e-3 * np.eye(6), -(weighted.T @ off))
            pose = pose + step[:4]
            gain, offset = float(np.clip(gain + step[4] / 255, 0.4, 2.0)), float(offset + step[5])
            seen, inside = self._sampled(frame, pose)
        near = np.abs(seen - gain * self._at_points - offset) < _NEAR
        share = float((near & (inside > 0)).sum() / max(1.0, float(inside.sum())))
        along, turned, x, y = pose.tolist()
        return Fit(Pose(along, turned, x * self._factor, y * self._factor), share, gain, offset)

    def _light(self, seen: Floats, inside: Floats) -> tuple[float, float]:
        """Return the gain and the offset with which the drawing has the mean and the contrast of a frame."""
        there = inside > 0
        if np.count_nonzero(there) < 16:
            return 1.0, 0.0
        gain = float(np.clip(seen[there].std() / max(1.0, float(self._at_points[there].std())), 0.4, 2.0))
        return gain, float(seen[there].mean() - gain * self._at_points[there].mean())

    def _sampled(self, frame: Floats, pose: npt.NDArray[np.float64]) -> tuple[Floats, Floats]:
        """Return a frame at the places of the points in a pose, and which of them lie inside the frame (1 or 0)."""
        height, width = frame.shape
        along, turned, dx, dy = pose
        x = along * self._x - turned * self._y + (dx + width / 2 - 0.5)
        y = turned * self._x + along * self._y + (dy + height / 2 - 0.5)
        inside = (x >= 0) & (y >= 0) & (x < width - 1) & (y < height - 1)
        x, y = np.clip(x, 0, width - 1.001), np.clip(y, 0, height - 1.001)
        left, top = x.astype(np.intp), y.astype(np.intp)
        across, down = (x - left).astype(np.float32), (y - top).astype(np.float32)
        pixels, at = frame.ravel(), top * width + left
        upper = pixels[at] * (1 - across) + pixels[at + 1] * across
        lower = pixels[at + width] * (1 - across) + pixels[at + width + 1] * across
        return upper * (1 - down) + lower * down, inside.astype(np.float32)

    def shift(self, luma: npt.NDArray[np.uint8]) -> Pose:
        """Return the shift for which a frame correlates best with the drawing, in whole pixels of this level."""
        frame = self._reduced(luma)
        spectra = [np.fft.rfft2(image - image.mean()) for image in (frame, self._known)]
        correlation = np.fft.irfft2(spectra[0] * np.conj(spectra[1]), frame.shape)
        down, across = np.unravel_index(int(correlation.argmax()), frame.shape)
        y = int(down) - (frame.shape[0] if down > frame.shape[0] // 2 else 0)
        x = int(across) - (frame.shape[1] if across > frame.shape[1] // 2 else 0)
        return Pose(x=float(x * self._factor), y=float(y * self._factor))
