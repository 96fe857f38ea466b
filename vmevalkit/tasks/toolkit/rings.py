"""Rings: a mark around a figure, drawn by a pen, for tasks in which figures are marked one after another."""

from __future__ import annotations

import math

from vmevalkit.tasks.toolkit.cells import middle_of
from vmevalkit.tasks.toolkit.draw import INK, Box, Sketch

# Radius of a ring and width of its pen, as shares of half the side of its place.
_RING, _PEN = 0.86, 0.24
# Size at which a look begins to grow (see `cells`).
_BEGUN = 0.2


def draw_ring(sketch: Sketch, box: Box, size: float) -> None:
    """Draw a dark ring in a square box as far as a pen has come, clockwise from the top: a look of a `CellsTask`.

    What is inside of 0.74 of the half of the box is free.
    """
    x, y, half = middle_of(box)
    whole = max(size - _BEGUN, 0.0) / (1 - _BEGUN)
    angles = [2 * math.pi * whole * k / 30 for k in range(31)]
    ring = [(x + _RING * half * math.sin(a), y - _RING * half * math.cos(a)) for a in angles]
    sketch.line(ring, _PEN * half, INK)
