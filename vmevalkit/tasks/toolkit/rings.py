"""Rings: marks around figures, for tasks in which figures are marked one after another."""

from __future__ import annotations

from vmevalkit.tasks.toolkit.cells import middle_of
from vmevalkit.tasks.toolkit.draw import BROWN, Box, Sketch, oval

# Radius of a ring and width of its line, as shares of half the side of its place.
_RING, _WIDTH = 0.86, 0.24
# Size at which a look begins to grow (see `cells`): there, nothing is seen of a ring.
_BEGUN = 0.2


def draw_ring(sketch: Sketch, box: Box, size: float) -> None:
    """Draw a brown ring in a square box: a look of a `CellsTask`. At a smaller size it has a thinner line.

    What is inside of 0.74 of half of the box is free. Ink would have the color of captions.
    """
    (x, y, half), grown = middle_of(box), (size - _BEGUN) / (1 - _BEGUN)
    if grown > 0:
        sketch.line(oval(x, y, _RING * half, _RING * half), _WIDTH * half * grown, BROWN)
