"""Files from outside by kind, each with the public reader that is given a changed copy."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from PIL import Image

Reader = Callable[[Path], Any]
Kinds = Iterator[tuple[str, Path, Reader]]

_ROOT = Path(__file__).parents[2]
_QUESTION = "questions/maze_task/maze_0000"
_ANSWER = "outputs/draws/maze_task/maze_0000"


def all_readers(experiment: Path, folder: Path) -> dict[str, tuple[Path, Reader]]:
    """Return what is changed, and how it is read, by name.

    Args:
        experiment: a scored experiment of two mazes and the model `draws`.
        folder: an empty folder, for copies of it.
    """
    for name in ("questions", "outputs", "scores"):
        shutil.copytree(experiment / name, folder / name)
    parts = (_media(folder), _records(folder), _scoring(folder), _checkpoints(folder), _tables(folder), _remote(folder))
    return {name: (source, reader) for part in parts for name, source, reader in part}


def allowed(read: Callable[[], Any]) -> None:
    """Read; an error of the kit in a few lines is fine."""
    from vmevalkit.errors import VMEvalError

    try:
        read()
    except VMEvalError as error:
        if len(str(error)) > 2000 or len(str(error).splitlines()) > 1:
            raise AssertionError(f"an error of {len(str(error))} characters: {str(error)[:200]!r}") from None


def _in_place(target: Path, read: Callable[[], Any]) -> tuple[Path, Reader]:
    """Put the changed file where it belongs, and read all of it."""
    source = target.with_name(f"whole_{target.name}")
    shutil.copy(target, source)

    def reader(path: Path) -> None:
        target.unlink(missing_ok=True)
        shutil.copy(path, target)
        try:
            read()
        finally:
            target.unlink(missing_ok=True)
            shutil.copy(source, target)

    return source, reader


def _media(folder: Path) -> Kinds:
    """Videos and images in every format that is read."""
    from vmevalkit import media, store

    def video(path: Path) -> None:
        for read in (media.probe, media.decodes, media.read_frames, media.first_frame, media.why_unplayable):
            allowed(partial(read, path))

    def image(path: Path) -> None:
        for read in (media.image_size, media.load_image):
            allowed(partial(read, path))

    yield "video", folder / _ANSWER / "video/video.mp4", video
    yield "truth", folder / _QUESTION / "ground_truth.mp4", video
    frames = media.read_frames(folder / _QUESTION / "ground_truth.mp4")
    for suffix in store.VIDEO_SUFFIXES:
        path = folder / f"other{suffix}"
        _write_video(path, frames[:9])
        yield f"video {suffix}", path, video
    opened = Image.open(folder / _QUESTION / "first_frame.png")
    yield "image", folder / _QUESTION / "first_frame.png", image
    for form in ("JPEG", "WEBP", "BMP", "GIF", "TIFF"):
        path = folder / f"{form}.png"
        opened.save(path, form)
        yield f"image {form}", path, image
    path = folder / "deflated.tiff"
    opened.save(path, "TIFF", compression="tiff_adobe_deflate")
    yield "image deflated TIFF", path, image


def _write_video(path: Path, frames: Any) -> None:
    """Write frames with a codec that the container of this suffix can hold."""
    import av

    codec = {".webm": "libvpx-vp9", ".gif": "gif"}.get(path.suffix, "mpeg4")
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=8)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "rgb8" if codec == "gif" else "yuv420p"
        for frame in frames:
            shown = av.VideoFrame.from_ndarray(frame, format="rgb24").reformat(format=stream.pix_fmt)
            container.mux(stream.encode(shown))
        container.mux(stream.encode(None))


def _records(folder: Path) -> Kinds:
    """Records in JSON and TOML, each read alone."""
    from vmevalkit import store
    from vmevalkit.files import read_toml
    from vmevalkit.models.command.file import read_file, ready_files
    from vmevalkit.models.http.jobs import JobFile
    from vmevalkit.recipe import VERBS, read_recipe
    from vmevalkit.suites import read_suite
    from vmevalkit.types import GenerationResult, QuestionMetadata, Record, Score

    records: dict[str, tuple[str, type[Record]]] = {
        "result": (f"{_ANSWER}/result.json", GenerationResult),
        "metadata": (f"{_QUESTION}/question_metadata.json", QuestionMetadata),
        "score": ("scores/draws/maze_task/maze_0000/rule.json", Score),
    }
    for name, (file, kind) in records.items():
        yield name, folder / file, partial(store.read_record, kind=kind)
    job = folder / "job.json"
    job.write_text('{"model": "m", "request_sha256": "' + "0" * 64 + '", "key": "k", "id": "1"}\n')
    yield "job", job, lambda path: JobFile(path).read()
    yield "suite", _ROOT / "vmevalkit/suites/mini-v1.toml", read_suite
    command = next(iter(ready_files().values()))
    yield "toml", command, read_toml
    yield "command", command, read_file
    recipe = folder / "recipe.toml"
    recipe.write_text('tags = ["a"]\n[make]\ntask = ["maze"]\ncount = 2\n[generate]\nset = { a.b = 2 }\n')
    options = dict.fromkeys(VERBS, ("task", "count", "set", "tag"))
    yield "recipe", recipe, lambda path: read_recipe(path, options)
    store.add_tags(folder / "outputs", ["one", "two"])
    yield "tags", *_in_place(folder / "outputs/experiment.json", lambda: store.read_tags(folder / "outputs"))


def _scoring(folder: Path) -> Kinds:
    """Files of an experiment that is scored and shown as a whole."""
    from vmevalkit import store
    from vmevalkit.runner.score import score
    from vmevalkit.store.ratings import Ratings
    from vmevalkit.web.index import Index

    places: dict[str, Any] = {name: folder / name for name in ("questions", "outputs", "scores")}

    def question_of() -> None:
        store.read_prompt(store.read_question(folder / "questions", "maze", "maze_0000"))

    def everything() -> None:
        for found in score(**places):
            if found.passed:
                raise AssertionError(f"wrong verdict: {found.question_id} passed")

    def ratings() -> None:
        found = Ratings(folder / "outputs")
        for read in (found.current, found.history, found.preferences, found.raters):
            allowed(read)

    yield "prompt", *_in_place(folder / _QUESTION / "prompt.txt", question_of)
    yield "manifest", *_in_place(folder / "questions/manifest.json", lambda: store.read_manifest(folder / "questions"))
    for name, file in {
        "video": f"{_ANSWER}/video/video.mp4",
        "result": f"{_ANSWER}/result.json",
        "question": f"{_QUESTION}/question_metadata.json",
        "image": f"{_QUESTION}/first_frame.png",
    }.items():
        yield f"scored {name}", *_in_place(folder / file, everything)
    index = Index(**places)
    index.refresh()
    index.engine.dispose()
    yield "viewer's index", *_in_place(folder / "scores/.index.sqlite", lambda: Index(**places).refresh())
    _rate(Ratings(folder / "outputs"))
    yield "ratings", *_in_place(folder / "outputs" / store.RATINGS, ratings)


def _rate(ratings: Any) -> None:
    from vmevalkit.store.ratings import Preference, Rating

    about: dict[str, Any] = {
        "token": "t" * 8,
        "rater": "anna",
        "task": "maze",
        "question_id": "maze_0000",
        "seed": 42,
        "comment": "a",
    }
    ratings.add(Rating(**about, model="draws", video_sha256="0" * 64, passed=False, stars=1))
    ratings.add(Preference(**about, left="draws", right="still", better="left"))


def _checkpoints(folder: Path) -> Kinds:
    """A checkpoint."""
    from vmevalkit.models.base import MODELS
    from vmevalkit.models.diffusers import checkpoint

    weights = folder / "weights"
    shutil.copytree(_ROOT / "weights/cogvideox-tiny-i2v", weights)

    def model() -> None:
        checkpoint.find(MODELS["cogvideox-tiny-i2v"], weights)

    yield "checkpoint index", *_in_place(weights / "model_index.json", model)
    yield "checkpoint weights", *_in_place(next(weights.rglob("*.safetensors")), model)


def _tables(folder: Path) -> Kinds:
    """Files of other benchmarks: a table in Parquet, and JSON with images in base64."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    import vmevalkit

    image = (folder / _QUESTION / "first_frame.png").read_bytes()

    def imported(form: str, path: Path) -> None:
        target = folder / "imported"
        try:
            vmevalkit.import_(form, path, **{name: target / name for name in ("questions", "outputs", "scores")})
        finally:
            shutil.rmtree(target, ignore_errors=True)

    table = folder / "rows.parquet"
    row = {"prompt": "Solve it.", "image": {"bytes": image, "path": "a.png"}, "id": "1", "category": "maze"}
    pq.write_table(pa.Table.from_pylist([row, {**row, "id": "2"}]), table)
    yield "imported Parquet", table, lambda path: imported("mme-cof", path)
    rows = folder / "VBVR-Bench.json"
    place = "In-Domain_50/G-3_sort/00000"
    files = {f"{name}_path": f"{place}/{name}.png" for name in ("first_frame", "final_frame")}
    rows.write_text(json.dumps([{"prompt": "Sort.", "first_image": base64.b64encode(image).decode(), **files}]))
    yield "imported JSON", rows, lambda path: imported("vbvr-bench", path)


def _remote(folder: Path) -> Kinds:
    """The manifest and an object at an address that is pulled from."""
    import vmevalkit

    places: dict[str, Any] = {name: folder / name for name in ("questions", "outputs", "scores")}
    address = folder / "address"
    vmevalkit.push(address.as_uri(), **places)
    got = folder / "got"
    there: dict[str, Any] = {name: got / name for name in places}

    def pulled() -> None:
        try:
            vmevalkit.pull(address.as_uri(), **there)
        finally:
            shutil.rmtree(got, ignore_errors=True)

    yield "pulled manifest", *_in_place(address / "manifest.json", pulled)
    yield "pulled object", *_in_place(next((address / "objects").rglob("[0-9a-f]*" + "[0-9a-f]" * 60)), pulled)
