"""What is written for other tools is read by these tools, with the same numbers.

Tests that need a tool are skipped if it is not installed: pip install inspect_ai datasets lmms-eval.
"""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

import vmevalkit
from tests.conftest import Experiment
from vmevalkit import store
from vmevalkit.interop import huggingface, lmms_eval


def places(world: Experiment) -> dict[str, Any]:
    return {name: getattr(world, name) for name in ("questions", "outputs", "scores")}


@pytest.fixture(scope="module")
def scored(experiment: Experiment, tmp_path_factory: pytest.TempPathFactory) -> Experiment:
    """The experiment, scored by two scorers, one of which measures."""
    world = Experiment(tmp_path_factory.mktemp("scored"))
    shutil.copytree(experiment.root, world.root, dirs_exist_ok=True)
    vmevalkit.score("reference", **places(world))
    return world


def passed_of(world: Experiment) -> dict[str, list[bool]]:
    """The verdicts of the rule scorer by model."""
    found: dict[str, list[bool]] = {}
    for score in store.iter_scores(world.scores):
        if score.scorer == "rule":
            found.setdefault(score.model, []).append(bool(score.passed))
    return found


def means_of(world: Experiment) -> dict[str, float]:
    """The mean values of the reference scorer by model."""
    found: dict[str, list[float]] = {}
    for score in store.iter_scores(world.scores):
        if score.scorer == "reference":
            found.setdefault(score.model, []).append(score.value or 0.0)
    return {model: sum(values) / len(values) for model, values in found.items()}


class TestCSV:
    def test_every_score_of_every_scorer(self, scored: Experiment, tmp_path: Path) -> None:
        vmevalkit.export("csv", tmp_path, **places(scored))
        rows = list(csv.DictReader(io.StringIO((tmp_path / "scores.csv").read_text())))
        passed = {model: sum(verdicts) for model, verdicts in passed_of(scored).items()}
        for model, number in passed.items():
            own = [row for row in rows if row["model"] == model]
            assert sum(row["scorer"] == "rule" and row["passed"] == "true" for row in own) == number
            assert sum(row["scorer"] == "reference" and row["passed"] == "" for row in own) == 2
        measured = next(row for row in rows if row["scorer"] == "reference")
        assert set(json.loads(measured["measures"])) == {"ssim", "psnr", "still_ssim", "still_psnr"}

    def test_no_text_becomes_a_formula(self, scored: Experiment, tmp_path: Path) -> None:
        world = Experiment(tmp_path / "world")
        shutil.copytree(scored.root, world.root)
        (world.questions / "maze_task/maze_0000/prompt.txt").write_text('=HYPERLINK("http://x", "y")')
        for score in store.iter_scores(world.scores):
            # Scores of early versions are exported, although nobody knows which prompt they are about.
            store.write_score(world.scores, score.model_copy(update={"question_sha256": None}))
        vmevalkit.export("csv", tmp_path / "out", **places(world))
        rows = list(csv.DictReader(io.StringIO((tmp_path / "out/scores.csv").read_text())))
        prompts = {row["prompt"] for row in rows if row["question_id"] == "maze_0000"}
        assert prompts == {'\'=HYPERLINK("http://x", "y")'}


