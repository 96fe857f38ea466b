"""Shards, and experiments that are joined."""

from __future__ import annotations

import errno
import json
import os
import shutil
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import vmevalkit
from tests.conftest import Experiment
from vmevalkit import store
from vmevalkit.cli import main
from vmevalkit.errors import UsageError
from vmevalkit.runner.inference import plan
from vmevalkit.runner.shards import Shard, deal


def plain(image: Image.Image, prompt: str, seed: int) -> Any:
    return [image] * 9


@pytest.fixture(scope="session")
def mazes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three small questions. Read them, do not write there."""
    root = tmp_path_factory.mktemp("mazes")
    vmevalkit.make("maze", count=3, size=(192, 128), questions=root)
    return root


# Parts of the work


@given(
    st.lists(st.tuples(st.integers(0, 30), st.none() | st.floats(0.01, 1000)), max_size=6),
    st.integers(1, 12),
)
@settings(max_examples=150, deadline=None)
def test_shards_are_disjoint_complete_and_balanced(groups: list[tuple[int, float | None]], count: int) -> None:
    jobs = [[(group, job) for job in range(size)] for group, (size, _) in enumerate(groups)]
    costs = [cost for _, cost in groups]
    shards = [deal(jobs, costs, Shard(index=index, count=count)) for index in range(1, count + 1)]
    for group, own in enumerate(jobs):
        parts = [shard[group] for shard in shards]
        assert sorted(chain.from_iterable(parts)) == own
        assert max(map(len, parts)) - min(map(len, parts)) <= 1
    highest = max((cost for cost in costs if cost is not None), default=1.0)
    known = [highest if cost is None else cost for cost in costs]
    work = [sum(len(part) * cost for part, cost in zip(shard, known, strict=True)) for shard in shards]
    assert max(work) - min(work) <= highest * (1 + 1e-9)


def test_dear_videos_are_not_all_in_the_first_shard() -> None:
    jobs = [["cheap"], ["dear"], ["dear too"]]
    dealt = [deal(jobs, [1.0, 50.0, 90.0], Shard(index=index, count=2)) for index in (1, 2)]
    assert dealt == [[[], [], ["dear too"]], [["cheap"], ["dear"], []]]


def test_a_shard_is_the_same_whatever_exists(mazes: Path, tmp_path: Path) -> None:
    options: dict[str, Any] = {"questions": mazes, "samples": 2, "baselines": True}
    fresh = {shard: of_shard(plain, tmp_path / "empty", shard, options) for shard in ("1/3", "2/3", "3/3")}
    whole = of_shard(plain, tmp_path / "empty", None, options)
    assert len(whole) == 6 * 6, "a function and five baselines"
    assert sorted(chain.from_iterable(fresh.values())) == sorted(whole)
    done = vmevalkit.generate(plain, outputs=tmp_path / "outputs", shard="2/3", **options)
    assert done.made == len(fresh["2/3"]) == 12
    again = vmevalkit.generate(plain, outputs=tmp_path / "outputs", shard="2/3", **options)
    assert (again.made, again.complete_before) == (0, 12)
    assert of_shard(plain, tmp_path / "outputs", "1/3", options) == fresh["1/3"]


def of_shard(model: Any, outputs: Path, shard: str | None, options: dict[str, Any]) -> list[tuple[str, str, int]]:
    plans, _ = plan(model, outputs=outputs, shard=shard, **options)
    return [(job.sample.model, job.sample.question_id, job.sample.seed) for one in plans for job in one.todo]


def test_two_shards_in_one_folder_at_once_are_refused(mazes: Path, tmp_path: Path) -> None:
    for model in ("still", "plain"):
        with store.locked(tmp_path / model / ".lock", "busy"), pytest.raises(UsageError, match="its own --outputs"):
            vmevalkit.generate(plain, questions=mazes, outputs=tmp_path, shard="1/2")


def test_shards_of_score_are_disjoint_and_complete(mazes: Path, tmp_path: Path) -> None:
    here = Experiment(tmp_path)
    vmevalkit.generate("still", questions=mazes, outputs=here.outputs, baselines=False)
    folders: dict[str, Any] = {"questions": mazes, "outputs": here.outputs, "scores": here.scores}
    parts = [vmevalkit.score(shard=shard, **folders) for shard in ("1/2", "2/2")]
    assert [[score.question_id for score in part] for part in parts] == [["maze_0000", "maze_0002"], ["maze_0001"]]
    assert len(list(store.iter_scores(here.scores))) == 3
    judge: dict[str, Any] = {"judge_model": "any", "judge_url": "http://127.0.0.1:1/v1"}
    assert vmevalkit.score("judge", shard="4/4", **judge, **folders) == [], "more shards than questions"


@pytest.mark.parametrize("shard", ["0/2", "3/2", "1/0", "1", "1/2/3", "-1/2", "a/b", ""])
@pytest.mark.parametrize("verb", [["generate", "--model", "still"], ["score"]])
def test_a_wrong_shard_is_one_line(
    verb: list[str], shard: str, mazes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["--questions", str(mazes), "--outputs", str(tmp_path / "outputs")]
    assert main([*verb, *where, f"--shard={shard}"]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert f"shard = '{shard}': a shard is I/N" in said
    assert not (tmp_path / "outputs").exists()


# Experiments that are joined


@pytest.fixture(scope="session")
def parts(mazes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two shards `a` and `b` with scores `a_scores` and `b_scores`. Read them, do not write there."""
    root = tmp_path_factory.mktemp("parts")
    for name, shard in (("a", "1/2"), ("b", "2/2")):
        vmevalkit.generate([plain, "replay"], questions=mazes, outputs=root / name, shard=shard, baselines=False)
        vmevalkit.score(questions=mazes, outputs=root / name, scores=root / f"{name}_scores")
    return root


