"""Drawing of gears, belts and arrows."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

from vmevalkit.tasks.gears.puzzle import CLOCKWISE, Gear, Puzzle, bounds, meshing
from vmevalkit.tasks.toolkit.cells import middle_of, square_box
from vmevalkit.tasks.toolkit.draw import BLUE, GRAY, INK, ORANGE, SAND, UMBER, WHITE, Box, Point, Sketch, mix, oval
from vmevalkit.types import Size

# Radii of the disc with the arrow and of a belt's wheel, as shares of the gear without its teeth; width of a belt.
_BADGE, WHEEL, BELT = 0.64, 0.84, 0.22
SHADES = (GRAY, SAND, mix(SAND, UMBER, 0.6))


def machine_sketch(puzzle: Puzzle, canvas: Size, downscale: float) -> tuple[Sketch, list[Box]]:
    """Draw gears and belts. Return also the box of each gear's arrow, in pixels of the canvas."""
    left, top, right, bottom = bounds(puzzle.gears)
    scale = min(0.9 * canvas[0] / (right - left), 0.88 * canvas[1] / (bottom - top), min(canvas) / 11)
    x = canvas[0] / 2 - (left + right) / 2 * scale
    y = canvas[1] / 2 - (top + bottom) / 2 * scale
    sketch = Sketch(canvas, downscale=downscale)
    for gear, phase in zip(puzzle.gears, _phases(puzzle), strict=True):
        center = x + gear.x * scale, y + gear.y * scale
        sketch.polygon(_outline(gear, phase, center, scale), mix(SHADES[gear.shade], INK, 0.12))
    for belt in puzzle.belts:
        a, b = (puzzle.gears[number] for number in belt.gears)
        for line in _belt_lines(a, b, belt.crossed):
            sketch.line([(x + px * scale, y + py * scale) for px, py in line], BELT * scale, INK)
    boxes = []
    for gear in puzzle.gears:
        center, radius = (x + gear.x * scale, y + gear.y * scale), _BADGE * gear.root * scale
        sketch.circle(center, radius * 1.03, WHITE)
        boxes.append(square_box(center, radius))
    return sketch, boxes


def draw_arrow(sketch: Sketch, box: Box, look: int, size: float) -> None:
    """Draw the disc with an arrow in a box, at a share of its full size."""
    x, y, radius = middle_of(box)
    radius *= size
    sketch.circle((x, y), radius, BLUE if look == CLOCKWISE else ORANGE)
    mirror = 1 if look == CLOCKWISE else -1

    def at(angle: float, far: float) -> Point:
        """Return a point at an angle in degrees, clockwise from the top for a clockwise arrow."""
        turn = math.radians(angle)
        return x + mirror * far * radius * math.sin(turn), y - far * radius * math.cos(turn)

    sketch.line([at(angle, 0.52) for angle in range(-150, 76, 15)], 0.2 * radius, WHITE)
    sketch.polygon([at(70, 0.16), at(70, 0.9), at(137, 0.55)], WHITE)


def _phases(puzzle: Puzzle) -> list[float]:
    """Return the direction of a tooth of each gear, in radians, so that teeth that mesh do not overlap."""
    found: dict[int, float] = {}
    partners: dict[int, list[int]] = {}
    for a, b in meshing(puzzle):
        partners.setdefault(a, []).append(b)
        partners.setdefault(b, []).append(a)
    for first in range(len(puzzle.gears)):
        order = [] if first in found else [first]
        found.setdefault(first, 0.0)
        for gear in order:
            for other in partners.get(gear, []):
                if other not in found:
                    found[other] = _phase_beside(puzzle.gears[gear], found[gear], puzzle.gears[other])
                    order.append(other)
    return [found[gear] for gear in range(len(puzzle.gears))]


def _phase_beside(a: Gear, phase: float, b: Gear) -> float:
    """Return the direction of a tooth of gear b that meshes with gear a: where a has a tooth, b has a gap."""
    way = math.atan2(b.y - a.y, b.x - a.x)
    share = (way - phase) * a.teeth / math.tau
    return way + math.pi - (0.5 - share) * math.tau / b.teeth


def _outline(gear: Gear, phase: float, center: Point, scale: float) -> list[Point]:
    """Return the outline of a gear in pixels."""
    # Half widths of a tooth, as shares of the distance between teeth, from its root to its tip.
    profile = ((-0.31, gear.root), (-0.14, gear.tip), (0.14, gear.tip), (0.31, gear.root))
    points = []
    for tooth, (share, far) in itertools.product(range(gear.teeth), profile):
        turn = phase + (tooth + share) * math.tau / gear.teeth
        points.append((center[0] + far * scale * math.cos(turn), center[1] + far * scale * math.sin(turn)))
    return points


def _belt_lines(a: Gear, b: Gear, crossed: bool) -> Iterator[list[Point]]:
    """Yield the parts of a belt: around both gears, and on both sides from one to the other."""
    ends = [(gear.x, gear.y, WHEEL * gear.root) for gear in (a, b)]
    for x, y, radius in ends:
        yield oval(x, y, radius, radius)
    way, sign = math.atan2(b.y - a.y, b.x - a.x), -1 if crossed else 1
    lean = math.acos((ends[0][2] - sign * ends[1][2]) / math.dist((a.x, a.y), (b.x, b.y)))
    for side in (lean, -lean):
        across, down = math.cos(way + side), math.sin(way + side)
        (x0, y0, r0), (x1, y1, r1) = ends
        yield [(x0 + r0 * across, y0 + r0 * down), (x1 + sign * r1 * across, y1 + sign * r1 * down)]
