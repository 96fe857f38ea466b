"""Running models: resume, failures, bad input, wrong usage."""

from __future__ import annotations

import functools
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import vmevalkit
from tests.conftest import Experiment
from vmevalkit import media, store
from vmevalkit.errors import ConfigError, StorageError, UnknownName, UsageError, WorkerKilled
from vmevalkit.runner.executors.base import Worker, WorkerFactory
from vmevalkit.runner.executors.local import LocalExecutor, gpus, map_processes, map_unknown
from vmevalkit.types import GenerationResult


def still(image: Image.Image, prompt: str, seed: int) -> Any:
    """A user's model."""
    return [image] * 9


def moody(image: Image.Image, prompt: str, seed: int) -> Any:
    """A user's model that fails on one question."""
    if prompt == "fail":
        raise RuntimeError("I do not like this one")
    return np.repeat(np.asarray(image)[None], 9, axis=0), 24


def bring(root: Path, name: str, prompt: bytes = b"Move.", image: Image.Image | bytes | None = None) -> Path:
    """A question as a person might bring it along."""
    folder = root / "mine_task" / name
    folder.mkdir(parents=True)
    (folder / "prompt.txt").write_bytes(prompt)
    if isinstance(image, bytes):
        (folder / "first_frame.png").write_bytes(image)
    else:
        (image or Image.new("RGB", (64, 48), "white")).save(folder / "first_frame.png")
    return folder


def result_of(outputs: Path, model: str, name: str, task: str = "mine") -> GenerationResult:
    return store.read_record(outputs / model / f"{task}_task" / name / "result.json", GenerationResult)


def test_baselines_answer_beside_a_model_and_everything_lies_where_it_should(experiment: Experiment) -> None:
    for model in ("replay", "still", "noise", "crossfade", "jumpcut"):
        folder = experiment.outputs / model / "maze_task" / "maze_0001"
        names = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
        assert names == sorted(
            ["result.json", "video/video.mp4"]
            + [f"question/{name}" for name in ("first_frame.png", "final_frame.png", "prompt.txt", "ground_truth.mp4",
                                               "question_metadata.json")]
        )  # fmt: skip
        result = store.read_record(folder / "result.json", GenerationResult)
        assert result.video_path == "video/video.mp4"
        provenance = result.provenance
        assert provenance is not None
        assert (provenance.size, provenance.frames, provenance.fps) == ((720, 480), 49, 8.0)
        info = media.probe(folder / "video" / "video.mp4")
        assert (info.size, info.frames, info.codec, info.pixel_format) == ((720, 480), 49, "h264", "yuv420p")