@pytest.fixture
def own(parts: Path, tmp_path: Path) -> Path:
    """A copy of the shards that may be changed."""
    return Path(shutil.copytree(parts, tmp_path / "parts"))


def test_merged_shards_are_a_complete_experiment(parts: Path, mazes: Path, tmp_path: Path) -> None:
    here = Experiment(tmp_path)
    folders: dict[str, Any] = {"outputs": here.outputs, "scores": here.scores, "questions": mazes}
    done = vmevalkit.merge([parts / "a", parts / "b"], from_scores=[parts / "a_scores", parts / "b_scores"], **folders)
    assert (done.copied, done.existed) == (6 * (5 + 2) + 6, 0), "question, result, video and score of six samples"
    whole = vmevalkit.generate([plain, "replay"], questions=mazes, outputs=here.outputs, baselines=False)
    assert (whole.made, whole.complete_before) == (0, 6)
    stored = {path: path.stat().st_mtime_ns for path in here.scores.rglob("rule.json")}
    found = vmevalkit.score(**folders)
    assert {(score.model, score.passed) for score in found} == {("plain", False), ("replay", True)}
    assert {path: path.stat().st_mtime_ns for path in here.scores.rglob("rule.json")} == stored, "nothing scored again"
    again = vmevalkit.merge([parts / "a", parts / "b"], from_scores=[parts / "a_scores", parts / "b_scores"], **folders)
    assert again.copied == 0
    names = {path.name for path in here.root.rglob("*") if path.name.startswith(".")}
    assert not names, "no lock and no temporary file is left"


def test_a_merge_that_was_killed_resumes(parts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left = [7]

    def killed(source: Path, target: Path, **options: Any) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        shutil.copyfile(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "link", killed)
        with pytest.raises(KeyboardInterrupt):
            vmevalkit.merge([parts / "a", parts / "b"], outputs=tmp_path / "all")
    assert len(store.output_files(tmp_path / "all")) == 7
    done = vmevalkit.merge([parts / "a", parts / "b"], outputs=tmp_path / "all")
    assert done.copied == 6 * 7 - 7
    expected = {**store.output_files(parts / "a"), **store.output_files(parts / "b")}
    merged = store.output_files(tmp_path / "all")
    assert {name: path.read_bytes() for name, path in merged.items()} == {
        name: path.read_bytes() for name, path in expected.items()
    }


def test_files_are_copied_where_there_are_no_hard_links(
    parts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*arguments: Any, **options: Any) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refused)
    assert vmevalkit.merge([parts / "a"], outputs=tmp_path / "all").copied == 3 * 7
    video = next((tmp_path / "all").rglob("video.mp4"))
    assert video.stat().st_nlink == 1
    assert video.read_bytes() == (parts / "a" / video.relative_to(tmp_path / "all")).read_bytes()


