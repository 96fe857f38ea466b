"""Every benchmark's own layout, made here of two mazes, is imported: questions, references, videos and scores."""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

import vmevalkit
from tests.conftest import Experiment
from vmevalkit import store
from vmevalkit.cli import main
from vmevalkit.interop import Imported, _folder
from vmevalkit.types import Question, Score, Source


class Maker:
    """Makes folders in the layouts of benchmarks, of the files of two mazes."""

    def __init__(self, experiment: Experiment, root: Path) -> None:
        self.root = root
        self.mazes = [experiment.questions / "maze_task" / f"maze_{number:04d}" for number in range(2)]
        self.video = experiment.outputs / "still/maze_task/maze_0000/video/video.mp4"

    def put(self, maze: int, **files: str) -> None:
        """Copy files of a maze: `first_frame="gt/a.png"`. Images are converted by suffix."""
        for name, target in files.items():
            source = next(self.mazes[maze].glob(f"{name}.*"))
            path = self.root / target
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.suffix == source.suffix:
                shutil.copy(source, path)
            else:
                Image.open(source).convert("RGB").save(path)

    def write(self, path: str, content: object) -> None:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content if isinstance(content, str) else json.dumps(content))

    def answer(self, path: str) -> None:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(self.video, target)

    def image(self, maze: int, name: str) -> dict[str, Any]:
        """An image as the hub stores it in Parquet."""
        return {"bytes": (self.mazes[maze] / f"{name}.png").read_bytes(), "path": f"{name}.png"}

    def parquet(self, path: str, rows: list[dict[str, Any]]) -> None:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.Table.from_pylist(rows), target)

    def read(self, form: str, source: str = "", **options: str) -> Imported:
        """Import from a part of the folder into `questions`, `outputs` and `scores` beside it."""
        places = {name: self.root / "kit" / name for name in ("questions", "outputs", "scores")}
        given = {name: self.root / path for name, path in options.items()}
        return vmevalkit.import_(form, self.root / source, **places, **given)

    @property
    def sources(self) -> dict[str, tuple[Question, Source]]:
        """The imported questions with their sources, by original id."""
        found = ((q, store.read_source(q)) for q in store.iter_questions(self.root / "kit/questions"))
        return {source.original_id: (question, source) for question, source in found if source}

    @property
    def scores(self) -> list[Score]:
        return list(store.iter_scores(self.root / "kit/scores"))


@pytest.fixture
def maker(experiment: Experiment, tmp_path: Path) -> Maker:
    return Maker(experiment, tmp_path)


