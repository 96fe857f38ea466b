"""The video server: requests without a worker, and whole jobs over real HTTP with worker processes that are killed."""

from __future__ import annotations

import base64
import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import httpx
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from tests.test_worker import alive
from vmevalkit import media, serve, store
from vmevalkit.errors import ConfigError, UsageError
from vmevalkit.models.base import Request, Service, Video
from vmevalkit.runner.model_run import ModelRun
from vmevalkit.serve import submissions
from vmevalkit.serve.app import create_app
from vmevalkit.serve.jobs import JobQueue, VideoJob
from vmevalkit.serve.models import ServedModels
from vmevalkit.serve.worker import Workers
from vmevalkit.types import Record

# What it does, the prompt says.
MODEL = """
import os, time
from pathlib import Path
from vmevalkit.models import progress

def model(image, prompt, seed):
    Path(__file__).with_name("pid").write_text(str(os.getpid()))
    Path(__file__).with_name("gpu" + os.environ.get("CUDA_VISIBLE_DEVICES", "")).touch()
    word, _, value = prompt.partition(" ")
    if word == "raise":
        raise ValueError("no idea")
    if word == "once" and not Path(value).exists():
        Path(value).touch()
        os.kill(os.getpid(), 9)
    if word == "die":
        os.kill(os.getpid(), 9)
    if word == "wait":
        progress.report(0.25)
        while not Path(value).exists():
            time.sleep(0.01)
    return [image] * 4
"""


def png(size: tuple[int, int] = (64, 48)) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, "white").save(buffer, "PNG")
    return buffer.getvalue()