def change(root: Path, edit: Any, pattern: str = "result.json") -> None:
    path = sorted(root.rglob(pattern))[0]
    content = json.loads(path.read_text())
    edit(content)
    path.write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("pattern", "field", "value", "message"),
    [
        ("plain/**/result.json", "kit_version", "9.9", r"version of vmevalkit of plain differs: 0.*a, 9\.9 in .*b"),
        ("plain/**/result.json", "settings", {"steps": 3}, r'settings of plain differs: \{\} in .*\{"steps": 3\} in'),
        ("plain/**/result.json", "requested", {"steps": 3}, "requested settings of plain differs"),
        ("plain/**/result.json", "weights", {"source_sha256": "00"}, r'weights of plain .*"source_sha256": "00"'),
        ("plain/**/result.json", "model", "other", "checkpoint of plain differs: plain in .*, other in"),
        ("plain/**/question_metadata.json", "task_version", 99, "version of task maze differs: .*99 in"),
    ],
)
def test_experiments_that_differ_are_refused(
    pattern: str, field: str, value: object, message: str, own: Path, tmp_path: Path
) -> None:
    def edit(content: dict[str, Any]) -> None:
        place = content["metadata"] if pattern.endswith("result.json") else content
        assert place[field] != value
        place[field] = value

    change(own / "b", edit, pattern)
    with pytest.raises(UsageError, match=message) as caught:
        vmevalkit.merge([own / "a", own / "b"], outputs=tmp_path / "all")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "all").exists()


def test_what_depends_on_the_machine_may_differ(own: Path, tmp_path: Path) -> None:
    def elsewhere(content: dict[str, Any]) -> None:
        content["metadata"].update(device="another GPU", settings={"attention": "flash", "memory": "group"})
        content["metadata"]["requested"] = {"weights": "/elsewhere"}

    change(own / "b", elsewhere)
    assert vmevalkit.merge([own / "a", own / "b"], outputs=tmp_path / "all").copied


def test_other_questions_are_refused(own: Path, mazes: Path, tmp_path: Path) -> None:
    prompt = sorted((own / "b").rglob("prompt.txt"))[0]
    prompt.write_text("Nothing may move.\n")
    with pytest.raises(UsageError, match=r"digest of question maze/maze_000. differs: \w{16} in .*, \w{16} in .*b \("):
        vmevalkit.merge([own / "b"], questions=mazes, outputs=tmp_path / "all")
    assert not (tmp_path / "all").exists()


def test_a_sample_that_two_people_made_alike_is_merged(own: Path, tmp_path: Path) -> None:
    shutil.copytree(own / "a", own / "c")
    change(own / "c", lambda content: content.update(duration_seconds=99.0))
    done = vmevalkit.merge([own / "a", own / "c"], outputs=tmp_path / "all")
    assert done.copied == 3 * 7
    merged = sorted((tmp_path / "all").rglob("result.json"))[0]
    assert merged.stat().st_nlink == 2, "a hard link"
    assert json.loads(merged.read_text())["duration_seconds"] != 99.0, "the first one counts"


def test_files_that_differ_are_named_and_nothing_is_written(own: Path, tmp_path: Path) -> None:
    shutil.copytree(own / "a", own / "c")
    videos = sorted((own / "c").rglob("video.mp4"))
    videos[0].write_bytes(b"another video")
    name = videos[0].relative_to(own / "c").as_posix()
    with pytest.raises(UsageError, match=rf"1 files differ: {name} in {own}/a and {own}/c"):
        vmevalkit.merge([own / "a", own / "c"], outputs=tmp_path / "all")
    assert not (tmp_path / "all").exists()
    vmevalkit.merge([own / "a"], outputs=tmp_path / "all")
    before = {path: path.read_bytes() for path in (tmp_path / "all").rglob("*.*") if path.is_file()}
    with pytest.raises(UsageError, match=f"{name} in {tmp_path}/all and {own}/c"):
        vmevalkit.merge([own / "b", own / "c"], outputs=tmp_path / "all")
    assert {path: path.read_bytes() for path in (tmp_path / "all").rglob("*.*") if path.is_file()} == before


def test_links_to_other_files_are_not_merged(own: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    secret = tmp_path / "secret"
    secret.write_text("private")
    prompt = sorted((own / "a" / "plain").rglob("prompt.txt"))[0]
    prompt.unlink()
    prompt.symlink_to(secret)
    # A link within the folder is followed.
    inside = sorted((own / "a" / "plain").rglob("video.mp4"))[0]
    inside.rename(inside.with_name("kept.mp4"))
    inside.symlink_to("kept.mp4")
    vmevalkit.merge([own / "a"], outputs=tmp_path / "all")
    merged = tmp_path / "all" / inside.relative_to(own / "a")
    assert merged.read_bytes() == inside.read_bytes()
    assert not merged.is_symlink()
    assert "link that leaves" in caplog.text
    assert not [path for path in (tmp_path / "all").rglob("*.*") if path.is_file() and b"private" in path.read_bytes()]


@pytest.mark.parametrize(
    ("sources", "message"), [(["nowhere"], "there is no folder"), ([], "Missing argument"), (["."], "no videos in")]
)
def test_wrong_sources_are_one_line(
    sources: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["merge", *sources, "--outputs", "all"]) == 2
    assert message in capsys.readouterr().err
    assert not Path("all").exists()
