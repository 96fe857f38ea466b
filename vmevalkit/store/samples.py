"""Samples: the videos of an experiment and what belongs to them."""

from __future__ import annotations

import logging
import os
import shutil
from pathlib import Path

from vmevalkit import inline, media
from vmevalkit.defaults import DEFAULT_SEED
from vmevalkit.errors import QuestionError, StorageError
from vmevalkit.files import glob, replacing, sha256_or_none
from vmevalkit.store.paths import (
    SAMPLE_FILE,
    SCORE_FILE,
    VIDEO_SUFFIXES,
    is_name,
    question_folder,
    seed_in,
    seed_suffix,
)
from vmevalkit.store.records import read_record
from vmevalkit.types import GenerationResult, Name, Provenance, Question, Record, Seed

log = logging.getLogger(__name__)


class Sample(Record):
    """One video by one model for one question and one seed, and the paths of its files."""

    outputs: Path
    model: Name
    task: Name
    question_id: Name
    seed: Seed = DEFAULT_SEED

    @property
    def folder(self) -> Path:
        """Folder of all seeds of this question."""
        return question_folder(self.outputs / self.model, self.task, self.question_id)

    @property
    def video(self) -> Path:
        """Where `generate` puts the video. See `find_video` for videos made elsewhere."""
        return self.folder.joinpath("video", f"video{seed_suffix(self.seed)}.mp4")

    @property
    def result(self) -> Path:
        """The GenerationResult of the video."""
        return self.folder / f"result{seed_suffix(self.seed)}.json"

    @property
    def job(self) -> Path:
        """The job of a remote model that is under way, or whose video is yet to be published."""
        return self.folder / f"job{seed_suffix(self.seed)}.json"

    @property
    def original(self) -> Path:
        """The file that the video was converted from, if browsers could not play it."""
        return self.folder / "video" / f"original{seed_suffix(self.seed)}.bin"

    @property
    def question(self) -> Path:
        """Folder with a copy of the question."""
        return self.folder / "question"

    def _repr_html_(self) -> str:
        video, result = find_video(self), read_result(self)
        shown = inline.media(video) if video is not None else inline.paragraph("There is no video.")
        failure = inline.paragraph(result.error) if result is not None and result.error else ""
        first = inline.media(self.question / "first_frame.png", "first frame")
        return inline.block(f"{self.model} {self.question_id}, seed {self.seed}", failure, first, shown)


def read_result(sample: Sample) -> GenerationResult | None:
    """Read a sample's result; None if there is none that is valid."""
    if not os.path.isfile(sample.result):
        return None
    try:
        return read_record(sample.result, GenerationResult)
    except QuestionError as error:
        log.warning("%s", error)
        return None


def read_provenance(sample: Sample) -> Provenance | None:
    """Read what produced a sample's video; None if that is unknown, for example because the video was replaced."""
    result, video = read_result(sample), find_video(sample)
    provenance = result.provenance if result is not None else None
    if provenance is None or video is None:
        return None
    return provenance if provenance.video_sha256 in (None, sha256_or_none(video)) else None


def is_complete(sample: Sample) -> bool:
    """Whether the result reports success and the video is the one that was made.

    Results of earlier versions have no digest; their videos must decode.
    """
    result = read_result(sample)
    if result is None or not result.success or not os.path.isfile(sample.video):
        return False
    digest = result.metadata.get("video_sha256")
    return media.decodes(sample.video) if digest is None else sha256_or_none(sample.video) == digest


def has_failed(sample: Sample) -> bool:
    """Whether the result reports a failure."""
    result = read_result(sample)
    return result is not None and not result.success


def is_user_supplied(sample: Sample) -> bool:
    """Whether there is a video, in any of the known formats, that is not the one of the result.

    A video that does not decode beside a valid result is not: it was made here and damaged.
    """
    video = find_video(sample)
    if video is None or is_complete(sample):
        return False
    return read_result(sample) is None or not os.access(video, os.R_OK) or media.decodes(video)


