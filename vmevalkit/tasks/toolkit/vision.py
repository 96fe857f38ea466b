"""What several verifiers share to see: undo light and shift, and say which pixels a drawing does not explain.

Verifiers work by synthesis: they draw what a state should look like and ask whether the frame could be that picture
after the blur, compression and small shifts that a video model and a codec cause. What no drawing explains (ghosts,
blends, extra objects, a redrawn scene) is not a state.

Pictures are planes (see `video`): luma and chroma, because videos are stored so. Turning each frame into RGB would cost
as much as decoding it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache, reduce
from typing import Any, TypeVar, cast

import numpy as np
import numpy.typing as npt
from PIL import Image

from vmevalkit.media import Frame, Planes, difference
from vmevalkit.media import to_planes as to_planes
from vmevalkit.tasks.toolkit.draw import Color
from vmevalkit.types import Size

Mask = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float32]
Numbers = TypeVar("Numbers", bound=npt.NDArray[Any])

# The shorter side of the pictures that verifiers look at is about this: half of a 720x480 canvas.
VIEW = 240
# Ringing of H.264 at crf 35 next to strokes reaches about 25 of 255 in luma; chroma is coarser and calmer.
TOLERANCE = (34, 22, 22)
# Pixels of the view by which blur and small shifts move an edge.
REACH = 2
# Difference of a row's or column's mean, in 255ths, from which on it does not matter how large it is.
_SETTLED = 6.0
# Pixels of the view along its edge that are not looked at.
RIM = 3
# Share of the full range by which a frame's contrast and brightness may differ from the drawing and be corrected.
_GAIN = (0.72, 1.35)
_OFFSET = 48.0
# Light in which most of a picture differs by less than this needs no correction.
_ALIKE = 5
# Edges that differ by less than this are where they were. If that is so for such a share of them, there is no drift.
_NEAR, _FITS = 16, 0.7
# Luma by which neighbors differ in a grainy picture. In videos at crf 35 at most a fifth of them differ so much.
_GRAIN = 6
# By which a codec changes what stays, from one frame to another.
_STILL = 3
# Squares of so many pixels differ by so much on average only if they show something else. In some eighty videos of
# cogvideox-tiny-i2v that hold still they differ by 26 at most; the smallest step of their puzzles changes one by 45.
_SQUARE, _BLURRED = 5, 32
# Share of the pixels that blur may change visibly: 0.13 at most in those videos, 0.34 at least in one with noise.
_TOUCHED = 0.25
# Pixels of lines that are too few to say whether lines have vanished.
_FEW = 24
# Difference of two drawings that is none.
_SLIGHT = 8
# Luma by which the lightest and darkest twentieth of pixels differ that tell the light.
_VARIED = 40
# Luma from which on it may be cut off.
_WHITE = 254
# Pixels at edges that are enough to tell a drift.
_ENOUGH = 300
# Share of single unexplained pixels from which on a picture is noise.
_NOISE = 0.04
# Darkness that is no ink: ringing, and what a fit of the light leaves over.
_FAINT = 20.0


def view_size(canvas: Size) -> Size:
    """Size at which verifiers look at a canvas: a whole-number reduction to about `VIEW` on the shorter side."""
    factor = max(1, round(min(canvas) / VIEW))
    return max(1, round(canvas[0] / factor)), max(1, round(canvas[1] / factor))


def downscale_of(canvas: Size) -> float:
    """How many times smaller the view is than the canvas."""
    return canvas[0] / view_size(canvas)[0]


def to_view(frame: Frame) -> Planes:
    """A canvas-sized RGB picture as planes at the size of the view."""
    canvas = (frame.shape[1], frame.shape[0])
    width, height = view_size(canvas)
    image = Image.fromarray(frame)
    factor = canvas[0] // width
    if (width * factor, height * factor) == canvas:
        image = image.reduce(factor) if factor > 1 else image
    else:
        image = image.resize((width, height), Image.Resampling.BOX)
    return to_planes(np.asarray(image))


@lru_cache(maxsize=64)
def tone(color: Color) -> tuple[int, int, int]:
    """An RGB color as (Y, Cb, Cr)."""
    y, cb, cr = to_planes(np.array([[color]], np.uint8))[:, 0, 0].tolist()
    return y, cb, cr


class Painted:
    """A painter's pictures as planes: only what changed since the last picture is turned into planes."""

    def __init__(self, paint: Callable[[Any], Frame]) -> None:
        self._paint = paint
        self._last: tuple[Frame, Planes] | None = None

    def __call__(self, state: Any) -> Planes:
        frame = self._paint(state)
        if self._last is None:
            planes = to_planes(frame)
        else:
            planes = self._last[1]
            if (box := difference(frame, self._last[0])) is not None:
                top, bottom, left, right = box
                part = slice(top, bottom + 1), slice(left, right + 1)
                planes = planes.copy()
                planes[:, part[0], part[1]] = to_planes(np.ascontiguousarray(frame[part]))
        self._last = frame, planes
        return planes


