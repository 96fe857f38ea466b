"""The kit as tasks of Inspect: `inspect eval vmevalkit/core --model vmevalkit/NAME`.

Inspect loads this module by the entry point `inspect_ai` of the package. NAME is a model as for `generate --model`. A
solver makes the video, because no model of Inspect answers with videos. An epoch is a seed. Videos and scores are those
of an experiment of the kit: rerun the command to resume, and make a report of it. The scorers are `vmevalkit/rule` and
`vmevalkit/reference`, which also score logs.
"""

from __future__ import annotations

import re
import threading
from functools import partial
from pathlib import Path
from typing import Any

import anyio.to_thread
from inspect_ai import Epochs, Task, task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import (
    ChatMessage,
    ChatMessageAssistant,
    ContentVideo,
    GenerateConfig,
    ModelAPI,
    ModelOutput,
    get_model,
    modelapi,
)
from inspect_ai.scorer import Score, Scorer, Target, accuracy, mean, scorer, stderr
from inspect_ai.solver import Generate, Solver, TaskState, solver
from inspect_ai.tool import ToolChoice, ToolInfo

from vmevalkit import store
from vmevalkit.defaults import DEFAULT_SEED
from vmevalkit.errors import UsageError, VMEvalError
from vmevalkit.interop.inspect import inspect_score, question_message, question_metadata
from vmevalkit.interop.lmms_eval import ELSEWHERE, score_file
from vmevalkit.runner.jobs import publish
from vmevalkit.runner.make import make
from vmevalkit.runner.planning import plan
from vmevalkit.runner.video_worker import GenerateWorker
from vmevalkit.scorers.base import SCORERS
from vmevalkit.suites import suite_names
from vmevalkit.types import Question
from vmevalkit.types import Score as KitScore

FOLDER = Path("data/inspect")
"""Folder of the question sets and experiments that these tasks make, unless others are named."""


class VideoMaker:
    """Makes the videos of one model, one at a time, and puts them into an experiment. The model is loaded once.

    Args:
        model: as for `generate --model`.
        questions: folder of the question set.
        outputs: folder of the experiment.
        seeds: number of videos for each question.

    Raises:
        UsageError: the model cannot run here, or the folder has videos of other questions or settings.
    """

    def __init__(self, model: str, questions: Path, outputs: Path, seeds: int) -> None:
        plans, runs = plan(model, questions=questions, outputs=outputs, samples=seeds, baselines=False)
        self._run, self.name, self.outputs = runs[0], runs[0].name, outputs
        obstacle = self._run.obstacle()
        if obstacle is not None:
            raise obstacle
        self._jobs = {job.sample: job for job in plans[0].todo}
        self._worker: GenerateWorker | None = None
        self._lock = threading.Lock()

    def make(self, question: Question, seed: int) -> store.Sample:
        """Return the sample of a question and a seed, after its video was made if there was none.

        Raises:
            VMEvalError: the video could not be made.
        """
        sample = store.Sample(
            outputs=self._run.outputs, model=self.name, task=question.task, question_id=question.id, seed=seed
        )
        with self._lock:
            job = self._jobs.pop(sample, None)
            if job is not None:
                folder = sample.outputs / self.name
                with store.locked(folder / ".lock", f"generating videos in {folder}"):
                    if self._worker is None:
                        self._worker = GenerateWorker(self._run.load(), self._run.remote)
                    result = publish(self._worker.start(job).finish(), self._run.requested)
                if not result.success:
                    raise VMEvalError(result.error or "the video could not be made")
        return sample


class VideoModel(ModelAPI):
    """The name of a video model. The solver of the tasks makes the videos."""

    async def generate(
        self, input: list[ChatMessage], tools: list[ToolInfo], tool_choice: ToolChoice, config: GenerateConfig
    ) -> ModelOutput:
        """Refuse: only the solver of the kit's tasks makes videos."""
        raise UsageError(f"vmevalkit/{self.model_name} answers the tasks of vmevalkit only")


@modelapi(name="vmevalkit")
def vmevalkit() -> type[ModelAPI]:
    """Return the class of models `vmevalkit/NAME`."""
    return VideoModel


def _model_in_use() -> str:
    """Return the name of the video model that `--model` names.

    Raises:
        UsageError: it names another kind of model.
    """
    model = get_model()
    if not isinstance(model.api, VideoModel):
        raise UsageError(f"{model} makes no videos", "inspect eval TASK --model vmevalkit/NAME, or -T video_model=NAME")
    return str(model.api.model_name)


@solver
def video_solver(maker: VideoMaker, questions: dict[str, Question]) -> Solver:
    """Let the video model answer."""

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        question = questions[str(state.sample_id)]
        seed = DEFAULT_SEED + state.epoch - 1
        sample = await anyio.to_thread.run_sync(partial(maker.make, question, seed))
        path = str(store.find_video(sample) or sample.video)
        state.metadata["seed"] = seed
        state.store.set("video", path)
        state.output = ModelOutput.from_content(maker.name, path)
        state.messages.append(ChatMessageAssistant(content=[ContentVideo(video=path, format="mp4")]))
        return state

    return solve


