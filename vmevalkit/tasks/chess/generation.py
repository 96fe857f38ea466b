"""Generation of puzzles: build a mate, take the last move back, and add pieces."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator

import chess as rules

from vmevalkit.tasks.chess.puzzle import (
    LEVELS,
    Level,
    Puzzle,
    distance_to_line,
    forces_mate,
    gives_mate,
    rated_moves,
    to_position,
)

_STOCK = {"K": 1, "Q": 1, "R": 2, "B": 2, "N": 2, "P": 8}


def generate_puzzle(rng: random.Random, difficulty: int) -> Puzzle:
    """Generate a puzzle of a difficulty from 1 to 5."""
    kind = rng.choice("QQRRBBNNPP*S")
    while True:
        puzzle = _compose(rng, kind, LEVELS[difficulty])
        if puzzle and difficulty == 5:
            puzzle = _in_two(rng, puzzle)
        if puzzle:
            return puzzle


def _compose(rng: random.Random, kind: str, level: Level) -> Puzzle | None:
    """Build a mate, take the last move back, and add pieces. Return None if that fails.

    Args:
        rng: the random generator.
        kind: letter of the mating piece; "*" for a piece that uncovers the check of another; "S" for a knight that
            mates a king enclosed by its own pieces.
        level: settings of the difficulty.
    """
    smothered, kind = kind == "S", kind.replace("S", "N")
    mate = _mate(rng, rng.choice("QRB") if kind == "*" else kind, smothered)
    if mate is None:
        return None
    back = _take_back(rng, mate, kind)
    if back is None:
        return None
    position, answer = back
    count = rng.randint(level.min_pieces, level.max_pieces)
    for _ in range(60):
        if rules.popcount(position.occupied) >= count:
            break
        square = _add_random_piece(rng, position)
        if square is not None and not _works(position, answer):
            position.remove_piece_at(square)
    checks = sum(position.gives_check(move) for move in position.legal_moves if not move.promotion)
    if not level.min_pieces <= rules.popcount(position.occupied) <= level.max_pieces:
        return None
    if checks <= level.min_decoys or _special(position):
        return None
    # The text of the library starts with the eighth rank, as the puzzle does.
    board = "".join(str(position).split())
    mates = [(a, b) for a, targets in rated_moves(board).items() for b, correct in targets.items() if correct]
    if len(mates) > level.max_mates or checks - len(mates) < level.min_decoys:
        return None
    origin, target = answer.from_square ^ 56, answer.to_square ^ 56
    # Choose the shortest mating move on the same line, so that the move does not pass through another answer.
    nearer = [
        b for a, b in mates if a == origin and distance_to_line(divmod(b, 8), divmod(a, 8), divmod(target, 8)) < 0.01
    ]
    target = min(nearer, key=lambda b: math.dist(divmod(origin, 8), divmod(b, 8)))
    return Puzzle(rows=tuple(board[i : i + 8] for i in range(0, 64, 8)), answer=(origin, target))


def _in_two(rng: random.Random, one: Puzzle) -> Puzzle | None:
    """Make a mate in two from a mate in one. Its key is a check with a single reply. Return None if that fails."""
    for _ in range(6):
        position = to_position(one.board)
        squares = [s for s, piece in position.piece_map().items() if piece.piece_type != rules.KING]
        piece = position.remove_piece_at(rng.choice(squares))
        if piece is None or (
            rng.random() < 0.7 and not _add_piece(position, rng.choice(rules.SQUARES), piece.symbol())
        ):
            continue
        if position.status() != rules.STATUS_VALID or position.is_check():
            continue
        if any(gives_mate(position, move) for move in list(position.legal_moves)):
            continue
        lines = list(_lines(position))
        # All answers must be known: there is one key, and no other first move forces mate, not even a quiet one.
        if len({line[0] for line in lines}) != 1 or _special(position):
            continue
        if not any(forces_mate(position, move) for move in list(position.legal_moves) if move != lines[0][0]):
            board = "".join(str(position).split())
            key, *then = [(move.from_square ^ 56, move.to_square ^ 56) for move in lines[0]]
            return Puzzle(rows=tuple(board[i : i + 8] for i in range(0, 64, 8)), answer=key, then=tuple(then))
    return None


def _lines(position: rules.Board) -> Iterator[list[rules.Move]]:
    """Yield lines of three moves: a check that allows a single reply, the reply, and a mate."""
    for key in list(position.legal_moves):
        if key.promotion or not position.gives_check(key):
            continue
        position.push(key)
        replies = list(position.legal_moves)
        if len(replies) == 1 and not replies[0].promotion and not position.is_en_passant(replies[0]):
            position.push(replies[0])
            moves = [] if _special(position) else list(position.legal_moves)
            for mate in (move for move in moves if not move.promotion and gives_mate(position, move)):
                yield [key, replies[0], mate]
            position.pop()
        position.pop()


def _mate(rng: random.Random, checker: str, smothered: bool) -> rules.Board | None:
    """Return a position in which a piece gives mate to Black, made by adding pieces against each reply of Black."""
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
            if not _add_piece(board, target, rng.choice(blockers)):
                return None
        else:
            guard = rng.choice("QRRBBNNPPP")
            squares = [s for s in _reaching(board, target, guard) if not board.piece_at(s)]
            if squares:
                _add_piece(board, rng.choice(squares), guard)
    return None


def _take_back(rng: random.Random, mate: rules.Board, kind: str) -> tuple[rules.Board, rules.Move] | None:
    """Return a position before a mate, and the move of White that leads to the mate."""
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
        if taken and not _add_piece(before, target, taken):
            continue
        move = rules.Move(origin, target)
        if _works(before, move):
            return before, move
    return None


def _back_steps(
    rng: random.Random, board: rules.Board, target: int, piece: rules.Piece
) -> Iterator[tuple[int, int, str]]:
    """Yield the moves that could have led to a square: origin, target, and the black piece captured there or ""."""
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
    """Return the squares from which a white piece attacks a square."""
    if piece == "P":
        return list(rules.SquareSet(rules.BB_PAWN_ATTACKS[rules.BLACK][target]))
    probe = board.copy(stack=False)
    probe.set_piece_at(target, rules.Piece.from_symbol(piece))
    return list(probe.attacks(target))


def _add_piece(board: rules.Board, square: int, piece: str) -> bool:
    """Put a piece on an empty square if it could stand there in a game. Return whether it was put there."""
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


def _add_random_piece(rng: random.Random, board: rules.Board) -> int | None:
    """Put a random piece on a random square. Return the square; None if that is impossible."""
    square = rng.choice(rules.SQUARES)
    # The side with fewer pieces gets the piece, so that neither side looks lost.
    white = rules.popcount(board.occupied_co[rules.WHITE]) * 2 <= rules.popcount(board.occupied)
    piece = rng.choice("PPPPNNBBRRQ")
    return square if _add_piece(board, square, piece if white else piece.lower()) else None


def _works(position: rules.Board, move: rules.Move) -> bool:
    """Whether a position is legal, White is not in check, and a legal move gives mate."""
    legal = position.status() == rules.STATUS_VALID and not position.is_check() and position.is_legal(move)
    return legal and gives_mate(position, move)


def _special(position: rules.Board) -> bool:
    """Whether castling, en passant or promotion could give mate, whatever was played before."""
    widest = position.copy(stack=False)
    widest.castling_rights = (rules.BB_A1 | rules.BB_H1) & widest.rooks & widest.occupied_co[rules.WHITE]
    boards = [widest]
    for pawn in position.pieces(rules.PAWN, rules.BLACK):
        if rules.square_rank(pawn) == 4 and not position.piece_at(pawn + 8) and not position.piece_at(pawn + 16):
            passed = position.copy(stack=False)
            passed.ep_square = pawn + 8
            boards.append(passed)
    return any(
        (move.promotion or board.is_castling(move) or board.is_en_passant(move)) and gives_mate(board, move)
        for board in boards
        for move in list(board.legal_moves)
    )