class TestVBVR:
    def test_bench_as_one_json_file(self, maker: Maker) -> None:
        import base64

        maker.put(0, first_frame="gt/In-Domain_50/G-3_sort/00000/first_frame.png")
        maker.put(0, final_frame="gt/In-Domain_50/G-3_sort/00000/final_frame.png")
        where = "In-Domain_50/G-3_sort/00000"
        row = {
            "prompt": "Sort.", "first_frame_path": f"{where}/first_frame.png",
            "final_frame_path": f"{where}/final_frame.png", "ground_truth_video_path": f"{where}/ground_truth.mp4",
            "first_image": base64.b64encode((maker.mazes[0] / "first_frame.png").read_bytes()).decode(),
        }  # fmt: skip
        bad = [{**row, "first_frame_path": "x.png"}, "text", {**row, "first_image": "not base64!"}]
        bad.append({**row, "first_frame_path": "a/b/c/d.png", "final_frame_path": "../../../secret.png"})
        maker.write("gt/VBVR-Bench.json", [row, *bad])
        done = maker.read("vbvr-bench", "gt/VBVR-Bench.json")
        assert (done.questions, [name for name, _ in done.left_out]) == (1, ["row 1", "row 2", "row 3", "row 4"])
        question, _ = maker.sources[where]
        assert question.first_frame.read_bytes() == (maker.mazes[0] / "first_frame.png").read_bytes()
        assert question.final_frame.is_file()

    def test_scores_of_both_evaluators_are_kept_and_are_no_verdicts(self, maker: Maker) -> None:
        place = "Out-of-Domain_50/O-5_maze/00000"
        for name in ("first_frame.png", "final_frame.png", "ground_truth.mp4", "prompt.txt"):
            maker.put(0, **{name.split(".")[0]: f"gt/{place}/{name}"})
        maker.write(f"gt/{place}/metadata.json", {"parameters": {"size": 3}})
        maker.answer(f"answers/wan/{place}.mp4")
        maker.write(
            "wan_eval_results.json",
            {"detailed": [{
                "task_name": "O-5_maze", "video_idx": "00000", "split": "Out_of_Domain", "score": 0.75,
                "video_path": f"/elsewhere/wan/{place}.mp4", "dimensions": {"task_specific": 0.75},
            }]},
        )  # fmt: skip
        done = maker.read("vbvr-bench", "gt", videos="answers", results="wan_eval_results.json")
        assert (done.questions, done.videos, done.scores, done.left_out) == (1, 1, 1, ())
        (score,) = maker.scores
        assert (score.model, score.scorer, score.value, score.passed) == ("wan", "vbvr-evalkit", 0.75, None)
        assert score.measures == {"score": 0.75, "task_specific": 0.75}
        assert score.video_sha256 == store.sha256(maker.root / f"answers/wan/{place}.mp4")

        other = Maker.__new__(Maker)
        other.__dict__.update(maker.__dict__, root=maker.root / "pro")
        shutil.copytree(maker.root / "gt", other.root / "gt")
        sample = {
            "task_name": "O-5_maze",
            "video_file": "00000.mp4",
            "folder": "Out-of-Domain_50",
            "score": 1.0,
            "dimensions": {},
        }
        other.write("r.json", {"model_name": "wan", "samples": [sample, {**sample, "score": "high"}, {"score": 1}]})
        done = other.read("vbvr-pro-bench", "gt", results="r.json")
        assert (done.license, done.scores, len(done.left_out)) == ("CC-BY-NC-4.0", 1, 2)
        assert other.sources[place][1].details == {"metadata": {"parameters": {"size": 3}}}

    def test_datafactory_folders_and_the_dataset_of_the_hub(self, maker: Maker) -> None:
        place = "G-1_trajectory_data-generator/trajectory_task/trajectory_00000000"
        maker.put(0, first_frame=f"questions/{place}/first_frame.png", prompt=f"questions/{place}/prompt.txt")
        maker.write(f"questions/{place}/metadata.json", {"param_hash": "0123456789abcdef"})
        assert maker.read("vbvr-datafactory", "questions").questions == 1
        question, source = maker.sources[place]
        assert (question.task, question.id) == ("G-1_trajectory_data-generator", "trajectory_00000000")
        assert source.details["metadata"]["param_hash"] == "0123456789abcdef"

        maker.put(1, first_frame="hub/images/1.png", ground_truth="hub/images/1.mp4")
        maker.parquet(
            "hub/train.parquet",
            [{
                "id": "x", "generator": "O-2_gears", "task": "gears_task", "sample_id": "7", "prompt": "Turn.",
                "metadata_json": '{"seed": 3}', "first_frame_path": "images/1.png", "final_frame_path": None,
                "ground_truth_video_path": "images/1.mp4", "tar_file": "t.tar.gz",
            }],
        )  # fmt: skip
        assert maker.read("vbvr-datafactory", "hub").questions == 1
        question, source = maker.sources["O-2_gears/gears_task/7"]
        assert question.ground_truth.is_file()
        assert source.details == {"metadata": {"seed": 3}}


class TestVMEvalKit:
    def test_questions_runs_scores_and_the_dataset_of_the_hub(self, maker: Maker) -> None:
        maker.put(0, first_frame="q/chess_task/chess_0000/first_frame.png", prompt="q/chess_task/chess_0000/prompt.txt")
        maker.put(0, final_frame="q/chess_task/chess_0000/final_frame.png")
        shutil.copytree(maker.mazes[1], maker.root / "q/maze_task/maze_0001")
        run = "out/luma/chess_task/chess_0000"
        (maker.root / f"{run}/luma_20251001").mkdir(parents=True)
        maker.answer(f"{run}/luma_20251001/video/output.mp4")
        maker.answer(f"{run}/luma_20251002/video/output.mp4")
        about = {"model_name": "luma", "task_type": "chess_task", "task_id": "chess_0000"}
        given = {"solution_correctness_score": 4, "explanation": "Nearly."}
        said = {"metadata": {"evaluator": "GPT4OEvaluator", **about}, "result": given}
        maker.write("eval/luma/chess_task/chess_0000/GPT4OEvaluator.json", said)
        rated = {
            "metadata": {"evaluator": "human-eval", "annotator": "Ann", **about},
            "result": {**given, "comments": "ok"},
        }
        maker.write("eval/luma/chess_task/chess_0000/human-eval.json", rated)
        failed = {"metadata": {**about, "task_id": "chess_0009"}, "result": {"error": "none", "status": "failed"}}
        maker.write("eval/luma/chess_task/chess_0009/GPT4OEvaluator.json", failed)
        done = maker.read("vmevalkit", "q", videos="out", results="eval")
        assert (done.questions, done.videos, done.scores) == (1, 1, 2)
        assert "question of this kit" in done.left_out[0][1]
        assert "no solution_correctness_score" in done.left_out[1][1]
        found = {score.scorer: score for score in maker.scores}
        assert found["vmevalkit.GPT4OEvaluator"].value == 0.75
        assert found["vmevalkit.GPT4OEvaluator"].explanation == "Nearly."
        assert found["vmevalkit.human-eval.Ann"].measures == {"solution_correctness_score": 4.0}

        row = {
            "task_id": "raven_0003",
            "domain": "raven",
            "prompt": "Complete it.",
            "first_frame": maker.image(0, "first_frame"),
        }
        maker.parquet("hub/train-00000.parquet", [{**row, "final_frame": maker.image(0, "final_frame")}])
        assert maker.read("vmevalkit", "hub/train-00000.parquet").questions == 1
        question, _ = maker.sources["raven_task/raven_0003"]
        assert (question.task, question.id) == ("raven", "raven_0003")


