"""What several verifiers share to see: undo light and shift, and say which pixels a drawing does not explain.

Verifiers work by synthesis: they draw what a state should look like and ask whether the frame could be that picture
after the blur, compression and small shifts that a video model and a codec cause. What no drawing explains (ghosts,
blends, extra objects, a redrawn scene) is not a state. Planes are float32 or uint8 of shape (3, height, width).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view
from PIL import Image

from vmevalkit.types import Size
from vmevalkit.video import Frame

Mask = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float32]
Planes = npt.NDArray[np.uint8]

# The longest side of the pictures that verifiers look at: half of a 720x480 canvas.
VIEW = 360
# Ringing of H.264 at crf 35 next to strokes reaches about 25 of 255; a ghost of one sixth opacity is brighter.
TOLERANCE = 40
# Difference of a row's or column's mean, in 255ths, from which on it does not matter how large it is.
_SETTLED = 6.0
# Pixels of the view along its edge that are not looked at.
RIM = 3
# Share of the full range by which a frame's contrast and brightness may differ from the drawing and be corrected.
_GAIN = (0.72, 1.35)
_OFFSET = 48.0
# Darkness that is no ink: ringing, and what a fit of the light leaves over.
_FAINT = 20.0


def view_size(canvas: Size) -> Size:
    """Size at which verifiers look at a canvas: whole-number reduction to at most `VIEW` on the longer side."""
    factor = -(-max(canvas) // VIEW)
    return max(1, round(canvas[0] / factor)), max(1, round(canvas[1] / factor))


def to_view(frame: Frame) -> Frame:
    """A canvas-sized drawing at the size of the view."""
    canvas = (frame.shape[1], frame.shape[0])
    width, height = view_size(canvas)
    if (width, height) == canvas:
        return frame
    image = Image.fromarray(frame)
    factor = canvas[0] // width
    if (width * factor, height * factor) == canvas:
        return np.asarray(image.reduce(factor))
    return np.asarray(image.resize((width, height), Image.Resampling.BOX))


class Envelope:
    """What a drawing may look like after blur and a shift of up to `reach` pixels of the view.

    A pixel is explained if each channel lies between the darkest and the brightest value that the drawing has within
    `reach` pixels of it, give or take `tolerance`.
    """

    def __init__(self, drawing: Frame, reach: int = 2, tolerance: int = TOLERANCE) -> None:
        planes = np.ascontiguousarray(drawing.transpose(2, 0, 1))
        low = _extreme(planes, reach, np.minimum).astype(np.int16) - tolerance
        high = _extreme(planes, reach, np.maximum).astype(np.int16) + tolerance
        self.low = np.clip(low, 0, 255).astype(np.uint8)
        self.high = np.clip(high, 0, 255).astype(np.uint8)

    def unexplained(self, planes: Planes) -> Mask:
        """Mask (height, width) of the pixels that the drawing does not explain."""
        outside = (planes < self.low) | (planes > self.high)
        mask: Mask = outside[0] | outside[1] | outside[2]
        # Letterbox bars may bleed into the outermost pixels, where no puzzle draws anything.
        mask[:RIM] = mask[-RIM:] = False
        mask[:, :RIM] = mask[:, -RIM:] = False
        return mask


def _extreme(planes: Planes, reach: int, pick: Callable[[Planes, Planes], Planes]) -> Planes:
    """The smallest or largest value within `reach` pixels both ways; many times quicker than Pillow's rank filters."""
    for axis in (1, 2):
        padded = np.pad(planes, [(reach, reach) if i == axis else (0, 0) for i in range(3)], mode="edge")
        size = planes.shape[axis]
        shifted = [padded[(slice(None),) * axis + (slice(k, k + size),)] for k in range(2 * reach + 1)]
        planes = functools.reduce(pick, shifted)
    return planes


def patches(mask: Mask, side: int = 4, share: float = 0.5) -> int:
    """How many squares of `side` pixels are unexplained for at least a `share`: specks do not count."""
    height, width = mask.shape[0] // side * side, mask.shape[1] // side * side
    ones = mask[:height, :width].view(np.uint8)
    # Slices added up: many times quicker than a sum over two axes.
    rows = sum((ones[i::side] for i in range(1, side)), ones[::side].astype(np.uint16))
    blocks = sum((rows[:, i::side] for i in range(1, side)), rows[:, ::side])
    return int(np.count_nonzero(blocks >= side * side * share))


