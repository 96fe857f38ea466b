"""Key and door: an independent search, other right videos, and videos that try to get past the verifier."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from tests.one_task import score_states, score_video, video_of
from vmevalkit.tasks.key_door import KeyDoor, Moment, Puzzle

TASK = KeyDoor()


def walk(of: Puzzle, a: tuple[int, int], b: tuple[int, int], closed: set[tuple[int, int]]) -> int | None:
    """Cells walked from one to another around closed doors, by flooding."""
    reached, count = {a}, 0
    while b not in reached:
        new = {near for cell in reached for near in of.around(cell)} - reached - closed
        if not new:
            return None
        reached |= new
        count += 1
    return count


def shortest(of: Puzzle) -> int:
    """The best of all orders in which some keys might be fetched and their doors opened."""
    best = []
    for count in range(len(of.locks) + 1):
        for locks in itertools.combinations(of.locks, count):
            stops = [(lock.key, False) for lock in locks] + [(lock.door, True) for lock in locks]
            for order in itertools.permutations(stops):
                if any(order.index((lock.key, False)) > order.index((lock.door, True)) for lock in locks):
                    continue
                here, closed, total = of.start, {lock.door for lock in of.locks}, 0
                for stop, opens in (*order, (of.goal, False)):
                    closed = closed - {stop}
                    far = walk(of, here, stop, closed)
                    if far is None:
                        break
                    here, total = stop, total + far + opens
                else:
                    best.append(total)
    return min(best)


@pytest.mark.parametrize("difficulty", range(1, 6))
def test_no_other_order_of_keys_and_doors_is_shorter_and_none_can_be_left_out(difficulty: int) -> None:
    for seed in range(6):
        of = TASK.example(difficulty, seed)
        path = TASK.solution(of)
        assert shortest(of) == len(path) - 1
        assert path[-1] == Moment((float(of.goal[0]), float(of.goal[1])), (0.0,) * (2 * len(of.locks)))
        assert walk(of, of.start, of.goal, {of.locks[-1].door}) is None


def test_a_door_may_vanish_while_the_disc_moves_on_and_a_key_when_it_is_touched() -> None:
    of = TASK.example(2, 1)
    states = []
    for a, b in itertools.pairwise(TASK.solution(of)):
        if a.place == b.place:
            continue
        # Everything vanishes as soon as the rims touch, without a stop.
        shown = a.shown if a.shown[0] != b.shown[0] else b.shown
        (row, column), (to_row, to_column) = a.place, b.place
        near = row + 0.35 * (to_row - row), column + 0.35 * (to_column - column)
        states += [a, Moment(near, shown), Moment(near, b.shown)]
    assert score_states(TASK, of, [*states, TASK.solution(of)[-1]], 97).passed


def test_a_key_may_be_passed_over_and_fetched_later() -> None:
    of = TASK.example(1, 0)
    path = TASK.solution(of)
    at_key = next(i for i, m in enumerate(path) if not m.shown[0])
    ignored = [m._replace(shown=path[0].shown) for m in path[: at_key + 1]]
    assert score_states(TASK, of, [*ignored, *ignored[-2::-1], *path], 97).passed


def test_nothing_is_reached_through_a_wall() -> None:
    tried = 0
    for seed in range(40):
        of = TASK.example(3, seed)
        (lock,) = of.locks
        path = TASK.solution(of)
        for i, (r, c) in enumerate(m.place for m in path):
            if path[i].shown != (0.0, 1.0) or abs(r - lock.door[0]) + abs(c - lock.door[1]) != 1:
                continue
            if not of.open((round(r), round(c)), lock.door) and i < len(path) - 4 and tried < 3:
                opened = [m._replace(shown=(0.0, 0.0)) for m in path[i:]]
                assert score_states(TASK, of, [*path[: i + 1], *opened]).reason == "untouched"
                tried += 1
                break
    assert tried


def test_half_open_doors_and_doors_of_another_color_are_no_open_doors() -> None:
    of = TASK.example(2, 3)
    path = TASK.solution(of)
    ajar = [m._replace(shown=(m.shown[0], max(m.shown[1], 0.75))) for m in path]
    assert not score_states(TASK, of, ajar).passed
    frames = video_of(TASK, of, path)
    door = (np.abs(frames[0].astype(int) - frames[-1]).max(2) > 30)[None, :, :, None]
    gray = np.broadcast_to(frames.mean(3, keepdims=True).astype(np.uint8), frames.shape)
    assert not score_video(TASK, of, np.where(door, gray, frames)).passed


@pytest.mark.parametrize("seed", range(3))
def test_the_wrong_key_opens_no_door(seed: int) -> None:
    of = TASK.example(4, seed)
    path = TASK.solution(of)
    one_key = next(m.shown[:2] for m in path if not all(m.shown[:2]))
    # The second key stays where it is, but its door opens.
    kept = [m._replace(shown=(*(one_key if not any(m.shown[:2]) else m.shown[:2]), *m.shown[2:])) for m in path]
    assert score_states(TASK, of, kept).reason == "no_key"
