"""Other benchmarks and tools: what is imported, scored, shown and written."""

from __future__ import annotations

import json
import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import vmevalkit
from tests.conftest import Experiment
from vmevalkit import media, store
from vmevalkit.cli import main
from vmevalkit.errors import UsageError
from vmevalkit.interop import FORMATS
from vmevalkit.scorers.base import SCORERS
from vmevalkit.scorers.reference import similarity

FILES = ("first_frame.png", "final_frame.png", "ground_truth.mp4", "prompt.txt")


def answer(image: Image.Image, prompt: str, seed: int) -> list[Image.Image]:
    """A user's model: nothing happens, but a dot appears."""
    changed = image.copy()
    changed.paste((255, 0, 0), (0, 0, 8, 8))
    return [image, image, changed]


@pytest.fixture
def world(tmp_path: Path) -> Experiment:
    """An empty experiment."""
    return Experiment(tmp_path)


def places(world: Experiment, *names: str) -> dict[str, Any]:
    return {name: getattr(world, name) for name in names or ("questions", "outputs", "scores")}


def vbvr(experiment: Experiment, root: Path) -> Path:
    """VBVR-Bench's layout, of two mazes."""
    for number, split in enumerate(("In-Domain_50", "Out-of-Domain_50")):
        folder = root / "gt" / split / "G-3_maze_data-generator" / "00000"
        folder.mkdir(parents=True)
        for name in FILES:
            shutil.copy(experiment.questions / "maze_task" / f"maze_{number:04d}" / name, folder / name)
    # The task of the second split has another name in the benchmark.
    (root / "gt/Out-of-Domain_50/G-3_maze_data-generator").rename(root / "gt/Out-of-Domain_50/O-5_maze")
    return root / "gt"


