"""A verdict names the frame, the time and the place that show why a video fails."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import vmevalkit
from vmevalkit import media, store
from vmevalkit.tasks._reading import Reading
from vmevalkit.tasks._wording import told
from vmevalkit.tasks.base import TASKS
from vmevalkit.types import Question, Score

FPS = 8.0
WIDTH, HEIGHT = 360, 240


@pytest.fixture(scope="module")
def question(tmp_path_factory: pytest.TempPathFactory) -> Question:
    folder = tmp_path_factory.mktemp("questions")
    vmevalkit.make(["clock"], count=1, difficulty=1, size=(WIDTH, HEIGHT), questions=folder)
    [made] = store.iter_questions(folder)
    return made


@pytest.fixture(scope="module")
def truth(question: Question) -> npt.NDArray[Any]:
    return np.asarray(media.read_frames(question.ground_truth))


def score(question: Question, frames: npt.NDArray[Any]) -> Score:
    return vmevalkit.score_video(question, frames, fps=FPS)


def center(box: Sequence[float]) -> tuple[float, float]:
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2


def marked(frames: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return the frames with a purple square of 24 pixels from frame 16 on."""
    out: npt.NDArray[Any] = frames.copy()
    out[16:, 40:64, 210:234] = (160, 30, 150)
    return out


def test_what_does_not_belong_is_named_and_boxed(question: Question, truth: npt.NDArray[Any]) -> None:
    found = score(question, marked(truth))
    assert found.passed is False
    assert found.evidence_frame is not None
    when = f"Frame {found.evidence_frame} ({found.evidence_frame / FPS:.1f} s)"
    assert found.explanation.startswith(f"{when}, top center: ")
    assert found.evidence_box is not None
    left, top, right, bottom = found.evidence_box
    assert left <= 214 / WIDTH < 230 / WIDTH <= right
    assert top <= 44 / HEIGHT < 60 / HEIGHT <= bottom
    assert right - left < 0.2
    assert "preservation" in found.failing


def test_the_box_is_a_share_of_the_frame_not_of_the_canvas(question: Question, truth: npt.NDArray[Any]) -> None:
    """With bars of half the canvas' height above and below, the same place lies nearer to the middle."""
    bars = np.pad(marked(truth), ((0, 0), (120, 120), (0, 0), (0, 0)))
    found = score(question, bars)
    assert found.evidence_box is not None
    x, y = center(found.evidence_box)
    assert x == pytest.approx(222 / WIDTH, abs=0.02)
    assert y == pytest.approx((120 + 52) / 480, abs=0.02)


def test_an_answer_that_is_not_reached_is_boxed_where_it_lacks(question: Question, truth: npt.NDArray[Any]) -> None:
    found = score(question, np.repeat(truth[:1], len(truth), axis=0))
    assert (found.reason, found.evidence_frame) == ("no_change", len(truth) - 1)
    changed = np.abs(truth[-1].astype(int) - truth[0]).max(axis=2) > 60
    rows, columns = np.nonzero(changed)
    assert found.evidence_box is not None
    left, top, right, bottom = found.evidence_box
    assert left <= columns.mean() / WIDTH <= right
    assert top <= rows.mean() / HEIGHT <= bottom
    assert found.failing == ("outcome",)
    assert "The time shown is " in found.explanation
    assert "; expected: " in found.explanation


def test_a_cut_of_the_whole_frame_has_no_place(question: Question, truth: npt.NDArray[Any]) -> None:
    frames = truth.copy()
    frames[20:] = 255 - frames[20:]
    found = score(question, frames)
    assert found.passed is False
    assert found.evidence_box is None
    assert found.explanation.startswith("Frame ")


def test_a_video_that_passes_has_no_evidence_and_is_stored_as_is(question: Question, truth: npt.NDArray[Any]) -> None:
    found = score(question, truth)
    assert (found.passed, found.evidence_box, found.failing) == (True, None, ())
    assert "Frame" not in found.explanation
    assert "evidence_box" not in found.model_dump()


def test_a_box_survives_being_written_and_read(question: Question, truth: npt.NDArray[Any], tmp_path: Path) -> None:
    found = score(question, marked(truth))
    store.write_score(tmp_path, found)
    [path] = tmp_path.rglob("rule.json")
    assert store.read_record(path, Score) == found


def test_noise_is_called_noise(question: Question, truth: npt.NDArray[Any]) -> None:
    frames = truth.copy()
    frames[20:] = np.random.default_rng(1).integers(0, 256, frames[20:].shape, dtype=np.uint8)
    found = score(question, frames)
    assert found.evidence_box is None
    assert found.explanation.endswith("The frame is noise.")


def test_a_color_that_does_not_belong_is_named(question: Question, truth: npt.NDArray[Any]) -> None:
    assert score(question, marked(truth)).explanation.endswith("The place is purple; expected: white.")


@pytest.mark.parametrize("name", TASKS)
def test_every_task_says_its_states_in_words(name: str) -> None:
    task = TASKS[name]
    puzzle = task.example(2)
    states = task.solution(puzzle)
    first, last = task.in_words(puzzle, states[0]), task.in_words(puzzle, states[-1])
    assert first.keys() == last.keys()
    assert first != last
    moments = [task.moment(puzzle, states, position) for position in (0.3, 0.5, len(states) - 1.4)]
    for words in (first, last, *(task.in_words(puzzle, moment) for moment in moments)):
        assert all(name and where for name, where in words.items())
        assert not any(text[-1] in ".,;" for text in (*words, *words.values()))


def read(*places: str) -> list[Reading[str]]:
    return [Reading(place) for place in places]


def disc(place: str) -> dict[str, str]:
    return {"the disc": f"at {place}"}


@pytest.mark.parametrize(
    ("reason", "places", "expected"),
    [
        ("off_line", "ax", "The disc was at a and is at x; expected: at b."),
        ("off_line", "axy", "The disc was at x and is at y; expected in the end: at c."),
        ("off_line", "aba", "The disc was at b and is at a; expected: at c."),
        ("undone", "abcb", "The disc is at b; expected: at c."),
        ("wrong_start", "b", "The disc is at b; expected: at a."),
        ("teleport", "ab", "The disc was at a and is at b."),
        ("altered", "ab", ""),
    ],
)
def test_what_was_seen_and_expected_is_said(reason: str, places: str, expected: str) -> None:
    assert told(reason, len(places) - 1, read(*places), "abc", disc) == expected


def test_what_is_lost_was_last_seen_somewhere() -> None:
    assert told("agent_lost", 2, [*read("a", "b"), Reading(None)], "abc", disc) == "The disc was last seen at b."
