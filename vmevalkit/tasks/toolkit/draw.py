"""Drawing: one palette, anti-aliased shapes, and fast redrawing of the parts that move.

Models see frames through a VAE (8x smaller in space), so there are no hairlines. The hues can also be told apart by
color-blind people (palette after Okabe and Ito, 2008, https://jfly.uni-koeln.de/color/).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import aggdraw
import numpy as np
from PIL import Image

from vmevalkit.media import Frame
from vmevalkit.types import Size

Color = tuple[int, int, int]
Point = tuple[float, float]
Box = tuple[float, float, float, float]

PAPER: Color = (250, 249, 246)
WHITE: Color = (255, 255, 255)
INK: Color = (38, 44, 56)
GRAY: Color = (196, 200, 206)
SAND: Color = (236, 224, 200)
UMBER: Color = (178, 140, 102)
BLUE: Color = (0, 98, 190)
ORANGE: Color = (232, 136, 0)
GREEN: Color = (0, 148, 104)
VERMILION: Color = (213, 72, 0)
SKY: Color = (86, 180, 233)
YELLOW: Color = (240, 214, 40)
PURPLE: Color = (176, 84, 150)
BROWN: Color = (110, 66, 34)

# Colors that can be told apart from each other, by the word in prompts. Tasks use them in this order.
HUES: dict[str, Color] = {
    "blue": BLUE,
    "orange": ORANGE,
    "green": GREEN,
    "purple": PURPLE,
    "sky blue": SKY,
    "yellow": YELLOW,
    "red": VERMILION,
    "brown": BROWN,
}

# Coordinates are rounded to this fraction of a pixel, so that a shape has the same pixels in every part of the image.
_GRID = 64
# AGG grows filled shapes by a quarter of a pixel unless they have an outline, so give them one without width.
_NO_OUTLINE = aggdraw.Pen((0, 0, 0), 0, 0)


class _Op(NamedTuple):
    """One shape, in pixels of the canvas."""

    box: Box
    kind: str
    points: tuple[Point, ...]
    size: float
    color: Color


class Stamp(NamedTuple):
    """A rendered part of a drawing, and its left and upper edge in pixels of the rendered image."""

    left: int
    top: int
    pixels: Frame

    def onto(self, frame: Frame) -> None:
        """Paste it at its place into a frame of the whole canvas."""
        height, width = self.pixels.shape[:2]
        frame[self.top : self.top + height, self.left : self.left + width] = self.pixels


class Sketch:
    """A drawing: a list of shapes in pixels of the canvas, which can be rendered in part and at a smaller size.

    Args:
        size: width and height of the canvas in pixels.
        color: of the empty canvas.
        downscale: how many times smaller than the canvas the rendered image is. Verifiers use smaller images.
    """

    def __init__(self, size: Size, color: Color = PAPER, downscale: float = 1) -> None:
        self._color, self._downscale = color, downscale
        self._box = (0, 0, max(1, round(size[0] / downscale)), max(1, round(size[1] / downscale)))
        self._ops: list[_Op] = []

    def rectangle(self, box: Box, color: Color, radius: float = 0) -> None:
        """Add a filled rectangle (left, top, right, bottom) whose corners are rounded by `radius`."""
        self._ops.append(_Op(box, "rectangle", ((box[0], box[1]), (box[2], box[3])), radius, color))

    def circle(self, center: Point, radius: float, color: Color) -> None:
        """Add a filled disc."""
        box = (center[0] - radius, center[1] - radius, center[0] + radius, center[1] + radius)
        self._ops.append(_Op(box, "circle", (box[:2], box[2:]), radius, color))

    def polygon(self, points: Sequence[Point], color: Color) -> None:
        """Add a filled polygon."""
        self._ops.append(_Op(_around(points, 0), "polygon", tuple(points), 0, color))

    def line(self, points: Sequence[Point], width: float, color: Color) -> None:
        """Add a polyline with round joints and ends."""
        self._ops.append(_Op(_around(points, width / 2), "line", tuple(points), width, color))

    def region(self, box: Box) -> Sketch:
        """Return the part inside a box (widened to whole pixels), for drawing an object that moves there."""
        left, top, right, bottom = self._box
        part = Sketch.__new__(Sketch)
        part._color, part._downscale = self._color, self._downscale
        x = min(max(left, math.floor(box[0] / self._downscale)), right - 1)
        y = min(max(top, math.floor(box[1] / self._downscale)), bottom - 1)
        part._box = (
            x, y, max(x + 1, min(right, math.ceil(box[2] / self._downscale))),
            max(y + 1, min(bottom, math.ceil(box[3] / self._downscale))),
        )  # fmt: skip
        part._ops, part._color = self._inside(part._box)
        return part

    def pixels(self) -> Frame:
        """Return the rendered image, uint8 (height, width, 3)."""
        left, top, right, bottom = self._box
        size = (right - left, bottom - top)
        ops, color = self._inside(self._box)
        draw = aggdraw.Draw("RGB", size, color)
        scale = _GRID / self._downscale
        for op in ops:
            points = [(round(x * scale) / _GRID - left, round(y * scale) / _GRID - top) for x, y in op.points]
            _SHAPES[op.kind](draw, points, op.size / self._downscale, op.color)
        return np.frombuffer(bytearray(draw.tobytes()), np.uint8).reshape(size[1], size[0], 3)

    def onto(self, frame: Frame) -> None:
        """Paste the rendered image at its place into a frame of the whole canvas."""
        self.stamp().onto(frame)

    def stamp(self) -> Stamp:
        """Return the rendered image with its place, to be pasted many times."""
        return Stamp(self._box[0], self._box[1], self.pixels())

    def _inside(self, box: tuple[int, int, int, int]) -> tuple[list[_Op], Color]:
        """Return the shapes that are visible in a box of pixels, and the color behind them."""
        left, top, right, bottom = (edge * self._downscale for edge in box)
        found, color = list[_Op](), self._color
        for op in self._ops:
            x0, y0, x1, y1 = op.box
            if x0 > right + 1 or x1 < left - 1 or y0 > bottom + 1 or y1 < top - 1:
                continue
            if op.kind == "rectangle":
                inset = op.size
                if x0 + inset <= left and y0 + inset <= top and x1 - inset >= right and y1 - inset >= bottom:
                    # It fills the box and hides everything below.
                    found, color = [], op.color
                    continue
            found.append(op)
        return found, color


def _rectangle(draw: Any, points: Sequence[Point], radius: float, color: Color) -> None:
    (left, top), (right, bottom) = points
    if right <= left or bottom <= top:
        return
    brush, radius = aggdraw.Brush(color), min(radius, (right - left) / 2, (bottom - top) / 2)
    if radius > 0:
        draw.rounded_rectangle((left, top, right, bottom), radius, _NO_OUTLINE, brush)
    else:
        draw.rectangle((left, top, right, bottom), _NO_OUTLINE, brush)


def _circle(draw: Any, points: Sequence[Point], _radius: float, color: Color) -> None:
    draw.ellipse([*points[0], *points[1]], _NO_OUTLINE, aggdraw.Brush(color))


def _polygon(draw: Any, points: Sequence[Point], _size: float, color: Color) -> None:
    draw.polygon(list(itertools.chain(*points)), _NO_OUTLINE, aggdraw.Brush(color))


def _line(draw: Any, points: Sequence[Point], width: float, color: Color) -> None:
    pen, run = aggdraw.Pen(color, width), [points[0]]
    for point, after in itertools.zip_longest(points[1:], points[2:]):
        run.append(point)
        # The joints of AGG are pointed. This does not show in a gentle bend, but a sharp one needs a disc.
        if after is None or _sharp(run[-2], point, after):
            draw.line(list(itertools.chain(*run)), pen)
            run = [point]
            _disc(draw, point, width, color)
    _disc(draw, points[0], width, color)


def _disc(draw: Any, center: Point, width: float, color: Color) -> None:
    (x, y), radius = center, width / 2
    _circle(draw, [(x - radius, y - radius), (x + radius, y + radius)], radius, color)


def _sharp(a: Point, b: Point, c: Point) -> bool:
    """Whether a line turns at b by more than 20 degrees."""
    u, v = (b[0] - a[0], b[1] - a[1]), (c[0] - b[0], c[1] - b[1])
    return u[0] * v[0] + u[1] * v[1] <= 0.94 * math.hypot(*u) * math.hypot(*v)


_SHAPES: dict[str, Callable[[Any, Sequence[Point], float, Color], None]] = {
    "rectangle": _rectangle,
    "circle": _circle,
    "polygon": _polygon,
    "line": _line,
}


def downscaled(frame: Frame, downscale: float) -> Frame:
    """Return a frame reduced by a factor. Each pixel is the mean of the pixels that it covers."""
    if downscale == 1:
        return frame
    size = (round(frame.shape[1] / downscale), round(frame.shape[0] / downscale))
    return np.asarray(Image.fromarray(frame).resize(size, Image.Resampling.BOX))


def scaled(box: Box, factor: float) -> Box:
    """Return a box with all coordinates multiplied by a factor."""
    left, top, right, bottom = box
    return left * factor, top * factor, right * factor, bottom * factor


def _around(points: Sequence[Point], margin: float) -> Box:
    xs, ys = [x for x, _ in points], [y for _, y in points]
    return min(xs) - margin, min(ys) - margin, max(xs) + margin, max(ys) + margin


def square_board(canvas: Size, cells: int, margin: float = 0.045) -> tuple[float, float, float]:
    """Return left, top and cell size of a centered board of `cells` x `cells`, in pixels of the canvas.

    The cell size is a whole number, except on canvases that are too small for that. `margin` is a share of the shorter
    side of the canvas.
    """
    free = min(canvas) * (1 - 2 * margin)
    cell = float(math.floor(free / cells)) if free / cells >= 8 else free / cells
    return (canvas[0] - cell * cells) / 2, (canvas[1] - cell * cells) / 2, cell


def _arc(cx: float, cy: float, rx: float, ry: float, start: float, end: float) -> list[Point]:
    """Return points of the arc of an ellipse, in degrees clockwise from the right as seen on a screen."""
    steps = max(2, round(abs(end - start) / 12))
    angles = [math.radians(start + (end - start) * i / steps) for i in range(steps + 1)]
    return [(cx + rx * math.cos(a), cy + ry * math.sin(a)) for a in angles]


# Digits as strokes of a round pen in a box of width 1 and height 2. Without a font file, they are the same everywhere.
DIGITS: dict[int, list[list[Point]]] = {
    0: [_arc(0.5, 1.0, 0.5, 1.0, 0, 360)],
    1: [[(0.1, 0.45), (0.6, 0.0), (0.6, 2.0)]],
    2: [[*_arc(0.5, 0.5, 0.5, 0.5, 190, 390), (0.0, 2.0), (1.0, 2.0)]],
    3: [[*_arc(0.48, 0.5, 0.46, 0.5, 200, 450), *_arc(0.48, 1.48, 0.52, 0.52, 270, 520)]],
    4: [[(0.78, 2.0), (0.78, 0.0), (0.0, 1.38), (1.05, 1.38)]],
    5: [[(0.92, 0.0), (0.14, 0.0), (0.06, 0.9), *_arc(0.46, 1.36, 0.54, 0.64, 225, 500)]],
    6: [[(0.72, 0.0), (0.14, 1.0), *_arc(0.5, 1.42, 0.5, 0.58, 195, 555)]],
    7: [[(0.0, 0.0), (1.0, 0.0), (0.36, 2.0)]],
    8: [_arc(0.5, 0.48, 0.43, 0.48, 90, 450), _arc(0.5, 1.48, 0.52, 0.52, 270, 630)],
    9: [[(0.28, 2.0), (0.86, 1.0), *_arc(0.5, 0.58, 0.5, 0.58, 15, 375)]],
}


def digit(sketch: Sketch, value: int, center: Point, height: float, color: Color, weight: float = 0.17) -> None:
    """Draw one digit. `height` in pixels includes the pen, whose width is `weight` x height."""
    pen = height * weight
    scale = (height - pen) / 2
    for stroke in DIGITS[value]:
        points = [(center[0] + (x - 0.5) * scale * 1.05, center[1] + (y - 1.0) * scale) for x, y in stroke]
        sketch.line(points, pen, color)


def mix(a: Color, b: Color, t: float) -> Color:
    """Return the color at share `t` (0 to 1) of the way from one color to another."""
    return (
        round(a[0] + (b[0] - a[0]) * t),
        round(a[1] + (b[1] - a[1]) * t),
        round(a[2] + (b[2] - a[2]) * t),
    )


def oval(cx: float, cy: float, rx: float, ry: float) -> list[Point]:
    """Return points of an ellipse with center (cx, cy) and radii rx and ry, for a polygon."""
    return _arc(cx, cy, rx, ry, 0, 360)


# Shapes with different outlines, by the word in prompts.
FIGURES = ("circle", "square", "triangle", "star", "cross")


def figure(sketch: Sketch, name: str, center: Point, radius: float, color: Color) -> None:
    """Draw one of `FIGURES` inside a circle of a radius in pixels. All have about the same area."""
    x, y = center

    def rectangle(across: float, down: float, corner: float) -> None:
        box = (x - across * radius, y - down * radius, x + across * radius, y + down * radius)
        sketch.rectangle(box, color, radius=corner * radius)

    if name == "circle":
        sketch.circle(center, 0.86 * radius, color)
    elif name == "square":
        rectangle(0.76, 0.76, 0.12)
    elif name == "cross":
        rectangle(0.92, 0.31, 0.08)
        rectangle(0.31, 0.92, 0.08)
    elif name == "triangle":
        sketch.polygon([(x, y - radius), (x + 0.94 * radius, y + 0.66 * radius),
                        (x - 0.94 * radius, y + 0.66 * radius)], color)  # fmt: skip
    else:
        tips = [(radius * (0.46 if k % 2 else 1.03), k * math.pi / 5) for k in range(10)]
        sketch.polygon([(x + far * math.sin(a), y + 0.05 * radius - far * math.cos(a)) for far, a in tips], color)


def arrow(sketch: Sketch, center: Point, half: float, color: Color, way: Point = (1, 0)) -> None:
    """Draw an arrow, `half` of its length to each side of a center, that points along the unit vector `way`."""
    (x, y), (across, down) = center, way
    tip, neck, end = ((x + k * half * across, y + k * half * down) for k in (1, 0.1, 0.4))
    sketch.line([(x - half * across, y - half * down), end], 0.13 / 0.28 * half, color)
    wing = (-0.7 * half * down, 0.7 * half * across)
    sketch.polygon([tip, (neck[0] - wing[0], neck[1] - wing[1]), (neck[0] + wing[0], neck[1] + wing[1])], color)
