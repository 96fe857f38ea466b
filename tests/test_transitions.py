"""Videos that uncover the answer by a transition are worth nothing, and places that change one by one still pass."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vmevalkit import contract
from vmevalkit.contract import transitions
from vmevalkit.contract.transitions import Transition
from vmevalkit.media import Frame, Frames
from vmevalkit.tasks.base import TASKS, Reader
from vmevalkit.tasks.toolkit.cells import CellsTask
from vmevalkit.types import Verdict

CELLS = ("arc", "counting", "light_sequence", "nonogram", "object_subtraction", "symmetry")
LINES = ("dot_to_dot", "flow_connect", "ray_reflection")
MOVERS = ("maze", "sliding_puzzle", "clock")
# A video of at most this value is worth nothing.
NOTHING = 0.02


@lru_cache(maxsize=32)
def scene_of(name: str, difficulty: int, seed: int) -> tuple[Any, Frame, Frame, Reader[Any]]:
    """A puzzle, its first and its last frame, and its reader."""
    task = TASKS[name]
    puzzle = task.example(difficulty, seed)
    states = task.solution(puzzle)
    draw = task.painter(puzzle, contract.SMALL)
    return puzzle, draw(states[0]), draw(states[-1]), task.reader(puzzle, contract.SMALL)


def verdict_of(name: str, difficulty: int, seed: int, frames: Frames) -> Verdict:
    puzzle, _, _, read = scene_of(name, difficulty, seed)
    return TASKS[name].verify(puzzle, contract.views(frames), "solve", contract.SMALL, read)


def drawn(way: Transition, name: str, difficulty: int, seed: int, count: int = 49) -> Verdict:
    _, first, last, _ = scene_of(name, difficulty, seed)
    return verdict_of(name, difficulty, seed, way.draw(first, last, count))


@st.composite
def ways(draw: st.DrawFn) -> Transition:
    shape = draw(st.sampled_from(transitions.SHAPES))
    parts = {"blinds": st.integers(2, 12), "spiral": st.integers(2, 6), "dissolve": st.integers(36, 90),
             "checker": st.integers(36, 90)}  # fmt: skip
    start = draw(st.floats(0, 0.3))
    return Transition(
        shape=shape,
        angle=draw(st.floats(0, 359)),
        center=(draw(st.floats(0, 1)), draw(st.floats(0, 1))),
        softness=draw(st.sampled_from((0.0, 0.02, 0.1, 0.2, 0.5, 1.0))),
        backwards=draw(st.booleans()),
        parts=draw(parts.get(shape, st.just(1))),
        seed=draw(st.integers(0, 99)),
        pace=draw(st.sampled_from(transitions.PACES)),
        start=start,
        end=start + draw(st.floats(0.25, 0.68)),
    )


@settings(deadline=None, derandomize=True, max_examples=30)
@given(
    way=ways(),
    name=st.sampled_from((*CELLS, "sudoku", *LINES, *MOVERS)),
    difficulty=st.sampled_from((1, 3, 5)),
    seed=st.just(1000),
)
def test_no_transition_shows_a_solution(way: Transition, name: str, difficulty: int, seed: int) -> None:
    verdict = drawn(way, name, difficulty, seed)
    assert not verdict.passed
    assert verdict.value <= NOTHING, f"{way.name}: {verdict.reason}"


# Each passed when only the order of the changes was looked at, because its edge meets the places one by one.
FOUND = [
    ("arc", 1, Transition(shape="wipe", angle=30)),
    ("arc", 3, Transition(shape="diamond")),
    ("arc", 1, Transition(shape="blinds", angle=61.76, parts=2, softness=0.02, pace="smooth", start=0.09, end=0.757)),
    ("nonogram", 3, Transition(shape="wipe", angle=210)),
    ("nonogram", 1, Transition(shape="diamond", center=(0.695, 0.83), backwards=True, pace="faster")),
    ("object_subtraction", 3, Transition(shape="clock", angle=270)),
    ("object_subtraction", 1, Transition(shape="spiral", parts=3)),
    ("object_subtraction", 1, Transition(shape="iris", center=(0.209, 0.946), pace="slower", start=0.03, end=0.318)),
    ("sudoku", 1, Transition(shape="iris", center=(0.0, 0.0))),
    ("sudoku", 3, Transition(shape="wipe", angle=150)),
    ("symmetry", 1, Transition(shape="clock", angle=270, backwards=True)),
]


@pytest.mark.parametrize(("name", "difficulty", "way"), FOUND)
def test_an_edge_that_meets_the_places_one_by_one_is_no_solution(name: str, difficulty: int, way: Transition) -> None:
    verdict = drawn(way, name, difficulty, 1000)
    assert not verdict.passed
    assert verdict.value <= NOTHING
    assert verdict.reason in ("transition", "several_at_once")


def revealed(name: str, seed: int, angles: Sequence[float], share: float, count: int = 49) -> Verdict:
    """The verdict on a video in which places are brushed in one after another, in reading order.

    Args:
        angles: directions of the brush in degrees; they take turns.
        share: share of its time that a place takes; then it rests.
    """
    task = TASKS[name]
    puzzle, first, last, _ = scene_of(name, 1, seed)
    assert isinstance(task, CellsTask)
    boxes = task.sheet(puzzle, contract.SMALL)[1]
    order = task.order(puzzle)
    frames: Frames = np.repeat(first[None], count, axis=0)
    span = 0.8 * count / len(order)
    for number, place in enumerate(order):
        left, top, right, bottom = (round(side) for side in boxes[place])
        rows, columns = slice(top - 1, bottom + 1), slice(left - 1, right + 1)
        begin = 0.06 + number * span / count
        end = begin + share * span / count
        way = Transition(shape="wipe", angle=angles[number % len(angles)], start=begin, end=end)
        frames[:, rows, columns] = way.draw(first[rows, columns], last[rows, columns], count)
    return verdict_of(name, 1, seed, frames)


@pytest.mark.parametrize("name", CELLS)
def test_places_that_are_brushed_in_one_after_another_pass(name: str) -> None:
    every_way = (70.0, 200.0, 320.0, 110.0, 10.0)
    for angles, share in (((0.0,), 0.99), ((0.0,), 0.6), (every_way, 0.99), (every_way, 0.6), ((90.0,), 0.7)):
        verdict = revealed(name, 500, angles, share)
        assert verdict.passed, f"{angles} {share}: {verdict.reason}"


@pytest.mark.parametrize("name", CELLS)
def test_places_that_pop_in_every_other_frame_pass(name: str) -> None:
    """Real models solve a puzzle in 12 of 300 frames."""
    task = TASKS[name]
    puzzle, first, _, read = scene_of(name, 1, 500)
    draw = task.painter(puzzle, contract.SMALL)
    states = [draw(state) for state in task.solution(puzzle)]
    frames = [first] * 10 + [state for state in states for _ in range(2)] + [states[-1]] * 60
    verdict = task.verify(puzzle, contract.views(np.stack(frames)), "solve", contract.SMALL, read)
    assert verdict.passed, verdict.reason


def test_masks_go_from_nothing_to_everything_and_never_back() -> None:
    for way in transitions.kinds():
        masks = np.stack(list(way.masks(24, 36, 15)))
        assert masks[0].max() == 0, way.name
        assert masks[-1].min() > 0.999, way.name
        assert (np.diff(masks, axis=0) >= 0).all(), way.name
