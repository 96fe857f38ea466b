"""Ray: two nodes in processes of this machine. What is made there equals what is made here, whatever is killed."""

from __future__ import annotations

import json
import logging
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

import vmevalkit
from tests.conftest import Experiment
from tests.ray_jobs import Slows
from vmevalkit.errors import UnknownName, UsageError
from vmevalkit.runner.executors.choice import open_executors

pytest.importorskip("ray")
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"

import ray
from ray.cluster_utils import Cluster

pytestmark = pytest.mark.filterwarnings("default")

SIZE = (192, 128)
# Parts of a result that differ from run to run.
TIMES = ("duration_seconds", "seconds", "peak_memory_bytes")
MODEL = """
from helper import turned

def mine(image, prompt, seed):
    return turned(image, seed)

def fails(image, prompt, seed):
    raise RuntimeError("no video")
"""


SLOWLY = """
import os
import time

def slowly(image, prompt, seed):
    with open({started!r}, "a") as file:
        file.write(f"{{os.getpid()}}\\n")
    time.sleep(0.5)
    return [image.rotate(i * seed) for i in range(9)]
"""


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Two nodes with two cores each, to which this process is connected."""
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 2})
    made.add_node(num_cpus=2)
    ray.init(address=made.address, log_to_driver=False, logging_level=logging.ERROR)
    made.wait_for_nodes()
    yield made
    ray.shutdown()
    made.shutdown()


@pytest.fixture(scope="module")
def mazes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("mazes")
    vmevalkit.make("maze", count=3, size=SIZE, questions=root)
    return root


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """One folder for all tests, because two files named helper.py cannot be imported in one process."""
    folder = tmp_path_factory.mktemp("models")
    (folder / "helper.py").write_text(
        "def turned(image, seed):\n    return [image.rotate(i * seed) for i in range(9)]\n"
    )
    (folder / "model.py").write_text(MODEL)
    return f"{folder / 'model.py'}:"


def content(folder: Path) -> dict[str, Any]:
    """The bytes of every file, with the records parsed and without their times."""
    found: dict[str, Any] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            name = path.relative_to(folder).as_posix()
            found[name] = without_times(json.loads(path.read_text())) if path.suffix == ".json" else path.read_bytes()
    return found


def without_times(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_times(item) for key, item in value.items() if key not in TIMES}
    return value


def test_videos_of_two_nodes_equal_those_of_this_process(
    cluster: Cluster, mazes: Path, model: str, tmp_path: Path
) -> None:
    def closure(image: Any, prompt: str, seed: int) -> Any:
        return [image] * 5

    for executor in ("local", "ray"):
        done = vmevalkit.generate(
            [model + "mine", model + "fails", closure, "replay"], baselines=False,
            samples=2, questions=mazes, outputs=tmp_path / executor, executor=executor,
        )  # fmt: skip
        assert (done.made, len(done.failed)) == (3 * 3 * 2, 3 * 2)
    here, there = content(tmp_path / "local"), content(tmp_path / "ray")
    assert here.keys() == there.keys()
    assert [name for name in here if here[name] != there[name]] == []
    again = vmevalkit.generate(
        model + "mine", samples=2, questions=mazes, outputs=tmp_path / "ray", baselines=False, executor="ray"
    )
    assert (again.made, again.complete_before) == (0, 6)


def test_a_function_that_ends_its_process_costs_that_video_only(cluster: Cluster, mazes: Path, tmp_path: Path) -> None:
    (tmp_path / "leaves.py").write_text(
        "import os\n\n\ndef leaves(image, prompt, seed):\n    return [image] * 3 if seed != 43 else os._exit(0)\n"
    )
    done = vmevalkit.generate(
        f"{tmp_path / 'leaves.py'}:leaves", baselines=False, samples=3, task_id="maze_0001", questions=mazes,
        outputs=tmp_path / "o", executor="ray", workers=1,
    )  # fmt: skip
    assert (done.made, len(done.failed)) == (2, 1)
    assert "killed" in done.failed[0][1]


@pytest.mark.skipif("VMEVALKIT_FAULTS" not in os.environ, reason="takes a minute: VMEVALKIT_FAULTS=1 pytest -k four")
def test_four_nodes_of_which_one_is_lost_make_what_this_process_makes(
    cluster: Cluster, mazes: Path, tmp_path: Path
) -> None:
    added = [cluster.add_node(num_cpus=2) for _ in range(2)]
    cluster.wait_for_nodes()
    assert sum(node["Alive"] for node in ray.nodes()) == 4
    started = tmp_path / "started"
    (tmp_path / "slowly.py").write_text(SLOWLY.format(started=str(started)))
    options: dict[str, Any] = {"baselines": False, "samples": 8, "questions": mazes}
    models = [f"{tmp_path / 'slowly.py'}:slowly", "replay"]
    vmevalkit.generate(models, outputs=tmp_path / "local", **options)
    started.unlink()

    def lose() -> None:
        for number in (4, 6, 8):
            while not started.exists() or len(started.read_text().splitlines()) < number:
                time.sleep(0.05)
            with suppress(ProcessLookupError):
                os.kill(int(started.read_text().splitlines()[-1]), signal.SIGKILL)
        cluster.remove_node(added[0])

    losing = threading.Thread(target=lose)
    losing.start()
    try:
        done = vmevalkit.generate(models, outputs=tmp_path / "ray", executor="ray", workers=8, **options)
    finally:
        losing.join(60)
        cluster.remove_node(added[1])
    assert (done.made, done.failed) == (2 * 8 * 3, ())
    assert len(started.read_text().splitlines()) > 8 * 3, "something was lost and made again"
    assert content(tmp_path / "local") == content(tmp_path / "ray")


def test_scores_of_two_nodes_equal_those_of_this_process(
    cluster: Cluster, mazes: Path, model: str, tmp_path: Path
) -> None:
    here = Experiment(tmp_path)
    vmevalkit.generate(["replay", model + "fails"], questions=mazes, outputs=here.outputs, baselines=False)
    (here.outputs / "replay/maze_task/maze_0001/video/video.mp4").write_bytes(b"no video")
    (here.outputs / "replay/maze_task/maze_0002/video/video.mp4").unlink()
    found = {}
    for executor in ("local", "ray"):
        found[executor] = vmevalkit.score(
            ["rule", "human"], questions=mazes, outputs=here.outputs, scores=tmp_path / executor, executor=executor
        )
    assert found["local"] == found["ray"]
    assert content(tmp_path / "local") == content(tmp_path / "ray")
    assert [score.status for score in found["ray"] if (score.model, score.scorer) == ("replay", "rule")] == [
        "scored", "broken", "missing"
    ]  # fmt: skip


# Whatever is killed


def run(factory: Slows, jobs: int, workers: int | None = None) -> list[Any]:
    with open_executors("ray") as place:
        return list(place.executor(workers).map(factory, range(jobs)))


def test_actors_and_a_node_that_are_killed_cost_nothing(cluster: Cluster, tmp_path: Path) -> None:
    extra = cluster.add_node(num_cpus=2)
    cluster.wait_for_nodes()
    rng, stop = random.Random(4), threading.Event()

    def kill() -> None:
        while not (tmp_path / "started").exists() and not stop.wait(0.05):
            pass
        for round in range(8):
            recent = (tmp_path / "started").read_text().splitlines()[-6:]
            if round == 2:
                cluster.remove_node(extra)
            elif recent:
                with suppress(ProcessLookupError):
                    os.kill(int(rng.choice(recent).split()[0]), signal.SIGKILL)
            if stop.wait(0.7):
                return

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        found = run(Slows(tmp_path), 300)
    finally:
        stop.set()
        killer.join()
    assert sorted(found) == list(range(300)), "each once"
    started = [int(line.split()[1]) for line in (tmp_path / "started").read_text().splitlines()]
    assert len(started) > 300, "something was lost and run again"


def test_a_wrong_executor_and_an_address_without_a_cluster_are_refused(mazes: Path, tmp_path: Path) -> None:
    options: dict[str, Any] = {"questions": mazes, "outputs": tmp_path / "o"}
    with pytest.raises(UnknownName, match="unknown executor 'rya'"):
        vmevalkit.generate("still", executor="rya", **options)
    with pytest.raises(UsageError, match="add --executor ray"):
        vmevalkit.generate("still", ray_address="127.0.0.1:1", **options)


def test_a_job_that_kills_its_worker_is_given_up_alone(cluster: Cluster, tmp_path: Path) -> None:
    assert sorted(run(Slows(tmp_path, deadly=7), 20, workers=2)) == sorted({*range(20), -7} - {7})
    started = [line.split()[1] for line in (tmp_path / "started").read_text().splitlines()]
    assert started.count("7") == 3


def test_a_node_that_cannot_load_the_model_is_reported_once(
    cluster: Cluster, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bad = next(node["NodeID"] for node in ray.nodes() if node["Alive"])
    assert sorted(run(Slows(tmp_path, bad=bad), 40)) == list(range(40))
    assert caplog.text.count("the weights are missing (copy them)") == 1
    loaded = [line.split()[1] for line in (tmp_path / "loaded").read_text().splitlines()]
    assert loaded.count(bad) <= 2, "no actor tried again"


@pytest.mark.parametrize(("bad", "reason"), [("everywhere", "weights are missing"), ("dies", "killed while it loaded")])
def test_a_model_that_loads_nowhere_ends_the_run(cluster: Cluster, tmp_path: Path, bad: str, reason: str) -> None:
    found = run(Slows(tmp_path, bad=bad), 30)
    assert len(found) == 30
    assert all(reason in text for text in found)
    assert len((tmp_path / "loaded").read_text().splitlines()) <= 4 * 3


SLOW = """
import time