class TestWholePath:
    def test_vbvr_bench_is_imported_answered_measured_reported_and_exported(
        self, experiment: Experiment, world: Experiment
    ) -> None:
        done = vmevalkit.import_("vbvr-bench", vbvr(experiment, world.root), questions=world.questions)
        assert (done.questions, done.existed, done.left_out) == (2, 0, ())
        again = vmevalkit.import_("vbvr-bench", world.root / "gt", questions=world.questions)
        assert (again.questions, again.existed) == (0, 2)

        vmevalkit.generate(answer, **places(world, "questions", "outputs"))
        measured = {(s.model, s.task): s for s in vmevalkit.score("reference", **places(world))}
        replay = measured["replay", "O-5_maze"]
        assert replay.status == "scored"
        assert replay.passed is None
        assert replay.value is not None
        assert replay.value > 0.8
        assert measured["still", "O-5_maze"].value == 0.0
        assert measured["answer", "O-5_maze"].measures["psnr"] < replay.measures["psnr"]
        assert {s.reason for s in vmevalkit.score(**places(world))} == {"no_rule"}

        index = vmevalkit.report(**places(world), report=world.root / "report")
        page = index.read_text()
        assert "from vbvr-bench, Apache-2.0, https://github.com/Video-Reason/VBVR-EvalKit" in page
        assert "Measured, not decided by rule" in page
        assert "so there are no pass rates" in page
        summary = json.loads((index.parent / "summary.json").read_text())
        assert summary["sources"][0]["questions"] == 2
        found = {row["model"]: row for row in summary["analysis"]["measured"]}
        assert found["still"]["value"]["value"] == 0.0 < found["replay"]["value"]["value"]
        assert all(cell["tally"]["passed"] == 0 for cell in summary["cells"])
        assert summary["analysis"]["agreement"] == [] == summary["analysis"]["standings"]

        vmevalkit.export("card", world.root / "card", **places(world))
        card = json.loads((world.root / "card/card.json").read_text())
        assert card["rates"] == []
        assert {m["model"] for m in card["measured"]} >= {"answer", "still", "replay"}
        assert "Measured by reference, not decided by rule" in (world.root / "card/card.md").read_text()

    def test_the_card_of_a_suite_says_what_a_paper_needs(self, experiment: Experiment, tmp_path: Path) -> None:
        vmevalkit.export("card", tmp_path / "card", **places(experiment))
        text = (tmp_path / "card/card.md").read_text()
        card = json.loads((tmp_path / "card/card.json").read_text())
        rates = {rate["model"]: rate for rate in card["rates"] if rate["task"] == "maze"}
        assert (rates["replay"]["passed"], rates["replay"]["asked"]) == (2, 2)
        assert rates["still"]["passed"] == 0
        assert rates["still"]["baseline"]
        assert "| replay (baseline) | 100 % (34–100), 2 of 2 |" in text
        assert list(card["tasks"]) == ["maze"]
        assert card["question_set_sha256"] in text

    def test_predictions_come_back_as_they_were(self, experiment: Experiment, world: Experiment) -> None:
        vmevalkit.import_("vbvr-bench", vbvr(experiment, world.root), questions=world.questions)
        vmevalkit.generate("still", **places(world, "questions", "outputs"), baselines=False)
        done = vmevalkit.export("vbvr-bench", world.root / "predictions", **places(world))
        assert done.what == "2 videos"
        written = world.root / "predictions/still/Out-of-Domain_50/O-5_maze/00000.mp4"
        other = Experiment(world.root / "other")
        back = vmevalkit.import_("vbvr-bench", world.root / "gt", videos=world.root / "predictions", **places(other))
        assert (back.questions, back.videos, back.left_out) == (2, 2, ())
        sample = store.Sample(outputs=other.outputs, model="still", task="O-5_maze", question_id="O-5_maze_00000")
        assert sample.video.read_bytes() == written.read_bytes()

    def test_imported_questions_are_judged_and_rated(self, experiment: Experiment, world: Experiment) -> None:
        from tests.test_judge import Server

        vmevalkit.import_("vbvr-bench", vbvr(experiment, world.root), questions=world.questions)
        vmevalkit.generate(["replay", "still"], **places(world, "questions", "outputs"), baselines=False)
        server = Server()
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            judged = vmevalkit.score("judge", judge_model="m", judge_url=server.url, judge_votes=1, **places(world))
        finally:
            server.shutdown()
            server.server_close()
        assert {(s.model, s.passed) for s in judged} == {("replay", True), ("still", False)}
        for model in ("replay", "still"):
            sample = store.Sample(outputs=world.outputs, model=model, task="O-5_maze", question_id="O-5_maze_00000")
            SCORERS["human"].rehearse(sample, passes=model == "replay")
        rated = {s.model: s.passed for s in vmevalkit.score("human", **places(world)) if s.task == "O-5_maze"}
        assert rated == {"replay": True, "still": False}
        vmevalkit.score("reference", **places(world))
        index = vmevalkit.report(**places(world), report=world.root / "report")
        agreement = json.loads((index.parent / "summary.json").read_text())["analysis"]["agreement"]
        # The scorer that measures has no part in it.
        assert {tuple(found["scorers"]) for found in agreement} == {("human", "judge")}


class TestReference:
    def test_ssim_and_psnr_of_known_images(self) -> None:
        rng = np.random.default_rng(7)
        image = Image.fromarray(rng.integers(0, 256, (64, 96, 3), dtype=np.uint8))
        assert similarity(image, image) == pytest.approx((1.0, 100.0))
        brighter = Image.fromarray(np.full((64, 96, 3), 110, np.uint8))
        flat = Image.fromarray(np.full((64, 96, 3), 100, np.uint8))
        ssim, psnr = similarity(flat, brighter)
        assert psnr == pytest.approx(20 * np.log10(255 / 10))
        # Without variance only the first factor of SSIM remains.
        c1 = (0.01 * 255) ** 2
        assert ssim == pytest.approx((2 * 100 * 110 + c1) / (100**2 + 110**2 + c1))

    def test_a_letterboxed_video_from_elsewhere_is_compared_at_its_place(
        self, experiment: Experiment, world: Experiment
    ) -> None:
        shutil.copytree(experiment.questions, world.questions)
        frames = media.read_frames(experiment.questions / "maze_task/maze_0000/ground_truth.mp4")
        boxed = [np.pad(frame, ((80, 80), (0, 0), (0, 0))) for frame in frames[::8]]
        sample = store.Sample(outputs=world.outputs, model="mine", task="maze", question_id="maze_0000")
        media.write_video(sample.video, boxed, 8)
        score = next(s for s in vmevalkit.score("reference", **places(world)) if s.question_id == "maze_0000")
        assert (score.value or 0.0) > 0.5, score.explanation

    def test_a_question_without_reference_is_not_measured(self, experiment: Experiment, world: Experiment) -> None:
        shutil.copytree(experiment.questions, world.questions)
        folder = world.questions / "maze_task/maze_0000"
        for name in ("final_frame.png", "ground_truth.mp4"):
            (folder / name).unlink()
        vmevalkit.generate("still", **places(world, "questions", "outputs"), baselines=False)
        reasons = {s.question_id: s.reason for s in vmevalkit.score("reference", **places(world))}
        assert reasons == {"maze_0000": "no_reference", "maze_0001": "no_better_than_still"}


