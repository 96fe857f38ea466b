"""Wrong verdicts, lost videos, and one bad item that must not stop the rest."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import vmevalkit
from tests.conftest import Experiment
from tests.faults.lab import Command
from vmevalkit import media, store
from vmevalkit.errors import QuestionError, StorageError, UsageError, VideoError

SIZE = (192, 128)
MAZE = "maze_task/maze_0000"


def plain(image: Image.Image, prompt: str, seed: int) -> Any:
    return [image] * 9


@pytest.fixture(scope="session")
def mazes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two small questions. Read them, do not write there."""
    root = tmp_path_factory.mktemp("mazes")
    vmevalkit.make("maze", count=2, size=SIZE, questions=root)
    return root


@pytest.fixture
def here(mazes: Path, tmp_path: Path) -> Experiment:
    """A new experiment with the small questions."""
    made = Experiment(tmp_path)
    shutil.copytree(mazes, made.questions)
    return made


def generate(here: Experiment, model: Any, **more: Any) -> Any:
    options = {"questions": here.questions, "outputs": here.outputs, "baselines": False, **more}
    return vmevalkit.generate(model, **options)


def score(here: Experiment, **more: Any) -> dict[str, Any]:
    found = vmevalkit.score(questions=here.questions, outputs=here.outputs, scores=here.scores, **more)
    return {s.question_id: s for s in found}


# Wrong verdicts


def test_a_video_of_another_prompt_is_neither_reused_nor_scored(here: Experiment) -> None:
    generate(here, plain)
    (here.questions / MAZE / "prompt.txt").write_text("Nothing may move.\n")
    with pytest.raises(UsageError, match=r"another prompt .*--outputs"):
        generate(here, plain)
    found = score(here)
    assert (found["maze_0000"].status, found["maze_0000"].reason) == ("unscorable", "other_question")
    assert found["maze_0001"].status == "scored"


def test_the_geometry_of_a_replaced_video_is_found_anew(here: Experiment) -> None:
    def square(image: Image.Image, prompt: str, seed: int) -> Any:
        return [media.place(image, (256, 256))[0]] * 9

    generate(here, square, task_id="maze_0000")
    truth = media.read_frames(here.questions / MAZE / "ground_truth.mp4")
    stretched = [np.asarray(Image.fromarray(frame).resize((256, 256))) for frame in truth]
    media.write_video(here.outputs / "square" / MAZE / "video/video.mp4", stretched, 8)
    assert score(here)["maze_0000"].passed


def test_a_first_frame_of_another_size_than_the_canvas_is_unscorable(here: Experiment) -> None:
    generate(here, "replay")
    question = store.read_question(here.questions, "maze", "maze_0000")
    assert question.metadata is not None
    store.write_record(question.metadata_file, question.metadata.model_copy(update={"canvas": (720, 480)}))
    found = score(here)["maze_0000"]
    assert (found.status, found.reason) == ("unscorable", "bad_canvas")
    assert "192x128, but the canvas of its question is 720x480" in found.explanation


# Lost videos