def slow(image, prompt, seed):
    time.sleep(0.5)
    return [image] * 3
"""


def test_ctrl_c_ends_everything_and_the_same_command_resumes(mazes: Path, tmp_path: Path) -> None:
    """Ray is started by the command, so it must end with it."""
    (tmp_path / "slow.py").write_text(SLOW)
    command = [
        sys.executable, "-m", "vmevalkit", "generate", "--model", "slow.py:slow", "--no-baselines", "--executor", "ray",
        "--questions", str(mazes), "--outputs", "o", "--samples", "6", "--workers", "2",
    ]  # fmt: skip
    first = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True, start_new_session=True)
    until = time.monotonic() + 100
    while not list(tmp_path.glob("o/slow/maze_task/*/result*.json")) and time.monotonic() < until:
        time.sleep(0.05)
    os.killpg(first.pid, signal.SIGINT)
    _, messages = first.communicate(timeout=60)
    assert (first.returncode, messages) == (130, "stopped; rerun the same command to resume\n")
    made = len(list(tmp_path.glob("o/slow/maze_task/*/result*.json")))
    assert 0 < made < 18
    again = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=200)
    assert f"{18 - made} videos made, {made} existed, 0 failed" in again.stdout, again.stderr
    assert [path.name for path in tmp_path.rglob(".*") if path.is_file()] == []