PROMPTS = """
==================================================
TASK PROMPTS
==================================================

Code:
Complete this code problem. Do not modify: anything.

Communicating_vessel:
The liquid level changes.

==================================================
SUDOKU PROMPTS
==================================================
4x4:
Solve the 4x4 sudoku.

9x9:
Solve the 9x9 sudoku.

==================================================
TEMPERATURE PROMPTS
==================================================

01:
Ice in fog.
"""


class TestVReasonBench:
    def test_prompts_by_task_size_and_index(self, maker: Maker) -> None:
        for name in (
            "code_easy_03",
            "communicating_vessels_00",
            "sudoku_easy_2_00",
            "temperature_01",
            "lever_balance_00",
        ):
            maker.put(0, first_frame=f"dataset/{name}.png")
        maker.put(0, first_frame="dataset/unknown_00.png")
        maker.put(0, final_frame="evaluations/Communicating_vessels/GT/00.png")
        maker.write("evaluations/Sudoku/GT/easy_2/00.csv", "1,2,3,4")
        maker.write("prompts.txt", PROMPTS)
        maker.answer("videos/sudoku_wan-2.2_easy_2_00_seed3.mp4")
        maker.answer("videos/sudoku_easy_2_00_veo_3_seed1.mp4")
        maker.answer("videos/nothing_seed1.mp4")
        result = {"score": 0.9, "gt_index": "easy_2_00", "model": "wan-2.2", "passed": False}
        results = {"/x/predictions/easy_2/wan-2.2_00_seed3.png": result, "/x/broken.png": {"error": "invalid_filename"}}
        maker.write("evaluations/Sudoku/eval_results/sudoku_eval.json", {"model_summary": [], "results": results})
        done = maker.read("v-reasonbench", "", videos="videos", results="evaluations")
        prompts = {name: store.read_prompt(question) for name, (question, _) in maker.sources.items()}
        assert prompts == {
            "code_easy_03": "Complete this code problem. Do not modify: anything.",
            "communicating_vessels_00": "The liquid level changes.",
            "sudoku_easy_2_00": "Solve the 4x4 sudoku.",
            "temperature_01": "Ice in fog.",
        }
        assert maker.sources["sudoku_easy_2_00"][1].reference == "1,2,3,4"
        assert maker.sources["communicating_vessels_00"][0].final_frame.is_file()
        assert (done.questions, done.videos, done.scores) == (4, 2, 1)
        assert {name for name, _ in done.left_out} == {
            "lever_balance_00", "unknown_00.png", "nothing_seed1.mp4", "/x/broken.png",
        }  # fmt: skip
        (score,) = maker.scores
        assert (score.model, score.seed, score.passed, score.value) == ("wan-2.2", 3, False, 0.9)
        questions, outputs, scores = (maker.root / "kit" / name for name in ("questions", "outputs", "scores"))
        index = vmevalkit.report(questions, outputs, scores, maker.root / "report")
        measured = json.loads((index.parent / "summary.json").read_text())["analysis"]["measured"]
        assert {m["model"]: (m["measured"], m["passed"]) for m in measured} == {"veo_3": (0, None), "wan-2.2": (1, 0)}
        assert "Passed, by this scorer" in index.read_text()
        samples = maker.root / "kit/outputs"
        assert (samples / "veo_3/sudoku_task/sudoku_easy_2_00/video/video_seed1.mp4").is_file()


