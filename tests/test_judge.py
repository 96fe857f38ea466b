"""The judge against a real server on this machine that speaks the protocol, looks at images, and can misbehave."""

from __future__ import annotations

import base64
import io
import json
import shutil
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import vmevalkit
from tests.conftest import Experiment
from vmevalkit import store
from vmevalkit.cli import main
from vmevalkit.errors import ConfigError, UsageError
from vmevalkit.runner.score import iter_score
from vmevalkit.scorers.judge import Answer, Details, JudgeConfig, Vote, choose_frames
from vmevalkit.tasks.base import REASONS, TASKS, criteria_of
from vmevalkit.types import CRITERIA, Score

KEY = "sk-very-secret-1234567890"
TOKENS = {"prompt_tokens": 1000, "completion_tokens": 100}

Fault = str | Callable[["Server"], dict[str, Any]]


def answer(right: bool = True, **fields: Any) -> dict[str, Any]:
    """What a well-behaved model says."""
    said = dict.fromkeys(CRITERIA, right) | {"seen": "A disc moves.", "explanation": "It does.", "evidence_frame": 3}
    return {**said, **fields}


class Server(ThreadingHTTPServer):
    """Answers by looking at the images, except that the next requests get the faults in `script`."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.script: deque[Fault] = deque()
        self.requests: list[dict[str, Any]] = []
        self.keys: set[str] = set()
        self.times: list[float] = []
        self.lock = threading.Lock()
        self.at_once = self.most_at_once = 0
        self.delay = 0.0
        self.usage: dict[str, Any] | None = TOKENS
        self.released = threading.Event()
        # A client closed the connection during a response.
        self.hung_up = threading.Event()
        self.headers: dict[str, str] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def log_message(self, *args: Any) -> None:
        pass

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        server = self.server
        with server.lock:
            server.requests.append(request)
            server.times.append(time.monotonic())
            server.keys.add(self.headers["Authorization"])
            server.headers.update(self.headers)
            server.at_once += 1
            server.most_at_once = max(server.most_at_once, server.at_once)
            fault = server.script.popleft() if server.script else "look"
        time.sleep(server.delay)
        try:
            self._answer(fault, request)
        finally:
            with server.lock:
                server.at_once -= 1

    def _answer(self, fault: Fault, request: dict[str, Any]) -> None:
        if callable(fault):
            self._say(json.dumps(fault(self.server)))
        elif fault == "look":
            self._say(json.dumps(answer(_looks_right(request))))
        elif fault == "stall":
            self.server.released.wait(20)
        elif fault == "cut":
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", "100000")
            self.end_headers()
            self.wfile.write(b'{"choices": [')
        elif fault == "drip":
            self.send_response(200)
            self.end_headers()
            try:
                while not self.server.released.wait(0.1):
                    self.wfile.write(b" ")
            except ConnectionError:
                self.server.hung_up.set()
        elif fault == "billed":
            self._send(200, json.dumps({"choices": [], "usage": TOKENS}))
        elif fault == "redirect":
            self._send(307, "", {"Location": f"{self.server.url}/elsewhere?key=AIzaCANARY1234567890"})
        elif fault == "giant":
            self._send(200, json.dumps({"pad": "x" * 70_000_000}))
        elif fault == "no completion":
            self._send(200, "<html>Bad gateway</html>")
        elif fault == "no json":
            self._say("It looks fine to me.")
        elif fault == "wrong schema":
            self._say(json.dumps({"outcome": "perhaps"}))
        elif fault == "cut off":
            self._say('{"seen": "a disc', finish_reason="length")
        elif fault == "prose":
            self._say(f"Here you are:\n```json\n{json.dumps(answer(_looks_right(request)))}\n```")
        elif fault == "refusal":
            self._say(None, refusal="I cannot judge that.")
        elif fault == "filter":
            self._say(None, finish_reason="content_filter")
        else:
            status, _, wait = fault.partition(" ")
            if wait == "date":
                # Dates have whole seconds: of 1.9 seconds from now, at least 0.9 are left.
                wait = formatdate(time.time() + 1.9, usegmt=True)
            headers = {"Retry-After": wait} if wait else {}
            message = f"status {status} for key {self.headers['Authorization'].removeprefix('Bearer ')}"
            self._send(int(status), json.dumps({"error": {"message": message, "code": None}}), headers)

    def _say(self, content: str | None, refusal: str | None = None, finish_reason: str = "stop") -> None:
        message = {"role": "assistant", "content": content, "refusal": refusal}
        choice = {"index": 0, "message": message, "finish_reason": finish_reason}
        body = {"id": "x", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice]}
        self._send(200, json.dumps(body | ({"usage": self.server.usage} if self.server.usage else {})))

    def _send(self, status: int, body: str, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body.encode())))
        self.end_headers()
        self.wfile.write(body.encode())


def images_of(request: dict[str, Any]) -> dict[str, Image.Image]:
    """Labels and images of a request."""
    parts = request["messages"][1]["content"]
    found: dict[str, Image.Image] = {}
    for label, image in zip(parts[1::2], parts[2::2], strict=True):
        data = base64.b64decode(image["image_url"]["url"].removeprefix("data:image/jpeg;base64,"))
        found[label["text"].partition(": ")[2]] = Image.open(io.BytesIO(data))
    return found


def _looks_right(request: dict[str, Any]) -> bool:
    """Whether some frame of the video looks like the end of the right answer."""
    shown = images_of(request)
    right = shown["the last frame of one correct answer"]
    frames = [image for label, image in shown.items() if label.startswith("video frame")]
    for label, image in shown.items():
        if label.startswith("frames of the video"):
            tiles = [(x, y) for y in range(25, image.height - 200, 284) for x in range(3, image.width - 200, 390)]
            frames = [image.crop((x, y, x + 384, y + 256)) for x, y in tiles]
    target = np.asarray(right.resize((96, 64), Image.Resampling.BOX).convert("L"), dtype=float)
    apart = [
        abs(np.asarray(f.resize((96, 64), Image.Resampling.BOX).convert("L"), dtype=float) - target) for f in frames
    ]
    return min(float(a.max()) for a in apart) < 40


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("VMEVALKIT_JUDGE_KEY", KEY)
    found = Server()
    thread = threading.Thread(target=found.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield found
    found.released.set()
    found.shutdown()
    found.server_close()


@pytest.fixture
def one(experiment: Experiment, tmp_path: Path) -> Path:
    """A folder with one question and replay's video of it."""
    for name in ("questions", "outputs/replay"):
        source = experiment.root / name / "maze_task" / "maze_0000"
        shutil.copytree(source, tmp_path / name / "maze_task" / "maze_0000")
    return tmp_path