def copy_question(question: Question, sample: Sample) -> None:
    """Copy a question's files next to its video, so that an experiment is complete without its question set."""
    for source in question.files:
        target = sample.question / source.name
        if not os.path.isfile(source) or (os.path.isfile(target) and target.read_bytes() == source.read_bytes()):
            continue
        with replacing(target) as temporary:
            shutil.copyfile(source, temporary)


def iter_models(outputs: Path) -> list[str]:
    """Return the names of the models that have a folder in an experiment, sorted.

    Raises:
        StorageError: the folder of outputs cannot be read.
    """
    if not os.path.isdir(outputs):
        return []
    try:
        names = sorted(folder.name for folder in outputs.iterdir() if glob(folder, "*_task"))
    except OSError as error:
        raise StorageError(f"{outputs} cannot be read: {error.strerror}", "change its permissions") from None
    for name in names:
        if not is_name(name) and not name.startswith("."):
            log.warning("%s is left out: a model is named with letters, digits and . _ -; rename it", outputs / name)
    return [name for name in names if is_name(name)]


def seeds_of(outputs: Path, model: str, task: str, question_id: str) -> list[int]:
    """Return the seeds for which a model has a video or a result of a question, sorted."""
    folder = question_folder(outputs / model, task, question_id)
    files = (*glob(folder, "result*.json"), *glob(folder / "video", "video*.*"))
    return sorted({seed_in(match, 1) for file in files if (match := SAMPLE_FILE.match(file.name))})


def find_video(sample: Sample) -> Path | None:
    """Return the path of the sample's video, in any of the known formats; None if there is none."""
    stem = os.fspath(sample.video).removesuffix(".mp4")
    paths = (stem + cased for suffix in VIDEO_SUFFIXES for cased in (suffix, suffix.upper()))
    return next((Path(path) for path in paths if os.path.isfile(path)), None)


def sample_at(video: Path) -> Sample | None:
    """Return the sample of a video, from the names of its folders; None if it is in no experiment's folder."""
    path = video.absolute()
    match = SAMPLE_FILE.match(path.name)
    if match is None or len(path.parts) < 6:
        return None
    folder, question, task, model = path.parents[0], path.parents[1], path.parents[2], path.parents[3]
    if folder.name != "video" or not task.name.endswith("_task"):
        return None
    names = (model.name, task.name.removesuffix("_task"), question.name)
    if not all(map(is_name, names)):
        return None
    sample = Sample(
        outputs=path.parents[4], model=names[0], task=names[1], question_id=names[2], seed=seed_in(match, 1)
    )
    return sample if find_video(sample) == path else None


def other_files(sample: Sample) -> list[str]:
    """Return the names of the files beside a missing video that are not videos of any sample, sorted."""
    folder = sample.video.parent
    if not folder.is_dir():
        return []
    return sorted(path.name for path in folder.iterdir() if path.is_file() and not SAMPLE_FILE.match(path.name))


def files_of(outputs: Path, scores: Path, model: str, task: str, question_id: str) -> dict[int, dict[str, Path]]:
    """Return the files of a model's answers to a question, by seed: "video", "result", and "score NAME" by scorer."""
    found: dict[int, dict[str, Path]] = {}
    folder = question_folder(outputs / model, task, question_id)
    for path in (*glob(folder, "result*.json"), *glob(folder / "video", "video*.*")):
        if match := SAMPLE_FILE.match(path.name):
            files = found.setdefault(seed_in(match, 1), {})
            name = "result" if path.suffix == ".json" else "video"
            # Of several formats, the one that `find_video` prefers.
            if name not in files or path.suffix == VIDEO_SUFFIXES[0]:
                files[name] = path
    for path in glob(question_folder(scores / model, task, question_id), "*.json"):
        if match := SCORE_FILE.match(path.name):
            found.setdefault(seed_in(match, 2), {})[f"score {match[1]}"] = path
    return found