def test_a_video_that_the_user_put_in_the_place_of_another_is_kept(here: Experiment) -> None:
    def fail_first(image: Image.Image, prompt: str, seed: int) -> Any:
        raise RuntimeError("no")

    generate(here, plain)
    generate(here, fail_first)
    for model in ("plain", "fail_first"):
        video = here.outputs / model / MAZE / "video/video.mp4"
        video.parent.mkdir(exist_ok=True)
        shutil.copy(here.questions / MAZE / "ground_truth.mp4", video)
        before = video.read_bytes()
        function = {"plain": plain, "fail_first": fail_first}[model]
        done = generate(here, function, retry_failed=True)
        assert done.complete_before >= 1
        assert video.read_bytes() == before
        video.write_bytes(before[: len(before) // 2])
    assert generate(here, plain).made == 1, "a truncated one is made again"


def test_a_video_that_the_user_puts_there_during_the_run_is_kept(here: Experiment) -> None:
    video = here.outputs / "slow" / MAZE / "video/video.mp4"

    def slow(image: Image.Image, prompt: str, seed: int) -> Any:
        video.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(here.questions / MAZE / "ground_truth.mp4", video)
        return [image] * 3

    done = generate(here, slow, task_id="maze_0000")
    assert "was put into" in done.failed[0][1]
    assert video.read_bytes() == (here.questions / MAZE / "ground_truth.mp4").read_bytes()
    assert list(video.parent.iterdir()) == [video]


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="needs /proc")
def test_a_run_that_is_killed_while_it_replaces_a_video_is_resumed(here: Experiment) -> None:
    file, video = here.root / "my.py", here.outputs / "f" / MAZE / "video/video.mp4"
    file.write_text("def f(image, prompt, seed): return [image] * 3\n")
    first = [*FOLDERS[:4], "-m", "my.py:f", "--no-baselines", "--task-id", "maze_0000", "--remake"]
    assert command(here, "generate", *first).returncode == 0
    file.write_text("def f(image, prompt, seed): return [image] * 4\n")
    shutil.copytree(here.outputs, here.root / "before")
    for number in range(1, 40):
        killed = Command(here.root, "generate", *first, dies_at=number)
        assert killed.wait()
        assert generate(here, f"{file}:f", task_id="maze_0000", remake=True).ok
        assert media.probe(video).frames == 4, f"killed at change {number}"
        assert [path.name for path in video.parent.iterdir()] == ["video.mp4"]
        if killed.status == 0:
            break
        shutil.rmtree(here.outputs)
        shutil.copytree(here.root / "before", here.outputs)
    assert 5 < number < 39, "it was killed before each change"


def test_a_result_without_its_video_is_made_again(here: Experiment) -> None:
    """The state after a kill in the middle of publishing."""
    generate(here, plain)
    (here.outputs / "plain" / MAZE / "video/video.mp4").unlink()
    assert generate(here, plain).made == 1


def test_an_exit_inside_a_function_is_a_failed_video(here: Experiment) -> None:
    calls = []

    def leaves(image: Image.Image, prompt: str, seed: int) -> Any:
        calls.append(prompt)
        if len(calls) == 1:
            sys.exit(0)
        return [image] * 3

    done = generate(here, leaves)
    assert (done.made, len(done.failed)) == (1, 1)
    assert "sys.exit(0)" in done.failed[0][1]


def test_frames_without_end_are_a_failed_video(here: Experiment) -> None:
    def endless(image: Image.Image, prompt: str, seed: int) -> Any:
        while True:
            yield np.zeros((16, 16, 3), np.uint8)

    done = generate(here, endless, task_id="maze_0000")
    assert "more than 4000 frames" in done.failed[0][1]
    assert not list(here.outputs.rglob("*.mp4"))


def test_a_function_may_change_the_working_folder(here: Experiment, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = here.root / "elsewhere"
    elsewhere.mkdir()

    def wanders(image: Image.Image, prompt: str, seed: int) -> Any:
        os.chdir(elsewhere)
        return [image] * 3

    monkeypatch.chdir(here.root)
    assert generate(Experiment(Path()), wanders).made == 2
    assert len(list(here.outputs.rglob("video.mp4"))) == 2
    assert not list(elsewhere.iterdir())


@pytest.mark.parametrize("fps", [np.int64(16), np.float32(16), 0, float("nan"), float("inf"), -8, "16"])
def test_rates_are_numbers_of_any_kind_within_limits(here: Experiment, fps: Any) -> None:
    def model(image: Image.Image, prompt: str, seed: int) -> Any:
        return [image] * 3, fps

    done = generate(here, model, task_id="maze_0000")
    if isinstance(fps, np.number):
        assert media.probe(here.outputs / "model" / MAZE / "video/video.mp4").fps == 16
    else:
        assert "fps = " in done.failed[0][1]


def test_a_function_is_given_no_duration(here: Experiment) -> None:
    with pytest.raises(UsageError, match="leave --duration out"):
        generate(here, plain, duration=2.0)
    assert not here.outputs.exists()


# Two processes in one folder

HOLDER = """
import sys, time
from pathlib import Path
from vmevalkit import store
with store.locked(Path(sys.argv[1]), "busy"):
    print("locked", flush=True)
    time.sleep(60)
"""


def test_a_second_run_in_a_folder_is_refused_until_the_first_has_died(
    here: Experiment, caplog: pytest.LogCaptureFixture
) -> None:
    path = here.outputs / "still" / ".lock"
    command = [sys.executable, "-c", HOLDER, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "locked\n"
        with pytest.raises(UsageError, match=f"process {holder.pid} on .* is generating videos in .*still"):
            generate(here, "still")
        assert generate(here, "noise", baselines=True, task_id="maze_0000").made == 4
        assert f"process {holder.pid}" in caplog.text
        assert "baseline still is left to it" in caplog.text
        holder.send_signal(signal.SIGKILL)
    assert generate(here, "still").made == 2
    assert not path.exists()


# Files of users


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def f(image) return 1\n", r"my\.py:1 .*SyntaxError"),
        ("\nimport not_installed_pkg\n", r"my\.py:2 .*ModuleNotFoundError"),
        ("raise RuntimeError('no key')\n", r"my\.py:1 .*RuntimeError: no key"),
        ("import sys\nsys.exit(0)\n", r"my\.py:2 .*SystemExit"),
        ("x = 1\0\n", "null bytes"),
    ],
)
def test_a_file_that_cannot_be_imported_is_one_line(here: Experiment, text: str, message: str) -> None:
    file = here.root / "my.py"
    file.write_text(text)
    with pytest.raises(UsageError, match=message) as caught:
        generate(here, f"{file}:f")
    assert "\n" not in str(caught.value)
    with pytest.raises(UsageError, match=message):
        vmevalkit.check("task", str(file))


def test_a_package_that_exits_when_imported_stops_no_command(here: Experiment) -> None:
    package = here.root / "leaving-1.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: leaving\nVersion: 1\n")
    (package / "entry_points.txt").write_text("[vmevalkit.tasks]\nleaving = leaving\n")
    (here.root / "leaving.py").write_text("import sys\nsys.exit(7)\n")
    done = command(here, "list", "tasks")
    assert done.returncode == 0
    assert "the plug-in leaving cannot be imported: SystemExit: 7" in done.stderr


