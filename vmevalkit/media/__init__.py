"""Images and videos: read, check, place in a frame and back, write as H.264. All of it through PyAV and Pillow.

Frames are uint8 arrays of shape (height, width, 3), RGB. Planes are what verifiers look at: uint8 (3, height, width),
luma from 0 to 255 and chroma as videos store it, 16 to 240 around 128; views are a video of them. Files from outside
are hostile until they went through here.
"""

from __future__ import annotations

import secrets
from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
import numpy.typing as npt
from av.video.reformatter import ColorRange, VideoReformatter
from PIL import Image, ImageFilter, ImageOps

from vmevalkit.errors import QuestionError, StorageError, VideoError
from vmevalkit.types import Fit, Geometry, Record, Size

Frame = npt.NDArray[np.uint8]
Frames = npt.NDArray[np.uint8]
Planes = npt.NDArray[np.uint8]
Views = npt.NDArray[np.uint8]

MIN_SIDE = 16
MAX_SIDE = 8192
MAX_FRAMES = 4000

av.logging.set_level(av.logging.PANIC)

# Frames come and go by the megabyte. glibc hands such blocks back to the system at once, and to get them again page by
# page takes as long as to encode them; after it has seen a larger one freed, it keeps them.
np.empty(2**22, np.uint8)

# What can be scaled as it is stored. BT.601 by its numbers in H.273: untagged, 625 lines, 525 lines.
_YUV = frozenset({"yuv420p", "yuvj420p", "yuv422p", "yuvj422p", "yuv444p", "yuvj444p"})
_BT601 = frozenset({2, 5, 6})


class VideoInfo(Record):
    """What a container says about its first video stream, with the frames counted by decoding."""

    size: Size
    frames: int
    fps: float
    codec: str
    pixel_format: str

    @property
    def seconds(self) -> float:
        return self.frames / self.fps


# ---------------------------------------------------------------------------------------------------------- images


def load_image(path: Path | str) -> Image.Image:
    """Read any image a person might bring along as RGB, upright, on white where it is transparent.

    Raises:
        QuestionError: the file is missing, not an image, truncated, or of an absurd size.
    """
    path = Path(path)
    try:
        with Image.open(path) as image:
            width, height = image.size
            if min(width, height) < MIN_SIDE or max(width, height) > MAX_SIDE:
                raise QuestionError(
                    f"{path} is {width}x{height}; an image must be {MIN_SIDE} to {MAX_SIDE} pixels on each side"
                )
            image.load()
            return _to_rgb(ImageOps.exif_transpose(image))
    except FileNotFoundError:
        raise QuestionError(f"{path} is missing") from None
    except Image.DecompressionBombError:
        raise QuestionError(f"{path} is far too large; at most {MAX_SIDE} pixels on each side") from None
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise QuestionError(f"{path} is not a readable image: {str(error).splitlines()[0]}") from None


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):
        # 16-bit gray: Pillow's own conversion clips at 255 instead of scaling.
        values = np.asarray(image, dtype=np.float64) / 257.0
        return Image.fromarray(np.clip(values + 0.5, 0, 255).astype(np.uint8)).convert("RGB")
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba).convert("RGB")
    return image.convert("RGB")


def place(image: Image.Image, size: Size, fit: Fit = "letterbox") -> tuple[Image.Image, Geometry]:
    """Bring an RGB image into a frame of `size` and say where it lies.

    Letterbox bars take the mean color of the image's border, so that they look like more of the same paper.
    """
    geometry = Geometry.place(image.size, size, fit)
    box = (round(geometry.width), round(geometry.height))
    scaled = image if image.size == box else image.resize(box, Image.Resampling.LANCZOS)
    if image.size == size:
        return scaled, geometry
    frame = Image.new("RGB", size, _border_color(image))
    frame.paste(scaled, (round(geometry.x), round(geometry.y)))
    return frame, geometry