def lost(mask: Mask) -> bool:
    """Whether so much is unexplained that this is another picture."""
    return int(np.count_nonzero(mask)) > 0.25 * mask.size


class Lens:
    """Brings frames to the light and the position of a reference drawing.

    Gain and offset of each channel are fitted on the pixels that agree with the reference. A drift of up to 1.3 percent
    of the width is undone in whole pixels. The mean brightness of rows and columns proposes it, which also works for
    thin lines, moved off themselves after two pixels; it is taken only if the picture then fits better. A large thing
    that moves in an empty scene looks like a drift to the means, but not to the pixels that stay.
    """

    def __init__(self, reference: Frame) -> None:
        planes = np.ascontiguousarray(reference.transpose(2, 0, 1))
        self._sample = _sampled(planes)
        self._green = planes[1].astype(np.int16)
        most = max(1, round(0.013 * reference.shape[1]))
        # From the smallest move up: it wins where two fit equally well.
        self._moves = sorted(range(-most, most + 1), key=abs)
        self._profiles = _profiles(planes)
        self._sources = [(np.arange(len(p)) + np.array(self._moves)[:, None]) % len(p) for p in self._profiles]

    def planes(self, frame: Frame) -> Planes:
        """A frame (height, width, 3) as corrected planes (3, height, width)."""
        planes = np.ascontiguousarray(frame.transpose(2, 0, 1))
        gain, offset = self._light(_sampled(planes))
        levels = np.arange(256, dtype=np.float32)
        for channel in range(3):
            if abs(gain[channel] - 1) > 0.01 or abs(offset[channel]) > 1:
                table = np.clip(levels * gain[channel] + offset[channel] + 0.5, 0, 255).astype(np.uint8)
                planes[channel] = table[planes[channel]]
        dx, dy = (
            self._moves[int(np.minimum(np.abs(seen[source] - known), _SETTLED).sum(1).round(1).argmin())]
            for seen, known, source in zip(_profiles(planes), self._profiles, self._sources, strict=True)
        )
        if not (dx or dy):
            return planes
        moved = np.roll(planes, (-dy, -dx), (1, 2))
        return moved if self._misfit(moved) < self._misfit(planes) else planes

    def _misfit(self, planes: Planes) -> int:
        # Cut off, so that what moved counts the same wherever it went.
        return int(np.minimum(np.abs(planes[1] - self._green), 40).sum())

    def _light(self, seen: Floats) -> tuple[Floats, Floats]:
        gain, offset = np.ones((3, 1), np.float32), np.zeros((3, 1), np.float32)
        # Twice: the first fit may be pulled by what moved, the second leaves that out.
        for limit in (120.0, 40.0):
            off = np.abs(seen * gain + offset - self._sample)
            agree = ((off[0] < limit) & (off[1] < limit) & (off[2] < limit)).astype(np.float32)
            count = float(agree.sum())
            if count < 0.3 * agree.size:
                return np.ones(3, np.float32), np.zeros(3, np.float32)
            mean_x, mean_y = (seen @ agree)[:, None] / count, (self._sample @ agree)[:, None] / count
            x = (seen - mean_x) * agree
            variance = (x * x).sum(1, keepdims=True) / count
            covariance = (x * (self._sample - mean_y)).sum(1, keepdims=True) / count
            gain = np.clip(np.where(variance > 4, covariance / np.maximum(variance, 1e-6), 1.0), *_GAIN)
            offset = np.clip(mean_y - gain * mean_x, -_OFFSET, _OFFSET)
        return gain[:, 0], offset[:, 0]


def _sampled(planes: Planes) -> Floats:
    """Every fourth pixel both ways, shape (3, count)."""
    return planes[:, ::4, ::4].reshape(3, -1).astype(np.float32)


def _profiles(planes: Planes) -> tuple[Floats, Floats]:
    """Mean of the columns and of the rows of the green plane, most of what the eye calls brightness."""
    green = planes[1].astype(np.float32)
    return green.mean(0), green.mean(1)


