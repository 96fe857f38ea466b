"""Documentation is followed literally, generated, or compared."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

from vmevalkit import contract
from vmevalkit.models.base import MODELS
from vmevalkit.tasks.base import TASKS

ROOT = Path(__file__).parents[1]


def code_of(page: str, language: str = "python") -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / "docs" / page).read_text(), re.DOTALL)


def install(code: str, package: str, name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a module into a package as if its file lay in the package's folder."""
    (folder / f"{name}.py").write_text(code)
    module = importlib.import_module(package)
    monkeypatch.setattr(module, "__path__", [*module.__path__, str(folder)])
    importlib.import_module(f"{package}.{name}")


def test_the_page_about_tasks_makes_a_task_that_keeps_its_contract(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "shuttle" not in TASKS
    (code,) = code_of("add-a-task.md")
    install(code, "vmevalkit.tasks", "shuttle", tmp_path, monkeypatch)
    try:
        task = TASKS["shuttle"]
        breaches = []
        for difficulty in range(1, 6):
            for mode in ("solve", "hold"):
                breaches += contract.check_films(task, difficulty, mode, 0)
            transform = contract.TRANSFORMS[3 * difficulty]
            breaches += contract.check_transform(task, difficulty, "solve", 0, transform, ("ground_truth", "crossfade"))
        assert not breaches, "\n".join(map(str, breaches))
        assert task.summary == "bring the blue disc along the rail to the orange square."
    finally:
        TASKS.remove("shuttle")


def test_the_page_about_models_makes_a_model_that_keeps_its_contract(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    function, family = code_of("add-a-model.md")
    (tmp_path / "my_file.py").write_text(function)
    assert contract.check_model(f"{tmp_path / 'my_file.py'}:my_function") == []
    install(family, "vmevalkit.models", "fade_inference", tmp_path, monkeypatch)
    try:
        assert contract.check_model("fade") == []
    finally:
        MODELS.remove("fade")


def test_generated_pages_are_up_to_date() -> None:
    run = subprocess.run(
        [sys.executable, str(ROOT / "docs" / "generate.py"), "--check"], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr


def test_readme_names_every_verb_and_the_two_commands() -> None:
    readme = (ROOT / "README.md").read_text()
    for word in (
        "make demo",
        "make test",
        "vmevalkit make",
        "vmevalkit generate",
        "vmevalkit score",
        "vmevalkit report",
    ):
        assert word in readme
    for link in re.findall(r"\]\((?!http)([^)#]+)", readme):
        assert (ROOT / link).exists(), f"README links to {link}, which is not there"