def _border_color(image: Image.Image) -> tuple[int, int, int]:
    pixels = np.asarray(image)
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    red, green, blue = np.median(border, axis=0)
    return int(red), int(green), int(blue)


# ------------------------------------------------------------------------------------------------------------ read


def probe(path: Path | str) -> VideoInfo:
    """Decode a video once and say what it is.

    Raises:
        VideoError: missing, empty, no video stream, or it does not decode.
    """
    with _open(path) as (container, stream):
        count = sum(1 for _ in _decode(container, path))
        return _info(stream, count)


def decodes(path: Path | str) -> bool:
    """Whether a video is there and its first and last frames decode; quick, for resuming."""
    try:
        with _open(path) as (container, stream):
            first = next(_decode(container, path), None)
            if first is None:
                return False
            if stream.duration:
                container.seek(stream.duration, stream=stream)
                return next(_decode(container, path), None) is not None
            return True
    except (VideoError, av.error.FFmpegError, OSError):
        return False


def _info(stream: Any, count: int) -> VideoInfo:
    if count == 0:
        raise VideoError("the video has no frames")
    rate = stream.average_rate or stream.guessed_rate or stream.base_rate
    fps = float(rate) if rate else 0.0
    if not 0.1 <= fps <= 1000:
        fps = 8.0
    context = stream.codec_context
    return VideoInfo(
        size=(context.width, context.height),
        frames=count,
        fps=fps,
        codec=context.name,
        pixel_format=context.pix_fmt or "unknown",
    )


@contextmanager
def _open(path: Path | str) -> Iterator[tuple[Any, Any]]:
    path = Path(path)
    if not path.is_file():
        raise VideoError(f"{path} is missing")
    if path.stat().st_size == 0:
        raise VideoError(f"{path} is empty (0 bytes)")
    try:
        # format=None lets libav probe, but only local files: a playlist that points elsewhere must not be followed.
        container = av.open(str(path), options={"protocol_whitelist": "file"})
    except (av.error.FFmpegError, ValueError) as error:
        raise VideoError(f"{path} is not a video: {_reason(error)}") from None
    with container:
        if not container.streams.video:
            raise VideoError(f"{path} has no picture, only sound or data")
        stream = container.streams.video[0]
        context = stream.codec_context
        if not (1 <= context.width <= MAX_SIDE and 1 <= context.height <= MAX_SIDE):
            raise VideoError(f"{path} is {context.width}x{context.height}; at most {MAX_SIDE} pixels on each side")
        # One thread a file: files are decoded side by side by worker processes.
        stream.thread_type = "NONE"
        yield container, stream


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error).splitlines()[0]


def _decode(container: Any, path: Path | str) -> Iterator[Any]:
    """Frames of a container; a damaged tail ends the video with an error, never silently."""
    try:
        for number, frame in enumerate(container.decode(video=0)):
            if number >= MAX_FRAMES:
                raise VideoError(f"{path} has more than {MAX_FRAMES} frames")
            yield frame
    except av.error.FFmpegError as error:
        raise VideoError(f"{path} does not decode: {_reason(error)}") from None


def read_frames(path: Path | str) -> Frames:
    """All frames at full size, shape (frames, height, width, 3)."""
    with _open(path) as (container, _):
        frames = [frame.to_ndarray(format="rgb24") for frame in _decode(container, path)]
    if not frames:
        raise VideoError(f"{path} has no frames")
    return np.stack(frames)


def first_frame(path: Path | str) -> Image.Image:
    """A video's first frame.

    Raises:
        VideoError: it has none that decodes.
    """
    with _open(path) as (container, _):
        for raw in _decode(container, path):
            image: Image.Image = raw.to_image()
            return image
    raise VideoError(f"{path} has no frames")


