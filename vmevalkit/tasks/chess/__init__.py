"""Chess: White moves and gives mate, in one move or, at difficulty 5, in two moves.

    . . . . . . k .
    . . . . . p p p      The rook moves to the eighth rank and gives mate. A video passes if one white piece visibly
    . . . . . . . .      slides to a square where it gives mate (any mating move is correct) and rests there. A captured
    R . . . . K . .      piece must vanish under it, and nothing else may change. A knight may move straight or around a
                         corner.

The plan length is 1 for a mate in one. It is 3 for a mate in two: White's only key move, Black's only reply, and
White's mate, shown one after another. Higher difficulties have more pieces, more checks that do not give mate, and
fewer correct moves. No puzzle is solved by castling, en passant or promotion. There are far more than 10,000 puzzles
at every difficulty.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Sequence

from vmevalkit.defaults import DEFAULT_CANVAS
from vmevalkit.media import Frame, Views
from vmevalkit.tasks.base import FPS, Fault, Painter, Reader, Reading, Task, lerp, register_task
from vmevalkit.tasks.chess.drawing import board_sketch, draw_piece, draw_square
from vmevalkit.tasks.chess.game import GameReader
from vmevalkit.tasks.chess.puzzle import (
    COVERS,
    LEVELS,
    ORDINALS,
    RESTS,
    Level,
    Place,
    Puzzle,
    State,
    after_move,
    is_on_way,
    motion_of,
    move_in_words,
    piece_name,
    put,
    rated_moves,
    rests_on,
)
from vmevalkit.tasks.chess.reading import BoardReader
from vmevalkit.tasks.toolkit.draw import square_board
from vmevalkit.tasks.toolkit.motion import tolerated_gap
from vmevalkit.types import Mode, Size, Verdict

__all__ = ["LEVELS", "Chess", "Level", "Puzzle", "State"]

# Between two readings a piece moves by at most this share of its way. It must be seen at so many places on the way.
_LEAP, _MIN_PLACES = 0.5, 2
# Two places that are nearer than this, in squares, are the same.
_STILL = 0.1


@register_task
class Chess(Task[Puzzle, State]):
    """White gives mate. The state is the board and a moving piece."""

    name = "chess"
    tags = ("planning", "logic")
    version = 2
    puzzle_type = Puzzle
    reasons = {
        "not_mate": "The move is legal, but it does not give mate or does not lead to mate.",
        "illegal_move": "A piece moves against the rules of chess.",
        "wrong_side": "A piece of the side that is not to move is moved.",
        "piece_changed": "A piece turns into another one.",
        "piece_vanished": "A piece that was not captured disappears.",
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
        from vmevalkit.tasks.chess.generation import generate_puzzle

        return generate_puzzle(rng, difficulty)

    def solution(self, puzzle: Puzzle) -> list[State]:
        boards = itertools.accumulate(
            (puzzle.answer, *puzzle.then), lambda b, m: after_move(b, *m), initial=puzzle.board
        )
        return [State(board) for board in boards]

    def steps(self, puzzle: Puzzle) -> list[str]:
        found = []
        for state, (origin, target) in zip(self.solution(puzzle), (puzzle.answer, *puzzle.then), strict=False):
            piece, taken = state.board[origin], state.board[target]
            ending = f" and captures the {piece_name(taken)} there" if taken != "." else ""
            found.append(
                f"the {piece_name(piece)} in the {ORDINALS[origin % 8]} column from the left and the "
                f"{ORDINALS[7 - origin // 8]} row from the bottom goes {move_in_words(origin, target)}{ending}"
            )
        return found

    def in_words(self, puzzle: Puzzle, state: State) -> dict[str, str]:
        words = {
            f"square {_square_name(*divmod(square, 8))}": "empty"
            if piece == "."
            else f"held by the {piece_name(piece)}"
            for square, piece in enumerate(state.board)
        }
        if state.piece:
            at = _square_name(round(state.row), round(state.column))
            words[f"the {piece_name(state.piece)}"] = f"on its way over {at}"
        return words

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
            "checkmate, and stops. If a black piece stands there, it is captured and vanishes. The other pieces "
            "stay exactly in place, and the camera does not move.",
            "White to move and checkmate the black king in a single move. Play only this move: the piece travels "
            "smoothly over the board, taking what stands on its last square, and then rests. All other pieces remain "
            "still. Fixed top-down camera.",
        )

    def painter(self, puzzle: Puzzle, canvas: Size, downscale: float = 1, object_scale: float = 1) -> Painter[State]:
        left, top, cell = square_board(canvas, 8)
        sheet = board_sketch(canvas, (left, top, cell), puzzle.board, downscale)
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
                        draw_square(part, (left, top, cell), i, state.board[i])
                if state.piece and place is places[-1]:
                    draw_piece(part, state.piece, (x, y), cell * object_scale)
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
        board = a.board if a.piece or source is None else put(a.board, source, ".")
        return State(board, piece, lerp(start[0], end[0], t), lerp(start[1], end[1], t))

    def cheats(self, puzzle: Puzzle) -> dict[str, list[State]]:
        # The cheats replace the last move. The moves before it are correct.
        *past, start, end = self.solution(puzzle)
        origin, target = (puzzle.answer, *puzzle.then)[-1]
        found = {name: [*past, *states] for name, states in self._cheats(start, end, origin, target).items()}
        if past:
            first_moves = rated_moves(puzzle.board, 3).items()
            wrong = [(a, b) for a, targets in first_moves for b, correct in targets.items() if not correct]
            found["wrong_key"] = [past[0], State(after_move(puzzle.board, *wrong[0]))]
            found["nearly_without_the_mate"] = [*past, start]
            found["without_a_reply"] = [*past, State(after_move(past[-1].board, origin, target))]
            found["black_first"] = [past[0], State(after_move(past[0].board, *puzzle.then[0])), start, end]
        return found

    def _cheats(self, start: State, end: State, origin: int, target: int) -> dict[str, list[State]]:
        board, found = start.board, {}
        ways = rated_moves(board)
        wrong = [(a, b) for a, targets in ways.items() for b, mates in targets.items() if not mates]
        if wrong:
            found["nearly_no_mate"] = [start, State(after_move(board, *wrong[len(wrong) // 2]))]
        own = [b for b, mates in ways[origin].items() if not mates]
        if own:
            found["nearly_right_square"] = [start, State(after_move(board, origin, own[0]))]
        aside = [(a, b) for a in ways for b in ways[a] if a != origin and board[b] == "." and b != target]
        if aside:
            first = after_move(board, *aside[0])
            found["another_piece_too"] = [start, end, State(after_move(end.board, *aside[0]))]
            found["another_piece_first"] = [start, State(first), State(after_move(first, origin, target))]
        free = [i for i in range(64) if board[i] == "." and i != target]
        found["new_queen"] = [State(board), State(put(end.board, free[0], "Q"))]
        found["two_of_it"] = [start, State(put(end.board, origin, board[origin]))]
        other = "R" if board[origin] == "Q" else "Q"
        found["another_shape"] = [start, State(put(end.board, target, other))]
        found["black_instead"] = [start, State(put(end.board, target, board[origin].lower()))]
        return found

    def alternatives(self, puzzle: Puzzle) -> dict[str, list[State]]:
        *past, start, end = self.solution(puzzle)
        found, answer = {}, (puzzle.answer, *puzzle.then)[-1]
        for origin, targets in rated_moves(start.board).items():
            for target, mates in targets.items():
                if mates and (origin, target) != answer:
                    found[f"mate_{origin}_{target}"] = [*past, start, State(after_move(start.board, origin, target))]
        origin, target = answer
        if start.board[origin] == "N":
            corner = State(put(start.board, origin, "."), "N", origin // 8, target % 8)
            found["round_the_corner"] = [*past, start, corner, end]
        return found

    def reader(self, puzzle: Puzzle, canvas: Size) -> Reader[State]:
        return BoardReader(puzzle.board, canvas).read if puzzle.plies == 1 else GameReader(puzzle, canvas).read

    def verify(
        self,
        puzzle: Puzzle,
        frames: Views,
        mode: Mode = "solve",
        canvas: Size = DEFAULT_CANVAS,
        read: Reader[State] | None = None,
        fps: float = FPS,
    ) -> Verdict:
        # The reader of several moves remembers the video, so it cannot be used again.
        return super().verify(puzzle, frames, mode, canvas, read if puzzle.plies == 1 else None, fps)

    def illegal(self, puzzle: Puzzle, a: State, b: State) -> str | None:
        board, left = b.before or puzzle.board, puzzle.plies - b.made
        was, now = motion_of(board, a) if a.made == b.made else None, motion_of(board, b)
        if a.made < b.made:
            # The previous move is complete. It must have been correct.
            done = motion_of(a.before or puzzle.board, a)
            ways = rated_moves(a.before or puzzle.board, puzzle.plies - a.made)
            if done is None or not any(good and rests_on(done, t) for t, good in ways.get(done.origin, {}).items()):
                return "not_mate"
        if now is None:
            away = was is not None and math.dist(was.place, divmod(was.origin, 8)) > 0.5
            return "teleport" if away else None
        home = divmod(now.origin, 8)
        targets = rated_moves(board, left).get(now.origin, {})
        if now.taken >= 0 and (now.taken not in targets or math.dist(now.place, divmod(now.taken, 8)) > COVERS):
            return "piece_vanished"
        last: Place = home
        if was is not None and was.origin == now.origin:
            last = was.place
        elif was is not None and math.dist(was.place, divmod(was.origin, 8)) > 0.5:
            return "second_move"
        ahead = [t for t in targets if is_on_way(now.origin, t, now.place, board[now.origin])]
        if math.dist(now.place, home) > 0.5:
            if board[now.origin].isupper() == (left % 2 == 0):
                return "wrong_side"
            if not ahead:
                return "illegal_move"
            if not any(targets.values()):
                return "not_mate"
        travel = max((math.dist(home, divmod(t, 8)) for t in ahead), default=1.0)
        return "teleport" if math.dist(last, now.place) > _LEAP * travel else None

    def interrupted(self, puzzle: Puzzle, readings: Sequence[Reading[State]]) -> Fault | None:
        """Return where a faint copy of the piece rests beside it. What is smeared moves in both places."""
        since, at = 0, None
        for i, reading in enumerate(readings):
            state = reading.state
            here = state.fainter if state and math.dist(state[2:4], state.fainter or state[2:4]) > _STILL else None
            if at is None or here is None or math.dist(here, at) > _STILL:
                since, at = i, here
            elif i - since > tolerated_gap(len(readings)):
                return Fault("extra_object", since)
        return None

    def progress(self, puzzle: Puzzle, state: State) -> float:
        board, best = state.before or puzzle.board, 0.0
        now = motion_of(board, state)
        ways = rated_moves(board, puzzle.plies - state.made).get(now.origin, {}) if now else {}
        for target, good in ways.items():
            if good and now:
                if rests_on(now, target) and (now.taken == target) == (board[target] != "."):
                    best = 1.0
                elif is_on_way(now.origin, target, now.place, board[now.origin]):
                    home = divmod(now.origin, 8)
                    share = math.dist(home, now.place) / math.dist(home, divmod(target, 8))
                    best = max(best, 0.5 * min(share, 1.0)) if math.dist(home, now.place) > RESTS else best
        return (state.made + best) / puzzle.plies

    def same(self, puzzle: Puzzle, a: State, b: State) -> bool:
        if a.made != b.made:
            return False
        board = b.before or puzzle.board
        was, now = motion_of(board, a), motion_of(board, b)
        if was is None or now is None:
            moved = was or now
            if moved is None:
                return a.board == b.board
            return moved.taken < 0 and rests_on(moved, moved.origin)
        return was.origin == now.origin and was.taken == now.taken and math.dist(was.place, now.place) < RESTS

    def judge(self, puzzle: Puzzle, readings: Sequence[Reading[State]]) -> Verdict:
        verdict = super().judge(puzzle, readings)
        last = readings[-1].state
        now = motion_of(last.before or puzzle.board, last) if last is not None else None
        if last is None or now is None:
            return verdict
        if verdict.reason == "unfinished":
            targets = rated_moves(last.before or puzzle.board, puzzle.plies - last.made).get(now.origin, {})
            if any(rests_on(now, t) and not good for t, good in targets.items()):
                return self.verdict("not_mate", verdict.outcome, verdict.process, 1.0, verdict.evidence_frame)
        if verdict.outcome == verdict.process == 1.0:
            for made in range(puzzle.plies):
                if not self._seen_moving(puzzle, [r.state for r in readings if r.state and r.state.made == made]):
                    return self.verdict("teleport", 1.0, 0.0, verdict.preservation, verdict.evidence_frame)
        return verdict

    def _seen_moving(self, puzzle: Puzzle, states: Sequence[State]) -> bool:
        """Whether the piece was seen between its squares. Its last place says how long its way was."""
        board = states[-1].before or puzzle.board
        last = motion_of(board, states[-1])
        if last is None:
            return False
        home = divmod(last.origin, 8)
        travel = math.dist(home, last.place)
        places: list[float] = []
        for state in states:
            seen = motion_of(board, state)
            gone = math.dist(home, seen.place) / travel if seen and seen.origin == last.origin else 0.0
            if 0.1 < gone < 0.9 and all(abs(gone - place) > 0.1 for place in places):
                places.append(gone)
        return len(places) >= _MIN_PLACES


def _square_name(row: int, column: int) -> str:
    """Return the usual name of a square, given its row from the top and its column from the left."""
    return f"{'abcdefgh'[min(max(column, 0), 7)]}{8 - min(max(row, 0), 7)}"
