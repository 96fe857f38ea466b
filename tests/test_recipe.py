"""`vmevalkit run`, `--experiment`, `--limit` and tags."""

from __future__ import annotations

import os
import re
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