def _link_out(folder: Path) -> None:
    secret = folder.parents[3] / "secret.png"
    shutil.copy(folder / "first_frame.png", secret)
    (folder / "final_frame.png").unlink()
    (folder / "final_frame.png").symlink_to(secret)


def _huge_image(folder: Path) -> None:
    Image.new("1", (20_000, 20_000)).save(folder / "first_frame.png")


def _text_as_image(folder: Path) -> None:
    (folder / "first_frame.png").write_text("<svg/>")


def _latin_prompt(folder: Path) -> None:
    (folder / "prompt.txt").write_bytes(b"caf\xe9")


def _no_prompt(folder: Path) -> None:
    (folder / "prompt.txt").unlink()


def _truncated_video(folder: Path) -> None:
    data = (folder / "ground_truth.mp4").read_bytes()
    (folder / "ground_truth.mp4").write_bytes(data[: len(data) // 2])


class TestHostileFiles:
    @pytest.mark.parametrize(
        ("damage", "says"),
        [
            (_link_out, "outside of"),
            (_huge_image, "pixels on each side"),
            (_text_as_image, "not a readable image"),
            (_latin_prompt, "not UTF-8"),
            (_no_prompt, "no prompt.txt"),
            (_truncated_video, "does not decode"),
        ],
    )
    def test_one_line_and_the_others_are_imported(
        self,
        damage: Callable[[Path], None],
        says: str,
        experiment: Experiment,
        world: Experiment,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        source = vbvr(experiment, world.root)
        damage(source / "In-Domain_50/G-3_maze_data-generator/00000")
        assert main(["import", "vbvr-bench", str(source), "--questions", str(world.questions)]) == 1
        out = capsys.readouterr()
        assert "1 questions imported" in out.out
        lines = [line for line in out.err.splitlines() if line.startswith("left out: ")]
        assert len(lines) == 1, out.err
        assert says in lines[0]
        assert not list(world.questions.glob(".import-*"))

    def test_a_link_in_a_folder_of_links_is_not_followed_out(self, experiment: Experiment, world: Experiment) -> None:
        source = vbvr(experiment, world.root)
        elsewhere = world.root / "elsewhere"
        shutil.move(source / "In-Domain_50", elsewhere)
        (source / "In-Domain_50").symlink_to(elsewhere)
        done = vmevalkit.import_("vbvr-bench", source, questions=world.questions)
        assert done.questions == 1

    def test_a_pipe_is_no_file(self, experiment: Experiment, world: Experiment) -> None:
        source = vbvr(experiment, world.root)
        reference = source / "In-Domain_50/G-3_maze_data-generator/00000/final_frame.png"
        reference.unlink()
        os.mkfifo(reference)
        assert vmevalkit.import_("vbvr-bench", source, questions=world.questions).questions == 2
        assert len(list(world.questions.glob("*/*/final_frame.png"))) == 1

    def test_wrong_use_is_one_line_and_touches_nothing(
        self, experiment: Experiment, world: Experiment, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (world.root / "empty").mkdir()
        archive = world.root / "VBVR-Pro-Bench-Video.tar.gz"
        archive.touch()
        (world.root / "x.txt").touch()
        wrong: list[tuple[list[str], str]] = [
            (["import", "vbvr-bnch", "."], "did you mean vbvr-bench"),
            (["import", "card", "."], "can only be exported"),
            (["import", "vbvr-bench", str(world.root / "none")], "there is no file or folder"),
            (["import", "vbvr-bench", str(world.root / "empty")], "there are no questions of vbvr-bench"),
            (["import", "vbvr-pro-bench", str(archive)], "unpack it"),
            (["import", "mme-cof", str(world.root / "x.txt")], "name a file .parquet of mme-cof"),
        ]
        for argv, says in wrong:
            assert main([*argv, *(["--questions", str(world.questions)])]) == 2
            error = capsys.readouterr().err
            assert says in error
            assert len(error.splitlines()) == 1
        assert not list(world.questions.glob("**/*.png"))
        with pytest.raises(UsageError, match="no questions of vbvr-bench"):
            vmevalkit.export("vbvr-bench", world.root / "out", **places(experiment))
        with pytest.raises(UsageError, match="outside of it"):
            vmevalkit.export("card", experiment.outputs / "card", **places(experiment))

    def test_another_question_of_the_same_name_is_never_replaced(
        self, experiment: Experiment, world: Experiment
    ) -> None:
        source = vbvr(experiment, world.root)
        vmevalkit.import_("vbvr-bench", source, questions=world.questions)
        (source / "In-Domain_50/G-3_maze_data-generator/00000/prompt.txt").write_text("Another one.")
        done = vmevalkit.import_("vbvr-bench", source, questions=world.questions)
        assert done.existed == 1
        assert "exists and differs" in done.left_out[0][1]

    def test_an_id_that_leaves_the_target_is_refused(self, experiment: Experiment, world: Experiment) -> None:
        vmevalkit.import_("vbvr-bench", vbvr(experiment, world.root), questions=world.questions)
        vmevalkit.generate("still", **places(world, "questions", "outputs"), baselines=False)
        for file in world.questions.glob("*/*/source.json"):
            record = json.loads(file.read_text())
            file.write_text(json.dumps({**record, "original_id": "../../../../evil"}))
        with pytest.raises(UsageError, match="no path below a folder"):
            vmevalkit.export("vbvr-bench", world.root / "out/deep", **places(world))


def test_every_format_says_where_it_is_from_and_under_which_terms() -> None:
    for name in FORMATS:
        found: Any = FORMATS[name]
        assert found.about.endswith(".")
        assert found.url.startswith("https://")
        if isinstance(found, vmevalkit.interop.Importer):
            assert found.license
            assert found.version
    assert os.sep not in "".join(FORMATS)


def test_every_page_of_the_viewer_names_license_and_source(experiment: Experiment, world: Experiment) -> None:
    testing = pytest.importorskip("fastapi.testclient")
    from vmevalkit.store.ratings import Ratings
    from vmevalkit.web.app import create_app
    from vmevalkit.web.index import Index

    vmevalkit.import_("vbvr-bench", vbvr(experiment, world.root), questions=world.questions)
    vmevalkit.generate("still", **places(world, "questions", "outputs"), baselines=False)
    vmevalkit.score("reference", **places(world))
    index = Index(**places(world))
    index.refresh()
    client = testing.TestClient(create_app(index, Ratings(world.outputs)), base_url="http://127.0.0.1")
    for page in ("/", "/samples", "/rate", "/sample/still/O-5_maze/O-5_maze_00000/42"):
        text = client.get(page).text
        assert "2 questions from vbvr-bench, Apache-2.0, https://github.com/Video-Reason/VBVR-EvalKit" in text
    assert "measured" in text
    assert "Out-of-Domain_50/O-5_maze/00000" in text


def test_the_format_of_the_documentation_works(experiment: Experiment, world: Experiment) -> None:
    text = (Path(__file__).parents[1] / "docs/other-benchmarks.md").read_text()
    file = world.root / "pairs.py"
    file.write_text(text.split("```python\n")[1].split("```")[0])
    (world.root / "mine/maze").mkdir(parents=True)
    shutil.copy(experiment.questions / "maze_task/maze_0000/first_frame.png", world.root / "mine/maze/a.png")
    shutil.copy(experiment.questions / "maze_task/maze_0000/first_frame.png", world.root / "mine/maze/b.png")
    (world.root / "mine/maze/a.txt").write_text("Walk.")
    assert FORMATS.add_file(file) == ["pairs"]
    try:
        done = vmevalkit.import_("pairs", world.root / "mine", questions=world.questions)
    finally:
        FORMATS.remove("pairs")
    assert (done.questions, done.license, len(done.left_out)) == (1, "CC0-1.0", 1)
