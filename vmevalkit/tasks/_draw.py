"""How every puzzle is drawn: one palette, one pen, anti-aliased, quick to redraw where something moves.

Models see these pictures through a VAE (8x smaller in space), so there are no hairlines, and hues are far apart also
for colour-blind people (palette after Okabe and Ito, 2008, https://jfly.uni-koeln.de/color/).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from vmevalkit.types import Size
from vmevalkit.video import Frame

Colour = tuple[int, int, int]
Point = tuple[float, float]
Box = tuple[float, float, float, float]

PAPER: Colour = (250, 249, 246)
WHITE: Colour = (255, 255, 255)
INK: Colour = (38, 44, 56)
GREY: Colour = (196, 200, 206)
SAND: Colour = (236, 224, 200)
UMBER: Colour = (178, 140, 102)
BLUE: Colour = (0, 98, 190)
ORANGE: Colour = (232, 136, 0)
GREEN: Colour = (0, 148, 104)
VERMILION: Colour = (213, 72, 0)

# Sub-pixels a side. Four makes edges smooth and movement visible at a quarter of a pixel.
FINE = 4


class Sketch:
    """A picture being drawn, in canvas pixels; kept `FINE` times larger inside.

    Args:
        size: (width, height) in pixels.
        colour: of the empty sheet.
        origin: canvas position of the sketch's own corner, in whole pixels.
    """

    def __init__(self, size: Size, colour: Colour = PAPER, origin: tuple[int, int] = (0, 0)) -> None:
        self.image = Image.new("RGB", (size[0] * FINE, size[1] * FINE), colour)
        self.origin = origin
        self._pen = ImageDraw.Draw(self.image)

    def _xy(self, points: Sequence[Point]) -> list[Point]:
        # Pillow's coordinates are pixel centres; half a fine pixel less puts edges where they are meant.
        return [((x - self.origin[0]) * FINE - 0.5, (y - self.origin[1]) * FINE - 0.5) for x, y in points]

    def rectangle(self, box: Box, colour: Colour, radius: float = 0) -> None:
        """A filled rectangle (left, top, right, bottom), with rounded corners of `radius`."""
        corners = self._xy([(box[0], box[1]), (box[2], box[3])])
        self._pen.rounded_rectangle(corners, radius * FINE, fill=colour)

    def circle(self, centre: Point, radius: float, colour: Colour) -> None:
        """A filled disc."""
        x, y = centre
        self._pen.ellipse(self._xy([(x - radius, y - radius), (x + radius, y + radius)]), fill=colour)

    def polygon(self, points: Sequence[Point], colour: Colour) -> None:
        """A filled polygon."""
        self._pen.polygon(self._xy(points), fill=colour)

    def line(self, points: Sequence[Point], width: float, colour: Colour) -> None:
        """A polyline with round joints and ends."""
        fine = self._xy(points)
        self._pen.line(fine, fill=colour, width=max(1, round(width * FINE)))
        radius = width * FINE / 2
        for x, y in fine:
            self._pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)

    def region(self, box: Box) -> Sketch:
        """A copy of the part inside a box (widened to whole pixels), to draw what moves there."""
        width, height = self.image.width // FINE, self.image.height // FINE
        left = min(max(0, math.floor(box[0]) - self.origin[0]), width - 1)
        top = min(max(0, math.floor(box[1]) - self.origin[1]), height - 1)
        right = max(left + 1, min(width, math.ceil(box[2]) - self.origin[0]))
        bottom = max(top + 1, min(height, math.ceil(box[3]) - self.origin[1]))
        part = Sketch.__new__(Sketch)
        part.image = self.image.crop((left * FINE, top * FINE, right * FINE, bottom * FINE))
        part.origin = (self.origin[0] + left, self.origin[1] + top)
        part._pen = ImageDraw.Draw(part.image)
        return part

    def pixels(self) -> Frame:
        """The finished picture, shape (height, width, 3)."""
        return np.asarray(self.image.reduce(FINE))

    def onto(self, frame: Frame) -> None:
        """Put the finished picture into a frame, at its origin."""
        x, y = self.origin
        pixels = self.pixels()
        frame[y : y + pixels.shape[0], x : x + pixels.shape[1]] = pixels


def square_board(canvas: Size, cells: int, margin: float = 0.045) -> tuple[float, float, float]:
    """Left, top and cell size of a centred square board of `cells` x `cells`; a cell is a whole number of pixels.

    On canvases too small for that, cells keep a fraction.
    """
    free = min(canvas) * (1 - 2 * margin)
    cell = float(math.floor(free / cells)) if free / cells >= 8 else free / cells
    return (canvas[0] - cell * cells) / 2, (canvas[1] - cell * cells) / 2, cell


# Digits as strokes in a box of width 1 and height 2, drawn with a round pen: no font file, the same on every machine.
def _arc(cx: float, cy: float, rx: float, ry: float, start: float, end: float) -> list[Point]:
    """Points of an ellipse's arc; degrees, clockwise from three o'clock as on a screen."""
    steps = max(2, round(abs(end - start) / 12))
    angles = [math.radians(start + (end - start) * i / steps) for i in range(steps + 1)]
    return [(cx + rx * math.cos(a), cy + ry * math.sin(a)) for a in angles]


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


def digit(sketch: Sketch, value: int, centre: Point, height: float, colour: Colour, weight: float = 0.17) -> None:
    """Draw one digit. `height` in pixels includes the pen, whose width is `weight` x height."""
    pen = height * weight
    scale = (height - pen) / 2
    for stroke in DIGITS[value]:
        points = [(centre[0] + (x - 0.5) * scale * 1.05, centre[1] + (y - 1.0) * scale) for x, y in stroke]
        sketch.line(points, pen, colour)


def mix(a: Colour, b: Colour, t: float) -> Colour:
    """A colour between two others."""
    return (
        round(a[0] + (b[0] - a[0]) * t),
        round(a[1] + (b[1] - a[1]) * t),
        round(a[2] + (b[2] - a[2]) * t),
    )


def oval(cx: float, cy: float, rx: float, ry: float) -> list[Point]:
    """Points of a whole ellipse, for a polygon."""
    return _arc(cx, cy, rx, ry, 0, 360)
