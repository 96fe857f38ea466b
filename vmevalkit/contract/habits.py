"""Habits of models and platforms that a careful person accepts, each next to its evil twin, which must fail.

Here are those of light, camera, the ends of a video and the margin. `emphasis` has those of the object that acts, and
`transients` has cursors, hands and other things that come and go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import numpy as np

from vmevalkit.contract import brushes
from vmevalkit.contract.brushes import each, mixed
from vmevalkit.contract.emphasis import emphasis
from vmevalkit.contract.motion import Mask, PixelBox, box_of
from vmevalkit.contract.transients import transients
from vmevalkit.contract.videos import ContractVideo, Scene
from vmevalkit.media import Frame, Frames
from vmevalkit.tasks.base import FRAMES

# A pixel whose channels are this near to the background, of 255, is unused.
_FAINT = 6
_WHITE = (255, 255, 255)
_INK = (40, 44, 52)


def habit_videos(scene: Scene) -> Iterator[ContractVideo]:
    """Yield every habit (must pass) and evil twin (must fail) that makes sense for a puzzle, in mode solve."""
    for part in (_light, _camera, _ends, _margin, emphasis, transients):
        for video in part(scene):
            yield replace(video, group="habit" if video.passes else "twin")


def _light(scene: Scene) -> Iterator[ContractVideo]:
    truth, first, last = scene.truth, scene.first, scene.last
    yield ContractVideo("first_frames_too_bright", lambda n: each(truth(n), partial(_too_bright, until=n // 10)), True)
    yield ContractVideo("last_frames_washed_out", lambda n: each(scene.held(n, 2), partial(_washed_out, count=n)), True)
    yield ContractVideo("flash_at_the_end", lambda n: _flash_at(scene.held(n, 2), n - 4), True)
    yield ContractVideo("flash_between", partial(_between, first, last, np.full_like(first, 255)), False)
    for name, change in (
        ("vignette", lambda f, t: brushes.vignetted(f, 0.15 * t)),
        ("less_saturation", lambda f, t: brushes.saturated(f, 1 - 0.4 * t)),
        ("more_saturation", lambda f, t: brushes.saturated(f, 1 + 0.5 * t)),
        ("brighter_gamma", lambda f, t: brushes.with_gamma(f, 1 - 0.2 * t)),
        ("darker_gamma", lambda f, t: brushes.with_gamma(f, 1 + 0.3 * t)),
    ):
        yield ContractVideo(name, partial(_coming, scene, change), True)
    if brushes.is_colorful(first):
        yield ContractVideo("hues_turned", partial(_coming, scene, lambda f, t: brushes.hue_turned(f, 90 * t)), False)


def _coming(scene: Scene, change: Callable[[Frame, float], Frame], count: int) -> Frames:
    """Change the ground truth more and more, until the change is complete after a third of it."""
    return each(scene.truth(count), lambda frame, i: change(frame, min(1.0, 3 * i / count)))


def _too_bright(frame: Frame, i: int, until: int) -> Frame:
    return mixed(frame, _WHITE, 0.35 * max(0, until - i) / until)


def _washed_out(frame: Frame, i: int, count: int) -> Frame:
    """Let the last eighth of the video lose up to a third of its contrast."""
    return mixed(frame, (225, 225, 225), 0.33 * max(0.0, 1 - (count - 1 - i) / (count / 8)))


def _flash_at(frames: Frames, at: int) -> Frames:
    return each(frames, lambda f, i: mixed(f, _WHITE, {0: 0.6, 1: 0.25}.get(abs(i - at), 0.0)))


def _between(first: Frame, last: Frame, card: Frame, count: int) -> Frames:
    """Show the question, then a card in two frames, then the answer."""
    return np.stack([first if i < count // 2 else card if i < count // 2 + 2 else last for i in range(count)])


def _camera(scene: Scene) -> Iterator[ContractVideo]:
    truth = scene.truth
    yield ContractVideo("push_in", lambda n: each(truth(n), lambda f, i: brushes.zoomed(f, 1 + 0.02 * i / n)), True)
    yield ContractVideo("zoom_in_far", lambda n: each(truth(n), lambda f, i: brushes.zoomed(f, 1 + 0.15 * i / n)),
                        False)  # fmt: skip
    yield ContractVideo("camera_wobble", lambda n: each(truth(n), _wobbled), False)
    yield ContractVideo("interpolated", lambda n: _interpolated(truth(n // 2 + 1))[:n], True)


def _wobbled(frame: Frame, i: int) -> Frame:
    """Move the camera to and fro by 4 % of the width: 28 pixels of 720."""
    far = round(0.04 * frame.shape[1])
    right = (0, far, 0, -far)[i % 4]
    padded = np.pad(frame, ((0, 0), (far, far), (0, 0)), mode="edge")
    return padded[:, far - right : far - right + frame.shape[1]]


def _interpolated(frames: Frames) -> Frames:
    """Put the blend of two neighbors between any two frames."""
    pairs = frames.astype(np.uint16)
    between = ((pairs[:-1] + pairs[1:] + 1) // 2).astype(np.uint8)
    woven = np.empty((2 * len(frames) - 1, *frames.shape[1:]), np.uint8)
    woven[::2], woven[1::2] = frames, between
    return woven


def _ends(scene: Scene) -> Iterator[ContractVideo]:
    truth, first, last = scene.truth, scene.first, scene.last
    yield ContractVideo("fade_from_black", lambda n: _faded_in(truth(n - 3)), True)
    yield ContractVideo("fade_in_to_answer", lambda n: _faded_in(np.repeat(last[None], n - 3, axis=0)), False)
    for name, card in (("test_card", brushes.card_test), ("black", brushes.card_black), ("logo", brushes.card_logo)):
        shown = card(first)
        yield ContractVideo(f"ends_with_{name}", partial(_ended, scene, shown), True)
        yield ContractVideo(f"{name}_between", partial(_between, first, last, shown), False)
        yield ContractVideo(f"{name}_before_answer", partial(_unsolved, scene, shown), False)
    yield ContractVideo(
        "loops_back", lambda n: np.concatenate([truth(n - 3), np.repeat(first[None], 3, axis=0)]), False
    )


def _faded_in(frames: Frames) -> Frames:
    return np.concatenate([[mixed(frames[0], (0, 0, 0), 1 - k / 3) for k in range(3)], frames])


def _ended(scene: Scene, card: Frame, count: int) -> Frames:
    """End with one frame of a card."""
    return np.concatenate([scene.truth(count - 1), card[None]])


def _unsolved(scene: Scene, card: Frame, count: int) -> Frames:
    """End with a card before the last step is complete."""
    motion = scene.motion(count)
    shown = motion.during(motion.count_of_steps - 1).start
    return np.concatenate([motion.frames[:shown], np.repeat(card[None], count - shown, axis=0)])


def _margin(scene: Scene) -> Iterator[ContractVideo]:
    """Text and marks beside the puzzle, and twins on the puzzle."""
    height, width = scene.first.shape[:2]
    used = _used(scene)
    outside = np.zeros_like(used)
    left, top, right, bottom = box_of(used)
    outside[top:bottom, left:right] = True
    font, clear = height / 16, round(0.015 * width)
    words = next((w for w in ("Solved!", "Done", "OK") if brushes.free_box(outside, brushes.text_size(w, font), clear)),
                 None)  # fmt: skip
    if words is not None:
        box = brushes.free_box(outside, brushes.text_size(words, font), clear)
        assert box is not None
        write = partial(_write, box=box, words=words, font=font)
        yield ContractVideo("caption_for_a_while", lambda n: _shown(scene.truth(n), write, 0.4, 0.7), True)
        yield ContractVideo("caption_at_the_end", lambda n: _shown(scene.held(n, 4), write, 0.85, 1), True)
    side = round(0.09 * height)
    square = brushes.free_box(outside, (side, side), clear)
    if square is not None:
        yield ContractVideo("tick_at_the_end", lambda n: _shown(scene.held(n, 4), partial(_tick, box=square), 0.85, 1),
                            True)  # fmt: skip
        yield ContractVideo("ring_at_the_end", lambda n: _shown(scene.held(n, 4), partial(_ring, box=square), 0.85, 1),
                            True)  # fmt: skip
    yield from _marks(scene, used)
    x, y = scene.motion(FRAMES).target
    size = brushes.text_size("Wrong", font)
    over = (round(x - size[0] / 2), round(y - size[1] / 2), 0, 0)
    false = partial(_write, box=over, words="Wrong", font=font)
    yield ContractVideo("caption_on_the_board", lambda n: _shown(scene.held(n, 4), false, 0.5, 1), False)
    on = (round(x - side), round(y - side), round(x + side), round(y + side))
    yield ContractVideo("tick_on_the_board", lambda n: _shown(scene.held(n, 4), partial(_tick, box=on), 0.85, 1), False)


def _marks(scene: Scene, used: Mask) -> Iterator[ContractVideo]:
    """A platform's mark in a free corner, all the time; its twin lies on the puzzle."""
    height, width = scene.first.shape[:2]
    font, clear = height / 20, round(0.01 * width)
    size = brushes.text_size("Sora", font)
    places = [brushes.free_box(used, size, clear, corner) for corner in ("right bottom", "left top", "right top")]
    found = list(dict.fromkeys(box for box in places if box is not None))
    if found:
        mark = partial(_mark, boxes=found[:1], font=font)
        yield ContractVideo("corner_mark", lambda n: each(scene.truth(n), mark), True)
    if len(found) > 1:
        moving = partial(_mark, boxes=found, font=font)
        yield ContractVideo("moving_corner_mark", lambda n: each(scene.truth(n), moving), True)


