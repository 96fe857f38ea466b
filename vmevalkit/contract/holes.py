"""Cheats that once passed: the answer shows through, what must stay changes or fades, and movers that are not seen.

Each was found by attackers of the verifiers. Transitions to the answer, cut corners and forbidden orders are elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

import numpy as np

from vmevalkit.contract import brushes
from vmevalkit.contract.brushes import COLORFUL, Color, each, is_colorful, mixed, pasted
from vmevalkit.contract.motion import Mask, box_of, changed, middle_of, widened
from vmevalkit.contract.videos import ContractVideo, Scene
from vmevalkit.media import Frame, Frames
from vmevalkit.tasks.base import FRAMES, as_frames

_GRAY = (150, 152, 156)
_PALE_BLUE: Color = (170, 205, 240)
_TINT: Color = (60, 120, 230)
_INK: Color = (38, 44, 56)
# Range of the area of a bystander, as a share of the frame.
_SMALLEST, _LARGEST = 0.0012, 0.05
# Bystanders are searched for in a frame made smaller by this factor. There, they are so wide and high at least, because
# nobody misses the soft rim of a wall, which has a color of its own.
_COARSE, _THICK = 3, 3
# Sides of the square in which a detail fades, as shares of the width, and the least number of pixels that must change,
# as a share of the square.
_DETAILS = {"detail_fades_away": 0.08, "small_detail_fades_away": 0.045}
_LEAST = 0.12
# Share of a step after which a look has about half of its size.
_HALF = 0.25
# Part of the steps that is cut out.
_QUARTER = 4


def hole_videos(scene: Scene) -> Iterator[ContractVideo]:
    """Yield every cheat of this module that makes sense for a puzzle, in mode solve. All must fail."""
    for name, draw in (*_shining(scene), *_fading(scene), *_staining(scene), *_bystanding(scene), *_moving(scene)):
        yield ContractVideo(name, draw, False, group="hole")


def _shining(scene: Scene) -> Iterator[tuple[str, partial[Frames]]]:
    yield "answer_shines_at_25", partial(_with_answer, scene, share=0.25)
    yield "answer_shines_at_28", partial(_with_answer, scene, share=0.28)
    if scene.motion(FRAMES).kind == "grows":
        yield "answer_flashes_in_dashes", partial(_with_flashing_dashes, scene)
    # A place or a piece of a line may pop in, so that only two together are missed.
    fewest = 1 if scene.motion(FRAMES).kind in ("travels", "turns") else 2
    if scene.motion(FRAMES).count_of_steps >= fewest * _QUARTER:
        yield "middle_quarter_cut_out", partial(_without_middle, scene)


def _with_answer(scene: Scene, count: int, share: float) -> Frames:
    """Let the last frame shine through from the second frame on."""
    return each(scene.truth(count), lambda f, i: mixed(f, scene.last, share) if i else f)


def _with_flashing_dashes(scene: Scene, count: int) -> Frames:
    """Show bits of the answer ahead of the line, in every fourth frame."""
    ys, xs = np.mgrid[: scene.first.shape[0], : scene.first.shape[1]]
    dashes = (xs + ys) // (scene.canvas[0] // 40) % 3 == 0
    motion = scene.motion(count)

    def change(frame: Frame, i: int) -> Frame:
        ahead = dashes & ~changed(frame, scene.first) & changed(scene.last, scene.first)
        return np.where(ahead[..., None], scene.last, frame) if 2 <= i < motion.ended and i % 4 == 2 else frame

    return each(motion.frames, change)


def _without_middle(scene: Scene, count: int) -> Frames:
    """Leave out a quarter of the steps in the middle, from rest to rest, and hold the end longer."""
    motion = scene.motion(count)
    number = round(motion.count_of_steps / _QUARTER)
    # The nearest to the middle that begins with what most steps do: a door may open at once.
    middle = (motion.count_of_steps - number) / 2
    starts = sorted(range(motion.count_of_steps - number + 1), key=lambda k: abs(k - middle))
    first = next(k for k in starts if motion.step(k).kind == motion.kind)
    cut = range(motion.during(first).start, motion.during(first + number - 1).stop)
    kept = [i for i in range(count) if i not in cut]
    return motion.frames[[*kept, *[count - 1] * len(cut)]]


def _fading(scene: Scene) -> Iterator[tuple[str, partial[Frames]]]:
    still = _still(scene)
    for name, share in _DETAILS.items():
        found = _detail(scene.first, still, round(share * scene.canvas[0]))
        if found is not None:
            yield name, partial(_with_fading_detail, scene, *found)
    if scene.motion(FRAMES).kind in ("fills", "clears"):
        yield "last_place_half_drawn", partial(_stopping_short, scene)
    half = _half_drawn(scene) if scene.motion(FRAMES).kind in ("fills", "clears", "grows") else None
    if half is not None:
        yield "empty_place_half_drawn", partial(_ending_with, scene, half)


def _still(scene: Scene, until: float = 1) -> Mask:
    """Return the pixels that stay, and are not near those that change, in the first part of the ground truth."""
    frames = scene.truth(FRAMES)[: round(until * FRAMES)]
    return ~widened(changed(frames.max(0), frames.min(0)), 3)


def _detail(first: Frame, still: Mask, side: int) -> tuple[tuple[slice, slice], Frame] | None:
    """Return the square with the clearest detail that must stay, and the frame in which the square is plain."""
    best, found = _LEAST * side * side, None
    for top in range(0, first.shape[0] - side, side // 2):
        for left in range(0, first.shape[1] - side, side // 2):
            part = slice(top, top + side), slice(left, left + side)
            # Every second pixel is enough to choose the square.
            pixels = first[part][::2, ::2].reshape(-1, 3)
            if not still[part].all() or (pixels == pixels[0]).all():
                continue
            plain = np.median(pixels, axis=0).astype(np.uint8)
            clear = 4 * int((np.abs(pixels.astype(np.int16) - plain).max(1) > 60).sum())
            if clear > best:
                best, found = clear, (part, plain)
    if found is None:
        return None
    without: Frame = first.copy()
    without[found[0]] = found[1]
    return found[0], without


def _with_fading_detail(scene: Scene, part: tuple[slice, slice], without: Frame, count: int) -> Frames:
    """Let a detail fade away in the last tenth of the video."""
    start = round(0.88 * count)

    def change(frame: Frame, i: int) -> Frame:
        if i <= start:
            return frame
        faded: Frame = frame.copy()
        faded[part] = mixed(frame[part], without[part], min(1.0, (i - start) / (count - 2 - start)))
        return faded

    return each(scene.truth(count), change)


def _half_drawn(scene: Scene) -> Frame | None:
    """Return the answer with half of a look too many; None if the task has no such wrong way."""
    task, puzzle = scene.task, scene.puzzle
    for states in task.cheats(puzzle).values():
        before, after = states[-2:]
        grown = changed(*(task.painter(puzzle, scene.canvas)(state) for state in (before, after)))
        if task.progress(puzzle, before) == 1.0 > task.progress(puzzle, after) and grown.any():
            half: Frame = task.painter(puzzle, scene.canvas)(task.between(puzzle, before, after, _HALF))
            return half if changed(half, scene.last).any() else None
    return None


def _ending_with(scene: Scene, end: Frame, count: int) -> Frames:
    """Show another frame in the last four."""
    return np.concatenate([scene.held(count, 4)[:-4], np.repeat(end[None], 4, axis=0)])


def _stopping_short(scene: Scene, count: int) -> Frames:
    """Stop when the last look is half drawn."""
    motion = scene.motion(count)
    end = motion.count_of_steps - 0.6
    return motion.drawn([min(p, end) for p in motion.positions])


def _staining(scene: Scene) -> Iterator[tuple[str, partial[Frames]]]:
    """Changes of the scene, from the second third of the video on."""
    height, width = scene.first.shape[:2]
    yield "background_recolored", partial(_with_new_background, scene)
    half = np.zeros((height, width), bool)
    half[:, : width // 2] = True
    yield "half_tinted", partial(_stained, scene, half, _TINT, 0.25)
    points = [(0.2 * width, 0.3 * height), (0.8 * width, 0.7 * height)]
    black = np.zeros_like(scene.first)
    line = changed(brushes.with_line(black, points, max(1.5, width / 240), (255, 255, 255)), black)
    yield "thin_line_added", partial(_stained, scene, line, _INK, 0.9)
    yield "faint_line_added", partial(_stained, scene, line, _GRAY, 0.7)
    if is_colorful(scene.first):
        yield "gray_for_most", partial(_gray_for_most, scene)
    yield "texture_flickers", partial(_flickering, scene)


def _strength(i: int, count: int) -> float:
    """Return how much of a lasting change is seen: it comes over four frames, after a third of the video."""
    return min(1.0, max(0.0, (i - count / 3) / 4))


def _with_new_background(scene: Scene, count: int) -> Frames:
    """Give the empty parts of the scene another color."""
    plain = np.broadcast_to(np.median(scene.first[0], axis=0).astype(np.uint8), scene.first.shape)
    return each(scene.truth(count),
                lambda f, i: mixed(f, _PALE_BLUE, ~changed(f, plain) * np.float32(_strength(i, count))))  # fmt: skip


def _stained(scene: Scene, mask: Mask, color: brushes.Color, share: float, count: int) -> Frames:
    """Blend pixels with a color."""
    return each(scene.truth(count), lambda f, i: mixed(f, color, mask * np.float32(share * _strength(i, count))))


def _gray_for_most(scene: Scene, count: int) -> Frames:
    """Let the scene have no color from a fifth of the video to four fifths."""
    return each(scene.truth(count), lambda f, i: brushes.saturated(f, 0) if 0.2 * count < i < 0.8 * count else f)


def _flickering(scene: Scene, count: int) -> Frames:
    """Lay another coarse texture over each frame in the middle of the video."""
    height, width = scene.first.shape[:2]
    side, rng = width // 45, np.random.default_rng(0)

    def change(frame: Frame, i: int) -> Frame:
        grid = rng.uniform(-45, 45, (-(-height // side), -(-width // side)))
        texture = np.kron(grid, np.ones((side, side)))[:height, :width, None]
        return np.clip(frame + texture, 0, 255).astype(np.uint8) if 0.2 * count < i < 0.8 * count else frame

    return each(scene.truth(count), change)


class _Part(NamedTuple):
    """A part of one color that stays: its pixels, its color, and the color around it."""

    mask: Mask
    color: Color
    around: Color


def _bystanding(scene: Scene) -> Iterator[tuple[str, partial[Frames]]]:
    for until in (1, 0.6):
        alone = next((part for part in _parts(scene, until) if _stands_alone(part, scene.first)), None)
        if alone is not None:
            yield "bystander_gone", partial(_without_bystander, scene, alone, until)
            break
    colored = next((part for part in _parts(scene, 1) if max(part.color) - min(part.color) > COLORFUL), None)
    if colored is not None:
        yield "bystander_turns_hue", partial(_with_turned_bystander, scene, colored.mask)


def _stands_alone(part: _Part, frame: Frame) -> bool:
    """Return whether a part fills much of its box, and lies on a larger area of one color."""
    left, top, right, bottom = box_of(part.mask)
    ground = (np.abs(frame.astype(np.int16) - part.around).max(2) < 8).sum()
    return bool(part.mask.sum() > 0.3 * (right - left) * (bottom - top) and ground > 3 * part.mask.sum())


def _parts(scene: Scene, until: float) -> Iterator[_Part]:
    """Yield connected parts of one color that stay in the first part of the video and stand out, the largest first."""
    first, still = scene.first, _still(scene, until)
    areas = [area for area in _areas(first[::_COARSE, ::_COARSE]) if still[::_COARSE, ::_COARSE][area].all()]
    for coarse in sorted(areas, key=lambda area: -int(area.sum())):
        near = np.kron(widened(coarse, 1), np.ones((_COARSE, _COARSE), bool))[: still.shape[0], : still.shape[1]]
        y, x = np.argwhere(coarse)[0] * _COARSE
        part = near & (first == first[y, x]).all(2)
        around = np.median(first[widened(part, 6) & ~widened(part, 3)], axis=0).astype(int)
        if still[widened(part, 2)].all() and np.abs(around - first[y, x]).max() > 60:
            yield _Part(part, tuple(first[y, x].tolist()), tuple(around.tolist()))


def _areas(frame: Frame) -> Iterator[Mask]:
    """Yield the connected areas of exactly one color that have the size of a bystander."""
    height, width = frame.shape[:2]
    colors = (frame.astype(np.int32) @ (1, 256, 65536)).tolist()
    new = np.ones((height, width), bool)
    for start in np.ndindex(height, width):
        if not new[start]:
            continue
        color, area, new[start] = colors[start[0]][start[1]], [start], False
        for y, x in area:
            for v, u in ((y + 1, x), (y - 1, x), (y, x + 1), (y, x - 1)):
                if 0 <= v < height and 0 <= u < width and new[v, u] and colors[v][u] == color:
                    new[v, u] = False
                    area.append((v, u))
        thick = min(np.ptp(axis) for axis in np.transpose(area)) >= _THICK - 1
        if thick and _SMALLEST < len(area) / (height * width) < _LARGEST:
            mask = np.zeros_like(new)
            mask[tuple(np.transpose(area))] = True
            yield mask


def _without_bystander(scene: Scene, part: _Part, until: float, count: int) -> Frames:
    """Let a part, with all that it surrounds, be gone for most of the time for which it stays as it is."""
    left, top, right, bottom = box_of(widened(part.mask, 2))

    def change(frame: Frame, i: int) -> Frame:
        if not 0.1 * count < i < 0.9 * until * count:
            return frame
        without: Frame = frame.copy()
        without[top:bottom, left:right] = part.around
        return without

    return each(scene.truth(count), change)


def _with_turned_bystander(scene: Scene, mask: Mask, count: int) -> Frames:
    """Turn the hue of a part by 25 degrees from the middle on."""
    near = widened(mask, 1)[..., None]
    return each(scene.truth(count),
                lambda f, i: np.where(near, brushes.hue_turned(f, 25), f) if i > count // 2 else f)  # fmt: skip


def _moving(scene: Scene) -> Iterator[tuple[str, partial[Frames]]]:
    if scene.motion(FRAMES).kind not in ("travels", "turns"):
        return
    yield "gray_card_moves", partial(_as_card, scene)
    yield "mover_hops", partial(_hopping, scene)
    yield "mover_blinks", partial(_blinking, scene)
    if scene.motion(FRAMES).kind == "travels":
        yield "leaves_the_frame", partial(_leaving, scene)


def _as_card(scene: Scene, count: int) -> Frames:
    """Let a gray card move in place of the object."""
    motion = scene.motion(count)

    def change(frame: Frame, i: int) -> Frame:
        if not motion.acting[i].any():
            return frame
        left, top, right, bottom = box_of(motion.acting[i])
        card: Frame = motion.background[i].copy()
        card[top:bottom, left:right] = _GRAY
        return card

    return each(motion.frames, change)


def _hopping(scene: Scene, count: int) -> Frames:
    """Let what moves stand for two frames, be gone for five, and stand where it would be by then."""
    motion = scene.motion(count)
    start = motion.during(0).start
    shown = []
    for i in range(count):
        since = (i - start) % 7
        if i < start or i >= motion.ended:
            shown.append(motion.frames[i])
        else:
            shown.append(motion.frames[i - since] if since < 2 else motion.background[i])
    return np.stack(shown)


def _blinking(scene: Scene, count: int) -> Frames:
    """Let what moves be seen in one frame of four only."""
    motion = scene.motion(count)
    start = motion.during(0).start
    return each(
        motion.frames, lambda f, i: motion.background[i] if start <= i < motion.ended and (i - start) % 4 else f
    )


def _leaving(scene: Scene, count: int) -> Frames:
    """Let the first object that moves leave the frame on the left, and come back to its next place from the right."""
    motion = scene.motion(count)
    step, third, waiting = motion.steps[0], count // 3, 3
    width = scene.canvas[0]
    bare = np.where(widened(step.gone, 2)[..., None], motion.drawn([0.02], 0.02)[0], step.before)
    here, there = middle_of(step.gone)[0], middle_of(step.new)[0]
    size = box_of(step.gone)[2] - box_of(step.gone)[0]
    out = np.linspace(0, -here - size, third // 2)
    back = np.linspace(width - there + size, 0, third - third // 2)
    frames = [step.before] * waiting
    frames += [pasted(bare, step.before, step.gone, round(x), 0) for x in out]
    frames += [pasted(bare, step.after, step.new, round(x), 0) for x in back]
    left = count - len(frames) - 4
    rest = motion.drawn(np.linspace(1, motion.count_of_steps, left).round(6).tolist())
    return as_frames(iter([*frames, *rest, *[scene.last] * 4]))
