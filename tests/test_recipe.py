"""`vmevalkit run`, `--experiment`, `--limit` and tags."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path

import pytest

import vmevalkit
from vmevalkit import store
from vmevalkit.cli import main

RECIPE = """
experiment = "night"
tags = ["first try", "small"]
limit = 3

[make]
task = ["maze", "tower_of_hanoi"]
count = 2
size = "96x96"

[generate]
model = ["mine.py:model"]
baselines = false

[score]
set = { rule = { strict = true } }

[report]
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text("def model(image, prompt, seed):\n    return [image] * 3\n")
    return tmp_path


def test_a_file_runs_a_whole_experiment_and_again_resumes(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("night.toml").write_text(RECIPE)
    assert main(["run", "night.toml"]) == 0
    assert "3 videos made" in capsys.readouterr().out
    assert Path("data/report/night/index.html").is_file()
    night = vmevalkit.load("night")
    assert night.tags == ("first try", "small")
    assert sorted(sample.question_id for sample in night.videos) == ["maze_0000", "maze_0001", "tower_of_hanoi_0000"]
    assert night.scores.passed.sum() == 0
    # The question that was left out has no score.
    assert night.scores.reason.tolist().count("not_scored") == 1
    assert main(["run", "night.toml"]) == 0
    assert "0 videos made, 3 existed" in capsys.readouterr().out


def test_an_experiment_is_named_once(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["make", "--experiment", "one", "--task", "maze", "--count", "1", "--size", "96x96"]) == 0
    assert main(["generate", "--experiment", "one", "--model", "mine.py:model", "--no-baselines", "--tag", "a"]) == 0
    assert main(["score", "--experiment", "one"]) == 0
    assert main(["report", "--experiment", "one", "--report", "elsewhere"]) == 0
    assert sorted(os.listdir("data")) == ["outputs", "questions", "scores"]
    assert Path("elsewhere/index.html").is_file()
    assert store.read_tags(Path("data/outputs/one")) == ("a",)
    # Another experiment on the default question set.
    assert main(["make", "--task", "maze", "--count", "1", "--size", "96x96"]) == 0
    assert main(["generate", "--experiment", "two", "--model", "mine.py:model", "--no-baselines"]) == 0
    assert len(vmevalkit.load("two").videos) == 1
    assert main(["generate", "--experiment", "../two", "--model", "still"]) == 2


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[make]\ncuont = 3", r"unknown key in \[make\] of x.toml 'cuont' \(did you mean count\?\)"),
        ("experimnet = 'a'\n[make]", "unknown key in x.toml 'experimnet' .did you mean experiment"),
        ("[genrate]", "unknown table in x.toml 'genrate' .did you mean generate"),
        ("experiment = 'a'", "has no commands"),
        ("[make", "not valid TOML"),
        ("[make]\ntask = ['maze']\n[generate]\nsamples = 'many'\nmodel='still'", "--samples.*valid integer"),
        ("[make]\ntask = ['maze']\n[generate]", "Missing option '--model'"),
        ("[make]\ntask = ['maze']\nvideos = 'no'", "does not take a value"),
    ],
)
def test_mistakes_in_a_file_are_wrong_usage_and_nothing_runs(
    here: Path, capsys: pytest.CaptureFixture[str], text: str, words: str
) -> None:
    Path("x.toml").write_text(text)
    assert main(["run", "x.toml"]) == 2
    message = " ".join(capsys.readouterr().err.replace("│", " ").split())
    assert re.search(words, message), message
    assert not Path("data").exists()


def test_failures_do_not_keep_the_rest_from_being_scored(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("mine.py").write_text("def model(image, prompt, seed):\n    raise ValueError(prompt)\n")
    Path("night.toml").write_text(RECIPE)
    assert main(["run", "night.toml"]) == 1
    assert vmevalkit.load("night").scores.status.tolist().count("failed") == 3


def test_a_limit_takes_questions_from_each_task_in_turn(here: Path) -> None:
    vmevalkit.make(["maze", "sudoku"], count=3, size=(96, 96), videos=False)
    questions = store.iter_questions(Path("data/questions"))
    assert [q.id for q in store.limited(questions, 3)] == ["maze_0000", "maze_0001", "sudoku_0000"]
    assert store.limited(questions, 99) == store.limited(questions, None) == questions
    with pytest.raises(vmevalkit.UsageError, match="limit = 0"):
        vmevalkit.generate("still", limit=0)
    with pytest.raises(vmevalkit.UsageError, match="tag has 1 to 100"):
        vmevalkit.generate("still", tags=["a\nb"], limit=1)


def test_a_run_is_logged_as_lines(here: Path) -> None:
    vmevalkit.make("maze", count=2, size=(96, 96))
    vmevalkit.generate("replay", baselines=False, log_to="jsonl")
    vmevalkit.score(log_to="jsonl")
    videos, scores = (
        [json.loads(line) for line in Path(f"data/{kind}/pilot_experiment/log.jsonl").read_text().splitlines()]
        for kind in ("outputs", "scores")
    )
    assert [(line["event"], line["question_id"], line["success"]) for line in videos] == [
        ("video", "maze_0000", True), ("video", "maze_0001", True)
    ]  # fmt: skip
    assert scores[-1]["score/rule/replay/pass_rate"] == sum(line["passed"] for line in scores) / 2
    with pytest.raises(vmevalkit.UsageError, match=r"unknown log 'jsonn' .did you mean jsonl"):
        vmevalkit.score(log_to="jsonn")


def test_a_run_is_logged_to_tensorboard(here: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    vmevalkit.make("maze", count=2, size=(96, 96))
    vmevalkit.generate("still", baselines=False)
    vmevalkit.score(log_to="tensorboard")
    events = EventAccumulator("data/scores/pilot_experiment/tensorboard")
    events.Reload()
    (tag,) = [tag for tag in events.Tags()["tensors"] if tag.endswith("pass_rate")]
    assert [(event.step, event.tensor_proto.float_val[0]) for event in events.Tensors(tag)] == [(1, 0.0), (2, 0.0)]


def test_a_run_is_logged_to_wandb(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wandb = pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    vmevalkit.make("maze", count=2, size=(96, 96))
    vmevalkit.generate("still", baselines=False, tags=["night"])
    vmevalkit.score(log_to="wandb")
    assert wandb.run is None
    (data,) = Path("data/scores/pilot_experiment/wandb").glob("offline-run-*/run-*.wandb")
    assert b"pass_rate" in data.read_bytes()


@pytest.mark.parametrize("name", ["tensorboard", "wandb"])
def test_a_log_without_its_package_is_one_line(here: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setitem(sys.modules, f"{name}.summary", None)
    vmevalkit.make("maze", count=1, size=(96, 96))
    with pytest.raises(vmevalkit.UsageError, match=rf"needs {name} .pip install 'vmevalkit.{name}.'"):
        vmevalkit.generate("still", baselines=False, log_to=name)
