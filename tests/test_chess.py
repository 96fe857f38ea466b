"""Chess: the mating moves are those of the rules, and only videos of one of them pass."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from functools import lru_cache

import numpy as np
import pytest
from PIL import Image, ImageFilter

from tests.one_task import CANVAS, score_states, score_video, video_of
from vmevalkit.media import Frame, Frames
from vmevalkit.tasks.base import random_generator
from vmevalkit.tasks.chess import Chess, Puzzle, State
from vmevalkit.tasks.chess.puzzle import after_move, put, rated_moves

TASK = Chess()
WIDTH, HEIGHT = CANVAS
COUNT = 49
# Mates in one; the fifth difficulty is mate in two.
LEVELS = range(1, 5)


@lru_cache
def puzzle_of(difficulty: int, seed: int = 0) -> Puzzle:
    return TASK.generate(random_generator("test chess", difficulty, seed), difficulty)


@lru_cache
def truth_of(difficulty: int, seed: int = 0) -> Frames:
    puzzle = puzzle_of(difficulty, seed)
    return video_of(TASK, puzzle, frames=COUNT)


# ----------------------------------------------------------------------------------------------------- the puzzles

LEAPS = {
    "N": [(1, 2), (2, 1), (-1, 2), (-2, 1), (1, -2), (2, -1), (-1, -2), (-2, -1)],
    "K": [(a, b) for a in (-1, 0, 1) for b in (-1, 0, 1) if a or b],
}
LINES = {"R": [(0, 1), (1, 0), (0, -1), (-1, 0)], "B": [(1, 1), (1, -1), (-1, 1), (-1, -1)]}
LINES["Q"] = LINES["R"] + LINES["B"]


def reached(board: str, square: int) -> Iterator[int]:
    """Squares that the piece on a square attacks."""
    kind, (row, column) = board[square].upper(), divmod(square, 8)
    if kind == "P":
        ahead = -1 if board[square] == "P" else 1
        steps = [(ahead, -1), (ahead, 1)]
    else:
        steps = LEAPS.get(kind) or LINES[kind]
    for down, right in steps:
        r, c = row + down, column + right
        while 0 <= r < 8 and 0 <= c < 8:
            yield r * 8 + c
            if kind not in LINES or board[r * 8 + c] != ".":
                break
            r, c = r + down, c + right


def in_check(board: str, white: bool) -> bool:
    king = board.index("K" if white else "k")
    return any(piece.isupper() != white and king in reached(board, i)
               for i, piece in enumerate(board) if piece != ".")  # fmt: skip


def moves(board: str, white: bool) -> Iterator[tuple[int, int]]:
    """Legal moves; castling, en passant and what a pawn becomes are left out."""
    for origin, piece in enumerate(board):
        if piece == "." or piece.isupper() != white:
            continue
        targets = [t for t in reached(board, origin) if board[t] == "." or board[t].isupper() != white]
        if piece in "Pp":
            ahead = -8 if white else 8
            targets = [t for t in targets if board[t] != "."]
            if board[origin + ahead] == ".":
                targets.append(origin + ahead)
                if origin // 8 == (6 if white else 1) and board[origin + 2 * ahead] == ".":
                    targets.append(origin + 2 * ahead)
        for target in targets:
            if not in_check(after_move(board, origin, target), white):
                yield origin, target


def mating(board: str) -> set[tuple[int, int]]:
    found = set()
    for origin, target in moves(board, True):
        after = after_move(board, origin, target)
        if in_check(after, False) and not any(True for _ in moves(after, False)):
            found.add((origin, target))
    return found


@pytest.mark.parametrize("difficulty", LEVELS)
def test_an_independent_solver_finds_the_same_mates(difficulty: int) -> None:
    for seed in range(12):
        puzzle = puzzle_of(difficulty, seed)
        right = {(a, b) for a, targets in rated_moves(puzzle.board).items() for b, mates in targets.items() if mates}
        assert mating(puzzle.board) == right
        assert puzzle.answer in right
        assert not in_check(puzzle.board, True)
        assert not in_check(puzzle.board, False)


def test_an_independent_solver_finds_the_same_key_of_a_mate_in_two() -> None:
    for seed in range(2):
        puzzle = puzzle_of(5, seed)
        keys = set()
        for key in moves(puzzle.board, True):
            after = after_move(puzzle.board, *key)
            replies = list(moves(after, False))
            if replies and all(mating(after_move(after, *reply)) for reply in replies):
                keys.add(key)
        assert not mating(puzzle.board)
        assert keys == {puzzle.answer}
        after = after_move(puzzle.board, *puzzle.answer)
        assert list(moves(after, False)) == [puzzle.then[0]]
        assert puzzle.then[1] in mating(after_move(after, *puzzle.then[0]))


def test_a_mate_in_two_needs_every_move_in_its_turn() -> None:
    puzzle = puzzle_of(5)
    start, keyed, replied, mated = TASK.solution(puzzle)
    videos = {
        "solved": [start, keyed, replied, mated],
        "unfinished": [start, keyed, replied],
        "illegal_move": [start, keyed, replied, State(after_move(replied.board, *puzzle.then[0][::-1]))],
    }
    assert score_states(TASK, puzzle, videos["solved"]).reason == "solved"
    assert score_states(TASK, puzzle, videos["unfinished"]).reason == "unfinished"
    assert not score_states(TASK, puzzle, videos["illegal_move"]).passed
    # White's two moves without Black's between them.
    both = [start, keyed, State(after_move(keyed.board, *puzzle.then[1]))]
    assert not score_states(TASK, puzzle, both).passed


def test_puzzles_differ_and_mate_in_many_ways() -> None:
    puzzles = [puzzle_of(difficulty, seed) for difficulty in LEVELS for seed in range(12)]
    assert len({p.board for p in puzzles}) == len(puzzles)
    movers = [p.board[p.answer[0]] for p in puzzles]
    assert set("QRBNP") <= set(movers)
    assert max(movers.count(kind) for kind in "QRBNP") < len(puzzles) / 2
    takes = sum(p.board[p.answer[1]] != "." for p in puzzles)
    assert 5 < takes < len(puzzles) - 5
    kings = [divmod(p.board.index("k"), 8) for p in puzzles]
    assert sum(0 < r < 7 and 0 < c < 7 for r, c in kings) > 5
    uncovered = 0
    for puzzle in puzzles:
        after = after_move(puzzle.board, *puzzle.answer)
        uncovered += after.index("k") not in reached(after, puzzle.answer[1])
    assert uncovered > 0


def test_harder_puzzles_have_more_pieces() -> None:
    counts = [[64 - puzzle_of(d, seed).board.count(".") for seed in range(6)] for d in LEVELS]
    assert all(max(a) < min(b) for a, b in itertools.pairwise(counts))


def test_prompts_are_short_and_the_guided_one_names_the_move() -> None:
    for difficulty in LEVELS:
        puzzle = puzzle_of(difficulty)
        assert len(TASK.steps(puzzle)) == len(TASK.solution(puzzle)) - 1 == 1
        prompts = {TASK.prompt(puzzle, "guided", random_generator("words", n)) for n in range(20)}
        assert len(prompts) >= 3
        assert all(len(text.split()) < 120 and "from the left" in text for text in prompts)


# ------------------------------------------------------------------------------------------------------- the videos


def played(puzzle: Puzzle, change: Callable[[State], State], steps: int = 12) -> list[Frame]:
    """The right video with every state after the first changed."""
    draw = TASK.painter(puzzle, CANVAS)
    start, end = TASK.solution(puzzle)
    way = [TASK.between(puzzle, start, end, k / steps) for k in range(1, steps)]
    shown = [draw(start)] * 3 + [draw(change(s)) for s in way]
    return shown + [draw(change(end))] * (COUNT - len(shown))


def shares() -> list[float]:
    return [min(1.0, max(0.0, (i - 3) / 38)) for i in range(COUNT)]


def cheating(puzzle: Puzzle, truth: Frames) -> Iterator[tuple[str, Frames | list[Frame]]]:
    first, last = truth[0], truth[-1]
    origin, target = puzzle.answer
    board, rng = puzzle.board, np.random.default_rng(0)
    order = np.kron(rng.random((HEIGHT // 8, WIDTH // 8)), np.ones((8, 8)))
    half = (0.5 * first + 0.5 * last).astype(np.uint8)
    yield "wipe right", [np.where((np.arange(WIDTH) < s * WIDTH)[None, :, None], last, first) for s in shares()]
    yield "wipe down", [np.where((np.arange(HEIGHT) < s * HEIGHT)[:, None, None], last, first) for s in shares()]
    yield "dissolve", [np.where((order < s)[..., None], last, first) for s in shares()]
    yield "ghosts", [first] * 3 + [half] * 40 + [last] * 6
    yield "ends as a ghost", [*truth[:-3], half, half, half]
    for i in (1, 4, 24, 46):
        yield f"cut at {i}", [first] * i + [last] * (COUNT - i)
    yield "flash", [last if i % 2 else first for i in range(COUNT)]
    yield "flashes to the start", [*truth[:20], *([first, last] * 15)[: COUNT - 20]]
    yield "shown and undone", [*truth[:15], *[first] * (COUNT - 15)]
    yield "mirrored", truth[:, :, ::-1]
    yield "upside down", truth[:, ::-1]
    disc = truth.copy()
    height, width = truth.shape[1:3]
    disc[10:, height // 2 - 8 : height // 2 + 8, width // 2 - 8 : width // 2 + 8] = (200, 40, 0)
    yield "a spot on the board", disc
    yield "a copy stays", played(puzzle, lambda s: s._replace(board=put(s.board, origin, board[origin])))
    free = [i for i in range(64) if board[i] == "." and i != target and abs(i // 8 - origin // 8) > 1]
    if free:
        yield "a pawn appears", played(puzzle, lambda s: s._replace(board=put(s.board, free[0], "P")))
    for piece, shape in (
        ({"Q": "R", "P": "B"}.get(board[origin], "Q"), "another shape"),
        (board[origin].lower(), "another color"),
    ):
        yield shape, played(puzzle, lambda s, p=piece: State(  # type: ignore[misc]
            s.board if s.piece else put(s.board, target, p), s.piece and p, s.row, s.column))  # fmt: skip
    others = [i for i in range(64) if board[i] not in "." and i not in (origin, target)]
    square = others[len(others) // 2]
    turned = {"P": "B", "B": "P", "N": "R", "R": "N", "Q": "K", "K": "Q"}[board[square].upper()]
    turned = turned if board[square].isupper() else turned.lower()
    for piece in (".", turned, board[square].swapcase()):
        yield (
            f"another becomes {piece}",
            played(
                puzzle,
                lambda s, p=piece: s._replace(board=put(s.board, square, p)),  # type: ignore[misc]
            ),
        )


@pytest.mark.parametrize(("difficulty", "seed"), [(1, 0), (3, 1)])
def test_cheats_fail(difficulty: int, seed: int) -> None:
    """The two puzzles share the cheats."""
    puzzle = puzzle_of(difficulty, seed)
    for name, frames in itertools.islice(cheating(puzzle, truth_of(difficulty, seed)), seed, None, 2):
        verdict = score_video(TASK, puzzle, frames)
        assert not verdict.passed, name
        if name.startswith(("wipe", "dissolve", "ghosts", "cut")):
            assert verdict.value <= 0.02, (name, verdict)


def soft(frame: Frame, radius: float) -> Frame:
    return np.asarray(Image.fromarray(frame).filter(ImageFilter.GaussianBlur(radius)))


@pytest.mark.parametrize(("difficulty", "seed"), [(2, 0), (4, 0)])
def test_other_right_videos_pass(difficulty: int, seed: int) -> None:
    puzzle, truth = puzzle_of(difficulty, seed), truth_of(difficulty, seed)
    drift = np.array([0.05, -0.03, 0.04]) / COUNT
    both = itertools.pairwise(truth)
    videos: dict[str, Frames | list[Frame]] = {
        "slow": played(puzzle, lambda s: s, 38),
        "pause": [*truth[:9], *[truth[8]] * 10, *truth[9:-10]],
        "smeared": [truth[0], *[((a.astype(float) + b) / 2).astype(np.uint8) for a, b in both]],
        "blurred": [soft(frame, 1.0) for frame in truth],
        "colors drift": [np.clip(f * (1 + drift * i), 0, 255).astype(np.uint8) for i, f in enumerate(truth)],
        "camera drifts": [np.roll(f, (round(i / 32), round(i / 14)), (0, 1)) for i, f in enumerate(truth)],
    }
    # The two puzzles share the videos.
    for name in list(videos)[difficulty // 4 :: 2]:
        verdict = score_video(TASK, puzzle, videos[name])
        assert verdict.passed, (name, verdict)


def test_a_captured_piece_must_go_and_others_must_stay() -> None:
    puzzles = [puzzle_of(d, seed) for d in LEVELS for seed in range(12)]
    # A pawn or bishop hides little of a rook or queen.
    puzzle = next(p for p in puzzles if p.board[p.answer[0]] in "PBN" and p.board[p.answer[1]] in "qr")
    origin, target = puzzle.answer
    draw = TASK.painter(puzzle, CANVAS)
    row, column = divmod(target, 8)
    kept = State(put(puzzle.board, origin, "."), puzzle.board[origin], float(row), float(column))
    frames = played(puzzle, lambda s: s)
    assert score_video(TASK, puzzle, frames).passed
    assert not score_video(TASK, puzzle, [*frames[:14], *[draw(kept)] * (COUNT - 14)]).passed


def test_reasons_say_what_went_wrong() -> None:
    puzzle = puzzle_of(4)
    said = {name: score_states(TASK, puzzle, states).reason for name, states in TASK.cheats(puzzle).items()}
    assert said["nearly_no_mate"] == "not_mate"
    assert said["another_piece_too"] == "second_move"
    start, end = TASK.solution(puzzle)
    truth = truth_of(4)
    assert score_video(TASK, puzzle, truth).reason == "solved"
    assert score_video(TASK, puzzle, [truth[0]] * COUNT).reason == "no_change"
    assert score_video(TASK, puzzle, [truth[0]] * 20 + [truth[-1]] * 29).reason == "teleport"
    assert TASK.progress(puzzle, start) == 0.0
    assert TASK.progress(puzzle, end) == 1.0