def overview(
    path: Path | str, longest: int, choose: Callable[[int], Container[int]] = range
) -> tuple[Frames, Image.Image, VideoInfo]:
    """A video for thumbnails: frames small, the first at full size, and what the video is.

    Args:
        longest: the longer side of the small frames is at most this.
        choose: from the number of frames, those that are returned, ascending; all where left out.
    """
    expected: int | None = None
    while True:
        frames: list[Frame] = []
        first: Image.Image | None = None
        count = 0
        with _open(path) as (container, stream):
            width, height = _bounded((stream.codec_context.width, stream.codec_context.height), longest)
            expected = stream.frames if expected is None else expected
            wanted = choose(expected)  # not made a set: the number is what the file claims
            for raw in _decode(container, path):
                if first is None:
                    first = raw.to_image()
                if count in wanted:
                    frames.append(raw.reformat(width, height, "rgb24", interpolation="AREA").to_ndarray())
                count += 1
            info = _info(stream, count)
        if first is None:
            raise VideoError(f"{path} has no frames")
        if count == expected:
            return np.stack(frames), first, info
        expected = count  # not so many as the file says


def read_canvas(
    path: Path | str, locate: Callable[[Size, Callable[[], Image.Image]], Geometry], view: Size
) -> tuple[Views, Geometry]:
    """Stream a video and bring every frame back to the question's canvas, at the size of `view`.

    Args:
        locate: tells where the canvas lies, from the video's size and a function that gives its first frame.
        view: size of the returned frames; memory is (frames x view), whatever the video's own size.

    Returns:
        Views of shape (frames, 3, view height, view width), and the geometry used.
    """
    geometry: Geometry | None = None
    count = 0
    with _open(path) as (container, stream):
        # As many as the file says it has; if that is wrong, twice as many again and again.
        frames: Views = np.empty((min(max(stream.frames, 1), MAX_FRAMES), 3, view[1], view[0]), np.uint8)
        for raw in _decode(container, path):
            if geometry is None:
                geometry = locate((raw.width, raw.height), raw.to_image)
                restore = _restorer(geometry, view)
            if count == len(frames):
                frames = np.concatenate([frames, np.empty_like(frames)])
            restore(raw, frames[count])
            count += 1
    if geometry is None:
        raise VideoError(f"{path} has no frames")
    return frames[:count], geometry


def _restorer(geometry: Geometry, view: Size) -> Callable[[Any, Planes], None]:
    """A function that turns a decoded libav frame into the canvas's planes at `view` size, in an array given to it.

    The whole frame is scaled by libswscale so that the canvas gets its final size, then the canvas is cut out at whole
    pixels (an error of at most half a pixel of the view). Parts that the frame does not show repeat its nearest edge.
    """
    width = max(1, round(geometry.frame[0] * view[0] / geometry.width))
    height = max(1, round(geometry.frame[1] * view[1] / geometry.height))
    x, y = round(geometry.x * view[0] / geometry.width), round(geometry.y * view[1] / geometry.height)
    columns = np.clip(np.arange(x, x + view[0]), 0, width - 1)
    rows = np.clip(np.arange(y, y + view[1]), 0, height - 1)
    inside = x >= 0 and y >= 0 and x + view[0] <= width and y + view[1] <= height

    # One reformatter a video: building libswscale's tables for each frame takes six times as long as using them.
    scaler, halve = VideoReformatter(), _Halver()

    def restore(raw: Any, planes: Planes) -> None:
        shown: list[npt.NDArray[Any]]
        if raw.format.name not in _YUV or raw.colorspace not in _BT601:
            # Videos with BT.709 colors, or no chroma of their own: libswscale knows the way through RGB.
            scaled = scaler.reformat(raw, width, height, "rgb24", interpolation="AREA")
            shown = list(to_planes(cast(Frame, scaled.to_ndarray())))
        elif raw.format.name == "yuv420p" and (raw.width, raw.height) == (2 * width, 2 * height):
            # The commonest case by far: chroma is stored at the size of the view already.
            luma, cb, cr = (_pixels(plane) for plane in raw.planes)
            shown = [halve(luma), cb, cr]
        else:
            scaled = scaler.reformat(
                raw, width, height, "yuv444p", interpolation="AREA", dst_color_range=ColorRange.MPEG
            )
            luma, cb, cr = (_pixels(plane) for plane in scaled.planes)
            shown = [_FULL_LUMA[luma], cb, cr]
        for plane, pixels in zip(planes, shown, strict=True):
            plane[:] = pixels[y : y + view[1], x : x + view[0]] if inside else pixels[rows[:, None], columns]

    return restore


