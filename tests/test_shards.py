"""Shards, and experiments that are joined."""

from __future__ import annotations

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
