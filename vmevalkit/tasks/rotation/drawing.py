"""Draw the scene of a rotation puzzle."""

from __future__ import annotations

from vmevalkit.tasks.rotation.puzzle import BOARD, EDGE, RING, Pose, Puzzle, Shape, added, turned
from vmevalkit.tasks.toolkit.draw import HUES, INK, WHITE, Point, Sketch
from vmevalkit.types import Size


def place_in_pixels(at: tuple[int, int], canvas: Size) -> tuple[Point, float]:
    """Place in pixels, and the height of the image in pixels, which the canvas may exceed."""
    unit = min(canvas[1], canvas[0] / 1.5)
    left, top = (canvas[0] - 1.5 * unit) / 2, (canvas[1] - unit) / 2
    return (left + at[0] / 1000 * unit, top + at[1] / 1000 * unit), unit


def square_corners(shape: Shape, canvas: Size, pose: Pose, object_scale: float) -> list[list[Point]]:
    """Corners of the squares of a shape in pixels."""
    center, unit = place_in_pixels(shape.at, canvas)
    middle = added(center, turned(shape.arm(), shape.tilt + pose.turn), (1 + pose.out) * unit)
    flip, scale = -1 if pose.mirrored else 1, pose.size * object_scale * unit
    return [[added(middle, turned((flip * x, y), shape.tilt + pose.turn + pose.lag), scale)
             for x, y in shape.corners(cell)] for cell in shape.cells]  # fmt: skip


def draw_ring(sketch: Sketch, shape: Shape, canvas: Size) -> None:
    """Draw the ring at the point that a shape turns about."""
    center, unit = place_in_pixels(shape.at, canvas)
    sketch.circle(center, RING * unit, INK)
    sketch.circle(center, 0.45 * RING * unit, WHITE)


def draw_scene(puzzle: Puzzle, canvas: Size, downscale: float) -> Sketch:
    """Draw everything but the shape that turns."""
    sheet = Sketch(canvas, downscale=downscale)
    (left, top), unit = place_in_pixels((round(1000 * BOARD[0]), round(1000 * BOARD[1])), canvas)
    right, bottom = left + (BOARD[2] - BOARD[0]) * unit, top + (BOARD[3] - BOARD[1]) * unit
    edge = EDGE * unit
    sheet.rectangle((left, top, right, bottom), INK, radius=2 * edge)
    sheet.rectangle((left + edge, top + edge, right - edge, bottom - edge), WHITE, radius=edge)
    for other in puzzle.others:
        for square in square_corners(other, canvas, Pose(0.0), 1):
            sheet.polygon(square, HUES[other.colour])
    draw_ring(sheet, puzzle.thing, canvas)
    return sheet