# Luma as it is stored (16 to 235) to 0..255.
_FULL_LUMA = np.clip((np.arange(256) - 16) * 255 / 219 + 0.5, 0, 255).astype(np.uint8)


def to_planes(frame: Frame) -> Planes:
    """An RGB picture (height, width, 3) as planes."""
    planes: Planes = np.asarray(Image.fromarray(frame).convert("YCbCr")).transpose(2, 0, 1).copy()
    # Chroma of 0..255 to what is stored, (c - 128) * 224 / 255 + 128.5. For every byte c that is less by
    # (249 c + 1920) / 2048 - 16, where no product leaves 16 bits: quicker than a table.
    less = planes[1:].astype(np.uint16)
    less *= 249
    less += 1920
    less >>= 11
    planes[1:] -= less.astype(np.uint8)
    planes[1:] += 16
    return planes


def difference(a: npt.NDArray[np.uint8], b: npt.NDArray[np.uint8]) -> tuple[int, int, int, int] | None:
    """First and last row and first and last column where two pictures differ, None if nowhere.

    Args:
        a, b: uint8 of shape (height, width) or (height, width, 3). Columns may be a few too many.
    """
    height, width = a.shape[:2]
    wide = a.size // height
    # Compared eight bytes at a time, where a row is a whole number of them: many times quicker.
    unit = 8 if wide % 8 == 0 else 1
    rows = (np.ascontiguousarray(picture).reshape(height, wide).view(f"u{unit}") for picture in (a, b))
    off = np.not_equal(*rows)
    down = np.flatnonzero(off.any(1))
    if not len(down):
        return None
    right = np.flatnonzero(off[down[0] : down[-1] + 1].any(0)) * unit
    deep = wide // width
    return int(down[0]), int(down[-1]), int(right[0]) // deep, min(width, (int(right[-1]) + unit - 1) // deep + 1) - 1


def _pixels(plane: Any) -> Planes:
    """A plane of a libav frame, without the padding of its lines."""
    return np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)[:, : plane.width]


class _Halver:
    """Luma at half the size, from 0 to 255. Sums in 16 bits: many times quicker than libswscale, which keeps the range.

    Works in the same memory again and again: new memory for each frame takes longer than the sums.
    """

    def __init__(self) -> None:
        self._work: npt.NDArray[np.uint16] = np.empty((2, 0, 0), np.uint16)

    def __call__(self, luma: Planes) -> npt.NDArray[np.uint16]:
        # Two neighbors at a time, as one number of 16 bits; row by row of a pair, so that little memory is touched.
        pairs = luma.view(np.uint16)
        shape = pairs.shape[0] // 2, pairs.shape[1]
        if self._work.shape[1:] != shape:
            self._work = np.empty((2, *shape), np.uint16)
        four: npt.NDArray[np.uint16] = self._work[0]
        more = self._work[1]
        np.bitwise_and(pairs[::2], 0xFF, out=four)
        four += np.bitwise_and(pairs[1::2], 0xFF, out=more)
        four += np.right_shift(pairs[::2], 8, out=more)
        four += np.right_shift(pairs[1::2], 8, out=more)
        # (mean - 16) * 255 / 219, where 149 / 256 is half of 255 / 219: no product leaves 16 bits.
        np.clip(four, 64, 942, out=four)
        four -= 64
        four >>= 1
        four *= 149
        four += 64
        four >>= 8
        return four


# ----------------------------------------------------------------------------------------------------------- write