class Envelope:
    """What a drawing may look like after blur and a shift of up to `reach` pixels of the view.

    A pixel is explained if each plane lies between the smallest and the largest value that the drawing has within
    `reach` pixels of it, give or take a tolerance. Several drawings: what any of them, or anything between, explains.

    Args:
        drawings: what may be seen.
        like: an envelope of as many drawings, to take over what has not changed; once only, it forgets its drawings.
    """

    def __init__(self, *drawings: Planes, like: Envelope | None = None) -> None:
        self._drawings = drawings
        if like is None:
            self.low, self.span = _bounds(drawings)
            return
        before, like._drawings = like._drawings, ()
        self.low, self.span = like.low, like.span
        height, width = drawings[0].shape[1:]
        boxes = [_changed(new, old) for new, old in zip(drawings, before, strict=True)]
        changed = np.array([box for box in boxes if box is not None])
        if not len(changed):
            return
        (top, left), (bottom, right) = changed[:, ::2].min(0) - REACH, changed[:, 1::2].max(0) + REACH + 1
        # Bounds change as far as the changed pixels reach; to find them, look as far again.
        inner = slice(max(0, top), min(height, bottom)), slice(max(0, left), min(width, right))
        outer = (slice(max(0, top - REACH), bottom + REACH), slice(max(0, left - REACH), right + REACH))
        low, span = _bounds([drawing[:, outer[0], outer[1]] for drawing in drawings])
        cut = (
            slice(inner[0].start - outer[0].start, inner[0].stop - outer[0].start),
            slice(inner[1].start - outer[1].start, inner[1].stop - outer[1].start),
        )
        self.low, self.span = self.low.copy(), self.span.copy()
        self.low[:, inner[0], inner[1]] = low[:, cut[0], cut[1]]
        self.span[:, inner[0], inner[1]] = span[:, cut[0], cut[1]]

    def unexplained(self, planes: Planes) -> Mask:
        """Mask (height, width) of the pixels that the drawing does not explain."""
        # What is below the lowest value wraps around and is far above the span.
        off = (planes - self.low) > self.span
        mask: Mask = off[0] | off[1] | off[2]
        # Letterbox bars may bleed into the outermost pixels, where no puzzle draws anything.
        mask[:RIM] = mask[-RIM:] = False
        mask[:, :RIM] = mask[:, -RIM:] = False
        return mask


def _changed(a: Planes, b: Planes) -> tuple[int, int, int, int] | None:
    """Like `difference`, for planes."""
    off = most(a ^ b)
    return difference(off, np.zeros_like(off))


def _bounds(drawings: Sequence[Planes]) -> tuple[Planes, Planes]:
    """The lowest value of each pixel, and how far above it the highest is."""
    low = _extreme(_either(drawings, np.minimum), REACH, np.minimum)
    high = _extreme(_either(drawings, np.maximum), REACH, np.maximum)
    # Plane by plane: ten times as quick as all at once. Without leaving 0..255, which would wrap around.
    for plane, slack in zip(low, TOLERANCE, strict=True):
        np.maximum(plane, slack, out=plane)
        plane -= slack
    for plane, slack in zip(high, TOLERANCE, strict=True):
        np.minimum(plane, 255 - slack, out=plane)
        plane += slack
    high -= low
    return low, high