def test_a_file_may_import_its_siblings_and_replaces_no_module(here: Experiment) -> None:
    import json

    (here.root / "sibling_of_json.py").write_text("COUNT = 5\n")
    file = here.root / "json.py"
    file.write_text("from sibling_of_json import COUNT\ndef f(image, prompt, seed): return [image] * COUNT\n")
    assert generate(here, f"{file}:f").made == 2
    assert sys.modules["json"] is json
    other = here.root / "other"
    other.mkdir()
    (other / "sibling_of_json.py").write_text("COUNT = 6\n")
    (other / "my.py").write_text("from sibling_of_json import COUNT\ndef g(image, prompt, seed): return [image]\n")
    with pytest.raises(UsageError, match="modules of the same name"):
        generate(here, f"{other / 'my.py'}:g")


# Hostile images


def test_an_image_that_needs_another_program_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 64\nshowpage\n")
    with pytest.raises(QuestionError, match="not a readable image"):
        media.load_image(tmp_path / "a.png")


def test_a_bomb_is_refused_by_its_header(tmp_path: Path) -> None:
    Image.new("1", (8192, 8192)).save(tmp_path / "a.png")
    with pytest.raises(QuestionError, match=r"8192x8192.*33 million"):
        media.load_image(tmp_path / "a.png")


def test_a_video_of_an_unknown_codec_is_refused(here: Experiment) -> None:
    """The four letters of the codec are damaged, everything else is as it was."""
    truth = here.questions / MAZE / "ground_truth.mp4"
    damaged = here.root / "damaged.mp4"
    damaged.write_bytes(truth.read_bytes().replace(b"avc1\0\0\0\0", b"zzzz\0\0\0\0"))
    assert damaged.read_bytes() != truth.read_bytes()
    for read in (media.probe, media.read_frames, media.first_frame, media.why_unplayable):
        with pytest.raises(VideoError, match="codec that cannot be decoded"):
            read(damaged)
    assert not media.decodes(damaged)


# Keys and private files