@contextmanager
def replacing(path: Path | str, suffix: str = "") -> Iterator[Path]:
    """A temporary path in the same folder that takes the final name only when the block ends well.

    Raises:
        StorageError: the folder cannot be written, or the disk is full.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}{suffix or '.tmp'}")
    try:
        if not path.parent.is_dir():
            path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        temporary.replace(path)
    except OSError as error:
        raise StorageError.from_os(path, error) from None
    finally:
        # It is there only if something went wrong.
        with suppress(OSError):
            temporary.unlink()


def png(frame: Frame) -> bytes:
    """An RGB frame as PNG. FFmpeg's encoder is three times as quick as Pillow's, for the same size."""
    context = av.CodecContext.create("png", "w")
    context.height, context.width = frame.shape[:2]
    context.pix_fmt, context.time_base = "rgb24", Fraction(1)
    context.options = {"pred": "up", "compression_level": "1"}
    picture = av.VideoFrame.from_numpy_buffer(np.ascontiguousarray(frame), format="rgb24")
    return b"".join(bytes(packet) for packet in context.encode(picture))


# How videos are encoded. They have the same bytes each time: with x264's macroblock tree, small videos (96x64) came out
# different from run to run (seen with FFmpeg 8 on x86-64). At 18, drawings are visually lossless.
USUAL: Mapping[str, str] = {"preset": "veryfast", "crf": "18", "x264-params": "mbtree=0"}
# Drawings are small anyway: the quickest preset. Without a rate to be planned, x264 takes a third less time, and the
# videos are smaller at the same quality.
DRAWN: Mapping[str, str] = {"preset": "ultrafast", "qp": "8"}


def write_video(
    path: Path | str, frames: Iterable[Frame] | Frames, fps: float, x264: Mapping[str, str] = USUAL
) -> None:
    """Write RGB frames as H.264, yuv420p, faststart: it plays in every browser. The same frames give the same bytes.

    Args:
        frames: uint8 arrays (height, width, 3), all of one size; both sides even.
        x264: how to encode.

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
                rate = Fraction(fps).limit_denominator(1001)
                stream = cast(av.VideoStream, container.add_stream("libx264", rate=rate))
                stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
                # x264's output depends on how many threads there are.
                stream.codec_context.thread_count = 1
                stream.options = dict(x264)
                # What libswscale converts with, said aloud, so that browsers do not guess BT.709 for large frames.
                stream.codec_context.colorspace = 6
                stream.codec_context.color_range = 1
                convert = _Converter()
                for pixels in _chain(first, iterator):
                    if pixels.shape != first.shape or pixels.dtype != np.uint8:
                        raise VideoError(f"{path}: frames differ: {first.shape} and {pixels.shape} {pixels.dtype}")
                    container.mux(stream.encode(convert(pixels)))
                container.mux(stream.encode(None))
        except av.error.FFmpegError as error:
            if isinstance(error, OSError):
                raise StorageError.from_os(path, error) from None
            raise VideoError(f"{path} cannot be written: {_reason(error)}") from None


