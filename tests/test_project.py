"""Files for those who work on the project: they parse, agree with pyproject.toml, and name what exists."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

import vmevalkit

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[1]
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT = SETTINGS["project"]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
PAGES = ["CONTRIBUTING.md", "SECURITY.md", "CODE_OF_CONDUCT.md", ".github/pull_request_template.md"]


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def targets() -> set[str]:
    return set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def steps(workflow: Path) -> list[dict[str, Any]]:
    return [step for job in load(workflow)["jobs"].values() for step in job["steps"]]


def test_workflows_run_check_and_test_on_every_supported_python() -> None:
    job = load(ROOT / ".github" / "workflows" / "check.yml")["jobs"]["test"]
    python = job["strategy"]["matrix"]["python"]
    classified = [c.rpartition(" ")[2] for c in PROJECT["classifiers"] if re.search(r"Python :: 3\.\d+$", c)]
    assert python == classified
    assert PROJECT["requires-python"] == f">={python[0]}"
    assert job["strategy"]["matrix"]["os"] == ["ubuntu-latest", "macos-latest"]
    assert {"make check", "make test"} <= {step.get("run") for step in job["steps"]}


def test_the_coverage_of_the_tests_is_in_the_summary_of_a_job() -> None:
    job = load(ROOT / ".github" / "workflows" / "check.yml")["jobs"]["coverage"]
    runs = [step["run"] for step in job["steps"] if "run" in step]
    assert runs[0] == "make coverage"
    assert "coverage report" in runs[1]
    assert "GITHUB_STEP_SUMMARY" in runs[1]
    pins = (ROOT / "requirements.lock").read_text()
    assert re.search(r"(?m)^coverage==", pins)
    assert re.search(r"(?m)^pytest-cov==", pins)


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_workflows_use_targets_that_exist_and_may_only_read_by_default(workflow: Path) -> None:
    assert load(workflow)["permissions"] == {"contents": "read"}
    for step in steps(workflow):
        assert ("run" in step) != ("uses" in step)
        for target in re.findall(r"\bmake ([a-z]+)", step.get("run", "")):
            assert target in targets()


def test_hooks_use_the_tools_of_make_check() -> None:
    (repository,) = load(ROOT / ".pre-commit-config.yaml")["repos"]
    recipe = (ROOT / "Makefile").read_text()
    for hook in repository["hooks"]:
        tool = hook["entry"].split()[0].removeprefix(".venv/bin/")
        assert f"$(VENV)/{tool}" in recipe


def test_types_of_all_code_are_checked() -> None:
    listed = subprocess.run(["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    # setup.py is run by setuptools alone.
    assert {name.partition("/")[0] for name in listed.stdout.split()} - {"setup.py"} == set(
        SETTINGS["tool"]["mypy"]["files"]
    )


def test_issue_forms_ask_something() -> None:
    forms = [path for path in (ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml") if path.stem != "config"]
    assert forms
    for form in forms:
        fields = load(form)["body"]
        assert len({field["id"] for field in fields}) == len(fields)
        assert any(field.get("validations", {}).get("required") for field in fields)


def test_the_citation_agrees_with_the_package() -> None:
    citation = load(ROOT / "CITATION.cff")
    assert citation["license"] == PROJECT["license"]
    assert [author["name"] for author in citation["authors"]] == [author["name"] for author in PROJECT["authors"]]
    assert set(citation["keywords"]) <= set(PROJECT["keywords"])
    assert citation["version"] == vmevalkit.__version__
    released = re.search(r"(?m)^## (\S+) - (\S+)$", (ROOT / "CHANGELOG.md").read_text())
    assert released is not None
    assert (citation["version"], str(citation["date-released"])) == released.groups()


@pytest.mark.parametrize(("file", "word"), re.findall(r"pytest (\S+) -k (\w+)", (ROOT / "CONTRIBUTING.md").read_text()))
def test_the_tests_that_are_selected_exist(file: str, word: str) -> None:
    assert re.search(rf"(?m)^def test_\w*{word}", (ROOT / file).read_text())


@pytest.mark.parametrize("name", PAGES)
def test_pages_name_files_and_targets_that_exist(name: str) -> None:
    page = (ROOT / name).read_text()
    for link in re.findall(r"\]\((?!http)([^)#]+)", page):
        assert (ROOT / name).parent.joinpath(link).exists(), link
    for target in re.findall(r"(?m)(?:^|`)make ([a-z]+)", page):
        assert target in targets(), target
