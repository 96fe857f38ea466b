"""Programs of other repositories: a stand-in that behaves well and badly."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import vmevalkit
from vmevalkit import media, store
from vmevalkit.errors import ConfigError, EnvironmentMissing, UnknownName, UsageError
from vmevalkit.models.base import MODELS, find_card
from vmevalkit.models.command import read_file, ready_files
from vmevalkit.models.command.file import fill
from vmevalkit.runner.check import check_model

ROOT = Path(__file__).parents[1]

# Shows each image five times. The first argument is how to behave.
PROGRAM = """
import json, os, sys, time
from pathlib import Path
sys.path.insert(0, os.environ["ROOT"])
how, prompt, seed, inputs, outputs = sys.argv[1:6]
with open("calls.jsonl", "a") as calls:
    calls.write(json.dumps({"prompt": prompt, "seed": seed, "how": how, "color": os.environ["COLOR"],
                            "prompts": Path(inputs, "prompts.txt").read_text().splitlines()}) + chr(10))
if how == "exit":
    print("loading", flush=True)
    sys.exit("CUDA is not available, key " + os.environ["MY_API_KEY"])
if how == "hang":
    print("waiting", flush=True)
    if os.fork() == 0:
        Path("child").write_text(str(os.getpid()))
    time.sleep(60)
if how == "wait":
    Path("pid").write_text(str(os.getpid()))
    time.sleep(60)
if how == "loud":
    for _ in range(100):
        sys.stdout.buffer.write(b"x" * 2**20)
from vmevalkit import media
for number, image in enumerate(sorted(Path(inputs).glob("*.png"))):
    if how == "nothing" or (how == "one" and number):
        continue
    frame = media.load_image(image)
    if how == "size":
        frame = frame.resize((64, 64))
    target = Path(outputs, f"{image.stem}.mp4")
    if how == "broken":
        target.write_bytes(b"no video")
    else:
        import numpy
        media.write_video(target, [numpy.asarray(frame)] * 5, 8)
"""


@pytest.fixture(scope="session")
def mazes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three small questions. Read them, do not write there."""
    root = tmp_path_factory.mktemp("mazes")
    vmevalkit.make("maze", count=3, size=(192, 128), questions=root, videos=False)
    return root


class Stand:
    """A program, its TOML file, and runs of it."""

    def __init__(self, questions: Path, root: Path) -> None:
        self.questions, self.root = questions, root
        (root / "repository").mkdir()
        (root / "repository" / "program.py").write_text(PROGRAM)

    def write(self, how: str = "well", more: str = "") -> Path:
        file = self.root / "stand-in.toml"
        words = [sys.executable, "program.py", how, "{prompt}", "{seed}", "{inputs}", "{outputs}"]
        file.write_text(
            f"command = {json.dumps(words)}\nfolder = 'repository'\nsize = [128, 96]\nframes = 5\n{more}\n"
            f"[environment]\nROOT = {json.dumps(str(ROOT))}\nCOLOR = 'red'\n"
        )
        return file

    def __call__(self, how: str = "well", more: str = "", count: int = 1, **options: Any) -> Any:
        return vmevalkit.generate(
            f"command:{self.write(how, more)}", task_id=[f"maze_{i:04d}" for i in range(count)],
            questions=self.questions, outputs=self.root / "o", baselines=False, **options,
        )  # fmt: skip

    @property
    def calls(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.root / "repository" / "calls.jsonl").read_text().splitlines()]

    def sample(self, number: int = 0, seed: int = 42) -> store.Sample:
        name = f"maze_{number:04d}"
        return store.Sample(outputs=self.root / "o", model="stand-in", task="maze", question_id=name, seed=seed)


@pytest.fixture
def stand(mazes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stand:
    monkeypatch.setenv("MY_API_KEY", "secret-123456789")
    return Stand(mazes, tmp_path)


def test_a_program_makes_videos_and_the_result_says_how(stand: Stand) -> None:
    assert stand(seed=7).made == 1
    (call,) = stand.calls
    prompt = (stand.questions / "maze_task/maze_0000/prompt.txt").read_text().strip()
    assert (call["prompt"], call["seed"], call["color"]) == (prompt, "7", "red")
    sample = stand.sample(seed=7)
    provenance = store.read_provenance(sample)
    assert provenance is not None
    assert provenance.geometry.frame == (128, 96)
    assert provenance.weights["command_sha256"] == store.sha256(stand.root / "stand-in.toml")
    assert (provenance.frames, provenance.notes) == (5, ())
    assert os.listdir(sample.video.parent) == ["video_seed7.mp4"]
    truth = media.load_image(stand.questions / "maze_task/maze_0000/first_frame.png")
    assert media.agreement(media.first_frame(sample.video), truth, provenance.geometry) > 0.9


def test_one_call_answers_many_questions_with_one_seed(stand: Stand) -> None:
    assert stand(count=3, settings={"batch": 3}, samples=2).made == 6
    assert sorted((call["seed"], len(call["prompts"])) for call in stand.calls) == [("42", 3), ("43", 3)]
    for number in range(3):
        provenance = store.read_provenance(stand.sample(number))
        assert provenance is not None
        assert "in one call" in provenance.notes[0]
        video = media.first_frame(stand.sample(number).video)
        truth = media.load_image(stand.questions / f"maze_task/maze_{number:04d}/first_frame.png")
        assert media.agreement(video, truth, provenance.geometry) > 0.9


def test_a_video_that_is_missing_from_a_call_fails_alone(stand: Stand) -> None:
    done = stand("one", count=3, settings={"batch": 3})
    assert done.made >= 1
    assert all("ended without the file {outputs}/{stem}.mp4" in why for _, why in done.failed)
    assert done.failed


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("size", r"the program made 64x64 with 5 frames, not 128x96 with 5 frames \(correct size or frames in"),
        ("nothing", r"the program ended without the file"),
        ("broken", r"the program made no usable video"),
        ("exit", r"exit status 1; its last messages: loading \| CUDA is not available, key \[MY_API_KEY\]"),
    ],
)  # fmt: skip
def test_a_program_that_fails_is_a_failed_result(stand: Stand, how: str, reason: str) -> None:
    ((_, why),) = stand(how).failed
    assert re.search(reason, why), why
    assert not [path for path in (stand.root / "o").rglob("*") if path.suffix in (".mp4", ".tmp")]
    assert stand("well", retry_failed=True).made == 1


