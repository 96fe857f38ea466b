"""Chess: White to move and mate, in one move or, at the top difficulty, in two.

    . . . . . . k .
    . . . . . p p p      The rook goes up to the eighth rank and mates. A video passes when one white piece is seen to
    . . . . . . . .      slide from its square to one that gives mate (any mating move will do), what it takes vanishes
    R . . . . K . .      under it, it rests there, and nothing else changes. A knight may go straight or round a corner.

The plan length is 1, the move, or 3 for a mate in two: White's only key move, Black's only reply, White's mate, each
seen in its turn. What grows with difficulty is the search: more pieces, more checks that do not mate, and fewer right
moves. In no puzzle is mate given by castling, en passant or promotion. There are far more than 10,000 puzzles at every
difficulty.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

import chess as rules
import numpy as np
import numpy.typing as npt

from vmevalkit.defaults import DEFAULT_CANVAS
from vmevalkit.media import Frame, Planes, Views
from vmevalkit.tasks.base import Painter, Reader, Reading, Task, lerp, register_task
from vmevalkit.tasks.chess.sprites import Seeker, Spot, Sprite
from vmevalkit.tasks.toolkit.draw import INK, Color, Point, Sketch, oval, square_board
from vmevalkit.tasks.toolkit.levels import levels
from vmevalkit.tasks.toolkit.vision import Envelope, Floats, Lens, Mask, lost, patches, to_view, tone, view_size
from vmevalkit.types import Mode, Record, Size, Verdict

Place = tuple[float, float]


class Level(NamedTuple):
    """Fewest and most pieces; least number of checks that do not mate; most mating moves."""

    fewest: int
    most: int
    decoys: int
    mates: int


# The fifth level is a mate in two, made from a mate in one of the third.
LEVELS = levels(
    Level(fewest=5, most=7, decoys=0, mates=3),
    Level(fewest=8, most=11, decoys=1, mates=3),
    Level(fewest=12, most=16, decoys=2, mates=2),
    Level(fewest=17, most=24, decoys=3, mates=1),
    Level(fewest=11, most=18, decoys=1, mates=3),
)
_NAMES = {"K": "king", "Q": "queen", "R": "rook", "B": "bishop", "N": "knight", "P": "pawn"}
_STOCK = {"K": 1, "Q": 1, "R": 2, "B": 2, "N": 2, "P": 8}
_COUNT = ("no", "one", "two", "three", "four", "five", "six", "seven")
_ORDINAL = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth")
# Closer to a square's center than this, in squares, a piece stands on it.
_RESTS = 0.3
# Farther than this from its way, in squares, a piece goes where it may not.
_ASTRAY = 0.4
# From one seen place to the next at most this share of the travel, and some places at least between the two squares.
_LEAP, _PLACES = 0.5, 2
# A captured piece may vanish when the other is this near, in squares.
_COVERS = 0.75
# Places of one smeared piece are at most so many squares apart: less than a move, or a dissolve would be one.
_SMEAR = 0.7
# Squared difference from what a moving piece changes, as a share: blur and compression make less, half a ghost more.
_BLURRED = 0.16
# Shift down and right in pixels of the view and blur (half its variance) that are not held against a piece.
_SLIGHT = ((-0.8, -0.8, -0.2), (0.8, 0.8, 0.6))
# Mean squared difference, blurred, of two pictures of a square that cannot be told apart.
_HIDDEN = 60.0
# A piece is gone up to this opacity, and there from this opacity on.
_FAINT, _FIRM = 0.25, 0.7
# Unexplained patches of four by four pixels that may be the codec's, and how much nearer another look must be.
_SPECKS, _CLEARLY = 1, 0.7


class Puzzle(Record):
    """A position with White to move. `rows` from the top (eighth rank) down, FEN letters, "." for an empty square.

    `answer` is one right move, from square to square, counted from the top left corner, row by row. `then` is what
    follows in a mate in two: Black's reply and White's mate.
    """

    rows: tuple[str, ...]
    answer: tuple[int, int]
    then: tuple[tuple[int, int], ...] = ()

    @property
    def plies(self) -> int:
        """Moves of both sides."""
        return 1 + len(self.then)

    @property
    def board(self) -> str:
        return "".join(self.rows)


class State(NamedTuple):
    """What stands on the 64 squares, and a piece on its way with its center at (row, column), if any.

    What was read also says how many moves were made before, and the board (`before`) that they led to.
    """

    board: str
    piece: str = ""
    row: float = 0.0
    column: float = 0.0
    made: int = 0
    before: str = ""


class Motion(NamedTuple):
    """How a state differs from the start: a piece from square `origin` is at `place`, and `taken` (or -1) is gone."""

    origin: int
    place: Place
    taken: int


@register_task
class Chess(Task[Puzzle, State]):
    """The board, and a piece on its way, are the state."""

    name = "chess"
    tags = ("planning", "logic")
    version = 2
    puzzle_type = Puzzle
    reasons = {
        "not_mate": "The move is legal, but it does not mate, or does not lead to mate.",
        "illegal_move": "A piece goes where the rules of chess do not let it go.",
        "wrong_side": "A piece moves whose side is not to move.",
        "piece_changed": "A piece turns into another one.",
        "piece_vanished": "A piece disappears that was not captured.",
        "second_move": "More than one piece moves.",
    }
    rubric = {
        "outcome": (
            "The position is mate. Any mating move is right; at a mate in two, Black's reply and White's mate "
            "follow the key move."
        ),
        "process": (
            "One white piece slides from its square as the rules of chess allow, what it takes vanishes under it, "
            "and it is one move in turn and no other. A knight may go straight or round a corner."
        ),
    }

    def generate(self, rng: random.Random, difficulty: int) -> Puzzle:
        kind = rng.choice("QQRRBBNNPP*S")
        while True:
            puzzle = _compose(rng, kind, difficulty)
            if puzzle and difficulty == 5:
                puzzle = _in_two(rng, puzzle)
            if puzzle:
                return puzzle

    def solution(self, puzzle: Puzzle) -> list[State]:
        boards = itertools.accumulate((puzzle.answer, *puzzle.then), lambda b, m: _moved(b, *m), initial=puzzle.board)
        return [State(board) for board in boards]

    def steps(self, puzzle: Puzzle) -> list[str]:
        found = []
        for state, (origin, target) in zip(self.solution(puzzle), (puzzle.answer, *puzzle.then), strict=False):
            piece, taken = state.board[origin], state.board[target]
            ending = f" and captures the {_name(taken)} there" if taken != "." else ""
            found.append(
                f"the {_name(piece)} in the {_ORDINAL[origin % 8]} column from the left and the "
                f"{_ORDINAL[7 - origin // 8]} row from the bottom goes {_way(origin, target)}{ending}"
            )
        return found

    def phrasings(self, puzzle: Puzzle) -> Sequence[str]:
        if puzzle.then:
            return (
                "A chess position seen from above. White plays up the board, moves first and mates in two. Three moves "
                "are shown, one after another: White's key move, Black's only reply, White's checkmate. Each piece "
                "slides slowly to its square and stays; what it captures disappears. The camera is fixed.",
                "Mate in two for White, the side that plays up the board. First one white piece glides to the only "
                "square that forces mate, then Black makes the only legal reply, then a white piece gives checkmate. "
                "Captured pieces vanish under the capturing one. Nothing else moves. Static camera.",
                "White to move and checkmate in two moves. Show the whole line: white move, black reply, mating white "
                "move, each sliding visibly across the board in turn. All other pieces stay. Fixed top-down camera.",
            )
        return (
            "A chess position seen from above. White plays up the board and is to move: show the one move that "
            "checkmates Black. The white piece slides slowly from its square to its new square and stays there. A "
            "captured piece disappears under it. No other piece moves. The camera is fixed.",
            "Mate in one for White. One white piece glides visibly across the chessboard to the square where it gives "
            "checkmate, and stops. If a black piece stands there, it is captured and vanishes. Everything else stays "
            "exactly in place, and the camera does not move.",
            "White to move and checkmate the black king in a single move. Play only this move: the piece travels "
            "smoothly over the board, taking what stands on its last square, and then rests. All other pieces remain "
            "still. Fixed top-down camera.",
        )

    def painter(self, puzzle: Puzzle, canvas: Size, downscale: float = 1, object_scale: float = 1) -> Painter[State]:
        left, top, cell = square_board(canvas, 8)
        sheet = _sheet(canvas, (left, top, cell), puzzle.board, downscale)
        base = sheet.pixels()

        def draw(state: State) -> Frame:
            frame: Frame = base.copy()
            changed = [i for i in range(64) if state.board[i] != puzzle.board[i]]
            places: list[Place] = [(i // 8, i % 8) for i in changed]
            if state.piece:
                places.append((state.row, state.column))
            for place in places:
                x, y = left + (place[1] + 0.5) * cell, top + (place[0] + 0.5) * cell
                part = sheet.region((x - cell / 2, y - cell / 2, x + cell / 2, y + cell / 2))
                for i in changed:
                    if abs(place[0] - i // 8) < 1.1 and abs(place[1] - i % 8) < 1.1:
                        _square(part, (left, top, cell), i, state.board[i])
                if state.piece and place is places[-1]:
                    _piece(part, state.piece, (x, y), cell * object_scale)
                part.onto(frame)
            return frame

        return draw

    def between(self, puzzle: Puzzle, a: State, b: State, t: float) -> State:
        leave = [i for i in range(64) if a.board[i] != "." and b.board[i] == "."]
        enter = [i for i in range(64) if b.board[i] not in (".", a.board[i])]
        arriving = {b.board[i] for i in enter}
        piece = a.piece or b.piece or next((a.board[i] for i in leave if a.board[i] in arriving), "")
        source = next((i for i in leave if a.board[i] == piece), None)
        target = next((i for i in enter if b.board[i] == piece), None)
        start = (a.row, a.column) if a.piece else None if source is None else divmod(source, 8)
        end = (b.row, b.column) if b.piece else None if target is None else divmod(target, 8)
        if not piece or start is None or end is None:
            return a
        board = a.board if a.piece or source is None else _put(a.board, source, ".")
        return State(board, piece, lerp(start[0], end[0], t), lerp(start[1], end[1], t))

    def cheats(self, puzzle: Puzzle) -> dict[str, list[State]]:
        # The last move is the one that is cheated with; what led to it is right.
        *past, start, end = self.solution(puzzle)
        origin, target = (puzzle.answer, *puzzle.then)[-1]
        found = {name: [*past, *states] for name, states in self._cheats(start, end, origin, target).items()}
        if past:
            keyless = [(a, b) for a, targets in _ways(puzzle.board, 3).items() for b, key in targets.items() if not key]
            found["wrong_key"] = [past[0], State(_moved(puzzle.board, *keyless[0]))]
            found["nearly_without_the_mate"] = [*past, start]
            found["without_a_reply"] = [*past, State(_moved(past[-1].board, origin, target))]
            found["black_first"] = [past[0], State(_moved(past[0].board, *puzzle.then[0])), start, end]
        return found

    def _cheats(self, start: State, end: State, origin: int, target: int) -> dict[str, list[State]]:
        board, found = start.board, {}
        ways = _ways(board)
        wrong = [(a, b) for a, targets in ways.items() for b, mates in targets.items() if not mates]
        if wrong:
            found["nearly_no_mate"] = [start, State(_moved(board, *wrong[len(wrong) // 2]))]
        own = [b for b, mates in ways[origin].items() if not mates]
        if own:
            found["nearly_right_square"] = [start, State(_moved(board, origin, own[0]))]
        aside = [(a, b) for a in ways for b in ways[a] if a != origin and board[b] == "." and b != target]
        if aside:
            first = _moved(board, *aside[0])
            found["another_piece_too"] = [start, end, State(_moved(end.board, *aside[0]))]
            found["another_piece_first"] = [start, State(first), State(_moved(first, origin, target))]
        free = [i for i in range(64) if board[i] == "." and i != target]
        found["new_queen"] = [State(board), State(_put(end.board, free[0], "Q"))]
        found["two_of_it"] = [start, State(_put(end.board, origin, board[origin]))]
        other = "R" if board[origin] == "Q" else "Q"
        found["another_shape"] = [start, State(_put(end.board, target, other))]
        found["black_instead"] = [start, State(_put(end.board, target, board[origin].lower()))]
        return found

    def alternatives(self, puzzle: Puzzle) -> dict[str, list[State]]:
        *past, start, end = self.solution(puzzle)
        found, answer = {}, (puzzle.answer, *puzzle.then)[-1]
        for origin, targets in _ways(start.board).items():
            for target, mates in targets.items():
                if mates and (origin, target) != answer:
                    found[f"mate_{origin}_{target}"] = [*past, start, State(_moved(start.board, origin, target))]
        origin, target = answer
        if start.board[origin] == "N":
            corner = State(_put(start.board, origin, "."), "N", origin // 8, target % 8)
            found["round_the_corner"] = [*past, start, corner, end]
        return found

    def reader(self, puzzle: Puzzle, canvas: Size) -> Reader[State]:
        return _Eye(puzzle.board, canvas).read if puzzle.plies == 1 else _Game(puzzle, canvas).read

    def verify(
        self,
        puzzle: Puzzle,
        frames: Views,
        mode: Mode = "solve",
        canvas: Size = DEFAULT_CANVAS,
        read: Reader[State] | None = None,
    ) -> Verdict:
        # A game is followed move by move: its reader remembers the video, and cannot be used for another.
        return super().verify(puzzle, frames, mode, canvas, read if puzzle.plies == 1 else None)

    def illegal(self, puzzle: Puzzle, a: State, b: State) -> str | None:
        board, left = b.before or puzzle.board, puzzle.plies - b.made
        was, now = _motion(board, a) if a.made == b.made else None, _motion(board, b)
        if a.made < b.made:
            # The move before this one is over: was it a good one?
            done = _motion(a.before or puzzle.board, a)
            ways = _ways(a.before or puzzle.board, puzzle.plies - a.made)
            if done is None or not any(good and _rests(done, t) for t, good in ways.get(done.origin, {}).items()):
                return "not_mate"
        if now is None:
            away = was is not None and math.dist(was.place, divmod(was.origin, 8)) > 0.5
            return "teleport" if away else None
        home = divmod(now.origin, 8)
        targets = _ways(board, left).get(now.origin, {})
        if now.taken >= 0 and (now.taken not in targets or math.dist(now.place, divmod(now.taken, 8)) > _COVERS):
            return "piece_vanished"
        last: Place = home
        if was is not None and was.origin == now.origin:
            last = was.place
        elif was is not None and math.dist(was.place, divmod(was.origin, 8)) > 0.5:
            return "second_move"
        ahead = [t for t in targets if _on_way(now.origin, t, now.place, board[now.origin])]
        if math.dist(now.place, home) > 0.5:
            if board[now.origin].isupper() == (left % 2 == 0):
                return "wrong_side"
            if not ahead:
                return "illegal_move"
            if not any(targets.values()):
                return "not_mate"
        travel = max((math.dist(home, divmod(t, 8)) for t in ahead), default=1.0)
        return "teleport" if math.dist(last, now.place) > _LEAP * travel else None

    def progress(self, puzzle: Puzzle, state: State) -> float:
        board, best = state.before or puzzle.board, 0.0
        now = _motion(board, state)
        ways = _ways(board, puzzle.plies - state.made).get(now.origin, {}) if now else {}
        for target, good in ways.items():
            if good and now:
                if _rests(now, target) and (now.taken == target) == (board[target] != "."):
                    best = 1.0
                elif _on_way(now.origin, target, now.place, board[now.origin]):
                    home = divmod(now.origin, 8)
                    share = math.dist(home, now.place) / math.dist(home, divmod(target, 8))
                    best = max(best, 0.5 * min(share, 1.0)) if math.dist(home, now.place) > _RESTS else best
        return (state.made + best) / puzzle.plies

    def same(self, puzzle: Puzzle, a: State, b: State) -> bool:
        if a.made != b.made:
            return False
        board = b.before or puzzle.board
        was, now = _motion(board, a), _motion(board, b)
        if was is None or now is None:
            moved = was or now
            if moved is None:
                return a.board == b.board
            return moved.taken < 0 and _rests(moved, moved.origin)
        return was.origin == now.origin and was.taken == now.taken and math.dist(was.place, now.place) < _RESTS

    def judge(self, puzzle: Puzzle, readings: Sequence[Reading[State]]) -> Verdict:
        verdict = super().judge(puzzle, readings)
        last = readings[-1].state
        now = _motion(last.before or puzzle.board, last) if last is not None else None
        if last is None or now is None:
            return verdict
        if verdict.reason == "unfinished":
            targets = _ways(last.before or puzzle.board, puzzle.plies - last.made).get(now.origin, {})
            if any(_rests(now, t) and not good for t, good in targets.items()):
                return self._verdict("not_mate", verdict.outcome, verdict.process, 1.0, verdict.evidence_frame)
        if verdict.outcome == verdict.process == 1.0:
            for made in range(puzzle.plies):
                if not self._seen_moving(puzzle, [r.state for r in readings if r.state and r.state.made == made]):
                    return self._verdict("teleport", 1.0, 0.0, verdict.preservation, verdict.evidence_frame)
        return verdict

    def _seen_moving(self, puzzle: Puzzle, states: Sequence[State]) -> bool:
        """Whether the piece that moved was seen between its squares: only at the end is it known how far it went."""
        board = states[-1].before or puzzle.board
        last = _motion(board, states[-1])
        if last is None:
            return False
        home = divmod(last.origin, 8)
        travel = math.dist(home, last.place)
        places: list[float] = []
        for state in states:
            seen = _motion(board, state)
            gone = math.dist(home, seen.place) / travel if seen and seen.origin == last.origin else 0.0
            if 0.1 < gone < 0.9 and all(abs(gone - place) > 0.1 for place in places):
                places.append(gone)
        return len(places) >= _PLACES


# ------------------------------------------------------------------------------------------------------ the position


def _put(board: str, square: int, piece: str) -> str:
    return board[:square] + piece + board[square + 1 :]


def _moved(board: str, origin: int, target: int) -> str:
    return _put(_put(board, target, board[origin]), origin, ".")


def _position(board: str) -> rules.Board:
    position = rules.Board(None)
    for i, piece in enumerate(board):
        if piece != ".":
            # The library counts squares from the lower left corner.
            position.set_piece_at(i ^ 56, rules.Piece.from_symbol(piece))
    return position


@lru_cache(maxsize=256)
def _ways(board: str, left: int = 1) -> dict[int, dict[int, bool]]:
    """Legal moves, from which square to which, and whether a move is right when so many are left to be made.

    The last one (1) must mate, Black's reply (2) need only be legal, and White's first of two (3) must force mate.
    """
    position, found = _position(board), dict[int, dict[int, bool]]()
    position.turn = left % 2 == 1
    for move in list(position.legal_moves):
        if not move.promotion:
            good = _mates(position, move) if left == 1 else left == 2 or _forces(position, move)
            found.setdefault(move.from_square ^ 56, {})[move.to_square ^ 56] = good
    return found


def _forces(position: rules.Board, move: rules.Move) -> bool:
    """Whether every reply to White's move, and there is one, allows mate."""
    position.push(move)
    replies = list(position.legal_moves)
    forced = bool(replies)
    for reply in replies:
        position.push(reply)
        forced = any(_mates(position, answer) for answer in list(position.legal_moves))
        position.pop()
        if not forced:
            break
    position.pop()
    return forced