def bomb() -> bytes:
    """A PNG of a few hundred bytes that claims 60000x60000 pixels."""
    chunks = [(b"IHDR", (60000).to_bytes(4, "big") * 2 + bytes([8, 2, 0, 0, 0])), (b"IDAT", zlib.compress(bytes(100)))]
    data = b"".join(
        len(body).to_bytes(4, "big") + kind + body + zlib.crc32(kind + body).to_bytes(4, "big") for kind, body in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + data


IMAGE = png()


def form(prompt: str = "stay", image: bytes = IMAGE, **fields: Any) -> dict[str, Any]:
    """The arguments of a post as the SDK of OpenAI sends it."""
    return {"data": {"prompt": prompt, **fields}, "files": {"input_reference": ("a.png", image, "image/png")}}


@pytest.fixture
def idle(tmp_path: Path) -> Iterator[TestClient]:
    """A server without workers, so that jobs stay in the queue. At most three may wait."""
    with client(tmp_path) as served:
        yield served


def client(folder: Path, token: str | None = None) -> TestClient:
    with pytest.MonkeyPatch.context() as patch:
        # Requests are checked without weights.
        patch.setattr(ModelRun, "obstacle", lambda run: None)
        models = ServedModels(["still", "wan2.1-tiny-random"], folder / "jobs")
    queue = JobQueue(folder / "jobs", 3)
    app = create_app(models, queue, Workers(queue, models.runs, []), token)
    return TestClient(app, base_url="http://127.0.0.1:8000", raise_server_exceptions=False)


class Answer(Protocol):
    """What the clients of httpx and of Starlette return."""

    @property
    def status_code(self) -> int: ...
    @property
    def text(self) -> str: ...
    def json(self) -> Any: ...


def error_of(response: Answer, status: int) -> str:
    assert response.status_code == status, response.text
    error = response.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    return str(error["message"])


def test_a_job_is_described_as_the_protocol_does(idle: TestClient) -> None:
    created = idle.post("/v1/videos", **form(model="still", seconds="2", seed="7", size="64x48"))
    assert created.status_code == 200
    job = created.json()
    assert (job["object"], job["status"], job["progress"]) == ("video", "queued", 0)
    assert (job["model"], job["seconds"], job["size"], job["seed"]) == ("still", "2", "64x48", 7)
    assert idle.get(f"/v1/videos/{job['id']}").json() == job
    assert "not ready" in error_of(idle.get(f"/v1/videos/{job['id']}/content"), 404)
    assert idle.delete(f"/v1/videos/{job['id']}").json() == {
        "id": job["id"], "object": "video.deleted", "deleted": True
    }  # fmt: skip
    error_of(idle.get(f"/v1/videos/{job['id']}"), 404)
    error_of(idle.delete(f"/v1/videos/{job['id']}"), 404)


def test_images_in_json_and_in_forms_are_the_same(idle: TestClient) -> None:
    uri = "data:image/png;base64," + base64.b64encode(IMAGE).decode()
    body = {"prompt": "stay", "model": "still", "seed": None}
    for reference in (uri, {"image_url": uri}):
        for name in ("input_reference", "image_reference"):
            created = idle.post("/v1/videos", json={**body, name: reference})
            assert created.status_code == 200, created.text
            idle.delete(f"/v1/videos/{created.json()['id']}")
    nested = {"prompt": (None, "stay"), "model": (None, "still"), "input_reference[image_url]": (None, uri)}
    assert idle.post("/v1/videos", files=nested).status_code == 200
    as_json = {
        "prompt": (None, "a"),
        "model": (None, "still"),
        "image_reference": (None, json.dumps({"image_url": uri})),
    }
    assert idle.post("/v1/videos", files=as_json).status_code == 200


def test_videos_are_listed_in_pages(idle: TestClient) -> None:
    ids = [idle.post("/v1/videos", **form(model="still")).json()["id"] for _ in range(3)]
    first = idle.get("/v1/videos", params={"limit": 2}).json()
    assert [job["id"] for job in first["data"]] == ids[:0:-1]
    assert first["has_more"]
    second = idle.get("/v1/videos", params={"limit": 2, "after": first["last_id"]}).json()
    assert [job["id"] for job in second["data"]] == ids[:1]
    assert not second["has_more"]
    assert [job["queue_position"] for job in idle.get("/v1/videos?order=asc").json()["data"]] == [0, 1, 2]
    assert "limit" in error_of(idle.get("/v1/videos?limit=0"), 400)
    assert [model["id"] for model in idle.get("/v1/models").json()["data"]] == ["still", "wan2.1-tiny-random"]


def test_jobs_of_models_that_are_not_served_wait(idle: TestClient, tmp_path: Path) -> None:
    first, second = (idle.post("/v1/videos", **form(model=m)).json()["id"] for m in ("wan2.1-tiny-random", "still"))
    queue = JobQueue(tmp_path / "jobs", 3)
    taken = queue.take(["still"])
    assert taken is not None
    assert taken.id == second
    taken = queue.take(["still", "wan2.1-tiny-random"])
    assert taken is not None
    assert taken.id == first
    queue.close()
    assert queue.take(["still"]) is None


def test_a_full_queue_says_when_to_come_again(idle: TestClient) -> None:
    ids = [idle.post("/v1/videos", **form(model="still")).json()["id"] for _ in range(3)]
    full = idle.post("/v1/videos", **form(model="still"))
    assert "3 videos are waiting" in error_of(full, 429)
    assert int(full.headers["retry-after"]) > 0
    idle.delete(f"/v1/videos/{ids[0]}")
    assert idle.post("/v1/videos", **form(model="still")).status_code == 200


def test_a_repeated_request_makes_no_second_job(idle: TestClient) -> None:
    ids = {
        idle.post("/v1/videos", headers={"Idempotency-Key": key}, **form(model="still")).json()["id"]
        for key in ("one", "one", "two", "one")
    }
    assert len(ids) == len(idle.get("/v1/videos").json()["data"]) == 2
    other = idle.post("/v1/videos", headers={"Idempotency-Key": "one"}, **form("go", model="still"))
    assert "sent with another request" in error_of(other, 422)
    error_of(idle.post("/v1/videos", headers={"Idempotency-Key": "k" * 301}, **form(model="still")), 400)


@pytest.mark.parametrize(
    ("fields", "status", "words"),
    [
        ({"model": "stil"}, 404, "did you mean still?"),
        ({}, 400, "model is missing; available: still"),
        ({"model": "still", "prompt": " "}, 400, "prompt"),
        ({"model": "still", "size": "720 480"}, 400, "write it as 720x480"),
        ({"model": "still", "size": "720x480"}, 400, "videos of the size of the image, 64x48"),
        ({"model": "still", "size": "64x48", "width": "64", "height": "50"}, 400, "contradicts"),
        ({"model": "still", "seconds": "-1"}, 400, "seconds"),
        ({"model": "still", "seconds": "nan"}, 400, "seconds"),
        ({"model": "still", "seed": "1e3"}, 400, "seed"),
        ({"model": "still", "num_frames": "9"}, 400, "num_frames"),
        ({"model": "still", "steps": "9"}, 400, "unknown field 'steps'"),
        ({"model": "still", "weights": "/etc"}, 400, "unknown field 'weights'"),
        ({"model": "wan2.1-tiny-random", "size": "70x50"}, 400, "not possible"),
        ({"model": "wan2.1-tiny-random", "num_frames": "8"}, 400, "not possible"),
        ({"model": "wan2.1-tiny-random", "guidance_scale": "99"}, 400, "guidance_scale"),
    ],
)
def test_wrong_fields_are_named(idle: TestClient, fields: dict[str, Any], status: int, words: str) -> None:
    assert words in error_of(idle.post("/v1/videos", **form(**fields)), status)
    assert idle.get("/v1/videos").json()["data"] == []


def test_a_model_that_chooses_sizes_is_given_the_size(idle: TestClient, tmp_path: Path) -> None:
    fields: dict[str, Any] = {
        "model": "wan2.1-tiny-random",
        "width": "48",
        "height": "32",
        "num_frames": "5",
        "guidance_scale": "2",
    }
    job = idle.post("/v1/videos", **form(**fields)).json()
    assert job["size"] == "48x32"
    stored = store.read_record(tmp_path / "jobs" / job["id"] / "job.json", VideoJob)
    assert stored.options == {"num_frames": 5, "guidance_scale": 2.0, "resolution": [48, 32]}


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (b"", "not a readable image"),
        (b"GIF89a", "not a readable image"),
        (IMAGE[:-30], "not a readable image"),
        (bomb(), "input_reference is"),
        (png((8, 8)), "8x8"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 99 99\n", "not a readable image"),
    ],
)
def test_a_bad_image_leaves_nothing(idle: TestClient, tmp_path: Path, image: bytes, words: str) -> None:
    message = error_of(idle.post("/v1/videos", **form(model="still", image=image)), 400)
    assert words in message
    assert str(tmp_path) not in message
    assert list((tmp_path / "jobs").glob("*")) == list((tmp_path / "jobs").glob(".*")) == []


