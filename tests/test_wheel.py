"""A wheel that is built from the repository works without it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.test_setup import FAKE_PYTHON, NAME, TOOLS

ROOT = Path(__file__).parents[1]
SOURCES = ("vmevalkit", "setup", "pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE")
FUNCTION = "def frozen(image, prompt, seed):\n    return [image] * 9\n"
EXPERIMENT = """
[make]
task = ["maze"]
count = 1
size = "96x96"
workers = 1

[generate]
model = ["my_file.py:frozen", "replay"]
baselines = false

[score]
workers = 1

[report]
"""


class Installed:
    """The content of a wheel, in a folder that comes before the checkout in the search for modules."""

    def __init__(self, folder: Path) -> None:
        self.site = folder / "site"
        self.home = folder / "a home"
        source, dist = folder / "source", folder / "dist"
        dist.mkdir()
        source.mkdir()
        for name in SOURCES:
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
            copy(ROOT / name, source / name)
        build = f"import sys, setuptools.build_meta as b; sys.argv[1:] = []; print(b.build_wheel({str(dist)!r}))"
        subprocess.run([sys.executable, "-c", build], cwd=source, capture_output=True, text=True, check=True)
        (self.wheel,) = dist.glob("*.whl")
        with zipfile.ZipFile(self.wheel) as archive:
            archive.extractall(self.site)
            self.names = archive.namelist()
        shutil.rmtree(source)

    def run(self, *arguments: str, cwd: Path, status: int = 0, **variables: str) -> str:
        environ = {**os.environ, "PYTHONPATH": str(self.site), "VMEVALKIT_HOME": str(self.home), **variables}
        command = [sys.executable, "-m", "vmevalkit", *arguments]
        run = subprocess.run(command, cwd=cwd, env=environ, capture_output=True, text=True, check=False)
        assert run.returncode == status, run.stdout + run.stderr
        return run.stdout + run.stderr


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    return Installed(tmp_path_factory.mktemp("wheel"))


def test_a_wheel_has_what_the_package_has(installed: Installed) -> None:
    listed = subprocess.run(["git", "ls-files", "vmevalkit"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    assert {name for name in listed.stdout.split() if (ROOT / name).is_file()} <= set(installed.names)
    assert not [name for name in installed.names if "__pycache__" in name]


def test_an_experiment_runs_from_a_wheel_in_an_empty_folder(installed: Installed, tmp_path: Path) -> None:
    (tmp_path / "my_file.py").write_text(FUNCTION)
    (tmp_path / "experiment.toml").write_text(EXPERIMENT)
    said = installed.run("run", "experiment.toml", cwd=tmp_path)
    assert "replay  passed 1 of 1" in said
    assert "frozen  passed 0 of 1" in said
    assert "maze" in (tmp_path / "data" / "report" / "index.html").read_text()
    installed.run("view", "--bundle", "site", cwd=tmp_path)
    assert (tmp_path / "site" / "index.html").is_file()


def test_a_wheel_installs_environments_of_models(installed: Installed, tmp_path: Path) -> None:
    calls = tmp_path / "calls"
    (calls / "bin").mkdir(parents=True)
    for tool in (*TOOLS, "chmod", "ln"):
        if found := shutil.which(tool):
            (calls / "bin" / tool).symlink_to(found)
    (calls / "bin" / "python3.10").write_text(FAKE_PYTHON)
    (calls / "bin" / "python3.10").chmod(0o755)
    variables: Any = {"PATH": str(calls / "bin"), "CALLS": str(calls), "HOME": str(calls)}
    installed.run("install", NAME, cwd=tmp_path, **variables)
    env = installed.home / "envs" / NAME
    assert (env / "site" / "vmevalkit" / "cli" / "__init__.py").is_file()
    assert (env / "site" / f"{installed.wheel.name.removesuffix('-py3-none-any.whl')}.dist-info" / "METADATA").is_file()
    assert "-I -m vmevalkit" in (env / "bin" / "vmevalkit").read_text()
    assert f"{NAME}         installed" in installed.run("install", "--list", cwd=tmp_path, **variables)
    # The kit and the scripts mean the same environment.
    assert f"environment {NAME}: installed in {env}" in installed.run("doctor", cwd=tmp_path, **variables)
    said = installed.run("install", NAME, "--validate", cwd=tmp_path, status=2, **variables)
    assert "--validate needs the questions of the repository; run it in a clone" in said


def test_what_needs_the_repository_says_so(installed: Installed, tmp_path: Path) -> None:
    installed.run("make", "--task", "maze", "--count", "1", "--workers", "1", "--no-videos", cwd=tmp_path)
    for model, fix in (
        ("cogvideox-tiny-i2v", "bash training/train.sh, in a clone of the repository"),
        ("dynamicrafter-256", "bash setup/models/dynamicrafter.sh 256, in a clone of the repository"),
    ):
        said = installed.run("generate", "--model", model, "--no-baselines", cwd=tmp_path, status=1)
        assert fix in said
        assert "Traceback" not in said
