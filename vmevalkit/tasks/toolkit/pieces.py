"""Pieces that travel between resting places: what families share in which things are moved one after another.

Each piece has its own color, so that it can be found wherever it goes. A piece at rest must look as drawn; one on its
way must be there, whole, once, and seen between the two places. What the rules say about a move is the family's.
"""

from __future__ import annotations

import itertools
import math
from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import ClassVar, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from vmevalkit.media import Frame, Planes
from vmevalkit.tasks.base import Painter, Reader, Reading, Task, lerp
from vmevalkit.tasks.toolkit.draw import HUES, INK, Box, Color, Point, Sketch
from vmevalkit.tasks.toolkit.vision import (
    Blob,
    Envelope,
    Floats,
    Lens,
    Mask,
    Painted,
    differing,
    downscale_of,
    lost,
    patches,
    tone,
)
from vmevalkit.types import Record, Size, Verdict

P = TypeVar("P", bound=Record)
Place = tuple[float, float]

# Colors for pieces: smeared over paper or gray, none becomes another. (Blue would become sky blue.)
PIECE_HUES = {name: color for name, color in HUES.items() if name != "sky blue"} | {"black": INK}
Places = tuple[Place, ...]
Indices = npt.NDArray[np.intp]

# Nearer than this to a resting place, a piece rests; in units of the family's places.
REST = 0.2
# From here on it is clearly on its way. (Blurred over two frames, one that has just landed may be seen where it was.)
_AWAY = 0.27
# Colors count as a piece's up to this distance in (Y, Cb, Cr).
_NEAR = 42.0
# Share of a sheet from which on one of its colors is ground, with which smeared pieces mix.
_WIDE = 0.05
# Share of a piece's area that must be there while it moves (smeared over two frames) and at rest, and at most.
_MOVING, _WHOLE, _MOST = 0.35, 0.65, 1.35
# Pixels of a piece's outline that may be its color in one place and not in another, as a share of its half sides.
_OUTLINE = 1.0
# Height or width in pixels of the view below which a piece is small: every pixel of it counts.
_SMALL = 22.0
# Areas of a piece that may be strange where it is smeared over two places, counted in squares of some pixels.
_SMEARED = 2.6
# A piece whose color fills less of its box is thin, and one of fewer pixels is tiny: each pixel counts.
_THIN, _TINY = 0.25, 16
# Expected pictures that are kept: pieces rest in the same places again and again.
_KNOWN = 16
# Share of single unexplained pixels from which on a picture is noise.
_NOISE = 0.04
# Share of a piece's area that may have its color elsewhere: edges and smears mix to other pieces' colors.
_STRAY = 0.3


class Board(NamedTuple):
    """A moment: where the center of each piece is, None where it is not to be seen clearly.

    `odd` pieces are near a resting place, but do not look as drawn there: they are about to leave, or have changed. In
    a board that is judged, `homes` are the places where the pieces last rested, and `wrong` is what was against the
    rules on the way to this moment.
    """

    places: tuple[Place | None, ...]
    homes: Places = ()
    wrong: str | None = None
    odd: tuple[int, ...] = ()