def test_a_request_without_an_image_or_with_an_address_is_refused(idle: TestClient) -> None:
    body = {"prompt": "stay", "model": "still"}
    assert "send it as input_reference" in error_of(idle.post("/v1/videos", json=body), 400)
    for address in ("http://169.254.169.254/", "file:///etc/passwd", "data:text/html;base64,YQ==", "data:image/png,a"):
        refused = idle.post("/v1/videos", json={**body, "input_reference": {"image_url": address}})
        assert "no URL is fetched" in error_of(refused, 400)
    assert "no file ids" in error_of(idle.post("/v1/videos", json={**body, "input_reference": {"file_id": "f"}}), 400)


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"[1]", b"[" * 100_000, b"\xff", b'{"prompt": 3}', b'{"a": {"b": 1}}', b'{"\\ud800": 1}',
        b'{"prompt": "\\ud800"}', b'{"prompt": "a", "seed": 1e999}', b'{"prompt": "a", "input_reference": [[]]}',
    ],
)  # fmt: skip
def test_broken_json_is_a_wrong_request(idle: TestClient, body: bytes) -> None:
    error_of(idle.post("/v1/videos", content=body, headers={"Content-Type": "application/json"}), 400)


def test_broken_forms_are_wrong_requests(idle: TestClient) -> None:
    for kind in ("multipart/form-data", "multipart/form-data; boundary=x"):
        error_of(idle.post("/v1/videos", content=b"nonsense", headers={"Content-Type": kind}), 400)
    error_of(idle.post("/v1/videos", content=b"a=b", headers={"Content-Type": "text/plain"}), 415)
    many = {f"field{i}": (None, "x") for i in range(100)}
    error_of(idle.post("/v1/videos", files=many), 400)
    twice = [("prompt", (None, "a")), ("prompt", (None, "b"))]
    assert "given twice" in error_of(idle.post("/v1/videos", files=twice), 400)