def test_running_again_makes_nothing_and_mends_what_is_broken(tmp_path: Path) -> None:
    vmevalkit.make("maze", count=2, questions=tmp_path / "q")
    run: dict[str, Any] = {"questions": tmp_path / "q", "outputs": tmp_path / "o", "baselines": False}
    assert vmevalkit.generate("still", **run).made == 2
    again = vmevalkit.generate("still", **run)
    assert (again.made, again.complete_before) == (0, 2)
    video = tmp_path / "o" / "still" / "maze_task" / "maze_0000" / "video" / "video.mp4"
    for damage in (b"", video.read_bytes()[: video.stat().st_size // 2], b"not a video"):
        video.write_bytes(damage)
        assert vmevalkit.generate("still", **run).made == 1
        assert media.probe(video).frames == 49


def test_one_failure_stops_nothing_and_is_tried_again_only_when_asked(tmp_path: Path) -> None:
    for name, prompt in (("a", b"fail"), ("b", b"fine")):
        bring(tmp_path / "q", name, prompt)
    run: dict[str, Any] = {"questions": tmp_path / "q", "outputs": tmp_path / "o", "baselines": False}
    first = vmevalkit.generate(moody, **run)
    assert (first.made, len(first.failed), first.ok) == (1, 1, False)
    assert "I do not like this one" in first.failed[0][1]
    assert result_of(tmp_path / "o", "moody", "a").status == "failed"
    assert not (tmp_path / "o" / "moody" / "mine_task" / "a" / "video").exists()
    again = vmevalkit.generate(moody, **run)
    assert (again.made, again.complete_before, len(again.failed)) == (0, 1, 1)
    (tmp_path / "q" / "mine_task" / "a" / "prompt.txt").write_text("better now")
    mended = vmevalkit.generate(moody, retry_failed=True, **run)
    assert (mended.made, mended.ok) == (1, True)
    assert media.probe(tmp_path / "o" / "moody" / "mine_task" / "a" / "video" / "video.mp4").fps == 24


def test_samples_have_their_own_seeds_and_names(tmp_path: Path) -> None:
    bring(tmp_path / "q", "a")
    vmevalkit.generate("noise", samples=2, questions=tmp_path / "q", outputs=tmp_path / "o", baselines=False)
    folder = tmp_path / "o" / "noise" / "mine_task" / "a"
    videos = [folder / "video" / name for name in ("video.mp4", "video_seed43.mp4")]
    assert videos[0].read_bytes() != videos[1].read_bytes()
    assert store.read_record(folder / "result_seed43.json", GenerationResult).metadata["seed"] == 43


def test_two_workers_make_what_one_makes(tmp_path: Path) -> None:
    for name in "abc":
        bring(tmp_path / "q", name)
    for workers in (1, 2):
        vmevalkit.generate(
            "noise", questions=tmp_path / "q", outputs=tmp_path / str(workers), baselines=False, workers=workers
        )
    videos = [sorted((tmp_path / str(w)).rglob("video.mp4")) for w in (1, 2)]
    assert len(videos[0]) == 3
    assert [p.read_bytes() for p in videos[0]] == [p.read_bytes() for p in videos[1]]


@pytest.mark.parametrize(
    ("name", "prompt", "image", "message"),
    [
        ("no_image", b"Move.", b"", "not a readable image"),
        ("text_as_png", b"Move.", b"hello", "not a readable image"),
        ("empty_prompt", b"  \n", None, "is empty"),
        ("latin1_prompt", b"caf\xe9", None, "not UTF-8"),
        ("tiny", b"Move.", Image.new("RGB", (1, 1)), "1x1"),
        ("huge", b"Move.", Image.new("1", (20_000, 20_000)), "20000x20000|far too large"),
    ],
)
def test_bad_questions_fail_with_one_clear_line_and_the_rest_goes_on(
    tmp_path: Path, name: str, prompt: bytes, image: Image.Image | bytes | None, message: str
) -> None:
    bring(tmp_path / "q", name, prompt, image)
    bring(tmp_path / "q", "z_good")
    done = vmevalkit.generate("still", questions=tmp_path / "q", outputs=tmp_path / "o", baselines=False)
    assert done.made == 1
    ((_, why),) = done.failed
    assert "\n" not in why
    assert re.search(message, why), why
    assert result_of(tmp_path / "o", "still", name).error == why


def test_missing_files_and_truncated_images_fail_clearly(tmp_path: Path) -> None:
    (bring(tmp_path / "q", "no_prompt") / "prompt.txt").unlink()
    (bring(tmp_path / "q", "no_frame") / "first_frame.png").unlink()
    image = bring(tmp_path / "q", "truncated", image=Image.effect_noise((64, 64), 50)) / "first_frame.png"
    image.write_bytes(image.read_bytes()[:400])
    done = vmevalkit.generate("still", questions=tmp_path / "q", outputs=tmp_path / "o", baselines=False)
    errors = {Path(where).name: why for where, why in done.failed}
    assert "prompt.txt is missing" in errors["no_prompt"]
    assert "first_frame.png is missing" in errors["no_frame"]
    assert "not a readable image" in errors["truncated"]


def test_odd_sizes_and_transparency_are_answered(tmp_path: Path) -> None:
    image = Image.new("RGBA", (95, 63), (0, 0, 0, 0))
    folder = bring(tmp_path / "q", "odd", image=image)
    Image.new("RGBA", (95, 63), "red").save(folder / "final_frame.png")
    done = vmevalkit.generate("still", questions=tmp_path / "q", outputs=tmp_path / "o")
    assert done.ok
    assert done.made == 4, "replay has no ground truth to show and is not asked"
    video = tmp_path / "o" / "still" / "mine_task" / "odd" / "video" / "video.mp4"
    assert media.probe(video).size == (96, 64)
    assert media.read_frames(video)[0].min() > 240, "what is transparent is white"


def test_a_folder_that_cannot_be_written_is_said_and_the_rest_goes_on(tmp_path: Path) -> None:
    for name in ("a", "b"):
        bring(tmp_path / "q", name)
    blocked = tmp_path / "o" / "still" / "mine_task" / "a"
    blocked.parent.mkdir(parents=True)
    blocked.write_text("a file where a folder should be")
    done = vmevalkit.generate("still", questions=tmp_path / "q", outputs=tmp_path / "o", baselines=False)
    assert (done.made, len(done.failed)) == (1, 1)
    assert "cannot write" in done.failed[0][1]
    assert blocked.read_text() == "a file where a folder should be"


def test_a_full_disk_leaves_nothing_half_written(tmp_path: Path) -> None:
    """A limit on file sizes makes writes fail half-way, as a full disk does."""
    bring(tmp_path / "q", "a", image=Image.effect_noise((512, 512), 90).convert("RGB"))
    script = tmp_path / "run.py"
    script.write_text(
        "import resource, signal, sys, vmevalkit\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))\n"
        "done = vmevalkit.generate('noise', questions=sys.argv[1], outputs=sys.argv[2], baselines=False)\n"
        "print(done.failed[0][1])\n"
    )
    run = subprocess.run(
        [sys.executable, str(script), str(tmp_path / "q"), str(tmp_path / "o")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "the disk is full" in run.stdout
    left = [p.name for p in (tmp_path / "o").rglob("*") if p.is_file() and "question" not in p.parts]
    assert left == [], "no failure is stored, so that the same command tries again"


@pytest.mark.parametrize(
    ("wish", "error", "message"),
    [
        ({"model": "repley"}, UnknownName, "did you mean replay"),
        ({"task": "mase"}, UnknownName, "did you mean maze"),
        ({"task_id": "maze_9"}, UnknownName, "unknown question"),
        ({"samples": 0}, UsageError, "samples = 0"),
        ({"duration": -1.0}, UsageError, "duration = -1"),
        ({"settings": {"steps": 3}}, ConfigError, "steps"),
        ({"model": "nowhere.py:f"}, UsageError, "no file"),
        ({"model": "my_file.py"}, UsageError, "names no function .*file.py:function"),
        ({"model": "my_module:f"}, UsageError, "names no function .*file.py:function"),
        ({"model": functools.partial(still, seed=1)}, UsageError, "named 'still' cannot be a model"),
        ({"samples": "many"}, UsageError, "samples = 'many'"),
    ],
)
def test_wrong_usage_touches_nothing(
    experiment: Experiment, tmp_path: Path, wish: dict[str, Any], error: type[Exception], message: str
) -> None:
    wanted = {"model": "replay", "questions": experiment.questions, "outputs": tmp_path / "o", **wish}
    with pytest.raises(error, match=message):
        vmevalkit.generate(**wanted)
    assert not (tmp_path / "o").exists()


def test_videos_of_another_question_set_or_other_settings_are_not_mixed_in(tmp_path: Path) -> None:
    folder = bring(tmp_path / "q", "a")
    run: dict[str, Any] = {"questions": tmp_path / "q", "outputs": tmp_path / "o", "baselines": False}
    vmevalkit.generate("still", **run)
    with pytest.raises(UsageError, match=r"settings .*another --outputs"):
        vmevalkit.generate("still", duration=2.0, **run)
    Image.new("RGB", (64, 48), "black").save(folder / "first_frame.png")
    with pytest.raises(UsageError, match=r"another question.*another --outputs"):
        vmevalkit.generate("still", **run)


def test_a_function_in_a_file_is_a_model(tmp_path: Path) -> None:
    bring(tmp_path / "q", "a")
    (tmp_path / "my_file.py").write_text("def my_function(image, prompt, seed):\n    return [image] * 5\n")
    target = f"{tmp_path / 'my_file.py'}:my_function"
    for workers in (1, 2):
        outputs = tmp_path / str(workers)
        done = vmevalkit.generate(target, questions=tmp_path / "q", outputs=outputs, baselines=False, workers=workers)
        assert done.ok
        assert media.probe(outputs / "my_function" / "mine_task" / "a" / "video" / "video.mp4").frames == 5


def test_a_function_may_return_a_path_or_be_told_what_is_wrong(tmp_path: Path) -> None:
    bring(tmp_path / "q", "a")
    media.write_video(tmp_path / "made.mp4", [np.full((48, 64, 3), 200, np.uint8)] * 6, 12)
    answers: dict[str, Any] = {
        "path": (tmp_path / "made.mp4", None),
        "floats": (np.zeros((3, 48, 64, 3)), None),
        "nothing": (None, "neither frames nor a path"),
        "shape": (np.zeros((48, 64)), "not (frames, height, width, 3)"),
        "range": ([np.full((48, 64, 3), 300.0)], "not from 0 to 1"),
        "empty": ([], "no frames"),
    }
    for name, (value, wrong) in answers.items():

        def model(image: Image.Image, prompt: str, seed: int, value: Any = value) -> Any:
            return value

        model.__name__ = name
        done = vmevalkit.generate(model, questions=tmp_path / "q", outputs=tmp_path / "o", baselines=False)
        assert done.ok == (wrong is None)
        assert wrong is None or wrong in done.failed[0][1]


def test_keyboard_interrupt_passes_and_the_next_run_goes_on(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        bring(tmp_path / "q", name, name.encode())
    stopped: list[bool] = []

    def impatient(image: Image.Image, prompt: str, seed: int) -> Any:
        if prompt == "b" and not stopped:
            stopped.append(True)
            raise KeyboardInterrupt
        return [image] * 3

    run: dict[str, Any] = {"questions": tmp_path / "q", "outputs": tmp_path / "o", "baselines": False}
    with pytest.raises(KeyboardInterrupt):
        vmevalkit.generate(impatient, **run)
    assert not (tmp_path / "o" / "impatient" / "mine_task" / "b" / "result.json").exists()
    done = vmevalkit.generate(impatient, **run)
    assert (done.made, done.complete_before) == (2, 1)


def test_results_are_json_that_a_stranger_can_read(experiment: Experiment) -> None:
    raw = json.loads((experiment.outputs / "still" / "maze_task" / "maze_0000" / "result.json").read_text())
    assert set(raw) == {
        "success", "video_path", "error", "duration_seconds", "generation_id", "model", "status", "metadata",
    }  # fmt: skip
    assert raw["metadata"]["video_seconds"] == 49 / 8


class Finish:
    """A pending result that calls a function."""

    def __init__(self, function: Callable[[], Any]) -> None:
        self.finish = function


class Numbers(WorkerFactory[int, Any]):
    """Workers whose jobs are numbers. `start` is what they do with one."""

    def __init__(self, start: Callable[[int], Callable[[], Any]], create: Callable[[], None] = lambda: None) -> None:
        self._start, self._create = start, create

    def create(self) -> Worker[int, Any]:
        self._create()
        return NumberWorker(self._start)

    def lost(self, job: int) -> Any:
        return -job


class NumberWorker(Worker[int, Any]):
    def __init__(self, start: Callable[[int], Callable[[], Any]]) -> None:
        self._start = start

    def start(self, job: int) -> Finish:
        return Finish(self._start(job))


def results(workers: int, start: Any, count: int, create: Any = None) -> list[Any]:
    factory = Numbers(start, create) if create else Numbers(start, _nothing)
    return list(LocalExecutor(workers).map(factory, range(count)))


def _nothing() -> None:
    pass


def _threads(job: int) -> Callable[[], str]:
    return lambda: os.environ["OMP_NUM_THREADS"]


def test_workers_share_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process with a thread for every core spins while the others work: a small model was 15 times slower."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert set(results(2, _threads, 4)) == {str(max(1, cores // 2))}
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert set(results(2, _threads, 4)) == {"3"}


def _gpu(job: int) -> Callable[[], str]:
    time.sleep(0.4)  # so that one process does not answer everything
    return lambda: os.environ["CUDA_VISIBLE_DEVICES"]


def test_gpus_are_assigned_to_workers_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3, 5")
    assert gpus() == ["3", "5"]
    assert set(results(2, _gpu, 8)) == {"3", "5"}
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert gpus() == []


def test_a_video_is_written_while_the_next_one_is_made() -> None:
    second_has_started = threading.Event()

    def start(job: int) -> Callable[[], int]:
        if job == 1:
            second_has_started.set()

        def finish() -> int:
            assert second_has_started.wait(10)
            return job

        return finish

    assert results(1, start, 3) == [0, 1, 2]


_started: list[int] = []


def _overlapping(job: int) -> Callable[[], tuple[int, bool]]:
    _started.append(job)
    before = len(_started)

    def finish() -> tuple[int, bool]:
        for _ in range(100):
            if len(_started) > before:
                return job, True
            time.sleep(0.02)
        return job, False

    return finish


def test_each_of_several_workers_writes_while_it_makes_the_next() -> None:
    overlapped = dict(results(2, _overlapping, 6))
    assert sorted(overlapped) == list(range(6))
    assert sum(overlapped.values()) >= 2, "all but the last of each process can overlap"


def _killed_at_three(job: int) -> Callable[[], int]:
    time.sleep(0.1)
    if job == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return lambda: job


def test_a_worker_that_is_killed_loses_its_own_job_and_no_other() -> None:
    found = results(2, _killed_at_three, 10)
    assert -3 in found
    assert 3 not in found
    assert sorted(map(abs, found)) == list(range(10))
    assert sum(result < 0 for result in found) == 1, "the job that it was finishing is run again"


LEAVES = """
import os

def mine(image, prompt, seed):
    if prompt == "leave":
        os._exit(0)
    return [image] * 3
"""


@pytest.mark.parametrize("leaving", ["a", "c"])
def test_a_function_that_ends_its_process_costs_that_video_only(leaving: str, tmp_path: Path) -> None:
    for name in "abc":
        bring(tmp_path / "q", name, b"leave" if name == leaving else b"stay")
    (tmp_path / "model.py").write_text(LEAVES)
    run: dict[str, Any] = {"questions": tmp_path / "q", "outputs": tmp_path / "o", "baselines": False}
    done = vmevalkit.generate(f"{tmp_path / 'model.py'}:mine", **run)
    assert done.made == 2
    assert [(Path(where).name, "killed" in why) for where, why in done.failed] == [(leaving, True)]


def _always_killed(job: int) -> Callable[[], int]:
    os.kill(os.getpid(), signal.SIGKILL)
    return lambda: job


def test_jobs_that_all_kill_their_worker_end_the_run() -> None:
    with pytest.raises(WorkerKilled):
        results(2, _always_killed, 20)


def _killed_at_once() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_workers_that_are_killed_while_they_load_end_the_run() -> None:
    with pytest.raises(WorkerKilled):
        results(2, _killed_at_three, 4, _killed_at_once)


def _die(item: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_process_killed_while_making_or_scoring_is_reported_in_one_line() -> None:
    with pytest.raises(WorkerKilled, match="use fewer --workers"):
        list(map_processes(_die, range(4), workers=2))


def _even(item: int) -> str | None:
    return f"known {item}" if item % 2 == 0 else None


def _made(item: int) -> str:
    return f"made {item}"


@pytest.mark.parametrize("workers", [1, 2])
def test_known_results_and_others_are_in_the_order_of_the_items(workers: int) -> None:
    expected = ["known 0", "made 1", "known 2", "made 3", "known 4"]
    assert list(map_unknown(_even, _made, range(5), workers)) == expected


def test_a_process_killed_while_others_are_known_is_reported() -> None:
    with pytest.raises(WorkerKilled):
        list(map_unknown(_even, _die, range(4), workers=2))


MORTAL = """
import os, signal, threading, time
from pathlib import Path

def mine(image, prompt, seed):
    if prompt == "die":
        threading.Thread(target=kill_while_writing, daemon=True).start()
        return [image.rotate(i) for i in range(400)]
    time.sleep(0.2)
    return [image] * 3

def kill_while_writing():
    while not list(Path("OUTPUTS").rglob("..video*")):
        time.sleep(0.001)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_worker_that_is_killed_leaves_no_temporary_file(tmp_path: Path) -> None:
    image = Image.effect_noise((256, 256), 90).convert("RGB")
    for name, prompt in (("a", b"fine"), ("b", b"fine"), ("c", b"fine"), ("d", b"die")):
        bring(tmp_path / "q", name, prompt, image)
    file = tmp_path / "model.py"
    file.write_text(MORTAL.replace("OUTPUTS", str(tmp_path / "o" / "mine" / "mine_task" / "d")))
    done = vmevalkit.generate(
        f"{file}:mine", questions=tmp_path / "q", outputs=tmp_path / "o", baselines=False, workers=2
    )
    assert "killed" in {Path(where).name: why for where, why in done.failed}["d"]
    assert not [path for path in (tmp_path / "o").rglob(".*") if path.is_file()]


FADING = """
import numpy as np

def mine(image, prompt, seed):
    first = np.asarray(image)
    return [first // {divisor} for divisor in range(1, 5)]
"""


def test_a_changed_function_is_noticed_and_made_again_on_request(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    vmevalkit.make("maze", count=1, size=(96, 96), questions=tmp_path / "q")
    file = tmp_path / "model.py"
    file.write_text(FADING.replace("{divisor}", "divisor"))
    run: dict[str, Any] = {"questions": tmp_path / "q", "outputs": tmp_path / "o", "baselines": False}
    assert vmevalkit.generate(f"{file}:mine", **run).made == 1
    video = tmp_path / "o" / "mine" / "maze_task" / "maze_0000" / "video" / "video.mp4"
    before = video.read_bytes()
    file.write_text(FADING.replace("{divisor}", "divisor").replace("range(1, 5)", "range(1, 9)"))
    assert vmevalkit.generate(f"{file}:mine", **run).made == 0
    assert "made by an earlier version of model.py:mine; --remake replaces them" in caplog.text
    assert video.read_bytes() == before
    assert vmevalkit.generate(f"{file}:mine", remake=True, **run).made == 1
    assert video.read_bytes() != before
    assert vmevalkit.generate(f"{file}:mine", remake=True, **run).made == 0


def test_a_replaced_or_truncated_video_is_made_again(tmp_path: Path) -> None:
    vmevalkit.make("maze", count=1, size=(96, 96), questions=tmp_path / "q")
    run: dict[str, Any] = {"questions": tmp_path / "q", "outputs": tmp_path / "o", "baselines": False}
    vmevalkit.generate("replay", **run)
    video = tmp_path / "o" / "replay" / "maze_task" / "maze_0000" / "video" / "video.mp4"
    whole = video.read_bytes()
    os.utime(video, (1, 1))
    assert vmevalkit.generate("replay", **run).made == 0, "file times do not matter"
    video.write_bytes(whole[: len(whole) // 2])
    assert vmevalkit.generate("replay", **run).made == 1
    assert video.read_bytes() == whole
    assert [path.name for path in video.parent.iterdir()] == ["video.mp4"]


@pytest.mark.parametrize("suffix", [".mp4", ".webm"])
@pytest.mark.parametrize("result", [None, "{}", '{"a_later_field": 1}'])
def test_a_user_supplied_video_is_never_replaced(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, suffix: str, result: str | None
) -> None:
    bring(tmp_path / "q", "a")
    bring(tmp_path / "q", "b")
    folder = tmp_path / "o" / "still" / "mine_task" / "a"
    (folder / "video").mkdir(parents=True)
    video = folder / "video" / f"video{suffix}"
    video.write_bytes(b"made elsewhere")
    if result is not None:
        (folder / "result.json").write_text(result)
    run: dict[str, Any] = {"questions": tmp_path / "q", "outputs": tmp_path / "o", "baselines": False}
    done = vmevalkit.generate("still", retry_failed=True, remake=True, **run)
    assert (done.made, done.complete_before, done.ok) == (1, 1, True)
    assert [path.name for path in (folder / "video").iterdir()] == [video.name]
    assert video.read_bytes() == b"made elsewhere"
    assert "1 videos of still are not those of a result.json and are left as they are" in caplog.text


def test_results_of_other_tools_do_not_end_the_run(tmp_path: Path) -> None:
    bring(tmp_path / "q", "a")
    run: dict[str, Any] = {"questions": tmp_path / "q", "outputs": tmp_path / "o", "baselines": False}
    vmevalkit.generate("still", **run)
    file = tmp_path / "o" / "still" / "mine_task" / "a" / "result.json"
    raw = json.loads(file.read_text())
    file.write_text(json.dumps({**raw, "metadata": {"note": "made elsewhere"}}))
    assert vmevalkit.generate("still", samples=2, **run).made == 1


FAILING = """
def mine(image, prompt, seed):
    raise RuntimeError("no memory")
"""


def full_disk(*paths: Path) -> None:
    raise StorageError("the disk is full")


def test_a_remake_that_fails_keeps_the_video_and_its_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bring(tmp_path / "q", "a")
    file = tmp_path / "model.py"
    file.write_text("def mine(image, prompt, seed):\n    return [image] * 3\n")
    run: dict[str, Any] = {"questions": tmp_path / "q", "outputs": tmp_path / "o", "baselines": False}
    vmevalkit.generate(f"{file}:mine", **run)
    folder = tmp_path / "o" / "mine" / "mine_task" / "a"
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    file.write_text(FAILING)
    done = vmevalkit.generate(f"{file}:mine", remake=True, **run)
    assert "no memory" in done.failed[0][1]
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    file.write_text("def mine(image, prompt, seed):\n    return [image] * 5\n")
    with monkeypatch.context() as patch:
        patch.setattr(store, "move", full_disk)
        assert "the disk is full" in vmevalkit.generate(f"{file}:mine", remake=True, **run).failed[0][1]
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    assert vmevalkit.generate(f"{file}:mine", remake=True, **run).made == 1


def test_a_changed_function_without_a_file_is_noticed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    bring(tmp_path / "q", "a")
    file = tmp_path / "model.py"
    source = "def mine(image, prompt, seed):\n    return [image] * 3\n"
    file.write_text(source)
    run: dict[str, Any] = {"questions": tmp_path / "q", "outputs": tmp_path / "o", "baselines": False}
    vmevalkit.generate(f"{file}:mine", **run)
    namespace: dict[str, Any] = {}
    exec(source, namespace)  # as a function of a notebook
    assert vmevalkit.generate(namespace["mine"], **run).complete_before == 1
    assert "made by an earlier version of mine" in caplog.text


def test_functions_of_one_name_do_not_share_a_folder(tmp_path: Path) -> None:
    bring(tmp_path / "q", "a")
    for name in "ab":
        (tmp_path / f"{name}.py").write_text("def mine(image, prompt, seed):\n    return [image] * 3\n")
    targets = [f"{tmp_path / name}.py:mine" for name in "ab"]
    with pytest.raises(UsageError, match="two models are named 'mine'"):
        vmevalkit.generate(targets, questions=tmp_path / "q", outputs=tmp_path / "o")
    assert not (tmp_path / "o").exists()