def _either(drawings: Sequence[Planes], pick: Callable[..., Planes]) -> Planes:
    found = drawings[0]
    for drawing in drawings[1:]:
        found = pick(found, drawing)
    return found


def _extreme(planes: Planes, reach: int, pick: Callable[..., Planes]) -> Planes:
    """The smallest or largest value within `reach` pixels both ways; many times quicker than Pillow's rank filters."""
    down = planes.copy()
    for k in range(1, reach + 1):
        pick(down[:, k:], planes[:, :-k], out=down[:, k:])
        pick(down[:, :-k], planes[:, k:], out=down[:, :-k])
    # Sideways all of the memory is shifted at once, which is quicker than row by row; margins keep the rows apart.
    count, height, width = planes.shape
    wide = np.empty((count, height, width + 2 * reach), np.uint8)
    wide[:, :, reach:-reach], wide[:, :, :reach], wide[:, :, -reach:] = down, down[:, :, :1], down[:, :, -1:]
    rows = wide.ravel()
    picked = rows.copy()
    for k in range(1, 2 * reach + 1):
        pick(picked[:-k], rows[k:], out=picked[:-k])
    return cast(Planes, picked.reshape(wide.shape)[:, :, :width].copy())


def most(planes: Numbers) -> Numbers:
    """The largest of each pixel's planes: many times quicker than a maximum over the axis."""
    largest: Numbers = reduce(np.maximum, planes)
    return largest


def differing(a: Planes, b: Planes, reach: int = 3) -> Mask:
    """Where two drawings differ, and what lies within `reach` pixels of that."""
    off = most(np.abs(a.astype(np.int16) - b)) > _SLIGHT
    wide: Mask = _extreme(off[None].view(np.uint8), reach, np.maximum)[0].astype(bool)
    return wide


def _apart(a: Planes, b: Planes) -> Planes:
    """How far two pictures are apart; differences of bytes would wrap around."""
    off = np.maximum(a, b)
    off -= np.minimum(a, b)
    return off


def looks_like(a: Planes, b: Planes) -> bool:
    """Whether two pictures differ nowhere by more than a codec changes a picture that stays."""

    def near(a: Planes, b: Planes) -> bool:
        return bool(_apart(a, b).max() <= _STILL)

    # Most that move are told by a few rows.
    return near(a[:, ::8], b[:, ::8]) and near(a, b)


def shows(planes: Planes, drawing: Planes) -> bool:
    """Whether a picture is a drawing, however blurred: no square of it is another on average, and it is not noisy."""
    off = planes.astype(np.int16) - drawing
    if np.count_nonzero(np.abs(off[0]) > _SLIGHT) > _TOUCHED * off[0].size:
        return False
    return all(np.abs(_squares(plane)).max() <= _BLURRED * _SQUARE * _SQUARE for plane in off)


def _squares(plane: npt.NDArray[np.int16]) -> npt.NDArray[np.int16]:
    """The sums of all squares of `_SQUARE` pixels. Slices added up: many times quicker than sums that run."""
    height, width = plane.shape[0] - _SQUARE + 1, plane.shape[1] - _SQUARE + 1
    rows = plane[:height].copy()
    for i in range(1, _SQUARE):
        rows += plane[i : i + height]
    sums: npt.NDArray[np.int16] = rows[:, :width].copy()
    for i in range(1, _SQUARE):
        sums += rows[:, i : i + width]
    return sums


def is_grainy(planes: Planes) -> bool:
    """Whether half of a picture's pixels differ clearly from their neighbors: no drawing does, nor a video of one."""
    rows = planes[0, ::8]
    steps = _apart(rows[:, 1:], rows[:, :-1])
    return bool(np.count_nonzero(steps > _GRAIN) > 0.5 * steps.size)