def _mark(frame: Frame, i: int, boxes: list[PixelBox], font: float) -> Frame:
    """Write a half-transparent mark, in another corner after each 16 frames."""
    box = boxes[i // 16 % len(boxes)]
    return brushes.with_text(frame, box[:2], "Sora", font, (120, 120, 124), 0.6)


def _used(scene: Scene) -> Mask:
    """Return the pixels that the puzzle uses at any time: those that do not have the color of the frame's edge."""
    edge = np.median(np.concatenate([scene.first[0], scene.first[-1], scene.first[:, 0], scene.first[:, -1]]), axis=0)
    frames = scene.truth(FRAMES)
    used: Mask = ((frames.max(0) > edge + _FAINT) | (frames.min(0) < edge - _FAINT)).any(2)
    return used


def _shown(frames: Frames, paint: Callable[[Frame], Frame], start: float, end: float) -> Frames:
    """Paint onto the frames of a part of the video, given in shares of it."""
    count = len(frames)
    return each(frames, lambda frame, i: paint(frame) if start * count <= i < end * count else frame)


def _write(frame: Frame, box: PixelBox, words: str, font: float) -> Frame:
    # Dark on a bright board, and bright on a dark one.
    left, top = max(0, box[0]), max(0, box[1])
    dark = frame[top : top + round(font), left : left + round(2 * font)].mean() < 110
    return brushes.with_text(frame, box[:2], words, font, _WHITE if dark else _INK)


def _tick(frame: Frame, box: PixelBox) -> Frame:
    return brushes.with_tick(frame, box, (40, 170, 80))


def _ring(frame: Frame, box: PixelBox) -> Frame:
    left, top, right, bottom = box
    side = right - left
    return brushes.with_ring(frame, ((left + right) / 2, (top + bottom) / 2), side / 2, side / 8, (220, 60, 60))