def judge(root: Path, server: Server, limit_cost: float | None = None, **options: Any) -> list[Score]:
    wanted = {
        "votes": 1, "backoff": 0.01, "timeout": 5, "cache": str(root / "cache"), "frames": 6, "price_input": 2.0,
        "price_output": 10.0, **options,
    }  # fmt: skip
    return vmevalkit.score(
        "judge", questions=root / "questions", outputs=root / "outputs", scores=root / "scores", judge_model="see-1",
        judge_url=server.url, limit_cost=limit_cost, settings=wanted,
    )  # fmt: skip


def details(root: Path) -> Details:
    return store.read_record(root / "scores/replay/maze_task/maze_0000/judge/details.json", Details)


# ------------------------------------------------------------------------------------------------------- what is asked


def test_a_right_video_passes_and_a_still_one_does_not(experiment: Experiment, tmp_path: Path, server: Server) -> None:
    shutil.copytree(experiment.questions, tmp_path / "questions")
    for model in ("replay", "still"):
        shutil.copytree(experiment.outputs / model, tmp_path / "outputs" / model)
    found = judge(tmp_path, server, votes=3)
    both = [("replay", "scored", True), ("still", "scored", False)]  # question by question
    assert [(s.model, s.status, s.passed) for s in found] == both * 2
    assert [s.reason for s in found[:2]] == ["judged_right", "judged_wrong_outcome"]
    assert found[0].explanation == "3 of 3 votes: It does."
    assert found[0].evidence_frame == 3
    assert len(server.requests) == 4 * 3


