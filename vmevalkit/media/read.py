"""Video files: probe them, decode frames, and bring every frame back to the question's canvas.

Video files come from outside and are not trusted: protocol, size, frame count and decoding errors are checked here.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
import numpy.typing as npt
from PIL import Image

from vmevalkit.errors import VideoError
from vmevalkit.media import libav as av
from vmevalkit.media.images import MAX_SIDE
from vmevalkit.media.planes import FULL_LUMA, Frame, Frames, LumaHalver, Planes, Views, plane_pixels, to_planes
from vmevalkit.types import Geometry, Record, Size

MAX_FRAMES = 4000

# Frames are allocated and freed by the megabyte. By default, glibc returns such blocks to the system at once, and
# getting them back page by page takes as long as encoding them. Once it has seen a larger block freed, it keeps them.
np.empty(2**22, np.uint8)

# Containers that are read, by their names in libav. Others are refused before they are opened, because playlists and
# lists (hls, dash, concat, sdp, image2) refer to other files.
_CONTAINERS = ("mov", "matroska", "avi", "gif", "mpegts", "mpeg", "ogg", "flv", "asf", "ivf", "apng")
READ_FORMATS = "MP4, MOV, M4V, WebM, MKV, AVI, GIF"
# Number of frames at the start of which the clearest one is used to find the canvas: the others may be black or faded.
_LOOKAHEAD = 6
# It is the first one with this share of the largest contrast.
_CLEAR = 0.8

# Formats that can be scaled as they are stored, and the color spaces that mean BT.601, by their numbers in ITU-T H.273:
# untagged, 625 lines, 525 lines.
_YUV = frozenset({"yuv420p", "yuvj420p", "yuv422p", "yuvj422p", "yuv444p", "yuvj444p"})
_BT601 = frozenset({2, 5, 6})


class VideoInfo(Record):
    """Properties of a file's first video stream. `frames` is counted by decoding."""

    size: Size
    frames: int
    fps: float
    codec: str
    pixel_format: str

    @property
    def seconds(self) -> float:
        """Length of the video."""
        return self.frames / self.fps

    @property
    def plays(self) -> bool:
        """Whether browsers can decode the video."""
        return self.pixel_format in _PLAYABLE.get(self.codec, ())


# Codecs and pixel formats that browsers decode.
_PLAYABLE = {
    "h264": ("yuv420p", "yuvj420p"),
    "vp8": ("yuv420p",),
    "vp9": ("yuv420p", "yuv420p10le"),
    "av1": ("yuv420p", "yuv420p10le"),
}


def why_unplayable(path: Path | str) -> str | None:
    """Return why browsers cannot play a file as an MP4; None if they can.

    Raises:
        VideoError: the file is not a video that can be read.
    """
    with _open(path) as (container, stream):
        if "mp4" not in container.format.name:
            return f"it is {container.format.name}, not MP4"
        context = stream.codec_context
        if context.pix_fmt in _PLAYABLE.get(context.name, ()):
            return None
        return f"browsers do not decode {context.name} {context.pix_fmt}"


def probe(path: Path | str) -> VideoInfo:
    """Decode a whole video and return its properties.

    Raises:
        VideoError: missing, empty, no video stream, or it does not decode.
    """
    with _open(path) as (container, stream):
        count, last = 0, None
        for count, last in enumerate(_decode(container, path), 1):  # noqa: B007 - the last values are used
            pass
        return _info(stream, count, last)


def decodes(path: Path | str) -> bool:
    """Whether a video exists and decodes as a whole, so that it is not truncated."""
    try:
        probe(path)
    except VideoError:
        return False
    return True


def _info(stream: Any, count: int, frame: Any) -> VideoInfo:
    """Return the properties of a stream, given its number of frames and one of them (None if there is none)."""
    if frame is None:
        raise VideoError("the video has no frames")
    rate = stream.average_rate or stream.guessed_rate or stream.base_rate
    fps = float(rate) if rate else 0.0
    if not 0.1 <= fps <= 1000:
        fps = 8.0
    context = stream.codec_context
    return VideoInfo(
        size=(frame.width, frame.height),
        frames=count,
        fps=fps,
        codec=context.name,
        pixel_format=context.pix_fmt or "unknown",
    )


@contextmanager
def _open(path: Path | str) -> Iterator[tuple[Any, Any]]:
    path = Path(path)
    if not os.path.isfile(path):
        raise VideoError(f"{path} is missing")
    if path.stat().st_size == 0:
        raise VideoError(f"{path} is empty (0 bytes)")
    try:
        # This file only: what it refers to is not followed.
        container = av.open(
            str(path), options={"protocol_whitelist": "file", "format_whitelist": ",".join(_CONTAINERS)}
        )
    except (av.error.FFmpegError, ValueError) as error:
        reason = libav_reason(error)
        raise VideoError(f"{path} is not a video that can be read ({READ_FORMATS}): {reason}") from None
    with container:
        if not container.streams.video:
            raise VideoError(f"{path} has no video stream")
        stream = container.streams.video[0]
        context = stream.codec_context
        if context is None:
            raise VideoError(f"{path} has a codec that cannot be decoded here")
        if not (1 <= context.width <= MAX_SIDE and 1 <= context.height <= MAX_SIDE):
            raise VideoError(f"{path} is {context.width}x{context.height}; at most {MAX_SIDE} pixels on each side")
        # One thread, because worker processes decode files in parallel.
        stream.thread_type = "NONE"
        yield container, stream


