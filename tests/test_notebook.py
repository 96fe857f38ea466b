"""docs/notebook.ipynb: every cell runs in an empty folder, and shows what its text says."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import pytest

NOTEBOOK = Path(__file__).parents[1] / "docs" / "notebook.ipynb"


def run_cell(source: str, names: dict[str, Any]) -> Any:
    """Run a cell, and return the value of its last expression, as a notebook shows it."""
    tree = ast.parse(source)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "cell", "exec"), names)
    return eval(compile(ast.Expression(last.value), "cell", "eval"), names) if isinstance(last, ast.Expr) else None


def test_every_cell_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    notebook = json.loads(NOTEBOOK.read_text())
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    assert len({cell["id"] for cell in notebook["cells"]}) == len(notebook["cells"])
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"__name__": "__main__"}
    sources = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    shown = [run_cell(source, names) for source in sources]
    html = [text for value in shown if (text := getattr(value, "_repr_html_", str)())]
    # Question, experiment, two tables, sample, two scores.
    assert len(html) == 7
    assert sum("<video" in text for text in html) == 2
    assert names["night"].scores.query("model == 'replay'").passed.all()
    assert not names["night"].scores.query("model == 'dimmer'").passed.any()
    assert shown[-1].tolist() == [1.0] * 4
    # A notebook in the repository has no outputs, which would be megabytes of videos.
    assert all(not cell.get("outputs") for cell in notebook["cells"])
