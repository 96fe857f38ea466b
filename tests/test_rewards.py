"""Scorers as rewards: batches of every kind, unscorable videos, processes, and the signatures of training libraries."""

from __future__ import annotations

import asyncio
import math
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import vmevalkit
from vmevalkit import media, store
from vmevalkit.errors import UsageError
from vmevalkit.rewards import Reward, adapters
from vmevalkit.types import Question


@pytest.fixture(scope="module")
def questions(tmp_path_factory: pytest.TempPathFactory) -> list[Question]:
    root = tmp_path_factory.mktemp("rewards") / "questions"
    vmevalkit.make("tower_of_hanoi", count=2, difficulty=1, size=(96, 96), questions=root)
    return store.iter_questions(root)


@pytest.fixture(scope="module")
def reward(questions: list[Question]) -> Iterator[Reward]:
    with Reward(questions[0].folder.parents[1]) as made:
        yield made


def stacked(*videos: media.Frames) -> Any:
    """A batch [B,T,H,W,C] of videos, cut to one length."""
    length = min(map(len, videos))
    return np.stack([video[np.linspace(0, len(video) - 1, length).round().astype(int)] for video in videos])


@pytest.fixture(scope="module")
def batch(questions: list[Question]) -> Any:
    """The solutions of both questions, the first half of a solution, and a still image."""
    first, second = (media.read_frames(question.ground_truth) for question in questions)
    half = first.copy()
    half[len(half) // 2 :] = half[len(half) // 2]
    return stacked(first, second, half, first[:1].repeat(len(first), 0))


@pytest.fixture(scope="module")
def folders(questions: list[Question]) -> list[dict[str, str]]:
    return [{"question_dir": str(questions[i].folder)} for i in (0, 1, 0, 0)]


def test_the_reward_is_partial_progress(reward: Reward, batch: Any, folders: list[dict[str, str]]) -> None:
    values = reward(batch, metadata=folders)
    assert (str(values.dtype), values.shape) == ("float32", (4,))
    assert values[:2].tolist() == [1, 1]
    assert 0 < values[2] < 1
    assert values[3] == 0
    assert [score.reason for score in reward.scores(batch, metadata=folders)][::3] == ["solved", "no_change"]
    with Reward(kind="passed") as strict:
        assert strict(batch, metadata=folders).tolist() == [1, 1, 0, 0]


def test_all_layouts_give_the_same(reward: Reward, batch: Any, folders: list[dict[str, str]], tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    two, of_two = batch[:2], folders[:2]
    tensor = torch.from_numpy(two).permute(0, 1, 4, 2, 3)
    paths = []
    for number, video in enumerate(two):
        paths.append(tmp_path / f"{number}.mp4")
        media.write_video(paths[-1], video, 8)
    for videos in (tensor, tensor.float() / 255, (tensor / 255).half(), tensor.transpose(1, 2), two, list(two), paths):
        assert reward(videos, metadata=of_two).tolist() == [1, 1]
    # Swapped, each video answers the other question.
    assert (reward(paths[::-1], metadata=of_two) < 0.1).all()


def test_questions_by_id_folder_metadata_file_and_prompt(reward: Reward, batch: Any, questions: list[Question]) -> None:
    names: list[Any] = [
        questions[0], questions[0].id, questions[0].folder, {"question_id": questions[0].id},
        {"sample_metadata_path": str(questions[0].metadata_file)}, f"tower_of_hanoi_task/{questions[0].id}",
    ]  # fmt: skip
    for name in names:
        assert reward(batch[:1], metadata=[name]).tolist() == [1]
    assert reward(batch[:2], [store.read_prompt(question) for question in questions]).tolist() == [1, 1]


def test_the_first_frame_decides_between_questions_with_one_prompt(
    batch: Any, questions: list[Question], tmp_path: Path
) -> None:
    root = shutil.copytree(questions[0].folder.parents[1], tmp_path / "questions")
    for file in root.glob("*/*/prompt.txt"):
        file.write_text("Solve it.")
    with Reward(root) as reward:
        assert reward(batch[1::-1], ["Solve it."] * 2).tolist() == [1, 1]
        black = np.zeros_like(batch[:1])
        assert math.isnan(reward(black, ["Solve it."])[0])
        assert reward.scores(black, ["Solve it."])[0].reason == "unknown_question"


def test_what_cannot_be_scored_is_nan_or_the_floor(questions: list[Question], tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"not a video")
    nan = np.full((5, 96, 96, 3), np.nan, np.float32)
    folder = shutil.copytree(questions[0].folder, tmp_path / "mine_task" / "own")
    (folder / "question_metadata.json").unlink()
    videos = [broken, tmp_path / "missing.mp4", nan, questions[0].ground_truth]
    asked = [questions[0], questions[0], questions[0], folder]
    with Reward() as plain, Reward(floor=-0.5) as floored:
        assert np.isnan(plain(videos, metadata=asked)).all()
        assert floored(videos, metadata=asked).tolist() == [-0.5] * 4
        assert [score.reason for score in plain.scores(videos, metadata=asked)] == [
            "not_decodable", "not_decodable", "not_decodable", "no_metadata"
        ]  # fmt: skip


def test_mistakes_of_the_script_are_errors(reward: Reward, batch: Any, questions: list[Question]) -> None:
    asked = [questions[0]]
    for videos, metadata, words in (
        (batch[:1].astype(np.float32) / 127.5 - 1, asked, "scale it"),
        (batch[0], asked, "five dimensions"),
        (batch[:1], asked * 2, "1 videos and 2 metadata"),
        (batch[:1, :, :, :, :2], asked, "nowhere three channels"),
        (batch[:1, :3].transpose(0, 1, 4, 2, 3), asked, "may be BTCHW or BCTHW"),
        (batch[:1], [{"caption": "x"}], "names no question"),
        (batch[:1], [{"question_dir": "nowhere"}], "not the folder of a question"),
        (str(questions[0].ground_truth), asked, "pass a list"),
        (batch[:1], None, "pass metadata"),
    ):
        with pytest.raises(UsageError, match=words):
            reward(videos, metadata=metadata)
    with pytest.raises(UsageError, match="has the prompt"):
        reward(batch[:1], ["another"])
    with pytest.raises(UsageError, match="workers = 0"):
        Reward(workers=0)


def test_visitors_are_mistakes_unless_the_reward_is_lenient(questions: list[Question]) -> None:
    frames = media.read_frames(questions[0].ground_truth)
    frames[len(frames) // 3 : len(frames) // 2, 4:20, 4:20] = (250, 90, 200)
    passed = [Reward(strict=strict)([frames], metadata=[questions[0]])[0] == 1 for strict in (True, False)]
    assert not passed[0]
    assert passed[1] == bool(vmevalkit.score_video(questions[0], frames).passed)


def test_a_pool_of_processes_gives_the_same_and_survives_a_kill(
    reward: Reward, batch: Any, folders: list[dict[str, str]]
) -> None:
    expected = reward(batch, metadata=folders).tolist()
    with Reward(workers=2) as pooled:
        pending = pooled.submit(batch, metadata=folders)
        assert pending.result(timeout=120).tolist() == expected
        assert pending.done()
        pids = list(pooled._pool._processes)  # type: ignore[union-attr]
        pending = pooled.submit(batch, metadata=folders)
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        assert pending.result(timeout=120).tolist() == expected
        assert pooled(batch, metadata=folders).tolist() == expected


def test_a_submitted_batch_may_be_overwritten(reward: Reward, batch: Any, folders: list[dict[str, str]]) -> None:
    mine = batch.copy()
    pending = reward.submit(mine, metadata=folders)
    mine[:] = 0
    assert pending.result().tolist() == reward(batch, metadata=folders).tolist()


def test_flow_grpo(reward: Reward, batch: Any, folders: list[dict[str, str]]) -> None:
    torch = pytest.importorskip("torch")
    fn = adapters.flow_grpo(reward)
    videos = torch.from_numpy(batch).permute(0, 1, 4, 2, 3).float() / 255
    scores, info = fn(videos, ["prompt"] * 4, folders)
    # What its training script does with them.
    assert torch.as_tensor(scores).float()[[0, 1, 3]].tolist() == [1, 1, 0]
    assert info == {}
    assert fn(videos[:, 0], ["prompt"] * 4, folders)[0].tolist() == [0, 0, 0, 0]


def test_dance_grpo(reward: Reward, questions: list[Question], tmp_path: Path) -> None:
    inferencer = adapters.DanceGRPO(reward)
    prompt = store.read_prompt(questions[0])
    good, bad = inferencer.reward([str(questions[0].ground_truth), str(tmp_path / "none.mp4")], [prompt, prompt])
    assert good == {"VQ": 1, "MQ": 1, "TA": 1, "Overall": 1}
    assert bad == {"VQ": -1, "MQ": -1, "TA": -1, "Overall": -1}


def test_fastvideo(reward: Reward, batch: Any, questions: list[Question]) -> None:
    torch = pytest.importorskip("torch")
    media_ = torch.from_numpy(batch).permute(0, 4, 1, 2, 3).float() / 255
    values = adapters.fastvideo(reward)(media_, [store.read_prompt(questions[i]) for i in (0, 1, 0, 0)])
    assert (values.dtype, values.shape) == (torch.float32, (4,))
    assert values[[0, 1, 3]].tolist() == [1, 1, 0]


def test_trl(reward: Reward, questions: list[Question], tmp_path: Path) -> None:
    fn = adapters.trl(reward)
    truth = str(questions[0].ground_truth)
    completions = [truth, [{"role": "assistant", "content": truth}], str(tmp_path / "none.mp4")]
    values = fn(
        prompts=["p"] * 3, completions=completions, completion_ids=[[1]] * 3,
        question_dir=[str(questions[0].folder)] * 3, trainer_state=None,
    )  # fmt: skip
    assert values == [1.0, 1.0, None]
    assert fn.__name__ == "vmevalkit"


def test_verifiers(reward: Reward, questions: list[Question], tmp_path: Path) -> None:
    class Task:
        solved = adapters.verifiers(reward)

    data = SimpleNamespace(question_dir=str(questions[0].folder))
    for video, expected in ((str(questions[0].ground_truth), 1.0), (str(tmp_path / "none.mp4"), 0.0)):
        trace = SimpleNamespace(info={"video": video}, task=SimpleNamespace(data=data))
        assert asyncio.run(Task().solved(trace)) == expected
