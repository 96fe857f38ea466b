"""The kit as tasks of Inspect: `inspect eval vmevalkit/core --model mockllm/model -T video_model=NAME`.

Inspect loads this module by the entry point `inspect_ai` of the package. A solver makes the video, because no model of
Inspect makes videos; so `--model` is any model that costs nothing. An epoch is a seed. Videos and scores are those of
an experiment of the kit: rerun the command to resume, and make a report of it.
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
from inspect_ai.model import ChatMessageAssistant, ContentVideo, ModelOutput
from inspect_ai.scorer import Score, Scorer, Target, accuracy, mean, scorer, stderr
from inspect_ai.solver import Generate, Solver, TaskState, solver

from vmevalkit import store
from vmevalkit.defaults import DEFAULT_SEED
from vmevalkit.errors import VMEvalError
from vmevalkit.interop.inspect import inspect_score, question_message, question_metadata
from vmevalkit.runner.generate import plan
from vmevalkit.runner.jobs import publish
from vmevalkit.runner.make import make
from vmevalkit.runner.video_worker import GenerateWorker
from vmevalkit.scorers.base import SCORERS
from vmevalkit.suites import suite_names
from vmevalkit.types import Question

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


def kit_scorer(name: str, maker: VideoMaker, questions: dict[str, Question], scores: Path) -> Scorer:
    """Return a scorer of the kit as one of Inspect. Its scores are also stored for the kit's reports."""
    metrics = [mean(), stderr(cluster="task")] if name == "reference" else [accuracy(), stderr(cluster="task")]

    @scorer(metrics=metrics, name=name)
    def made() -> Scorer:
        async def score(state: TaskState, target: Target) -> Score:
            sample = store.Sample(
                outputs=maker.outputs,
                model=maker.name,
                task=state.metadata["task"],
                question_id=state.metadata["question_id"],
                seed=DEFAULT_SEED + state.epoch - 1,
            )
            question = questions[str(state.sample_id)]
            found = await anyio.to_thread.run_sync(partial(SCORERS[name].score, question, sample))
            store.write_score(scores, found)
            return inspect_score(found)

        return score

    return made()


def question_task(name: str, questions: Path, video_model: str, outputs: Path, scores: Path, **options: Any) -> Task:
    """Return the task that asks the questions of a set."""
    seeds = int(options.get("seeds", 1))
    asked = dict(enumerate(store.iter_questions(questions), 1))
    maker = VideoMaker(video_model, questions, outputs, seeds)
    by_id = {str(number): question for number, question in asked.items()}
    dataset = [
        Sample(id=number, input=[question_message(question)], target="", metadata=question_metadata(question))
        for number, question in asked.items()
    ]
    return Task(
        dataset=MemoryDataset(dataset, name=name),
        solver=video_solver(maker, by_id),
        scorer=kit_scorer(str(options.get("scorer", "rule")), maker, by_id, scores),
        epochs=Epochs(seeds, ["mean"]),
        metadata={"video_model": maker.name, "questions": str(questions), "outputs": str(outputs)},
    )


@task
def questions(
    folder: str,
    video_model: str = "replay",
    outputs: str | None = None,
    scores: str | None = None,
    seeds: int = 1,
    scorer: str = "rule",
) -> Task:
    """Ask the questions of any folder, also imported ones.

    Args:
        folder: of the question set.
        video_model: as for `generate --model`.
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
        video_model: str = "replay", outputs: str | None = None, scores: str | None = None, seeds: int = 1
    ) -> Task:
        root = FOLDER / suite
        if not (root / "questions" / store.MANIFEST).is_file():
            make(suite=suite, questions=root / "questions", videos=video_model == "replay")
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