@pytest.mark.parametrize("layout", ["sheet", "images"])
def test_a_request_shows_puzzle_answer_and_frames_and_says_what_counts(one: Path, server: Server, layout: str) -> None:
    judge(one, server, layout=layout, votes=3)
    labels = [sorted(images_of(request)) for request in server.requests]
    video = [label for label in labels[0] if "video frame" in label]
    assert len(video) == (6 if layout == "images" else 0)
    assert "the last frame of one correct answer" in labels[0]
    assert "the puzzle: the first frame that the video must start from" in labels[0]
    assert labels[0] == labels[1] == labels[2], "each vote sees the same images"
    orders = {tuple(images_of(request)) for request in server.requests} | {
        vote.order for vote in details(one).votes
    }  # fmt: skip
    assert len(orders) > 3, "in an order of its own"
    assert len({vote.order for vote in details(one).votes}) == 3
    text = server.requests[0]["messages"][1]["content"][0]["text"]
    assert store.read_prompt(store.read_question(one / "questions", "maze", "maze_0000")) in text
    for criterion, words in criteria_of(TASKS["maze"], "solve").items():
        assert f"- {criterion}: {words}" in text
    schema = server.requests[0]["response_format"]["json_schema"]["schema"]
    assert schema["additionalProperties"] is False
    assert set(schema["required"]) == set(schema["properties"]) == set(Answer.model_fields)
    assert "replay" not in json.dumps(server.requests), "the judge does not know whose video it sees"


def test_the_order_of_the_images_is_that_of_the_seed(one: Path, server: Server) -> None:
    for seed in (1, 1, 2):
        shutil.rmtree(one / "scores", ignore_errors=True)
        judge(one, server, seed=seed, cache=str(one / str(time.monotonic())))
    first, again, other = server.requests
    assert first == again
    assert first != other


def test_the_tile_of_each_frame_has_its_own_label(one: Path, server: Server) -> None:
    judge(one, server, layout="sheet")
    shown = images_of(server.requests[0])
    [sheet] = [image for label, image in shown.items() if label.startswith("frames of the video")]
    assert sheet.size == (2 * 390, 3 * 284)
    assert sorted(details(one).votes[0].order) == list(details(one).frames)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 300),
    st.floats(1, 60),
    st.floats(0.5, 30),
    st.integers(2, 40),
    st.sampled_from(["rate", "keyframes"]),
)
def test_frames_run_from_first_to_last_and_are_no_more_than_asked(
    count: int, fps: float, rate: float, most: int, sampling: str
) -> None:
    video = np.random.default_rng(count).integers(0, 255, (count, 4, 4, 3), dtype=np.uint8)
    config = JudgeConfig(model="m", fps=rate, frames=most, sampling=sampling)  # type: ignore[arg-type]
    chosen = choose_frames(video, fps, config)
    assert list(chosen) == sorted(set(chosen))
    assert (chosen[0], chosen[-1]) == (0, count - 1)
    assert len(chosen) <= most
    if sampling == "rate" and len(chosen) < most:
        gaps = np.diff(chosen)
        assert all(gaps <= np.ceil(fps / rate) + 1)


def test_four_frames_a_second_are_taken_and_key_frames_lie_where_something_happens() -> None:
    video = np.zeros((49, 8, 8, 3), np.uint8)
    video[20:30] = np.arange(0, 200, 20, dtype=np.uint8)[:, None, None, None]
    video[30:] = 180
    every = choose_frames(video, 8.0, JudgeConfig(model="m", frames=30))
    assert every == tuple(range(0, 49, 2))
    keys = choose_frames(video, 8.0, JudgeConfig(model="m", frames=6, sampling="keyframes"))
    assert all(20 <= i <= 30 for i in keys[1:-1])
    assert choose_frames(video[:10], 8.0, JudgeConfig(model="m", sampling="keyframes")) == (0, 9)


@pytest.mark.parametrize("name", TASKS)
def test_every_task_says_what_counts(name: str) -> None:
    task = TASKS[name]
    assert set(task.rubric) <= set(CRITERIA)
    for mode in ("solve", "guided", "hold"):
        found = criteria_of(task, mode)
        assert tuple(found) == CRITERIA
        assert all(len(text) > 20 for text in found.values())
    assert criteria_of(task, "solve") == criteria_of(task, "guided") != criteria_of(task, "hold")