def test_a_body_that_is_too_large_is_not_read_into_memory(idle: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(submissions, "MAX_BODY", 100_000)
    large = bytes(300_000)
    assert "larger than" in error_of(idle.post("/v1/videos", **form(model="still", image=large)), 413)
    error_of(idle.post("/v1/videos", json={"prompt": "a" * 300_000}), 413)


@pytest.mark.parametrize("name", ["..", "%2e%2e", "..%2f..%2fetc", "video_" + "0" * 32, "a" * 5000, ".lock", "%00"])
def test_ids_are_never_paths(idle: TestClient, name: str) -> None:
    for response in (
        idle.get(f"/v1/videos/{name}/content"),
        idle.delete(f"/v1/videos/{name}"),
        idle.get("/v1/videos", params={"after": name}),
    ):
        assert response.status_code in (404, 405)
        assert "error" in response.json()


def test_a_token_is_needed(tmp_path: Path) -> None:
    with client(tmp_path, "right") as served:
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "right"}, {"Cookie": "token=right"}):
            assert "Authorization: Bearer TOKEN" in error_of(served.get("/v1/videos", headers=headers), 401)
        assert served.get("/v1/videos", headers={"Authorization": "Bearer right"}).status_code == 200


def test_a_service_without_a_check_knows_the_names_of_its_settings() -> None:
    class Config(Record):
        steps: int = 1

    class Plugin(Service):
        config_type = Config

        def generate(self, request: Request, **options: Any) -> Video:
            raise NotImplementedError

    Plugin().check(None, {"steps": 3})
    with pytest.raises(ConfigError, match="did you mean steps"):
        Plugin().check(None, {"step": 3})


def test_other_sites_cannot_use_it(idle: TestClient) -> None:
    error_of(idle.get("/v1/videos", headers={"Host": "evil.example"}), 400)
    error_of(idle.post("/v1/videos", headers={"Origin": "http://evil.example"}, **form(model="still")), 403)


def test_what_cannot_be_served_is_said_before_anything_is_touched(tmp_path: Path) -> None:
    for models, words in (
        (["replay"], "needs ground_truth.mp4 of the question"),
        (["stil"], "did you mean still"),
        ([], "no model"),
        (["nowhere.py:model"], "no file"),
    ):
        with pytest.raises(UsageError, match=words):
            serve.serve(models, jobs=tmp_path / "jobs")
    with pytest.raises(ConfigError, match="steps"):
        serve.serve("still", jobs=tmp_path / "jobs", settings={"steps": 3})
    assert not (tmp_path / "jobs").exists()


