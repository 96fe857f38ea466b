"""Reading of one move: finds the piece that moves in a frame."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from vmevalkit.media import Planes
from vmevalkit.tasks.base import Reading
from vmevalkit.tasks.chess.drawing import board_sketch, piece_sprites, square_color
from vmevalkit.tasks.chess.puzzle import COVERS, Place, State, put, rated_moves
from vmevalkit.tasks.chess.sprites import Seeker, Spot, around, phases, slight_changes, soften
from vmevalkit.tasks.toolkit.draw import Color, square_board
from vmevalkit.tasks.toolkit.vision import Envelope, Floats, Lens, Mask, lost, patches, to_view, tone, view_size
from vmevalkit.types import Size

# The places of one smeared piece are at most so many squares apart. This is less than a move, so that a dissolve is
# not read as a smeared piece.
_SMEAR = 0.7
# Squared error, as a share of the squared change that the moving piece makes. Blur and compression cause less; a half
# transparent piece causes more.
_BLURRED = 0.16
# Accepted range of a shift down, a shift right (in pixels of the view) and a blur (half its variance).
_SLIGHT = ((-0.8, -0.8, -0.2), (0.8, 0.8, 0.6))
# Two blurred drawings of a square cannot be distinguished below this mean squared difference.
_HIDDEN = 60.0
# A piece is absent up to the first opacity, and present from the second on.
_FAINT, _FIRM = 0.25, 0.7
# Unexplained patches of 4x4 pixels that compression may cause; share of the error below which another piece fits
# clearly better.
_SPECKS, _CLEARLY = 1, 0.7


class Hypothesis(NamedTuple):
    """The start with one change: the piece of square `origin` is at a spot, and the piece of square `taken` is removed.

    A smeared piece has several spots, with a share at each. `taken` is -1 if nothing is captured.
    """

    origin: int
    taken: int
    spots: tuple[Spot, ...]
    shares: tuple[float, ...] = (1.0,)


class Fit(NamedTuple):
    """How well a hypothesis explains a frame: a mask of the unexplained pixels, and the misfit of the moving piece."""

    hypothesis: Hypothesis
    unexplained: Mask
    misfit: float

    @property
    def explains(self) -> bool:
        return self.misfit < _BLURRED and patches(self.unexplained) <= _SPECKS


class BoardReader:
    """Reads frames in which at most one piece moves.

    One piece at another place must explain every difference from the start. It is drawn there and compared, at one spot
    or smeared over two near spots. All other squares must still look like the piece that stood there.

    Args:
        board: the 64 squares at the start.
        canvas: width and height of the question.
    """

    def __init__(self, board: str, canvas: Size) -> None:
        size = view_size(canvas)
        scale = size[0] / canvas[0]
        left, top, cell = square_board(canvas, 8)
        self.board = board
        self.left, self.top, self.cell = left * scale, top * scale, cell * scale
        self.start = to_view(board_sketch(size, (self.left, self.top, self.cell), board).pixels())
        self.lens, self.envelope = Lens(self.start), Envelope(self.start)
        # Standing pieces are drawn at their exact place. For a moving piece half a pixel does not matter.
        self.phase = phases(self._center(0))
        self.sprites = piece_sprites(self.cell, self.phase)
        self.looks = [".", *self.sprites]
        self.inks = np.stack([sprite.ink[0] for sprite in self.sprites.values()])
        self.alphas = np.stack([sprite.alpha for sprite in self.sprites.values()])
        side = int(self.cell)
        kinds: dict[tuple[Color, Place], list[int]] = {}
        for i in range(64):
            kinds.setdefault((square_color(i), phases(self._center(i))), []).append(i)
        ys, xs = np.mgrid[:side, :side]
        corners = [tuple(math.floor(m) - side // 2 for m in self._center(i)) for i in range(64)]
        self.pixels = np.stack([((y + ys) * size[0] + x + xs).ravel() for y, x in corners])
        self.templates = [(np.array(squares), self._templates(*kind)) for kind, squares in kinds.items()]
        # The same hypothesis is drawn several times.
        self.drawn = lru_cache(maxsize=8)(self._drawn)
        self.scenes: dict[tuple[int, int], tuple[Seeker, Planes]] = {}
        self.completed: dict[tuple[int, int], tuple[Envelope, Hypothesis]] = {}

    def _templates(self, color: Color, phases: Place) -> Floats:
        """Return the luma of a square with each look in it, shape (looks, pixels)."""
        side = int(self.cell)
        found = [np.full(side * side, tone(color)[0], np.float32)]
        for sprite in piece_sprites(self.cell, phases).values():
            inner = slice(sprite.side // 2 - side // 2, sprite.side // 2 - side // 2 + side)
            found.append((sprite.ink[0] + (1 - sprite.alpha) * tone(color)[0])[inner, inner].ravel())
        return np.stack(found)

    def read(self, frame: Planes) -> Reading[State]:
        """Read the planes of a frame at the size of the view."""
        planes = self.lens.planes(frame)
        unexplained = self.envelope.unexplained(planes)
        if lost(unexplained):
            return Reading(None, False, "scene_lost")
        wrong = self._changed_squares(planes)
        if patches(unexplained) == 0 and not wrong:
            return Reading(State(self.board))
        fit = self._completed_move(planes, wrong)
        if fit:
            return Reading(self._state(fit.hypothesis))
        best: Fit | None = None
        for origin in self._suspects(unexplained, wrong):
            fit = self._explain(planes, unexplained, origin, wrong)
            if (
                fit.explains
                and not set(wrong) - self._touched(fit.hypothesis)
                and self._is_intact(planes, fit.hypothesis)
            ):
                return Reading(self._state(fit.hypothesis))
            best = fit if best is None or fit.misfit < best.misfit else best
        note = self._note(planes, wrong, best, unexplained)
        # At most three squares change in a move; four are tolerated.
        if patches(unexplained) > 4 * (self.cell / 4) ** 2:
            return Reading(None, False, "scene_lost" if note == "unreadable" else note)
        return Reading(None, note == "unreadable", note)

    def _changed_squares(self, planes: Planes) -> dict[int, str]:
        """Return the squares that clearly look different from the start, and what they look like."""
        seen = planes[0].ravel()[self.pixels].astype(np.float32)
        found = {}
        for squares, templates in self.templates:
            part = seen[squares]
            off = (templates * templates).sum(1) - 2 * part @ templates.T + (part * part).sum(1, keepdims=True)
            for square, row in zip(squares.tolist(), off, strict=True):
                look = self.looks[int(row.argmin())]
                if look != self.board[square] and row.min() < _CLEARLY * row[self.looks.index(self.board[square])]:
                    found[square] = look
        return found

    def _completed_move(self, planes: Planes, wrong: dict[int, str]) -> Fit | None:
        """Return a completed legal move that explains the frame. Most videos end so, and no search is needed."""
        gone = [i for i, look in wrong.items() if look == "."]
        come = [i for i, look in wrong.items() if look != "."]
        if len(gone) != 1 or len(come) != 1 or wrong[come[0]] != self.board[gone[0]]:
            return None
        move = gone[0], come[0]
        if move[1] not in rated_moves(self.board).get(move[0], {}):
            return None
        if move not in self.completed:
            hypothesis = Hypothesis(move[0], move[1] if self.board[move[1]] != "." else -1, (self._spot(*move),))
            self.completed[move] = Envelope(self.drawn(hypothesis)), hypothesis
        envelope, hypothesis = self.completed[move]
        fit = Fit(hypothesis, envelope.unexplained(planes), self._misfit(planes, hypothesis))
        return fit if fit.explains and self._is_intact(planes, hypothesis) else None

    def _suspects(self, unexplained: Mask, wrong: dict[int, str]) -> list[int]:
        """Return the squares whose piece may be moving, the most likely first."""
        counts = unexplained.ravel()[self.pixels].sum(1)
        pieces = [i for i in range(64) if self.board[i] != "." and (counts[i] > 8 or i in wrong)]
        return sorted(pieces, key=lambda i: (wrong.get(i) != ".", -int(counts[i])))[:4]

    def _explain(self, planes: Planes, unexplained: Mask, origin: int, wrong: dict[int, str]) -> Fit:
        """Return the best hypothesis in which the piece of a square is elsewhere."""
        # If a square looks like the piece, try that square before the search.
        for square in (i for i, look in wrong.items() if look == self.board[origin]):
            fit = self._with_piece_at(planes, unexplained, origin, (self._spot(origin, square),))
            if fit.explains:
                return fit
        seeker = self._scene(origin, -1)[0]
        spot = seeker.find(planes)
        fit = self._with_piece_at(planes, unexplained, origin, (spot,))
        if not fit.explains and self.board[origin].isupper():
            # A video that was resampled in time mixes two frames. The piece is partly at each of two places.
            pair = seeker.pair(planes, spot, _SMEAR * self.cell)
            if math.dist(*pair) <= _SMEAR * self.cell:
                smeared = self._with_piece_at(planes, unexplained, origin, pair)
                return smeared if smeared.explains else fit
        return fit

    def _with_piece_at(self, planes: Planes, unexplained: Mask, origin: int, spots: tuple[Spot, ...]) -> Fit:
        """Return the better hypothesis with a piece at some spots: the piece below it stays, or is captured."""
        row, column = self._place(spots[0])
        near = min(max(round(row), 0), 7) * 8 + min(max(round(column), 0), 7)
        covered = self.board[near] != "." and near != origin and math.dist((row, column), divmod(near, 8)) < COVERS
        stays = self._fit(planes, unexplained, origin, -1, spots)
        if not covered:
            return stays
        gone = self._fit(planes, unexplained, origin, near, spots)
        if stays.explains != gone.explains:
            return stays if stays.explains else gone
        return gone if self._is_captured(planes, gone.hypothesis) else stays

    def _is_captured(self, planes: Planes, hypothesis: Hypothesis) -> bool:
        """Whether the piece below the moving one is removed, as in a hypothesis."""
        opacity = self._opacity(
            planes, self.drawn(hypothesis), self.drawn(hypothesis._replace(taken=-1)), self._window(hypothesis.taken)
        )
        if opacity is None:
            # The moving piece hides the other. Assume a capture if it is legal.
            return hypothesis.taken in rated_moves(self.board).get(hypothesis.origin, {})
        return opacity < 0.5

    def _opacity(self, planes: Planes, without: Planes, having: Planes, window: tuple[slice, slice]) -> float | None:
        """Return how much of the difference between two drawings is visible in a window; None if they look the same."""
        seen, bare, full = soften(np.stack([image[0][window] for image in (planes, without, having)]))
        change = full - bare
        if (change * change).mean() < _HIDDEN:
            return None
        terms = np.stack([change.ravel(), *slight_changes(full).reshape(3, -1)])
        normal = terms @ terms.T + np.diag(np.array([0, 1, 1, 1], np.float32) * 0.01 * (change * change).sum())
        return float(np.linalg.solve(normal, terms @ (seen - bare).ravel())[0])

    def _is_intact(self, planes: Planes, hypothesis: Hypothesis) -> bool:
        """Whether the moving piece is complete, looks like itself, and leaves nothing but intact squares."""
        drawn, behind = self.drawn(hypothesis), self._scene(hypothesis.origin, hypothesis.taken)[1]
        sprite = self.sprites[self.board[hypothesis.origin]]
        opacity = self._opacity(planes, behind, drawn, around(hypothesis.spots, sprite.side))
        home = self._spot(hypothesis.origin, hypothesis.origin)
        if opacity is None or opacity < _FIRM or not self._alike(planes, hypothesis):
            return False
        for square in self._touched(hypothesis):
            window = self._window(square)
            if square == hypothesis.origin:
                left = sprite.over(sprite.over(behind, (home,), (1.0,)), hypothesis.spots, hypothesis.shares)
                ghost = self._opacity(planes, drawn, left, window)
                if ghost is not None and ghost > _FAINT:
                    return False
            elif square == hypothesis.taken:
                if not self._is_captured(planes, hypothesis):
                    return False
            elif self.board[square] != ".":
                bare = behind.copy()
                bare[:, window[0], window[1]] = np.array(tone(square_color(square)), np.uint8)[:, None, None]
                opacity = self._opacity(planes, sprite.over(bare, hypothesis.spots, hypothesis.shares), drawn, window)
                if opacity is not None and opacity < _FIRM:
                    return False
        return True

    def _fit(self, planes: Planes, unexplained: Mask, origin: int, taken: int, spots: tuple[Spot, ...]) -> Fit:
        """Return the hypothesis with the piece of `origin` at some spots and the piece of `taken` removed."""
        seeker = self._scene(origin, taken)[0]
        hypothesis = Hypothesis(origin, taken, (seeker.refine(planes, spots[0]),))
        if len(spots) > 1:
            # The shares must add up to one, so that a half transparent piece is not explained.
            shares = [max(0.0, share) for share in seeker.shares(planes, spots)]
            whole = max(sum(shares), 1e-6)
            hypothesis = Hypothesis(origin, taken, spots, tuple(share / whole for share in shares))
        drawn, left = self.drawn(hypothesis), unexplained.copy()
        windows = [seeker.sprite.at(spot) for spot in hypothesis.spots]
        windows += [self._window(square) for square in (origin, taken) if square >= 0]
        for rows, columns in windows:
            inner = slice(max(0, rows.start - 3), rows.stop + 3), slice(max(0, columns.start - 3), columns.stop + 3)
            outer = tuple(slice(max(0, part.start - 3), part.stop + 3) for part in inner)
            found = Envelope(drawn[:, outer[0], outer[1]]).unexplained(planes[:, outer[0], outer[1]])
            y, x = inner[0].start - outer[0].start, inner[1].start - outer[1].start
            height, width = left[inner].shape
            left[inner] = found[y : y + height, x : x + width]
        return Fit(hypothesis, left, self._misfit(planes, hypothesis))

    def _misfit(self, planes: Planes, hypothesis: Hypothesis) -> float:
        """Return the squared error of the moving piece, as a share of the squared change that the piece makes.

        Error that a shift by a fraction of a pixel or a slight blur explains does not count.
        """
        window = around(hypothesis.spots, self.sprites["K"].side)
        without = self._scene(hypothesis.origin, hypothesis.taken)[1]
        seen, drawn, bare = soften(np.stack([p[0][window] for p in (planes, self.drawn(hypothesis), without)]))
        change = drawn - bare
        here = np.abs(change) > 8
        terms = slight_changes(drawn)[:, here]
        error = (seen - drawn)[here]
        normal = terms @ terms.T + np.eye(3, dtype=np.float32)
        rest = error - np.clip(np.linalg.solve(normal, terms @ error), *_SLIGHT) @ terms
        return float(rest @ rest) / max(float((change * change).sum()), 1.0)

    def _alike(self, planes: Planes, hypothesis: Hypothesis) -> bool:
        """Whether no other piece fits clearly better than the moving one."""
        side = self.sprites["K"].side
        rows, columns = around(hypothesis.spots, side)
        behind = self._scene(hypothesis.origin, hypothesis.taken)[1][0, rows, columns].astype(np.float32)
        drawn = np.repeat(behind[None], len(self.inks), axis=0)
        for (y, x), share in zip(hypothesis.spots, hypothesis.shares, strict=True):
            part = slice(y - rows.start, y - rows.start + side), slice(x - columns.start, x - columns.start + side)
            drawn[:, part[0], part[1]] += share * (self.inks - self.alphas * behind[part])
        off = ((drawn - planes[0, rows, columns]) ** 2).sum((1, 2))
        return bool(off.min() >= _CLEARLY * off[self.looks.index(self.board[hypothesis.origin]) - 1])

    def _note(self, planes: Planes, wrong: dict[int, str], best: Fit | None, unexplained: Mask) -> str:
        """Return the reason code of a frame that is not a state."""
        touched = self._touched(best.hypothesis) if best else set()
        if best is not None and best.explains and not set(wrong) - touched:
            return "unreadable" if self._alike(planes, best.hypothesis) else "piece_changed"
        gone = [i for i, look in wrong.items() if look == "."]
        come = [i for i, look in wrong.items() if look != "." and self.board[i] == "."]
        turned = len(wrong) - len(gone) - len(come)
        if len(gone) > 1:
            return "second_move"
        if gone and not come and not turned:
            elsewhere = unexplained.copy()
            elsewhere[self._window(gone[0])] = False
            return "piece_vanished" if patches(elsewhere) <= _SPECKS else "unreadable"
        if come and not gone:
            return "extra_object"
        if (turned and not gone) or (gone and come and wrong[come[0]] != self.board[gone[0]]):
            return "piece_changed"
        if best is None:
            return "extra_object"
        outside = best.unexplained.copy()
        for square in touched:
            outside[self._window(square)] = False
        return "extra_object" if patches(outside) > _SPECKS else "unreadable"

    def _touched(self, hypothesis: Hypothesis) -> set[int]:
        """Return the squares that the moving piece leaves, covers in part, or captures on."""
        found = {i for i in (hypothesis.origin, hypothesis.taken) if i >= 0}
        for row, column in map(self._place, hypothesis.spots):
            rows, columns = ([i for i in range(8) if abs(i - at) < 0.95] for at in (row, column))
            found |= {8 * i + j for i in rows for j in columns}
        return found

    def _state(self, hypothesis: Hypothesis) -> State:
        board = put(self.board, hypothesis.origin, ".")
        board = board if hypothesis.taken < 0 else put(board, hypothesis.taken, ".")
        places = [self._place(spot) for spot in hypothesis.spots]
        row, column = (sum(s * place[i] for s, place in zip(hypothesis.shares, places, strict=True)) for i in (0, 1))
        fainter = min(zip(hypothesis.shares, places, strict=True))[1] if len(places) > 1 else None
        return State(board, self.board[hypothesis.origin], row, column, fainter=fainter)

    def _place(self, spot: Spot) -> Place:
        half = self.sprites["K"].side / 2
        y, x = spot[0] + half + self.phase[0], spot[1] + half + self.phase[1]
        return (y - self.top) / self.cell - 0.5, (x - self.left) / self.cell - 0.5

    def _spot(self, origin: int, square: int) -> Spot:
        half = self.sprites[self.board[origin]].side // 2
        y, x = self._center(square)
        return round(y - self.phase[0]) - half, round(x - self.phase[1]) - half

    def _center(self, square: int) -> Place:
        """Return the center of a square, (y, x) in pixels of the view."""
        return self.top + (square // 8 + 0.5) * self.cell, self.left + (square % 8 + 0.5) * self.cell

    def _window(self, square: int) -> tuple[slice, slice]:
        y, x = self.top + square // 8 * self.cell, self.left + square % 8 * self.cell
        return slice(round(y), round(y + self.cell)), slice(round(x), round(x + self.cell))

    def _drawn(self, hypothesis: Hypothesis) -> Planes:
        sprite = self.sprites[self.board[hypothesis.origin]]
        return sprite.over(self._scene(hypothesis.origin, hypothesis.taken)[1], hypothesis.spots, hypothesis.shares)

    def _scene(self, origin: int, taken: int) -> tuple[Seeker, Planes]:
        """Return a seeker of the moving piece, and the start without that piece and the captured one."""
        if (origin, taken) not in self.scenes:
            behind = self.start.copy()
            for square in (origin, taken):
                if square >= 0:
                    rows, columns = self._window(square)
                    behind[:, rows, columns] = np.array(tone(square_color(square)), np.uint8)[:, None, None]
            self.scenes[origin, taken] = Seeker(behind, self.sprites[self.board[origin]]), behind
        return self.scenes[origin, taken]
