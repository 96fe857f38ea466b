"""Motion: what vanishes on its way or jumps, in tracks of places and in videos."""

from __future__ import annotations

import pytest

from vmevalkit import contract
from vmevalkit.tasks.base import TASKS
from vmevalkit.tasks.toolkit.grid import Place, cell_of
from vmevalkit.tasks.toolkit.motion import SMEARED, Scale, jumped, popped, vanished

SCALE = Scale(still=0.06, jump=0.6)
# A walk over six cells, with four frames for a cell, between two rests.
WALK: list[Place | None] = [
    *[(0.0, 0.0)] * 5,
    *[(0.0, i / 4) for i in range(1, 24)],
    *[(0.0, 6.0)] * 21,
]


def seen(*frames: int) -> list[Place | None]:
    """The walk, seen in some of its moving frames only."""
    return [place if i < 5 or i >= 28 or i in frames else None for i, place in enumerate(WALK)]


@pytest.mark.parametrize(
    ("track", "reason"),
    [
        (WALK, None),
        (seen(*range(5, 28, 2)), None),
        (seen(*range(5, 15), *range(17, 28)), None),
        (seen(*range(5, 15), *range(18, 28)), "vanished_on_the_way"),
        (seen(*range(5, 28, 3)), "vanished_on_the_way"),
        (seen(8, 12, 16, 20, 24), "vanished_on_the_way"),
        (WALK[:30] + [None] * 3 + WALK[33:], "vanished_on_the_way"),
        ([*WALK[:30], *[None, WALK[30]] * 3, None, *WALK[37:]], None),
        (WALK[:14] + [SMEARED] * 4 + WALK[18:], None),
        (WALK[:6] + [SMEARED] * 21 + WALK[27:], "vanished_on_the_way"),
    ],
    ids=["whole", "every second frame", "gap of two", "gap of three", "every third frame", "hops", "gone at rest",
         "flickers at rest", "smeared for a moment", "smeared all the way"],
)  # fmt: skip
def test_what_moves_must_be_seen_in_half_of_its_frames(track: list[Place | None], reason: str | None) -> None:
    fault = vanished([track], SCALE, cell_of)
    assert (fault and fault.reason) == reason


def test_a_gap_is_longer_where_a_second_has_more_frames() -> None:
    slow = [place for place in WALK for _ in range(3)]
    assert vanished([[*slow[:40], *[None] * 4, *slow[44:]]], SCALE, cell_of) is None
    assert vanished([[*slow[:40], *[None] * 7, *slow[47:]]], SCALE, cell_of) is not None


def test_a_jump_is_far_faster_than_the_other_moves_of_a_video() -> None:
    steady: list[Place | None] = [(0.0, 0.1 * i) for i in range(40)]
    assert jumped([steady], SCALE) is None
    assert jumped([steady[:20] + steady[25:]], SCALE) is None
    fault = jumped([steady[:20] + steady[28:]], SCALE)
    assert fault is not None
    assert (fault.reason, fault.frame) == ("teleport", 20)
    # The same distance is no jump where everything is as fast.
    assert jumped([steady[::5]], SCALE) is None


def test_a_move_from_rest_to_rest_is_no_move() -> None:
    rests: list[Place | None] = [(0.0, float(i // 4)) for i in range(24)]
    assert popped(rests, SCALE) is not None
    # Each frame twice, as in a video whose frame rate was doubled.
    assert popped([(0.0, float(i // 2)) for i in range(24)], SCALE) is None


@pytest.mark.parametrize("name", ["mover_hops", "mover_half_transparent", "mover_is_a_card"])
@pytest.mark.parametrize("task", ["cost_path", "key_door", "shape_sorter", "tic_tac_toe"])
def test_a_mover_that_is_not_seen_as_itself_fails(task: str, name: str) -> None:
    (trial,) = contract.try_videos(TASKS[task], 2, "solve", 7, names=(name,))
    assert trial.as_expected, str(trial)
    assert trial.verdict.value < 0.9


@pytest.mark.parametrize("task", ["dot_to_dot", "flow_connect", "ray_reflection"])
def test_dashes_and_pieces_ahead_of_the_tip_fail(task: str) -> None:
    for trial in contract.try_videos(TASKS[task], 2, "solve", 7, names=("dashes_flash", "piece_ahead")):
        assert trial.verdict.reason == "ahead_of_tip", str(trial)


@pytest.mark.parametrize("name", ["rotation", "subway"])
def test_a_step_that_is_cut_out_is_a_jump(name: str) -> None:
    (trial,) = contract.try_habits(TASKS[name], 2, 0, ["middle_quarter_cut_out"])
    assert trial.verdict.reason == "teleport"
