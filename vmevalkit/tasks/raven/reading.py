"""Comparison of the figures on cards, which blur makes similar."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from vmevalkit.media import Planes
from vmevalkit.tasks.base import Reader, Reading
from vmevalkit.tasks.raven.cards import Panel
from vmevalkit.tasks.toolkit.draw import Point
from vmevalkit.tasks.toolkit.pieces import Board, Place, Places
from vmevalkit.tasks.toolkit.vision import Floats, Lens

# A card this near to its place lies still. Its figures are wrong if another card explains them with less than this
# share of the error.
_STILL, _WRONG_ERROR = 0.05, 0.5
# Places of the given cards.
CELLS: list[Place] = [divmod(float(i), 3) for i in range(8)]


class CardReader:
    """Reads frames like every pieces task, and checks that resting cards show their own figures.

    Args:
        read: reads the places of the answers.
        cards: compares the figures of the answers and the given cards, in this order.
        homes: places of the answers at the start.
        slot: returns the resting place of an answer that is nearest to a place.
    """

    def __init__(
        self, read: Reader[Board], cards: CardComparison, homes: Places, slot: Callable[[int, Place], Place]
    ) -> None:
        self._read, self._cards, self._homes, self._slot = read, cards, homes, slot

    def read(self, frame: Planes) -> Reading[Board]:
        """Read one frame."""
        reading = self._read(frame)
        if reading.state is None:
            return reading
        places = [place for place in reading.state.places if place is not None]
        if len(places) < len(self._homes):
            return reading
        slots = [self._slot(piece, place) for piece, place in enumerate(places)]
        # A card that is about to leave may cover part of another.
        if max(map(math.dist, slots, places)) > _STILL:
            return reading
        wrong = self._cards.wrong(frame, [*slots, *CELLS])
        if any(card >= len(self._homes) for card in wrong):
            return Reading(None, False, "piece_changed")
        return Reading(reading.state._replace(odd=(*reading.state.odd, *wrong)), reading.scene_intact, reading.note)


class CardComparison:
    """Compares the figures on cards with those on every other card, at the size of the view."""

    def __init__(
        self, start: Planes, panels: Sequence[Panel], places: Sequence[Place], origin: Point, unit: float
    ) -> None:
        self._lens, self._origin, self._unit = Lens(start), origin, unit
        self._known = np.stack([self._cut(start[0], place)[4] for place in places])
        # Cards with the same figures are not compared.
        self._alike = np.array([[a == b for b in panels] for a in panels])

    def _cut(self, luma: npt.NDArray[np.uint8], place: Place) -> Floats:
        """Inside of a card at nine offsets of up to a pixel; shape (9, pixels)."""
        x = round(self._origin[0] + (place[1] - 0.36) * self._unit)
        y = round(self._origin[1] + (place[0] - 0.36) * self._unit)
        height, width = round(0.57 * self._unit), round(0.72 * self._unit)
        cuts = [luma[y + b : y + b + height, x + a : x + a + width].ravel() for b in (-1, 0, 1) for a in (-1, 0, 1)]
        return np.stack(cuts).astype(np.float32)

    def wrong(self, frame: Planes, places: Sequence[Place]) -> list[int]:
        """Indices of cards whose figures resemble those of another card more than their own."""
        luma = self._lens.planes(frame)[0]
        size = (self._known**2).sum(1)
        found = []
        for card, place in enumerate(places):
            cuts = self._cut(luma, place)
            off = ((cuts**2).sum(1)[:, None] - 2 * cuts @ self._known.T + size).min(0)
            if (off < _WRONG_ERROR * off[card])[~self._alike[card]].any():
                found.append(card)
        return found