def _mates(position: rules.Board, move: rules.Move) -> bool:
    if not position.gives_check(move):
        return False
    position.push(move)
    mate = position.is_checkmate()
    position.pop()
    return mate


def _motion(start: str, state: State) -> Motion | None:
    """How a state comes from the start by one piece's move; None at the start, or where it does not."""
    if state.board == start:
        return None
    changed = [i for i in range(64) if start[i] != state.board[i]]
    if len(changed) > 2:
        return None
    gone = [i for i in changed if state.board[i] == "."]
    if state.piece:
        origin = next((i for i in gone if start[i] == state.piece), None)
        if origin is None or len(gone) < len(changed):
            return None
        return Motion(origin, (state.row, state.column), next((i for i in gone if i != origin), -1))
    target = next((i for i in changed if state.board[i] != "."), None)
    if target is None or not gone or start[gone[0]] != state.board[target]:
        return None
    return Motion(gone[0], divmod(target, 8), target if start[target] != "." else -1)


def _rests(motion: Motion, square: int) -> bool:
    return math.dist(motion.place, divmod(square, 8)) < _RESTS


def _on_way(origin: int, target: int, place: Place, piece: str) -> bool:
    """Whether a place lies on the straight line between two squares, or for a knight on a way round a corner."""
    a, b = divmod(origin, 8), divmod(target, 8)
    turns: list[Place] = [a, b] if piece != "N" else [a, (a[0], b[1]), b, (b[0], a[1]), a, b]
    return any(_apart(place, c, d) < _ASTRAY for c, d in itertools.pairwise(turns))


