"""The commands about tasks, models and scorers: list and check."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from vmevalkit import defaults
from vmevalkit.cli.options import Workers, cores

app = typer.Typer()


@app.command("list")
def list_(
    shelf: Annotated[str, typer.Argument(metavar="models|tasks|scorers|suites|formats", help="What to list.")],
    name: Annotated[str | None, typer.Argument(help="Show all about one, such as its settings.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List models, tasks, scorers, suites or formats, or show all about one of them."""
    from vmevalkit.cli import presentation
    from vmevalkit.listing import catalog

    found = catalog(shelf, name)  # type: ignore[arg-type]
    if as_json:
        typer.echo(json.dumps(found, indent=2))
    elif name is None:
        presentation.show_names(found)
    else:
        presentation.show_details(found)


@app.command()
def check(
    kind: Annotated[str, typer.Argument(metavar="task|model|scorer", help="What to test.")],
    name: Annotated[
        str, typer.Argument(help="Its name; for a task, also a Python file; for a model, as for `generate --model`.")
    ],
    seeds: Annotated[int, typer.Option(min=1, help="Puzzles for each difficulty and mode of a task.")] = 2,
    images: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder for frames of videos that break the contract.")
    ] = defaults.CHECKS,
    workers: Workers = None,
) -> None:
    """Test a task, model or scorer against its contract."""
    from vmevalkit.runner.check import check as run

    problems = run(kind, name, seeds=seeds, images=images, workers=workers or cores())
    if problems:
        for line in problems:
            typer.echo(line)
        typer.echo(f"{kind} {name} breaks its contract in {len(problems)} places")
        raise typer.Exit(1)
    typer.echo(f"{kind} {name} keeps its contract")
