"""Read boards from frames: where each piece is, and whether everything else is as drawn."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from vmevalkit.media import Planes
from vmevalkit.tasks.base import Reading
from vmevalkit.tasks.toolkit.piece_boards import REST, Board, Layout, Place
from vmevalkit.tasks.toolkit.piece_finder import Found, PieceFinder
from vmevalkit.tasks.toolkit.vision import Blob, Envelope, Lens, Mask, Painted, differing, lost, patches

# Share of the area of a piece that must be visible while it moves (smeared over two frames), and at rest.
_MOVING, _WHOLE = 0.35, 0.65
# Opacity of its color from which on a piece is seen as itself, and largest error of its color. Blends of two frames
# have errors of up to 10; a gray card instead of a piece has 13 to 30.
_OPAQUE, _OFF_COLOR = 0.7, 12.0
# Share of the area of a piece that may have its color elsewhere: edges and smears mix to the colors of other pieces.
_STRAY = 0.3
# Areas of a piece that may be unexplained where it is smeared over two places, counted in squares of some pixels.
_SMEARED = 2.6
# Share of the area of a piece that its two half-transparent images have together, at least: 0.95 in drawn videos. One
# such image has half of the area.
_THINNED = 0.8
# Number of envelopes to remember: pieces rest in the same places again and again.
_KNOWN = 16
# Share of single unexplained pixels above which a frame is noise.
_NOISE = 0.04


class _Seen(NamedTuple):
    """What the colors of a frame show.

    Attributes:
        planes: the frame.
        places: center of each piece, or None.
        near: resting place of each piece that rests, or None.
        firm: whether each piece shows enough of its area for a piece at rest.
        twice: whether a piece is in more than one place.
    """

    planes: Planes
    places: tuple[Place | None, ...]
    near: tuple[Place | None, ...]
    firm: tuple[bool, ...]
    twice: bool


def _is_itself(found: Found, whole: Found) -> bool:
    """Whether a piece is as opaque and of its own color as in the drawing, where thin lines may be pale, too."""
    return found.opacity > _OPAQUE * whole.opacity and found.error < _OFF_COLOR + whole.error


class _Expectations:
    """What frames of each board may look like. The most recent boards are remembered.

    Args:
        paints: drawings of a board; a frame may look like any of them.
    """

    def __init__(self, paints: Sequence[Painted]) -> None:
        self._paints = paints
        self._known: dict[Board, Envelope] = {}
        # The next envelope resembles the last one, and reuses it.
        self._last: Envelope | None = None

    def unexplained(self, board: Board, planes: Planes) -> Mask:
        """Mask of the pixels that the board does not explain."""
        if board not in self._known:
            self._last = Envelope(*(paint(board) for paint in self._paints), like=self._last)
            if len(self._known) >= _KNOWN:
                del self._known[next(iter(self._known))]
            self._known[board] = self._last
        return self._known[board].unexplained(planes)


class PieceReader:
    """Reads frames of one puzzle with pieces."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._start, self._unit, self._count = layout.start, layout.unit, len(layout.start)
        paints = [Painted(painter) for painter in layout.painters]
        self._paint = paints[1]
        drawing, empty = self._paint(Board(self._start)), self._paint(Board((None,) * self._count))
        self._lens = Lens(drawing, ~differing(drawing, empty))
        self._finder = PieceFinder(layout, drawing, paints[2](Board(self._start)), empty)
        # Pieces as large as drawn, and pieces that may be a little larger or smaller.
        self._strict, self._lax = _Expectations([self._paint]), _Expectations(paints)
        self._backgrounds: dict[tuple[Place | None, ...], Planes] = {}
        self._blobs: dict[int, Blob] = {}
        self._area = [4 * down * right * self._unit**2 for down, right in layout.extents]

    def read(self, frame: Planes) -> Reading[Board]:
        """Read one frame."""
        seen = self._locate(self._lens.planes(frame))
        unexplained = self._strict.unexplained(Board(seen.near), seen.planes)
        seen, unexplained = self._without_drift(seen, unexplained)
        # Try the strict expectation first: it is faster, and most frames show pieces as large as drawn.
        reading = self._explain(seen, unexplained, self._strict)
        if reading.scene_intact and reading.state is not None and not reading.state.odd:
            return reading
        return self._explain(seen, self._lax.unexplained(Board(seen.near), seen.planes), self._lax)

    def _locate(self, planes: Planes) -> _Seen:
        """Find the pieces by their colors."""
        places: list[Place | None] = []
        shares, twice = list[float](), False
        for found, whole, most, home in zip(
            self._finder.find(planes), self._finder.whole, self._finder.most, self._start, strict=True
        ):
            twice |= found.area > most or found.stray > whole.stray + _STRAY * whole.area
            shares.append(found.area / max(whole.area, 1.0))
            # The color of a piece may be spread unevenly over it, so measure from where it is in the drawing.
            place = (home[0] + (found.y - whole.y) / self._unit, home[1] + (found.x - whole.x) / self._unit)
            places.append(place if found.area >= _MOVING * whole.area and _is_itself(found, whole) else None)
        firm = [share >= _WHOLE for share in shares]
        rests = [place and self._layout.rest_of(piece, place) for piece, place in enumerate(places)]
        near = [rest if place and rest and math.dist(rest, place) <= REST and enough else None
                for place, rest, enough in zip(places, rests, firm, strict=True)]  # fmt: skip
        for piece in [piece for piece in range(self._count) if self._is_covered(piece, places, rests, near, shares)]:
            # The visible part of a covered piece is off its center, so use its resting place.
            near[piece] = places[piece] = rests[piece]
        return _Seen(planes, tuple(places), tuple(near), tuple(firm), twice)

    def _without_drift(self, seen: _Seen, unexplained: Mask) -> tuple[_Seen, Mask]:
        """Undo a drift of the whole frame, if the frame is then better explained."""
        down, right = self._drift(seen.places, seen.near)
        if not (down or right) or patches(unexplained) <= 1:
            return seen, unexplained
        moved = np.roll(seen.planes, (-down, -right), (1, 2))
        steady = self._strict.unexplained(Board(seen.near), moved)
        if np.count_nonzero(steady) >= np.count_nonzero(unexplained):
            return seen, unexplained
        places = tuple(p and (p[0] - down / self._unit, p[1] - right / self._unit) for p in seen.places)
        return seen._replace(planes=moved, places=places), steady

    def _explain(self, seen: _Seen, unexplained: Mask, expected: _Expectations) -> Reading[Board]:
        """Read a frame in which resting pieces, as expected, leave some pixels unexplained. Clears `unexplained`."""
        if lost(unexplained) or np.count_nonzero(unexplained) - 16 * patches(unexplained) > _NOISE * unexplained.size:
            return Reading(None, False, "scene_lost")
        smeared: tuple[int, ...] = ()
        if None in seen.places and unexplained.any():
            seen, smeared = self._with_smeared(seen, unexplained)
        allowed = self._explain_moving(seen, unexplained)
        odd = self._explain_resting(seen, unexplained, expected)
        left = patches(unexplained)
        if seen.twice:
            return Reading(None, left * 16 <= allowed + 16, "two_agents")
        if left > 1 and left * 16 > allowed:
            return Reading(None, False, "extra_object")
        # A piece at a resting place with a part missing has changed, if it stays so.
        odd += [piece for piece, place in enumerate(seen.places)
                if place and seen.near[piece] is None and not seen.firm[piece]
                and math.dist(place, self._layout.rest_of(piece, place)) <= REST]  # fmt: skip
        return Reading(Board(seen.places, odd=tuple(odd), smeared=smeared))

    def _explain_moving(self, seen: _Seen, unexplained: Mask) -> float:
        """Clear the pixels of moving pieces; return the area that smears may leave, in pixels."""
        allowed = 0.0
        for piece, place in enumerate(seen.places):
            if place is None:
                # Smeared along its path: somewhere, and as large as its two images.
                allowed += _SMEARED * self._area[piece]
            elif seen.near[piece] is None:
                unexplained[self._window(piece, place, 0.5)] = False
                # Smeared, but overlapping itself: its ends may reach out of the window.
                allowed += 0.0 if seen.firm[piece] else _SMEARED * self._area[piece]
        return allowed

    def _explain_resting(self, seen: _Seen, unexplained: Mask, expected: _Expectations) -> list[int]:
        """Clear the pixels of resting pieces; return the pieces that do not look as drawn."""
        odd = list[int]()
        if unexplained.any():
            odd = [piece for piece, slot in enumerate(seen.near)
                   if slot is not None and patches(unexplained[self._window(piece, slot, 0.0)]) > 1]  # fmt: skip
        off = any(slot and place and math.dist(slot, place) * self._unit > 1.5
                  for slot, place in zip(seen.near, seen.places, strict=True))  # fmt: skip
        if odd or (off and patches(unexplained) > 1):
            # A piece that is about to leave, or that just arrived, may be explained if it is drawn where it is seen.
            # The others need not be drawn again.
            exact = Board(tuple(
                place if slot and unexplained[self._window(piece, slot, 0.15)].any() else slot
                for piece, (place, slot) in enumerate(zip(seen.places, seen.near, strict=True))
            ))  # fmt: skip
            elsewhere = expected.unexplained(exact, seen.planes)
            odd = [piece for piece in odd
                   if patches(elsewhere[self._window(piece, seen.near[piece] or (0, 0), 0.0)]) > 1]  # fmt: skip
            unexplained &= elsewhere
        for piece in odd:
            unexplained[self._window(piece, seen.places[piece] or self._start[piece], 0.15)] = False
        return odd

    def _with_smeared(self, seen: _Seen, unexplained: Mask) -> tuple[_Seen, tuple[int, ...]]:
        """Look for pieces whose color is thinned by movement, by unmixing it from the background.

        Returns:
            What is seen, with the places of pieces that overlap themselves; and the pieces that are in two places.
        """
        free = unexplained
        for piece, place in enumerate(seen.places):
            if place is not None and seen.near[piece] is None:
                free = free.copy() if free is unexplained else free
                free[self._window(piece, place, 0.15)] = False
        places, smeared = list(seen.places), []
        for piece, place in enumerate(seen.places):
            if place is None:
                home, blob = self._home(piece), self._blob(piece, seen.planes, free, seen.near)
                # Only if all other pieces rest: two smeared pieces may be mistaken for each other.
                if seen.near.count(None) == 1:
                    places[piece] = self._place(piece, blob, home)
                if places[piece] is None and blob.pure > _THINNED * home.mass:
                    smeared.append(piece)
        return seen._replace(places=tuple(places)), tuple(smeared)

    def _home(self, piece: int) -> Blob:
        """Unmix the color of a piece in the drawing of the start."""
        if piece not in self._blobs:
            others = (*self._start[:piece], None, *self._start[piece + 1 :])
            drawing = self._paint(Board(self._start))
            mask = self._strict.unexplained(Board(others), drawing)
            self._blobs[piece] = self._blob(piece, drawing, mask, others)
        return self._blobs[piece]

    def _place(self, piece: int, blob: Blob, home: Blob) -> Place | None:
        """Return the place of a piece that is smeared, but overlaps itself."""
        if blob.stray > 0.35 * home.mass or not 0.5 * home.mass <= blob.mass <= 1.5 * home.mass:
            return None
        if not blob.resembles(home):
            return None
        start = self._start[piece]
        place = (start[0] + (blob.y - home.y) / self._unit, start[1] + (blob.x - home.x) / self._unit)
        # A half-transparent piece at a resting place is not a piece.
        return None if math.dist(place, self._layout.rest_of(piece, place)) <= REST else place

    def _blob(self, piece: int, planes: Planes, unexplained: Mask, resting: tuple[Place | None, ...]) -> Blob:
        """Unmix the color of a piece from what is behind it when the other pieces rest."""
        if resting not in self._backgrounds:
            self._backgrounds[resting] = self._paint(Board(resting))
        reach = self._finder.radius(piece) + 0.35 * self._unit
        return Blob(planes, unexplained, self._backgrounds[resting], self._layout.colors[piece], reach)

    def _drift(self, places: Sequence[Place | None], near: Sequence[Place | None]) -> tuple[int, int]:
        """Median offset (down, right) of resting pieces from their places, in pixels, that the lens left."""
        off = [(a[0] - b[0], a[1] - b[1]) for a, b in zip(places, near, strict=True) if a and b]
        if len(off) < 2:
            return 0, 0
        down, right = (sorted(offsets)[len(offsets) // 2] * self._unit for offsets in zip(*off, strict=True))
        return round(down), round(right)

    def _is_covered(
        self,
        piece: int,
        places: Sequence[Place | None],
        rests: Sequence[Place | None],
        near: Sequence[Place | None],
        shares: Sequence[float],
    ) -> bool:
        """Whether a piece rests half under a moving one, so that it seems to be beside its resting place."""
        place, slot = places[piece], rests[piece]
        if place is None or slot is None or near[piece]:
            return False
        down, right = self._layout.extents[piece]
        if abs(place[0] - slot[0]) > down or abs(place[1] - slot[1]) > right:
            return False
        for other, (at, share) in enumerate(zip(places, shares, strict=True)):
            if at is not None and near[other] is None and shares[piece] < min(0.9, share):
                other_down, other_right = self._layout.extents[other]
                if abs(at[0] - slot[0]) < down + other_down and abs(at[1] - slot[1]) < right + other_right:
                    return True
        return False

    def _window(self, piece: int, place: Place, margin: float) -> tuple[slice, slice]:
        """Rows and columns around a piece, with a margin in units."""
        origin = self._layout.origin
        y, x = origin[1] + place[0] * self._unit, origin[0] + place[1] * self._unit
        down, right = ((side + margin) * self._unit for side in self._layout.extents[piece])
        return slice(max(0, int(y - down)), int(y + down) + 1), slice(max(0, int(x - right)), int(x + right) + 1)
