"""Drawing of keys and doors."""

from __future__ import annotations

from vmevalkit.tasks.key_door.puzzle import Lock
from vmevalkit.tasks.toolkit.draw import HUES, WHITE, Color, Point, Sketch

# Half the side of a door, in cells.
_DOOR = 0.41


def _draw_shape(sketch: Sketch, shape: str, center: Point, radius: float, color: Color) -> None:
    """Draw the shape of a bow or keyhole."""
    x, y = center
    if shape == "round":
        sketch.circle(center, radius, color)
    elif shape == "square":
        half = radius * 0.9
        sketch.rectangle((x - half, y - half, x + half, y + half), color, radius=half * 0.2)
    else:
        far = radius * 1.2
        sketch.polygon([(x, y - far), (x + far, y), (x, y + far), (x - far, y)], color)


def draw_key(sketch: Sketch, lock: Lock, center: Point, cell: float) -> None:
    """Draw a horizontal key: bow, shaft and two teeth."""
    x, y = center
    color, pen = HUES[lock.colour], 0.12 * cell
    sketch.line([(x, y), (x + 0.32 * cell, y)], pen, color)
    for at in (0.14, 0.32):
        sketch.line([(x + at * cell, y), (x + at * cell, y + 0.15 * cell)], pen, color)
    bow = (x - 0.15 * cell, y)
    _draw_shape(sketch, lock.shape, bow, 0.23 * cell, color)
    _draw_shape(sketch, lock.shape, bow, 0.09 * cell, WHITE)


def draw_door(sketch: Sketch, lock: Lock, center: Point, cell: float) -> None:
    """Draw a door that fills its cell, with a white keyhole in the shape of the bow of its key."""
    x, y, half = *center, _DOOR * cell
    sketch.rectangle((x - half, y - half, x + half, y + half), HUES[lock.colour], radius=half * 0.15)
    sketch.line([(x, y), (x, y + 0.24 * cell)], 0.13 * cell, WHITE)
    _draw_shape(sketch, lock.shape, (x, y - 0.08 * cell), 0.17 * cell, WHITE)
