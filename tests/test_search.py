"""The search for cheats is reproducible, finds a hole in a weak verifier, and never shows a legal step."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import pytest

from vmevalkit import contract
from vmevalkit.contract import Scene
from vmevalkit.contract.edits import Cover, Cut, Editor, Edits, Patch
from vmevalkit.contract.transitions import Transition
from vmevalkit.defaults import DEFAULT_CANVAS
from vmevalkit.media import Views
from vmevalkit.tasks.base import FPS, TASKS, Reader, random_generator
from vmevalkit.tasks.symmetry import Puzzle, Symmetry
from vmevalkit.types import Mode, Size, Verdict

COUNT = 17
FADE = Transition(shape="fade", start=0.2, end=0.7)
JUMP = Transition(shape="fade", start=0.5, end=0.5)


class Careless(Symmetry):
    """A verifier that looks at the end, and believes in steps if what stays looks different meanwhile."""

    def verify(
        self,
        puzzle: Puzzle,
        frames: Views,
        mode: Mode = "solve",
        canvas: Size = DEFAULT_CANVAS,
        read: Reader[Any] | None = None,
        fps: float = FPS,
    ) -> Verdict:
        start, answer = (self.drawing(puzzle, self.solution(puzzle)[k], canvas).astype(int) for k in (0, -1))
        is_held = np.abs(frames[-2:] - answer).mean() < 1
        # A transition alone changes only what differs between the start and the answer.
        seen = np.abs(frames - answer)[:, :, (start == answer).all(0)].mean() > 0.2
        return self.verdict("solved" if is_held and seen else "no_change", float(is_held), float(seen), 1.0, 0)


@lru_cache(maxsize=4)
def scene_of(task: Any) -> Scene:
    puzzle, other = contract.puzzle_of(task, 1, 0), contract.other_puzzle_of(task, 1, 0)
    return Scene(task, puzzle, other, "solve", contract.SMALL)


@lru_cache(maxsize=4)
def editor_of(name: str) -> Editor:
    return Editor(scene_of(TASKS[name]), COUNT)


def test_the_search_finds_the_hole_of_a_careless_verifier() -> None:
    scene = scene_of(Careless())
    found = contract.search(scene, random_generator("test", 2), 10, COUNT)
    assert found.verdict.passed
    assert found.is_finding
    # The edits alone give the video again, and the real verifier does not accept it.
    again = contract.Found.model_validate_json(found.model_dump_json())
    frames = Editor(scene, COUNT).draw(again.edits)
    assert frames is not None
    assert scene.task.verify(scene.puzzle, contract.views(frames), "solve", scene.canvas) == found.verdict
    assert not TASKS["symmetry"].verify(scene.puzzle, contract.views(frames), "solve", scene.canvas).passed


def test_a_seed_gives_the_same_search() -> None:
    scene = scene_of(Careless())
    a, b, other = (contract.search(scene, random_generator("test", seed), 3, COUNT) for seed in (1, 1, 2))
    assert a == b
    assert a.edits != other.edits


@pytest.mark.parametrize(
    ("edits", "is_drawn"),
    [
        (Edits(way=FADE), True),
        (Edits(way=JUMP), True),
        (Edits(way=None, patches=(Patch(source="answer", places=(0, 1), start=0.3, end=1),)), True),
        # A place that changes alone is a legal step, however it comes about.
        (Edits(way=None, patches=(Patch(source="answer", places=(0,), start=0.3, end=1),)), False),
        (Edits(way=JUMP, patches=(Patch(source="start", places=(2,), start=0.3, end=0.9),)), False),
        # An edge may meet the places one after another, but no cut may let it skip what shows that it is one.
        (Edits(way=Transition(shape="wipe", angle=25)), True),
        (Edits(way=Transition(shape="wipe", angle=25), cuts=(Cut(start=0.3, length=0.1),)), False),
    ],
)
def test_edits_that_show_a_step_are_not_drawn(edits: Edits, is_drawn: bool) -> None:
    frames = editor_of("symmetry").draw(edits)
    assert (frames is not None) == is_drawn
    if frames is not None:
        assert frames.shape == (COUNT, *editor_of("symmetry").scene.first.shape)


def test_a_cut_moves_what_follows_and_holds_the_end() -> None:
    editor = editor_of("maze")
    plain, cut = editor.draw(Edits(way=FADE)), editor.draw(Edits(way=FADE, cuts=(Cut(start=0.25, length=0.25),)))
    assert plain is not None
    assert cut is not None
    np.testing.assert_array_equal(cut, plain[[0, 1, 2, 3, *range(8, COUNT), *[COUNT - 1] * 4]])


# Edits that the search found, by task and difficulty. Each passed.
FOUND = [
    # A hand covers a place in the frame in which the edge passes over it, so that the edge does not explain its time.
    (
        "sudoku",
        1,
        Edits(
            way=Transition(shape="box", center=(0.754, 0.165), softness=0.02, backwards=True, pace="faster",
                           start=0.08067577293735606, end=0.5454012622207054),
            covers=(Cover(look="hand", origin=(0.3296890258844867, 0.660887002145157),
                          target=(0.9757859486257318, 0.6962481827996395), size=0.1, color=0, start=0.314,
                          end=0.347),),
        ),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("name", "difficulty", "edits"), FOUND)
def test_what_the_search_found_is_worth_nothing(name: str, difficulty: int, edits: Edits) -> None:
    task = TASKS[name]
    puzzle, other = contract.puzzle_of(task, difficulty, 0), contract.other_puzzle_of(task, difficulty, 0)
    scene = Scene(task, puzzle, other, "solve", contract.SMALL)
    frames = Editor(scene).draw(edits)
    assert frames is not None
    verdict = task.verify(puzzle, contract.views(frames), "solve", contract.SMALL)
    assert not verdict.passed
    assert verdict.value <= 0.02