class TestHuggingFace:
    def test_types_and_files_are_in_the_parquet(self, scored: Experiment, tmp_path: Path) -> None:
        vmevalkit.export("huggingface", tmp_path, **places(scored))
        videos = pq.read_table(tmp_path / "data/videos-00000.parquet")
        features = json.loads(videos.schema.metadata[b"huggingface"])["info"]["features"]
        assert features["video"] == {"_type": "Video"}
        row = next(row for row in videos.to_pylist() if row["model"] == "replay")
        sample = store.Sample(
            outputs=scored.outputs, model="replay", task="maze", question_id=row["question_id"], seed=row["seed"]
        )
        assert row["video"]["bytes"] == sample.video.read_bytes()
        questions = pq.read_table(tmp_path / "data/questions-00000.parquet").to_pylist()
        assert json.loads(questions[0]["puzzle"])
        assert questions[0]["license"] == "apache-2.0"
        card = (tmp_path / "README.md").read_text()
        assert card.startswith('---\nlicense: "apache-2.0"\n')

    def test_large_sets_are_several_files_without_leftovers(
        self, scored: Experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(huggingface, "GROUP_BYTES", 1)
            patch.setattr(huggingface, "SHARD_BYTES", 100_000)
            vmevalkit.export("huggingface", tmp_path, **places(scored))
        split = sorted((tmp_path / "data").glob("videos-*.parquet"))
        assert len(split) > 1
        rows = [row for path in split for row in pq.read_table(path).to_pylist()]
        vmevalkit.export("huggingface", tmp_path, **places(scored))
        (whole,) = (tmp_path / "data").glob("videos-*.parquet")
        assert pq.read_table(whole).to_pylist() == rows

    def test_a_link_that_leaves_the_experiment_is_not_followed(self, scored: Experiment, tmp_path: Path) -> None:
        world = Experiment(tmp_path / "world")
        shutil.copytree(scored.root, world.root)
        secret = tmp_path / "secret"
        secret.write_bytes(b"secret")
        video = world.outputs / "replay/maze_task/maze_0000/video/video.mp4"
        video.unlink()
        video.symlink_to(secret)
        vmevalkit.export("huggingface", tmp_path / "out", **places(world))
        assert b"secret" not in (tmp_path / "out/data/videos-00000.parquet").read_bytes()

    def test_datasets_reads_it(self, scored: Experiment, tmp_path: Path) -> None:
        datasets = pytest.importorskip("datasets")
        vmevalkit.export("huggingface", tmp_path / "out", **places(scored))
        options = {"split": "train", "cache_dir": str(tmp_path / "cache")}
        questions = datasets.load_dataset(str(tmp_path / "out"), "questions", **options)
        assert questions.remove_columns("ground_truth")[0]["first_frame"].size == (720, 480)
        videos = datasets.load_dataset(str(tmp_path / "out"), "videos", **options)
        assert isinstance(videos.features["video"], datasets.Video)
        found: dict[str, list[bool]] = {}
        for row in videos.remove_columns("video"):
            found.setdefault(row["model"], []).append(row["passed"])
        assert found == passed_of(scored)
        scores = datasets.load_dataset(str(tmp_path / "out"), "scores", **options)
        values = [row["value"] for row in scores if (row["scorer"], row["model"]) == ("reference", "replay")]
        assert sum(values) / len(values) == pytest.approx(means_of(scored)["replay"])


class TestInspect:
    def test_its_reader_gives_the_same_rates(self, scored: Experiment, tmp_path: Path) -> None:
        log_module = pytest.importorskip("inspect_ai.log")
        vmevalkit.export("inspect", tmp_path, **places(scored))
        means = means_of(scored)
        for model, verdicts in passed_of(scored).items():
            log = log_module.read_eval_log(str(tmp_path / f"{model}.eval"))
            values = [sample.scores["rule"].value for sample in log.samples]
            assert values == ["C" if passed else "I" for passed in verdicts]
            scores = {score.name: score.metrics for score in log.results.scores}
            assert scores["rule"]["accuracy"].value == sum(verdicts) / len(verdicts)
            assert scores["reference"]["mean"].value == pytest.approx(means[model])
            assert [sample.id for sample in log.samples] == [1, 2]
            assert log.samples[0].metadata["question_id"] == "maze_0000"

    def test_datasets_reads_the_logs(self, scored: Experiment, tmp_path: Path) -> None:
        pytest.importorskip("inspect_ai")
        datasets = pytest.importorskip("datasets")
        vmevalkit.export("inspect", tmp_path / "logs", **places(scored))
        files = {"train": sorted(str(path) for path in (tmp_path / "logs").glob("*.eval"))}
        rows = datasets.load_dataset("eval", data_files=files, split="train", cache_dir=str(tmp_path / "cache"))
        assert rows.num_rows == sum(map(len, passed_of(scored).values()))

    def test_the_kit_is_a_task_with_a_solver_and_a_scorer(
        self, scored: Experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        inspect_ai = pytest.importorskip("inspect_ai")
        from vmevalkit.interop import _inspect_tasks

        monkeypatch.chdir(tmp_path)
        logs = {}
        for model in ("replay", "still"):
            folders = {name: str(tmp_path / name) for name in ("outputs", "scores")}
            options = {"folder": str(scored.questions), **folders, "seeds": 2}
            (logs[model],) = inspect_ai.eval(
                _inspect_tasks.questions, task_args=options, model=f"vmevalkit/{model}", log_dir=str(tmp_path / "logs"),
                display="none",
            )  # fmt: skip
        assert {name: log.status for name, log in logs.items()} == {"replay": "success", "still": "success"}
        accuracy = {name: log.results.scores[0].metrics["accuracy"].value for name, log in logs.items()}
        assert accuracy == {"replay": 1.0, "still": 0.0}
        # The videos and scores are those of an experiment: two questions, two seeds.
        kit = Experiment(tmp_path)
        shutil.copytree(scored.questions, kit.questions)
        vmevalkit.report(**places(kit), report=tmp_path / "report")
        cells = json.loads((tmp_path / "report/summary.json").read_text())["cells"]
        tallies = {cell["model"]: cell["tally"] for cell in cells if cell["task"] is None}
        assert {name: (t["passed"], t["asked"]) for name, t in tallies.items()} == {"replay": (4, 4), "still": (0, 4)}

    def test_a_log_can_be_scored_again(self, scored: Experiment, tmp_path: Path) -> None:
        inspect_ai = pytest.importorskip("inspect_ai")
        from inspect_ai.log import read_eval_log

        from vmevalkit.interop import _inspect_tasks

        vmevalkit.export("inspect", tmp_path, **places(scored))
        for model, expected in (("replay", 1.0), ("still", 0.0)):
            log = read_eval_log(str(tmp_path / f"{model}.eval"))
            again = inspect_ai.score(
                log, _inspect_tasks.rule(str(scored.questions)), action="overwrite", display="none"
            )
            assert again.results.scores[0].metrics["accuracy"].value == expected
            values = [sample.scores["rule"].value for sample in again.samples]
            assert values == [sample.scores["rule"].value for sample in log.samples]

    def test_every_suite_is_a_task(self) -> None:
        pytest.importorskip("inspect_ai")
        from vmevalkit.interop import _inspect_tasks

        assert all(hasattr(_inspect_tasks, name) for name in ("core", "mini", "hard", "steer", "phrasing"))

    def test_without_inspect_one_line(
        self, scored: Experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        import builtins

        real = builtins.__import__

        def without(name: str, *args: Any, **options: Any) -> Any:
            if name.startswith("inspect_ai"):
                raise ModuleNotFoundError(f"No module named '{name}'", name="inspect_ai")
            return real(name, *args, **options)

        monkeypatch.setattr(builtins, "__import__", without)
        with pytest.raises(vmevalkit.UsageError, match=r"vmevalkit\[inspect\]"):
            vmevalkit.export("inspect", tmp_path / "logs", **places(scored))


class TestLmmsEval:
    def test_answers_in_both_forms_are_scored(self, scored: Experiment, tmp_path: Path) -> None:
        doc = {"task": "maze", "question_id": "maze_0000", "prompt": "Go."}
        video = str(scored.outputs / "replay/maze_task/maze_0000/video/video.mp4")
        still = str(scored.outputs / "still/maze_task/maze_0000/video/video.mp4")
        answers = {
            json.dumps({"text": "", "videos": [video]}): 1.0,
            video: 1.0,
            still: 0.0,
            "": 0.0,
            "I cannot make videos.\nSorry.": 0.0,
            json.dumps({"videos": [7]}): 0.0,
            json.dumps({"videos": ["/etc/passwd"]}): 0.0,
            "[" * 100_000: 0.0,
        }
        found = {a: lmms_eval.process_results(scored.questions, doc, [a])["passed"] for a in answers}
        assert found == answers

    def test_lmms_eval_runs_the_task(self, scored: Experiment, tmp_path: Path) -> None:
        evaluator = pytest.importorskip("lmms_eval.evaluator")
        model_api = pytest.importorskip("lmms_eval.api.model")
        tasks = pytest.importorskip("lmms_eval.tasks")
        done = vmevalkit.export("lmms-eval", tmp_path / "task", **places(scored))
        assert "--include_path" in done.hint

        class Finished(model_api.lmms):  # type: ignore[misc, name-defined]
            """Answers with the videos of the experiment: of replay for the first question, then of still."""

            is_simple = True
            device = "cpu"

            def generate_until(self, requests: list[Any]) -> list[str]:
                out = []
                for request in requests:
                    _, _, visual, number, task, split = request.args
                    doc = self.task_dict[task][split][number]
                    assert visual(doc)[0].size == (720, 480)
                    model = "replay" if doc["number"] == 1 else "still"
                    place = store.question_folder(scored.outputs / model, doc["task"], doc["question_id"])
                    out.append(json.dumps({"text": "", "videos": [str(place / "video/video.mp4")]}))
                return out

            def loglikelihood(self, requests: list[Any]) -> list[Any]:
                raise NotImplementedError

            def generate_until_multi_round(self, requests: list[Any]) -> list[str]:
                raise NotImplementedError

        manager = tasks.TaskManager(include_path=str(tmp_path / "task"), include_defaults=False)
        os.environ.setdefault("HF_DATASETS_CACHE", str(tmp_path / "cache"))
        found = evaluator.simple_evaluate(
            model=Finished(), tasks=["vmevalkit"], task_manager=manager, bootstrap_iters=10
        )
        assert found["results"]["vmevalkit"]["passed,none"] == 0.5
