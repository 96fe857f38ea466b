"""Videos in memory: what a user's code has instead of a file, as RGB frames.

A frame is a `PIL.Image`, or an array or tensor of shape (height, width, 3) or (3, height, width). A video is a
sequence of frames, or an array or tensor (frames, height, width, 3) or (frames, 3, height, width). Values are uint8
from 0 to 255 or floats from 0 to 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from vmevalkit.errors import VideoError
from vmevalkit.media.planes import Frame, Frames
from vmevalkit.media.read import MAX_FRAMES

# Rounding in half precision may leave the range by this much.
_SLACK = 4e-3


def to_numpy(value: Any) -> npt.NDArray[Any]:
    """Return an array or tensor as a numpy array. PyTorch is not imported for it.

    Floats that numpy does not have, such as bfloat16, become float32.
    """
    if hasattr(value, "detach"):
        value = value.detach().cpu()
        value = (value.float() if value.is_floating_point() else value).numpy()
    return np.asarray(value)


def is_array(value: Any) -> bool:
    """Whether a value is an array or a tensor."""
    return isinstance(value, np.ndarray) or hasattr(value, "detach")


def iter_pixels(video: Any) -> Iterator[Frame]:
    """Yield the frames of a video in memory as uint8 (height, width, 3), both sides even.

    Frames of a generator are made when they are asked for.

    Raises:
        VideoError: a value that is no video, a frame of another shape or range, or too many frames.
    """
    for number, frame in enumerate(_channels_last(video) if is_array(video) else _iterable(video)):
        if number >= MAX_FRAMES:
            raise VideoError(f"the video has more than {MAX_FRAMES} frames")
        yield _even(_uint8(_pixels(frame)))


def to_frames(video: Any) -> Frames:
    """Return a video in memory as uint8 (frames, height, width, 3), both sides even.

    Raises:
        VideoError: no frames, frames of different sizes, or what `iter_pixels` raises.
    """
    frames = list(iter_pixels(video))
    if not frames:
        raise VideoError("the video has no frames")
    if len({frame.shape for frame in frames}) > 1:
        raise VideoError("the frames of the video have different sizes")
    return np.stack(frames)


def _channels_last(video: Any) -> npt.NDArray[Any]:
    pixels = to_numpy(video)
    if pixels.ndim == 4 and pixels.shape[3] == 3:
        return pixels
    if pixels.ndim == 4 and pixels.shape[1] == 3:
        return np.moveaxis(pixels, 1, 3)
    raise VideoError(
        f"an array of shape {pixels.shape} is no video, not (frames, height, width, 3) or (frames, 3, height, width)"
    )


def _iterable(video: Any) -> Iterator[Any]:
    if isinstance(video, Iterable) and not isinstance(video, (str, bytes)):
        return iter(video)
    raise VideoError(f"a value of type {type(video).__name__} is neither frames nor a path")


def _pixels(frame: Any) -> npt.NDArray[Any]:
    pixels = to_numpy(frame.convert("RGB") if isinstance(frame, Image.Image) else frame)
    if pixels.ndim == 3 and pixels.shape[2] != 3 and pixels.shape[0] == 3:
        pixels = pixels.transpose(1, 2, 0)
    if pixels.ndim != 3 or pixels.shape[2] != 3:
        raise VideoError(f"a frame has shape {pixels.shape}, not (height, width, 3) or (3, height, width)")
    return pixels


def _uint8(pixels: npt.NDArray[Any]) -> Frame:
    if pixels.dtype == np.uint8:
        return pixels
    if not np.issubdtype(pixels.dtype, np.floating):
        raise VideoError(f"a frame holds {pixels.dtype} values, neither uint8 nor floats from 0 to 1")
    low, high = float(pixels.min()), float(pixels.max())
    if not (low >= -_SLACK and high <= 1 + _SLACK):
        fix = "; scale it with (x + 1) / 2" if -1 - _SLACK <= low < 0 and high <= 1 + _SLACK else ""
        raise VideoError(f"a frame holds {pixels.dtype} values from {low:.3g} to {high:.3g}, not from 0 to 1{fix}")
    scaled: npt.NDArray[Any] = pixels * np.float32(255)
    scaled += 0.5
    # Also where rounding left the range.
    np.clip(scaled, 0, 255, out=scaled)
    return np.asarray(scaled, np.uint8)


def _even(pixels: Frame) -> Frame:
    # yuv420p needs even sides. Repeating the last row or column changes nothing that a scorer sees.
    pad = ((0, pixels.shape[0] % 2), (0, pixels.shape[1] % 2), (0, 0))
    return np.pad(pixels, pad, mode="edge") if any(p[1] for p in pad) else np.ascontiguousarray(pixels)