def test_keys_and_escape_codes_reach_neither_results_nor_scores(
    here: Experiment, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", "AIzaCANARY1234567890")

    def leaks(image: Image.Image, prompt: str, seed: int) -> Any:
        raise RuntimeError(
            "\x1b[31mred https://a.b/v1?key=AIzaCANARY1234567890&token=unknown-canary \udcff" + "x" * 10**6
        )

    done = generate(here, leaks)
    score(here)
    texts = [path.read_text() for root in (here.outputs, here.scores) for path in root.rglob("*.json")]
    texts += [caplog.text, *(why for _, why in done.failed)]
    assert "key=***&token=***" in texts[0]
    assert not any(word in text for text in texts for word in ("CANARY", "canary", "\x1b", "u001b"))
    assert max(map(len, texts)) < 100_000


def test_a_prompt_that_links_to_a_private_file_is_refused(here: Experiment, tmp_path: Path) -> None:
    (tmp_path / "private").write_text("PRIVATE")
    prompt = here.questions / MAZE / "prompt.txt"
    prompt.unlink()
    prompt.symlink_to(tmp_path / "private")
    done = generate(here, plain)
    assert done.made == 1
    assert "link that leaves the question set" in done.failed[0][1]
    assert not any(path.read_bytes() == b"PRIVATE" for path in here.outputs.rglob("*") if path.is_file())
    shared = here.questions / "maze_task/maze_0001/prompt.txt"
    prompt.unlink()
    prompt.symlink_to(shared)
    assert generate(here, plain, retry_failed=True).made == 1, "a link within the set is followed"


def test_two_runs_of_make_or_of_a_judge_in_one_folder_are_refused(
    here: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VMEVALKIT_JUDGE_KEY", "none-needed")
    generate(here, plain)
    with store.locked(here.questions / ".lock", "busy"), pytest.raises(UsageError, match="is making questions"):
        vmevalkit.make("maze", count=2, size=SIZE, questions=here.questions)
    busy = store.locked(here.scores / ".judge.lock", "busy")
    with busy, pytest.raises(UsageError, match="is scoring with judge"):
        score(here, scorer="judge", judge_model="m", judge_url="http://127.0.0.1:9/v1")
    assert vmevalkit.make("maze", count=2, size=SIZE, questions=here.questions)
    assert not list(here.root.rglob("*.lock"))


# One bad item stops nothing else

UNPRIVILEGED = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []


def command(here: Experiment, *words: str, **more: Any) -> subprocess.CompletedProcess[str]:
    """Run the command line in the folder of an experiment."""
    run = [*more.pop("before", []), sys.executable, "-m", "vmevalkit", *words]
    env = {**os.environ, **more.pop("env", {}), "PYTHONPATH": str(Path(__file__).parents[1])}
    return subprocess.run(run, cwd=here.root, env=env, text=True, **{"capture_output": True, **more})


FOLDERS = ("--questions", "questions", "--outputs", "outputs", "--scores", "scores")


@pytest.mark.skipif(bool(UNPRIVILEGED) and not shutil.which("setpriv"), reason="root, and no setpriv")
def test_what_cannot_be_read_is_named_and_the_rest_is_scored(here: Experiment) -> None:
    vmevalkit.make("maze", count=4, size=SIZE, questions=here.questions)
    generate(here, plain)
    locked = [
        here.outputs / "plain/maze_task/maze_0000/video/video.mp4",
        here.outputs / "plain/maze_task/maze_0001",
        here.questions / "maze_task/maze_0002/first_frame.png",
    ]
    for path in locked:
        path.chmod(0)
    words = ["generate", "-m", "my.py:plain", "--no-baselines", *FOLDERS[:4]]
    (here.root / "my.py").write_text("def plain(image, prompt, seed): return [image] * 9\n")
    (here.outputs / "plain/maze_task/maze_0003/video/video.mp4").unlink()
    made = command(here, *words, before=UNPRIVILEGED)
    assert (made.returncode, "Traceback" in made.stderr) == (1, False)
    assert made.stdout.startswith("1 videos made")
    done = command(here, "score", *FOLDERS, "--workers", "1", before=UNPRIVILEGED)
    for path in locked:
        path.chmod(0o755)
    assert "Traceback" not in done.stderr
    reasons = {s.question_id: s.reason for s in store.iter_scores(here.scores)}
    assert reasons == {
        "maze_0000": "not_decodable",
        "maze_0001": "not_readable",
        "maze_0002": "question_broken",
        "maze_0003": "no_change",
    }


def test_broken_metadata_and_geometry_are_named_and_the_rest_is_scored(here: Experiment) -> None:
    import json

    generate(here, plain)
    result = here.outputs / "plain" / MAZE / "result.json"
    raw = json.loads(result.read_text())
    for geometry in ({"x": float("nan")}, {"width": 0.001}, {"height": 10**30}):
        changed = {**raw["metadata"], "geometry": {**raw["metadata"]["geometry"], **geometry}}
        result.write_text(json.dumps({**raw, "metadata": changed}))
        assert {s.reason for s in score(here).values()} == {"no_change"}
    metadata = here.questions / MAZE / "question_metadata.json"
    question = json.loads(metadata.read_text())
    for change, reason in (
        ({"puzzle": {**question["puzzle"], "right": []}}, "bad_puzzle"),
        ({"seed": 10**30}, "no_metadata"),
    ):
        metadata.write_text(json.dumps({**question, **change}))
        assert [s.reason for s in score(here).values()] == [reason, "no_change"]
    vmevalkit.make("sorting", count=1, size=SIZE, questions=here.questions)
    listed = json.loads((here.questions / "manifest.json").read_text())["questions"]
    assert len(listed) == 2, "the broken one is left out"


def test_seeds_have_at_most_18_digits(here: Experiment) -> None:
    with pytest.raises(UsageError, match="at most 18 digits"):
        vmevalkit.make("maze", seed=10**18, questions=here.root / "other")
    with pytest.raises(UsageError, match="at most 18 digits"):
        generate(here, plain, seed=10**18 - 1, samples=2)
    assert not (here.root / "other").exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('name = "../evil"', "a task cannot be named"),
        ('name = "maze"', "two tasks are named 'maze'"),
        ("pass", "TypeError|AttributeError"),
    ],
)
def test_a_task_file_that_registers_badly_is_one_line(here: Experiment, text: str, message: str) -> None:
    file = here.root / "my_task.py"
    file.write_text(
        f"from vmevalkit.tasks.maze import Maze\nfrom vmevalkit.tasks.base import Task, register_task\n\n"
        f"@register_task\nclass Mine({'Task' if text == 'pass' else 'Maze'}):\n    {text}\n"
    )
    with pytest.raises(UsageError, match=message):
        vmevalkit.check("task", str(file))