class _Converter:
    """Turns RGB frames into yuv420p, each anew only where it differs from the one before.

    Converting all of a 720x480 frame takes as long as encoding it; in a drawn video little changes from frame to frame.
    """

    # What a pixel's chroma depends on, in pixels; more than libswscale's longest filter.
    _REACH = 16

    def __init__(self) -> None:
        self._last: Frame | None = None
        # One for each size: building libswscale's tables takes as long as converting a small part.
        self._scalers: defaultdict[tuple[int, int], VideoReformatter] = defaultdict(VideoReformatter)

    def __call__(self, frame: Frame) -> av.VideoFrame:
        height, width = frame.shape[:2]
        if self._last is None:
            # The same one again and again: x264 copies what it is given.
            self._video = av.VideoFrame(width, height, "yuv420p")
            self._planes = [_pixels(plane) for plane in self._video.planes]
            # A copy, here and below: the caller may draw the next frame in the same place.
            self._last = frame.copy()
            self._put(self._convert(frame), (0, height, 0, width), (0, 0))
        elif (box := difference(frame, self._last)) is not None:
            reach = self._REACH
            # In whole blocks of chroma.
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
        """Put what was converted of a part, whose corner is `origin`, into a box of the planes."""
        (top, bottom, left, right), (y, x) = box, origin
        for plane, part, half in zip(self._planes, new, (1, 2, 2), strict=True):
            plane[top // half : bottom // half, left // half : right // half] = part[
                (top - y) // half : (bottom - y) // half, (left - x) // half : (right - x) // half
            ]

    def _convert(self, part: Frame) -> list[npt.NDArray[np.uint8]]:
        rgb = av.VideoFrame.from_ndarray(np.ascontiguousarray(part), format="rgb24")
        yuv = self._scalers[part.shape[:2]].reformat(rgb, format="yuv420p")
        return [_pixels(plane) for plane in yuv.planes]


def _chain(first: Frame, rest: Iterator[Frame]) -> Iterator[Frame]:
    yield first
    yield from rest


def even(size: Size) -> Size:
    """The smallest size with even sides that holds `size`, because yuv420p halves both."""
    return size[0] + size[0] % 2, size[1] + size[1] % 2


# -------------------------------------------------------------------------------------------------------- register


def register(first: Image.Image, canvas: Image.Image) -> Geometry:
    """Find where a question's canvas lies in the first frame of a video made elsewhere.

    Letterbox, stretch, center-crop, what is left without plain bars, and ink on ink are tried, then the best box is
    refined by moving its edges. What counts is the correlation of the two pictures inside the box, so brightness and
    contrast do not matter, nor do the bars' colors.
    """
    gray, paper = _soft(first), _soft(canvas)
    columns, rows = _bounded(canvas.size, 180)
    # Both pictures are sampled alike, so that the right box agrees perfectly and no other better.
    target = _bilinear(
        paper, (np.arange(rows) + 0.5) * canvas.height / rows, (np.arange(columns) + 0.5) * canvas.width / columns
    )
    fits: tuple[Fit, ...] = ("letterbox", "stretch", "crop")
    candidates = [Geometry.place(canvas.size, first.size, fit) for fit in fits]
    candidates += _from_content(np.asarray(first), np.asarray(canvas), candidates[0])
    scored = [(_agreement(gray, g, target), g) for g in candidates]
    best_score, best = max(scored, key=lambda pair: pair[0])
    if best_score > _CERTAIN and best.fit == "letterbox" and best is candidates[0]:
        # Placed as everybody places it: refining could only follow the codec's noise.
        return best
    step = max(first.size) / 32
    while step >= 0.5:
        moved = False
        for edges in _NUDGES:
            geometry = _nudge(best, [edge * step for edge in edges])
            if geometry is None:
                continue
            score = _agreement(gray, geometry, target)
            if score > best_score + 1e-4:
                best_score, best, moved = score, geometry, True
        if not moved:
            step /= 2
    return best


def _from_content(frame: Frame, canvas: Frame, like: Geometry) -> list[Geometry]:
    """Boxes that follow from where the two pictures have content: all of the frame's, and the drawing in it."""
    shown, drawn = _content(frame), _content(canvas)
    if shown is None or drawn is None:
        return []
    left, top, right, bottom = shown
    bars = {"x": left, "y": top, "width": right - left, "height": bottom - top}
    across, down = (right - left) / (drawn[2] - drawn[0]), (bottom - top) / (drawn[3] - drawn[1])
    height, width = canvas.shape[:2]
    ink = {"x": left - drawn[0] * across, "y": top - drawn[1] * down, "width": width * across, "height": height * down}
    return [like.model_copy(update=box) for box in (bars, ink)]


