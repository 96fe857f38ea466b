"""The installing scripts, without downloads: a stand-in for Python records what it is asked to do."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from vmevalkit import media, store
from vmevalkit.models.base import MODELS
from vmevalkit.runner import environment, validate

ROOT = Path(__file__).parents[1]
SETUP = ROOT / "setup"
NAME = "cogvideox-5b-i2v"

# All that the scripts need besides Python; macOS has shasum, Linux sha256sum.
TOOLS = (
    "bash", "sh", "cat", "cp", "cut", "dirname", "grep", "mkdir", "mktemp", "mv", "rm", "sed", "sha256sum", "shasum",
    "sleep", "tr",
)  # fmt: skip

# Says that it is Python 3.10 and that everything that is asked of it went well, unless a file `fail-<word>` exists for
# a word of its arguments. `-m venv` copies it.
FAKE_PYTHON = """#!/bin/sh
echo "$*" >>"$CALLS/log"
for word in "$@"; do
    if [ -e "$CALLS/fail-$word" ]; then exit 1; fi
    if [ -e "$CALLS/stop-$word" ]; then rm "$CALLS/stop-$word"; kill -INT 0; sleep 5; fi
done
case "$*" in
    *sys.executable*) echo "$0" ;;
    "-m venv "*) mkdir -p "$3/bin" && cp "$0" "$3/bin/python" ;;
    *"pip index"*) if [ -e "$CALLS/index" ]; then cat "$CALLS/index"; else exit 1; fi ;;
