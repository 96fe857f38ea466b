"""Axes: where the places of a puzzle are on the canvas."""

from __future__ import annotations

from typing import NamedTuple, TypeVar

from vmevalkit.tasks.toolkit.draw import Point

Place = tuple[float, float]
A = TypeVar("A", bound="Axes")


class Axes(NamedTuple):
    """Axes of places that are (right, down) of an origin.

    Attributes:
        left, top: the origin, in pixels.
        unit: length of a unit, in pixels.
    """

    left: float
    top: float
    unit: float

    def point(self, place: Place) -> Point:
        """Return a place in pixels."""
        return self.left + place[0] * self.unit, self.top + place[1] * self.unit

    def place(self, x: float, y: float) -> Place:
        """Return the place of a point in pixels."""
        return (x - self.left) / self.unit, (y - self.top) / self.unit

    def downscaled(self: A, downscale: float) -> A:
        """Return the same axes on a canvas that is `downscale` times smaller."""
        return type(self)(*(length / downscale for length in self))


class CellAxes(Axes):
    """Axes of places that are (row, column) of square cells; whole numbers are the middles of cells.

    The origin is the upper left corner of the first cell, and the unit is the side of a cell.
    """

    def point(self, place: Place) -> Point:
        return self.left + (place[1] + 0.5) * self.unit, self.top + (place[0] + 0.5) * self.unit

    def place(self, x: float, y: float) -> Place:
        return (y - self.top) / self.unit - 0.5, (x - self.left) / self.unit - 0.5