def test_each_gpu_has_a_worker_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert serve._places(None) == [None]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,7")
    assert serve._places(3) == ["3", "7", "3"]
    (tmp_path / "my_file.py").write_text(MODEL)
    models, queue = (
        ServedModels([f"{tmp_path / 'my_file.py'}:model"], tmp_path / "jobs"),
        JobQueue(tmp_path / "jobs", 3),
    )
    workers = Workers(queue, models.runs, serve._places(None))
    with TestClient(create_app(models, queue, workers, None), base_url="http://127.0.0.1") as served:
        for _ in range(2):
            served.post("/v1/videos", **form(f"wait {tmp_path / 'go'}"))
        workers.start()
        try:
            wait_for(lambda: {path.name for path in tmp_path.glob("gpu*")} == {"gpu3", "gpu7"})
            (tmp_path / "go").touch()
            wait_for(lambda: {job.status for job in queue.jobs()} == {"completed"})
        finally:
            workers.stop()


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + 40
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


class Server:
    """`vmevalkit serve` in a process of its own, with a function as its model."""

    def __init__(self, folder: Path, *options: str, **environment: str) -> None:
        (folder / "my_file.py").write_text(MODEL)
        self.folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        command = ["serve", "--model", "my_file.py:model", "still", "--port", str(port), "--jobs", "jobs", *options]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "vmevalkit", *command],
            cwd=folder, env={**os.environ, **environment}, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{port}/v1", timeout=20)
        assert self.process.stdout is not None
        assert self.process.stdout.readline().startswith("serving model, still at http://"), self.end(signal.SIGKILL)
        wait_for(self._answers)

    def _answers(self) -> bool:
        try:
            return bool(self.http.get("/videos").status_code)
        except httpx.ConnectError:
            return False

    def create(self, prompt: str, model: str = "model", **fields: Any) -> str:
        created = self.http.post("/videos", **form(prompt, model=model, **fields))
        assert created.status_code == 200, created.text
        return str(created.json()["id"])

    def status(self, video: str) -> str:
        return str(self.http.get(f"/videos/{video}").json()["status"])

    def wait(self, video: str, *statuses: str) -> dict[str, Any]:
        wait_for(lambda: self.status(video) in (statuses or ("completed", "failed")))
        return dict(self.http.get(f"/videos/{video}").json())

    def worker(self) -> int:
        """Return the process of the model that runs."""
        path = self.folder / "pid"
        wait_for(lambda: path.exists() and path.read_text() != "")
        return int(path.read_text())

    def end(self, how: signal.Signals) -> str:
        """End the process, and return its messages."""
        self.http.close()
        self.process.send_signal(how)
        return self.process.communicate(timeout=20)[1]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = Server(tmp_path_factory.mktemp("server"))
    yield running
    assert "stopped" in running.end(signal.SIGINT)
    assert running.process.returncode == 130


def test_jobs_wait_for_each_other_and_can_be_canceled(server: Server, tmp_path: Path) -> None:
    first, second, third = (server.create(f"wait {tmp_path / name}") for name in ("first", "second", "third"))
    server.wait(first, "in_progress")
    assert [server.status(video) for video in (second, third)] == ["queued", "queued"]
    # A running one and a waiting one.
    for video in (first, second):
        assert server.http.delete(f"/videos/{video}").json()["deleted"]
        assert not (server.folder / "jobs" / video).exists()
    server.wait(third, "in_progress")
    wait_for(lambda: server.http.get(f"/videos/{third}").json()["progress"] == 25)
    (tmp_path / "third").touch()
    made = server.wait(third)
    assert (made["status"], made["progress"], made["num_frames"], made["size"]) == ("completed", 100, 4, "64x48")
    content = server.http.get(f"/videos/{third}/content")
    assert content.headers["content-type"] == "video/mp4"
    (tmp_path / "video.mp4").write_bytes(content.content)
    assert media.probe(tmp_path / "video.mp4").frames == 4


def test_a_killed_worker_is_tried_again_once(server: Server, tmp_path: Path) -> None:
    die, once, fine = server.create("die"), server.create(f"once {tmp_path / 'flag'}"), server.create("fine")
    failed = server.wait(die)
    assert failed["status"] == "failed"
    assert failed["error"]["code"] == "worker_died"
    assert "SIGKILL" in failed["error"]["message"]
    assert "tried 2 times" in failed["error"]["message"]
    assert "SIGKILL" in error_of(server.http.get(f"/videos/{die}/content"), 404)
    assert server.wait(once)["status"] == "completed"
    assert server.wait(fine)["status"] == "completed"


