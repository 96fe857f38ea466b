"""Ray: two nodes in processes of this machine. What is made there equals what is made here, whatever is killed."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import vmevalkit

pytest.importorskip("ray")
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"

import ray
from ray.cluster_utils import Cluster

pytestmark = pytest.mark.filterwarnings("default")

SIZE = (192, 128)
# Parts of a result that differ from run to run.
TIMES = ("duration_seconds", "seconds", "peak_memory_bytes")
HELPER = """
def turned(image, seed):
    return [image.rotate(i * seed) for i in range(9)]
"""
MODEL = """
from helper import turned

def mine(image, prompt, seed):
    return turned(image, seed)

def fails(image, prompt, seed):
    raise RuntimeError("no video")
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


@pytest.fixture
def model(tmp_path: Path) -> str:
    folder = tmp_path / "models"
    folder.mkdir()
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