class PiecesTask(Task[P, Board]):
    """A family whose pieces move. A place is a pair of numbers in the family's own units, 1 from a slot to the next.

    Class attributes:
        hands: how many pieces may be on their way at the same time.
        clear: farther than this from its resting places a piece must be seen on its way. Where ways are long, half a
            unit, so that a piece half uncovered by a wipe was not seen moving.
        unseen: share of the video during which a piece may not be seen clearly, at a stretch.
    """

    hands: ClassVar[int] = 1
    clear: ClassVar[float] = REST
    unseen: ClassVar[float] = 1.0

    @abstractmethod
    def colors(self, puzzle: P) -> Sequence[Color]:
        """The color of each piece; no two alike, and none in the sheet."""

    @abstractmethod
    def moves(self, puzzle: P) -> list[Places]:
        """Where the pieces rest at the start and after each step of one right solution."""

    @abstractmethod
    def sheet(self, puzzle: P, canvas: Size, downscale: float = 1) -> tuple[Sketch, Point, float]:
        """What stays; where place (0, 0) is and how long a unit is, in pixels. Places are (down, right)."""

    @abstractmethod
    def draw_piece(self, puzzle: P, sketch: Sketch, piece: int, center: Point, unit: float) -> None:
        """Draw a piece. A unit may differ a little from the sheet's, to draw it larger or smaller."""

    @abstractmethod
    def extent(self, puzzle: P, piece: int) -> tuple[float, float]:
        """Half of a piece's height and width, in units."""

    @abstractmethod
    def slot(self, puzzle: P, homes: Places, piece: int, place: Place) -> Place:
        """The resting place that is nearest to a place, whether or not the rules allow the piece to go there."""

    @abstractmethod
    def against(self, puzzle: P, homes: Places, piece: int, slot: Place, aloft: Sequence[int]) -> str | None:
        """Why a piece may not come to rest in a slot (a reason code), or None.

        Args:
            homes: where the pieces rested before.
            aloft: other pieces that were seen on their way.
        """

    @abstractmethod
    def closeness(self, puzzle: P, homes: Places) -> float:
        """How near resting places are to the answer: 0 at the start, 1 exactly for the answer."""

    def stand(self, puzzle: P, homes: Places, piece: int, place: Place) -> Place:
        """Like `slot`, but whatever the other pieces do: where a picture may show the piece at rest."""
        return self.slot(puzzle, homes, piece, place)

    def astray(self, puzzle: P, homes: Places, piece: int, place: Place) -> str | None:
        """Why a piece may not be at a place on its way (a reason code), or None: by default it may go anywhere."""
        return None

    def detour(self, puzzle: P, piece: int, a: Place, b: Place) -> list[Place]:
        """Corners of a piece's way between two resting places in the video."""
        return []

    # ---------------------------------------------------------------------------------------------------- the states

    def solution(self, puzzle: P) -> list[Board]:
        return [Board(places) for places in self.moves(puzzle)]

    def between(self, puzzle: P, a: Board, b: Board, t: float) -> Board:
        places = []
        for piece, (old, new) in enumerate(zip(a.places, b.places, strict=True)):
            if old is None or new is None or old == new:
                places.append(old)
                continue
            way = [old, *self.detour(puzzle, piece, old, new), new]
            places.append(_along(way, t))
        return Board(tuple(places))

    def painter(self, puzzle: P, canvas: Size, downscale: float = 1, object_scale: float = 1) -> Painter[Board]:
        sheet, origin, unit = self.sheet(puzzle, canvas, downscale)
        count = len(self.colors(puzzle))

        def center(place: Place) -> Point:
            return origin[0] + place[1] * unit, origin[1] + place[0] * unit

        def box(piece: int, place: Place) -> Box:
            (x, y), (down, right) = center(place), self.extent(puzzle, piece)
            down, right = down * unit * object_scale + 2, right * unit * object_scale + 2
            return x - right, y - down, x + right, y + down

        last: tuple[Board, Frame] = (Board((None,) * count), sheet.pixels())

        def draw(board: Board) -> Frame:
            nonlocal last
            frame: Frame = last[1].copy()
            stale: list[Box] = []
            for piece, (old, new) in enumerate(zip(last[0].places, board.places, strict=True)):
                areas = [box(piece, place) for place in (old, new) if place is not None]
                if old != new and len(areas) == 2 and _meet(*areas):
                    areas = [_both(*areas)]
                stale += areas if old != new else []
            for area in stale:
                part = sheet.region(area)
                for piece, place in enumerate(board.places):
                    if place is not None and _meet(area, box(piece, place)):
                        self.draw_piece(puzzle, part, piece, center(place), unit * object_scale)
                part.onto(frame)
            last = (board, frame.copy())
            return frame

        return draw

    # --------------------------------------------------------------------------------------------------- the reading

    def reader(self, puzzle: P, canvas: Size) -> Reader[Board]:
        return _Eye(self, puzzle, canvas).read

    def judge(self, puzzle: P, readings: Sequence[Reading[Board]]) -> Verdict:
        return super().judge(puzzle, list(self._followed(puzzle, readings)))

    def _followed(self, puzzle: P, readings: Sequence[Reading[Board]]) -> Iterator[Reading[Board]]:
        """Readings with what is remembered: where each piece last rested, and what it did against the rules."""
        homes = self.moves(puzzle)[0]
        # Where pieces were seen since they left; the first place may be seen again and again.
        ways: dict[int, list[Place]] = {}
        before = Board(())
        missing = [0] * len(homes)
        for reading in readings:
            if reading.state is None:
                yield reading
                continue
            wrong, flying = None, 0
            earlier = {piece for piece, seen in ways.items() if seen}
            for piece, place in enumerate(reading.state.places):
                if place is None:
                    ways.setdefault(piece, [])
                    continue
                if math.dist(place, homes[piece]) <= REST:
                    ways.pop(piece, None)
                    continue
                slot = self.slot(puzzle, homes, piece, place)
                seen = ways.setdefault(piece, [])
                flying += min(math.dist(place, slot), math.dist(place, homes[piece])) > _AWAY
                if math.dist(place, slot) > REST:
                    if min(math.dist(place, slot), math.dist(place, homes[piece])) > self.clear:
                        seen.append(place)
                    wrong = wrong or self.astray(puzzle, homes, piece, place)
                    continue
                aloft = [other for other, way in ways.items() if way and other != piece]
                if sum(other in earlier for other in aloft) >= self.hands:
                    wrong = wrong or "several_at_once"
                # At least once it must have been seen on its way.
                wrong = wrong or (None if seen else "teleport")
                wrong = wrong or self.against(puzzle, homes, piece, slot, aloft)
                homes = tuple(slot if other == piece else home for other, home in enumerate(homes))
                del ways[piece]
            if flying > self.hands:
                wrong = wrong or "several_at_once"
            # Odd for a moment, it is about to leave.
            if any(_stays(before.places[piece], reading.state.places[piece])
                   for piece in set(reading.state.odd).intersection(before.odd)):  # fmt: skip
                wrong = wrong or "piece_changed"
            before = reading.state
            missing = [0 if place else count + 1 for place, count in zip(before.places, missing, strict=True)]
            if max(missing) > self.unseen * len(readings):
                wrong = wrong or "hidden"
            yield Reading(reading.state._replace(homes=homes, wrong=wrong), reading.scene_intact, reading.note)

    def illegal(self, puzzle: P, a: Board, b: Board) -> str | None:
        return b.wrong

    def progress(self, puzzle: P, state: Board) -> float:
        if not state.homes:
            return 0.0
        near = self.closeness(puzzle, state.homes)
        rests = all(place is not None and math.dist(place, home) <= REST
                    for place, home in zip(state.places, state.homes, strict=True))  # fmt: skip
        return near if rests and not state.odd else min(near, 0.99)

    def same(self, puzzle: P, a: Board, b: Board) -> bool:
        return not a.odd and not b.odd and all(x is not None and y is not None and math.dist(x, y) <= REST
                                               for x, y in zip(a.places, b.places, strict=True))  # fmt: skip