class Blob:
    """A mover of one colour, found by unmixing it from the background.

    Attributes:
        mass: its area in pixels of the view, half-transparent pixels counted by their opacity.
        x, y: its centre in pixels of the view; NaN without mass.
        stray: opacity found farther than `reach` from the centre, in pixels.
        other: unexplained pixels that are not this colour.
    """

    __slots__ = ("mass", "other", "stray", "x", "y")

    def __init__(
        self,
        planes: Planes,
        unexplained: Mask,
        background: Planes,
        colour: tuple[int, int, int],
        reach: float,
    ) -> None:
        ys, xs = np.nonzero(unexplained)
        pixels = planes[:, ys, xs].astype(np.float32)
        behind = background[:, ys, xs].astype(np.float32)
        toward = np.asarray(colour, np.float32)[:, None] - behind
        opacity = ((pixels - behind) * toward).sum(0) / np.maximum((toward * toward).sum(0), 1.0)
        opacity = np.clip(opacity, 0.0, 1.0)
        off = np.abs(pixels - behind - opacity * toward).max(0)
        own = (off < 64) & (opacity > 0.15)
        weight = np.where(own, opacity, 0.0)
        self.other = int((~own).sum())
        self.mass = float(weight.sum())
        self.x = self.y = float("nan")
        self.stray = 0.0
        if self.mass > 0:
            # The centre of the densest part first, so that a far ghost does not pull the agent away.
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
    """Reads which of some glyphs stands in each cell of a board, in whatever colour, on white.

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
        drawings: Sequence[Sequence[Frame]],
        unfinished: Sequence[Sequence[Frame]],
        corners: Sequence[tuple[float, float]],
        size: float,
    ) -> None:
        # About 23 pixels a cell are enough to read a digit: larger cells are looked at through squares of `by` pixels.
        by = max(1, round(size / 23))
        side = max(3, int(size / by * 0.72))
        width = drawings[0][0].shape[1]
        inset = (size - side * by) / 2
        origins = np.array([round(y + inset) * width + round(x + inset) for x, y in corners])
        squares = (np.arange(side)[:, None] * width + np.arange(side)[None, :]).ravel() * by
        inner = (np.arange(by)[:, None] * width + np.arange(by)[None, :]).ravel()
        self._pixels = origins[:, None, None] + squares[:, None] + inner
        variants = [
            [np.ascontiguousarray(drawing.transpose(2, 0, 1)) for drawing in variant]
            for variant in (*drawings, *unfinished)
        ]
        # A glyph may stand up to a tenth of the cell from its place.
        reach = range(-2, 3)
        shapes = np.stack([
            [self._ink(np.roll(p, (dy * by, dx * by), (1, 2))).mean(0) for p in planes]
            for planes in variants for dy in reach for dx in reach if abs(dx) + abs(dy) <= 2
        ])  # fmt: skip
        self._mass = shapes.sum(2)
        self._readable = len(shapes) // len(variants) * len(drawings)
        # Shape (variants and shifts, glyphs, pixels): products so small that the library starts no threads for them.
        self._templates = shapes / np.linalg.norm(shapes, axis=2, keepdims=True)
        # Where a glyph has no ink, not even a pixel away.
        wide = _spread(shapes.reshape(-1, side, side)).reshape(shapes.shape)
        self._off = (wide < 0.06 * shapes.max()).astype(np.float32)

    def _ink(self, planes: Planes) -> Floats:
        """Darkness of the darkest channel from 0 to 1, shape (cells, pixels)."""
        dark = planes.min(0).ravel()[self._pixels].mean(2, dtype=np.float32)
        ink: Floats = np.maximum(255 - _FAINT - dark, 0) / (255 - _FAINT)
        return ink

    def read(self, planes: Planes) -> npt.NDArray[np.intp]:
        """The glyph in each cell, counted from 1; 0 is empty, -1 in between or unreadable."""
        ink = self._ink(planes)
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
    """Compares the mean colours of blocks with a drawing's: finds lines that vanish and things that change colour.

    Blind to blur and small shifts; `Envelope` sees small dark things that blocks average away.

    Args:
        drawing: at the size of the view.
        where: mask of the pixels to compare; only blocks that are mostly inside count.
    """

    def __init__(self, drawing: Frame, where: Mask, side: int = 8, tolerance: int = 55) -> None:
        self._side, self._tolerance = side, tolerance
        self._where = where.astype(np.uint8)
        count = self._sums(np.ones((1, *where.shape), np.uint8))
        self._inside = (count > 0.5 * side * side)[0]
        self._count = np.maximum(count, 1)
        self._means = self._sums(np.ascontiguousarray(drawing.transpose(2, 0, 1))) / self._count

    def _sums(self, planes: Planes) -> Floats:
        side = self._side
        channels, height, width = planes.shape[0], planes.shape[1] // side, planes.shape[2] // side
        kept = (planes * self._where)[:, : height * side, : width * side]
        rows = kept.reshape(channels, height, side, width * side).sum(2, dtype=np.uint16)
        sums: Floats = rows.reshape(channels, height, width, side).sum(3, dtype=np.float32)
        return sums

    def changed(self, planes: Planes) -> int:
        """How many blocks have another colour than in the drawing."""
        off = np.abs(self._sums(planes) / self._count - self._means).max(0)
        return int(np.count_nonzero((off > self._tolerance) & self._inside))


Spot = tuple[int, int]


class Sprite:
    """A small square picture with opacity, cut out of two drawings of it: on black and on white paper.

    Attributes:
        side: pixels a side, even.
        alpha: opacity in [0, 1], shape (side, side).
        ink: what it adds to the picture behind it, 0..255, shape (3, side, side).
    """

    __slots__ = ("alpha", "ink", "side")

    def __init__(self, on_black: Frame, on_white: Frame) -> None:
        self.side = on_black.shape[0] // 2 * 2
        black = on_black[: self.side, : self.side].transpose(2, 0, 1).astype(np.float32)
        white = on_white[: self.side, : self.side].transpose(2, 0, 1).astype(np.float32)
        self.alpha: Floats = np.clip(1 - (white - black).mean(0) / np.float32(255), 0, 1)
        self.ink: Floats = black

    def at(self, spot: Spot) -> tuple[slice, slice]:
        """The rows and columns that the sprite fills when its upper left corner (y, x) is at a spot."""
        return slice(spot[0], spot[0] + self.side), slice(spot[1], spot[1] + self.side)

    def over(self, planes: Planes, spots: Sequence[Spot], shares: Sequence[float]) -> Planes:
        """Planes with the sprite in front, as the mixture of drawings that have it at each spot."""
        top, left = min(y for y, _ in spots), min(x for _, x in spots)
        bottom, right = max(y for y, _ in spots) + self.side, max(x for _, x in spots) + self.side
        mixed = planes[:, top:bottom, left:right].astype(np.float32)
        for (y, x), share in zip(spots, shares, strict=True):
            rows, columns = self.at((y - top, x - left))
            behind = planes[:, y : y + self.side, x : x + self.side]
            mixed[:, rows, columns] += share * (self.ink - self.alpha * behind)
        drawn: Planes = planes.copy()
        drawn[:, top:bottom, left:right] = np.clip(mixed + np.float32(0.5), 0, 255)
        return drawn


def _half(planes: Planes) -> Floats:
    """The green plane at half size, shape (height // 2, width // 2)."""
    height, width = planes.shape[1] // 2 * 2, planes.shape[2] // 2 * 2
    green = planes[1, :height, :width].astype(np.float32)
    half: Floats = (green[::2, ::2] + green[1::2, ::2] + green[::2, 1::2] + green[1::2, 1::2]) * np.float32(0.25)
    return half


class Seeker:
    """Finds a sprite in front of a known background, by least squares over its spot and its share.

    A mixture of two drawings differs from the background by each drawing's difference times its share, so a smeared
    sprite is found as one at two spots with shares that add up to one. Only the green plane is searched.
    """

    def __init__(self, behind: Planes, sprite: Sprite) -> None:
        self.sprite = sprite
        self._behind = behind[1].astype(np.float32)
        small = _half(behind)
        alpha, ink = _quarter(sprite.alpha), _quarter(sprite.ink[1])
        self._small = small
        self._room = small.shape[0] - alpha.shape[0] + 1, small.shape[1] - alpha.shape[1] + 1
        self._alpha, self._ink = self._kernel(alpha), self._kernel(ink)
        power = np.fft.rfft2(small * small) * self._kernel(alpha * alpha)
        power -= 2 * np.fft.rfft2(small) * self._kernel(alpha * ink)
        self._power = np.maximum(self._map(power) + float((ink * ink).sum()), 1.0)

    def find(self, seen: Planes) -> Spot:
        """Where the sprite explains most."""
        error = seen[1] - self._behind
        return self._settle(error, self._search(error, None, 0.0))

    def refine(self, seen: Planes, spot: Spot) -> Spot:
        """The best spot within two pixels."""
        return self._settle(seen[1] - self._behind, spot)

    def pair(self, seen: Planes, one: Spot, within: float) -> tuple[Spot, Spot]:
        """The two spots, at most about `within` pixels apart, whose mixture explains most; `one` is near either."""
        error = seen[1] - self._behind
        two = self._search(self._less(error, one, self.shares(seen, [one])[0]), one, within)
        for _ in range(4):
            before = one, two
            shares = self.shares(seen, [one, two])
            one = self._settle(self._less(error, two, shares[1]), one)
            two = self._settle(self._less(error, one, shares[0]), two)
            if before == (one, two):
                break
        return one, two

    def shares(self, seen: Planes, spots: Sequence[Spot]) -> list[float]:
        """How much of the sprite is at each spot."""
        error = (seen[1] - self._behind).ravel()
        changes = np.stack([self._less(np.zeros_like(self._behind), spot, -1.0).ravel() for spot in spots])
        normal = changes @ changes.T
        # A trace of damping: two equal spots have no solution of their own.
        normal[np.diag_indices_from(normal)] *= 1.001
        return [float(v) for v in np.linalg.solve(normal + np.eye(len(spots)), changes @ error)]

    def _less(self, error: Floats, spot: Spot, share: float) -> Floats:
        left: Floats = error.copy()
        window = self.sprite.at(spot)
        left[window] -= share * (self.sprite.ink[1] - self.sprite.alpha * self._behind[window])
        return left

    def _search(self, error: Floats, near: Spot | None, within: float) -> Spot:
        height, width = self._small.shape
        small = error[: 2 * height, : 2 * width].reshape(height, 2, width, 2).mean((1, 3))
        match = self._map(np.fft.rfft2(small) * self._ink - np.fft.rfft2(small * self._small) * self._alpha)
        score = np.maximum(match, 0) ** 2 / self._power
        if near is not None:
            rows, columns = np.ogrid[: self._room[0], : self._room[1]]
            score = np.where(np.hypot(2 * rows - near[0], 2 * columns - near[1]) <= within, score, 0.0)
        y, x = divmod(int(score.argmax()), self._room[1])
        return 2 * y, 2 * x

    def _settle(self, error: Floats, spot: Spot, reach: int = 2) -> Spot:
        side, limit = self.sprite.side, self._behind.shape
        top, left = (min(max(0, spot[i] - reach), limit[i] - side - 2 * reach) for i in (0, 1))
        box = slice(top, top + side + 2 * reach), slice(left, left + side + 2 * reach)
        wrong, back = (sliding_window_view(a[box], (side, side)) for a in (error, self._behind))
        change = self.sprite.ink[1] - self.sprite.alpha * back
        match = np.maximum(np.einsum("abij,abij->ab", wrong, change), 0)
        score = match * match / np.maximum(np.einsum("abij,abij->ab", change, change), 1.0)
        y, x = divmod(int(score.argmax()), 2 * reach + 1)
        return top + y, left + x

    def _kernel(self, sprite: Floats) -> npt.NDArray[np.complex128]:
        padded = np.zeros(self._small.shape, np.float32)
        padded[: sprite.shape[0], : sprite.shape[1]] = sprite
        kernel: npt.NDArray[np.complex128] = np.fft.rfft2(padded).conj()
        return kernel

    def _map(self, spectrum: npt.NDArray[np.complex128]) -> npt.NDArray[np.float64]:
        rows, columns = self._room
        return np.fft.irfft2(spectrum, self._small.shape)[:rows, :columns]


def _quarter(plane: Floats) -> Floats:
    half: Floats = plane.reshape(plane.shape[0] // 2, 2, plane.shape[1] // 2, 2).mean((1, 3))
    return half
