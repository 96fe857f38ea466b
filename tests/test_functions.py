"""Callables as models: of every kind, with frames of every kind, and with mistakes."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import vmevalkit
from vmevalkit import media
from vmevalkit.errors import UsageError


@pytest.fixture(scope="module")
def questions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six user-supplied questions."""
    root = tmp_path_factory.mktemp("questions")
    for number in range(6):
        folder = root / "mine_task" / f"q{number}"
        folder.mkdir(parents=True)
        Image.new("RGB", (64, 48), (200, 30 * number, 90)).save(folder / "first_frame.png")
        (folder / "prompt.txt").write_text(f"prompt {number}")
    return root


def run(model: Any, questions: Path, outputs: Path, **options: Any) -> Any:
    return vmevalkit.generate(model, questions=questions, outputs=outputs, baselines=False, **options)


def repeated(image: Image.Image, prompt: str, seed: int, count: int = 3) -> list[Image.Image]:
    return [image] * count


class Repeated:
    def __call__(self, image: Image.Image, prompt: str, seed: int) -> Any:
        return repeated(image, prompt, seed)

    def method(self, image: Image.Image, prompt: str, seed: int) -> Any:
        return repeated(image, prompt, seed)


async def coroutine(image: Image.Image, prompt: str, seed: int) -> Any:
    return [image] * 3, 12


async def asynchronous(image: Image.Image, prompt: str, seed: int) -> AsyncIterator[Image.Image]:
    for _ in range(3):
        yield image


CALLABLES = {
    "repeated": functools.partial(repeated, count=3),
    "Repeated": Repeated(),
    "method": Repeated().method,
    "coroutine": coroutine,
    "asynchronous": asynchronous,
}


@pytest.mark.parametrize("name", CALLABLES)
def test_every_callable_is_a_model_under_its_own_name(name: str, questions: Path, tmp_path: Path) -> None:
    assert run(CALLABLES[name], questions, tmp_path, task_id="q1").ok
    video = media.probe(tmp_path / name / "mine_task" / "q1" / "video" / "video.mp4")
    assert (video.frames, video.fps) == (3, 12 if name == "coroutine" else 8)
    result = (tmp_path / name / "mine_task" / "q1" / "result.json").read_text()
    assert f'"test_functions.py:{name}"' in result


def test_a_lambda_needs_a_name(questions: Path, tmp_path: Path) -> None:
    model = lambda image, prompt, seed: [image] * 3  # noqa: E731
    with pytest.raises(UsageError, match=r"named '<lambda>' cannot be a model here .*name="):
        run(model, questions, tmp_path)
    with pytest.raises(UsageError, match="only a function can be given a name"):
        run("still", questions, tmp_path, name="mine")
    assert run(model, questions, tmp_path, name="mine", task_id="q1").ok
    assert os.listdir(tmp_path) == ["mine"]


def test_frames_of_every_kind_give_the_same_video(questions: Path, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    pixels = np.stack([np.full((48, 64, 3), 40 * number, np.uint8) for number in range(5)])
    media.write_video(tmp_path / "made.mp4", pixels, 8)
    tensor = torch.from_numpy(pixels)
    kinds = {
        "images": [Image.fromarray(frame) for frame in pixels],
        "uint8": pixels,
        "floats": pixels / 255,
        "last": tensor,
        "first": tensor.permute(0, 3, 1, 2).float() / 255,
        "half": (tensor.permute(0, 3, 1, 2).float() / 255).half(),
        "list": list(tensor.permute(0, 3, 1, 2)),
        "rate": (tensor, 8),
        "path": tmp_path / "made.mp4",
        "generator": (frame for frame in pixels),
    }
    videos = []
    for name, answer in kinds.items():
        assert run(lambda image, prompt, seed, answer=answer: answer, questions, tmp_path, name=name, task_id="q1").ok
        videos.append(media.read_frames(tmp_path / name / "mine_task" / "q1" / "video" / "video.mp4"))
    assert all(np.abs(video.astype(int) - pixels).max() <= 4 for video in videos)


def test_three_identical_errors_stop_a_model_and_are_said_once(
    questions: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def wrong(image: Image.Image, prompt: str, seed: int) -> Any:
        raise ValueError("of mine")

    wrong_line = wrong.__code__.co_firstlineno + 1
    done = run([wrong, repeated], questions, tmp_path)
    # One more was under way.
    assert (done.made, len(done.failed) in (3, 4), len(done.failed) + len(done.unfinished)) == (6, True, 6)
    assert {why for _, why in done.failed} == {f"ValueError: of mine (test_functions.py:{wrong_line})"}
    assert "stopped after 3 identical errors" in done.unfinished[0][1]
    trace = [record.message for record in caplog.records if "Traceback" in record.message]
    assert len(trace) == 1
    # It begins in the user's code.
    assert "models/function.py" not in trace[0]
    assert sum("of mine" in record.message for record in caplog.records) == 2
    again = run(wrong, questions, tmp_path, retry_failed=True)
    assert not again.ok


def test_other_errors_do_not_stop_a_model(questions: Path, tmp_path: Path) -> None:
    def picky(image: Image.Image, prompt: str, seed: int) -> Any:
        raise ValueError(f"not for {prompt}")

    def returns_nothing(image: Image.Image, prompt: str, seed: int) -> Any:
        return None

    assert len(run(picky, questions, tmp_path).failed) == 6
    # What a function returns is its mistake, too.
    assert run(returns_nothing, questions, tmp_path).unfinished


def test_the_command_line_says_the_same_error_once(questions: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("def model(image, prompt, seed):\n    return image.nothing\n")
    words = ["generate", "--model", "mine.py:model", "--questions", questions, "--outputs", "o", "--no-baselines"]
    done = subprocess.run(
        [sys.executable, "-m", "vmevalkit", *map(str, words)], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert done.stderr.count("Traceback") == 1
    assert done.stderr.count("mine.py:2)") == 3
    assert "--retry-failed" in done.stderr
