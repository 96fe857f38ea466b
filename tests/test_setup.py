"""The installing scripts, without downloads: a stand-in for Python records what it is asked to do."""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import vmevalkit
from vmevalkit import installation, media, store
from vmevalkit.errors import EnvironmentMissing
from vmevalkit.models.base import MODELS, ModelCard
from vmevalkit.runner import doctor, environment, plugins, validate

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
    "-m venv "*) mkdir -p "$3/bin" "$3/site" && cp "$0" "$3/bin/python" ;;
    *sysconfig*) bin=${0%/*} && echo "${bin%/*}/site" ;;
    *vmevalkit.runner.plugins?*) cat "$CALLS/plugin" 2>/dev/null || exit 1 ;;
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
    folders = sorted(folder.name for folder in (SETUP / "models").iterdir() if folder.is_dir())
    assert sorted(opensource_models()) == folders
    assert {card.environment for card in map(MODELS.__getitem__, MODELS) if card.environment} == set(folders)


SHARED = "diffusers-models"
FOLDERS = sorted(folder.name for folder in (SETUP / "models").iterdir() if folder.is_dir())


def test_a_shared_environment_lists_its_models() -> None:
    lines = (SETUP / "models" / SHARED / "models.txt").read_text().splitlines()
    assert [line.split()[0] for line in lines] == [name for name in MODELS if MODELS[name].environment == SHARED]


def pins_of(lines: Sequence[str]) -> dict[str, str]:
    """Read requirements. Each must have an exact version."""
    found = {}
    for line in lines:
        if line and not line.startswith("#"):
            pin = re.fullmatch(r"([a-z0-9.-]+)==([A-Za-z0-9.]+)(?: ; .+)?", line)
            assert pin, line
            found[pin[1]] = pin[2]
    return found


@pytest.mark.parametrize("name", FOLDERS)
def test_everything_is_pinned(name: str) -> None:
    lines = (SETUP / "models" / name / "requirements.txt").read_text().splitlines()
    pins = pins_of(lines)
    if name == SHARED:
        assert {"torch", "diffusers", "transformers", "ftfy", "pip", "setuptools"} <= set(pins)
        return
    reference = {"torch": "2.5.1", "transformers": "4.46.2", "accelerate": "1.2.1", "pydantic": "2.10.6"}
    assert reference.items() <= pins.items()
    assert pins["diffusers"] == ("0.32.2" if "1.5" in name else "0.31.0")


@pytest.mark.parametrize("name", [name for name in FOLDERS if name != SHARED])
def test_the_fast_lane_is_pinned_too(name: str) -> None:
    lines = (SETUP / "models" / name / "requirements-fast.txt").read_text().splitlines()
    versions = pins_of(lines)
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
        (["sora"], "available: cogvideox-5b-i2v"),
        (["svd-xt", "--fast"], "--fast: svd-xt has only one file of requirements"),
        ([SHARED, "--validate"], "name one: "),
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
    assert "already installed" in clone.run(NAME)
    assert clone.log.count("-m venv") == calls == 1
    clone.run(NAME, "--force")
    assert clone.log.count("-m venv") == 2


def test_the_fast_lane_lies_beside_and_is_preferred(clone: Clone, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installation, "REPOSITORY", clone.root)
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


def test_models_with_the_same_versions_share_an_environment(clone: Clone, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installation, "REPOSITORY", clone.root)
    (clone.calls / "bin" / "python3.10").rename(clone.calls / "bin" / "python3.12")
    assert f"{SHARED}: installed in" in clone.run("svd-xt")
    (install,) = [line for line in clone.log.splitlines() if " -r " in line]
    assert f"models/{SHARED}/requirements.txt" in install
    assert "nvidia.txt" not in install
    assert "already installed" in clone.run("wan2.2-ti2v-5b", SHARED)
    assert environment.environment_python(MODELS["svd-xt"]) == clone.root / "envs" / SHARED / "bin" / "python"
    program = clone.root / "envs" / SHARED / "bin" / "vmevalkit"
    program.write_text('#!/bin/sh\necho "vmevalkit $*" >>"$CALLS/log"\n')
    program.chmod(0o755)
    clone.run("svd-tiny-random", "ltx-13b-distilled-tiny-random", "--validate")
    commands = [line for line in clone.log.splitlines() if line.startswith("vmevalkit generate")]
    assert ["num_inference_steps=2" in command for command in commands] == [True, False]
    assert ["num_inference_steps=8" in command for command in commands] == [False, True]


def test_other_pins_or_another_folder_make_it_again(clone: Clone, tmp_path: Path) -> None:
    clone.run(NAME)
    with (clone.root / "setup" / "models" / NAME / "requirements.txt").open("a") as file:
        file.write("color==1.0\n")
    assert "making" in clone.run(NAME)
    clone.root = clone.root.rename(tmp_path / "moved")
    assert "making" in clone.run(NAME)
    assert "already installed" in clone.run(NAME)


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
    assert "its videos are not valid" in clone.run(NAME, "--validate", status=1)


def test_the_kit_and_the_scripts_mean_the_same_marker(clone: Clone, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installation, "REPOSITORY", clone.root)
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
    monkeypatch.setattr(installation, "REPOSITORY", clone.root)
    card = MODELS[NAME].model_copy(update={"packages": ("no_such_package",)})
    assert environment.needs_environment(card)
    assert not environment.needs_environment(MODELS["still"])
    with pytest.raises(EnvironmentMissing, match=f"is missing .*install_model.sh {NAME}"):
        environment.require_python(card)
    clone.run(NAME)
    assert environment.require_python(card).is_file()


OWN_MODEL = """
from pathlib import Path
import numpy as np
from vmevalkit import ModelCard, ModelWrapper, Service, Video, media, register_model

class OwnService(Service):
    def __init__(self, model, **args): pass
    def generate(self, request, **options):
        import only_in_the_environment
        image, geometry = media.place(request.image, media.even(request.image.size))
        return Video(frames=[np.asarray(image)] * only_in_the_environment.FRAMES, fps=8.0, geometry=geometry)

class OwnWrapper(ModelWrapper):
    service_class = OwnService

register_model(ModelCard(
    name="own", family="test", wrapper="own_package.model:OwnWrapper", service="OwnService", model="x", about="Own.",
    packages=("only_in_the_environment",), environment="own-environment",
    requirements=Path(__file__).with_name("pins.txt"),
))
"""
PINS = "# what it needs\nnumpy==2.0.0\ntorch==9.9 ; platform_system == 'Linux'\npip==1\nsetuptools==2\n"


class OwnPackage:
    """An installed package with a model, as pip leaves it, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.info = folder / "own_package-1.0.dist-info"
        self.pins = folder / "own_package" / "pins.txt"
        self.pins.parent.mkdir(parents=True)
        self.info.mkdir()
        (self.pins.parent / "__init__.py").write_text("")
        (self.pins.parent / "model.py").write_text(OWN_MODEL)
        self.pins.write_text(PINS)
        (self.info / "METADATA").write_text("Metadata-Version: 2.1\nName: own-package\nVersion: 1.0\n")
        (self.info / "entry_points.txt").write_text("[vmevalkit.models]\nown = own_package.model\n")
        (self.info / "RECORD").write_text("own_package/model.py,sha256=abc,1\n")

    def came_from(self, origin: dict[str, Any]) -> None:
        (self.info / "direct_url.json").write_text(json.dumps(origin))

    def facts(self, name: str = "own") -> list[str]:
        """What install_model.sh is told."""
        with contextlib.redirect_stdout(io.StringIO()) as out:
            assert plugins.main([name]) == 0
        return out.getvalue().splitlines()


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OwnPackage]:
    package = OwnPackage(tmp_path / "site")
    assert "own" not in MODELS
    monkeypatch.syspath_prepend(package.folder)
    importlib.import_module("own_package.model")
    yield package
    MODELS.remove("own")
    for name in [name for name in sys.modules if name.startswith("own_package")]:
        del sys.modules[name]


def test_a_model_of_a_package_gets_its_own_pins_and_its_package(
    clone: Clone, own: OwnPackage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(installation, "REPOSITORY", clone.root)
    (clone.root / ".venv" / "bin").mkdir(parents=True)
    shutil.copy(clone.calls / "bin" / "python3.10", clone.root / ".venv" / "bin" / "python")
    with pytest.raises(EnvironmentMissing, match=r"missing .*install_model\.sh own-environment"):
        environment.require_python(MODELS["own"])
    clone.flag("plugin", "\n".join(own.facts()) + "\n")
    assert own.facts("own-environment") == own.facts("own")
    clone.run("own")
    lines = clone.log.splitlines()
    (install,) = [line for line in lines if " -r " in line]
    assert str(own.pins) in install
    assert "nvidia.txt" not in install
    kit = next(i for i, line in enumerate(lines) if line.endswith(f"--no-deps --editable {clone.root}"))
    package = next(i for i, line in enumerate(lines) if line.endswith("--no-deps own-package==1.0"))
    assert kit < package
    assert any(line.endswith(f"{own.pins} own_package.model:OwnWrapper") for line in lines)
    assert environment.environment_state("own-environment") == "ready"
    assert environment.require_python(MODELS["own"]) == clone.root / "envs" / "own-environment" / "bin" / "python"
    assert "already installed" in clone.run("own", NAME)
    # Other code with the same version, or other pins, make it outdated.
    (own.info / "RECORD").write_text("own_package/model.py,sha256=def,1\n")
    assert environment.environment_state("own-environment") == "outdated"
    clone.flag("plugin", "\n".join(own.facts()) + "\n")
    assert "making" in clone.run("own")
    own.pins.write_text(PINS + "color==1.0\n")
    assert environment.environment_state("own-environment") == "outdated"
    own.pins.unlink()
    assert environment.environment_state("own-environment") == "outdated"


def test_a_model_of_a_package_is_validated_under_its_name(clone: Clone, own: OwnPackage) -> None:
    (clone.root / ".venv" / "bin").mkdir(parents=True)
    shutil.copy(clone.calls / "bin" / "python3.10", clone.root / ".venv" / "bin" / "python")
    clone.flag("plugin", "\n".join(own.facts()) + "\n")
    clone.run("own-environment")
    program = clone.root / "envs" / "own-environment" / "bin" / "vmevalkit"
    program.write_text('#!/bin/sh\necho "vmevalkit $*" >>"$CALLS/log"\n')
    program.chmod(0o755)
    clone.run("own-environment", "--validate")
    (command,) = [line for line in clone.log.splitlines() if line.startswith("vmevalkit generate")]
    assert "--model own --task-id" in command
    assert "num_inference_steps" not in command
    said = clone.run("own", "--fast", status=2)
    assert "--fast: own has only one file of requirements" in said


@pytest.mark.parametrize(
    ("origin", "arguments"),
    [
        ({"url": "file:///a%20b/own", "dir_info": {"editable": True}}, ("--editable", "/a b/own")),
        ({"url": "file:///a/own", "dir_info": {}}, ("/a/own",)),
        ({"url": "file:///a/own.whl", "archive_info": {}}, ("/a/own.whl",)),
        ({"url": "https://a.b/own.whl", "archive_info": {}}, ("own-package @ https://a.b/own.whl",)),
        (
            {"url": "https://a.b/own", "vcs_info": {"vcs": "git", "commit_id": "1234"}},
            ("own-package @ git+https://a.b/own@1234",),
        ),
    ],
)
def test_a_package_is_installed_from_where_it_came(
    own: OwnPackage, origin: dict[str, Any], arguments: tuple[str, ...]
) -> None:
    own.came_from(origin)
    assert plugins.plugin_environment(MODELS["own"]).package == arguments


@pytest.mark.parametrize(
    ("pins", "message"),
    [
        ("numpy>=2\n", r"'numpy>=2' is not an exact pin .*name==version"),
        ("-r other.txt\n", "'-r other.txt' is not an exact pin"),
        ("setuptools==2\n", "does not pin pip"),
        ("pip==1\n", "does not pin setuptools"),
        (None, "cannot be read"),
    ],
)
def test_pins_that_cannot_be_used_are_reported(own: OwnPackage, pins: str | None, message: str) -> None:
    if pins is None:
        own.pins.unlink()
    else:
        own.pins.write_text(pins)
    with pytest.raises(EnvironmentMissing, match=message):
        plugins.plugin_environment(MODELS["own"])


def test_only_a_package_can_bring_an_environment(own: OwnPackage) -> None:
    assert plugins.main(["still"]) == plugins.main(["nothing"]) == 1
    fast = MODELS["own"].model_copy(update={"environment": "own-fast"})
    with pytest.raises(EnvironmentMissing, match="cannot be named 'own-fast'"):
        plugins.plugin_environment(fast)
    with pytest.raises(ValueError, match="no name of an environment"):
        ModelCard.model_validate({**MODELS["own"].model_dump(), "environment": None})
    shutil.rmtree(own.info)
    with pytest.raises(EnvironmentMissing, match="not part of an installed package"):
        plugins.plugin_environment(MODELS["own"])


def test_a_run_uses_the_environment_of_a_package_and_the_doctor_knows_it(
    own: OwnPackage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "repository"
    shutil.copytree(SETUP, root / "setup")
    monkeypatch.setattr(installation, "REPOSITORY", root)
    folder = root / "envs" / "own-environment"
    (folder / "bin").mkdir(parents=True)
    question = tmp_path / "q" / "mine_task" / "a"
    question.mkdir(parents=True)
    Image.new("RGB", (64, 48), "white").save(question / "first_frame.png")
    (question / "prompt.txt").write_text("Move.")
    run: dict[str, Any] = {"questions": tmp_path / "q", "outputs": tmp_path / "o", "baselines": False}
    with pytest.raises(EnvironmentMissing, match=r"install_model\.sh own-environment"):
        vmevalkit.generate("own", **run)
    # An interpreter that has the package, and what cannot be imported here.
    (tmp_path / "only" / "only_in_the_environment").mkdir(parents=True)
    (tmp_path / "only" / "only_in_the_environment" / "__init__.py").write_text("FRAMES = 7\n")
    worker = tmp_path / "worker.py"
    worker.write_text(
        f"import sys\nsys.path[:0] = [{str(tmp_path / 'only')!r}, {str(own.folder)!r}]\n"
        "from vmevalkit.runner.worker import main\nsys.exit(main())\n"
    )
    python = folder / "bin" / "python"
    python.write_text(f"#!/bin/sh\nexec '{sys.executable}' '{worker}'\n")
    python.chmod(0o755)
    (folder / environment.MARKER).write_text(environment.expected_marker("own-environment"))
    assert vmevalkit.generate("own", **run).made == 1
    assert media.probe(tmp_path / "o" / "own" / "mine_task" / "a" / "video" / "video.mp4").frames == 7
    finding = doctor._environment("own-environment", MODELS["own"])
    assert (finding.ok, finding.what) == (True, f"installed in {folder}")


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