def patches(mask: Mask) -> int:
    """How many squares of four pixels are unexplained for at least a half: specks do not count."""
    if not mask.any():
        return 0
    height, width = mask.shape[0] // 4 * 4, mask.shape[1] // 4 * 4
    ones = mask[:height, :width].view(np.uint8)
    # Slices added up: many times quicker than a sum over two axes.
    rows = ones[::4] + ones[1::4] + ones[2::4] + ones[3::4]
    blocks = rows[:, ::4] + rows[:, 1::4] + rows[:, 2::4] + rows[:, 3::4]
    return int(np.count_nonzero(blocks >= 8))


def lost(mask: Mask) -> bool:
    """Whether so much is unexplained that this is another picture."""
    return int(np.count_nonzero(mask)) > 0.25 * mask.size


class Lens:
    """Brings frames to the light and the position of a reference drawing.

    Gain and offset of each plane are fitted on the pixels that agree with the reference. A drift of up to 1.3 percent
    of the width is undone in whole pixels. The mean brightness of rows and columns proposes it, which also works for
    thin lines, moved off themselves after two pixels; it is taken only if the picture then fits better. A large thing
    that moves in an empty scene looks like a drift to the means, but not to the pixels that stay.

    Args:
        reference: the drawing.
        still: mask of the pixels where nothing moves: if there is enough to be seen there, only they tell a drift.
    """

    def __init__(self, reference: Planes, still: Mask | None = None) -> None:
        everything = reference[:, ::6, ::6].reshape(3, -1)
        # What stays; paper, ink and gray rather than colors, because what is colored may be what moves. Light is told
        # only by a part of the picture that is neither small nor all alike.
        neutral = most(np.abs(everything[1:].astype(np.int16) - 128)) < 14
        whole = np.ones(len(neutral), bool)
        stays = whole if still is None else still[::6, ::6].ravel()
        telling = (pick for pick in (neutral & stays, stays, neutral) if np.count_nonzero(pick) > 0.2 * len(pick)
                   and np.ptp(np.percentile(everything[0, pick], (5, 95))) > _VARIED)  # fmt: skip
        every = np.arange(reference[0].size).reshape(reference.shape[1:])[::6, ::6].ravel()
        self._pick = every[next(telling, whole)]
        self._sample = self._sampled(reference)
        self._lights = self._sample.astype(np.float32)
        self._most = far = max(1, round(0.013 * reference.shape[2]))
        luma = reference[:1]
        steep = (_extreme(luma, 1, np.maximum) - _extreme(luma, 1, np.minimum))[0] > 20
        steep[: far + 1] = steep[-far - 1 :] = False
        edges = np.flatnonzero(steep)
        if still is not None and np.count_nonzero(steep & still) > _ENOUGH:
            edges = np.flatnonzero(steep & still)
        self._edges = edges[:: 1 + len(edges) // 3000]
        self._at_edges = luma.ravel().take(self._edges)
        # From the smallest move up: it wins where two fit equally well.
        self._moves = sorted(range(-far, far + 1), key=abs)
        self._profiles = _profiles(reference)
        self._sources = [(np.arange(len(p)) + np.array(self._moves)[:, None]) % len(p) for p in self._profiles]

    def planes(self, frame: Planes) -> Planes:
        """A frame's planes corrected; the same array where nothing is to be done."""
        planes = self._lit(frame)
        off = _apart(planes[0].ravel().take(self._edges), self._at_edges)
        if np.count_nonzero(off < _NEAR) > _FITS * off.size:
            return planes
        dx, dy = (
            self._moves[int(np.minimum(np.abs(seen[source] - known), _SETTLED).sum(1).round(1).argmin())]
            for seen, known, source in zip(_profiles(planes), self._profiles, self._sources, strict=True)
        )
        # Where much has changed, the means are misled by a pixel or two; the pixels themselves are not.
        dx, dy = min((self._downhill(planes, *move) for move in {(0, 0), (dx, dy)}), key=lambda found: found[0])[1]
        return np.roll(planes, (-dy, -dx), (1, 2)) if dx or dy else planes

    def _lit(self, frame: Planes) -> Planes:
        """A frame in the light of the reference."""
        seen = self._sampled(frame)
        if np.count_nonzero(most(_apart(seen, self._sample)) < _ALIKE) > 0.5 * seen.shape[1]:
            return frame
        planes, levels = frame, np.arange(256, dtype=np.float32)
        for channel, (gain, offset) in enumerate(zip(*self._light(seen.astype(np.float32)), strict=True)):
            if abs(gain - 1) > 0.01 or abs(offset) > 1:
                table = np.clip(levels * gain + offset + 0.5, 0, 255).astype(np.uint8)
                planes = frame.copy() if planes is frame else planes
                planes[channel] = table.take(planes[channel])
        return planes

    def _downhill(self, planes: Planes, dx: int, dy: int) -> tuple[int, tuple[int, int]]:
        """The misfit of the best move that can be reached pixel by pixel from one, and that move."""
        best = self._misfit(planes, dx, dy), (dx, dy)
        while True:
            x, y = best[1]
            around = [(x - 1, y), (x + 1, y), (x, y - 1), (x, y + 1)]
            found = min((self._misfit(planes, *move), move) for move in around if max(map(abs, move)) <= self._most)
            if found[0] >= best[0]:
                return best
            best = found

    def _sampled(self, planes: Planes) -> Planes:
        """Some of every sixth pixel both ways, shape (3, count)."""
        return planes.reshape(3, -1).take(self._pick, 1)

    def _misfit(self, planes: Planes, dx: int, dy: int) -> int:
        """How badly a move fits, by the pixels at edges."""
        seen = planes[0].ravel()[self._edges + (dy * planes.shape[2] + dx)]
        # Cut off, so that what moved counts the same wherever it went; squares, because blur spreads an edge both ways.
        off = np.minimum(_apart(seen, self._at_edges), 100).astype(np.uint16)
        return int((off * off).sum())

    def _light(self, seen: Floats) -> tuple[Floats, Floats]:
        """Gain and offset of each plane."""
        same: tuple[Floats, Floats] = np.ones((3, 1), np.float32), np.zeros((3, 1), np.float32)
        # White that is cut off at the top of the scale may mislead; without it, there may be too little to go by.
        fits = [same, self._fitted(seen, np.ones(seen.shape[1], bool)), self._fitted(seen, seen[0] < _WHITE)]
        gain, offset = min((fit for fit in fits if fit is not None), key=lambda fit: self._left(seen, *fit))
        return gain[:, 0], offset[:, 0]

    def _left(self, seen: Floats, gain: Floats, offset: Floats) -> float:
        """How much a fit leaves over; what moved counts the same whatever the fit."""
        return float(np.minimum(most(np.abs(np.clip(seen * gain + offset, 0, 255) - self._lights)), 40).sum())

    def _fitted(self, seen: Floats, told: Mask) -> tuple[Floats, Floats] | None:
        gain, offset = np.ones((3, 1), np.float32), np.zeros((3, 1), np.float32)
        # Twice: the first fit may be pulled by what moved, the second leaves that out.
        for limit in (120.0, 40.0):
            off = most(np.abs(seen * gain + offset - self._lights))
            agree = ((off < limit) & told).astype(np.float32)
            count = float(agree.sum())
            if count < 0.3 * agree.size:
                return None
            mean_x, mean_y = (seen @ agree)[:, None] / count, (self._lights @ agree)[:, None] / count
            x, y = (seen - mean_x) * agree, (self._lights - mean_y) * agree
            variance = (x * x).sum(1, keepdims=True) / count
            covariance = (x * y).sum(1, keepdims=True) / count
            # A plane that hardly varies in the drawing tells no gain; noise would be taken for too much contrast.
            varied = np.minimum(variance, (y * y).sum(1, keepdims=True) / count) > 60
            gain = np.clip(np.where(varied, covariance / np.maximum(variance, 1e-6), 1.0), *_GAIN)
            offset = np.clip(mean_y - gain * mean_x, -_OFFSET, _OFFSET)
        return gain, offset


def _profiles(planes: Planes) -> tuple[Floats, Floats]:
    """Mean brightness of the columns and of the rows."""
    luma = planes[0]
    height, width = luma.shape
    columns, rows = luma.sum(0, dtype=np.uint32) / height, luma.sum(1, dtype=np.uint32) / width
    return columns.astype(np.float32), rows.astype(np.float32)


class Blob:
    """A mover of one color, found by unmixing it from the background.

    Attributes:
        mass: its area in pixels of the view, half-transparent pixels counted by their opacity.
        x, y: its center in pixels of the view; NaN without mass.
        stray: opacity found farther than `reach` from the center, in pixels.
        other: unexplained pixels that are not this color.
    """

    __slots__ = ("mass", "other", "stray", "x", "y")

    def __init__(
        self,
        planes: Planes,
        unexplained: Mask,
        background: Planes,
        color: Color,
        reach: float,
    ) -> None:
        at = np.flatnonzero(unexplained)
        ys, xs = np.divmod(at, planes.shape[2])
        pixels = planes.reshape(3, -1).take(at, 1).astype(np.float32)
        behind = background.reshape(3, -1).take(at, 1).astype(np.float32)
        toward = np.asarray(tone(color), np.float32)[:, None] - behind
        opacity = ((pixels - behind) * toward).sum(0) / np.maximum((toward * toward).sum(0), 1.0)
        opacity = np.minimum(np.maximum(opacity, 0), 1)
        off = most(np.abs(pixels - behind - opacity * toward))
        own = (off < 48) & (opacity > 0.15)
        weight = np.where(own, opacity, 0.0)
        self.other = int((~own).sum())
        self.mass = float(weight.sum())
        self.x = self.y = float("nan")
        self.stray = 0.0
        if self.mass > 0:
            # The center of the densest part first, so that a far ghost does not pull the agent away.
            x, y = _peak(xs, ys, weight, reach)
            near = np.hypot(xs - x, ys - y) <= reach
            inside = float(weight[near].sum())
            if inside > 0:
                self.x = float((xs[near] * weight[near]).sum() / inside)
                self.y = float((ys[near] * weight[near]).sum() / inside)
            near = np.hypot(xs - self.x, ys - self.y) <= reach
            self.stray = float(weight[~near].sum())
            self.mass -= self.stray


def _peak(xs: npt.NDArray[np.intp], ys: npt.NDArray[np.intp], weight: Floats, reach: float) -> tuple[float, float]:
    side = max(2, int(reach))
    columns, rows = xs // side, ys // side
    width = int(columns.max()) + 1
    grid = np.bincount(rows * width + columns, weights=weight)
    best = int(grid.argmax())
    here = (rows * width + columns) == best
    total = float(weight[here].sum())
    return float((xs[here] * weight[here]).sum() / total), float((ys[here] * weight[here]).sum() / total)


class Glyphs:
    """Reads which of some glyphs stands in each cell of a board, in whatever color, on white.

    A cell is read only when one glyph explains it clearly: its shape (cosine of the ink with the template, over small
    shifts), its whole ink (a ghost has less, two glyphs have more), and no ink elsewhere in the cell.

    Args:
        drawings: at the size of the view; drawings[v][k] shows glyph k + 1 in every cell, in variant v, say smaller.
        unfinished: the same for variants that mean a glyph in between, too small to be read.
        corners: left and top of each cell, in pixels of the view.
        size: of a cell, in pixels of the view.
    """

    def __init__(
        self,
        drawings: Sequence[Sequence[Planes]],
        unfinished: Sequence[Sequence[Planes]],
        corners: Sequence[tuple[float, float]],
        size: float,
    ) -> None:
        # About 23 pixels a cell are enough to read a digit: larger cells are looked at through squares of `by` pixels.
        by = max(1, round(size / 23))
        side = max(3, int(size / by * 0.72))
        width = drawings[0][0].shape[2]
        inset = (size - side * by) / 2
        origins = np.array([round(y + inset) * width + round(x + inset) for x, y in corners])
        squares = (np.arange(side)[:, None] * width + np.arange(side)[None, :]).ravel() * by
        inner = (np.arange(by)[:, None] * width + np.arange(by)[None, :]).ravel()
        self._pixels = origins[:, None, None] + squares[:, None] + inner
        variants = [*drawings, *unfinished]
        # A glyph may stand up to a tenth of the cell from its place.
        reach = range(-2, 3)
        shifts = [(dy * width + dx) * by for dy in reach for dx in reach if abs(dx) + abs(dy) <= 2]
        depths = [[self._depth(planes) for planes in drawn] for drawn in variants]
        shapes = np.stack([[self._ink(d, shift).mean(0) for d in drawn] for drawn in depths for shift in shifts])
        self._mass = shapes.sum(2)
        self._readable = len(shapes) // len(variants) * len(drawings)
        # Shape (variants and shifts, glyphs, pixels).
        self._templates = shapes / np.linalg.norm(shapes, axis=2, keepdims=True)
        # Where a glyph has no ink, not even a pixel away.
        wide = _spread(shapes.reshape(-1, side, side)).reshape(shapes.shape)
        self._off = (wide < 0.06 * shapes.max()).astype(np.float32)

    def _depth(self, planes: Planes) -> npt.NDArray[np.int16]:
        """How far each pixel is from white, in any color."""
        # A light color is hardly darker than paper, but it has chroma.
        chroma = most(np.abs(planes[1:].astype(np.int16) - 128))
        depth: npt.NDArray[np.int16] = np.minimum(255 - planes[0] + chroma, 255)
        return depth

    def _ink(self, depth: npt.NDArray[np.int16], shift: int = 0) -> Floats:
        """Ink in each cell from 0 to 1, shape (cells, pixels), if the picture were shifted by some pixels in memory."""
        seen = depth.ravel().take(self._pixels - shift)
        # Pixel by pixel of a square: a mean over so short an axis is many times slower.
        mean = sum(seen[..., k] for k in range(seen.shape[2])) / np.float32(seen.shape[2])
        ink: Floats = np.maximum(mean - _FAINT, 0) / (255 - _FAINT)
        return ink

    def read(self, planes: Planes) -> npt.NDArray[np.intp]:
        """The glyph in each cell, counted from 1; 0 is empty, -1 in between or unreadable."""
        ink = self._ink(self._depth(planes))
        mass = ink.sum(1)
        length = np.maximum(np.linalg.norm(ink, axis=1), 1e-6)
        likeness = self._templates @ ink.T / length
        shape = likeness.max(0)
        cells = np.arange(len(mass))
        best = shape.argmax(0)
        variant = likeness[:, best, cells].argmax(0)
        lead = shape[best, cells] - np.partition(shape, -2, axis=0)[-2]
        share = mass / self._mass[variant, best]
        elsewhere = (ink * self._off[variant, best]).sum(1) / np.maximum(mass, 1e-6)
        clear = (shape[best, cells] > 0.85) & (lead > 0.04) & (share > 0.66) & (share < 1.6) & (elsewhere < 0.1)
        clear &= variant < self._readable
        empty = mass < 0.15 * self._mass.min()
        answer: npt.NDArray[np.intp] = np.where(empty, 0, np.where(clear, best + 1, -1))
        return answer


def _spread(shapes: Floats) -> Floats:
    """The brightest value within a pixel; shape (count, height, width)."""
    padded = np.pad(shapes, ((0, 0), (1, 1), (1, 1)))
    height, width = shapes.shape[1:]
    spread: Floats = np.max([padded[:, y : y + height, x : x + width] for y in range(3) for x in range(3)], axis=0)
    return spread


class Blocks:
    """Compares the mean colors of blocks with a drawing's: finds things that change color or vanish.

    Blind to blur and small shifts; `Envelope` sees small dark things that blocks average away.

    Args:
        drawing: at the size of the view.
        where: mask of the pixels to compare; only blocks that lie inside count.
    """

    def __init__(self, drawing: Planes, where: Mask, side: int = 8, tolerance: int = 45) -> None:
        self._side, self._tolerance = side, tolerance * side * side
        self._inside = self._sums(where[None].astype(np.uint8))[0] == side * side
        self._known = self._sums(drawing)

    def _sums(self, planes: Planes) -> Floats:
        """The sum of each block's pixels, exactly; shape (planes, rows, columns)."""
        side = self._side
        height, width = planes.shape[1] // side * side, planes.shape[2] // side * side
        kept = planes[:, :height, :width]
        # Slices added up, then a product: many times quicker than a sum over two axes.
        rows = kept[:, ::side].astype(np.uint16)
        for i in range(1, side):
            rows += kept[:, i::side]
        sums: Floats = rows.astype(np.float32).reshape(-1, side) @ np.ones(side, np.float32)
        return sums.reshape(len(planes), height // side, width // side)

    def changed(self, planes: Planes) -> int:
        """How many blocks have another color than in the drawing."""
        off = most(np.abs(self._sums(planes) - self._known))
        return int(np.count_nonzero((off > self._tolerance) & self._inside))


class Linework:
    """Whether a drawing's lines are still there: those too thin for blocks, whose place paper may take unnoticed.

    The picture is divided into zones; in each, the lines together must keep half of their contrast.
    """

    def __init__(self, drawing: Planes, where: Mask, zones: tuple[int, int] = (4, 6)) -> None:
        luma = drawing[:1]
        # What paper would be there: the brightest nearby, without the corners that this widens.
        paper = _extreme(_extreme(luma, 5, np.maximum), 5, np.minimum)[0].astype(np.int16)
        depth = paper - drawing[0]
        at = np.flatnonzero((depth > 24) & where)
        ys, xs = np.divmod(at, luma.shape[2])
        zone = ys * zones[0] // luma.shape[1] * zones[1] + xs * zones[1] // luma.shape[2]
        # Zone by zone, and together those that have hardly any lines.
        rest = zones[0] * zones[1]
        zone = np.where(np.bincount(zone, minlength=rest)[zone] >= _FEW, zone, rest)
        counts = np.bincount(zone)
        at = at[np.argsort(zone, kind="stable")][(counts >= _FEW).repeat(counts)]
        self._at, self._paper = at, paper.ravel()[at]
        self._first = np.cumsum([0, *counts[counts >= _FEW][:-1]])
        self._whole = self._depths(drawing) if len(at) else None

    def _depths(self, planes: Planes) -> npt.NDArray[np.int32]:
        """How much darker than paper the lines of each zone are, in all."""
        depth = np.maximum(self._paper - planes[0].ravel().take(self._at), 0)
        return np.add.reduceat(depth, self._first, dtype=np.int32)

    def gone(self, planes: Planes) -> bool:
        """Whether lines have vanished from some zone."""
        return self._whole is not None and bool((2 * self._depths(planes) < self._whole).any())


class Scene:
    """What stays in a puzzle: brings frames to its light and position, and says what is wrong with them.

    Args:
        start: the first frame.
        others: further drawings that a frame may agree with, in part or in between: what appears.
        moving: mask of the pixels where things may change; elsewhere colors and lines must stay.
    """

    def __init__(self, start: Planes, others: Sequence[Planes] = (), moving: Mask | None = None) -> None:
        still = np.ones(start.shape[1:], bool) if moving is None else ~moving
        self.lens, self._envelope = Lens(start, still), Envelope(start, *others)
        self._blocks, self._lines = Blocks(start, still), Linework(start, still)

    def look(self, frame: Planes) -> tuple[Planes, str]:
        """The frame's planes, corrected, and why the scene is not intact ("" if it is)."""
        planes = self.lens.planes(frame)
        strange = self._envelope.unexplained(planes)
        if strange.any():
            if lost(strange):
                return planes, "scene_lost"
            if patches(strange):
                return planes, "extra_object"
            # Specks everywhere are noise: no right video comes near so many.
            if np.count_nonzero(strange) > _NOISE * strange.size:
                return planes, "scene_lost"
        if self._lines.gone(planes):
            return planes, "scene_lost"
        return planes, "extra_object" if self._blocks.changed(planes) else ""
