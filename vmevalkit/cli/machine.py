"""The commands about this machine: doctor and install."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()


@app.command()
def doctor() -> None:
    """Show what this machine can run, and how to fix the rest."""
    from vmevalkit.runner.doctor import examine

    for finding in examine():
        mark = {True: "ok  ", False: "no  ", None: "--  "}[finding.ok]
        typer.echo(f"{mark} {finding.topic}: {finding.what}" + (f"\n       -> {finding.fix}" if finding.fix else ""))


@app.command()
def install(
    name: Annotated[list[str] | None, typer.Argument(metavar="NAME ...", help="Models or environments.")] = None,
    fast: Annotated[bool, typer.Option("--fast", help="Use newer versions, with the fastest kernels.")] = False,
    validate: Annotated[bool, typer.Option("--validate", help="Then generate two videos and check them.")] = False,
    weights: Annotated[
        Path | None, typer.Option(metavar="DIR", help="For --validate: read the weights from DIR.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Make environments again.")] = False,
    list_models: Annotated[bool, typer.Option("--list", help="List the models, and which are installed.")] = False,
) -> None:
    """Install the environments of models, with exact versions, by the scripts of setup/. Rerun to resume."""
    from vmevalkit.runner.environment import install as run

    status = run(
        name or (), fast=fast, validate=validate, weights=weights, force=force, list_models=list_models
    )  # fmt: skip
    if status:
        raise typer.Exit(status)
