"""Models on `/v1/videos` servers, against a server that misbehaves: nothing is lost, nothing is paid for twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import vmevalkit
from tests.video_server import VideoServer, running
from vmevalkit import media, store
from vmevalkit.cli import main
from vmevalkit.errors import ConfigError, UsageError
from vmevalkit.models.http.jobs import JobRecord
from vmevalkit.types import GenerationResult

NAME = "openvideo-Wan-AI_Wan2.2"
MODEL = "openvideo:Wan-AI/Wan2.2"
QUICK = {"backoff": 0.02, "poll_seconds": 0.02, "timeout": 1.0}


@pytest.fixture
def server() -> Iterator[VideoServer]:
    with running() as found:
        yield found


@pytest.fixture(scope="session")
def mazes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four small questions. Read them, do not write there."""
    root = tmp_path_factory.mktemp("mazes")
    vmevalkit.make("maze", count=4, size=(192, 128), questions=root, videos=False)
    return root


class Run:
    """Runs of one experiment against one server."""

    def __init__(self, questions: Path, outputs: Path, server: VideoServer) -> None:
        self.questions, self.outputs, self.server = questions, outputs, server

    def __call__(self, count: int = 1, settings: dict[str, Any] | None = None, **more: Any) -> Any:
        return vmevalkit.generate(
            more.pop("model", MODEL),
            task_id=[f"maze_{i:04d}" for i in range(count)],
            questions=self.questions,
            outputs=self.outputs,
            baselines=False,
            settings={"url": self.server.url, **QUICK, **(settings or {})},
            **more,
        )

    def sample(self, number: int = 0, seed: int = 42) -> store.Sample:
        name = f"maze_{number:04d}"
        return store.Sample(outputs=self.outputs, model=NAME, task="maze", question_id=name, seed=seed)

    def result(self, number: int = 0) -> GenerationResult:
        found = store.read_result(self.sample(number))
        assert found is not None
        return found


@pytest.fixture
def run(mazes: Path, tmp_path: Path, server: VideoServer) -> Run:
    return Run(mazes, tmp_path / "outputs", server)


# The whole way


def test_the_command_line_makes_videos_on_a_server(
    mazes: Path, tmp_path: Path, server: VideoServer, capsys: pytest.CaptureFixture[str]
) -> None:
    folders = ["--questions", str(mazes), "--outputs", str(tmp_path)]
    words = ["generate", "--model", MODEL, "--url", f"{server.url}/v1/", "--no-baselines", "--set", "poll_seconds=0.05"]
    assert main([*words, *folders]) == 0
    assert "4 videos made" in capsys.readouterr().out
    sample = store.Sample(outputs=tmp_path, model=NAME, task="maze", question_id="maze_0000")
    assert not sample.job.exists()
    assert store.is_complete(sample)
    assert main([*words, *folders]) == 0
    assert server.count("submit") == 4


def test_the_file_is_kept_as_it_came_and_the_result_says_what_the_server_said(run: Run) -> None:
    run.server.extra = {"revised_prompt": "A maze.", "seed": 42}
    assert run(settings={"resolution": "256x160", "num_frames": 5, "fps": 8}).ok
    (file,) = run.server.files.values()
    assert run.sample().video.read_bytes() == file
    provenance = run.result().provenance
    assert provenance is not None
    assert provenance.job is not None
    assert provenance.job.file_sha256 == provenance.video_sha256 == store.sha256(run.sample().video)
    assert (provenance.job.id, provenance.job.version) == ("video_0", "Wan-AI/Wan2.2")
    assert (provenance.job.revised_prompt, provenance.job.answered) == ("A maze.", {"seed": 42})
    assert provenance.job.request_id
    assert provenance.job.converted is None
    assert provenance.geometry.frame == (256, 160)
    (form,) = run.server.forms
    assert (form["size"], form["width"], form["height"], form["seed"]) == ("256x160", "256", "160", "42")
    assert (form["num_frames"], form["fps"]) == ("5", "8")


def test_a_file_that_browsers_cannot_play_is_converted_and_kept(run: Run, tmp_path: Path) -> None:
    def webm(image: Image.Image) -> bytes:
        import av

        with av.open(str(tmp_path / "a.mkv"), "w") as container:
            stream: Any = container.add_stream("mpeg4", rate=8)
            (stream.width, stream.height), stream.pix_fmt = image.size, "yuv420p"
            for _ in range(5):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(np.asarray(image))))
            container.mux(stream.encode(None))
        return (tmp_path / "a.mkv").read_bytes()

    run.server.encode = webm
    assert run().ok
    assert run.sample().original.read_bytes() == (tmp_path / "a.mkv").read_bytes()
    assert media.probe(run.sample().video).codec == "h264"
    provenance = run.result().provenance
    assert provenance is not None
    assert provenance.job is not None
    assert provenance.job.file_sha256 == store.sha256(run.sample().original)
    assert "matroska" in str(provenance.job.converted)


