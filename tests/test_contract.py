"""The contract over every registered task. A task file that is dropped into the folder is tested by being there."""

from __future__ import annotations

import itertools
import re

import pytest

from vmevalkit import contract
from vmevalkit.defaults import DEFAULT_CANVAS
from vmevalkit.tasks.base import TASKS
from vmevalkit.types import MODES

DIFFICULTIES = range(1, 6)
SEEDS = range(10)
# Films that go through files: what must pass, and what comes nearest to passing.
FILMS = ("ground_truth", "crossfade", "reversed", "still")


@pytest.mark.parametrize("difficulty", DIFFICULTIES)
@pytest.mark.parametrize("name", TASKS)
def test_right_films_pass_and_cheap_films_fail(name: str, difficulty: int) -> None:
    breaches = []
    for seed in SEEDS:
        # Two of three questions on a canvas of half the size: quicker, and verdicts must not depend on it.
        canvas = (360, 240) if seed % 3 else (720, 480)
        breaches += contract.check_films(TASKS[name], difficulty, "solve", seed, canvas)
        # guided differs from solve in the prompt alone; hold asks for no fine reading.
        breaches += contract.check_films(TASKS[name], difficulty, "hold", seed, (360, 240))
    assert not breaches, "\n".join(map(str, breaches))


@pytest.mark.parametrize("transform", contract.TRANSFORMS, ids=lambda transform: transform.name)
@pytest.mark.parametrize("name", TASKS)
def test_transforms_change_no_verdict(name: str, transform: contract.Transform) -> None:
    """Each transform meets every difficulty; seeds, modes and films take turns, so that all meet all over the suite."""
    number = contract.TRANSFORMS.index(transform)
    breaches = []
    for difficulty in DIFFICULTIES:
        seed = (number + difficulty) % len(SEEDS)
        names = ("ground_truth", FILMS[1 + (number + difficulty) % (len(FILMS) - 1)])
        mode = MODES[(number + difficulty) % len(MODES)]
        breaches += contract.check_transform(TASKS[name], difficulty, mode, seed, transform, names)
    assert not breaches, "\n".join(map(str, breaches))


@pytest.mark.parametrize("name", TASKS)
def test_solution_film_shows_every_step_twice(name: str) -> None:
    task = TASKS[name]
    for difficulty, seed in itertools.product(DIFFICULTIES, SEEDS):
        puzzle = contract.puzzle_of(task, difficulty, seed)
        states = task.solution(puzzle)
        for count in (49, 17) if difficulty <= 2 else (49,):
            frames = list(task.film(puzzle, states, DEFAULT_CANVAS, count))
            changes = sum(not (a == b).all() for a, b in itertools.pairwise(frames))
            assert len(frames) == count
            assert changes >= 2 * (len(states) - 1), f"{name} {difficulty} {seed}: {changes} changes in {count} frames"


@pytest.mark.parametrize("name", TASKS)
def test_two_hundred_questions_of_one_difficulty_are_different(name: str) -> None:
    from vmevalkit.runner.questions import _choose

    for difficulty in DIFFICULTIES:
        puzzles = {str(puzzle) for puzzle in _choose(name, 7, difficulty, list(range(200)))}
        assert len(puzzles) == 200


@pytest.mark.parametrize("name", TASKS)
def test_prompts_fit_and_vary(name: str) -> None:
    task = TASKS[name]
    for difficulty in DIFFICULTIES:
        puzzles = [contract.puzzle_of(task, difficulty, seed) for seed in SEEDS]
        for mode in MODES:
            prompts = [task.prompt(p, mode, contract.stream("prompt", name, i)) for i, p in enumerate(puzzles)]
            assert len(set(prompts)) >= 3, f"{name} {mode}: one phrasing only"
            for prompt in prompts:
                # The T5 tokenizer splits rare words in two or three; common ones, digits and marks are one token each.
                pieces = re.findall(r"[A-Za-z]+|\d|[^\sA-Za-z\d]", prompt)
                tokens = sum(1 + (len(piece) > 9) for piece in pieces)
                assert tokens <= 215, f"{name} {mode} {difficulty}: about {tokens} of 226 tokens: {prompt}"
    assert all(len(task.phrasings(puzzle)) >= 3 for puzzle in puzzles)


@pytest.mark.parametrize("name", TASKS)
def test_small_canvas_and_square_canvas_are_judged_too(name: str) -> None:
    task = TASKS[name]
    for size in ((96, 96), (512, 512)):
        puzzle = contract.puzzle_of(task, 1, 0)
        other = contract.puzzle_of(task, 1, 1)
        for film in contract.films(task, puzzle, other, "solve", size):
            if film.name in ("ground_truth", *contract.WORTHLESS):
                frames = contract.views(film.draw(49))
                verdict = task.verify(puzzle, frames, "solve", size)
                assert verdict.passed == film.passes, f"{name} at {size}: {film.name}: {verdict}"


@pytest.mark.parametrize("name", TASKS)
def test_every_reason_has_a_sentence_and_every_task_a_summary(name: str) -> None:
    task = TASKS[name]
    assert task.summary.endswith(".")
    assert all(sentence.endswith(".") for sentence in task.reasons.values())