class TestOthers:
    def test_ruler_bench(self, maker: Maker) -> None:
        maker.put(0, first_frame="data/images/a.jpg", final_frame="data/gt/a.png")
        check = [{"Rule Coherence": "Is it?"}, {"Visual Fidelity": "Sharp?"}, {"Rule Coherence": "And?"}]
        row = {"category": "game", "task_name": "maze", "index": 3, "prompt": "Go.", "checklist": check}
        rows = [
            {**row, "input_image_path": "images/a.jpg", "gt_image_path": "gt/a.png", "implicit_explanation": "Left."},
            {**row, "index": 4},
            {**row, "index": 5, "input_image_path": "../secret.png"},
        ]
        maker.write("data/data.jsonl", "\n".join(map(json.dumps, rows)))
        maker.answer("videos/veo/maze/3.mp4")
        maker.write(
            "results/veo/maze/3.json", {**rows[0], "reasoning": "So.", "eval_results": ["Good", "Medium", "Poor"]}
        )
        maker.write("results/veo/maze/4.json", {**rows[1], "eval_results": ["Good"]})
        done = maker.read("ruler-bench", "data", videos="videos", results="results")
        assert (done.questions, done.videos, done.scores, len(done.left_out)) == (1, 1, 1, 3)
        question, source = maker.sources["maze/3"]
        assert question.first_frame.read_bytes().startswith(b"\x89PNG")
        assert (source.reference, source.details["category"], source.details["checklist"]) == ("Left.", "game", check)
        (score,) = maker.scores
        assert score.measures == {"Rule Coherence": 1.0, "Visual Fidelity": 1.0}
        assert (score.value, score.passed) == (0.5, None)

    def test_videothinkbench(self, maker: Maker) -> None:
        row: dict[str, Any] = {
            "task": "circle_center",
            "id": "a1",
            "prompt": "Find it.",
            "image": maker.image(0, "first_frame"),
        }
        rows = [
            {**row, "solution_image": maker.image(0, "final_frame")},
            {**row, "id": "a2", "image": None, "solution_image": None},
        ]
        maker.parquet("hub/Eyeballing_Puzzles/test-00000.parquet", rows)
        maker.put(1, first_frame="gen/visual/images/1.png", final_frame="gen/visual/images/2.png")
        puzzle = {"question": "What is missing?", "answer": "red", "options": ["red", "blue"], "id": "p1"}
        maker.write(
            "gen/visual/data.json", [{**puzzle, "image": "images/1.png", "solution_image_path": "images/2.png"}]
        )
        done = maker.read("videothinkbench", "hub")
        assert (done.questions, done.left_out[0][1].split(" (")[0]) == (1, "it has no first frame")
        assert maker.read("videothinkbench", "gen").questions == 1
        question, source = maker.sources["visual/visual/p1"]
        assert (source.reference, source.details["options"]) == ("red", ["red", "blue"])
        assert store.read_prompt(question) == "What is missing?"
        assert maker.sources["Eyeballing_Puzzles/circle_center/a1"][0].final_frame.is_file()

    def test_mme_cof(self, maker: Maker) -> None:
        row = {
            "prompt": "Animate.",
            "image": maker.image(0, "first_frame"),
            "solution_image": maker.image(0, "final_frame"),
        }
        maker.parquet("train.parquet", [{**row, "category": "2D Geometry"}, {**row, "category": "Rotation"}])
        assert maker.read("mme-cof", "train.parquet").questions == 2
        assert {q.task for q, _ in maker.sources.values()} == {"2D_Geometry", "Rotation"}

    def test_physics_iq(self, maker: Maker) -> None:
        out = io.StringIO()
        table = csv.writer(out)
        table.writerow(["scenario", "description", "category", "generated_video_name"])
        for number, take in (("0001", 1), ("0199", 2), ("0002", 1)):
            scene = f"{number}_perspective-left_take-{take}_trimmed-ball.mp4"
            table.writerow(
                [scene, "A ball, which falls.", "Solid Mechanics", f"{number}_perspective-left_trimmed-ball.mp4"]
            )
        maker.write("descriptions.csv", out.getvalue())
        maker.put(0, first_frame="switch-frames/0001_switch-frames_anyFPS_perspective-left_trimmed-ball.jpg")
        real = "split-videos/testing/30FPS/0001_testing-videos_30FPS_perspective-left_take-1_trimmed-ball.mp4"
        maker.put(0, ground_truth=real)
        maker.answer("videos/sora/0001_perspective-left_trimmed-ball.mp4")
        done = maker.read("physics-iq", "", videos="videos")
        assert (done.questions, done.videos) == (1, 1)
        assert len(done.left_out) == 1
        question, source = maker.sources["0001_perspective-left_trimmed-ball"]
        assert question.ground_truth.is_file()
        assert source.details == {"category": "Solid Mechanics", "side": "perspective-left"}
        places: dict[str, Any] = {name: maker.root / "kit" / name for name in ("questions", "outputs", "scores")}
        (score,) = vmevalkit.score("reference", **places)
        assert "reference video" in score.explanation