def test_a_model_that_raises_is_a_failed_job(server: Server) -> None:
    failed = server.wait(server.create("raise"))
    assert failed["error"] == {"code": "generation_failed", "message": "ValueError: no idea (my_file.py:11)"}
    refused = server.http.post("/videos", **form(model="model", seconds="2"))
    assert "a function takes image, prompt and seed" in error_of(refused, 400)


def test_the_sdk_of_openai_works(server: Server, tmp_path: Path) -> None:
    openai = pytest.importorskip("openai")
    sdk = openai.OpenAI(base_url=str(server.http.base_url), api_key="unused", max_retries=0)
    with sdk, pytest.deprecated_call():
        if not hasattr(sdk, "videos"):
            pytest.skip("this release has no videos")
        video = sdk.videos.create(
            prompt="stay", model="still", input_reference=("a.png", IMAGE, "image/png"), seconds="4",
            extra_body={"seed": 7},
        )  # fmt: skip
        while sdk.videos.retrieve(video.id).status not in ("completed", "failed"):
            time.sleep(0.02)
        made = sdk.videos.retrieve(video.id)
        assert (made.status, made.seconds, made.seed, made.num_frames) == ("completed", "4", 7, 32)
        path = tmp_path / "video.mp4"
        sdk.videos.download_content(video.id).write_to_file(path)
        assert media.probe(path).frames == 32
        assert video.id in [listed.id for listed in sdk.videos.list(limit=1)]
        with pytest.raises(openai.NotFoundError, match="did you mean still"):
            sdk.videos.create(prompt="stay", model="stil", input_reference=("a.png", IMAGE, "image/png"))
        assert sdk.videos.delete(video.id).deleted
        with pytest.raises(openai.NotFoundError):
            sdk.videos.retrieve(video.id)


def test_a_killed_server_continues_with_its_jobs(tmp_path: Path) -> None:
    server = Server(tmp_path)
    done = server.create("stay", "still")
    server.wait(done)
    running, waiting = server.create(f"wait {tmp_path / 'go'}"), server.create("stay")
    server.wait(running, "in_progress")
    worker = server.worker()
    server.end(signal.SIGKILL)
    (tmp_path / "jobs" / f"video_{'1' * 32}").mkdir()
    (tmp_path / "jobs" / f"video_{'2' * 32}").mkdir()
    (tmp_path / "jobs" / f"video_{'2' * 32}" / "job.json").write_text("{")
    server = Server(tmp_path)
    assert server.status(done) == "completed"
    assert server.http.get(f"/videos/{done}/content").status_code == 200
    server.wait(running, "in_progress")
    assert server.status(waiting) == "queued"
    # A stopped server does not count as a try.
    assert server.end(signal.SIGTERM).endswith("stopped; rerun the same command to resume\n")
    assert server.process.returncode == 130
    assert store.read_record(tmp_path / "jobs" / running / "job.json", VideoJob).attempts == 1
    server = Server(tmp_path)
    (tmp_path / "go").touch()
    assert [server.wait(video)["status"] for video in (running, waiting)] == ["completed", "completed"]
    assert len(server.http.get("/videos").json()["data"]) == 3
    server.end(signal.SIGTERM)
    wait_for(lambda: not alive(worker))
    assert not [path for path in (tmp_path / "jobs").rglob(".*") if path.name != ".lock"]


def test_two_servers_do_not_share_a_folder(server: Server) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(UsageError, match=r"process \d+ on .* is serving videos"):
        serve.serve("still", jobs=server.folder / "jobs", port=port)
    busy = server.http.base_url.port
    assert busy is not None
    with pytest.raises(UsageError, match="cannot listen"):
        serve.serve("still", jobs=server.folder / "other", port=busy)
