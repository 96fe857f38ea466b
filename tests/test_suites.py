"""Suites are frozen question sets, and puzzles can be asked in several wordings."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import vmevalkit
from docs.freeze_suite import freeze
from vmevalkit import store, suites
from vmevalkit.errors import UnknownName, UsageError
from vmevalkit.runner.make import choose_questions, make, selection_of
from vmevalkit.runner.question_writer import prompt_of
from vmevalkit.suites import check_versions, content_digest, identify, load_suite, suite_names
from vmevalkit.tasks.base import TASKS

# A suite that is small enough to be made in a test.
SMALL = """
name = "small-v1"
about = "For tests."
seed = 7
size = [96, 96]
count = 2
difficulties = [1, 2]
modes = ["solve"]
phrasings = 3
digest = "{digest}"
files_digest = "0000000000000000000000000000000000000000000000000000000000000000"

[tasks]
maze = {version}
"""


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of a suite `small-v1`, beside no other suites, with the right digest."""
    folder = tmp_path / "suites"
    folder.mkdir()
    path = folder / "small-v1.toml"
    path.write_text(SMALL.format(digest="0" * 64, version=TASKS["maze"].version))
    monkeypatch.setattr(suites, "_FOLDER", folder)
    with pytest.raises(UsageError) as found:
        make(suite="small-v1", questions=tmp_path / "nothing", videos=False)
    digest = str(found.value).split("(digest ")[1][:64]
    path.write_text(SMALL.format(digest=digest, version=TASKS["maze"].version))
    return path


def test_a_suite_is_made_and_recognized(small: Path, tmp_path: Path) -> None:
    root = tmp_path / "questions"
    folders = make(suite="small-v1", questions=root, videos=False)
    assert len(folders) == load_suite("small-v1").questions == 6
    suite = identify(root, store.iter_questions(root))
    assert suite is not None
    assert (suite.name, suite.digest) == ("small-v1", load_suite("small-v1").digest)
    assert json.loads((root / "manifest.json").read_text())["suite"] == "small-v1"
    assert make(suite="small-v1", questions=root, videos=False) == folders


def test_a_set_that_differs_is_not_called_a_suite(
    small: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root = tmp_path / "questions"
    folder = make(suite="small-v1", questions=root, videos=False)[0]
    (folder / "prompt.txt").write_text("Another prompt.\n")
    assert identify(root, store.iter_questions(root)) is None
    assert "is not the suite small-v1" in caplog.text
    make("maze", count=1, seed=1, size=(96, 96), questions=tmp_path / "own", videos=False)
    assert identify(tmp_path / "own", store.iter_questions(tmp_path / "own")) is None


def test_a_suite_refuses_a_folder_with_other_questions(small: Path, tmp_path: Path) -> None:
    make("sudoku", count=1, size=(96, 96), questions=tmp_path, videos=False)
    with pytest.raises(UsageError, match=r"not in suite small-v1, such as sudoku_0000 .*choose another"):
        make(suite="small-v1", questions=tmp_path, videos=False)


def test_adding_questions_to_a_suite_makes_it_an_ordinary_set(small: Path, tmp_path: Path) -> None:
    make(suite="small-v1", questions=tmp_path / "q", videos=False)
    make("sudoku", count=1, size=(96, 96), questions=tmp_path / "q", videos=False)
    assert identify(tmp_path / "q", store.iter_questions(tmp_path / "q")) is None


def test_a_suite_of_other_task_versions_is_refused(small: Path, tmp_path: Path) -> None:
    small.write_text(SMALL.format(digest="0" * 64, version=99))
    with pytest.raises(UsageError, match=r"other versions of these tasks: maze 99 \(now \d"):
        make(suite="small-v1", questions=tmp_path / "q")
    assert not (tmp_path / "q").exists()


@pytest.mark.parametrize("option", [{"count": 3}, {"difficulty": 1}, {"task": "maze"}, {"phrasings": 2}])
def test_a_suite_decides_which_questions_there_are(option: dict[str, object], small: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="suite small-v1 decides about"):
        make(suite="small-v1", questions=tmp_path / "q", **option)  # type: ignore[arg-type]


def test_unknown_and_damaged_suites(small: Path) -> None:
    with pytest.raises(UnknownName, match="did you mean small-v1"):
        load_suite("smal-v1")
    small.write_text("name = ")
    with pytest.raises(UsageError, match="is not valid TOML"):
        load_suite("small-v1")
    small.write_text('name = "small-v1"')
    with pytest.raises(UsageError, match="is not a suite"):
        load_suite("small-v1")


def test_every_suite_fits_this_version() -> None:
    assert suite_names() == ["core-v1", "hard-v1", "mini-v1", "phrasing-v1", "steer-v1"]
    for name in suite_names():
        suite = load_suite(name)
        check_versions(suite)
        assert suite.name == name
        assert set(suite.tasks) <= set(TASKS)


def test_mini_has_the_content_with_which_it_was_frozen(tmp_path: Path) -> None:
    """The other suites are checked by `make --suite`, and in `make audit`."""
    suite = load_suite("mini-v1")
    specs = choose_questions(selection_of(suite), tmp_path)
    assert len(specs) == suite.questions == 24
    contents = [
        suites.content_of(store_metadata(spec.task, spec), prompt_of(spec)) for spec in specs
    ]  # fmt: skip
    assert content_digest(contents) == suite.digest
    assert content_digest(reversed(contents)) == suite.digest


def store_metadata(task: str, spec: object) -> vmevalkit.types.QuestionMetadata:
    """The metadata that `make` writes for a question, without digests."""
    from vmevalkit.runner.question_writer import metadata_of

    return metadata_of(spec, 0, {})  # type: ignore[arg-type]


def test_phrasings_ask_about_the_same_puzzle(tmp_path: Path) -> None:
    make("maze", count=2, mode=("solve", "hold"), phrasings=3, size=(96, 96), questions=tmp_path, videos=False)
    questions = store.iter_questions(tmp_path)
    assert len(questions) == 12
    assert len({store.read_prompt(question) for question in questions}) == 6
    by_puzzle: dict[str, list[int | None]] = {}
    for question in questions:
        assert question.metadata is not None
        key = json.dumps([question.metadata.mode, question.metadata.puzzle])
        by_puzzle.setdefault(key, []).append(question.metadata.phrasing)
    assert list(by_puzzle.values()) == [[0, 1, 2]] * 4


def test_more_phrasings_than_there_are(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="maze has 3 phrasings in mode solve; 9 were requested"):
        make("maze", count=1, phrasings=9, questions=tmp_path / "q")
    assert not (tmp_path / "q").exists()


def test_questions_with_a_phrasing_by_chance_are_written_as_before(tmp_path: Path) -> None:
    folder = make("maze", count=1, size=(96, 96), questions=tmp_path, videos=False)[0]
    assert "phrasing" not in json.loads((folder / "question_metadata.json").read_text())


def test_a_new_suite_is_frozen_from_a_file_without_digests(tmp_path: Path) -> None:
    file = tmp_path / "my-v1.toml"
    head = SMALL.partition("phrasings")[0].replace("small-v1", "my-v1").replace("count = 2", "count = 1")
    file.write_text(f"{head}\n[tasks]\nmaze = 0\n")
    assert freeze(file, 1).startswith("my-v1: 1 questions, ")
    suite = suites.read_suite(file)
    assert suite.tasks == {"maze": TASKS["maze"].version}
    assert "0" * 64 not in (suite.digest, suite.files_digest)
    before = file.read_bytes()
    freeze(file, 1)
    assert file.read_bytes() == before
