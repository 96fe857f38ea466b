"""Dials: round faces of clocks without digits, and points in the directions of their hands."""

from __future__ import annotations

import math

from vmevalkit.tasks.toolkit.draw import INK, WHITE, Point, Sketch

__all__ = ["HUB", "TICKS", "draw_dial", "toward"]

# In shares of the radius: radius of the hub, and where the ticks at the quarters and the other ticks begin.
HUB, TICKS = 0.075, (0.835, 0.865)
# In shares of the radius: end of the ticks, their widths, and radius inside the rim.
_TICKS_END, _TICK_WIDTHS, _INSIDE = 0.885, (0.08, 0.055), 0.94


def draw_dial(sketch: Sketch, center: Point, radius: float, ticks: bool = True) -> None:
    """Draw a white face with a dark rim and a hub, and twelve ticks if they are wanted."""
    sketch.circle(center, radius, INK)
    sketch.circle(center, _INSIDE * radius, WHITE)
    for hour in range(12 if ticks else 0):
        kind = 0 if hour % 3 == 0 else 1
        ends = [toward(center, 30 * hour, far * radius) for far in (TICKS[kind], _TICKS_END)]
        sketch.line(ends, _TICK_WIDTHS[kind] * radius, INK)
    sketch.circle(center, HUB * radius, INK)


def toward(center: Point, angle: float, distance: float) -> Point:
    """Return the point at a distance from a center, in a direction in degrees clockwise from the top."""
    turn = math.radians(angle)
    return center[0] + distance * math.sin(turn), center[1] - distance * math.cos(turn)
