"""The records: frozen, and unknown fields are refused.

Everything that is written to disk is one of them. Sizes are (width, height) in pixels, times are in seconds.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
    model_validator,
)

from vmevalkit import inline
from vmevalkit.redaction import clean

Mode = Literal["solve", "guided", "hold"]
Fit = Literal["letterbox", "stretch", "crop"]
Status = Literal["scored", "missing", "broken", "failed", "unscorable"]
Difficulty = Annotated[int, Field(ge=1, le=5)]
Unit = Annotated[float, Field(ge=0.0, le=1.0)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,99}$")]
Size = tuple[Annotated[int, Field(ge=1)], Annotated[int, Field(ge=1)]]
Box = tuple[Unit, Unit, Unit, Unit]
"""Left, top, right and bottom as shares of the width and height."""
SEEDS = range(-(10**18) + 1, 10**18)
"""Seeds that are allowed: SQLite and Parquet have 64 bits."""
Seed = Annotated[int, Field(ge=SEEDS.start, lt=SEEDS.stop)]
Count = Annotated[int, Field(ge=0, lt=SEEDS.stop)]

MODES: tuple[Mode, ...] = ("solve", "guided", "hold")
STATUSES: tuple[Status, ...] = ("scored", "missing", "broken", "failed", "unscorable")


class Record(BaseModel):
    """Base class of everything that is stored or passed between stages."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=(), allow_inf_nan=False)


# Pixels from the corner of a frame.
_FARTHEST = 1e6
# How many times larger than the canvas a frame may be, in area.
_LARGEST_SHARE = 1024


class Geometry(Record):
    """Place of a question's canvas in a model's frame.

    The canvas (`canvas` = width, height) fills the box (`x`, `y`, `width`, `height`) of a frame of size `frame`, all in
    pixels of the frame. With the fit `crop`, the box extends beyond the frame.
    """

    canvas: Size
    frame: Size
    fit: Fit
    x: Annotated[float, Field(ge=-_FARTHEST, le=_FARTHEST)]
    y: Annotated[float, Field(ge=-_FARTHEST, le=_FARTHEST)]
    width: Annotated[float, Field(gt=0, le=_FARTHEST)]
    height: Annotated[float, Field(gt=0, le=_FARTHEST)]

    @model_validator(mode="after")
    def _canvas_is_visible(self) -> Geometry:
        # Otherwise, a frame that is scaled until the canvas has the size of a view would fill the memory.
        if self.width * self.height * _LARGEST_SHARE < self.frame[0] * self.frame[1]:
            raise ValueError(f"a canvas of {self.width:g}x{self.height:g} is too small for the frame")
        return self

    @classmethod
    def place(cls, canvas: Size, frame: Size, fit: Fit = "letterbox") -> Geometry:
        """Place a canvas in the center of a frame."""
        if fit == "stretch":
            return cls(canvas=canvas, frame=frame, fit=fit, x=0, y=0, width=frame[0], height=frame[1])
        scales = (frame[0] / canvas[0], frame[1] / canvas[1])
        scale = min(scales) if fit == "letterbox" else max(scales)
        # Whole pixels, because an image can only be pasted at those.
        width, height = max(1, round(canvas[0] * scale)), max(1, round(canvas[1] * scale))
        x, y = (frame[0] - width) // 2, (frame[1] - height) // 2
        return cls(canvas=canvas, frame=frame, fit=fit, x=x, y=y, width=width, height=height)

    def in_frame(self, box: Box) -> Box:
        """Return a box on the canvas as shares of the frame; the part outside of the frame is cut off."""
        left, right = ((self.x + end * self.width) / self.frame[0] for end in box[::2])
        top, bottom = ((self.y + end * self.height) / self.frame[1] for end in box[1::2])
        inside = [round(min(1.0, max(0.0, end)), 4) for end in (left, top, right, bottom)]
        return inside[0], inside[1], inside[2], inside[3]