def libav_reason(error: Exception) -> str:
    """Return the first line of what a libav error says; its name, if it says nothing."""
    said = str(getattr(error, "strerror", None) or error) or type(error).__name__
    return said.splitlines()[0]


def _decode(container: Any, path: Path | str) -> Iterator[Any]:
    """Decode the frames of a container, upright. Damage raises VideoError; frames are never dropped silently."""
    try:
        for number, frame in enumerate(container.decode(video=0)):
            if number >= MAX_FRAMES:
                raise VideoError(f"{path} has more than {MAX_FRAMES} frames")
            if frame.is_corrupt:
                raise VideoError(f"{path} is damaged: frame {number} cannot be decoded completely")
            yield _upright(frame) if frame.rotation else frame
    except av.error.FFmpegError as error:
        raise VideoError(f"{path} does not decode: {libav_reason(error)}") from None


def _upright(frame: Any) -> Any:
    """Return a frame turned as its display matrix says, in quarter turns."""
    turned = np.rot90(frame.to_ndarray(format="rgb24"), round(frame.rotation / 90))
    return av.VideoFrame.from_ndarray(np.ascontiguousarray(turned), format="rgb24")


def read_frames(path: Path | str) -> Frames:
    """Decode all frames at full size, uint8 (frames, height, width, 3).

    Raises:
        VideoError: the file is not a video that decodes.
    """
    frames = list(iter_frames(path))
    if not frames:
        raise VideoError(f"{path} has no frames")
    return np.stack(frames)


def iter_frames(path: Path | str) -> Iterator[Frame]:
    """Decode one frame after another at full size, uint8 (height, width, 3), so that only one is in memory.

    Raises:
        VideoError: the file is not a video that decodes.
    """
    with _open(path) as (container, _):
        for frame in _decode(container, path):
            yield frame.to_ndarray(format="rgb24")


def first_frame(path: Path | str) -> Image.Image:
    """Decode the first frame of a video.

    Raises:
        VideoError: no frame decodes.
    """
    with _open(path) as (container, _):
        for raw in _decode(container, path):
            image: Image.Image = raw.to_image()
            return image
    raise VideoError(f"{path} has no frames")


def overview(
    path: Path | str, longest: int, choose: Callable[[int], Container[int]] = range
) -> tuple[Frames, Image.Image, VideoInfo]:
    """Decode a video for thumbnails.

    Args:
        longest: largest length of the longer side of the returned frames, in pixels.
        choose: given the number of frames, the numbers of those to return; all by default.

    Returns:
        The chosen frames, scaled down, in order; the first frame at full size; the video's properties.

    Raises:
        VideoError: the file is not a video that decodes.
    """
    expected: int | None = None
    while True:
        frames: list[Frame] = []
        first: Image.Image | None = None
        count = 0
        with _open(path) as (container, stream):
            expected = stream.frames if expected is None else expected
            # Not turned into a set: a hostile file may claim any number of frames.
            chosen = choose(expected)
            for raw in _decode(container, path):
                if first is None:
                    first = raw.to_image()
                if count in chosen:
                    width, height = bounded_size((raw.width, raw.height), longest)
                    frames.append(raw.reformat(width, height, "rgb24", interpolation="AREA").to_ndarray())
                count += 1
            info = _info(stream, count, raw if count else None)
        if first is None:
            raise VideoError(f"{path} has no frames")
        if count == expected:
            return np.stack(frames), first, info
        # The file claims another number of frames than it has: choose again.
        expected = count


class CanvasVideo(NamedTuple):
    """A video as verifiers see it.

    Attributes:
        views: uint8 (frames, 3, view height, view width).
        geometry: the place of the canvas in the video.
        fps: frame rate.
    """

    views: Views
    geometry: Geometry
    fps: float


Locate = Callable[[Size, Callable[[], Image.Image]], Geometry]
"""Finds the canvas, given the video's size and a function that returns the clearest of its first frames."""


