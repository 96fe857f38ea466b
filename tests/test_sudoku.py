"""Sudoku: every puzzle has one answer, and only videos that write it cell after cell pass."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageFilter

from tests.one_task import CANVAS, score_video, video_of
from vmevalkit.media import Frame, Frames
from vmevalkit.tasks.base import random_generator
from vmevalkit.tasks.sudoku import Board, Puzzle, Sudoku
from vmevalkit.tasks.sudoku.drawing import digit_tile, grid_of
from vmevalkit.tasks.sudoku.puzzle import filled
from vmevalkit.tasks.toolkit import draw
from vmevalkit.tasks.toolkit.vision import to_view

TASK = Sudoku()
WIDTH, HEIGHT = CANVAS
COUNT = 49
LEVELS = range(1, 6)


@lru_cache
def puzzle_of(difficulty: int, seed: int = 0) -> Puzzle:
    return TASK.generate(random_generator("test sudoku", difficulty, seed), difficulty)


@lru_cache
def truth_of(difficulty: int, seed: int = 0) -> Frames:
    puzzle = puzzle_of(difficulty, seed)
    return video_of(TASK, puzzle, frames=COUNT)


# ----------------------------------------------------------------------------------------------------- the puzzles


def exact_covers(puzzle: Puzzle) -> Iterator[dict[int, int]]:
    """Every completion, as an exact cover (Knuth's Algorithm X over sets): nothing shared with the generator."""
    side, (rows, columns) = puzzle.side, puzzle.box
    options: dict[tuple[int, int], list[tuple[str, int, int]]] = {}
    for cell, text in enumerate("".join(puzzle.given)):
        r, c = divmod(cell, side)
        box = r // rows * (side // columns) + c // columns
        for value in range(1, side + 1) if text == "." else [int(text)]:
            options[cell, value] = [("cell", r, c), ("row", r, value), ("column", c, value), ("box", box, value)]
    cover: dict[tuple[str, int, int], set[tuple[int, int]]] = {}
    for option, wants in options.items():
        for want in wants:
            cover.setdefault(want, set()).add(option)

    def search(chosen: dict[int, int]) -> Iterator[dict[int, int]]:
        if not cover:
            yield dict(chosen)
            return
        want = min(cover, key=lambda w: (len(cover[w]), w))
        for option in sorted(cover[want]):
            removed = []
            for w in options[option]:
                for clash in cover[w]:
                    for other in options[clash]:
                        if other != w:
                            cover[other].discard(clash)
                removed.append((w, cover.pop(w)))
            yield from search({**chosen, option[0]: option[1]})
            for w, held in reversed(removed):
                cover[w] = held
                for clash in held:
                    for other in options[clash]:
                        if other != w and other in cover:
                            cover[other].add(clash)

    yield from search({})


@pytest.mark.parametrize("difficulty", LEVELS)
def test_the_answer_is_the_only_one(difficulty: int) -> None:
    for seed in range(8):
        puzzle = puzzle_of(difficulty, seed)
        found = list(itertools.islice(exact_covers(puzzle), 2))
        assert len(found) == 1
        assert tuple(found[0][c] for c in range(puzzle.side**2)) == puzzle.goal()


@pytest.mark.parametrize(("difficulty", "side", "fewest", "most"),
                         [(1, 4, 4, 4), (2, 4, 5, 7), (3, 6, 8, 11), (4, 9, 12, 15), (5, 9, 16, 20)])  # fmt: skip
def test_sizes_follow_the_difficulty(difficulty: int, side: int, fewest: int, most: int) -> None:
    lengths = set()
    for seed in range(40):
        puzzle = puzzle_of(difficulty, seed)
        missing = puzzle.missing()
        assert puzzle.side == side
        assert len({c // side for c in missing}) < len(missing) > len({c % side for c in missing})
        assert len(TASK.solution(puzzle)) == len(missing) + 1 == len(TASK.steps(puzzle)) + 1
        lengths.add(len(missing))
    assert lengths == set(range(fewest, most + 1))


@pytest.mark.parametrize("difficulty", LEVELS)
def test_questions_are_different(difficulty: int) -> None:
    assert len({puzzle_of(difficulty, seed).model_dump_json() for seed in range(200)}) >= 195


@pytest.mark.parametrize("difficulty", LEVELS)
def test_prompts_name_the_rules_and_stay_short(difficulty: int) -> None:
    for seed in range(30):
        puzzle = puzzle_of(difficulty, seed)
        for asked in TASK.phrasings(puzzle):
            for word in (f"{puzzle.side}x{puzzle.side}", "blue", "row", "column", "box", "one", "camera", "dark"):
                assert word in asked.lower()
        for number in range(6):
            prompt = TASK.prompt(puzzle, "guided", random_generator(number))
            tokens = prompt.translate({ord(mark): f" {mark} " for mark in ".,:;-"}).split()
            assert len(tokens) <= 185, prompt


def test_plan_in_words() -> None:
    puzzle = Puzzle(box=(2, 2), given=("1.3.", "3412", "2143", ".321"), answer=("1234", "3412", "2143", "4321"))
    assert TASK.plan_text(puzzle) == "row 1: 2 in column 2, 4 in 4; row 4: 4 in column 1"
    assert TASK.steps(puzzle)[1] == "write 4 in row 1, column 4"


# ------------------------------------------------------------------------------------------------------- the videos


def places(puzzle: Puzzle) -> dict[int, tuple[slice, slice]]:
    left, top, cell = grid_of(puzzle.side, CANVAS)
    corners = {c: (top + c // puzzle.side * cell, left + c % puzzle.side * cell) for c in range(puzzle.side**2)}
    return {c: (slice(y, y + cell), slice(x, x + cell)) for c, (y, x) in corners.items()}


def ends(difficulty: int) -> tuple[Frame, Frame]:
    return truth_of(difficulty)[0], truth_of(difficulty)[-1]


def revealed(difficulty: int, order: npt.NDArray[Any], share: npt.NDArray[Any] | None = None) -> Frames:
    """The answer comes out where `order`, from 0 to 1, is passed."""
    a, b = ends(difficulty)
    share = np.linspace(0, 1, COUNT) if share is None else share
    return np.stack([np.where((order <= s)[..., None], b, a) for s in share])


def faded(difficulty: int, share: npt.NDArray[Any], noise: float = 0.0) -> Frames:
    a, b = (end.astype(np.float32) for end in ends(difficulty))
    rng = np.random.default_rng(7)
    frames = [a * (1 - s) + b * s + (rng.normal(0, noise, a.shape) if noise else 0) for s in share]
    clipped: Frames = np.clip(frames, 0, 255).astype(np.uint8)
    return clipped


def pasted(frames: Frames, patch: Frame, y: int, x: int, start: int = 10) -> Frames:
    frames = frames.copy()
    frames[start:, y : y + patch.shape[0], x : x + patch.shape[1]] = patch
    return frames


YS, XS = np.mgrid[:HEIGHT, :WIDTH]


def over_board(difficulty: int, along: npt.NDArray[Any]) -> npt.NDArray[Any]:
    left, top, cell = grid_of(puzzle_of(difficulty).side, CANVAS)
    side = cell * puzzle_of(difficulty).side
    inside = along[top : top + side, left : left + side]
    relative: npt.NDArray[Any] = (along - inside.min()) / (inside.max() - inside.min())
    return relative


def blocks(size: int) -> npt.NDArray[Any]:
    order = np.random.default_rng(3).random((HEIGHT // size + 1, WIDTH // size + 1))
    return np.kron(order, np.ones((size, size)))[:HEIGHT, :WIDTH]


LINE = np.linspace(0, 1, COUNT)
JITTER = np.clip(LINE + np.random.default_rng(5).normal(0, 0.04, COUNT), 0, 1)

WHOLE_ANSWER: dict[str, Callable[[int], Frames]] = {
    "wipe from the left": lambda d: revealed(d, over_board(d, XS)),
    "wipe from the right": lambda d: revealed(d, over_board(d, -XS)),
    "wipe from the top": lambda d: revealed(d, over_board(d, YS)),
    "wipe from below": lambda d: revealed(d, over_board(d, -YS)),
    "dissolve by small blocks": lambda d: revealed(d, blocks(4)),
    "dissolve by blocks": lambda d: revealed(d, blocks(12)),
    "noisy fade": lambda d: faded(d, LINE, 12),
    "fade back and forth": lambda d: faded(d, JITTER),
    "fade in two frames": lambda d: faded(d, np.clip((np.arange(COUNT) - 20) / 2, 0, 1), 6),
    "fade in four frames": lambda d: faded(d, np.clip((np.arange(COUNT) - 20) / 4, 0, 1), 6),
    "cut at once": lambda d: revealed(d, np.full((HEIGHT, WIDTH), 0.5), (np.arange(COUNT) > 0).astype(float)),
    "cut late": lambda d: revealed(d, np.full((HEIGHT, WIDTH), 0.5), (np.arange(COUNT) > COUNT - 4).astype(float)),
    "flash": lambda d: revealed(d, np.full((HEIGHT, WIDTH), 0.5), (np.arange(COUNT) == 20).astype(float)),
}


@pytest.mark.parametrize(("name", "difficulty"), [
    *((name, 1) for name in WHOLE_ANSWER),
    *((name, 5) for name in ("wipe from the left", "dissolve by blocks", "fade back and forth", "fade in two frames")),
])  # fmt: skip
def test_the_whole_answer_at_once_is_worth_nothing(name: str, difficulty: int) -> None:
    verdict = score_video(TASK, puzzle_of(difficulty), WHOLE_ANSWER[name](difficulty))
    assert verdict.reason == "several_at_once"
    assert verdict.value <= 0.02


def staggered(difficulty: int, lag: int, long: int) -> Frames:
    """Cells fade in one after another, each over `long` frames."""
    a, b = ends(difficulty)
    puzzle = puzzle_of(difficulty)
    where = places(puzzle)
    frames = np.repeat(a[None], COUNT, 0)
    for number, cell in enumerate(puzzle.missing()):
        for i in range(COUNT):
            share = float(np.clip((i - 4 - lag * number) / long, 0, 1))
            frames[i][where[cell]] = (a[where[cell]] * (1 - share) + b[where[cell]] * share).round()
    return frames


def test_fading_in_is_a_way_to_write_but_only_one_cell_at_a_time() -> None:
    puzzle = puzzle_of(1)
    assert score_video(TASK, puzzle, staggered(1, 9, 8)).passed
    assert score_video(TASK, puzzle, staggered(1, 2, 12)).reason == "several_at_once"


def fitted(puzzle: Puzzle, value: int, color: draw.Color = draw.BLUE) -> tuple[Frame, int]:
    """A digit on white for one cell, and how far it lies inside."""
    cell = grid_of(puzzle.side, CANVAS)[2]
    patch = digit_tile(value, color, cell, 1.0)
    return patch, (cell - patch.shape[0]) // 2


def in_a_given_cell(difficulty: int, change: Callable[[Puzzle, int], tuple[Frame, int]]) -> Frames:
    puzzle = puzzle_of(difficulty)
    cell = next(c for c, value in enumerate(puzzle.start()) if value and c > puzzle.side)
    rows, columns = places(puzzle)[cell]
    patch, edge = change(puzzle, puzzle.goal()[cell])
    return pasted(truth_of(difficulty), patch, rows.start + edge, columns.start + edge)


def with_ghosts(difficulty: int, opacity: float) -> Frames:
    a, b = ends(difficulty)
    ghost = (a * (1 - opacity) + b * opacity).astype(np.uint8)
    return np.minimum(truth_of(difficulty), ghost)


def half_last(difficulty: int) -> Frames:
    frames: Frames = truth_of(difficulty).copy()
    where = (slice(None), *places(puzzle_of(difficulty))[puzzle_of(difficulty).missing()[-1]])
    frames[where] = (frames[where] * 0.5 + frames[0][where[1:]] * 0.5).astype(np.uint8)
    return frames


def without_lines(difficulty: int) -> Frames:
    frames: Frames = truth_of(difficulty).copy()
    puzzle = puzzle_of(difficulty)
    left, top, cell = grid_of(puzzle.side, CANVAS)
    middle = left + puzzle.box[1] * cell
    frames[10:, top + 5 : top + cell * puzzle.side - 5, middle - 5 : middle + 5] = 255
    return frames


def without_gray(difficulty: int) -> Frames:
    frames: Frames = truth_of(difficulty).copy()
    frames[np.abs(frames.astype(np.int16) - draw.GRAY).max(-1) < 30] = 255
    return frames


def other_puzzle_on_same_start(difficulty: int) -> Frames:
    """The right digits, each in another missing cell."""
    puzzle = puzzle_of(difficulty)
    goal, cells = list(puzzle.goal()), puzzle.missing()
    for cell, source in zip(cells, [*cells[1:], cells[0]], strict=True):
        goal[cell] = puzzle.goal()[source]
    return video_of(TASK, puzzle, filled(puzzle, cells, tuple(goal)), COUNT)


def pairs(difficulty: int) -> Frames:
    """Two cells are written together, the second one frame behind the first."""
    puzzle, paint = puzzle_of(difficulty), TASK.painter(puzzle_of(difficulty), CANVAS)
    frames = []
    for i in range(COUNT):
        digits, writing = list(puzzle.start()), []
        for number, cell in enumerate(puzzle.missing()):
            age = i - 4 - number // 2 * 4 - number % 2
            if age >= 5:
                digits[cell] = puzzle.goal()[cell]
            elif age > 0:
                writing.append((cell, puzzle.goal()[cell], age / 5))
        frames.append(paint(Board(tuple(digits), tuple(writing))))
    return np.stack(frames)


def disc(difficulty: int) -> Frames:
    frames: Frames = truth_of(difficulty).copy()
    for i, frame in enumerate(frames[10:]):
        frame[np.hypot(XS - 160 - i / 2, YS - 120) < 8] = draw.ORANGE
    return frames


CHEATS: dict[str, tuple[Callable[[int], Frames], tuple[str, ...]]] = {
    "given digit in another color": (
        lambda d: in_a_given_cell(d, lambda p, v: fitted(p, v, draw.VERMILION)), ("extra_object",)),
    "given digit rubbed out": (lambda d: in_a_given_cell(d, lambda p, v: fitted(p, 0)), ("given_changed",)),
    "given digit replaced": (
        lambda d: in_a_given_cell(d, lambda p, v: fitted(p, v % p.side + 1, draw.INK)), ("given_changed",)),
    "ghosts of the whole answer": (lambda d: with_ghosts(d, 0.4), ("wrong_start",)),
    "faint ghosts of the whole answer": (lambda d: with_ghosts(d, 0.25), ("wrong_start",)),
    "last digit half faded": (half_last, ("unfinished",)),
    "digit outside": (
        lambda d: pasted(truth_of(d), fitted(puzzle_of(1), 3)[0], 100, 10), ("extra_object",)),
    "digit outside at the very end": (
        lambda d: pasted(truth_of(d), fitted(puzzle_of(1), 3)[0], 100, 10, COUNT - 1), ("extra_object",)),
    "a disc passes by": (disc, ("extra_object", "given_changed")),
    "a box border vanishes": (without_lines, ("extra_object", "given_changed")),
    "the gray lines vanish": (without_gray, ("wrong_start",)),
    "the right digits in each other's cells": (other_puzzle_on_same_start, ("wrong_digit",)),
    "two at a time": (pairs, ("several_at_once",)),
    "mirrored": (lambda d: np.ascontiguousarray(truth_of(d)[:, :, ::-1]), ()),
    "redrawn elsewhere": (lambda d: np.roll(truth_of(d), 40, 2), ()),
    "solved and cut back": (lambda d: np.concatenate([truth_of(d), truth_of(d)[:1]]), ("several_at_once",)),
    "flashing back to the start": (
        lambda d: np.stack([truth_of(d)[i if i % 4 < 2 or i > 44 else 0] for i in range(COUNT)]), ()),
}  # fmt: skip


@pytest.mark.parametrize("difficulty", [1, 5])
@pytest.mark.parametrize("name", CHEATS)
def test_cheats_fail(name: str, difficulty: int) -> None:
    make, reasons = CHEATS[name]
    verdict = score_video(TASK, puzzle_of(difficulty), make(difficulty))
    assert not verdict.passed
    assert not reasons or verdict.reason in reasons


def in_orange(frames: Frames) -> Frames:
    far = np.abs(frames.astype(int) - draw.BLUE).max(-1)
    return np.where((far < 90)[..., None], np.array(draw.ORANGE, np.uint8), frames)


def resized(difficulty: int, factor: float) -> Frames:
    """Written digits of another size."""
    puzzle = puzzle_of(difficulty)
    frames: Frames = truth_of(difficulty).copy()
    cell = grid_of(puzzle.side, CANVAS)[2]
    for value, where in ((puzzle.goal()[c], places(puzzle)[c]) for c in puzzle.missing()):
        small, big = digit_tile(value, draw.BLUE, cell, 1.0), digit_tile(value, draw.BLUE, cell, factor)
        edge = (cell - small.shape[0]) // 2
        inner = tuple(slice(w.start + edge, w.start + edge + small.shape[0]) for w in where)
        for frame in frames:
            if np.array_equal(frame[inner], small):
                frame[inner] = big
    return frames


def moving_camera(frames: Frames) -> Frames:
    images = [Image.fromarray(f) for f in frames]
    shift = [(1, 0, -3.5 * i / COUNT, 0, 1, 0) for i in range(COUNT)]
    return np.stack([np.asarray(m.transform(CANVAS, Image.Transform.AFFINE, s, fillcolor=draw.PAPER))
                     for m, s in zip(images, shift, strict=True)])  # fmt: skip


HONEST: dict[str, Callable[[int], Frames]] = {
    "blend of two neighboring frames": lambda d: (truth_of(d)[1:] // 2 + truth_of(d)[:-1] // 2),
    "blur": lambda d: np.stack([np.asarray(Image.fromarray(f).filter(ImageFilter.GaussianBlur(1.1)))
                                for f in truth_of(d)]),
    "a pause in the middle of a digit": lambda d: np.concatenate(
        [truth_of(d)[:24], np.repeat(truth_of(d)[24:25], 20, 0), truth_of(d)[24:]]),
    "digits pop in": lambda d: truth_of(d)[np.repeat(np.arange(0, COUNT, 2), 2)] if d < 3 else truth_of(d),
    "orange digits": lambda d: in_orange(truth_of(d)),
    "smaller digits": lambda d: resized(d, 0.9),
    "larger digits": lambda d: resized(d, 1.1),
    "camera drift": lambda d: moving_camera(truth_of(d)),
    "color drift": lambda d: np.clip(
        truth_of(d) * (1 + np.linspace(0, 0.05, COUNT)[:, None, None, None] * [1, 0, -1]).astype(np.float32), 0, 255
    ).astype(np.uint8),
}  # fmt: skip


@pytest.mark.parametrize("difficulty", [1, 5])
@pytest.mark.parametrize("name", HONEST)
def test_other_honest_videos_pass(name: str, difficulty: int) -> None:
    verdict = score_video(TASK, puzzle_of(difficulty), HONEST[name](difficulty))
    assert verdict.passed, verdict


@pytest.mark.parametrize("difficulty", [1, 3, 5])
def test_a_digit_on_its_way_is_not_another_digit(difficulty: int) -> None:
    puzzle = puzzle_of(difficulty)
    read, paint = TASK.reader(puzzle, CANVAS), TASK.painter(puzzle, CANVAS)
    for value, size, soft in itertools.product(range(1, puzzle.side + 1), (0.3, 0.5, 0.65, 0.75, 0.85, 1.0), (0, 0.8)):
        writing = tuple((cell, value, size) for cell in puzzle.missing())
        frame = Image.fromarray(paint(Board(puzzle.start(), writing))).filter(ImageFilter.GaussianBlur(soft))
        state = read(to_view(np.asarray(frame))).state
        assert state is not None
        assert {state.digits[cell] for cell in puzzle.missing()} <= ({value} if size == 1 else {0, value})


@pytest.mark.parametrize(("canvas", "difficulty"), [((96, 96), 1), ((96, 96), 2), ((200, 320), 3), ((1360, 768), 2)])
def test_canvases_of_any_size(canvas: tuple[int, int], difficulty: int) -> None:
    puzzle = puzzle_of(difficulty)
    states = TASK.solution(puzzle)

    def passes(states: list[Board]) -> bool:
        frames = np.stack([to_view(frame) for frame in TASK.render(puzzle, states, canvas, 25)])
        return TASK.verify(puzzle, frames, "solve", canvas).passed

    assert passes(states)
    assert not passes(TASK.cheats(puzzle)["nearly_last_digit"])
    assert not passes(TASK.cheats(puzzle)["all_at_once"])


@pytest.mark.parametrize("difficulty", LEVELS)
def test_every_step_is_seen_in_two_frames(difficulty: int) -> None:
    for count in (49, 17) if difficulty <= 2 else (49,):
        puzzle = puzzle_of(difficulty, 3)
        frames = video_of(TASK, puzzle, frames=count)
        for cell in puzzle.missing():
            rows, columns = places(puzzle)[cell]
            shown = frames[:, rows, columns]
            assert 1 + sum(not np.array_equal(a, b) for a, b in itertools.pairwise(shown)) >= 3
        assert score_video(TASK, puzzle, frames).passed
