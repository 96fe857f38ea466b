"""The read model of an experiment: the denominator, verdicts, and reasons for a missing score."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from vmevalkit import store
from vmevalkit.errors import UsageError
from vmevalkit.store.experiment import (
    NOT_SCORED,
    ExperimentData,
    KnownModels,
    read_experiment,
)
from vmevalkit.types import GenerationResult, Score

KNOWN = KnownModels(baselines=("replay", "jumpcut"), needs={"replay": ("ground_truth.mp4",)})


class Folders:
    """An experiment with one question, `maze_0000`."""

    def __init__(self, root: Path) -> None:
        self.questions, self.outputs, self.scores = root / "questions", root / "outputs", root / "scores"
        self.ask("maze_0000")

    def ask(self, question_id: str) -> Path:
        folder = store.question_folder(self.questions, "maze", question_id)
        folder.mkdir(parents=True)
        (folder / "prompt.txt").write_text("Go.")
        return folder

    def sample(self, model: str, question_id: str = "maze_0000", seed: int = 42) -> store.Sample:
        return store.Sample(outputs=self.outputs, model=model, task="maze", question_id=question_id, seed=seed)

    def answer(self, model: str, question_id: str = "maze_0000", seed: int = 42, suffix: str = ".mp4") -> Path:
        path = self.sample(model, question_id, seed).video.with_suffix(suffix)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"a video")
        return path

    def score(self, model: str, passed: bool | None, question_id: str = "maze_0000", **fields: Any) -> Path:
        values: dict[str, Any] = {
            "model": model, "task": "maze", "question_id": question_id, "seed": 42, "scorer": "rule",
            "scorer_version": "1", "status": "scored", "passed": passed, "reason": "solved", "explanation": "Solved.",
            "value": None if passed is None else float(passed), **fields,
        }  # fmt: skip
        score = Score.model_validate(values)
        store.write_score(self.scores, score)
        return store.score_path(self.scores, score)

    def read(self) -> ExperimentData:
        return read_experiment(self.questions, self.outputs, self.scores, KNOWN)


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return Folders(tmp_path)


def test_every_model_is_expected_to_answer_every_question_with_each_of_its_seeds(folders: Folders) -> None:
    folders.ask("maze_0001")
    folders.answer("mine", "maze_0000", seed=7)
    folders.answer("mine", "maze_0001", seed=42)
    folders.answer("other", "maze_0001", seed=42)
    assert [sample.key for sample in folders.read().samples] == [
        ("mine", "maze", "maze_0000", 7), ("mine", "maze", "maze_0000", 42), ("other", "maze", "maze_0000", 42),
        ("mine", "maze", "maze_0001", 7), ("mine", "maze", "maze_0001", 42), ("other", "maze", "maze_0001", 42),
    ]  # fmt: skip


def test_a_score_without_a_video_is_in_the_denominator(folders: Folders) -> None:
    folders.score("mine", True, seed=3)
    [sample] = folders.read().samples
    assert (sample.key[3], sample.verdict, sample.video) == (3, "pass", None)


def test_models_come_before_baselines_and_baselines_in_their_own_order(folders: Folders) -> None:
    for model in ("zebra", "jumpcut", "replay", "alpha"):
        folders.answer(model)
    data = folders.read()
    assert data.models == ["alpha", "zebra", "replay", "jumpcut"]
    assert [sample.baseline for sample in data.samples] == [False, False, True, True]


@pytest.mark.parametrize(
    ("fields", "verdict"),
    [
        ({"passed": True}, "pass"),
        ({"passed": False}, "fail"),
        ({"passed": None, "status": "broken"}, "broken"),
        ({"passed": None, "status": "missing", "reason": "no_video"}, "missing"),
    ],
)
def test_the_verdict_follows_the_rule_scorer(folders: Folders, fields: dict[str, Any], verdict: str) -> None:
    folders.answer("mine")
    folders.score("mine", **fields)
    folders.score("mine", not fields["passed"], scorer="judge")
    [sample] = folders.read().samples
    assert (sample.verdict, sample.is_scored) == (verdict, True)
    assert [score.scorer for score in sample.others] == ["judge"]
    assert ("rule" in sample.decisions) == (fields["passed"] is not None)


def test_a_sample_without_a_score_says_why(folders: Folders) -> None:
    for model in ("made", "failed", "absent"):
        folders.sample(model).folder.mkdir(parents=True)
    folders.answer("made")
    failure = GenerationResult(
        success=False, video_path=None, error="no memory left", duration_seconds=1.0, generation_id="1", model="failed",
        status="failed", metadata={},
    )  # fmt: skip
    store.write_record(folders.sample("failed").result, failure)
    explanations = {sample.score.model: sample.score.explanation for sample in folders.read().samples}
    assert all(not sample.is_scored and sample.verdict == "not scored" for sample in folders.read().samples)
    assert all(sample.score.reason == NOT_SCORED for sample in folders.read().samples)
    assert "There is a video" in explanations["made"]
    assert "no memory left" in explanations["failed"]
    assert "No video was made" in explanations["absent"]


def test_a_damaged_score_is_no_score(folders: Folders) -> None:
    folders.answer("mine")
    folders.score("mine", True).write_text("{")
    [sample] = folders.read().samples
    assert sample.verdict == "not scored"


def test_a_score_belongs_to_the_sample_in_whose_folder_it_lies(folders: Folders) -> None:
    folders.answer("mine")
    folders.score("mine", True)
    (folders.outputs / "mine").rename(folders.outputs / "renamed")
    (folders.scores / "mine").rename(folders.scores / "renamed")
    [sample] = folders.read().samples
    assert (sample.key[0], sample.verdict) == ("renamed", "pass")


def test_a_baseline_without_its_files_cannot_answer(folders: Folders) -> None:
    folders.answer("replay")
    folders.answer("mine")
    assert {sample.key[0]: sample.answerable for sample in folders.read().samples} == {"mine": True, "replay": False}
    (folders.questions / "maze_task/maze_0000/ground_truth.mp4").touch()
    assert all(sample.answerable for sample in folders.read().samples)


def test_what_belongs_to_no_question_is_counted_and_left_out(folders: Folders) -> None:
    folders.answer("mine")
    folders.answer("mine", "maze_9999", seed=5)
    folders.score("mine", True, "maze_9999", seed=6)
    folders.score("mine", True, "maze_9999", seed=6, scorer="judge")
    data = folders.read()
    assert (data.stray_scores, data.stray_folders) == (1, 1)
    assert [sample.key for sample in data.samples] == [("mine", "maze", "maze_0000", 42)]


def test_videos_of_other_formats_are_found(folders: Folders) -> None:
    path = folders.answer("mine", suffix=".webm")
    [sample] = folders.read().samples
    assert sample.video == path


def test_a_prompt_that_cannot_be_read_is_none(folders: Folders) -> None:
    (folders.questions / "maze_task/maze_0000/prompt.txt").unlink()
    assert folders.read().prompts == {("maze", "maze_0000"): None}


def test_without_questions_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there are no questions"):
        read_experiment(tmp_path / "none", tmp_path, tmp_path, KNOWN)