def test_a_task_that_raises_breaks_its_contract_in_one_line(here: Experiment) -> None:
    file = here.root / "my_task.py"
    file.write_text(
        "from vmevalkit.tasks.maze import Maze\nfrom vmevalkit.tasks.base import register_task\n\n"
        "@register_task\nclass Nothing(Maze):\n    name = 'nothing'\n"
        "    def generate(self, rng, difficulty):\n        return None\n"
    )
    done = command(here, "check", "task", "my_task.py", "--workers", "1")
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    assert done.stdout.startswith("nothing difficulty 1 seed 0 raises AttributeError: 'NoneType'")
    assert "breaks its contract in 1 places" in done.stdout


def test_a_folder_that_no_model_can_have_is_named(here: Experiment, caplog: pytest.LogCaptureFixture) -> None:
    generate(here, plain)
    shutil.copytree(here.outputs / "plain", here.outputs / "Sora 2")
    score(here)
    assert "Sora 2 is left out" in caplog.text


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["generate", "-m", "still", "--set", "x=" + "[" * 100_000], "too many brackets"),
        (["generate", "-m", "still", "--set", "x=" + "9" * 5000], "x: Extra inputs"),
        (["make", "--size", "\N{SUPERSCRIPT TWO}x4"], "write it as 720x480"),
        (["score", "--scorer", "judge", "--judge-model", "m", "--set", "judge.timeout=Infinity"], "timeout"),
    ],
)
def test_strange_values_are_wrong_usage(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    from vmevalkit.cli import main

    assert main(words) == 2
    assert message in capsys.readouterr().err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_output_that_cannot_be_written_is_one_line(here: Experiment) -> None:
    with open("/dev/full", "w") as full:
        done = command(here, "list", "tasks", capture_output=False, stdout=full, stderr=subprocess.PIPE)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "the output cannot be written: No space left" in done.stderr
    reader, writer = os.pipe()
    os.close(reader)
    done = command(here, "list", "tasks", capture_output=False, stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, ""), "a closed pipe is no failure"


def test_any_text_can_be_printed(here: Experiment) -> None:
    ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = command(here, "make", "--task", "maze", "--count", "1", "--questions", "\N{SNOWMAN}", env=ascii_only)
    assert (done.returncode, "Traceback" in done.stderr) == (0, False)


# The viewer


def test_an_address_that_cannot_be_used_is_wrong_usage_and_leaves_nothing(here: Experiment) -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = str(busy.getsockname()[1])
        done = command(here, "view", *FOLDERS, "--port", port)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"cannot listen on 127.0.0.1:{port}" in done.stderr
    done = command(here, "view", "--questions", "nowhere", "--scores", "scores")
    assert done.returncode == 2
    assert not here.scores.exists()


def test_a_damaged_index_is_made_again_and_damaged_ratings_are_named(here: Experiment) -> None:
    from vmevalkit.store.ratings import Ratings
    from vmevalkit.web.index import Index

    generate(here, plain)
    here.scores.mkdir()
    for path in (here.scores / ".index.sqlite", here.outputs / store.RATINGS):
        path.write_bytes(b"not a database" * 1000)
    assert Index(here.questions, here.outputs, here.scores).refresh() == 2
    with pytest.raises(StorageError, match=r"ratings\.sqlite is damaged: .*move it away"):
        Ratings(here.outputs)
    assert (here.outputs / store.RATINGS).read_bytes() == b"not a database" * 1000


def test_a_database_of_which_one_page_is_damaged_is_damaged(here: Experiment) -> None:
    from vmevalkit.store.ratings import Ratings
    from vmevalkit.web.index import Index

    generate(here, plain)
    index = Index(here.questions, here.outputs, here.scores)
    assert index.refresh() == 2
    index.engine.dispose()
    Ratings(here.outputs)
    for path in (here.scores / ".index.sqlite", here.outputs / store.RATINGS):
        with closing(sqlite3.connect(path)) as db:
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        data = bytearray(path.read_bytes())
        data[2 * 4096 : 2 * 4096 + 64] = b"\xff" * 64
        path.write_bytes(data)
    assert Index(here.questions, here.outputs, here.scores).refresh() == 2
    with pytest.raises(StorageError, match=r"ratings\.sqlite is damaged: .*move it away"):
        Ratings(here.outputs)


def test_a_damaged_text_in_the_index_is_shown(here: Experiment) -> None:
    from vmevalkit.web.filters import SampleFilter
    from vmevalkit.web.index import Index

    generate(here, plain)
    score(here)
    index = Index(here.questions, here.outputs, here.scores)
    index.refresh()
    with sqlite3.connect(here.scores / ".index.sqlite") as db:
        db.execute("UPDATE samples SET explanation = CAST(x'41ff42' AS TEXT)")
    assert {row.explanation for row in index.page(SampleFilter(), 0)} == {"A\ufffdB"}


@pytest.fixture
def timed(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The port of a server that waits for a second."""
    import uvicorn

    from vmevalkit.web import connections
    from vmevalkit.web.guard import listen

    async def app(scope: Any, receive: Any, send: Any) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        await asyncio.sleep(1.2)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"%d bytes" % len(body)})

    monkeypatch.setattr(connections, "ARRIVAL_SECONDS", 1.0)
    config = uvicorn.Config(app, http=connections.TimedProtocol, lifespan="off", log_level="warning")
    server = uvicorn.Server(config)
    with listen("127.0.0.1", 0) as listener:
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        yield listener.getsockname()[1]
        server.should_exit = True
        thread.join()


HEAD = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n"


def send_slowly(port: int, parts: list[bytes]) -> bool:
    """Send the parts of a request with pauses. Return whether it is answered."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        try:
            for part in parts:
                client.sendall(part)
                time.sleep(0.25)
            return b"200" in client.recv(1000)
        except (BrokenPipeError, ConnectionResetError):
            return False


def test_a_request_that_does_not_arrive_is_cut(timed: int) -> None:
    requests = {
        "at once": [HEAD + b"\r\nabcd"],
        "slow body": [HEAD + b"\r\n", b"a", b"b", b"c", b"d"],
        "nothing": [b""],
        "half a head": [HEAD],
        "half a body": [HEAD + b"\r\na"],
        "slow head": [HEAD[i : i + 1] for i in range(7)],
    }
    with ThreadPoolExecutor(len(requests)) as pool:
        answered = dict(zip(requests, pool.map(partial(send_slowly, timed), requests.values()), strict=True))
    assert [name for name, was in answered.items() if was] == ["at once", "slow body"]


# Processes

SLOW = "import time\ndef slow(image, prompt, seed):\n    time.sleep(0.3)\n    return [image] * 3\n"


def processes_of(tag: str) -> list[int]:
    """Return the processes with a variable in their environment."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if f"RELIABILITY={tag}".encode() in (folder / "environ").read_bytes():
                found.append(int(folder.name))
        except OSError:
            continue
    return found


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="needs /proc")
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_no_worker_outlives_the_run(here: Experiment, how: signal.Signals) -> None:
    (here.root / "my.py").write_text(SLOW)
    words = ["generate", "-m", "my.py:slow", "--no-baselines", "--samples", "200", "--workers", "2", *FOLDERS[:4]]
    tag = f"{here.root.name}-{how}"
    env = {**os.environ, "RELIABILITY": tag, "PYTHONPATH": str(Path(__file__).parents[1])}
    run = [sys.executable, "-m", "vmevalkit", *words]
    with subprocess.Popen(run, cwd=here.root, env=env, stderr=subprocess.PIPE, text=True) as kit:
        wait_for(lambda: bool(list(here.outputs.rglob("result*.json"))))
        kit.send_signal(how)
        said = kit.communicate(timeout=20)[1]
    if how == signal.SIGTERM:
        assert kit.returncode == 130
        assert said.endswith("stopped; rerun the same command to resume\n")
    wait_for(lambda: not processes_of(tag))


def wait_for(condition: Any, seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "in time"
        time.sleep(0.05)


def test_temporary_files_of_killed_runs_are_removed_and_no_others(here: Experiment) -> None:
    folder = here.outputs / "plain" / MAZE
    (folder / "video").mkdir(parents=True)
    left = [store.temporary_name("result.json"), f"video/{store.temporary_name('video', '.mp4')}"]
    left.append("video/." + store.temporary_name(left[1].removeprefix("video/"), ".mp4").removeprefix("."))
    own = [".notes.tmp", "video/.video.mp4", ".video.0123456789ab.txt"]
    for name in (*left, *own):
        (folder / name).write_text("x")
    generate(here, plain)
    assert [(folder / name).exists() for name in left] == [False] * 3
    assert all((folder / name).exists() for name in own)
    old, new = (here.scores / store.temporary_name("rule.json") for _ in range(2))
    here.scores.mkdir()
    for path in (old, new):
        path.write_text("x")
    os.utime(old, (1, 1))
    score(here)
    assert (old.exists(), new.exists()) == (False, True), "another process may be writing the new one"


def test_what_a_run_left_that_was_killed_at_its_end_is_removed(here: Experiment) -> None:
    generate(here, plain)
    folder = here.outputs / "plain"
    left = [folder / ".lock", folder / MAZE / store.temporary_name("result.json")]
    for path in left:
        path.write_text("x")
    assert generate(here, plain).made == 0
    assert not any(path.exists() for path in left)
    with store.locked(left[0], "busy"):
        left[1].write_text("x")
        assert generate(here, plain).complete_before == 2
        assert left[1].exists(), "another process may be writing it"


def test_a_changed_module_beside_a_function_is_noticed(here: Experiment, caplog: pytest.LogCaptureFixture) -> None:
    (here.root / "helper_of_mine.py").write_text("COUNT = 3\n")
    file = here.root / "my.py"
    file.write_text("from helper_of_mine import COUNT\ndef f(image, prompt, seed): return [image] * COUNT\n")
    generate(here, f"{file}:f")
    (here.root / "helper_of_mine.py").write_text("COUNT = 30\n")
    assert generate(here, f"{file}:f").made == 0
    assert "made by an earlier version of my.py:f" in caplog.text


def test_outputs_that_cannot_be_written_are_one_error(here: Experiment) -> None:
    here.outputs.write_text("a file")
    with pytest.raises(StorageError, match=r"cannot write .*outputs"):
        generate(here, plain)