class TestExportsComeBack:
    """Videos of two seeds are written in a layout, and read again by the importer of the same layout."""

    def _world(self, maker: Maker, form: str) -> None:
        if form == "ruler-bench":
            maker.put(0, first_frame="source/a.png")
            row = {"task_name": "maze", "index": 3, "prompt": "Go.", "checklist": [], "image": "a.png"}
            maker.write("source/data.jsonl", json.dumps(row))
        elif form == "v-reasonbench":
            maker.put(0, first_frame="source/dataset/sudoku_easy_2_00.png")
            maker.write("source/prompts.txt", PROMPTS)
        else:
            where = "source/maze_task/maze_0" if form == "vmevalkit" else "source/In-Domain_50/G-3_maze/00000"
            maker.put(0, first_frame=f"{where}/first_frame.png", prompt=f"{where}/prompt.txt")
        maker.read(form, "source")
        ((question, _),) = maker.sources.values()
        for seed in (42, 7):
            sample = store.Sample(
                outputs=maker.root / "kit/outputs",
                model="my_model",
                task=question.task,
                question_id=question.id,
                seed=seed,
            )
            sample.video.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(maker.video, sample.video)

    @pytest.mark.parametrize(
        ("form", "files", "left_out"),
        [
            ("vbvr-bench", ["my_model/In-Domain_50/G-3_maze/00000.mp4"], 1),
            ("vbvr-pro-bench", ["my_model/In-Domain_50/G-3_maze/00000.mp4"], 1),
            ("ruler-bench", ["my_model/maze/3.mp4"], 1),
            ("v-reasonbench", ["sudoku_my-model_easy_2_00_seed42.mp4", "sudoku_my-model_easy_2_00_seed7.mp4"], 0),
            ("vmevalkit", ["my_model/maze_task/maze_0/run_0/video/video.mp4"], 1),
        ],
    )
    def test_layout(self, form: str, files: list[str], left_out: int, maker: Maker) -> None:
        self._world(maker, form)
        places: dict[str, Any] = {name: maker.root / "kit" / name for name in ("questions", "outputs", "scores")}
        target = maker.root / "out"
        done = vmevalkit.export(form, target, **places)
        assert sorted(str(path.relative_to(target)) for path in target.rglob("*.mp4")) == files
        assert len(done.left_out) == left_out
        if form == "vmevalkit":
            # Its evaluators look for the question beside the video.
            beside = target / "my_model/maze_task/maze_0/run_0/question"
            assert {path.name for path in beside.iterdir()} == {"first_frame.png", "prompt.txt", "source.json"}
        shutil.rmtree(maker.root / "kit/outputs")
        assert maker.read(form, "source", videos="out").videos == len(files)


def _not_parquet(path: Path) -> None:
    path.write_bytes(b"PAR1 nothing PAR1")


def _bomb(path: Path) -> None:
    """Rows of zeros, which are a few kilobytes on disk."""
    table = pa.table({"image": pa.array([b"\0" * 2**20] * 8), "prompt": ["Go."] * 8})
    pq.write_table(table, path, compression="zstd", use_dictionary=False)


def _huge_value(path: Path) -> None:
    pq.write_table(pa.table({"image": pa.array([b"\0" * (2**21 + 1)]), "prompt": ["Go."]}), path, compression="zstd")


def _wrong_types(path: Path) -> None:
    pq.write_table(pa.table({"image": [7], "prompt": [["a"]]}), path)


def _path_outside(path: Path) -> None:
    pq.write_table(pa.table({"image": ["/etc/hostname"], "prompt": ["Go."]}), path)


