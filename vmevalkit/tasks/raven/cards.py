"""Cards of figures: their features, and how they are drawn."""

from __future__ import annotations

from vmevalkit.tasks.toolkit.draw import FIGURES, INK, WHITE, Color, Point, Sketch, figure, oval

# Shape, number of figures, size, shade, direction in quarter turns.
Panel = tuple[int, int, int, int, int]
FEATURES = range(5)
SHAPE, NUMBER, SIZE, SHADE, TURN = FEATURES
# Shapes with a direction, as polygons about the origin that point up, within a radius of about 1.
_POINTERS: dict[str, list[Point]] = {
    "arrow": [(0, -1), (0.9, 0), (0.36, 0), (0.36, 0.95), (-0.36, 0.95), (-0.36, 0), (-0.9, 0)],
    "half": [(x, max(-1.0, 1.1 * y) + 0.5) for x, y in oval(0, 0, 1, 1) if y <= 0.01],
    "dart": [(0, -1), (0.9, 0.9), (0, 0.35), (-0.9, 0.9)],
}
SHAPES = (*FIGURES, *_POINTERS)
# Bluish grays: far from purple, which is as bright as the middle one.
_SHADES: tuple[Color, ...] = ((178, 192, 197), (76, 104, 110), INK)
_SIZES = (0.14, 0.21, 0.29)
# Positions of one to four figures in a card, in units, and their size if there are several.
_SPOTS: tuple[tuple[Point, ...], ...] = (
    ((0, 0),),
    ((-0.19, 0), (0.19, 0)),
    ((0, -0.155), (-0.19, 0.155), (0.19, 0.155)),
    ((-0.19, -0.155), (0.19, -0.155), (-0.19, 0.155), (0.19, 0.155)),
)
_SEVERAL_SIZE = 0.15


def draw_card(sketch: Sketch, panel: Panel, center: Point, unit: float, frame: Color) -> None:
    """Draw a card. Its border is broader at the bottom, so that its color can be seen."""
    x, y, half = *center, 0.46 * unit
    sketch.rectangle((x - half, y - half, x + half, y + half), frame, radius=0.1 * unit)
    side, bottom = half - 0.08 * unit, half - 0.22 * unit
    sketch.rectangle((x - side, y - side, x + side, y + bottom), WHITE, radius=0.05 * unit)
    y += (bottom - side) / 2
    shape, number, size, shade, turn = panel
    radius = (_SIZES[size] if number == 1 else _SEVERAL_SIZE) * unit
    for across, down in _SPOTS[number - 1]:
        at = (x + across * unit, y + down * unit)
        if SHAPES[shape] in FIGURES:
            figure(sketch, SHAPES[shape], at, radius, _SHADES[shade])
        else:
            points = _POINTERS[SHAPES[shape]]
            for _ in range(turn):
                points = [(-down, across) for across, down in points]
            sketch.polygon([(at[0] + radius * right, at[1] + radius * low) for right, low in points], _SHADES[shade])
