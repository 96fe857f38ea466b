"""Write videos that play in every browser: H.264, yuv420p, faststart. The same frames give the same bytes."""

from __future__ import annotations

import itertools
import shutil
from collections import defaultdict
from collections.abc import Iterable, Mapping
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt

from vmevalkit.errors import StorageError, VideoError
from vmevalkit.files import replacing
from vmevalkit.media import libav as av
from vmevalkit.media.images import even
from vmevalkit.media.planes import Frame, Frames, difference, plane_pixels
from vmevalkit.media.read import iter_frames, libav_reason, probe, why_unplayable
from vmevalkit.types import Size

# Without the macroblock tree, because with it x264 gave small videos (96x64) different bytes from run to run (FFmpeg 8
# on x86-64). At crf 18, drawings are visually lossless.
USUAL: Mapping[str, str] = {"preset": "veryfast", "crf": "18", "x264-params": "mbtree=0"}
# For ground-truth videos. A constant quantizer needs no rate control: a third less time, and smaller at equal quality.
DRAWN: Mapping[str, str] = {"preset": "ultrafast", "qp": "8"}


def write_video(
    path: Path | str, frames: Iterable[Frame] | Frames, fps: float, x264: Mapping[str, str] = USUAL
) -> None:
    """Write RGB frames as a video, atomically.

    Args:
        frames: uint8 arrays (height, width, 3), all of one size; both sides even.
        fps: frames a second.
        x264: options of the encoder.

    Raises:
        VideoError: no frames, or frames of odd or different sizes.
        StorageError: the folder cannot be written, or the disk is full.
    """
    with replacing(path, suffix=".mp4") as temporary:
        iterator = iter(frames)
        first = next(iterator, None)
        if first is None:
            raise VideoError(f"{path}: a video needs at least one frame")
        height, width = first.shape[:2]
        if width % 2 or height % 2:
            raise VideoError(f"{path}: a video of {width}x{height} cannot be written, both sides must be even")
        try:
            with av.open(str(temporary), "w", format="mp4", options={"movflags": "+faststart"}) as container:
                stream = _stream(container, (width, height), fps, x264)
                convert = _Converter()
                for pixels in itertools.chain((first,), iterator):
                    if pixels.shape != first.shape or pixels.dtype != np.uint8:
                        raise VideoError(f"{path}: frames differ: {first.shape} and {pixels.shape} {pixels.dtype}")
                    container.mux(stream.encode(convert(pixels)))
                container.mux(stream.encode(None))
        except av.error.FFmpegError as error:
            if isinstance(error, OSError):
                raise StorageError.from_os(path, error) from None
            raise VideoError(f"{path} cannot be written: {libav_reason(error)}") from None


def _stream(container: av.container.OutputContainer, size: Size, fps: float, x264: Mapping[str, str]) -> av.VideoStream:
    """Add a stream of H.264 to a file."""
    stream: av.VideoStream = container.add_stream("libx264", rate=Fraction(fps).limit_denominator(1001))
    stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
    # The output of x264 depends on the number of threads.
    stream.codec_context.thread_count = 1
    stream.options = dict(x264)
    # libswscale converts by BT.601. Without the tag, browsers assume BT.709 for large frames.
    stream.codec_context.colorspace = 6
    stream.codec_context.color_range = 1
    return stream


def copy_playable(source: Path | str, target: Path | str) -> None:
    """Copy a video so that every browser plays it: byte by byte if it is such an MP4, converted otherwise.

    An odd width or height is padded by its last column or row.

    Raises:
        VideoError: the video does not decode.
        StorageError: the folder cannot be written, or the disk is full.
    """
    info = probe(source)
    if why_unplayable(source) is None:
        with replacing(target) as temporary:
            shutil.copyfile(source, temporary)
        return
    width, height = even(info.size)
    pad = ((0, height - info.size[1]), (0, width - info.size[0]), (0, 0))
    write_video(target, (np.pad(frame, pad, mode="edge") for frame in iter_frames(source)), info.fps)


class _Converter:
    """Converts RGB frames to yuv420p, and only where a frame differs from the one before.

    Converting a whole 720x480 frame takes as long as encoding it, and little changes from frame to frame of a drawing.
    """

    # A pixel's chroma depends on pixels up to this far away: more than libswscale's longest filter.
    _REACH = 16

    def __init__(self) -> None:
        self._last: Frame | None = None
        # One for each size, because building libswscale's tables takes as long as converting a small part.
        self._scalers: defaultdict[tuple[int, int], av.VideoReformatter] = defaultdict(av.VideoReformatter)

    def __call__(self, frame: Frame) -> av.VideoFrame:
        height, width = frame.shape[:2]
        if self._last is None:
            # One frame for all, because x264 copies what it is given.
            self._video = av.VideoFrame(width, height, "yuv420p")
            self._planes = [plane_pixels(plane) for plane in self._video.planes]
            # Copied, here and below, because the caller may draw the next frame in the same memory.
            self._last = frame.copy()
            self._put(self._convert(frame), (0, height, 0, width), (0, 0))
        elif (box := difference(frame, self._last)) is not None:
            reach = self._REACH
            # Widened to whole blocks of chroma.
            top, bottom, left, right = (
                edge // reach * reach + reach * far for edge, far in zip(box, (0, 1, 0, 1), strict=True)
            )
            bottom, right = min(bottom, height), min(right, width)
            y, x = max(0, top - reach), max(0, left - reach)
            new = self._convert(frame[y : min(height, bottom + reach), x : min(width, right + reach)])
            self._put(new, (top, bottom, left, right), (y, x))
            self._last[top:bottom, left:right] = frame[top:bottom, left:right]
        self._video.pts = None
        return self._video

    def _put(self, new: list[npt.NDArray[np.uint8]], box: tuple[int, int, int, int], origin: tuple[int, int]) -> None:
        """Copy a box (top, bottom, left, right) of a converted part, whose corner is `origin`, into the planes."""
        (top, bottom, left, right), (y, x) = box, origin
        for plane, part, half in zip(self._planes, new, (1, 2, 2), strict=True):
            plane[top // half : bottom // half, left // half : right // half] = part[
                (top - y) // half : (bottom - y) // half, (left - x) // half : (right - x) // half
            ]

    def _convert(self, part: Frame) -> list[npt.NDArray[np.uint8]]:
        rgb = av.VideoFrame.from_ndarray(np.ascontiguousarray(part), format="rgb24")
        height, width = part.shape[:2]
        yuv = self._scalers[height, width].reformat(rgb, format="yuv420p")
        return [plane_pixels(plane) for plane in yuv.planes]