class TestHostileTables:
    @pytest.mark.parametrize(
        ("write", "says"),
        [
            (_not_parquet, "not a readable Parquet file"),
            (_bomb, "unpacks to"),
            (_huge_value, "a row has"),
            (_wrong_types, "an image column holds int"),
            (_path_outside, "outside of"),
        ],
    )
    def test_one_line_each(
        self,
        write: Callable[[Path], None],
        says: str,
        tmp_path: Path,
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        # Smaller limits, because a file that exceeds the real ones takes gigabytes to make.
        monkeypatch.setattr(_folder, "BYTES_LIMIT", 2**22)
        monkeypatch.setattr(_folder, "VALUE_LIMIT", 2**21)
        write(tmp_path / "x.parquet")
        status = main(["import", "mme-cof", str(tmp_path / "x.parquet"), "--questions", str(tmp_path / "q")])
        error = capsys.readouterr().err.splitlines()
        assert (status, len(error)) == (1, 1), error
        assert says in error[0]

    @pytest.mark.parametrize(
        "text", ["[" * 100_000, '{"a": 1', "7", '"x"', "\udcff".encode("utf-8", "surrogateescape")]
    )
    def test_json_of_any_kind(self, text: str | bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (tmp_path / "data.jsonl").write_bytes(text if isinstance(text, bytes) else text.encode())
        assert main(["import", "ruler-bench", str(tmp_path), "--questions", str(tmp_path / "q")]) == 1
        error = capsys.readouterr().err.splitlines()
        assert len(error) == 1
        assert error[0].startswith("left out: ")


ODD: tuple[Any, ...] = (
    None, True, -1, 1e308, 10**400, float("nan"), "", "../x", "/etc/passwd", "\0", "x" * 5000, [], {}, ["Good"],
    ["Good", []], [{}], {"bytes": 5}, {"bytes": None, "path": "a.png"},
)  # fmt: skip


def altered(row: dict[str, Any]) -> list[Any]:
    """A row, then values that are no rows, then the row with each field replaced by odd values, and without it."""
    rows: list[Any] = [row, *ODD]
    for name in row:
        rows += [{**row, name: odd} for odd in ODD]
        rows.append({key: value for key, value in row.items() if key != name})
    return rows


class TestOddRows:
    """Rows of wrong types never stop an import, and the right one among them is imported."""

    @pytest.mark.parametrize(
        ("form", "file", "row"),
        [
            (
                "vbvr-bench",
                "VBVR-Bench.json",
                {"first_frame_path": "In/t/0/a.png", "prompt": "Go.", "final_frame_path": "a.png"},
            ),
            (
                "ruler-bench",
                "data.jsonl",
                {"task_name": "maze", "index": 3, "prompt": "Go.", "image": "a.png", "checklist": []},
            ),
            (
                "videothinkbench",
                "data.json",
                {"id": "x", "task": "t", "prompt": "Go.", "image": "a.png", "answer": "b"},
            ),
        ],
    )
    def test_questions(self, form: str, file: str, row: dict[str, Any], maker: Maker) -> None:
        maker.put(0, first_frame="source/a.png")
        maker.put(0, first_frame="source/In/t/0/a.png")
        rows = altered(row)
        maker.write(f"source/{file}", "\n".join(map(json.dumps, rows)) if file.endswith("l") else rows)
        done = maker.read(form, f"source/{file}")
        assert done.questions >= 1
        assert done.left_out
        assert all("\n" not in why for _, why in done.left_out)

    @pytest.mark.parametrize(
        ("form", "row"),
        [
            ("vbvr-bench", {"task_name": "t", "video_path": "In/t/0.mp4", "score": 0.5, "dimensions": {"a": 1}}),
            ("vbvr-pro-bench", {"task_name": "t", "video_file": "0.mp4", "folder": "In", "score": 0.5, "error": None}),
            ("v-reasonbench", {"score": 0.5, "gt_index": "00", "model": "m", "passed": True}),
        ],
    )
    def test_scores(self, form: str, row: dict[str, Any], maker: Maker) -> None:
        maker.put(0, first_frame="source/In/t/0/first_frame.png", prompt="source/In/t/0/prompt.txt")
        maker.put(0, first_frame="source/dataset/code_00.png")
        maker.write("source/prompts.txt", PROMPTS)
        rows = altered(row)
        if form == "v-reasonbench":
            maker.write("r/code_eval.json", {"results": {f"{place}.png": value for place, value in enumerate(rows)}})
        else:
            maker.write("r/m.json", {"model_name": "m", "samples": rows})
        done = maker.read(form, "source", results="r")
        assert done.scores >= 1
        assert done.left_out
        assert all("\n" not in why for _, why in done.left_out)
