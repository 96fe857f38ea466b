"""The kit in Python and in notebooks: `load`, `score_video`, and the HTML of records."""

from __future__ import annotations

import base64
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import vmevalkit
from tests.conftest import Experiment
from vmevalkit import media
from vmevalkit.errors import UnknownName, UsageError, VideoError


@pytest.fixture(scope="module")
def loaded(experiment: Experiment) -> vmevalkit.Experiment:
    return vmevalkit.load(questions=experiment.questions, outputs=experiment.outputs, scores=experiment.scores)


def test_load_gives_scores_videos_and_summary(loaded: vmevalkit.Experiment) -> None:
    table = loaded.scores
    assert len(table) == 10
    assert table[table.model == "replay"].passed.all()
    assert not table[table.model != "replay"].passed.any()
    assert all(Path(video).is_file() for video in table.video)
    assert [sample.model for sample in loaded.videos].count("replay") == 2
    assert {cell.model: cell.tally.passed for cell in loaded.summary.cells if cell.task is None}["replay"] == 2
    assert loaded.score("replay", "maze_0001").passed
    assert loaded.sample("replay", "maze_0001").video.is_file()


def test_load_by_name_and_by_folder(experiment: Experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(experiment.questions, "data/questions/night")
    shutil.copytree(experiment.outputs, "data/outputs/night")
    shutil.copytree(experiment.scores, "data/scores/night")
    by_name = vmevalkit.load("night")
    assert (by_name.name, int(by_name.scores.passed.sum())) == ("night", 2)
    by_folder = vmevalkit.load(tmp_path / "data/outputs/night")
    assert by_folder.scores.reason.tolist() == by_name.scores.reason.tolist()
    with pytest.raises(UnknownName, match="did you mean night"):
        vmevalkit.load("nigth")
    with pytest.raises(UsageError, match="there is no folder"):
        vmevalkit.load(tmp_path / "none")


def test_figures_are_of_models_and_not_of_baselines(
    experiment: Experiment, loaded: vmevalkit.Experiment, tmp_path: Path
) -> None:
    for name in ("outputs", "scores"):
        shutil.copytree(experiment.root / name / "replay", tmp_path / name / "mine")
    mine = vmevalkit.load(questions=experiment.questions, outputs=tmp_path / "outputs", scores=tmp_path / "scores")
    for figure in (mine.plot_difficulty(), mine.plot_plan_length()):
        legend = figure.axes[0].get_legend()
        assert legend is not None
        assert [text.get_text() for text in legend.get_texts()] == ["mine"]
    with pytest.raises(UsageError, match="no scores of models"):
        loaded.plot_difficulty()


def test_score_video_gives_the_score_of_the_experiment(
    experiment: Experiment, loaded: vmevalkit.Experiment, tmp_path: Path
) -> None:
    question, inside = loaded.questions[0], loaded.sample("replay", "maze_0000")
    assert vmevalkit.score_video(question, inside.video) == loaded.score("replay", "maze_0000")
    outside = shutil.copy(inside.video, tmp_path / "outside.mp4")
    score = vmevalkit.score_video(question.folder, outside, model="mine", seed=3)
    assert (score.model, score.seed, score.question_id, score.passed) == ("mine", 3, "maze_0000", True)
    assert not vmevalkit.score_video(loaded.questions[1], outside).passed


def test_score_video_takes_frames_of_every_kind(loaded: vmevalkit.Experiment) -> None:
    torch = pytest.importorskip("torch")
    question = loaded.questions[0]
    frames = media.read_frames(question.ground_truth)[::2]
    unit = torch.from_numpy(frames).permute(0, 3, 1, 2).div(255)
    for video in (frames, [Image.fromarray(frame) for frame in frames], unit, unit.to(torch.bfloat16)):
        assert vmevalkit.score_video(question, video).passed
    assert vmevalkit.score_video(question, frames[:1].repeat(9, 0)).reason == "no_change"


def test_what_is_no_video_is_named(loaded: vmevalkit.Experiment) -> None:
    question = loaded.questions[0]
    frames = media.read_frames(question.ground_truth)[:2]
    wrong = {
        "shape": (frames[0], "no video"),
        "range": (frames.astype(np.float32) / 127.5 - 1, r"scale it with \(x \+ 1\) / 2"),
        "numbers": (frames.astype(np.int64), "int64"),
        "nan": (np.full((2, 64, 64, 3), np.nan), "nan"),
        "nothing": (frames[:0], "no frames"),
        "sizes": ([frames[0], frames[1, :64, :64]], "different sizes"),
    }
    for video, words in wrong.values():
        with pytest.raises(VideoError, match=words):
            vmevalkit.score_video(question, video)
    with pytest.raises(UsageError, match="no video"):
        vmevalkit.score_video(question, "none.mp4")
    with pytest.raises(UsageError, match="not the folder of a question"):
        vmevalkit.score_video(question.folder.parent, frames)


class _Tags(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag != "img":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_records_show_themselves_in_a_notebook(loaded: vmevalkit.Experiment) -> None:
    sample = loaded.sample("replay", "maze_0000")
    video = dict(_Tags(sample._repr_html_()).found)["video"]["src"]
    assert video is not None
    assert base64.b64decode(video.removeprefix("data:video/mp4;base64,")) == sample.video.read_bytes()
    assert {tag for tag, _ in _Tags(loaded.questions[0]._repr_html_()).found} >= {"video", "img", "p"}
    assert "passed (solved)" in loaded.score("replay", "maze_0000")._repr_html_()
    assert re.search("replay .baseline.*2.*2.*100 %", loaded.summary._repr_html_())
    assert loaded._repr_html_() == loaded.summary._repr_html_()


def test_html_of_records_escapes_texts(loaded: vmevalkit.Experiment, tmp_path: Path) -> None:
    score = loaded.score("still", "maze_0000").model_copy(update={"explanation": "<script>alert(1)</script>"})
    assert "script" not in {tag for tag, _ in _Tags(score._repr_html_()).found}
    folder = shutil.copytree(loaded.questions[0].folder, tmp_path / "maze_task" / "maze_0000")
    (folder / "prompt.txt").write_text("<img src=x onerror=alert(1)>")
    question = loaded.questions[0].model_copy(update={"folder": folder})
    assert all("onerror" not in attributes for _, attributes in _Tags(question._repr_html_()).found)
