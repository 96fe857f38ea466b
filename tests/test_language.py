"""One word for one thing: texts and names avoid the words that pyproject.toml lists, each with its replacement."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[1]
TABLE = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["vmevalkit"]["vocabulary"]
TEXTS = (".py", ".md", ".sh", ".html", ".js", ".css")
# The changelog and what is about old names have old words. Prompts and fields of puzzles are bytes of questions.
EXEMPT = re.compile(
    r"^(CHANGELOG\.md|docs/(gallery|migrate-0\.2)\.md|vmevalkit/deprecation\.py|vmevalkit/tasks/|vmevalkit/web/static/htmx"
    r"|tests/test_(language|deprecation)\.py)"
)


def found(text: str) -> list[str]:
    return [
        f"{word}: {TABLE[rule]}"
        for rule in TABLE
        for word in re.findall(rf"(?i)(?<![A-Za-z])(?:{rule})(?![A-Za-z])", text)
    ]


def test_texts_use_the_words_of_the_glossary() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    problems = []
    for name in listed.stdout.splitlines():
        if not name.endswith(TEXTS) or EXEMPT.match(name) or not (ROOT / name).is_file():
            continue
        for number, line in enumerate((ROOT / name).read_text(encoding="utf-8").splitlines(), 1):
            problems += [f"{name}:{number}: {problem}" for problem in found(line)]
    assert not problems, "\n".join(problems)


def test_words_are_found_in_names_and_sentences() -> None:
    assert found("the_right_film = 1") == ["film: video"]
    assert found("Its behaviour, and filming.") == ["behaviour: behavior"]