class QuestionMetadata(Record):
    """The content of question_metadata.json, for a question that the kit made.

    `phrasing` is the number of the prompt among those of the task, for a question that asks in one of several wordings.
    """

    task: Name
    id: Name
    task_version: Annotated[int, Field(ge=1)]
    seed: Seed
    difficulty: Difficulty
    mode: Mode
    plan_length: Count
    puzzle: dict[str, Any]
    canvas: Size
    phrasing: Count | None = None
    sha256: dict[str, str]

    @model_serializer(mode="wrap")
    def _without_none(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # Questions whose phrasing was chosen at random are written as before there were several.
        return {name: value for name, value in serialize(self).items() if (name, value) != ("phrasing", None)}


class Source(Record):
    """The content of source.json: where an imported question comes from.

    Attributes:
        benchmark: name of the format that it was imported from, such as `vbvr-bench`.
        version: of the benchmark, where its files name one; otherwise the version that the importer was written for.
        license: of the question's files.
        url: where the benchmark is published.
        original_id: name of the question there, such as `In-Domain_50/G-3_sort/00000`.
        reference: the right answer as text, where the benchmark has one.
        details: what else it says about the question, such as category and checklist.
    """

    benchmark: Name
    version: str
    license: str
    url: str
    original_id: str
    reference: str | None = None
    details: dict[str, Any] = Field(default_factory=dict)

    @property
    def credit(self) -> str:
        """Benchmark, license and address in one line, to show beside the question."""
        return f"{self.benchmark}, {self.license}, {self.url}"


class Question(Record):
    """One question on disk. `task` and `id` are the names of its folders; a user-supplied question has no metadata."""

    task: Name
    id: Name
    folder: Path
    metadata: QuestionMetadata | None = None

    @property
    def first_frame(self) -> Path:
        """The first frame."""
        return self.folder / "first_frame.png"

    @property
    def prompt_file(self) -> Path:
        """The prompt."""
        return self.folder / "prompt.txt"

    @property
    def final_frame(self) -> Path:
        """The last frame of the ground-truth video."""
        return self.folder / "final_frame.png"

    @property
    def ground_truth(self) -> Path:
        """The ground-truth video."""
        return self.folder / "ground_truth.mp4"

    @property
    def metadata_file(self) -> Path:
        """The metadata."""
        return self.folder / "question_metadata.json"

    @property
    def source_file(self) -> Path:
        """Where the question comes from, if it was imported."""
        return self.folder / "source.json"

    @property
    def files(self) -> tuple[Path, ...]:
        """Every file that a question may have."""
        return (
            self.first_frame,
            self.prompt_file,
            self.final_frame,
            self.ground_truth,
            self.metadata_file,
            self.source_file,
        )

    def _repr_html_(self) -> str:
        prompt = self.prompt_file.read_text("utf-8", "replace") if self.prompt_file.is_file() else ""
        return inline.block(
            f"{self.task} {self.id}",
            inline.paragraph(prompt),
            inline.media(self.first_frame, "first frame"),
            inline.media(self.ground_truth, "ground truth"),
        )


class Tolerance(Record):
    """A habit of real videos that a verdict does not count as a mistake.

    Attributes:
        code: what it is: `end_cut`, `fade`, `flash`, `light` (the last frames are washed out), `zoom`, `visitor`,
            `caption`, `overlay` or `emphasis`.
        first, last: the first and the last frame that show it.
        box: (left, top, right, bottom) as shares of the canvas; None if it concerns the whole frame.
    """

    code: Name
    first: Annotated[int, Field(ge=0)]
    last: Annotated[int, Field(ge=0)]
    box: Box | None = None


# Tolerated habits that are mistakes where nothing else may happen: strict verdicts, and mode hold.
INTRUSIONS = frozenset({"visitor", "caption", "overlay"})

# What a verdict consists of, in the order in which a judge or rater is asked.
CRITERIA = ("outcome", "process", "preservation")


class Verdict(Record):
    """The verdict of a verifier about one video.

    `outcome`, `process` and `preservation` are partial credit in [0, 1]. `evidence_frame` is the index of the first
    frame that shows the reason, and `evidence_box` its place on the canvas, if the verifier knows it. A video passes
    exactly if all three are 1 and `reason` is a passing one. `tolerated` lists what the verdict does not count,
    although the prompt did not ask for it.
    """

    passed: bool
    outcome: Unit
    process: Unit
    preservation: Unit
    reason: str
    explanation: str
    evidence_frame: Count | None = None
    evidence_box: Box | None = None
    tolerated: tuple[Tolerance, ...] = ()

    @property
    def value(self) -> float:
        """Partial credit of the whole video: 1.0 exactly if it passes, near 0 if nothing happens in it."""
        return self.outcome * self.process * self.preservation

    @model_validator(mode="after")
    def _perfect_means_passed(self) -> Verdict:
        if self.passed != (self.value == 1.0):
            raise ValueError(f"passed={self.passed} contradicts value={self.value}")
        return self


class Score(Record):
    """One scorer's decision about one sample. Only the status `scored` has `passed` and `value`.

    A scorer that measures and does not decide gives a `value` and `measures`, without `passed`.

    Attributes:
        evidence_box: where the evidence frame shows the reason, as shares of the frame of the video; None if the scorer
            does not know.
        notes: short codes of what a reader should know, among them the codes of `tolerated`.
        tolerated: what the verdict does not count.
        measures: numbers by name, of a scorer that measures, such as `ssim`.
        video_sha256, question_sha256: digests of the video and the question (`store.question_digest`).
        inputs_sha256: digest of what else the score depends on (`Scorer.inputs`).
    """

    model: Name
    task: Name
    question_id: Name
    seed: Seed
    scorer: Name
    scorer_version: str
    status: Status
    passed: bool | None = None
    value: Unit | None = None
    outcome: Unit | None = None
    process: Unit | None = None
    preservation: Unit | None = None
    reason: str
    explanation: str
    evidence_frame: Count | None = None
    evidence_box: Box | None = None
    notes: tuple[str, ...] = ()
    tolerated: tuple[Tolerance, ...] = ()
    measures: dict[str, float] = Field(default_factory=dict)
    video_sha256: str | None = None
    question_sha256: str | None = None
    inputs_sha256: str | None = None

    @model_validator(mode="after")
    def _only_scored_has_a_value(self) -> Score:
        decided = self.passed is not None or bool(self.measures)
        if (self.status == "scored") != (self.value is not None and decided):
            raise ValueError(f"status '{self.status}' with passed={self.passed}, value={self.value}")
        return self

    @model_serializer(mode="wrap")
    def _without_empty(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # Scores without them are written as before there were measures and boxes.
        empty: dict[str, Any] = {"measures": {}, "evidence_box": None}
        return {name: value for name, value in serialize(self).items() if name not in empty or value != empty[name]}

    @property
    def failing(self) -> tuple[str, ...]:
        """The criteria that a video which does not pass does not fulfil."""
        return () if self.passed is not False else tuple(c for c in CRITERIA if (getattr(self, c) or 0.0) < 1.0)

    def _repr_html_(self) -> str:
        verdict = self.status if self.passed is None else "passed" if self.passed else "failed"
        rows = [
            (name, f"{value:.2f}")
            for name in ("outcome", "process", "preservation", "value")
            if (value := getattr(self, name)) is not None
        ]
        rows += [("evidence frame", str(self.evidence_frame))] if self.evidence_frame is not None else []
        rows += [("notes", ", ".join(self.notes))] if self.notes else []
        return inline.block(
            f"{self.model} {self.question_id}, seed {self.seed}: {verdict} ({self.reason})",
            inline.paragraph(self.explanation),
            inline.table(("", self.scorer), rows),
        )


class RemoteJob(Record):
    """What a server said about the job that made a video. What it did not say is None.

    Attributes:
        server: address without keys, or name of the provider.
        id: of the job.
        request_id: of the response that accepted the job, for questions to the provider.
        version: the model as the server names it.
        cost_usd: dollars, as the server billed them, or by the list price.
        cost_source: `server`, `list price` (with its date) or `setting`.
        revised_prompt: the prompt that the model was given instead.
        file_sha256: digest of the file as it came.
        converted: why the video is not that file; None if it is, byte for byte.
        answered: what the server echoed, such as the seed.
    """

    server: str
    id: str
    request_id: str | None = None
    version: str | None = None
    cost_usd: Annotated[float, Field(ge=0)] | None = None
    cost_source: str | None = None
    revised_prompt: str | None = None
    file_sha256: str | None = None
    converted: str | None = None
    answered: dict[str, Any] = Field(default_factory=dict)


class Provenance(Record):
    """Everything that produced a video, as far as it applies to the model.

    `settings` is what the model ran with, `requested` what was asked for beyond its defaults. `video_sha256` is the
    digest of the published video; None in results of earlier versions.
    """

    model: str
    kit_version: str
    seed: Seed
    prompt_sha256: str
    image_sha256: str
    frames: Annotated[int, Field(ge=1)]
    fps: Annotated[float, Field(gt=0)]
    video_seconds: Annotated[float, Field(gt=0)]
    size: Size
    geometry: Geometry
    settings: dict[str, Any] = Field(default_factory=dict)
    requested: dict[str, Any] = Field(default_factory=dict)
    video_sha256: str | None = None
    notes: tuple[str, ...] = ()
    weights: dict[str, Any] = Field(default_factory=dict)
    device: str = "cpu"
    memory_plan: str | None = None
    libraries: dict[str, str] = Field(default_factory=dict)
    seconds: dict[str, float] = Field(default_factory=dict)
    peak_memory_bytes: dict[str, int] = Field(default_factory=dict)
    job: RemoteJob | None = None


class GenerationResult(Record):
    """The result of a model's `generate`, and the content of result.json.

    `duration_seconds` is the wall time of the generation; the length of the video is `metadata["video_seconds"]`. The
    `metadata` of a successful generation is a `Provenance`.
    """

    success: bool
    video_path: str | None
    error: str | None
    duration_seconds: Annotated[float, Field(ge=0)]
    generation_id: str
    model: str
    status: Literal["completed", "failed"]
    metadata: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _success_has_a_video(self) -> GenerationResult:
        if self.success != (self.video_path is not None and self.error is None and self.status == "completed"):
            raise ValueError("a success has a video_path, no error, and the status 'completed'")
        return self

    @classmethod
    def failure(
        cls,
        error: str,
        *,
        model: str,
        generation_id: str,
        duration_seconds: float = 0.0,
        metadata: dict[str, Any] | None = None,
    ) -> GenerationResult:
        """A generation that failed with `error`, which is stored without keys."""
        return cls(
            success=False,
            video_path=None,
            error=clean(error),
            duration_seconds=round(duration_seconds, 3),
            generation_id=generation_id,
            model=model,
            status="failed",
            metadata=metadata or {},
        )

    @property
    def provenance(self) -> Provenance | None:
        """The metadata of a successful generation; None if another tool wrote it in a form of its own."""
        if not self.success or not self.metadata:
            return None
        try:
            return Provenance.model_validate(self.metadata)
        except ValidationError:
            return None