# Servers that misbehave


@pytest.mark.parametrize(
    ("kind", "faults"),
    [
        ("submit", ["429", "500"]),
        ("submit", ["hang up", "html"]),
        ("submit", ["stall"]),
        ("poll", ["429", "503", "html", "hang up"]),
        ("content", ["500", "cut"]),
        ("content", ["html", "not a video"]),
        ("content", ["drip"]),
    ],
)  # fmt: skip
def test_what_may_pass_is_tried_again(run: Run, kind: str, faults: list[str]) -> None:
    run.server.script[kind].extend(faults)
    settings = {"timeout": 0.3 if "stall" in faults else 0.05 if "drip" in faults else 1.0}
    done = run(settings=settings)
    assert done.ok, done
    assert run.server.count(kind) >= len(faults) + 1
    assert len({found["Idempotency-Key"] for found in run.server.headers if "Idempotency-Key" in found}) == 1


def test_the_server_says_how_long_to_wait(run: Run) -> None:
    run.server.script["submit"].append("429 0.3")
    assert run(settings={"backoff": 0.0}).ok
    times = [moment for kind, moment in run.server.requests if kind == "submit"]
    assert times[1] - times[0] >= 0.29


def test_a_server_that_asks_for_an_hour_ends_the_run_and_stores_nothing(run: Run) -> None:
    run.server.script["submit"].append("503 3600")
    (left,) = run().unfinished
    assert "asks to wait 3600 seconds" in left[1]
    assert not run.sample().job.exists()
    assert not run.sample().result.exists()
    assert run().made == 1


def _failed_job(handler: Any) -> None:
    handler.say(200, {"id": "video_0", "status": "failed", "error": {"code": "oom", "message": "no memory"}})


def _refused_job(handler: Any) -> None:
    error = {"code": "moderation_blocked", "message": "Your request was blocked."}
    handler.say(200, {"id": "video_0", "status": "failed", "error": error})


def _failed_with_status(handler: Any) -> None:
    handler.say(500, {"error": {"code": 500, "message": "no memory"}})


def _detail(handler: Any) -> None:
    handler.say(422, {"detail": "no memory"})


@pytest.mark.parametrize("answer", [_failed_job, _failed_with_status, _detail])
def test_a_failed_job_is_a_failed_result_whatever_the_status(run: Run, answer: Any) -> None:
    run.server.script["poll"].extend([answer] * 3)
    (failure,) = run().failed
    assert "the job failed: " in failure[1]
    assert "no memory" in failure[1]
    assert run.result().metadata["job"]["id"] == "video_0"
    assert not run.sample().job.exists()
    run.server.script["poll"].clear()
    assert run().failed[0][1] == "failed before"
    assert run(retry_failed=True).made == 1
    assert run.server.count("submit") == 2


def test_a_refusal_is_a_failed_result_and_is_not_tried_again(run: Run) -> None:
    run.server.script["poll"].append(_refused_job)
    assert "the server refused the content: Your request was blocked." in run().failed[0][1]
    assert run.result().metadata["refused"]
    assert run.server.count("submit") == 1
    run.server.script["submit"].append(lambda h: h.say(400, {"error": {"message": "content policy", "code": "x"}}))
    assert "refused the content: HTTP 400: content policy (x)" in run(retry_failed=True).failed[0][1]
    assert run.server.count("submit") == 2


def test_a_job_that_the_server_lost_is_submitted_again_if_it_costs_nothing(run: Run) -> None:
    run.server.script["poll"].append(lambda h: h.say(404, {"detail": "Video not found"}))
    assert run().made == 1
    assert run.server.count("submit") == 2


def test_a_billed_job_that_the_server_lost_is_a_failure(run: Run) -> None:
    run.server.script["poll"].append(lambda h: h.say(404, {"detail": "Video not found"}))
    done = run(settings={"price": 0.1, "seconds": 5})
    assert "does not know job video_0" in done.failed[0][1]
    assert run.server.count("submit") == 1
    assert done.cost == 0.5


def test_a_file_that_is_no_video_is_a_failure_and_its_job_is_kept(run: Run) -> None:
    run.server.script["content"].extend(["not a video"] * 3)
    assert "the server's file is not usable" in run().failed[0][1]
    assert run.sample().job.is_file()
    assert run(retry_failed=True).made == 1
    assert run.server.count("submit") == 1
    assert not run.sample().job.exists()


def test_a_slow_job_is_left_to_the_next_run(run: Run) -> None:
    run.server.polls = 10**6
    (left,) = run(settings={"wait_seconds": 0.1}).unfinished
    assert "still runs after 0.1 seconds (rerun the same command to fetch job video_0)" in left[1]
    run.server.polls = 1
    assert run().made == 1
    assert run.server.count("submit") == 1


