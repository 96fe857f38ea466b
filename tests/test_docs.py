"""Documentation is followed literally, generated, or compared."""

from __future__ import annotations

import importlib
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from vmevalkit import contract, store
from vmevalkit.media import load_image
from vmevalkit.models.base import MODELS
from vmevalkit.runner.check import check, check_model
from vmevalkit.suites import load_suite
from vmevalkit.tasks.base import TASKS
from vmevalkit.types import Score

ROOT = Path(__file__).parents[1]


def code_of(page: str, language: str = "python") -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / "docs" / page).read_text(), re.DOTALL)


def install(code: str, package: str, name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a module into a package as if its file lay in the package's folder."""
    (folder / f"{name}.py").write_text(code)
    module = importlib.import_module(package)
    monkeypatch.setattr(module, "__path__", [*module.__path__, str(folder)])
    importlib.import_module(f"{package}.{name}")


def test_the_page_about_tasks_makes_a_task_that_keeps_its_contract(tmp_path: Path) -> None:
    """Difficulties take turns; `VMEVALKIT_TASKS=shuttle.py make audit` tries every video at each."""
    assert "shuttle" not in TASKS
    (code,) = code_of("add-a-task.md")
    (tmp_path / "shuttle.py").write_text(code)
    assert TASKS.add_file(tmp_path / "shuttle.py") == ["shuttle"]
    try:
        task = TASKS["shuttle"]
        trials: list[contract.Trial] = []
        for difficulty in (1, 3, 5):
            pair = contract.puzzle_of(task, difficulty, 0), contract.other_puzzle_of(task, difficulty, 0)
            found = enumerate(contract.videos(task, *pair, "solve"))
            chosen = ["ground_truth", *(v.name for i, v in found if v.own or i % 5 == difficulty - 1)]
            trials += contract.try_videos(task, difficulty, "solve", 0, names=chosen)
            transform = contract.TRANSFORMS[3 * difficulty]
            shown = ("crossfade" if difficulty == 3 else "ground_truth",)
            trials += contract.try_transform(task, difficulty, "solve", 0, transform, shown)
            # Where the reader ignores too much, a second object beside the disc depends on the seed.
            for seed in range(6):
                names = () if seed == 1 and difficulty == 3 else ("extra_object",)
                trials += contract.try_videos(task, difficulty, "hold", seed, names=names)
        # The most sparse scene: with the disc on the square, little is left to align frames by.
        trials += contract.try_videos(task, 1, "solve", 3, names=("camera_drift",))
        broken = [str(trial) for trial in trials if not trial.as_expected]
        assert not broken, "\n".join(broken)
        assert task.summary == "bring the blue disc along the rail to the orange square."
    finally:
        TASKS.remove("shuttle")


def test_a_task_in_a_file_of_ones_own_goes_through_every_stage(tmp_path: Path) -> None:
    (code,) = code_of("add-a-task.md")
    (tmp_path / "shuttle.py").write_text(code)
    environment = {**os.environ, "VMEVALKIT_TASKS": str(tmp_path / "shuttle.py")}
    for command in (
        "make --task shuttle --count 2 --workers 2",
        "generate --model replay --no-baselines",
        "score --workers 2",
    ):
        run = subprocess.run(
            [sys.executable, "-m", "vmevalkit.cli", *command.split()],
            cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert run.returncode == 0, run.stderr
    scores = [store.read_record(path, Score) for path in (tmp_path / "data/scores").rglob("rule.json")]
    assert [score.passed for score in scores] == [True, True]


def test_check_shows_the_frames_of_a_video_that_breaks_the_contract(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (code,) = code_of("add-a-task.md")
    # A verifier that lets the disc fly breaks its contract.
    file = tmp_path / "flying.py"
    file.write_text(code.replace("abs(b[1]) > 0.35", "abs(b[1]) > 35").replace('"shuttle"', '"flying"'))
    # One batch without habits is enough; the tests above run the others.
    monkeypatch.setattr("vmevalkit.contract.check.SETTLED", frozenset())
    monkeypatch.setattr(contract, "batches", lambda task, seeds: [contract.Batch(task=task, difficulty=1, seed=1)])
    try:
        problems = check("task", str(file), seeds=1, images=tmp_path / "check")
    finally:
        TASKS.remove("flying")
    assert problems
    assert any("over_the_top" in problem for problem in problems)
    image = Path(problems[0].rpartition("frames: ")[2])
    assert load_image(image).size == (6 * 360, 2 * 240)


def test_the_page_about_models_makes_a_model_that_keeps_its_contract(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    function, family = code_of("add-a-model.md")
    assert family == (ROOT / "examples" / "plugin" / "vmevalkit_example" / "fade.py").read_text()
    (tmp_path / "my_file.py").write_text(function)
    assert check_model(f"{tmp_path / 'my_file.py'}:my_function") == []
    install(family, "vmevalkit.models", "fade_inference", tmp_path, monkeypatch)
    try:
        assert check_model("fade") == []
    finally:
        MODELS.remove("fade")


def test_a_model_in_a_file_of_ones_own_runs(tmp_path: Path) -> None:
    _, family = code_of("add-a-model.md")
    (tmp_path / "fade.py").write_text(family)
    environment = {**os.environ, "VMEVALKIT_MODELS": str(tmp_path / "fade.py")}
    for command in ("check model fade", "make --task maze --count 1", "generate --model fade --set frames=9"):
        run = subprocess.run(
            [sys.executable, "-m", "vmevalkit", *command.split()],
            cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.parametrize("page", ["add-a-task.md", "add-a-model.md", "add-a-scorer.md"])
def test_pages_for_authors_import_public_names_only(page: str) -> None:
    public = re.compile(r"vmevalkit|vmevalkit\.media|vmevalkit\.models\.diffusers|vmevalkit\.tasks\.toolkit\.[a-z]+")
    for code in code_of(page):
        for module in re.findall(r"^\s*(?:from|import) (vmevalkit[\w.]*)", code, re.MULTILINE):
            assert public.fullmatch(module), f"{page} imports {module}"


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


def test_pages_state_the_number_of_tasks_and_questions() -> None:
    readme, comparison = (ROOT / "README.md").read_text(), (ROOT / "docs" / "comparison.md").read_text()
    assert f"| tasks | {len(TASKS)}, drawn |" in readme
    assert f"# {load_suite('mini-v1').questions} easy questions" in readme
    assert f"[{len(TASKS)}](tasks.md), five difficulties" in comparison
    assert f"vmevalkit has {len(TASKS)} tasks" in comparison


def test_the_page_about_scorers_makes_a_scorer(tmp_path: Path) -> None:
    (code,) = code_of("add-a-scorer.md")
    (tmp_path / "motion.py").write_text(code)
    assert code == (ROOT / "examples" / "plugin" / "vmevalkit_example" / "motion.py").read_text()
    environment = {**os.environ, "VMEVALKIT_SCORERS": str(tmp_path / "motion.py"), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "vmevalkit", "check", "scorer", "motion"]
    run = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment, check=False)
    assert run.returncode == 0, run.stdout + run.stderr


def test_architecture_names_files_that_exist_and_every_package() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text()
    for name in set(re.findall(r"(?<![>\w])[a-z_/0-9]+\.py\b", page)):
        assert list((ROOT).glob(name)) or list((ROOT / "vmevalkit").glob(f"**/{name}")), f"there is no {name}"
    packages = {path.parent.name for path in (ROOT / "vmevalkit").glob("*/__init__.py")}
    assert packages
    for package in packages:
        assert f"\n  {package}/" in page, f"{package}/ is not in the tree"


def test_the_tutorial_runs_as_it_is_written(tmp_path: Path) -> None:
    model, reading = code_of("tutorial.md")
    (tmp_path / "my_model.py").write_text(model)
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    # The results do not depend on the number of workers, and most of the time is their start.
    script = re.sub(r"(?m)^(vmevalkit (?:make|score))", r"\1 --workers 1", "".join(code_of("tutorial.md", "bash")))
    run = subprocess.run(
        ["bash", "-ec", script], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "Only `replay` passes" in (ROOT / "docs" / "tutorial.md").read_text()
    passed = {line.split()[0]: line.split()[2] for line in run.stdout.splitlines() if " passed " in line}
    assert passed == {"crossfade": "0", "jumpcut": "0", "my_model": "0", "noise": "0", "replay": "4", "still": "0"}
    run = subprocess.run([sys.executable, "-c", reading], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert re.search(r"replay\s+light_sequence\s+1\.0", run.stdout), run.stdout


def test_the_example_of_statistics_prints_what_the_page_says(capsys: pytest.CaptureFixture[str]) -> None:
    (example,) = code_of("statistics.md")
    exec(compile(example, "statistics.md", "exec"), {})
    assert capsys.readouterr().out == code_of("statistics.md", "text")[-1]


def test_the_site_has_every_page() -> None:
    site = yaml.safe_load((ROOT / "mkdocs.yml").read_text())

    def pages(items: list[dict[str, Any]]) -> list[str]:
        entries = [entry for item in items for entry in item.values()]
        return [page for entry in entries for page in (pages(entry) if isinstance(entry, list) else [entry])]

    listed = pages(site["nav"])
    assert {path.name for path in (ROOT / "docs").glob("*.md")} <= set(listed)
    assert len(listed) == len(set(listed))