def test_a_task_without_a_rubric_has_one_made_from_what_it_says_of_itself() -> None:
    maze = type(TASKS["maze"])
    task = type("Plain", (maze,), {"rubric": {}, "__module__": maze.__module__})()
    found = criteria_of(task, "solve")
    assert task.summary in found["outcome"]
    assert task.reasons["wall_crossed"] in found["process"]
    assert REASONS["teleport"] in found["process"]
    assert criteria_of(None, "solve")["preservation"] == found["preservation"]


# ------------------------------------------------------------------------------------------------------------ verdict


def votes_of(*verdicts: str) -> list[Fault]:
    """Votes by the criteria that they hold to be met: "opk" for all three."""

    def say(met: str) -> Callable[[Server], dict[str, Any]]:
        return lambda server: answer(outcome="o" in met, process="p" in met, preservation="k" in met, explanation=met)

    return [say(met) for met in verdicts]


@pytest.mark.parametrize(
    ("votes", "passed", "reason", "agreement"),
    [
        (("opk", "opk", "o"), True, "judged_right", 2 / 3),
        (("opk", "ok", "ok"), False, "judged_wrong_process", 2 / 3),
        (("", "", "opk"), False, "judged_wrong_outcome", 2 / 3),
        (("op", "ok", "pk"), True, "judged_right", 0.0),
        (("op", "op", "op"), False, "judged_wrong_preservation", 1.0),
    ],
)
def test_the_majority_decides_each_criterion(
    one: Path, server: Server, votes: tuple[str, ...], passed: bool, reason: str, agreement: float
) -> None:
    server.script.extend(votes_of(*votes))
    [found] = judge(one, server, votes=3)
    assert (found.passed, found.reason, found.value) == (passed, reason, float(passed))
    assert details(one).agreement == pytest.approx(agreement)
    assert found.explanation.startswith(f"{round(3 * agreement)} of 3 votes: ")


# ------------------------------------------------------------------------------------------------------------- faults


@pytest.mark.parametrize(
    ("fault", "problem"),
    [
        ("429", "HTTP 429"),
        ("500", "HTTP 500"),
        ("503", "HTTP 503"),
        ("408", "HTTP 408"),
        ("stall", "time-out"),
        ("cut", "the connection broke"),
        ("no completion", "not a chat completion"),
        ("no json", "does not match the schema"),
        ("wrong schema", "does not match the schema"),
        ("cut off", "raise max_tokens"),
    ],
)
def test_what_may_pass_is_tried_again_and_everything_is_kept(
    one: Path, server: Server, fault: str, problem: str
) -> None:
    faults = 1 if fault == "stall" else 2
    server.script.extend([fault] * faults)
    [found] = judge(one, server, timeout=1.2 if fault == "stall" else 10)
    assert found.passed is True
    *failed, last = details(one).votes[0].calls
    assert len(failed) == faults
    assert all(problem in str(call.problem) for call in failed)
    assert (last.problem, last.http) == (None, 200)
    assert '"outcome": true' in json.loads(last.body)["choices"][0]["message"]["content"]
    assert (last.input_tokens, last.output_tokens) == (1000, 100)
    assert last.cost == pytest.approx(0.003)


@pytest.mark.parametrize("date", [False, True])
def test_the_server_says_how_long_to_wait(one: Path, server: Server, date: bool) -> None:
    server.script.append("429 date" if date else "429 0.7")
    [found] = judge(one, server)
    assert found.passed is True
    waited = server.times[1] - server.times[0]
    assert (0.5 if date else 0.7) <= waited < 6.0


def test_waits_grow_when_the_server_does_not_say(one: Path, server: Server) -> None:
    server.script.extend(["500"] * 5)
    judge(one, server, backoff=0.05)
    gaps = np.diff(server.times)
    assert len(gaps) == 5
    # Random between nothing and 0.05, 0.1, 0.2, 0.4, 0.8 seconds.
    assert all(gap < 0.05 * 2**i + 2 for i, gap in enumerate(gaps))
    assert len({round(gap, 4) for gap in gaps}) == 5


def test_json_in_prose_is_an_answer_where_schemas_are_not_known(one: Path, server: Server) -> None:
    server.script.append("prose")
    [found] = judge(one, server, answer_format="text", temperature=0.5)
    assert found.passed is True
    assert "response_format" not in server.requests[0]
    assert server.requests[0]["temperature"] == 0.5