@scorer(metrics=[accuracy(), stderr(cluster="task")], name="rule")
def rule(questions: str, scores: str | None = None) -> Scorer:
    """Score videos by the rules of the kit.

    Args:
        questions: folder of the question set.
        scores: folder in which the scores are also stored, for the kit's reports.
    """
    return _kit_scorer("rule", Path(questions), Path(scores) if scores else None)


@scorer(metrics=[mean(), stderr(cluster="task")], name="reference")
def reference(questions: str, scores: str | None = None) -> Scorer:
    """Compare the ends of videos with the references of the questions; as `rule`."""
    return _kit_scorer("reference", Path(questions), Path(scores) if scores else None)


def _kit_scorer(name: str, questions: Path, scores: Path | None) -> Scorer:
    async def score(state: TaskState, target: Target) -> Score:
        question = store.read_question(questions, state.metadata["task"], state.metadata["question_id"])
        found = await anyio.to_thread.run_sync(partial(_score, name, question, _video_of(state)))
        if scores is not None and found.model != ELSEWHERE:
            store.write_score(scores, found)
        return inspect_score(found)

    return score


def _video_of(state: TaskState) -> Path | None:
    """Return the video that a solver made: the one in the store, or the last in a message."""
    path = state.store.get("video")
    for message in reversed(state.messages):
        for content in message.content if isinstance(message.content, list) else []:
            if not path and isinstance(content, ContentVideo):
                path = content.video
    return Path(path) if isinstance(path, str) and path else None


def _score(name: str, question: Question, path: Path | None) -> KitScore:
    """Score a video, as a part of its experiment if it lies in one, because that knows how the video was made."""
    sample = _sample_at(question, path) if path is not None else None
    if sample is not None:
        return SCORERS[name].score(question, sample)
    return score_file(question, path or Path("missing.mp4"), name)


def _sample_at(question: Question, path: Path) -> store.Sample | None:
    found = re.fullmatch(r"video(?:_seed(-?[0-9]{1,18}))?", path.stem)
    folder = path.parents[1] if len(path.parents) > 4 else path.parent
    if not found or path != folder / "video" / path.name or not store.is_name(folder.parents[1].name):
        return None
    outputs = folder.parents[2]
    if folder != store.question_folder(outputs / folder.parents[1].name, question.task, question.id):
        return None
    seed = int(found[1]) if found[1] else DEFAULT_SEED
    return store.Sample(
        outputs=outputs, model=folder.parents[1].name, task=question.task, question_id=question.id, seed=seed
    )


_SCORERS = {"rule": rule, "reference": reference}


def question_task(
    name: str, questions: Path, video_model: str | None, outputs: Path, scores: Path, **options: Any
) -> Task:
    """Return the task that asks the questions of a set."""
    seeds = int(options.get("seeds", 1))
    asked = dict(enumerate(store.iter_questions(questions), 1))
    maker = VideoMaker(video_model or _model_in_use(), questions, outputs, seeds)
    by_id = {str(number): question for number, question in asked.items()}
    dataset = [
        Sample(id=number, input=[question_message(question)], target="", metadata=question_metadata(question))
        for number, question in asked.items()
    ]
    return Task(
        dataset=MemoryDataset(dataset, name=name),
        solver=video_solver(maker, by_id),
        scorer=_SCORERS[options.get("scorer", "rule")](str(questions), str(scores)),
        epochs=Epochs(seeds, ["mean"]),
        metadata={"video_model": maker.name, "questions": str(questions), "outputs": str(outputs)},
    )


@task
def questions(
    folder: str,
    video_model: str | None = None,
    outputs: str | None = None,
    scores: str | None = None,
    seeds: int = 1,
    scorer: str = "rule",
) -> Task:
    """Ask the questions of any folder, also imported ones.

    Args:
        folder: of the question set.
        video_model: as for `generate --model`; by default the one of `--model vmevalkit/NAME`.
        outputs, scores: folders of the experiment.
        seeds: number of videos for each question; each is an epoch.
        scorer: `rule`, or `reference` for questions of other benchmarks.
    """
    root = FOLDER / Path(folder).resolve().name
    places = Path(outputs or root / "outputs"), Path(scores or root / "scores")
    return question_task(Path(folder).name, Path(folder), video_model, *places, seeds=seeds, scorer=scorer)


def _suite_task(suite: str) -> Any:
    """Return the task of a suite. It makes the suite's questions when it first runs."""

    def made(
        video_model: str | None = None, outputs: str | None = None, scores: str | None = None, seeds: int = 1
    ) -> Task:
        root = FOLDER / suite
        if not (root / "questions" / store.MANIFEST).is_file():
            make(suite=suite, questions=root / "questions", videos=(video_model or _model_in_use()) == "replay")
        return question_task(
            suite, root / "questions", video_model, Path(outputs or root / "outputs"), Path(scores or root / "scores"),
            seeds=seeds,
        )  # fmt: skip

    made.__name__ = made.__qualname__ = re.sub(r"-v[0-9]+$", "", suite)
    made.__doc__ = f"Ask the questions of the suite {suite}."
    return task(made)


# Of several versions of a suite, the last. Inspect finds tasks by their names in this module.
for _suite in sorted(suite_names(), key=lambda name: int(re.sub(r".*-v", "", name))):
    globals()[re.sub(r"-v[0-9]+$", "", _suite)] = _suite_task(_suite)
