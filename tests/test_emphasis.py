"""Emphasis of what acts: glows and lit squares are taken out, and nothing else is excused with them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from vmevalkit import contract
from vmevalkit.media import Planes, Views
from vmevalkit.tasks.base import TASKS
from vmevalkit.tasks.toolkit.emphasis import Stage, without_emphasis

SIZE, SIDE, COUNT = (60, 120), 12, 24
PAPER, MOVER, BYSTANDER, GLOW = (240, 128, 128), (80, 180, 100), (90, 100, 190), (210, 50, 150)
Region = tuple[slice, slice]


def filled(planes: Planes, region: Region, color: tuple[int, int, int], share: float = 1.0) -> None:
    """Mix a color into a region."""
    part: npt.NDArray[np.float64] = planes[:, region[0], region[1]].astype(float)
    planes[:, region[0], region[1]] = part + (np.array(color)[:, None, None] - part) * share


def square_at(x: int, y: int = 24) -> Region:
    return slice(y, y + SIDE), slice(x, x + SIDE)


def scene(x: int | None) -> Planes:
    """A bystander, and a square that moves to the right unless it is invisible."""
    planes = np.empty((3, *SIZE), np.uint8)
    planes[:] = np.array(PAPER)[:, None, None]
    filled(planes, square_at(100, 40), BYSTANDER)
    if x is not None:
        filled(planes, square_at(x), MOVER)
    return planes


def places() -> list[int]:
    """Where the square is in each frame: it rests, moves, and rests again."""
    return [10 + 8 * min(max(0, i - 4), 7) for i in range(COUNT)]


@pytest.fixture
def video() -> Views:
    return np.stack([scene(x) for x in places()])


@pytest.fixture
def stage() -> Stage:
    return Stage([scene(x) for x in places()], [scene(None)] * COUNT)


def test_lit_squares_are_taken_out(video: Views, stage: Stage) -> None:
    lit = video.copy()
    for i in range(5, 12):
        lit[i] = scene(None)
        for x in (10, 66):
            filled(lit[i], square_at(x), GLOW, 0.4)
        filled(lit[i], square_at(places()[i]), MOVER)
    repaired = without_emphasis(lit, stage, steps=1)
    assert repaired is not None
    assert (repaired.views == video).all()
    assert (repaired.tolerated.code, repaired.tolerated.first, repaired.tolerated.last) == ("emphasis", 5, 11)


def test_a_video_without_emphasis_is_not_touched(video: Views, stage: Stage) -> None:
    assert without_emphasis(video, stage, steps=1) is None


@pytest.mark.parametrize("frames", [range(1, 12), range(5, COUNT)])
def test_what_is_lit_at_an_end_stays_so(video: Views, stage: Stage, frames: range) -> None:
    for i in frames:
        filled(video[i], square_at(30, 8), GLOW, 0.4)
    repaired = without_emphasis(video, stage, steps=1)
    assert repaired is None or (repaired.views[[1, -1]] == video[[1, -1]]).all()


def test_nothing_is_lit_long_before_it_acts(video: Views, stage: Stage) -> None:
    """With many steps, each is short."""
    for i in range(4, 6):
        filled(video[i], square_at(66), GLOW, 0.4)
    assert without_emphasis(video, stage, steps=1) is not None
    assert without_emphasis(video, stage, steps=20) is None


def test_a_place_where_nothing_acts_may_not_be_lit(video: Views, stage: Stage) -> None:
    for i in range(6, 12):
        filled(video[i], square_at(100, 2), GLOW, 0.4)
    assert without_emphasis(video, stage, steps=1) is None


def test_what_moves_in_another_color_is_not_seen(video: Views, stage: Stage) -> None:
    for i in (7, 8):
        filled(video[i], square_at(places()[i]), GLOW)
    repaired = without_emphasis(video, stage, steps=1)
    assert repaired is not None
    assert (repaired.views[7:9] == scene(None)).all()


def test_a_thing_that_fades_for_a_while_stays_faded(video: Views, stage: Stage) -> None:
    for i in range(7, 11):
        filled(video[i], square_at(places()[i], 8), GLOW, 0.4)
        filled(video[i], square_at(100, 40), PAPER, 0.6)
    repaired = without_emphasis(video, stage, steps=1)
    assert repaired is None or (repaired.views[9, :, 40:52, 100:112] == video[9, :, 40:52, 100:112]).all()


@pytest.mark.parametrize(
    ("task", "difficulty", "names"),
    [
        ("maze", 1, ["lit_squares", "squares_lit_ahead"]),
        ("tower_of_hanoi", 1, ["trail_fades"]),
        ("dot_to_dot", 1, ["haloed_line"]),
        ("chess", 1, ["trail_ahead"]),
        # On a dark board, a tint changes the brightness more than on paper.
        ("lights_out", 1, ["cell_highlighted", "answer_highlighted_ahead"]),
        ("lights_out", 5, ["halo"]),
    ],
)
def test_emphasis_passes_and_its_evil_twins_fail(task: str, difficulty: int, names: list[str]) -> None:
    for trial in contract.try_habits(TASKS[task], difficulty, 0, names):
        assert trial.as_expected, str(trial)