PIECE_REASONS = {
    "piece_changed": "A piece no longer looks like itself.",
    "hidden": "A piece cannot be seen for too long.",
    "two_agents": "A piece is in more than one place.",
}


def hovering(t: float, rest: float = 0.0) -> float:
    """The share of a way that is done at a share `t` of its time, for far ways: slow half way, to be seen there.

    Args:
        rest: share of the time before and again after, in which nothing moves.
    """
    t = min(max((t - rest) / (1 - 2 * rest), 0.0), 1.0)
    return 0.5 + 0.12 * (t - 0.5) + 3.52 * (t - 0.5) ** 3


def _stays(a: Place | None, b: Place | None) -> bool:
    return a is not None and b is not None and math.dist(a, b) < 0.02


class _Seen(NamedTuple):
    """A frame as far as colors tell: where pieces are, where they rest, which are whole, and whether one is twice."""

    planes: Planes
    places: tuple[Place | None, ...]
    near: tuple[Place | None, ...]
    firm: tuple[bool, ...]
    twice: bool


class _Eye:
    """Reads frames of one puzzle."""

    def __init__(self, task: PiecesTask[P], puzzle: P, canvas: Size) -> None:
        downscale = downscale_of(canvas)
        _sheet, origin, unit = task.sheet(puzzle, canvas, downscale)
        self.origin, self.unit = (origin[0] / downscale, origin[1] / downscale), unit / downscale
        self.task, self.puzzle = task, puzzle
        self.paints = [
            Painted(task.painter(puzzle, canvas, downscale, object_scale)) for object_scale in (0.92, 1.0, 1.08)
        ]
        self.start = task.moves(puzzle)[0]
        drawing = self.paints[1](Board(self.start))
        self.count = len(self.start)
        empty = self.paints[1](Board((None,) * self.count))
        self.lens = Lens(drawing, ~differing(drawing, empty))
        self.labels = _label_table(tuple(tone(color) for color in task.colors(puzzle)), _grounds(empty))
        extents = [task.extent(puzzle, piece) for piece in range(self.count)]
        # Every second pixel is enough for large pieces.
        self.step = 1 if 2 * min(map(min, extents)) * self.unit < _SMALL else 2
        self.sides = [((down + 0.15) * self.unit / self.step, (right + 0.15) * self.unit / self.step)
                      for down, right in extents]  # fmt: skip
        self.edges = False
        self.whole = self._find(drawing)
        boxes = [4 * down * right * (self.unit / self.step) ** 2 for down, right in extents]
        if self.step > 1 and any(a[0] < _THIN * box for a, box in zip(self.whole, boxes, strict=True)):
            self.sides = [(self.step * down, self.step * right) for down, right in self.sides]
            self.step = 1
            self.whole = self._find(drawing)
        if min(a[0] for a in self.whole) < _TINY:
            self.edges = True
            self.whole = self._find(drawing)
        # A little larger, a thing of a few pixels is much larger; and elsewhere its outline may fill more of them.
        large = self._find(self.paints[2](Board(self.start)))
        self.most = [max(_MOST * a[0], 1.1 * b[0]) + _OUTLINE * sum(sides)
                     for a, b, sides in zip(self.whole, large, self.sides, strict=True)]  # fmt: skip
        self.strict, self.lax = dict[Board, Envelope](), dict[Board, Envelope]()
        # The last ones made: the next is much like them.
        self.last_strict: Envelope | None = None
        self.last_lax: Envelope | None = None
        self.behind: dict[tuple[Place | None, ...], Planes] = {}
        self.blobs: dict[int, Blob] = {}
        self.area = [4 * down * right * self.unit**2 for down, right in extents]

    def _find(self, planes: Planes) -> list[tuple[float, float, float, float]]:
        """Area, center (y, x) and area elsewhere of each piece's color, in one of `step` pixels both ways."""
        y, cb, cr = planes[:, :: self.step, :: self.step].astype(np.uint16) >> 3
        label = self.labels.take((y << 10) | (cb << 5) | cr)
        width = label.shape[1]
        # Few pixels have a piece's color: only they are looked at further.
        rows, columns = divmod(np.flatnonzero(label[1:-1, 1:-1] > 0), width - 2)
        at, label = (rows + 1) * width + columns + 1, label.ravel()
        own = label[at]
        if not self.edges:
            # Not at the edges, where colors mix to others.
            inside = (label[at - width] == own) & (label[at + width] == own)
            inside &= (label[at - 1] == own) & (label[at + 1] == own)
            rows, columns, own = rows[inside], columns[inside], own[inside]
        order = np.argsort(own, kind="stable")
        rows, columns, ends = rows[order], columns[order], np.cumsum(np.bincount(own, minlength=self.count + 1))
        return [
            self._weighed(rows[start:end], columns[start:end], *sides)
            for start, end, sides in zip(ends, ends[1:], self.sides, strict=False)
        ]

    def _weighed(self, rows: Indices, columns: Indices, down: float, right: float) -> tuple[float, float, float, float]:
        """Area, center and area elsewhere of one piece's pixels, whose rows are sorted."""
        if not len(rows):
            return 0.0, 0.0, 0.0, 0.0
        # The median is where most of it is; what is farther off is another thing.
        middle = rows[len(rows) // 2], np.bincount(columns).cumsum().searchsorted(len(columns) / 2)
        part = slice(rows.searchsorted(middle[0] - int(down)), rows.searchsorted(middle[0] + int(down), "right"))
        near = np.abs(columns[part] - middle[1]) <= right
        area = float(np.count_nonzero(near))
        y, x = (float(values[part] @ near) / area if area else 0.0 for values in (rows, columns))
        return area, self.step * y, self.step * x, len(rows) - area

    def read(self, frame: Planes) -> Reading[Board]:
        planes = self.lens.planes(frame)
        # A piece's color need not be spread evenly over it: measured from where the start drawing has it.
        places: list[Place | None] = []
        shares, twice = list[float](), False
        for (area, y, x, stray), (whole, home_y, home_x, own), most, home in zip(
            self._find(planes), self.whole, self.most, self.start, strict=True
        ):
            twice |= area > most or stray > own + _STRAY * whole
            shares.append(area / max(whole, 1.0))
            seen = (home[0] + (y - home_y) / self.unit, home[1] + (x - home_x) / self.unit)
            places.append(seen if area >= _MOVING * whole else None)
        firm = [share >= _WHOLE for share in shares]
        stands = [
            place and self.task.stand(self.puzzle, self.start, piece, place) for piece, place in enumerate(places)
        ]
        near = [slot if place and slot and math.dist(slot, place) <= REST and whole else None
                for place, slot, whole in zip(places, stands, firm, strict=True)]  # fmt: skip
        for piece in [piece for piece in range(self.count) if self._covered(piece, places, stands, near, shares)]:
            # What can be seen of it must be where it rests.
            near[piece] = places[piece] = stands[piece]
        strange = self._strict(Board(tuple(near))).unexplained(planes)
        down, right = self._drift(places, near)
        if (down or right) and patches(strange) > 1:
            moved = np.roll(planes, (-down, -right), (1, 2))
            steady = self._strict(Board(tuple(near))).unexplained(moved)
            if np.count_nonzero(steady) < np.count_nonzero(strange):
                planes, strange = moved, steady
                places = [p and (p[0] - down / self.unit, p[1] - right / self.unit) for p in places]
        shown = _Seen(planes, tuple(places), tuple(near), tuple(firm), twice)
        # Most frames show pieces as large as drawn; that is quicker to see.
        reading = self._explained(shown, strange, self._strict)
        if reading.scene_intact and reading.state is not None and not reading.state.odd:
            return reading
        return self._explained(shown, self._lax(Board(shown.near)).unexplained(planes), self._lax)

    def _explained(self, seen: _Seen, strange: Mask, expect: Callable[[Board], Envelope]) -> Reading[Board]:
        """What a frame shows, if what is expected where pieces rest leaves `strange` unexplained."""
        planes, near, firm, places = seen.planes, seen.near, seen.firm, list(seen.places)
        if lost(strange) or np.count_nonzero(strange) - 16 * patches(strange) > _NOISE * strange.size:
            return Reading(None, False, "scene_lost")
        # Only if all others rest: of two that shine through, the colors may be taken for each other's.
        if None in places and near.count(None) == 1 and strange.any():
            places = [place or self._smeared(planes, strange, piece, near) for piece, place in enumerate(places)]
        allowed, odd = 0.0, list[int]()
        for piece, place in enumerate(places):
            if place is None:
                # Smeared over its way: somewhere, as large as the two pictures of it.
                allowed += _SMEARED * self.area[piece]
            elif near[piece] is None:
                strange[self._window(piece, place, 0.5)] = False
                # Smeared, but not off itself: its ends may reach out of the window.
                allowed += 0.0 if firm[piece] else _SMEARED * self.area[piece]
        some = bool(strange.any())
        for piece, slot in enumerate(near):
            if some and slot is not None and patches(strange[self._window(piece, slot, 0.0)]) > 1:
                odd.append(piece)
        off = any(slot and place and math.dist(slot, place) * self.unit > 1.5
                  for slot, place in zip(near, places, strict=True))  # fmt: skip
        if odd or (off and patches(strange) > 1):
            # About to leave, or just arrived? Drawn where they are, they may be explained.
            # The others need not be drawn anew.
            exact = Board(tuple(
                place if slot and strange[self._window(piece, slot, 0.15)].any() else slot
                for piece, (place, slot) in enumerate(zip(places, near, strict=True))
            ))  # fmt: skip
            elsewhere = expect(exact).unexplained(planes)
            odd = [piece for piece in odd if patches(elsewhere[self._window(piece, near[piece] or (0, 0), 0.0)]) > 1]
            strange &= elsewhere
        for piece in odd:
            strange[self._window(piece, places[piece] or self.start[piece], 0.15)] = False
        left = patches(strange)
        if seen.twice:
            return Reading(None, left * 16 <= allowed + 16, "two_agents")
        if left > 1 and left * 16 > allowed:
            return Reading(None, False, "extra_object")
        # Where pieces rest, one of which a part is missing has changed, if it stays so.
        odd += [piece for piece, place in enumerate(places) if place and near[piece] is None and not firm[piece]
                and math.dist(place, self.task.stand(self.puzzle, self.start, piece, place)) <= REST]  # fmt: skip
        return Reading(Board(tuple(places), odd=tuple(odd)))

    def _smeared(self, planes: Planes, strange: Mask, piece: int, rest: tuple[Place | None, ...]) -> Place | None:
        """Where a piece is on its way whose color is thinned by movement, found by what of it shines through."""

        def blob(planes: Planes, strange: Mask, rest: tuple[Place | None, ...]) -> Blob:
            if rest not in self.behind:
                self.behind[rest] = self.paints[1](Board(rest))
            color, reach = self.task.colors(self.puzzle)[piece], math.hypot(*self.sides[piece]) * self.step / 2
            return Blob(planes, strange, self.behind[rest], color, reach + 0.35 * self.unit)

        if piece not in self.blobs:
            others = (*self.start[:piece], None, *self.start[piece + 1 :])
            drawing = self.paints[1](Board(self.start))
            self.blobs[piece] = blob(drawing, self._strict(Board(others)).unexplained(drawing), others)
        home, seen = self.blobs[piece], blob(planes, strange, rest)
        if seen.stray > 0.35 * home.mass or not 0.5 * home.mass <= seen.mass <= 1.5 * home.mass:
            return None
        place = (
            self.start[piece][0] + (seen.y - home.y) / self.unit,
            self.start[piece][1] + (seen.x - home.x) / self.unit,
        )
        # Where pieces rest, half-transparent ones are no pieces.
        return None if math.dist(place, self.task.stand(self.puzzle, self.start, piece, place)) <= REST else place

    def _drift(self, places: Sequence[Place | None], near: Sequence[Place | None]) -> tuple[int, int]:
        """How far resting pieces are off their places on the whole, in pixels: what the lens left of a drift."""
        off = [(a[0] - b[0], a[1] - b[1]) for a, b in zip(places, near, strict=True) if a and b]
        if len(off) < 2:
            return 0, 0
        down, right = (sorted(way)[len(way) // 2] * self.unit for way in zip(*off, strict=True))
        return round(down), round(right)

    def _covered(
        self,
        piece: int,
        places: Sequence[Place | None],
        stands: Sequence[Place | None],
        near: Sequence[Place | None],
        shares: Sequence[float],
    ) -> bool:
        """Whether a piece rests half under another one that moves, so that it seems to be beside its place."""
        place, slot = places[piece], stands[piece]
        if place is None or slot is None or near[piece]:
            return False
        down, right = self.task.extent(self.puzzle, piece)
        if abs(place[0] - slot[0]) > down or abs(place[1] - slot[1]) > right:
            return False
        for other, (at, share) in enumerate(zip(places, shares, strict=True)):
            if at is not None and near[other] is None and shares[piece] < min(0.9, share):
                reach = self.task.extent(self.puzzle, other)
                if abs(at[0] - slot[0]) < down + reach[0] and abs(at[1] - slot[1]) < right + reach[1]:
                    return True
        return False

    def _window(self, piece: int, place: Place, margin: float) -> tuple[slice, slice]:
        """The rows and columns around a piece."""
        y, x = self.origin[1] + place[0] * self.unit, self.origin[0] + place[1] * self.unit
        down, right = ((side + margin) * self.unit for side in self.task.extent(self.puzzle, piece))
        return slice(max(0, int(y - down)), int(y + down) + 1), slice(max(0, int(x - right)), int(x + right) + 1)

    def _strict(self, board: Board) -> Envelope:
        """What explains a board whose pieces are as large as drawn."""
        if board not in self.strict:
            self.last_strict = Envelope(self.paints[1](board), like=self.last_strict)
            _keep(self.strict, board, self.last_strict)
        return self.strict[board]

    def _lax(self, board: Board) -> Envelope:
        """What explains a board whose pieces may be a little larger or smaller."""
        if board not in self.lax:
            self.last_lax = Envelope(*(paint(board) for paint in self.paints), like=self.last_lax)
            _keep(self.lax, board, self.last_lax)
        return self.lax[board]


def _keep(known: dict[Board, Envelope], board: Board, envelope: Envelope) -> None:
    """Remember an expected picture, and forget the oldest of too many."""
    if len(known) >= _KNOWN:
        del known[next(iter(known))]
    known[board] = envelope


Tone = tuple[int, int, int]


def _grounds(planes: Planes) -> tuple[Tone, ...]:
    """The tones of wide parts of a drawing."""
    y, cb, cr = planes[:, ::2, ::2].reshape(3, -1).astype(np.uint32)
    tones, counts = np.unique(y << 16 | cb << 8 | cr, return_counts=True)
    wide = tones[counts > _WIDE * counts.sum()].tolist()
    return tuple((t >> 16, t >> 8 & 255, t & 255) for t in wide)


@lru_cache(maxsize=16)
def _label_table(tones: tuple[Tone, ...], grounds: tuple[Tone, ...]) -> npt.NDArray[np.uint8]:
    """For each color, 5 bits a plane, the piece (from 1) whose color it is, or 0.

    What is more like another piece smeared over the ground is nothing.
    """
    steps = np.arange(32, dtype=np.float32) * 8 + 4

    def nearest(points: Sequence[Sequence[float]]) -> tuple[npt.NDArray[np.uint16], Floats]:
        """Which point is nearest to each color, and how far that is, squared."""
        which, least = np.zeros((32, 32, 32), np.uint16), np.full((32, 32, 32), np.inf, np.float32)
        for number, point in enumerate(points):
            y, cb, cr = ((steps - value) ** 2 for value in point)
            off = y[:, None, None] + cb[:, None] + cr
            which[off < least] = number
            np.minimum(least, off, out=least)
        return which, least

    label, off = nearest(tones)
    smears = (np.array(tones)[:, None] + np.array(grounds)) / 2
    smeared, nearer = nearest(smears.reshape(-1, 3).tolist())
    # Clearly so: half as far off.
    other = (4 * nearer < off) & (smeared // len(grounds) != label)
    return np.where((off < _NEAR**2) & ~other, label + 1, 0).astype(np.uint8)


def _along(way: Sequence[Place], t: float) -> Place:
    """The place a share `t` along a way of straight pieces."""
    lengths = [math.dist(a, b) for a, b in itertools.pairwise(way)]
    left = t * sum(lengths)
    for a, b, length in zip(way, way[1:], lengths, strict=False):
        if left <= length and length:
            return lerp(a[0], b[0], left / length), lerp(a[1], b[1], left / length)
        left -= length
    return way[-1]


def _both(a: Box, b: Box) -> Box:
    return min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3])


def _meet(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
