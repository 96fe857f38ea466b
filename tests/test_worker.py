"""A model in another process: the protocol, and what happens when that process misbehaves."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from vmevalkit import media
from vmevalkit.errors import ConfigError, EnvironmentMissing
from vmevalkit.models.base import MODELS
from vmevalkit.runner.remote import RemoteModel

PYTHON = Path(sys.executable)
FIELDS = {"success", "video_path", "error", "duration_seconds", "generation_id", "model", "status", "metadata"}


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "first_frame.png"
    Image.new("RGB", (64, 48), "white").save(path)
    return path


def talk(lines: list[Any], **options: Any) -> list[dict[str, Any]]:
    """Send lines to a worker, end its input, and return all it answered after the greeting."""
    text = "".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines)
    run = subprocess.run(
        [str(PYTHON), "-m", "vmevalkit.runner.worker"],
        input=text, capture_output=True, text=True, timeout=60, check=True, **options,
    )  # fmt: skip
    greeting, *answers = map(json.loads, run.stdout.splitlines())
    assert greeting["ready"]["versions"]["python"] == ".".join(map(str, sys.version_info[:3]))
    return answers


def test_the_end_of_the_input_ends_the_worker() -> None:
    assert talk([]) == []


def test_a_video_comes_out(tmp_path: Path, image: Path) -> None:
    loaded, announced, answer = talk(
        [
            {"load": {"name": "still", "output_dir": str(tmp_path)}},
            {"announce": {"prompts": ["stay", "go"]}},
            {"generate": {"image_path": str(image), "text_prompt": "stay", "output_filename": "a.mp4"}},
        ]
    )
    assert loaded == {"loaded": "still"}
    assert announced == {"announced": 2}
    assert set(answer["result"]) == FIELDS
    assert answer["result"]["success"]
    assert media.probe(tmp_path / "a.mp4").frames == 49


def test_a_broken_line_gets_an_error_and_the_next_is_served() -> None:
    broken = {
        "{nonsense": "the request is not JSON",
        "[1, 2]": "one key",
        '{"sing": {}}': "unknown request 'sing'",
        '{"generate": {"image_path": 3}}': "image_path",
        '{"generate": {"image_path": "a", "text_prompt": "b"}}': "no model is loaded",
        '{"announce": {"prompts": ["b"]}}': "no model is loaded",
        '{"load": {"name": "stil"}}': "did you mean still",
        '{"load": {"name": "still", "args": {"steps": 3}}}': "steps",
    }
    *answers, loaded = talk([*broken, {"load": {"name": "still"}}])
    for answer, words in zip(answers, broken.values(), strict=True):
        assert words in answer["error"]
    assert loaded == {"loaded": "still"}


@pytest.fixture
def still(tmp_path: Path) -> Iterator[RemoteModel]:
    with RemoteModel("still", PYTHON, tmp_path / "out") as model:
        yield model


def test_it_answers_like_a_wrapper(still: RemoteModel, tmp_path: Path, image: Path) -> None:
    result = still.generate(image, "stay", duration=2.0, output_filename="still/a.mp4", seed=7)
    assert set(result) == FIELDS
    assert result["success"]
    assert result["video_path"] == str(tmp_path / "out" / "still" / "a.mp4")
    assert result["metadata"]["seed"] == 7
    assert result["metadata"]["frames"] == 16
    again = still.generate(tmp_path / "absent.png", "stay")
    assert again["status"] == "failed"
    assert "absent.png is missing" in again["error"]


def test_settings_are_checked_when_it_is_made(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="steps"):
        RemoteModel("still", PYTHON, tmp_path, {"steps": 3})


def test_a_python_that_does_not_start_is_named_with_what_mends_it(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentMissing, match=r"install_model\.sh still --force"):
        RemoteModel("still", tmp_path / "no" / "python", tmp_path)
    broken = script(tmp_path / "python", "echo 'cannot import this' >&2; exit 3")
    with pytest.raises(EnvironmentMissing, match=r"exit status 3.*cannot import this"):
        RemoteModel("still", broken, tmp_path)


def script(path: Path, body: str) -> Path:
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


FRAGILE = '''
"""A model as a stranger might write it; what it does, the prompt says."""
import ctypes, os, subprocess, sys, time
from vmevalkit.models.base import ModelCard, register_model
from vmevalkit.models.wrapper import ModelWrapper
from vmevalkit.runner import worker

class Wrapper(ModelWrapper):
    service_class = None
    def __init__(self, *args, **kwargs): pass
    def generate(self, image_path, text_prompt, *args, **options):
        print("chatter on stdout", flush=True)
        print("a secret slipped:", os.environ.get("SOME_API_KEY"), file=sys.stderr, flush=True)
        subprocess.run(["echo", "a child prints as well"], check=True)
        if text_prompt == "crash": ctypes.string_at(0)
        if text_prompt == "exit": os._exit(7)
        if text_prompt == "memory": os.kill(os.getpid(), 9)
        if text_prompt == "sleep":
            try: time.sleep(600)
            finally: open(image_path + ".cleaned", "w").close()
        return dict(success=True, video_path="x.mp4", error=None, duration_seconds=0.0, generation_id=str(os.getpid()),
                    model="fragile", status="completed", metadata=dict(stdin=sys.stdin.read()))

if __name__ == "__main__":
    card = ModelCard(name="fragile", family="test", wrapper="__main__:Wrapper", service="", model="x", about=".")
    register_model(card)
    sys.exit(worker.main())
'''


@pytest.fixture
def fragile_python(tmp_path: Path) -> Path:
    (tmp_path / "fragile.py").write_text(FRAGILE)
    return script(tmp_path / "python", f"exec '{PYTHON}' '{tmp_path / 'fragile.py'}'")


@pytest.fixture
def fragile(fragile_python: Path, tmp_path: Path) -> Iterator[RemoteModel]:
    with RemoteModel("fragile", fragile_python, tmp_path) as model:
        yield model


def test_what_a_model_prints_does_not_reach_the_protocol(
    fragile: RemoteModel, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    result = fragile.generate("a", "fine")
    assert result["success"]
    assert result["metadata"] == {"stdin": ""}
    assert fragile.generate("a", "fine")["generation_id"] == result["generation_id"], "one process serves all"
    fragile.close()
    assert "chatter on stdout" in caplog.text
    assert "a child prints as well" in caplog.text


def test_a_death_is_a_failed_result_and_the_next_request_starts_anew(fragile: RemoteModel) -> None:
    deaths = {"crash": "killed by SIGSEGV", "exit": "exit status 7", "memory": "killed by SIGKILL (often: the machine"}
    for prompt, words in deaths.items():
        result = fragile.generate("a", prompt)
        assert set(result) == FIELDS
        assert result["status"] == "failed"
        assert words in result["error"]
        assert "a child prints as well" in result["error"]
        assert "chatter on stdout" in result["metadata"]["worker_messages"]
    assert fragile.generate("a", "fine")["success"]


def test_videos_can_be_asked_for_ahead(still: RemoteModel, image: Path) -> None:
    pending = [still.start(image, "stay", output_filename=f"{i}.mp4", seed=i) for i in range(3)]
    results = {i: pending[i].finish() for i in (1, 0, 2)}
    assert [results[i]["metadata"]["seed"] for i in range(3)] == [0, 1, 2]


def test_a_death_costs_no_other_video_that_was_under_way(fragile: RemoteModel) -> None:
    pending = [fragile.start("a", prompt) for prompt in ("fine", "exit", "fine")]
    first, second, third = (p.finish() for p in pending)
    assert first["success"]
    assert third["success"]
    assert "exit status 7" in second["error"]


def test_secrets_are_not_repeated(
    fragile_python: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("SOME_API_KEY", "sk-very-secret-123")
    with RemoteModel("fragile", fragile_python, tmp_path) as model:
        result = model.generate("a", "exit")
    assert "a secret slipped: [SOME_API_KEY]" in result["metadata"]["worker_messages"]
    assert "sk-very-secret-123" not in json.dumps(result) + caplog.text


def test_an_environment_that_vanishes_is_a_failed_result(fragile: RemoteModel, fragile_python: Path) -> None:
    fragile.generate("a", "exit")
    fragile_python.unlink()
    result = fragile.generate("a", "fine")
    assert result["status"] == "failed"
    assert "does not start" in result["error"]


DRIVER = """
import sys
from vmevalkit.runner.remote import RemoteModel
model = RemoteModel("fragile", sys.argv[1], sys.argv[2])
print(model._process._popen.pid, flush=True)
try:
    model.generate(sys.argv[2] + "/video", "sleep")
except KeyboardInterrupt:
    sys.exit(130)
"""


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_no_orphan_stays_and_the_video_is_cleaned_up(how: signal.Signals, fragile_python: Path, tmp_path: Path) -> None:
    with subprocess.Popen(
        [str(PYTHON), "-c", DRIVER, str(fragile_python), str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as kit:
        assert kit.stdout is not None
        worker = int(kit.stdout.readline())
        time.sleep(0.5)
        # Ctrl-C in a terminal goes to the whole group.
        os.killpg(kit.pid, how) if how == signal.SIGINT else kit.kill()
        assert kit.wait(20) == (130 if how == signal.SIGINT else -signal.SIGKILL)
    deadline = time.monotonic() + 20
    while alive(worker) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not alive(worker)
    assert (tmp_path / "video.cleaned").is_file()


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat")
    # Nobody may be there to collect an orphan that has ended.
    return not (state.is_file() and state.read_text().rpartition(")")[2].split()[0] == "Z")


def test_the_worker_serves_every_baseline_that_needs_no_answer() -> None:
    names = [name for name in MODELS if MODELS[name].baseline]
    assert talk([{"load": {"name": name}} for name in names]) == [{"loaded": name} for name in names]
