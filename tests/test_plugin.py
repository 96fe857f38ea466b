"""The example package: installed by pip, its task, model and scorer are known to every command."""

from __future__ import annotations

import importlib.metadata
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from vmevalkit.errors import UsageError
from vmevalkit.registry import Registry, import_file

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the installed example package."""
    folder = tmp_path_factory.mktemp("site")
    build = tmp_path_factory.mktemp("build") / "plugin"
    # A copy, because building writes into the source folder.
    subprocess.run(["cp", "-r", str(ROOT / "examples" / "plugin"), str(build)], check=True)
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    run = subprocess.run(
        [*command, "--disable-pip-version-check", "--target", str(folder), str(build)], capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    return folder


def vmevalkit(installed: Path, folder: Path, *words: str) -> str:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(installed), str(ROOT)))}
    command = [sys.executable, "-m", "vmevalkit", *words]
    run = subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environment)
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


def test_everything_it_adds_is_listed(installed: Path, tmp_path: Path) -> None:
    assert "counting" in vmevalkit(installed, tmp_path, "list", "tasks", "tally")
    assert "whole number, at least 2, at most 200; default 25" in vmevalkit(
        installed, tmp_path, "list", "models", "fade"
    )
    assert "threshold" in vmevalkit(installed, tmp_path, "list", "scorers", "motion")


def test_it_goes_through_every_stage(installed: Path, tmp_path: Path) -> None:
    vmevalkit(installed, tmp_path, "make", "--task", "tally", "--count", "2", "--workers", "1")
    vmevalkit(installed, tmp_path, "generate", "--model", "fade", "--set", "frames=9")
    command = ("score", "--scorer", "rule", "motion", "--set", "motion.threshold=3", "--workers", "1", "--jsonl", "-")
    scores = [json.loads(line) for line in vmevalkit(installed, tmp_path, *command).splitlines()]
    verdicts = {(score["scorer"], score["model"]): score["passed"] for score in scores}
    assert verdicts["rule", "replay"] is True
    assert verdicts["rule", "fade"] is verdicts["rule", "still"] is False
    assert verdicts["motion", "fade"] is True
    assert verdicts["motion", "still"] is False


def test_the_model_keeps_its_contract(installed: Path, tmp_path: Path) -> None:
    assert "keeps its contract" in vmevalkit(installed, tmp_path, "check", "model", "fade")


def test_a_broken_package_is_one_warning(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = importlib.metadata.EntryPoint("broken", "no_such_package.module", "vmevalkit.models")
    real = importlib.metadata.entry_points
    monkeypatch.setattr(
        importlib.metadata,
        "entry_points",
        lambda **chosen: [entry] if chosen == {"group": "vmevalkit.models"} else real(**chosen),
    )
    registry: Registry[object] = Registry("model", "vmevalkit.models", suffix="_inference")
    assert "missing" not in registry
    assert "the plug-in no_such_package.module cannot be imported: ModuleNotFoundError" in caplog.text


def test_no_thread_sees_a_registry_that_is_half_filled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "slow_package"
    package.mkdir()
    (package / "__init__.py").write_text("")
    for name in ("first", "second"):
        (package / f"{name}.py").write_text(
            f"import time\nfrom vmevalkit import registry\ntime.sleep(0.2)\nregistry.slow.add({name!r}, 1)\n"
        )
    monkeypatch.syspath_prepend(str(tmp_path))
    slow: Registry[int] = Registry("thing", "slow_package")
    monkeypatch.setattr("vmevalkit.registry.slow", slow, raising=False)
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda _: list(slow), range(4))) == [["first", "second"]] * 4


def test_a_file_imported_again_replaces_what_it_registered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "own_things"
    package.mkdir()
    (package / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    things: Registry[int] = Registry("thing", "own_things")
    monkeypatch.setattr("vmevalkit.registry.things", things, raising=False)
    file = tmp_path / "mine.py"
    file.write_text("from vmevalkit import registry\nregistry.things.add('old', 1)\nraise OSError('half done')\n")
    with pytest.raises(UsageError, match=r"mine\.py:3 cannot be imported: OSError: half done"):
        things.add_file(file)
    file.write_text("from vmevalkit import registry\nregistry.things.add('new', 2)\n")
    assert things.add_file(file) == ["new"]
    assert things.add_file(file) == ["new"]
    assert list(things) == ["new"]


def test_a_file_that_was_changed_within_a_second_is_not_taken_from_bytecode(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    file = tmp_path / "quick.py"
    file.write_text("answer = 1\n")
    times = file.stat().st_mtime_ns
    assert import_file(file).answer == 1
    file.write_text("answer = 2\n")
    os.utime(file, ns=(times, times))
    assert import_file(file).answer == 2


def test_other_processes_know_added_files_only_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "shared_things"
    package.mkdir()
    (package / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    things: Registry[int] = Registry("shared_thing", "shared_things")
    file = tmp_path / "empty.py"
    file.write_text("")
    things.add_file(file)
    assert things.variable not in os.environ
    with things.inherited():
        assert os.environ[things.variable] == str(file)
    assert things.variable not in os.environ