def _apart(place: Place, a: Place, b: Place) -> float:
    """Distance of a place from a line of some length."""
    along = (b[0] - a[0], b[1] - a[1])
    t = ((place[0] - a[0]) * along[0] + (place[1] - a[1]) * along[1]) / (along[0] ** 2 + along[1] ** 2)
    t = min(max(t, 0.0), 1.0)
    return math.dist(place, (a[0] + along[0] * t, a[1] + along[1] * t))


def _name(piece: str) -> str:
    return f"{'white' if piece.isupper() else 'black'} {_NAMES[piece.upper()]}"


def _way(origin: int, target: int) -> str:
    """A move in words that need no labels on the board."""
    up, right = origin // 8 - target // 8, target % 8 - origin % 8
    vertical, sideways = "up" if up > 0 else "down", "to the right" if right > 0 else "to the left"

    def squares(count: int) -> str:
        return f"{_COUNT[abs(count)]} square{'s' * (abs(count) > 1)}"

    if abs(up) == abs(right):
        return f"{squares(up)} diagonally {vertical} and {sideways}"
    words = [f"{squares(up)} {vertical}"] * (up != 0) + [f"{squares(right)} {sideways}"] * (right != 0)
    return " and ".join(words)


# ----------------------------------------------------------------------------------------------------------- seeing


