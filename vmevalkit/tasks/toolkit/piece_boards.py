"""Boards: where pieces are at one moment, and what a frame reader must know about them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from vmevalkit.tasks.base import Painter
from vmevalkit.tasks.toolkit.draw import HUES, INK, Color, Point

# Distance down and to the right from the first slot, in units of the task. Neighboring slots are usually 1 apart.
Place = tuple[float, float]
Places = tuple[Place, ...]

# Colors for pieces: none of them, smeared over paper or gray, becomes another. (Blue would become sky blue.)
PIECE_HUES = {name: color for name, color in HUES.items() if name != "sky blue"} | {"black": INK}
# A piece that is nearer than this to a resting place rests there, in units of the task.
REST = 0.2


class Board(NamedTuple):
    """Positions of all pieces at one moment.

    Attributes:
        places: center of each piece; None if the piece is not clearly visible.
        homes: where each piece last rested, when a video is judged.
        wrong: reason code of a violation at this moment, when a video is judged.
        smeared: pieces without a place that are seen half-transparent in two places, as in a blend of two frames.
        odd: pieces near a resting place that do not look as drawn there: they are about to leave, or have changed.
    """

    places: tuple[Place | None, ...]
    homes: Places = ()
    wrong: str | None = None
    odd: tuple[int, ...] = ()
    smeared: tuple[int, ...] = ()


class Layout(NamedTuple):
    """What a frame reader must know about a puzzle with pieces. Pixels are those of the view.

    Attributes:
        start: where each piece rests at the start.
        colors: color of each piece.
        extents: half of the height and of the width of each piece, in units.
        origin: position (x, y) of place (0, 0), in pixels.
        unit: length of a unit in pixels.
        painters: painters of boards whose pieces are a little smaller than drawn, as drawn, and a little larger.
        rest_of: resting place of a piece that is nearest to a place.
    """

    start: Places
    colors: Sequence[Color]
    extents: Sequence[tuple[float, float]]
    origin: Point
    unit: float
    painters: tuple[Painter[Board], Painter[Board], Painter[Board]]
    rest_of: Callable[[int, Place], Place]
