"""Fades and cuts at the ends of a video: dropped and noted, unless they hide a mistake."""

from __future__ import annotations

import numpy as np
import pytest

from tests.one_task import CANVAS, video_of
from vmevalkit import contract
from vmevalkit.media import Frames
from vmevalkit.tasks.base import FRAMES, TASKS
from vmevalkit.types import Verdict

BLACK, WHITE = np.zeros(3, np.uint8), np.full(3, 255, np.uint8)


def truth(task: str) -> Frames:
    """Return a ground-truth video."""
    return video_of(TASKS[task], TASKS[task].example(2))


def verdict(task: str, frames: Frames, mode: str = "solve", fps: float = 8.0) -> Verdict:
    """Score a video of the same puzzle."""
    of = TASKS[task].example(2)
    return TASKS[task].verify(of, contract.views(frames), mode, CANVAS, fps=fps)  # type: ignore[arg-type]


def card() -> Frames:
    """Return a test card."""
    bars = np.array([[192, 192, 0], [0, 192, 192], [192, 0, 192], [0, 0, 192]], np.uint8)
    return np.broadcast_to(np.repeat(bars, CANVAS[0] // 4, axis=0), (CANVAS[1], CANVAS[0], 3))


def faded(frames: Frames, color: Frames, shares: list[float], at_end: bool = False) -> Frames:
    """Blend the first or last frames with a color; `shares` are those of the frames."""
    found = frames.astype(np.float32)
    for i, share in enumerate(shares):
        k = i - len(shares) if at_end else i
        found[k] = found[k] * share + color * np.float32(1 - share)
    rounded: Frames = found.round().astype(np.uint8)
    return rounded


@pytest.mark.parametrize("task", ["maze", "sudoku"])
@pytest.mark.parametrize("color", [BLACK, WHITE], ids=["black", "white"])
def test_fades_are_dropped(task: str, color: Frames) -> None:
    found = verdict(task, faded(truth(task), color, [0.0, 0.33, 0.66]))
    assert found.passed
    assert [(t.code, t.first, t.last) for t in found.tolerated] == [("fade", 0, 2)]
    found = verdict(task, faded(truth(task), color, [0.7, 0.3], at_end=True))
    assert found.passed
    assert [(t.code, t.first, t.last) for t in found.tolerated] == [("fade", 47, 48)]


@pytest.mark.parametrize("task", ["maze", "sudoku"])
def test_a_cut_to_another_scene_is_dropped(task: str) -> None:
    for end in (card(), BLACK, WHITE):
        frames = truth(task)
        frames[-2:] = end
        found = verdict(task, frames)
        assert found.passed
        assert [(t.code, t.first, t.last) for t in found.tolerated] == [("end_cut", 47, 48)]
    assert not verdict(task, np.concatenate([frames[:-2], *[card()[None]] * 4])).passed, "half a second is too long"
    frames = np.concatenate([np.repeat(truth(task)[:-2], 3, axis=0), *[card()[None]] * 6])
    assert verdict(task, frames, fps=24.0).passed, "a quarter second has six frames here"
    assert not verdict(task, frames, fps=12.0).passed


def test_no_mistake_is_dropped() -> None:
    frames = truth("maze")
    ends = {
        "undone": frames[[0, 0]],
        "undone in a fade": faded(frames[[0, 0]], BLACK, [0.6, 0.5]),
        "inverted": 255 - frames[-2:],
        "half covered": np.where(np.arange(CANVAS[0])[:, None] < 180, card(), frames[-2:]),
    }
    for name, end in ends.items():
        assert not verdict("maze", np.concatenate([frames[:-2], end])).passed, name
    late = np.concatenate([faded(frames[[0, 0]], BLACK, [0.0, 0.0]), frames[10:]])
    assert verdict("maze", late).reason == "wrong_start"
    unfinished = verdict("maze", np.concatenate([frames[:20], *[card()[None]] * 2]))
    assert (unfinished.reason, unfinished.evidence_frame) == ("unfinished", 19), "what is left is judged"


def test_evidence_counts_in_the_whole_video() -> None:
    frames = truth("maze")
    frames[20:, 100:140, 100:140] = (200, 30, 110)
    plain = verdict("maze", frames)
    black = verdict("maze", faded(np.concatenate([frames[:1], frames]), BLACK, [0.0]))
    assert not plain.passed
    assert plain.evidence_frame is not None
    assert (black.reason, black.evidence_frame) == (plain.reason, plain.evidence_frame + 1)


def test_in_mode_hold_only_fades_are_dropped() -> None:
    still = np.repeat(truth("maze")[:1], 24, axis=0)
    assert verdict("maze", faded(still, BLACK, [0.0, 0.3]), "hold").passed
    assert verdict("maze", faded(still, BLACK, [0.6, 0.3], at_end=True), "hold").passed
    cut = np.concatenate([still, card()[None]])
    assert not verdict("maze", cut, "hold").passed


@pytest.mark.parametrize("task", ["dot_to_dot", "sudoku"])
def test_a_flash_and_a_washed_out_end_are_light(task: str) -> None:
    found = verdict(task, faded(truth(task), WHITE, [0.75, 0.4, 0.75, 1.0, 1.0], at_end=True))
    assert found.passed
    assert [(t.code, t.first, t.last) for t in found.tolerated] == [("flash", 44, 46)]
    shares = [1 - 0.055 * k for k in range(1, 7)]
    found = verdict(task, faded(truth(task), np.full(3, 225, np.uint8), shares, at_end=True))
    assert found.passed
    assert [t.code for t in found.tolerated] == ["light"]
    assert found.tolerated[0].last == FRAMES - 1


def test_after_a_fade_the_frames_of_a_flash_count_in_the_whole_video() -> None:
    fade = faded(truth("maze"), BLACK, [0.0, 0.33, 0.66])
    found = verdict("maze", faded(fade, WHITE, [0.75, 0.4, 0.75, 1.0, 1.0], at_end=True))
    assert found.passed
    assert [(t.code, t.first, t.last) for t in found.tolerated] == [("fade", 0, 2), ("flash", 44, 46)]


def test_a_flash_hides_no_steps() -> None:
    frames = truth("sudoku")
    hidden = np.concatenate([frames[:10], faded(frames[:3], WHITE, [0.75, 0.4, 0.75]), frames[30:]])
    assert not verdict("sudoku", hidden).passed