esac
"""


class Clone:
    """A copy of setup/ in a folder with a space, and a PATH whose only Python is the stand-in."""

    def __init__(self, tmp_path: Path) -> None:
        self.root = (tmp_path / "a clone").resolve()
        self.calls = tmp_path / "calls"
        (self.calls / "bin").mkdir(parents=True)
        self.root.mkdir()
        shutil.copytree(SETUP, self.root / "setup")
        self.program("python3.10", FAKE_PYTHON)
        for tool in TOOLS:
            if found := shutil.which(tool):
                (self.calls / "bin" / tool).symlink_to(found)

    def program(self, name: str, text: str) -> None:
        path = self.calls / "bin" / name
        path.write_text(text)
        path.chmod(0o755)

    def flag(self, name: str, text: str = "") -> None:
        (self.calls / name).write_text(text)

    def run(self, *arguments: str, status: int = 0) -> str:
        """Run install_model.sh and return what it says."""
        environ = {"PATH": str(self.calls / "bin"), "CALLS": str(self.calls), "HOME": str(self.calls)}
        done = subprocess.run(
            ["bash", str(self.root / "setup" / "install_model.sh"), *arguments],
            capture_output=True, text=True, env=environ, cwd=self.calls, start_new_session=True, check=False,
        )  # fmt: skip
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout + done.stderr

    @property
    def log(self) -> str:
        path = self.calls / "log"
        return path.read_text() if path.is_file() else ""

    def marker(self, name: str = NAME) -> Path:
        return self.root / "envs" / name / environment.MARKER


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    return Clone(tmp_path)


def opensource_models() -> list[str]:
    script = f'source "{SETUP}/lib/common.sh"; printf "%s\\n" "${{OPENSOURCE_MODELS[@]}}"'
    return subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True).stdout.split()


def test_the_three_lists_of_models_agree() -> None:
    folders = sorted(folder.name for folder in (SETUP / "models").iterdir())
    assert sorted(opensource_models()) == folders
    assert {card.environment for card in map(MODELS.__getitem__, MODELS) if card.environment} == set(folders)


@pytest.mark.parametrize("name", sorted(folder.name for folder in (SETUP / "models").iterdir()))
def test_everything_is_pinned(name: str) -> None:
    lines = (SETUP / "models" / name / "requirements.txt").read_text().splitlines()
    pins = dict(
        re.fullmatch(r"([a-z0-9.-]+)==([A-Za-z0-9.]+)(?: ; .+)?", line).groups()  # type: ignore[union-attr]
        for line in lines
        if line and not line.startswith("#")
    )
    reference = {"torch": "2.5.1", "transformers": "4.46.2", "accelerate": "1.2.1", "pydantic": "2.10.6"}
    assert reference.items() <= pins.items()
    assert pins["diffusers"] == ("0.32.2" if "1.5" in name else "0.31.0")


@pytest.mark.parametrize("name", sorted(folder.name for folder in (SETUP / "models").iterdir()))
def test_the_fast_lane_is_pinned_too(name: str) -> None:
    lines = (SETUP / "models" / name / "requirements-fast.txt").read_text().splitlines()
    wanted = [line for line in lines if line and not line.startswith("#")]
    pins = [re.fullmatch(r"([a-z0-9.-]+)==([A-Za-z0-9.]+)(?: ; .+)?", line) for line in wanted]
    assert all(pins)
    versions = dict(pin.groups() for pin in pins if pin)
    reference = (SETUP / "models" / name / "requirements.txt").read_text()
    # Whatever the kit needs in one lane it needs in the other.
    kit = re.search(r"# What the kit itself needs.*?\n\n", reference, re.DOTALL)
    assert kit is not None
    assert set(re.findall(r"(?m)^([a-z0-9.-]+)==", kit[0])) <= set(versions)
    assert {"torch", "diffusers", "triton", "fa3-fwd"} <= set(versions)


def test_list_and_help_touch_nothing(clone: Clone) -> None:
    assert re.findall(r"^(\S+) +not installed$", clone.run("--list"), re.MULTILINE) == opensource_models()
    assert "--validate" in clone.run("--help")
    assert not (clone.root / "envs").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "name a model"),
        (["cogvideox-5b"], "unknown model 'cogvideox-5b' (did you mean cogvideox-5b-i2v?)"),
        ([NAME, "CogVideoX1.5"], "did you mean cogvideox1.5-5b-i2v?"),
        (["sora"], "there are: cogvideox-5b-i2v"),
        ([NAME, "--quick"], "unknown option '--quick'"),
        ([NAME, "--weights"], "needs a folder"),
        ([NAME, "--weights", "no such folder"], "no folder no such folder"),
    ],
)
def test_wrong_usage_ends_with_2_before_anything_is_touched(clone: Clone, arguments: list[str], words: str) -> None:
    assert words in clone.run(*arguments, status=2)
    assert not (clone.root / "envs").exists()


def test_a_good_environment_is_kept_and_force_makes_it_again(clone: Clone) -> None:
    assert "installed in" in clone.run(NAME)
    assert re.search(rf"^{NAME} +installed$", clone.run("--list"), re.MULTILINE)
    calls = clone.log.count("-m venv")
    assert "there and good" in clone.run(NAME)
    assert clone.log.count("-m venv") == calls == 1
    clone.run(NAME, "--force")
    assert clone.log.count("-m venv") == 2


def test_the_fast_lane_lies_beside_and_is_preferred(clone: Clone, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "REPOSITORY", clone.root)
    (clone.calls / "bin" / "python3.10").rename(clone.calls / "bin" / "python3.12")
    assert "installed in" in clone.run(NAME, "--fast")
    (install,) = [line for line in clone.log.splitlines() if " -r " in line]
    assert "requirements-fast.txt" in install
    assert "nvidia.txt" not in install
    assert re.search(rf"^{NAME} +installed \(fast\)$", clone.run("--list"), re.MULTILINE)
    assert environment.environment_state(NAME) == "missing"
    assert environment.environment_python(MODELS[NAME]) == clone.root / "envs" / f"{NAME}-fast" / "bin" / "python"
    clone.run(NAME)
    assert environment.preferred(NAME) == f"{NAME}-fast"
    with (clone.root / "setup" / "models" / NAME / "requirements-fast.txt").open("a") as file:
        file.write("color==1.0\n")
    assert environment.environment_state(f"{NAME}-fast") == "outdated"
    assert environment.environment_state(NAME) == "ready"
    assert environment.install_command(f"{NAME}-fast") == f"bash setup/install_model.sh {NAME} --fast"


def test_other_pins_or_another_folder_make_it_again(clone: Clone, tmp_path: Path) -> None:
    clone.run(NAME)
    with (clone.root / "setup" / "models" / NAME / "requirements.txt").open("a") as file:
        file.write("color==1.0\n")
    assert "making" in clone.run(NAME)
    clone.root = clone.root.rename(tmp_path / "moved")
    assert "making" in clone.run(NAME)
    assert "there and good" in clone.run(NAME)


@pytest.mark.parametrize(
    "word", ["venv", "install", "check", "vmevalkit.runner.environment", "vmevalkit.runner.worker"]
)
def test_what_fails_on_the_way_leaves_no_marker_and_stops_no_other_model(clone: Clone, word: str) -> None:
    clone.flag(f"fail-{word}")
    other = "cogvideox1.5-5b-i2v"
    said = clone.run(NAME, other, status=1)
    assert f"failed: {NAME} {other}" in said
    assert not clone.marker().exists()
    (clone.calls / f"fail-{word}").unlink()
    clone.run(NAME, other)
    assert clone.marker().is_file()
    assert clone.marker(other).is_file()


def test_a_rebuild_that_fails_leaves_no_marker(clone: Clone) -> None:
    clone.run(NAME)
    clone.flag("fail-check")
    clone.run(NAME, "--force", status=1)
    assert not clone.marker().exists()


def test_ctrl_c_ends_it_all(clone: Clone) -> None:
    clone.flag("stop-check")
    clone.run(NAME, "cogvideox1.5-5b-i2v", status=130)
    assert not clone.marker().exists()
    assert "cogvideox1.5" not in clone.log


def test_without_a_python_it_says_how_to_get_one(clone: Clone) -> None:
    (clone.calls / "bin" / "python3.10").unlink()
    clone.program("python3", "#!/bin/sh\nexit 127\n")  # a shim that does not run
    said = clone.run(NAME, status=1)
    assert "Python 3.10 or 3.11" in said
    assert "apt install" in said


def test_a_python_of_pyenv_is_found(clone: Clone) -> None:
    versions = clone.calls / ".pyenv" / "versions" / "3.10.13" / "bin"
    versions.mkdir(parents=True)
    (clone.calls / "bin" / "python3.10").rename(versions / "python")
    said = clone.run(NAME)
    assert str(versions) in said


@pytest.mark.parametrize(
    ("gpu", "index", "build"),
    [
        (False, "Available versions: 2.6.0+cu118, 2.5.1+cu118", "torch==2.5.1"),
        (True, "Available versions: 2.6.0+cu118, 2.5.1+cu118", "torch==2.5.1+cu118"),
        (True, "Available versions: 2.6.0+cu118, 2.6.0", "torch==2.5.1"),
        (True, None, "torch==2.5.1"),
    ],
)
def test_torch_comes_from_its_own_index_with_a_gpu(clone: Clone, gpu: bool, index: str | None, build: str) -> None:
    if gpu:
        clone.program("nvidia-smi", "#!/bin/sh\necho 'GPU 0: NVIDIA H200 (UUID: GPU-1)'\n")
    if index is not None:
        clone.flag("index", index)
    clone.run(NAME)
    (install,) = [line for line in clone.log.splitlines() if " -r " in line]
    assert build in install.split()
    assert ("https://download.pytorch.org/whl/cu118" in install) == build.endswith("+cu118")


def test_validate_runs_the_real_command_and_checks_its_videos(clone: Clone, tmp_path: Path) -> None:
    clone.run(NAME)
    program = clone.root / "envs" / NAME / "bin" / "vmevalkit"
    program.write_text('#!/bin/sh\necho "vmevalkit $*" >>"$CALLS/log"\n')
    program.chmod(0o755)
    weights = tmp_path / "my weights"
    weights.mkdir()
    clone.run(NAME, "--validate", "--weights", str(weights))
    (command,) = [line for line in clone.log.splitlines() if line.startswith("vmevalkit generate")]
    assert f"--model {NAME} --task-id tests_0001 tests_0002 --no-baselines" in command
    assert f"--weights {weights.resolve()}" in command
    outputs = re.search(r"--outputs (\S+)", command)[1]  # type: ignore[index]
    assert f"vmevalkit.runner.validate {NAME} {outputs} tests_0001 tests_0002" in clone.log
    shutil.rmtree(outputs)
    clone.flag("fail-vmevalkit.runner.validate")
    assert "did not answer as it should" in clone.run(NAME, "--validate", status=1)


def test_the_kit_and_the_scripts_mean_the_same_marker(clone: Clone, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "REPOSITORY", clone.root)
    assert environment.environment_state(NAME) == "missing"
    clone.flag("fail-check")
    clone.run(NAME, status=1)
    assert environment.environment_state(NAME) == "unfinished"
    (clone.calls / "fail-check").unlink()
    clone.run(NAME)
    assert environment.environment_state(NAME) == "ready"
    assert environment.environment_python(MODELS[NAME]) == clone.root / "envs" / NAME / "bin" / "python"
    (clone.root / "setup" / "lib" / "nvidia.txt").write_text("")
    assert environment.environment_state(NAME) == "outdated"


def test_the_kit_asks_for_an_environment_that_is_missing(clone: Clone, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "REPOSITORY", clone.root)
    card = MODELS[NAME].model_copy(update={"packages": ("no_such_package",)})
    assert environment.needs_environment(card)
    assert not environment.needs_environment(MODELS["still"])
    with pytest.raises(environment.EnvironmentMissing, match=f"is missing .*install_model.sh {NAME}"):
        environment.require_python(card)
    clone.run(NAME)
    assert environment.require_python(card).is_file()


def test_imports_are_tried_for_real(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pins = tmp_path / "requirements.txt"
    pins.write_text("pydantic==0\nnumpy==0\nnot-here==1\n")
    assert environment.main([str(pins), "json:dumps"]) == 0
    assert re.search(r"^pydantic \d", capsys.readouterr().out, re.MULTILINE)
    assert environment.main([str(pins), "json:no_such_thing"]) == 1
    assert "json.no_such_thing: AttributeError" in capsys.readouterr().err


def test_videos_are_compared_with_the_catalog(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    card = MODELS[NAME]
    assert (card.size, card.frames, card.fps) == ((720, 480), 49, 8)
    frame = np.zeros((480, 720, 3), dtype=np.uint8)
    right = store.Sample(outputs=tmp_path, model=NAME, task="tests", question_id="tests_0001")
    media.write_video(right.video, [frame] * 49, 8.0)
    assert validate.main([NAME, str(tmp_path), "tests_0001"]) == 0
    wrong = store.Sample(outputs=tmp_path, model=NAME, task="tests", question_id="tests_0002")
    media.write_video(wrong.video, [frame[:240]] * 16, 16.0)
    assert validate.main([NAME, str(tmp_path), "tests_0001", "tests_0002", "tests_0003"]) == 1
    said = capsys.readouterr().out
    assert f"PASS {NAME} tests_0001" in said
    assert "size (720, 240) instead of (720, 480), frames 16 instead of 49, fps 16.0 instead of 8.0" in said
    assert f"FAIL {NAME} tests_0003: " in said
    assert "missing" in said


def test_scripts_are_clean_for_an_old_bash() -> None:
    scripts = [str(p) for p in (SETUP / "install_model.sh", *SETUP.glob("lib/*.sh"), *SETUP.glob("models/*/setup.sh"))]
    shellcheck = ROOT / ".venv" / "bin" / "shellcheck"
    if not shellcheck.is_file():
        pytest.skip("shellcheck is not installed")
    subprocess.run([str(shellcheck), "--external-sources", *scripts], check=True, cwd=ROOT)
    text = "".join(Path(script).read_text() for script in scripts)
    newer = re.search(r"mapfile|readarray|declare -A|local -n|\$\{\w+(,,|\^\^)|&>>|\|&", text)
    assert newer is None, f"bash 3.2 does not know {newer}"
