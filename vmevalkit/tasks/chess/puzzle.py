"""Positions and moves: the puzzle, its states, and the rules that the library `chess` knows."""

from __future__ import annotations

import itertools
import math
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from vmevalkit.tasks.toolkit.levels import levels
from vmevalkit.types import Record

if TYPE_CHECKING:
    import chess as rules

Place = tuple[float, float]

_NAMES = {"K": "king", "Q": "queen", "R": "rook", "B": "bishop", "N": "knight", "P": "pawn"}
_COUNT = ("no", "one", "two", "three", "four", "five", "six", "seven")
ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth")
# A piece stands on a square if it is closer to its center than this, in squares.
RESTS = 0.3
# A piece is off its path if it is farther away from it than this, in squares.
_ASTRAY = 0.4
# A captured piece may vanish if the capturing piece is this near, in squares.
COVERS = 0.75


class Level(NamedTuple):
    """Settings of one difficulty: range of the number of pieces, fewest checks that do not mate, most mating moves."""

    min_pieces: int
    max_pieces: int
    min_decoys: int
    max_mates: int


# Difficulty 5 is a mate in two. It is made from a mate in one.
LEVELS = levels(
    Level(min_pieces=5, max_pieces=7, min_decoys=0, max_mates=3),
    Level(min_pieces=8, max_pieces=11, min_decoys=1, max_mates=3),
    Level(min_pieces=12, max_pieces=16, min_decoys=2, max_mates=2),
    Level(min_pieces=17, max_pieces=24, min_decoys=3, max_mates=1),
    Level(min_pieces=11, max_pieces=18, min_decoys=1, max_mates=3),
)


class Puzzle(Record):
    """A position with White to move. `rows` holds FEN letters from the eighth rank down; "." is an empty square.

    `answer` is one correct move as (origin, target). Squares are counted row by row from the top left corner. `then`
    holds the next two moves of a mate in two: Black's reply and White's mate.
    """

    rows: tuple[str, ...]
    answer: tuple[int, int]
    then: tuple[tuple[int, int], ...] = ()

    @property
    def plies(self) -> int:
        """Number of moves of both sides."""
        return 1 + len(self.then)

    @property
    def board(self) -> str:
        """The 64 squares as one string."""
        return "".join(self.rows)


class State(NamedTuple):
    """The 64 squares, and a moving piece with its center at (row, column), if there is one.

    A state that was read also has the number of moves made before, and the board (`before`) after those moves. If the
    piece is smeared over two places, the state has its mean place, and the one where less of it is seen (`fainter`).
    """

    board: str
    piece: str = ""
    row: float = 0.0
    column: float = 0.0
    made: int = 0
    before: str = ""
    fainter: Place | None = None


class Motion(NamedTuple):
    """A difference from a board: the piece of square `origin` is at `place`, and that of `taken` (or -1) is removed."""

    origin: int
    place: Place
    taken: int


def put(board: str, square: int, piece: str) -> str:
    """Return a board with a piece on a square."""
    return board[:square] + piece + board[square + 1 :]


def after_move(board: str, origin: int, target: int) -> str:
    """Return a board after a move."""
    return put(put(board, target, board[origin]), origin, ".")


def to_position(board: str) -> rules.Board:
    """Return a board as a position of the library."""
    # Late, because the library computes tables, which every start of the command line would wait for.
    import chess as rules

    position = rules.Board(None)
    for i, piece in enumerate(board):
        if piece != ".":
            # The library counts squares from the lower left corner.
            position.set_piece_at(i ^ 56, rules.Piece.from_symbol(piece))
    return position


@lru_cache(maxsize=256)
def rated_moves(board: str, left: int = 1) -> dict[int, dict[int, bool]]:
    """Return the legal moves as {origin: {target: correct}} if `left` moves are left in the puzzle.

    The last move (1) must give mate. Black's reply (2) only has to be legal. White's first move (3) must force mate.
    """
    position, found = to_position(board), dict[int, dict[int, bool]]()
    position.turn = left % 2 == 1
    for move in list(position.legal_moves):
        if not move.promotion:
            good = gives_mate(position, move) if left == 1 else left == 2 or forces_mate(position, move)
            found.setdefault(move.from_square ^ 56, {})[move.to_square ^ 56] = good
    return found


def forces_mate(position: rules.Board, move: rules.Move) -> bool:
    """Whether Black has replies to White's move, and each of them allows mate."""
    position.push(move)
    replies = list(position.legal_moves)
    forced = bool(replies)
    for reply in replies:
        position.push(reply)
        forced = any(gives_mate(position, answer) for answer in list(position.legal_moves))
        position.pop()
        if not forced:
            break
    position.pop()
    return forced


def gives_mate(position: rules.Board, move: rules.Move) -> bool:
    """Whether a move gives mate."""
    if not position.gives_check(move):
        return False
    position.push(move)
    mate = position.is_checkmate()
    position.pop()
    return mate


def motion_of(start: str, state: State) -> Motion | None:
    """Return how one piece's move leads from a board to a state; None if the state is the board, or no move does."""
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


def rests_on(motion: Motion, square: int) -> bool:
    """Whether the moved piece stands on a square."""
    return math.dist(motion.place, divmod(square, 8)) < RESTS


def is_on_way(origin: int, target: int, place: Place, piece: str) -> bool:
    """Whether a place is on the straight line between two squares or, for a knight, on a path around a corner."""
    a, b = divmod(origin, 8), divmod(target, 8)
    corners: list[Place] = [a, b] if piece != "N" else [a, (a[0], b[1]), b, (b[0], a[1]), a, b]
    return any(distance_to_line(place, c, d) < _ASTRAY for c, d in itertools.pairwise(corners))


def distance_to_line(place: Place, a: Place, b: Place) -> float:
    """Return the distance of a place from a line segment."""
    along = (b[0] - a[0], b[1] - a[1])
    t = ((place[0] - a[0]) * along[0] + (place[1] - a[1]) * along[1]) / (along[0] ** 2 + along[1] ** 2)
    t = min(max(t, 0.0), 1.0)
    return math.dist(place, (a[0] + along[0] * t, a[1] + along[1] * t))


def piece_name(piece: str) -> str:
    """Return a piece in words."""
    return f"{'white' if piece.isupper() else 'black'} {_NAMES[piece.upper()]}"


def move_in_words(origin: int, target: int) -> str:
    """Return a move in words that need no labels on the board."""
    up, right = origin // 8 - target // 8, target % 8 - origin % 8
    vertical, sideways = "up" if up > 0 else "down", "to the right" if right > 0 else "to the left"

    def squares(count: int) -> str:
        return f"{_COUNT[abs(count)]} square{'s' * (abs(count) > 1)}"

    if abs(up) == abs(right):
        return f"{squares(up)} diagonally {vertical} and {sideways}"
    words = [f"{squares(up)} {vertical}"] * (up != 0) + [f"{squares(right)} {sideways}"] * (right != 0)
    return " and ".join(words)