@pytest.mark.parametrize(("fault", "words"), [("refusal", "I cannot judge that."), ("filter", "filtered")])
def test_a_refusal_is_no_score_and_is_not_asked_again_at_once(
    one: Path, server: Server, fault: str, words: str
) -> None:
    server.script.append(fault)
    [found] = judge(one, server)
    assert (found.status, found.reason, found.passed) == ("unscorable", "refused", None)
    assert words in found.explanation
    assert len(server.requests) == 1
    assert words.split()[0] in details(one).votes[0].calls[0].body + str(details(one).votes[0].calls[0].problem)
    [found] = judge(one, server)
    assert found.passed is True, "another run asks again"


def test_a_request_that_the_server_does_not_take_is_not_repeated(one: Path, server: Server) -> None:
    server.script.append("400")
    [found] = judge(one, server)
    assert (found.status, found.reason) == ("unscorable", "call_rejected")
    assert len(server.requests) == 1


def test_a_failed_call_is_never_final_and_what_was_answered_is_not_paid_again(one: Path, server: Server) -> None:
    server.script.extend(["look", "500", "500", "500"])
    [found] = judge(one, server, votes=3, attempts=3)
    assert (found.status, found.reason, found.value) == ("unscorable", "call_failed", None)
    assert "HTTP 500" in found.explanation
    assert "calls: 3" in found.explanation
    assert [len(vote.calls) for vote in details(one).votes] == [1, 3]
    assert len(server.requests) == 4
    [found] = judge(one, server, votes=3, attempts=3)
    assert found.passed is True
    assert len(server.requests) == 6, "the first vote was there"
    assert [len(vote.calls) for vote in details(one).votes] == [1, 4, 1], "and the failed calls are kept"
    stored = store.read_record(one / "scores/replay/maze_task/maze_0000/judge.json", Score)
    assert stored == found


def test_nothing_is_paid_for_twice(one: Path, server: Server) -> None:
    shutil.copytree(one / "outputs/replay", one / "outputs/twin")
    judge(one, server, votes=3, concurrency=4)
    assert len(server.requests) == 3, "two models with the same video, also at the same time"
    judge(one, server, votes=3)
    shutil.rmtree(one / "scores")
    assert all(score.passed for score in judge(one, server, votes=3))
    assert len(server.requests) == 3
    judge(one, server, votes=5)
    assert len(server.requests) == 5, "more votes ask for no more than the further ones"
    for path in (one / "cache").glob("*/*.json"):
        assert store.read_record(path, Vote).request_sha256 == path.stem
    next((one / "cache").glob("*/*.json")).write_text("{")
    shutil.rmtree(one / "scores")
    judge(one, server, votes=5)
    assert len(server.requests) == 6, "a damaged entry is asked again"


def test_a_score_is_made_anew_when_the_judge_changes(one: Path, server: Server) -> None:
    versions = {judge(one, server, **change)[0].scorer_version for change in ({}, {"seed": 2}, {"timeout": 4})}
    assert len(versions) == 2, "the order of the images counts, the patience does not"
    assert all(version.startswith("3 see-1 ") for version in versions)


# ------------------------------------------------------------------------------------------------------------- limits


def _many(experiment: Experiment, root: Path) -> Path:
    shutil.copytree(experiment.questions, root / "questions")
    shutil.copytree(experiment.outputs, root / "outputs")
    return root


def test_the_limit_of_cost_is_kept_and_a_higher_one_goes_on(
    experiment: Experiment, tmp_path: Path, server: Server
) -> None:
    root = _many(experiment, tmp_path)
    server.delay = 0.05
    server.script.append("no completion")
    found = judge(root, server, limit_cost=0.0125, concurrency=8)
    # An answer costs 0.003 dollars; what is no answer has no price.
    assert len(server.requests) == 1 + 4
    assert len(found) == 10
    reasons = [score.reason for score in found]
    assert reasons.count("stopped") == 6
    stopped = next(score for score in found if score.reason == "stopped")
    assert stopped.status == "unscorable"
    assert "--limit-cost 0.0125: 0.0120 dollars are spent" in stopped.explanation
    assert len(list((root / "scores").glob("*/*/*/judge.json"))) == 4, "nothing is stored about the others"
    found = judge(root, server, limit_cost=1.0, concurrency=8)
    assert {score.status for score in found} == {"scored"}
    assert len(server.requests) == 1 + 10