def test_a_program_that_hangs_is_ended_with_its_children(stand: Stand) -> None:
    started = time.monotonic()
    ((_, why),) = stand("hang", "timeout = 1.5").failed
    assert "ended after 1.5 seconds; its last messages: waiting (raise timeout)" in why
    assert time.monotonic() - started < 15
    assert is_ended(int((stand.root / "repository" / "child").read_text()))


def test_a_program_ends_with_a_run_that_is_killed(stand: Stand) -> None:
    command = [sys.executable, "-m", "vmevalkit", "generate", "-m", f"command:{stand.write('wait')}", "--no-baselines",
               "--questions", str(stand.questions), "--outputs", str(stand.root / "o")]  # fmt: skip
    run = subprocess.Popen(command, stderr=subprocess.DEVNULL, cwd=ROOT)
    pid = stand.root / "repository" / "pid"
    for _ in range(1000):
        if pid.is_file() and pid.read_text():
            break
        time.sleep(0.02)
    run.kill()
    run.wait()
    assert is_ended(int(pid.read_text()))


def is_ended(pid: int) -> bool:
    """Whether a process ends soon."""
    for _ in range(250):
        try:
            if Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z":
                return True
            os.kill(pid, 0)
        except (ProcessLookupError, FileNotFoundError):
            return True
        time.sleep(0.02)
    os.kill(pid, signal.SIGKILL)
    return False


def test_a_program_may_print_100_mb(stand: Stand) -> None:
    assert stand("loud").made == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("command = ['a', '{imgae}']", r"no placeholder \{imgae\}; available: image"),
        ("command = ['a']", r"needs \{image\} or \{inputs\}"),
        ("command = ['a', '{image}']\nbatch = 4", r"batch = 4 needs \{inputs\}"),
        ("command = ['a', '{image}']\ntimout = 4", r"unknown setting 'timout' \(did you mean timeout"),
        ("command = [", r"is not valid TOML"),
        ("timeout = 3", r"command: Field required"),
    ],
)
def test_a_file_with_a_mistake_is_one_line(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "a.toml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=message):
        find_card(f"command:{file}")


def test_a_missing_file_or_program_is_one_line(stand: Stand) -> None:
    with pytest.raises(UnknownName, match=r"unknown command 'dynamicrafter'.*did you mean dynamicrafter-"):
        find_card("command:dynamicrafter")
    with pytest.raises(UsageError, match=r"there is no file nowhere\.toml"):
        find_card("command:nowhere.toml")
    file = stand.root / "missing.toml"
    file.write_text("command = ['no-such', '{image}']\ninstall = 'bash a.sh'")
    with pytest.raises(EnvironmentMissing, match=r"no-such is missing .*install it: bash a\.sh"):
        vmevalkit.generate(f"command:{file}", questions=stand.questions, outputs=stand.root / "o", baselines=False)


@pytest.mark.parametrize("name", sorted(ready_files()))
def test_ready_files_are_in_the_catalog_and_their_install_scripts_exist(name: str) -> None:
    card = MODELS[name]
    assert find_card(f"command:{name}") == card
    assert card.size is not None
    assert (ROOT / str(read_file(ready_files()[name]).install).split()[1]).is_file()
    assert {"dynamicrafter-256", "dynamicrafter-512", "dynamicrafter-1024", "videocrafter2"} <= set(ready_files())


def test_a_file_cannot_have_the_name_of_another_model(tmp_path: Path) -> None:
    (tmp_path / "replay.toml").write_text("command = ['a', '{image}']")
    with pytest.raises(UsageError, match="would share the folder of the model 'replay'"):
        find_card(f"command:{tmp_path / 'replay.toml'}")


def test_a_program_keeps_the_contract_of_models(stand: Stand) -> None:
    assert check_model(f"command:{stand.write()}") == []


def test_values_may_contain_braces() -> None:
    assert fill("{prompt} {other}", {"prompt": "{seed}", "seed": 3}) == "{seed} {other}"