def test_a_server_that_chooses_another_size_is_noted_and_the_canvas_is_found(run: Run) -> None:
    run.server.size = (256, 256)
    assert run().ok
    provenance = run.result().provenance
    assert provenance is not None
    assert "the server made 256x256, not 192x128" in provenance.notes
    assert provenance.geometry.frame == (256, 256)
    assert abs(provenance.geometry.width / provenance.geometry.height - 1.5) < 0.05


@pytest.mark.parametrize("status", ["401", "403", "404"])
def test_a_wrong_key_or_address_ends_the_run_and_the_key_is_written_nowhere(
    run: Run, status: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("VMEVALKIT_OPENVIDEO_KEY", "sk-very-secret-12345")
    run.server.script["submit"].extend([status])
    done = run(4, settings={"concurrency": 1})
    assert len(done.unfinished) == 4
    assert "the server rejected the request" in done.unfinished[0][1]
    assert run.server.count("submit") == 1
    assert run.server.headers[0]["Authorization"] == "Bearer sk-very-secret-12345"
    assert run(4).made == 4
    written = b"".join(path.read_bytes() for path in run.outputs.rglob("*") if path.is_file())
    assert b"sk-very-secret" not in written
    assert "sk-very-secret" not in caplog.text + str(done)


def test_no_server_is_one_line(run: Run) -> None:
    done = run(2, settings={"url": "http://127.0.0.1:9", "attempts": 2})
    assert "http://127.0.0.1:9: the server cannot be reached" in done.unfinished[0][1]
    assert not list(run.outputs.rglob("*.json"))


# Pace and cost


def test_videos_are_made_at_the_same_time_and_at_the_pace_that_was_asked_for(run: Run) -> None:
    run.server.polls = 3
    assert run(4, workers=3).made == 4
    assert run.server.most_at_once == 3
    run.server.requests.clear()
    assert run(4, seed=7, settings={"requests_per_minute": 1200}).made == 4
    times = sorted(moment for _, moment in run.server.requests)
    assert times[-1] - times[0] > 0.05 * (len(times) - 1) * 0.9


PAID = {"price": 0.1, "seconds": 5}


def test_the_limit_of_cost_is_never_exceeded_and_a_higher_one_resumes(run: Run) -> None:
    done = run(4, settings=PAID, limit_cost=1.2)
    assert (done.made, len(done.unfinished), done.cost, done.ok) == (2, 2, 1.0, False)
    assert "--limit-cost: 1.00 of 1.20 dollars are spent, and a video costs 0.50" in done.unfinished[0][1]
    assert run.server.count("submit") == 2
    assert len(list(run.outputs.rglob("result*.json"))) == 2
    done = run(4, settings=PAID, limit_cost=1.0)
    assert (done.made, done.complete_before, done.ok) == (2, 2, True)


def test_a_limit_without_a_price_is_refused(run: Run) -> None:
    with pytest.raises(ConfigError, match=r"the price of .* is unknown .*--set price=0.1"):
        run(settings={"price": 0.1}, limit_cost=1.0)
    assert run.server.requests == []


def test_dry_run_prices_what_is_left(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    run(1, settings=PAID)
    words = ["--questions", str(run.questions), "--outputs", str(run.outputs), "--no-baselines", "--dry-run"]
    assert main(["generate", "-m", MODEL, *words, "--set", "price=0.1", "seconds=5"]) == 0
    out = capsys.readouterr().out
    assert "1.50 $" in out
    assert "list prices of 2026-11-28" in out


def test_what_the_server_bills_replaces_the_price(run: Run) -> None:
    run.server.extra = {"usage": {"cost": 0.25}}
    assert run(2, settings=PAID).cost == 0.5
    provenance = run.result().provenance
    assert provenance is not None
    assert provenance.job is not None
    assert (provenance.job.cost_usd, provenance.job.cost_source) == (0.25, "server")


# Kills


PROGRAM = """
import os, signal, sys
sys.path.insert(0, {root!r})
from pathlib import Path
import vmevalkit
from vmevalkit.models import openvideo_inference
from vmevalkit.models.http import jobs, service
from vmevalkit.runner import generate as runner
from vmevalkit import store

def kill(*args, **options):
    os.kill(os.getpid(), signal.SIGKILL)

def after(function):
    def call(*args, **options):
        function(*args, **options)
        kill()
    return call

Service = openvideo_inference.OpenVideoService
step = {step!r}
if step == "before submit":
    Service.submit = kill
elif step == "after submit":
    Service.submit = after(Service.submit)
elif step == "id stored":
    Service.poll = kill
elif step == "polled":
    Service.poll = after(Service.poll)
elif step == "downloaded":
    Service.download = after(Service.download)
elif step == "written":
    runner.publish = kill
elif step == "result stored":
    store.move = kill
elif step == "published":
    runner.publish = after(runner.publish)
vmevalkit.generate({model!r}, task_id="maze_0000", questions={questions!r}, outputs={outputs!r}, baselines=False,
                   settings={settings!r})
"""


@pytest.mark.parametrize(
    ("step", "found"),
    [
        ("before submit", "unknown"),
        ("after submit", "unknown"),
        ("id stored", "resumed"),
        ("polled", "resumed"),
        ("downloaded", "resumed"),
        ("written", "resumed"),
        ("result stored", "resumed"),
        ("published", "complete"),
    ],
)  # fmt: skip
def test_a_run_that_is_killed_pays_for_nothing_twice(run: Run, step: str, found: str) -> None:
    settings = {"url": run.server.url, **QUICK, **PAID}
    program = PROGRAM.format(
        root=str(Path(__file__).parents[1]), step=step, model=MODEL, questions=str(run.questions),
        outputs=str(run.outputs), settings=settings,
    )  # fmt: skip
    killed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    done = run(settings=PAID)
    if found == "unknown":
        assert "may be billed (look at your account; --set resubmit=true" in done.unfinished[0][1]
        assert run.server.count("submit") == (step == "after submit")
        done = run(settings={**PAID, "resubmit": True})
        assert len({headers.get("Idempotency-Key") for headers in run.server.headers} - {None}) == 1
    else:
        assert run.server.count("submit") == 1
    assert done.ok
    assert not run.sample().job.exists()
    assert store.is_complete(run.sample())
    assert [path.name for path in run.sample().video.parent.iterdir()] == ["video.mp4"]


@pytest.mark.parametrize("fault", ["hang up", "stall", "504", "html"])
def test_a_billed_submission_without_an_answer_is_not_repeated(run: Run, fault: str) -> None:
    run.server.script["submit"].append(fault)
    (left,) = run(settings={**PAID, "timeout": 0.2}).unfinished
    assert "may have been submitted and billed (look at your account" in left[1]
    assert run.server.count("submit") == 1
    record = JobRecord.model_validate_json(run.sample().job.read_bytes())
    assert (record.id, record.price_usd) == (None, 0.5)


def test_a_job_is_not_used_for_another_prompt_or_other_settings(run: Run) -> None:
    run.server.polls = 10**6
    run(settings={"wait_seconds": 0.05})
    run.server.polls = 1
    (left,) = run(settings={"resolution": "256x160"}).unfinished
    assert "is a job for another prompt or other settings" in left[1]
    run.sample().job.write_text("{")
    assert "cannot be read" in run().unfinished[0][1]
    assert run.server.count("submit") == 1


def test_ctrl_c_ends_the_wait_at_once_and_the_job_is_found_again(run: Run) -> None:
    run.server.polls = 10**6
    command = [
        sys.executable, "-m", "vmevalkit", "generate", "-m", MODEL, "--url", run.server.url, "--no-baselines",
        "--questions", str(run.questions), "--outputs", str(run.outputs), "--set", "poll_seconds=60",
    ]  # fmt: skip
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=Path(__file__).parents[1])
    while run.server.count("poll") < 4:
        time.sleep(0.02)
    started = time.monotonic()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)
    assert process.returncode == 130
    assert time.monotonic() - started < 5
    run.server.polls = 1
    assert run(4).made == 4
    assert run.server.count("submit") == 4


