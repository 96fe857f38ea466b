"""Models of providers through their libraries, whose addresses are those of a local server."""

from __future__ import annotations

import base64
import importlib.util
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

import vmevalkit
from tests.video_server import Handler, VideoServer, encode, running
from vmevalkit import media, store
from vmevalkit.errors import ConfigError, EnvironmentMissing
from vmevalkit.models.base import MODELS, find_card
from vmevalkit.models.http import Order, RequestFailed
from vmevalkit.models.http.library import failure
from vmevalkit.models.litellm_inference import LiteLLMService
from vmevalkit.models.runway_inference import LIMITS, RunwayService
from vmevalkit.types import GenerationResult

QUICK = {"backoff": 0.02, "poll_seconds": 0.02, "timeout": 5.0}
needs_runway = pytest.mark.skipif(importlib.util.find_spec("runwayml") is None, reason="runwayml is not installed")
needs_litellm = pytest.mark.skipif(importlib.util.find_spec("litellm") is None, reason="litellm is not installed")


@pytest.fixture
def server() -> Iterator[VideoServer]:
    with running() as found:
        yield found


@pytest.fixture(scope="session")
def mazes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two small questions. Read them, do not write there."""
    root = tmp_path_factory.mktemp("mazes")
    vmevalkit.make("maze", count=2, size=(192, 128), questions=root, videos=False)
    return root


def generate(mazes: Path, outputs: Path, model: str, settings: dict[str, Any] | None = None, **more: Any) -> Any:
    settings = {**QUICK, **(settings or {})}
    return vmevalkit.generate(
        model, questions=mazes, outputs=outputs, baselines=False, settings=settings, task_id="maze_0000", **more
    )


def result(outputs: Path, model: str) -> GenerationResult:
    found = store.read_result(store.Sample(outputs=outputs, model=model, task="maze", question_id="maze_0000"))
    assert found is not None
    return found


# Without the libraries


def test_catalog_entries_have_prices_keys_and_possible_settings() -> None:
    for name in MODELS:
        card = MODELS[name]
        if card.capabilities.billed:
            service = {"RunwayService": RunwayService, "LiteLLMService": LiteLLMService}[card.service](
                card.model, **card.args
            )
            assert service.price(None), name
            assert card.keys, name
            assert not card.capabilities.deterministic
    assert find_card("runway:gen4_turbo") is MODELS["runway-gen4-turbo"]
    assert find_card("litellm:gemini/veo-3.1-generate-001") is MODELS["veo-3.1"]
    assert find_card("litellm:fal_ai/some/model").name == "litellm-fal_ai_some_model"
    assert not [name for name in MODELS if "sora" in name]


def test_the_nearest_length_is_priced_and_other_sizes_are_refused() -> None:
    service = RunwayService("veo3.1", **MODELS["runway-veo3.1"].args)
    assert service.price(5.0) == pytest.approx(min((abs(s - 5) and s) or s for s in (4, 6)) * 0.40)
    assert service.price(100.0) == pytest.approx(8 * 0.40)
    with pytest.raises(ConfigError, match=r"720x480: gen4\.5 makes 1280x720"):
        RunwayService("gen4.5", resolution="720x480", seconds=5)


def test_a_missing_key_or_library_is_one_line(
    mazes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from vmevalkit.cli import main

    monkeypatch.delenv("RUNWAYML_API_SECRET", raising=False)
    with pytest.raises(EnvironmentMissing, match=r"needs the key RUNWAYML_API_SECRET|needs runwayml"):
        generate(mazes, tmp_path, "runway-gen4.5")
    words = ["--questions", str(mazes), "--outputs", str(tmp_path), "--no-baselines", "--dry-run"]
    assert main(["generate", "-m", "runway-gen4.5", "veo-3.1", *words]) == 0
    out = capsys.readouterr().out
    assert "1.20 $" in out
    assert "6.40 $" in out


class APIStatusError(Exception):
    """As in the libraries."""

    def __init__(self, status: int, headers: dict[str, str] | None = None) -> None:
        super().__init__("no")
        self.status_code = status
        self.response = httpx.Response(status, headers=headers)


def test_exceptions_of_libraries_are_understood() -> None:
    found = failure(APIStatusError(429, {"Retry-After": "7"}))
    assert (found.again, found.received, found.after) == (True, False, 7.0)
    found = failure(APIStatusError(400))
    assert (found.again, found.received) == (False, False)
    found = failure(APIStatusError(500))
    assert (found.again, found.received) == (True, True)
    broken = type("APIConnectionError", (Exception,), {})("gone")
    assert failure(broken).received
    broken.__cause__ = httpx.ConnectError("refused")
    assert not failure(broken).received
    assert failure(ValueError("wrong")).status == 400


# Runway


class Runway:
    """The API of Runway, on the local server."""

    def __init__(self, server: VideoServer, image: Path) -> None:
        self.image = image
        self.server, self.bodies, self.tasks = server, list[dict[str, Any]](), 0
        self.task: dict[str, Any] = {"status": "SUCCEEDED", "cost": {"credits": 25}, "output": [f"{server.url}/file"]}

    def get(self, handler: Any) -> None:
        handler.server.requests.append(("poll", 0.0))
        if handler.path == "/file":
            assert "Authorization" not in handler.headers
            handler.send(200, encode(media.load_image(self.image)), "video/mp4")
        else:
            task = {"id": handler.path.split("/")[-1], "createdAt": "2026-11-28T00:00:00Z", **self.task}
            handler.say(200, task)

    def post(self, handler: Any) -> None:
        body = json.loads(handler.rfile.read(int(handler.headers["Content-Length"])))
        if handler._fault("submit"):
            return
        self.bodies.append(body)
        handler.say(200, {"id": f"task-{len(self.bodies)}", "estimatedCost": {"credits": 25}})


@pytest.fixture
def runway(server: VideoServer, mazes: Path, monkeypatch: pytest.MonkeyPatch) -> Runway:
    monkeypatch.setenv("RUNWAYML_API_SECRET", "key_very_secret_123")
    monkeypatch.setenv("RUNWAYML_BASE_URL", server.url)
    found = Runway(server, mazes / "maze_task/maze_0000/first_frame.png")
    monkeypatch.setattr(Handler, "do_GET", lambda handler: found.get(handler))
    monkeypatch.setattr(Handler, "do_POST", lambda handler: found.post(handler))
    return found


@needs_runway
def test_runway_makes_a_video(runway: Runway, mazes: Path, tmp_path: Path) -> None:
    runway.server.script["submit"].append("429")
    done = generate(mazes, tmp_path, "runway:gen4_turbo")
    assert (done.made, done.cost) == (1, 0.25), done
    (body,) = runway.bodies
    assert (body["model"], body["ratio"], body["duration"], body["seed"]) == ("gen4_turbo", "1280:720", 5, 42)
    assert body["promptImage"].startswith("data:image/png;base64,")
    job = result(tmp_path, "runway-gen4-turbo").provenance.job  # type: ignore[union-attr]
    assert job is not None
    assert (job.id, job.cost_source, job.version) == ("task-1", "server", "gen4_turbo")
    assert b"key_very_secret" not in b"".join(p.read_bytes() for p in tmp_path.rglob("*") if p.is_file())


@needs_runway
def test_runway_refuses_with_a_reason(runway: Runway, mazes: Path, tmp_path: Path) -> None:
    runway.task = {
        "status": "FAILED", "failure": "Content moderation", "failureCode": "SAFETY.INPUT.TEXT", "cost": {"credits": 0},
    }  # fmt: skip
    done = generate(mazes, tmp_path, "runway:gen4.5")
    assert "refused the content: Content moderation (SAFETY.INPUT.TEXT)" in done.failed[0][1]
    assert done.cost == 0
    assert len(runway.bodies) == 1


@needs_runway
def test_runway_is_not_paid_twice_when_the_answer_is_lost(runway: Runway, mazes: Path, tmp_path: Path) -> None:
    runway.server.script["submit"].append("hang up")
    done = generate(mazes, tmp_path, "runway:gen4.5")
    assert "may have been submitted and billed" in done.unfinished[0][1]
    assert runway.server.count("submit") == 1
    assert set(LIMITS) >= {"gen4.5", "gen4_turbo"}


# LiteLLM


@needs_litellm
@pytest.mark.filterwarnings("ignore")
def test_litellm_makes_a_video(server: VideoServer, mazes: Path, tmp_path: Path) -> None:
    settings = {"url": f"{server.url}/v1", "resolution": "256x160", "seconds": 2, "price": 0.1}
    server.script["submit"].append("429")
    done = generate(mazes, tmp_path, "litellm:hosted_vllm/some/model", settings)
    assert (done.made, done.cost) == (1, 0.2), done
    (form,) = server.forms
    assert (form["size"], form["seconds"], form["seed"], form["model"]) == ("256x160", "2", "42", "some/model")
    job = result(tmp_path, "litellm-hosted_vllm_some_model").provenance.job  # type: ignore[union-attr]
    assert job is not None
    assert job.cost_source == "setting"


@needs_litellm
@pytest.mark.filterwarnings("ignore")
def test_litellm_reports_a_failed_job(server: VideoServer, mazes: Path, tmp_path: Path) -> None:
    error = {"code": "moderation_blocked", "message": "blocked"}
    answer = {"id": "video_0", "object": "video", "status": "failed", "error": error}
    server.script["poll"].append(lambda handler: handler.say(200, answer))
    settings = {"url": f"{server.url}/v1", "seconds": 2, "price": 0.1}
    done = generate(mazes, tmp_path, "litellm:hosted_vllm/m", settings)
    assert "the server refused the content: blocked (moderation_blocked)" in done.failed[0][1], done


@needs_litellm
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", [name for name in MODELS if MODELS[name].family == "LiteLLM"])
def test_litellm_sends_the_first_frame_to_every_provider(
    server: VideoServer, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bodies = []

    def refuse(handler: Any) -> None:
        bodies.append(handler.rfile.read(int(handler.headers["Content-Length"])).decode())
        handler.say(400, {"error": {"message": "no"}})

    monkeypatch.setattr(Handler, "do_POST", refuse)
    card = MODELS[name]
    for key in card.keys:
        monkeypatch.setenv(key, "secret-1234567890")
    service = LiteLLMService(card.model, **card.args, url=server.url)
    image = media.png(np.zeros((720, 1280, 3), np.uint8))
    with pytest.raises(RequestFailed) as caught:
        service.submit(Order("Move.", image, 43, service.config), "key", repeat=True)
    assert (caught.value.status, caught.value.received, len(bodies)) == (400, False, 1)
    assert base64.b64encode(image).decode() in bodies[0]
    assert "Move." in bodies[0]
    assert "16:9" in bodies[0]
    assert ('"seed":43' in bodies[0].replace(" ", "")) == service.takes_seed
    assert card.args["seconds"] == int(re.findall(r'"duration(?:Seconds)?": ?"?([0-9]+)', bodies[0])[0])