class _Picture(NamedTuple):
    """The start, but the piece of square `origin` is at a spot (or smeared: with a share at each), `taken` is gone."""

    origin: int
    taken: int
    spots: tuple[Spot, ...]
    shares: tuple[float, ...] = (1.0,)


class _Guess(NamedTuple):
    """How well a picture explains a frame: what it leaves unexplained, and what is wrong with the moving piece."""

    picture: _Picture
    left: Mask
    misfit: float

    @property
    def explains(self) -> bool:
        return self.misfit < _BLURRED and patches(self.left) <= _SPECKS


class _Eye:
    """Reads frames of one puzzle.

    What differs from the start must be explained by one piece elsewhere, drawn and compared: at one spot, or smeared
    between two near ones. Squares apart from it must still look like the piece that stood there.
    """

    def __init__(self, board: str, canvas: Size) -> None:
        size = view_size(canvas)
        scale = size[0] / canvas[0]
        left, top, cell = square_board(canvas, 8)
        self.board = board
        self.left, self.top, self.cell = left * scale, top * scale, cell * scale
        self.start = to_view(_sheet(size, (self.left, self.top, self.cell), board).pixels())
        self.lens, self.envelope = Lens(self.start), Envelope(self.start)
        # Pieces that stand on squares are drawn where they are; on the way half a pixel does not matter.
        self.phase = _phases(self._middle(0))
        self.sprites = _sprites(self.cell, self.phase)
        self.looks = [".", *self.sprites]
        self.inks = np.stack([sprite.ink[0] for sprite in self.sprites.values()])
        self.alphas = np.stack([sprite.alpha for sprite in self.sprites.values()])
        side = int(self.cell)
        kinds: dict[tuple[Color, Place], list[int]] = {}
        for i in range(64):
            kinds.setdefault((_color(i), _phases(self._middle(i))), []).append(i)
        ys, xs = np.mgrid[:side, :side]
        corners = [tuple(math.floor(m) - side // 2 for m in self._middle(i)) for i in range(64)]
        self.pixels = np.stack([((y + ys) * size[0] + x + xs).ravel() for y, x in corners])
        self.templates = [(np.array(squares), self._templates(*kind)) for kind, squares in kinds.items()]
        # Several questions are asked about the same picture.
        self.drawn = lru_cache(maxsize=8)(self._drawn)
        self.scenes: dict[tuple[int, int], tuple[Seeker, Planes]] = {}
        self.ends: dict[tuple[int, int], tuple[Envelope, _Picture]] = {}

    def _templates(self, color: Color, phases: Place) -> Floats:
        """How every look fills a square: shape (looks, pixels), luma only."""
        side = int(self.cell)
        found = [np.full(side * side, tone(color)[0], np.float32)]
        for sprite in _sprites(self.cell, phases).values():
            inner = slice(sprite.side // 2 - side // 2, sprite.side // 2 - side // 2 + side)
            found.append((sprite.ink[0] + (1 - sprite.alpha) * tone(color)[0])[inner, inner].ravel())
        return np.stack(found)

    def read(self, frame: Planes) -> Reading[State]:
        planes = self.lens.planes(frame)
        strange = self.envelope.unexplained(planes)
        if lost(strange):
            return Reading(None, False, "scene_lost")
        wrong = self._wrong(planes)
        if patches(strange) == 0 and not wrong:
            return Reading(State(self.board))
        guess = self._arrived(planes, wrong)
        if guess:
            return Reading(self._state(guess.picture))
        best: _Guess | None = None
        for origin in self._suspects(strange, wrong):
            guess = self._explain(planes, strange, origin, wrong)
            if guess.explains and not set(wrong) - self._touched(guess.picture) and self._sound(planes, guess.picture):
                return Reading(self._state(guess.picture))
            best = guess if best is None or guess.misfit < best.misfit else best
        note = self._note(planes, wrong, best, strange)
        # Three squares at most change in a move.
        if patches(strange) > 4 * (self.cell / 4) ** 2:
            return Reading(None, False, "scene_lost" if note == "unreadable" else note)
        return Reading(None, note == "unreadable", note)

    def _wrong(self, planes: Planes) -> dict[int, str]:
        """Squares that look clearly more like something else than like what stood there, and like what."""
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

    def _arrived(self, planes: Planes, wrong: dict[int, str]) -> _Guess | None:
        """A legal move that the frame shows completed, without a search: most videos end so."""
        gone = [i for i, look in wrong.items() if look == "."]
        come = [i for i, look in wrong.items() if look != "."]
        if len(gone) != 1 or len(come) != 1 or wrong[come[0]] != self.board[gone[0]]:
            return None
        move = gone[0], come[0]
        if move[1] not in _ways(self.board).get(move[0], {}):
            return None
        if move not in self.ends:
            picture = _Picture(move[0], move[1] if self.board[move[1]] != "." else -1, (self._spot(*move),))
            self.ends[move] = Envelope(self.drawn(picture)), picture
        envelope, picture = self.ends[move]
        guess = _Guess(picture, envelope.unexplained(planes), self._misfit(planes, picture))
        return guess if guess.explains and self._sound(planes, picture) else None

    def _suspects(self, strange: Mask, wrong: dict[int, str]) -> list[int]:
        """Squares whose piece may be the one that moves, the likeliest first."""
        counts = strange.ravel()[self.pixels].sum(1)
        pieces = [i for i in range(64) if self.board[i] != "." and (counts[i] > 8 or i in wrong)]
        return sorted(pieces, key=lambda i: (wrong.get(i) != ".", -int(counts[i])))[:4]

    def _explain(self, planes: Planes, strange: Mask, origin: int, wrong: dict[int, str]) -> _Guess:
        """The best picture in which the piece of one square is elsewhere."""
        # Where a square looks like it, it seems to stand there, and there is nothing to search for.
        for square in (i for i, look in wrong.items() if look == self.board[origin]):
            guess = self._stands(planes, strange, origin, (self._spot(origin, square),))
            if guess.explains:
                return guess
        seeker = self._scene(origin, -1)[0]
        spot = seeker.find(planes)
        guess = self._stands(planes, strange, origin, (spot,))
        if not guess.explains and self.board[origin].isupper():
            # A video that was resampled in time mixes two frames: the piece is half at one place, half at the next.
            pair = seeker.pair(planes, spot, _SMEAR * self.cell)
            if math.dist(*pair) <= _SMEAR * self.cell:
                smeared = self._stands(planes, strange, origin, pair)
                return smeared if smeared.explains else guess
        return guess

    def _stands(self, planes: Planes, strange: Mask, origin: int, spots: tuple[Spot, ...]) -> _Guess:
        """The piece of one square at a spot, or smeared over two; what stood below it is there or taken, as fits."""
        row, column = self._place(spots[0])
        near = min(max(round(row), 0), 7) * 8 + min(max(round(column), 0), 7)
        covered = self.board[near] != "." and near != origin and math.dist((row, column), divmod(near, 8)) < _COVERS
        kept = self._try(planes, strange, origin, -1, spots)
        if not covered:
            return kept
        gone = self._try(planes, strange, origin, near, spots)
        if kept.explains != gone.explains:
            return kept if kept.explains else gone
        return gone if self._gone(planes, gone.picture) else kept

    def _gone(self, planes: Planes, picture: _Picture) -> bool:
        """Whether the piece below another one is taken, as in a picture, rather than still there."""
        there = self._opacity(
            planes, self.drawn(picture), self.drawn(picture._replace(taken=-1)), self._window(picture.taken)
        )
        if there is None:
            # It cannot be told, because the other one hides it: it is taken if it may be.
            return picture.taken in _ways(self.board).get(picture.origin, {})
        return there < 0.5

    def _opacity(self, planes: Planes, without: Planes, having: Planes, window: tuple[slice, slice]) -> float | None:
        """How much of what one picture has and the other has not is seen in a window; None where they are the same."""
        seen, bare, full = _soft(np.stack([picture[0][window] for picture in (planes, without, having)]))
        change = full - bare
        if (change * change).mean() < _HIDDEN:
            return None
        terms = np.stack([change.ravel(), *_slight(full).reshape(3, -1)])
        normal = terms @ terms.T + np.diag(np.array([0, 1, 1, 1], np.float32) * 0.01 * (change * change).sum())
        return float(np.linalg.solve(normal, terms @ (seen - bare).ravel())[0])

    def _sound(self, planes: Planes, picture: _Picture) -> bool:
        """Whether the moving piece is wholly there, like itself, left nothing behind, and spoilt nothing it is near."""
        drawn, behind = self.drawn(picture), self._scene(picture.origin, picture.taken)[1]
        sprite = self.sprites[self.board[picture.origin]]
        there = self._opacity(planes, behind, drawn, _around(picture.spots, sprite.side))
        home = self._spot(picture.origin, picture.origin)
        if there is None or there < _FIRM or not self._alike(planes, picture):
            return False
        for square in self._touched(picture):
            window = self._window(square)
            if square == picture.origin:
                left = sprite.over(sprite.over(behind, (home,), (1.0,)), picture.spots, picture.shares)
                ghost = self._opacity(planes, drawn, left, window)
                if ghost is not None and ghost > _FAINT:
                    return False
            elif square == picture.taken:
                if not self._gone(planes, picture):
                    return False
            elif self.board[square] != ".":
                bare = behind.copy()
                bare[:, window[0], window[1]] = np.array(tone(_color(square)), np.uint8)[:, None, None]
                there = self._opacity(planes, sprite.over(bare, picture.spots, picture.shares), drawn, window)
                if there is not None and there < _FIRM:
                    return False
        return True

    def _try(self, planes: Planes, strange: Mask, origin: int, taken: int, spots: tuple[Spot, ...]) -> _Guess:
        seeker = self._scene(origin, taken)[0]
        picture = _Picture(origin, taken, (seeker.refine(planes, spots[0]),))
        if len(spots) > 1:
            # All of the piece is somewhere: what opacity is missing from it must not be explained.
            shares = [max(0.0, share) for share in seeker.shares(planes, spots)]
            whole = max(sum(shares), 1e-6)
            picture = _Picture(origin, taken, spots, tuple(share / whole for share in shares))
        drawn, left = self.drawn(picture), strange.copy()
        windows = [seeker.sprite.at(spot) for spot in picture.spots]
        windows += [self._window(square) for square in (origin, taken) if square >= 0]
        for rows, columns in windows:
            inner = slice(max(0, rows.start - 3), rows.stop + 3), slice(max(0, columns.start - 3), columns.stop + 3)
            outer = tuple(slice(max(0, part.start - 3), part.stop + 3) for part in inner)
            found = Envelope(drawn[:, outer[0], outer[1]]).unexplained(planes[:, outer[0], outer[1]])
            y, x = inner[0].start - outer[0].start, inner[1].start - outer[1].start
            height, width = left[inner].shape
            left[inner] = found[y : y + height, x : x + width]
        return _Guess(picture, left, self._misfit(planes, picture))

    def _misfit(self, planes: Planes, picture: _Picture) -> float:
        """What is wrong with the moving piece: squared difference as a share of what the piece changes in the scene.

        What a shift by a fraction of a pixel or a slight blur of the drawing explains does not count.
        """
        window = _around(picture.spots, self.sprites["K"].side)
        without = self._scene(picture.origin, picture.taken)[1]
        seen, drawn, bare = _soft(np.stack([p[0][window] for p in (planes, self.drawn(picture), without)]))
        change = drawn - bare
        here = np.abs(change) > 8
        terms = _slight(drawn)[:, here]
        error = (seen - drawn)[here]
        normal = terms @ terms.T + np.eye(3, dtype=np.float32)
        rest = error - np.clip(np.linalg.solve(normal, terms @ error), *_SLIGHT) @ terms
        return float(rest @ rest) / max(float((change * change).sum()), 1.0)

    def _alike(self, planes: Planes, picture: _Picture) -> bool:
        """Whether the moving piece looks like itself more than like any other."""
        side = self.sprites["K"].side
        rows, columns = _around(picture.spots, side)
        behind = self._scene(picture.origin, picture.taken)[1][0, rows, columns].astype(np.float32)
        drawn = np.repeat(behind[None], len(self.inks), axis=0)
        for (y, x), share in zip(picture.spots, picture.shares, strict=True):
            part = slice(y - rows.start, y - rows.start + side), slice(x - columns.start, x - columns.start + side)
            drawn[:, part[0], part[1]] += share * (self.inks - self.alphas * behind[part])
        off = ((drawn - planes[0, rows, columns]) ** 2).sum((1, 2))
        return bool(off.min() >= _CLEARLY * off[self.looks.index(self.board[picture.origin]) - 1])

    def _note(self, planes: Planes, wrong: dict[int, str], best: _Guess | None, strange: Mask) -> str:
        """Why a frame is not a state."""
        touched = self._touched(best.picture) if best else set()
        if best is not None and best.explains and not set(wrong) - touched:
            return "unreadable" if self._alike(planes, best.picture) else "piece_changed"
        gone = [i for i, look in wrong.items() if look == "."]
        come = [i for i, look in wrong.items() if look != "." and self.board[i] == "."]
        turned = len(wrong) - len(gone) - len(come)
        if len(gone) > 1:
            return "second_move"
        if gone and not come and not turned:
            elsewhere = strange.copy()
            elsewhere[self._window(gone[0])] = False
            return "piece_vanished" if patches(elsewhere) <= _SPECKS else "unreadable"
        if come and not gone:
            return "extra_object"
        if (turned and not gone) or (gone and come and wrong[come[0]] != self.board[gone[0]]):
            return "piece_changed"
        if best is None:
            return "extra_object"
        outside = best.left.copy()
        for square in touched:
            outside[self._window(square)] = False
        return "extra_object" if patches(outside) > _SPECKS else "unreadable"

    def _touched(self, picture: _Picture) -> set[int]:
        """Squares that the moving piece covers in part, left, or took from."""
        found = {i for i in (picture.origin, picture.taken) if i >= 0}
        for row, column in map(self._place, picture.spots):
            rows, columns = ([i for i in range(8) if abs(i - at) < 0.95] for at in (row, column))
            found |= {8 * i + j for i in rows for j in columns}
        return found

    def _state(self, picture: _Picture) -> State:
        board = _put(self.board, picture.origin, ".")
        board = board if picture.taken < 0 else _put(board, picture.taken, ".")
        places = [self._place(spot) for spot in picture.spots]
        row, column = (sum(s * place[i] for s, place in zip(picture.shares, places, strict=True)) for i in (0, 1))
        return State(board, self.board[picture.origin], row, column)

    def _place(self, spot: Spot) -> Place:
        half = self.sprites["K"].side / 2
        y, x = spot[0] + half + self.phase[0], spot[1] + half + self.phase[1]
        return (y - self.top) / self.cell - 0.5, (x - self.left) / self.cell - 0.5

    def _spot(self, origin: int, square: int) -> Spot:
        half = self.sprites[self.board[origin]].side // 2
        y, x = self._middle(square)
        return round(y - self.phase[0]) - half, round(x - self.phase[1]) - half

    def _middle(self, square: int) -> Place:
        """Where a square's center is, in pixels of the view: (y, x)."""
        return self.top + (square // 8 + 0.5) * self.cell, self.left + (square % 8 + 0.5) * self.cell

    def _window(self, square: int) -> tuple[slice, slice]:
        y, x = self.top + square // 8 * self.cell, self.left + square % 8 * self.cell
        return slice(round(y), round(y + self.cell)), slice(round(x), round(x + self.cell))

    def _drawn(self, picture: _Picture) -> Planes:
        sprite = self.sprites[self.board[picture.origin]]
        return sprite.over(self._scene(picture.origin, picture.taken)[1], picture.spots, picture.shares)

    def _scene(self, origin: int, taken: int) -> tuple[Seeker, Planes]:
        """The start without the piece that moves and the one it takes, and who finds the piece in front of it."""
        if (origin, taken) not in self.scenes:
            behind = self.start.copy()
            for square in (origin, taken):
                if square >= 0:
                    rows, columns = self._window(square)
                    behind[:, rows, columns] = np.array(tone(_color(square)), np.uint8)[:, None, None]
            self.scenes[origin, taken] = Seeker(behind, self.sprites[self.board[origin]]), behind
        return self.scenes[origin, taken]


class _Game:
    """Reads a video of several moves: each against the board that the moves before it have left.

    A move is over when its piece rests on a square where it may go, and the next frames are explained by another
    piece's move from there.
    """

    def __init__(self, puzzle: Puzzle, canvas: Size) -> None:
        self.plies, self.canvas = puzzle.plies, canvas
        self.board, self.made = puzzle.board, 0
        self.eye, self.eyes = _Eye(puzzle.board, canvas), dict[str, _Eye]()
        self.rested = ""

    def read(self, frame: Planes) -> Reading[State]:
        reading = self.eye.read(frame)
        if reading.state is None and self.rested and self.made + 1 < self.plies:
            if self.rested not in self.eyes:
                self.eyes[self.rested] = _Eye(self.rested, self.canvas)
            after = self.eyes[self.rested].read(frame)
            if after.state is not None and after.scene_intact:
                self.eye, self.board, self.rested = self.eyes[self.rested], self.rested, ""
                self.made, reading = self.made + 1, after
        if reading.state is None:
            return reading
        moved = _motion(self.board, reading.state)
        if moved is not None:
            targets = _ways(self.board, self.plies - self.made).get(moved.origin, {})
            self.rested = next((_moved(self.board, moved.origin, t) for t in targets if _rests(moved, t)), self.rested)
        state = reading.state._replace(made=self.made, before=self.board)
        return Reading(state, reading.scene_intact, reading.note)


def _around(spots: Sequence[Spot], side: int) -> tuple[slice, slice]:
    rows, columns = [spot[0] for spot in spots], [spot[1] for spot in spots]
    return slice(min(rows), max(rows) + side), slice(min(columns), max(columns) + side)


def _phases(middle: Place) -> Place:
    """What a place is beyond whole pixels, to an eighth."""
    return math.floor(middle[0] % 1 * 8) / 8, math.floor(middle[1] % 1 * 8) / 8


def _slight(drawn: Floats) -> Floats:
    """What a picture changes by when it goes down or right by a pixel, or blurs: shape (3, height, width)."""
    down, right = _slope(drawn), _slope(drawn.T).T
    return np.stack([down, right, _slope(down) + _slope(right.T).T])


def _slope(plane: Floats) -> Floats:
    """How a plane changes from row to row; numpy's gradient is many times slower for so small ones."""
    slope = np.empty_like(plane)
    np.subtract(plane[2:], plane[:-2], out=slope[1:-1])
    slope[1:-1] /= 2
    slope[0], slope[-1] = plane[1] - plane[0], plane[-1] - plane[-2]
    return slope


def _soft(planes: npt.NDArray[np.uint8]) -> Floats:
    """Planes blurred by about a pixel, so that half a pixel or a little blur hardly counts."""
    soft = planes.astype(np.float32)
    for _ in range(2):
        soft[:, 1:-1] = (soft[:, :-2] + 2 * soft[:, 1:-1] + soft[:, 2:]) / 4
        soft[:, :, 1:-1] = (soft[:, :, :-2] + 2 * soft[:, :, 1:-1] + soft[:, :, 2:]) / 4
    return soft


@lru_cache(maxsize=64)
def _sprites(cell: float, phase: Place) -> dict[str, Sprite]:
    """Every piece at the size of the view, its center a `phase` (below one pixel) beyond the picture's middle."""
    side = 2 * math.ceil(cell / 2 + 2)
    found = {}
    for look in "KQRBNPkqrbnp":
        drawings = []
        for paper in ((0, 0, 0), (255, 255, 255)):
            sketch = Sketch((side, side), paper)
            _piece(sketch, look, (side / 2 + phase[1], side / 2 + phase[0]), cell)
            drawings.append(to_view(sketch.pixels()))
        found[look] = Sprite(drawings[0], drawings[1])
    return found


# ------------------------------------------------------------------------------------------------------- generation


def _compose(rng: random.Random, kind: str, difficulty: int) -> Puzzle | None:
    """Build a mate, take the last move back, and add pieces; None where that fails.

    Args:
        kind: letter of the piece that mates; "*" for any piece that uncovers another's check; "S" for a knight that
            mates a king shut in by its own pieces.
    """
    fewest, most, decoys, rights = LEVELS[difficulty]
    smothered, kind = kind == "S", kind.replace("S", "N")
    mate = _mate(rng, rng.choice("QRB") if kind == "*" else kind, smothered)
    if mate is None:
        return None
    back = _take_back(rng, mate, kind)
    if back is None:
        return None
    position, answer = back
    wanted = rng.randint(fewest, most)
    for _ in range(60):
        if rules.popcount(position.occupied) >= wanted:
            break
        square = _put_random(rng, position)
        if square is not None and not _works(position, answer):
            position.remove_piece_at(square)
    checks = sum(position.gives_check(move) for move in position.legal_moves if not move.promotion)
    if not fewest <= rules.popcount(position.occupied) <= most or checks <= decoys or _special(position):
        return None
    # The library's text shows the eighth rank first, as the puzzle does.
    board = "".join(str(position).split())
    ways = _ways(board)
    mates = [(a, b) for a, targets in ways.items() for b, right in targets.items() if right]
    if len(mates) > rights or checks - len(mates) < decoys:
        return None
    origin, target = answer.from_square ^ 56, answer.to_square ^ 56
    # The shortest mating move on the same line, so that the shown move does not pass through another answer.
    nearer = [b for a, b in mates if a == origin and _apart(divmod(b, 8), divmod(a, 8), divmod(target, 8)) < 0.01]
    target = min(nearer, key=lambda b: math.dist(divmod(origin, 8), divmod(b, 8)))
    return Puzzle(rows=tuple(board[i : i + 8] for i in range(0, 64, 8)), answer=(origin, target))


def _in_two(rng: random.Random, one: Puzzle) -> Puzzle | None:
    """A mate in two near a mate in one, whose key is a check with a single reply; None where that fails."""
    for _ in range(6):
        position = _position(one.board)
        squares = [s for s, piece in position.piece_map().items() if piece.piece_type != rules.KING]
        piece = position.remove_piece_at(rng.choice(squares))
        if piece is None or (rng.random() < 0.7 and not _put_one(position, rng.choice(rules.SQUARES), piece.symbol())):
            continue
        if position.status() != rules.STATUS_VALID or position.is_check():
            continue
        if any(_mates(position, move) for move in list(position.legal_moves)):
            continue
        lines = list(_lines(position))
        # All answers are known: one key, no other first move that forces mate, quiet ones included.
        if len({line[0] for line in lines}) != 1 or _special(position):
            continue
        if not any(_forces(position, move) for move in list(position.legal_moves) if move != lines[0][0]):
            board = "".join(str(position).split())
            key, *then = [(move.from_square ^ 56, move.to_square ^ 56) for move in lines[0]]
            return Puzzle(rows=tuple(board[i : i + 8] for i in range(0, 64, 8)), answer=key, then=tuple(then))
    return None


def _lines(position: rules.Board) -> Iterator[list[rules.Move]]:
    """Checks that allow a single reply, after which White mates: the three moves."""
    for key in list(position.legal_moves):
        if key.promotion or not position.gives_check(key):
            continue
        position.push(key)
        replies = list(position.legal_moves)
        if len(replies) == 1 and not replies[0].promotion and not position.is_en_passant(replies[0]):
            position.push(replies[0])
            if not _special(position):
                for mate in list(position.legal_moves):
                    if not mate.promotion and _mates(position, mate):
                        yield [key, replies[0], mate]
            position.pop()
        position.pop()


def _mate(rng: random.Random, checker: str, smothered: bool) -> rules.Board | None:
    """A position where Black is mated by a piece of a kind, made by answering Black's every reply."""
    board = rules.Board(None)
    board.turn = rules.BLACK
    edge = [s for s in rules.SQUARES if rules.square_rank(s) in (0, 7) or rules.square_file(s) in (0, 7)]
    king = rng.choice(edge if smothered or rng.random() < 0.6 else rules.SQUARES)
    board.set_piece_at(king, rules.Piece.from_symbol("k"))
    places = [s for s in _reaching(board, king, checker) if checker != "P" or 0 < rules.square_rank(s) < 7]
    if not places:
        return None
    board.set_piece_at(rng.choice(places), rules.Piece.from_symbol(checker))
    free = [s for s in rules.SQUARES if not board.piece_at(s) and rules.square_distance(s, king) > 1]
    board.set_piece_at(rng.choice(free), rules.Piece.from_symbol("K"))
    blockers = rng.choice(("pppnbr", "prb", "nbrp"))
    for _ in range(14):
        replies = list(board.legal_moves)
        if not replies:
            return board if board.is_check() else None
        reply = rng.choice(replies)
        target = reply.to_square
        if reply.from_square != king:
            board.remove_piece_at(reply.from_square)
        elif not board.piece_at(target) and (smothered or rng.random() < 0.5):
            if not _put_one(board, target, rng.choice(blockers)):
                return None
        else:
            guard = rng.choice("QRRBBNNPPP")
            squares = [s for s in _reaching(board, target, guard) if not board.piece_at(s)]
            if squares:
                _put_one(board, rng.choice(squares), guard)
    return None


def _take_back(rng: random.Random, mate: rules.Board, kind: str) -> tuple[rules.Board, rules.Move] | None:
    """A position before a mate, and White's move that leads to it."""
    steps: list[tuple[int, int, str]] = []
    for target, piece in mate.piece_map().items():
        if piece.color == rules.WHITE and (kind in (piece.symbol(), "*")):
            if kind == "*" and mate.checkers_mask() & rules.BB_SQUARES[target]:
                continue
            steps += _back_steps(rng, mate, target, piece)
    rng.shuffle(steps)
    for origin, target, taken in steps:
        before = mate.copy(stack=False)
        mover = before.remove_piece_at(target)
        before.set_piece_at(origin, mover)
        before.turn = rules.WHITE
        if taken and not _put_one(before, target, taken):
            continue
        move = rules.Move(origin, target)
        if _works(before, move):
            return before, move
    return None


def _back_steps(
    rng: random.Random, board: rules.Board, target: int, piece: rules.Piece
) -> Iterator[tuple[int, int, str]]:
    """(origin, target, black piece put back on the target or "") of moves that could have led to a square."""
    taken = rng.choice("qrbnp") if rng.random() < 0.4 else ""
    if piece.piece_type != rules.PAWN:
        for origin in board.attacks(target):
            if not board.piece_at(origin):
                yield origin, target, taken
        return
    rank = rules.square_rank(target)
    if rank >= 2 and not board.piece_at(target - 8):
        yield target - 8, target, ""
        if rank == 3 and not board.piece_at(target - 16):
            yield target - 16, target, ""
    for origin in rules.SquareSet(rules.BB_PAWN_ATTACKS[rules.BLACK][target]):
        if rank >= 2 and not board.piece_at(origin):
            yield origin, target, rng.choice("qrbnp")


def _reaching(board: rules.Board, target: int, piece: str) -> list[int]:
    """Squares from which a white piece attacks another square."""
    if piece == "P":
        return list(rules.SquareSet(rules.BB_PAWN_ATTACKS[rules.BLACK][target]))
    probe = board.copy(stack=False)
    probe.set_piece_at(target, rules.Piece.from_symbol(piece))
    return list(probe.attacks(target))


def _put_one(board: rules.Board, square: int, piece: str) -> bool:
    """Put a piece on an empty square if a game could have it there."""
    kind = rules.Piece.from_symbol(piece)
    mine = board.pieces(kind.piece_type, kind.color)
    if board.piece_at(square) or len(mine) >= _STOCK[piece.upper()]:
        return False
    if piece in "Pp" and rules.square_rank(square) in (0, 7):
        return False
    shade = rules.BB_LIGHT_SQUARES if rules.BB_LIGHT_SQUARES & rules.BB_SQUARES[square] else rules.BB_DARK_SQUARES
    if piece in "Bb" and int(mine) & shade:
        return False
    board.set_piece_at(square, kind)
    return True


def _put_random(rng: random.Random, board: rules.Board) -> int | None:
    square = rng.choice(rules.SQUARES)
    # The side with fewer pieces first, so that neither looks lost.
    white = rules.popcount(board.occupied_co[rules.WHITE]) * 2 <= rules.popcount(board.occupied)
    piece = rng.choice("PPPPNNBBRRQ")
    return square if _put_one(board, square, piece if white else piece.lower()) else None


def _works(position: rules.Board, move: rules.Move) -> bool:
    """Whether White is to move in a legal position, not in check, and mates by a legal move."""
    possible = position.status() == rules.STATUS_VALID and not position.is_check() and position.is_legal(move)
    return possible and _mates(position, move)


def _special(position: rules.Board) -> bool:
    """Whether castling, en passant or promotion could mate, whatever was played before."""
    widest = position.copy(stack=False)
    widest.castling_rights = (rules.BB_A1 | rules.BB_H1) & widest.rooks & widest.occupied_co[rules.WHITE]
    boards = [widest]
    for pawn in position.pieces(rules.PAWN, rules.BLACK):
        if rules.square_rank(pawn) == 4 and not position.piece_at(pawn + 8) and not position.piece_at(pawn + 16):
            passed = position.copy(stack=False)
            passed.ep_square = pawn + 8
            boards.append(passed)
    return any(
        (move.promotion or board.is_castling(move) or board.is_en_passant(move)) and _mates(board, move)
        for board in boards
        for move in list(board.legal_moves)
    )


# ---------------------------------------------------------------------------------------------------------- drawing

_SHADES: tuple[Color, Color] = ((226, 205, 166), (160, 118, 80))
_IVORY: Color = (255, 253, 246)
_CREAM: Color = (240, 236, 224)
_RIM: Color = (108, 76, 52)


def _path(text: str) -> list[Point]:
    """Points written as hundredths: "x y, x y ..."."""
    return [(int(x) / 100, int(y) / 100) for x, y in map(str.split, text.split(","))]


def _twin(text: str) -> list[Point]:
    """A symmetrical shape from its left half."""
    half = _path(text)
    return [*half, *((1 - x, y) for x, y in reversed(half))]


# Silhouettes in a square of side 1, y down: (filled parts, lines drawn on them in the color of the rim).
_FOOT = _twin("20 92, 20 84, 27 78")
_HORSE = _path(
    "30 80, 34 68, 47 55, 48 49, 36 51, 27 59, 18 57, 14 49, 22 38, 30 27, 34 19, 35 8, 46 16, 58 18, 70 27, 77 42, "
    "78 60, 75 80"
)
_SHAPES: dict[str, tuple[list[list[Point]], list[list[Point]]]] = {
    "P": (
        [
            _twin("26 92, 26 84, 33 79"),
            _twin("34 80, 42 66, 44 50"),
            _twin("35 53, 35 47, 50 46"),
            oval(0.5, 0.34, 0.155, 0.155),
        ],
        [],
    ),
    "R": (
        [_FOOT, _twin("30 80, 34 44"), _twin("34 46, 22 38, 22 14, 34 14, 34 25, 43 25, 43 14")],
        [_path("36 42, 64 42")],
    ),
    "B": (
        [_FOOT, _twin("32 80, 42 64"), _twin("36 66, 27 50, 30 38, 40 26, 50 17"), oval(0.5, 0.13, 0.065, 0.065)],
        [_path("50 47, 58 33")],
    ),
    "N": ([_FOOT, _HORSE], [_path("37 33, 39 33")]),
    "Q": (
        [
            _FOOT,
            _twin("27 80, 11 34, 31 54, 31 22, 43 50, 50 17"),
            *(oval(x, y, 0.06, 0.06) for x, y in _twin("11 31, 31 20, 50 14")),
        ],
        [_path("32 70, 68 70")],
    ),
    "K": (
        [
            _FOOT,
            _twin("28 80, 15 60, 14 49, 20 41, 32 39, 42 44, 50 36"),
            _twin("44 42, 44 6"),
            _twin("36 24, 36 13"),
        ],
        [_path("50 52, 50 66"), _path("32 72, 68 72")],
    ),
}


def _piece(sketch: Sketch, look: str, center: Point, cell: float) -> None:
    """Draw a piece: capital letters are white."""
    fill, rim = (_IVORY, INK) if look.isupper() else (INK, _CREAM)
    parts, marks = _SHAPES[look.upper()]

    def at(points: Sequence[Point]) -> list[Point]:
        return [(center[0] + (x - 0.5) * 0.94 * cell, center[1] + (y - 0.5) * 0.94 * cell) for x, y in points]

    for part in parts:
        sketch.line(at([*part, part[0]]), 0.09 * cell, rim)
    for part in parts:
        sketch.polygon(at(part), fill)
    for mark in marks:
        sketch.line(at(mark), 0.055 * cell, rim)


def _square(sketch: Sketch, board: tuple[float, float, float], square: int, look: str) -> None:
    left, top, cell = board
    x, y = left + square % 8 * cell, top + square // 8 * cell
    sketch.rectangle((x, y, x + cell, y + cell), _color(square))
    if look != ".":
        _piece(sketch, look, (x + cell / 2, y + cell / 2), cell)


def _color(square: int) -> Color:
    # The square at the lower right is light.
    return _SHADES[(square // 8 + square % 8) % 2]


def _sheet(size: Size, place: tuple[float, float, float], board: str, downscale: float = 1) -> Sketch:
    """The board with what stands on it, in a picture of a size; `place` is left, top and the side of a square."""
    left, top, cell = place
    rim, side = 0.12 * cell, 8 * cell
    sketch = Sketch(size, downscale=downscale)
    sketch.rectangle((left - rim, top - rim, left + side + rim, top + side + rim), _RIM, radius=rim)
    for i in range(64):
        _square(sketch, place, i, board[i])
    return sketch
