"""Images and videos: every kind that a person brings along, geometry there and back, broken files said clearly."""

from __future__ import annotations

import io
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from vmevalkit import media
from vmevalkit.errors import QuestionError, StorageError, VideoError
from vmevalkit.types import Fit, Geometry

SIDES = st.integers(32, 900)


def scene(size: tuple[int, int] = (720, 480)) -> Image.Image:
    """An image with something on every side."""
    image = Image.new("RGB", size, (250, 249, 246))
    pen = ImageDraw.Draw(image)
    w, h = size
    pen.rectangle((w * 0.2, h * 0.1, w * 0.8, h * 0.9), outline=(30, 40, 50), width=max(3, w // 40))
    pen.ellipse((w * 0.3, h * 0.2, w * 0.45, h * 0.5), fill=(0, 98, 190))
    pen.rectangle((w * 0.6, h * 0.65, w * 0.7, h * 0.8), fill=(232, 136, 0))
    return image


# ---------------------------------------------------------------------------------------------------------- images


def test_transparent_pixels_are_white(tmp_path: Path) -> None:
    Image.new("RGBA", (20, 20), (255, 0, 0, 0)).save(tmp_path / "a.png")
    assert np.asarray(media.load_image(tmp_path / "a.png")).min() == 255


def test_palette_with_transparency(tmp_path: Path) -> None:
    image = Image.new("P", (20, 20), 0)
    image.putpalette([10, 20, 30, 200, 100, 0])
    image.paste(1, (10, 0, 20, 20))
    image.save(tmp_path / "a.png", transparency=0)
    pixels = np.asarray(media.load_image(tmp_path / "a.png"))
    assert pixels[5, 5].tolist() == [255, 255, 255]
    assert pixels[5, 15].tolist() == [200, 100, 0]


def test_sixteen_bits_are_scaled_not_clipped(tmp_path: Path) -> None:
    gray = np.linspace(0, 65535, 400).reshape(20, 20).astype(np.uint16)
    Image.fromarray(gray).save(tmp_path / "a.png")
    pixels = np.asarray(media.load_image(tmp_path / "a.png"))[:, :, 0]
    assert abs(pixels.astype(int) - (gray / 257)).max() <= 1


def test_sixteen_bits_of_a_dark_image_stay_dark(tmp_path: Path) -> None:
    Image.fromarray(np.full((20, 20), 200, np.uint16)).save(tmp_path / "a.png")
    assert np.asarray(media.load_image(tmp_path / "a.png")).max() <= 1


def test_cmyk_and_exif_rotation(tmp_path: Path) -> None:
    image = Image.new("CMYK", (40, 20), (0, 0, 0, 0))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees
    image.save(tmp_path / "a.jpg", exif=exif)
    loaded = media.load_image(tmp_path / "a.jpg")
    assert (loaded.mode, loaded.size) == ("RGB", (20, 40))
    assert np.asarray(loaded).min() > 240


@pytest.mark.parametrize(
    ("data", "message"),
    [(b"", "not a readable image"), (b"\x89PNG\r\n\x1a\nrest", "not a readable image"), (None, "missing")],
)
def test_bad_images_are_said_clearly(tmp_path: Path, data: bytes | None, message: str) -> None:
    if data is not None:
        (tmp_path / "a.png").write_bytes(data)
    with pytest.raises(QuestionError, match=message):
        media.load_image(tmp_path / "a.png")


# -------------------------------------------------------------------------------------------------------- geometry


@given(
    canvas=st.tuples(SIDES, SIDES), frame=st.tuples(SIDES, SIDES), fit=st.sampled_from(["letterbox", "stretch", "crop"])
)
def test_placing_keeps_the_shape_and_the_center(canvas: tuple[int, int], frame: tuple[int, int], fit: Fit) -> None:
    g = Geometry.place(canvas, frame, fit)
    assert abs(g.x + g.width / 2 - frame[0] / 2) <= 1
    assert abs(g.y + g.height / 2 - frame[1] / 2) <= 1
    if fit == "letterbox":
        assert g.width <= frame[0] + 0.5
        assert g.height <= frame[1] + 0.5
        assert max(g.width / frame[0], g.height / frame[1]) > 0.97
    if fit == "crop":
        assert g.width >= frame[0] - 0.5
        assert g.height >= frame[1] - 0.5
    if fit != "stretch":
        assert abs(g.width / canvas[0] - g.height / canvas[1]) <= 1.0 / min(canvas)


@pytest.mark.parametrize("fit", ["letterbox", "stretch", "crop"])
@pytest.mark.parametrize("frame", [(720, 480), (1360, 768), (640, 640), (480, 720)])
def test_what_was_placed_is_found_again(tmp_path: Path, frame: tuple[int, int], fit: Fit) -> None:
    """Placed, written as mp4, read back to the canvas: with the stored geometry and with the one that is found."""
    canvas = scene()
    placed, geometry = media.place(canvas, frame, fit)
    media.write_video(tmp_path / "a.mp4", [np.asarray(placed)] * 3, 8)
    small = canvas.resize((360, 240), Image.Resampling.BOX)
    wanted = media.to_planes(np.asarray(small)).astype(int)
    found = media.register(placed, canvas)
    for g in (geometry, found):
        frames, *_ = media.read_canvas(tmp_path / "a.mp4", lambda *_, g=g: g, (360, 240))
        difference = np.abs(frames[1].astype(int) - wanted)
        # A crop to a square or an upright frame loses the sides; what is left must lie right.
        seen = round(360 * min(1.0, frame[0] / geometry.width))
        shown = slice((360 - seen) // 2 + 1, (360 + seen) // 2 - 1)
        assert np.percentile(difference[:, :, shown], 97) < 60, f"{g}"


@pytest.mark.parametrize("bars", [(0, 0, 0), (255, 255, 255), (128, 30, 200)])
@pytest.mark.parametrize("offset", [0, 13, -29])
def test_bars_of_any_color_and_place_are_found(bars: tuple[int, int, int], offset: int) -> None:
    canvas = scene()
    frame = Image.new("RGB", (1280, 720), bars)
    box = (100, 140 + offset, 100 + 960, 140 + offset + 640 - 100)
    frame.paste(canvas.resize((box[2] - box[0], box[3] - box[1])), box[:2])
    g = media.register(frame, canvas)
    assert np.abs(np.array([g.x, g.y, g.x + g.width, g.y + g.height]) - box).max() <= 4


# ----------------------------------------------------------------------------------------------------------- videos


@given(
    width=st.integers(8, 80).map(lambda n: 2 * n), height=st.integers(8, 60).map(lambda n: 2 * n),
    count=st.integers(1, 12), fps=st.sampled_from([5, 8, 16, 23.976, 30, 60]),
)  # fmt: skip
@settings(max_examples=15, deadline=None)
def test_videos_come_back_with_their_size_count_and_rate(
    tmp_path_factory: pytest.TempPathFactory, width: int, height: int, count: int, fps: float
) -> None:
    path = tmp_path_factory.mktemp("video") / "a.mp4"
    frames = [np.full((height, width, 3), 20 * i, np.uint8) for i in range(count)]
    media.write_video(path, frames, fps)
    info = media.probe(path)
    assert (info.size, info.frames, info.codec, info.pixel_format) == ((width, height), count, "h264", "yuv420p")
    assert info.fps == pytest.approx(fps, rel=1e-3)
    assert np.abs(media.read_frames(path).mean((1, 2, 3)) - [20 * i for i in range(count)]).max() < 4
    assert path.read_bytes()[4:40].find(b"ftyp") == 0
    assert path.read_bytes().find(b"moov") < path.read_bytes().find(b"mdat"), "faststart: a browser plays it at once"


def test_the_same_video_has_the_same_bytes(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    frames = [rng.integers(0, 256, (8, 12, 3), dtype=np.uint8).repeat(8, 0).repeat(8, 1) for _ in range(20)]
    written = set()
    for i in range(8):
        keep = np.ones(10_000 * (i + 1))  # so that the encoder's memory lies elsewhere each time
        media.write_video(tmp_path / "a.mp4", frames, 8)
        written.add((tmp_path / "a.mp4").read_bytes())
        assert keep.all()
    assert len(written) == 1


def test_a_video_that_fails_half_way_leaves_nothing(tmp_path: Path) -> None:
    def frames() -> object:
        yield np.zeros((16, 16, 3), np.uint8)
        raise RuntimeError("the model broke")

    with pytest.raises(RuntimeError, match="the model broke"):
        media.write_video(tmp_path / "a.mp4", frames(), 8)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("frames", "message"),
    [
        ([], "at least one frame"),
        ([np.zeros((15, 16, 3), np.uint8)], "must be even"),
        ([np.zeros((16, 16, 3), np.uint8), np.zeros((16, 18, 3), np.uint8)], "frames differ"),
    ],
)
def test_videos_that_cannot_be_written(tmp_path: Path, frames: list[media.Frame], message: str) -> None:
    with pytest.raises(VideoError, match=message):
        media.write_video(tmp_path / "a.mp4", frames, 8)
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot write"):
        media.write_video(tmp_path / "file" / "a.mp4", [np.zeros((16, 16, 3), np.uint8)], 8)


def audio_only() -> bytes:
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=44100)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.rate, frame.time_base = 44100, Fraction(1, 44100)
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return buffer.getvalue()


def test_broken_videos_are_said_clearly(tmp_path: Path) -> None:
    media.write_video(tmp_path / "good.mp4", [np.full((64, 64, 3), i, np.uint8) for i in range(40)], 8)
    good = (tmp_path / "good.mp4").read_bytes()
    cases = {
        "empty": (b"", "0 bytes"),
        "text": (b"hello, I am not a video", "not a video"),
        "truncated": (good[: len(good) // 3], "not a video|does not decode|no frames"),
        "sound": (audio_only(), "no video stream"),
        "playlist": (b"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n", "not a video"),
    }
    for name, (data, message) in cases.items():
        path = tmp_path / f"{name}.mp4"
        path.write_bytes(data)
        assert not media.decodes(path)
        with pytest.raises(VideoError, match=message):
            media.probe(path)
    assert media.decodes(tmp_path / "good.mp4")
    with pytest.raises(VideoError, match="missing"):
        media.probe(tmp_path / "none.mp4")


def test_frames_that_change_in_part_are_written_like_any_other(tmp_path: Path) -> None:
    """Only what changed is converted anew; without loss (crf 0) the video must be that of frames converted whole."""
    rng = np.random.default_rng(0)
    frames = [rng.integers(0, 256, (96, 144, 3), np.uint8)]
    for box in ((slice(3, 20), slice(5, 9)), (slice(90, 96), slice(0, 144)), (slice(0, 0), slice(0, 0))):
        frames.append(frames[-1].copy())
        frames[-1][box] = rng.integers(0, 256, frames[-1][box].shape, np.uint8)
    media.write_video(tmp_path / "video.mp4", frames, 8, {"crf": "0"})
    for i, frame in enumerate(frames):
        media.write_video(tmp_path / "one.mp4", [frame], 8, {"crf": "0"})
        assert (media.read_frames(tmp_path / "video.mp4")[i] == media.read_frames(tmp_path / "one.mp4")[0]).all()


def test_one_array_may_be_drawn_on_for_every_frame(tmp_path: Path) -> None:
    def frames() -> Iterator[npt.NDArray[Any]]:
        frame = np.zeros((64, 64, 3), np.uint8)
        for i in range(4):
            frame[:, 16 * i : 16 * i + 16] = 255
            yield frame

    media.write_video(tmp_path / "video.mp4", frames(), 8)
    shown = media.read_frames(tmp_path / "video.mp4")
    assert [int((frame[32, :, 0] > 128).sum()) for frame in shown] == [16, 32, 48, 64]


def test_png_keeps_every_pixel(tmp_path: Path) -> None:
    frame = np.random.default_rng(1).integers(0, 256, (33, 47, 3), np.uint8)
    (tmp_path / "a.png").write_bytes(media.png(frame))
    assert (np.asarray(media.load_image(tmp_path / "a.png")) == frame).all()


@pytest.mark.parametrize("container", ["mp4", "matroska"])  # Matroska does not say how many frames there are
def test_an_overview_of_some_frames_has_those_of_all(tmp_path: Path, container: str) -> None:
    frames = [np.full((64, 96, 3), 5 * index, np.uint8) for index in range(30)]
    path = tmp_path / "video.mp4"
    media.write_video(path, frames, 8)
    if container != "mp4":
        with av.open(str(path)) as source, av.open(str(tmp_path / "video.mkv"), "w", format=container) as target:
            stream = target.add_stream_from_template(source.streams.video[0])
            for packet in source.demux(video=0):
                if packet.dts is not None:
                    packet.stream = stream
                    target.mux(packet)
        path = tmp_path / "video.mkv"
    every, first, info = media.overview(path, 48)
    some, same, _ = media.overview(path, 48, lambda count: [0, count // 2, count - 1])
    assert (len(every), info.frames, first.size) == (30, 30, (96, 64))
    assert np.array_equal(some, every[[0, 15, 29]])
    assert first == same


def test_a_number_of_frames_that_a_file_only_claims_costs_nothing(tmp_path: Path) -> None:
    """As many as two billion can be claimed in an mp4's sample table."""
    path = tmp_path / "video.mp4"
    media.write_video(path, [np.full((64, 96, 3), 5 * index, np.uint8) for index in range(4)], 8)
    claimed: list[int] = []

    def choose(count: int) -> range:
        claimed.append(count)
        return range(10**15 if len(claimed) == 1 else count)

    frames, _, info = media.overview(path, 48, choose)
    assert (len(frames), info.frames) == (4, 4)


def test_planes_have_the_chroma_that_videos_store() -> None:
    """All of its levels, against ITU-R BT.601 (full range to 16..240), rounded."""
    steps = np.arange(0, 256, 3, dtype=np.uint8)  # from 0 to 255
    rgb = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(len(steps), -1, 3)
    full = np.asarray(Image.fromarray(rgb).convert("YCbCr"))[..., 1:].astype(float)
    assert len(np.unique(full)) == 256
    wanted = np.floor((full - 128) * 224 / 255 + 128.5)
    assert np.array_equal(media.to_planes(rgb)[1:], wanted.transpose(2, 0, 1))