def read_canvas(path: Path | str, locate: Locate, view: Size) -> CanvasVideo:
    """Decode a video and bring every frame back to the question's canvas, at the size of `view`.

    Memory grows with the number of frames and the size of the view, not with the size of the video.

    Args:
        locate: finds the canvas.
        view: width and height of the returned planes.
    """
    count = 0
    with _open(path) as (container, stream):
        # The number of frames that the file claims; doubled whenever there are more.
        frames: Views = np.empty((min(max(stream.frames, 1), MAX_FRAMES), 3, view[1], view[0]), np.uint8)
        decoded = _decode(container, path)
        start = list(itertools.islice(decoded, _LOOKAHEAD))
        if not start:
            raise VideoError(f"{path} has no frames")
        geometry = locate((start[0].width, start[0].height), lambda: _clearest(start))
        restorer = _Restorer(geometry, view)
        for raw in itertools.chain(start, decoded):
            if count == len(frames):
                frames = np.concatenate([frames, np.empty_like(frames)])
            restorer.restore(raw, frames[count])
            count += 1
    return CanvasVideo(frames[:count], geometry, _info(stream, count, start[0]).fps)


def canvas_of_frames(frames: Frames, fps: float, locate: Locate, view: Size) -> CanvasVideo:
    """Do what `read_canvas` does for RGB frames in memory, uint8 (frames, height, width, 3)."""
    start = frames[:_LOOKAHEAD]
    size = frames.shape[2], frames.shape[1]
    geometry = locate(size, lambda: _clearest([av.VideoFrame.from_ndarray(frame, format="rgb24") for frame in start]))
    restorer = _Restorer(geometry, view)
    views: Views = np.empty((len(frames), 3, view[1], view[0]), np.uint8)
    for frame, planes in zip(frames, views, strict=True):
        restorer.restore_pixels(frame, planes)
    return CanvasVideo(views, geometry, fps)


def _clearest(frames: Sequence[Any]) -> Image.Image:
    """Return the first of some decoded frames that has nearly as much contrast as the one with the most."""
    contrasts = [float(raw.reformat(64, 48, "gray", interpolation="AREA").to_ndarray().std()) for raw in frames]
    image: Image.Image = next(
        raw.to_image() for raw, found in zip(frames, contrasts, strict=True) if found >= _CLEAR * max(contrasts)
    )
    return image


class _Restorer:
    """Brings decoded frames back to the canvas, as planes of the size of `view`.

    libswscale scales the whole frame so that the canvas has its final size. The canvas is then cut out at whole pixels,
    which is off by at most half a pixel of the view. Parts of the canvas outside of the frame repeat its nearest edge.
    """

    def __init__(self, geometry: Geometry, view: Size) -> None:
        self._width = max(1, round(geometry.frame[0] * view[0] / geometry.width))
        self._height = max(1, round(geometry.frame[1] * view[1] / geometry.height))
        x, y = round(geometry.x * view[0] / geometry.width), round(geometry.y * view[1] / geometry.height)
        self._crop: Any = (slice(y, y + view[1]), slice(x, x + view[0]))
        if x < 0 or y < 0 or x + view[0] > self._width or y + view[1] > self._height:
            rows = np.clip(np.arange(y, y + view[1]), 0, self._height - 1)
            columns = np.clip(np.arange(x, x + view[0]), 0, self._width - 1)
            self._crop = (rows[:, None], columns)
        # Reused for all frames: building libswscale's tables takes six times as long as scaling one frame.
        self._scaler, self._halve = av.VideoReformatter(), LumaHalver()

    def restore(self, raw: Any, planes: Planes) -> None:
        """Write the canvas of a decoded libav frame into `planes`, uint8 (3, height, width)."""
        for plane, pixels in zip(planes, self._scaled(raw), strict=True):
            plane[:] = pixels[self._crop]

    def restore_pixels(self, frame: Frame, planes: Planes) -> None:
        """Write the canvas of an RGB frame into `planes`."""
        if frame.shape[:2] != (2 * self._height, 2 * self._width):
            self.restore(av.VideoFrame.from_ndarray(frame, format="rgb24"), planes)
            return
        # By far the most common case, and twice as quick as libswscale.
        halved = to_planes(np.asarray(Image.fromarray(frame).reduce(2)))
        for plane, pixels in zip(planes, halved, strict=True):
            plane[:] = pixels[self._crop]

    def _scaled(self, raw: Any) -> list[npt.NDArray[Any]]:
        width, height = self._width, self._height
        if raw.format.name not in _YUV or raw.colorspace not in _BT601:
            # BT.709, or no chroma of its own: converted through RGB by libswscale.
            scaled = self._scaler.reformat(raw, width, height, "rgb24", interpolation="AREA")
            return list(to_planes(cast(Frame, scaled.to_ndarray())))
        if raw.format.name == "yuv420p" and (raw.width, raw.height) == (2 * width, 2 * height):
            # By far the most common case: chroma is stored at the size of the view.
            luma, cb, cr = (plane_pixels(plane) for plane in raw.planes)
            return [self._halve(luma), cb, cr]
        scaled = self._scaler.reformat(
            raw, width, height, "yuv444p", interpolation="AREA", dst_color_range=av.ColorRange.MPEG
        )
        luma, cb, cr = (plane_pixels(plane) for plane in scaled.planes)
        return [FULL_LUMA[luma], cb, cr]


def bounded_size(size: Size, longest: int) -> Size:
    """Return `size`, scaled down so that its longer side is at most `longest` pixels."""
    scale = min(1.0, longest / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