def _content(pixels: Frame) -> tuple[int, int, int, int] | None:
    """Box (left, top, right, bottom) of what differs from the color of the corner; None for a plain picture."""
    differs = np.abs(pixels.astype(np.int16) - pixels[0, 0]).max(axis=2) > 40
    rows, columns = np.flatnonzero(differs.mean(axis=1) > 0.01), np.flatnonzero(differs.mean(axis=0) > 0.01)
    if not len(rows) or not len(columns):
        return None
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


# A correlation at which a nominal placement needs no refining.
_CERTAIN = 0.985

# Moves of the left, top, right and bottom edges: each alone, shifts, and zooms.
_NUDGES = tuple(
    (a * s, b * s, c * s, d * s)
    for a, b, c, d in (
        (1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1),
        (1, 0, 1, 0), (0, 1, 0, 1), (1, 1, -1, -1), (1, 0, -1, 0), (0, 1, 0, -1),
    )
    for s in (1, -1)
)  # fmt: skip


def _nudge(geometry: Geometry, edges: list[float]) -> Geometry | None:
    left, top = geometry.x + edges[0], geometry.y + edges[1]
    right, bottom = geometry.x + geometry.width + edges[2], geometry.y + geometry.height + edges[3]
    width, height = right - left, bottom - top
    frame_width, frame_height = geometry.frame
    if width < frame_width / 4 or height < frame_height / 4 or width > 3 * frame_width or height > 3 * frame_height:
        return None
    return geometry.model_copy(update={"x": left, "y": top, "width": width, "height": height})


def _bounded(size: Size, longest: int) -> Size:
    scale = min(1.0, longest / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _agreement(gray: npt.NDArray[np.float32], geometry: Geometry, target: npt.NDArray[np.float32]) -> float:
    """Correlation in [-1, 1] of the canvas and the frame inside the box, over the part that the frame shows."""
    rows, columns = target.shape
    ys = geometry.y + (np.arange(rows) + 0.5) * geometry.height / rows
    xs = geometry.x + (np.arange(columns) + 0.5) * geometry.width / columns
    seen_y, seen_x = (ys >= 0) & (ys < gray.shape[0]), (xs >= 0) & (xs < gray.shape[1])
    if seen_y.sum() < rows / 3 or seen_x.sum() < columns / 3:
        return -1.0
    sampled = _bilinear(gray, ys[seen_y], xs[seen_x])
    wanted = target[seen_y][:, seen_x]
    a, b = sampled - sampled.mean(), wanted - wanted.mean()
    norm = float(np.sqrt((a * a).sum() * (b * b).sum()))
    # A canvas that is shown whole is preferred to one whose blank margins are cut off.
    shown = float(seen_y.mean() * seen_x.mean())
    return (float((a * b).sum()) / norm if norm > 1e-6 else 0.0) - 0.02 * (1.0 - shown)


def _soft(image: Image.Image) -> npt.NDArray[np.float32]:
    return np.asarray(image.convert("L").filter(ImageFilter.GaussianBlur(2)), dtype=np.float32)


def _bilinear(
    gray: npt.NDArray[np.float32], ys: npt.NDArray[np.float64], xs: npt.NDArray[np.float64]
) -> npt.NDArray[np.float32]:
    """Values of a picture on a grid of positions; the center of the first pixel is at 0.5."""
    rows, columns = gray.shape
    y, x = np.clip(ys - 0.5, 0, rows - 1), np.clip(xs - 0.5, 0, columns - 1)
    top, left = y.astype(np.intp), x.astype(np.intp)
    bottom, right = np.minimum(top + 1, rows - 1), np.minimum(left + 1, columns - 1)
    down, across = (y - top).astype(np.float32)[:, None], (x - left).astype(np.float32)
    upper = gray[top[:, None], left] * (1 - across) + gray[top[:, None], right] * across
    lower = gray[bottom[:, None], left] * (1 - across) + gray[bottom[:, None], right] * across
    values: npt.NDArray[np.float32] = upper * (1 - down) + lower * down
    return values
