"""Ends: the frames of a video that show nothing of the puzzle: fades and a cut at its ends, and flashes of light.

Dropping frames may only remove information, never a mistake. A frame is dropped if it is a picture of the puzzle that
has lost contrast and shows nothing else, or if it has nothing in common with the puzzle: no line of it is in its place.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from vmevalkit.media import Planes, Views
from vmevalkit.tasks.toolkit.compare import Floats, Mask, distance, extreme, most, shows
from vmevalkit.types import Tolerance

# Longest part that is dropped at an end, in seconds; but so many frames at the start and at the end in any case.
_LONGEST = 0.25
_AT_START, _AT_END = 3, 1
# A fade has less than this share of the contrast of the scene. More is a change of light, which lenses undo.
_FADED = 0.9
# Below this share of contrast a frame is flat.
_FLAT = 0.1
# From this share of contrast on, a faded frame shows what it is a picture of.
_VISIBLE = 0.3
# Of the pixels at the edges of the scene, at most this share may be edges of another scene, more than chance makes.
_COMMON = 0.25
# A flash raises the mean of luma by at least this in its first frame, and has at most so many frames.
_BRIGHTER, _LONGEST_FLASH = 2.0, 3
# Last frames that lose contrast little by little: at most this share of the video, and to this share of contrast.
_WASH, _WASHED = 1 / 7, 0.6
# From this correlation on, a frame shows the same scene in another place.
_ALIKE = 0.7
# Change of luma within two pixels that makes an edge.
_STEEP = 24


class Ends(NamedTuple):
    """The part of a video that is judged, and why the rest is not.

    Attributes:
        views: the frames that are judged.
        first: number of the first of them in the video.
        tolerated: what the dropped and the replaced frames are.
    """

    views: Views
    first: int
    tolerated: tuple[Tolerance, ...]


def without_ends(frames: Views, fps: float, start: Callable[[], Planes], cuts: bool = True) -> Ends:
    """Drop the fades at both ends of a video, and a cut to another scene at its end.

    Args:
        frames: the video, uint8 (count, 3, height, width).
        fps: its frame rate.
        start: returns the first drawing of the puzzle. It is called only if the video may begin with a fade.
        cuts: whether a cut to another scene may be dropped, and flashes replaced by the frame before.
    """
    # At least four frames are left: two that show the start, and two that hold the answer.
    longest = min(round(fps * _LONGEST), len(frames) - 4)
    first = _first_whole(frames, min(max(_AT_START, longest), len(frames) - 4), start)
    end, code = _end(frames, first, max(_AT_END, longest), cuts)
    tolerated = []
    if first:
        tolerated.append(Tolerance(code="fade", first=0, last=first - 1))
    whole = frames[first:end]
    veiled = _veiled(whole) if cuts else []
    if veiled:
        whole = whole.copy()
    for veil in veiled:
        # What may have changed meanwhile is seen after it.
        whole[veil.first : veil.last + 1] = frames[first + veil.first - 1]
        tolerated.append(veil.model_copy(update={"first": first + veil.first, "last": first + veil.last}))
    if end < len(frames):
        tolerated.append(Tolerance(code=code, first=end, last=len(frames) - 1))
    if first and _blend(frames[first - 1], scene := start())[0] > _VISIBLE:
        # The start may be seen in the fade only, and the first step begin with the first whole frame.
        return Ends(np.concatenate([scene[None], whole]), first - 1, tuple(tolerated))
    return Ends(whole, first, tuple(tolerated))


def _veiled(frames: Views) -> list[Tolerance]:
    """Return the short flashes of light, and the washed-out frames at the end.

    A flash is a picture of the frame before that has lost contrast and is brighter.
    """
    found, luma = [], frames[:, 0, ::8, ::8].mean((1, 2))
    wash = _wash(frames)
    i = 1
    while i < len(frames) - wash:
        flash = _flash(frames, i) if luma[i] > luma[i - 1] + _BRIGHTER else 0
        if flash:
            found.append(Tolerance(code="flash", first=i, last=i + flash - 1))
        i += flash + 1
    if wash:
        found.append(Tolerance(code="light", first=len(frames) - wash, last=len(frames) - 1))
    return found


def _wash(frames: Views) -> int:
    """Return the number of last frames that lose contrast little by little and show nothing else; 0 if none do."""
    longest = min(max(_LONGEST_FLASH, round(_WASH * len(frames))), len(frames) - 4)
    if longest < 1 or _contrast(frames[-1]) > _FADED * _contrast(frames[-longest - 1]):
        return 0
    for count in range(longest, 0, -1):
        scene = frames[-count - 1]
        if all(_shows_faded(frame, scene, _WASHED, 1.0) for frame in frames[-count:]):
            return count
    return 0


def _flash(frames: Views, at: int) -> int:
    """Return how many frames from a frame on are a flash; 0 if they are none, or too many."""
    scene = frames[at - 1]
    shown = frames[at : at + _LONGEST_FLASH + 1]
    return next((count for count, frame in enumerate(shown) if not _is_faded(frame, scene)), 0)


def _first_whole(frames: Views, longest: int, start: Callable[[], Planes]) -> int:
    """Return the number of the first frame after a fade of at most `longest` frames; 0 if there is none."""
    if longest < 1 or _contrast(frames[0]) >= _FADED * _contrast(frames[longest]):
        return 0
    scene = start()
    # If the frames stay as they are after `longest` frames, their contrast is that of the video.
    return next((i for i in range(longest + 1) if not _is_faded(frames[i], scene)), 0)


def _end(frames: Views, first: int, longest: int, cuts: bool) -> tuple[int, str]:
    """Return the number of the frame after the last whole one, and the code of what follows it."""
    count = len(frames)
    kept = max(first + 4, count - longest)
    if kept >= count or not _ends_differently(frames[kept - 1], frames[-1]):
        return count, ""
    for end in range(kept, count):
        scene, tail = frames[end - 1], frames[end:]
        is_flat = all(_contrast(frame) < _FLAT * _contrast(scene) for frame in tail)
        if not is_flat and all(_is_faded(frame, scene) for frame in tail):
            return end, "fade"
        if cuts and (is_flat or all(_is_another_scene(frame, scene) for frame in tail)):
            return end, "end_cut"
    return count, ""


def _contrast(planes: Planes) -> float:
    """Return the standard deviation of luma, from a part of the pixels."""
    return float(planes[0, ::4, ::4].std())


def _ends_differently(before: Planes, last: Planes) -> bool:
    """Whether the last frame may be faded or another scene. Most videos end with frames that look alike."""
    off = distance(before[0, ::4, ::4], last[0, ::4, ::4])
    changed = int(np.count_nonzero(off > _STEEP)) > 0.04 * off.size
    return changed or _contrast(last) < _FADED * _contrast(before)


def _is_faded(frame: Planes, scene: Planes) -> bool:
    """Whether a frame is a blend of a scene with one color, or that color alone."""
    if _contrast(frame) >= _FADED * _contrast(scene):
        return False
    return _shows_faded(frame, scene, 0.0, _FADED)


def _shows_faded(frame: Planes, scene: Planes, least: float, most_of_it: float) -> bool:
    """Whether a frame is a blend of a scene with one color, with a share of the scene between two bounds."""
    share, color = _blend(frame, scene)
    if not least <= share < most_of_it:
        return False
    blend = scene * np.float32(share) + color[:, None, None]
    return shows(frame, np.clip(blend + 0.5, 0, 255).astype(np.uint8))


def _blend(frame: Planes, scene: Planes) -> tuple[float, Floats]:
    """Return the share of a scene in a frame, and what is added to each plane; fitted to luma and chroma at once."""
    seen = frame[:, ::4, ::4].reshape(3, -1).astype(np.float32)
    known = scene[:, ::4, ::4].reshape(3, -1).astype(np.float32)
    seen_mean, known_mean = seen.mean(1, keepdims=True), known.mean(1, keepdims=True)
    share = float(((seen - seen_mean) * (known - known_mean)).sum() / max(1e-6, ((known - known_mean) ** 2).sum()))
    # Noise and compression correlate with nothing: a flat frame has a share of zero.
    share = 0.0 if abs(share) < 0.02 else share
    return share, (seen_mean - share * known_mean)[:, 0]


def _is_another_scene(frame: Planes, scene: Planes) -> bool:
    """Whether no line of a scene is in its place. A recolored or inverted scene keeps its lines."""
    lines, seen = _edges(scene), _edges(frame)
    if not lines.any():
        return False
    by_chance = float(seen.mean())
    common = float(seen[lines].mean())
    return (common - by_chance) / max(1e-6, 1 - by_chance) < _COMMON and _likeness(frame, scene) < _ALIKE


def _likeness(frame: Planes, scene: Planes) -> float:
    """Return the largest correlation of a frame with a scene, over all shifts."""
    small = [planes[0, ::4, ::4].astype(np.float32) for planes in (frame, scene)]
    spectra = [np.fft.rfft2(luma - luma.mean()) for luma in small]
    correlation = np.fft.irfft2(spectra[0] * np.conj(spectra[1]), small[0].shape)
    return float(correlation.max() / max(1e-6, small[0].std() * small[1].std() * small[0].size))


def _edges(planes: Planes) -> Mask:
    """Return a mask of the pixels next to which luma or chroma changes."""
    return most(extreme(planes, 1, np.maximum) - extreme(planes, 1, np.minimum)) > _STEEP