def test_a_server_at_another_address_is_the_same_model(run: Run) -> None:
    assert run().made == 1
    assert run(settings={"url": run.server.url.replace("127.0.0.1", "localhost")}).complete_before == 1
    with pytest.raises(UsageError, match="other settings"):
        run(settings={"resolution": "256x160"})


def test_the_record_of_a_job_is_on_disk_before_the_wait(run: Run) -> None:
    seen = []

    def look(handler: Any) -> None:
        seen.append(json.loads(run.sample(seed=7).job.read_text()))
        handler.say(200, {"id": "video_0", "status": "completed"})

    run.server.script["poll"].append(look)
    assert run(seed=7).ok
    assert (seen[0]["id"], seen[0]["model"]) == ("video_0", "Wan-AI/Wan2.2")
    assert run.sample(seed=7).job.name == "job_seed7.json"
    assert os.listdir(run.sample(seed=7).folder / "video") == ["video_seed7.mp4"]


@pytest.mark.parametrize(("price", "submitted"), [({"price": 0.1}, 1), ({}, 2)])
def test_a_lost_job_is_submitted_again_only_if_it_is_known_to_cost_nothing(
    run: Run, price: dict[str, float], submitted: int
) -> None:
    """With a price for a second and without a length, the price of a video is unknown."""
    run.server.script["poll"].extend(["404"])
    assert run(settings=price).made == submitted - 1
    assert run.server.count("submit") == submitted