def test_a_server_that_does_not_count_tokens_cannot_keep_a_limit(
    experiment: Experiment, tmp_path: Path, server: Server
) -> None:
    server.usage = None
    found = judge(_many(experiment, tmp_path), server, limit_cost=5.0)
    assert len(server.requests) == 1
    assert any("does not report how many tokens" in score.explanation for score in found)


def test_a_price_that_the_server_names_is_believed(one: Path, server: Server) -> None:
    server.usage = {**TOKENS, "cost": 0.5}
    judge(one, server, price_input=None, price_output=None)
    assert details(one).cost == 0.5


def test_a_wrong_key_ends_the_run_and_is_written_nowhere(
    experiment: Experiment, tmp_path: Path, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    root = _many(experiment, tmp_path)
    server.script.extend(["401"] * 20)
    with caplog.at_level("DEBUG", "vmevalkit"):
        found = judge(root, server, concurrency=2)
    assert {score.reason for score in found} == {"stopped"}
    assert "HTTP 401" in found[0].explanation
    assert len(server.requests) <= 2
    assert server.keys == {f"Bearer {KEY}"}
    texts = [caplog.text, *(score.model_dump_json() for score in found)]
    texts += [path.read_text() for folder in ("scores", "cache") for path in (root / folder).rglob("*.json")]
    assert "***" in "".join(texts), "the server repeated it"
    assert KEY not in "".join(texts)


def test_calls_keep_the_pace_and_the_number_at_a_time(experiment: Experiment, tmp_path: Path, server: Server) -> None:
    root = _many(experiment, tmp_path)
    server.delay = 0.15
    judge(root, server, concurrency=3)
    assert 2 <= server.most_at_once <= 3
    shutil.rmtree(root / "cache")
    shutil.rmtree(root / "scores")
    server.times.clear()
    judge(root, server, concurrency=8, requests_per_minute=300)
    assert max(server.times) - min(server.times) > 9 * 0.2 - 0.1


def test_a_run_that_is_broken_off_does_not_wait(experiment: Experiment, tmp_path: Path, server: Server) -> None:
    root = _many(experiment, tmp_path)
    server.script.extend(["look"] + ["429 60"] * 9)
    wanted = {"votes": 1, "cache": str(root / "cache"), "concurrency": 1}
    run = iter_score(
        "judge", questions=root / "questions", outputs=root / "outputs", scores=root / "scores", judge_model="m",
        judge_url=server.url, settings=wanted,
    )  # fmt: skip
    assert next(run).status == "scored"
    while len(server.requests) < 2:
        time.sleep(0.01)
    run.close()  # type: ignore[attr-defined]
    assert len(server.requests) == 2, "a run that waits for its minute asks once more"
    assert len(list((root / "scores").glob("*/*/*/judge.json"))) == 1


# -------------------------------------------------------------------------------------------------------------- usage


def test_the_command_line_lists_what_failed_and_goes_on(
    one: Path, server: Server, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(one)
    argv = ["score", "--scorer", "judge", "--questions", "questions", "--outputs", "outputs", "--scores", "scores"]
    argv += ["--judge-model", "m", "--judge-url", server.url, "--set", "votes=1", "backoff=0.01", "attempts=2"]
    server.script.extend(["500", "500"])
    assert main(argv) == 1
    said = capsys.readouterr()
    assert "1 unscorable" in said.out
    assert "failed: replay/maze_task/maze_0000: The judge gave no answer: HTTP 500" in said.err
    assert "to try again, rerun the same command\n" in said.err
    assert main(argv) == 0
    assert "replay  passed 1 of 1" in capsys.readouterr().out
    assert list(Path("data/cache/judge").glob("*/*.json"))


def test_the_judge_keeps_the_contract_of_scorers(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VMEVALKIT_JUDGE_MODEL", "m")
    monkeypatch.setenv("VMEVALKIT_JUDGE_URL", server.url)
    assert main(["check", "scorer", "judge"]) == 0, capsys.readouterr()


@pytest.mark.parametrize(
    ("wrong", "error", "words"),
    [
        ({"judge_model": None}, UsageError, "the judge needs a model"),
        ({"settings": {"votes": 4}}, ConfigError, "must be odd"),
        ({"settings": {"color": 4}}, ConfigError, "color"),
        ({"limit_cost": 3.0}, ConfigError, "price_input"),
        ({"judge_url": "ftp://x"}, ConfigError, "url"),
        ({"judge_url": None}, UsageError, "no key for the judge"),
        ({"scorer": "rule"}, UsageError, "add --scorer judge"),
    ],
)
def test_wrong_usage_touches_nothing(
    one: Path,
    server: Server,
    monkeypatch: pytest.MonkeyPatch,
    wrong: dict[str, Any],
    error: type[Exception],
    words: str,
) -> None:
    monkeypatch.delenv("VMEVALKIT_JUDGE_KEY")
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    wanted = {"scorer": "judge", "judge_model": "m", "judge_url": server.url, **wrong}
    with pytest.raises(error, match=words):
        vmevalkit.score(questions=one / "questions", outputs=one / "outputs", scores=one / "scores", **wanted)
    assert not (one / "scores").exists()
    assert not server.requests


def test_the_page_about_the_judge_names_every_setting_and_its_default() -> None:
    page = (Path(__file__).parents[1] / "docs" / "judge.md").read_text()
    table = page[page.index("| setting") :]
    for name, field in JudgeConfig.model_fields.items():
        if name in ("model", "url", "limit_cost"):
            continue
        [line] = [line for line in table.splitlines() if f"`{name}`" in line.split(" | ")[0]]
        if field.default is not None:
            shown = f"{field.default:g}" if isinstance(field.default, float | int) else str(field.default)
            assert shown in line, name


def test_the_key_of_openai_goes_to_openai_alone(one: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VMEVALKIT_JUDGE_KEY")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-for-openai-only")
    judge(one, server)
    assert server.keys == {"Bearer none"}


def test_a_server_that_drips_reaches_the_time_limit(one: Path, server: Server) -> None:
    server.script.append("drip")
    [found] = judge(one, server, timeout=1.0)
    assert found.passed is True
    assert details(one).votes[0].calls[0].problem == "time-out"
    assert server.hung_up.wait(60)


def test_a_response_that_is_too_large_is_not_read_and_not_asked_for_again(one: Path, server: Server) -> None:
    server.script.extend(["giant"] * 3)
    [found] = judge(one, server, timeout=60)
    assert found.reason == "call_failed"
    assert "more than 64 MB" in found.explanation
    assert len(server.requests) == 1


@pytest.mark.parametrize("wait", ["86400", "9" * 400])
def test_a_server_that_asks_for_a_day_ends_the_run(one: Path, server: Server, wait: str) -> None:
    server.script.append(f"429 {wait}")
    [found] = judge(one, server)
    assert found.reason == "stopped"
    assert "rerun the same command later" in found.explanation
    assert len(server.requests) == 1


def test_broken_answers_that_are_billed_count_against_the_limit(one: Path, server: Server) -> None:
    server.script.extend(["billed"] * 6)
    [found] = judge(one, server, limit_cost=0.007)
    assert found.reason == "stopped"
    assert len(server.requests) == 2


@pytest.mark.parametrize("cost", [-1.0, float("nan"), float("inf")])
def test_an_impossible_cost_ends_a_run_with_a_limit(one: Path, server: Server, cost: float) -> None:
    server.usage = {**TOKENS, "cost": cost}
    judge(one, server, limit_cost=5.0, votes=3)
    assert len(server.requests) == 1


def test_the_organization_is_sent_to_openai_only(one: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_ORG_ID", "org-canary")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "proj-canary")
    judge(one, server)
    assert not [value for value in server.headers.values() if "canary" in value]


def test_a_redirect_is_named_and_not_followed(one: Path, server: Server) -> None:
    server.script.append("redirect")
    (score,) = judge(one, server)
    assert (score.status, len(server.requests)) == ("unscorable", 1)
    assert "redirects to http://127.0.0.1" in score.explanation
    assert "key=***" in score.explanation
    assert judge(one, server)[0].passed
