"""The commands that start a server: view and serve."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vmevalkit import defaults
from vmevalkit.cli.options import ExperimentName, Models, Outputs, Questions, Scores, Settings, parse_settings

app = typer.Typer()


@app.command()
def view(
    folder: Annotated[
        Path | None, typer.Argument(metavar="DIR", help="Show every experiment below this folder.")
    ] = None,
    experiment: ExperimentName = None,
    questions: Questions = defaults.QUESTIONS,
    outputs: Outputs = defaults.OUTPUTS,
    scores: Scores = defaults.SCORES,
    host: Annotated[str, typer.Option(help="Any host other than 127.0.0.1 requires a token.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port of the server.")] = 8000,
    raters: Annotated[int, typer.Option(min=1, help="Number of people who rate each video.")] = 2,
    bundle: Annotated[
        Path | None, typer.Option(metavar="OUT", help="Write a static copy into this folder, and start no server.")
    ] = None,
) -> None:
    """Look at everything in a browser, compare models, and rate videos."""
    from vmevalkit.web import view as run

    folders = {"questions": questions, "outputs": outputs, "scores": scores}
    run(**folders, host=host, port=port, raters=raters, folder=folder, bundle=bundle)


@app.command()
def serve(
    model: Models,
    jobs: Annotated[Path, typer.Option(metavar="DIR", help="Folder of the jobs and their videos.")] = defaults.JOBS,
    host: Annotated[str, typer.Option(help="Any host other than 127.0.0.1 requires a token.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port of the server.")] = 8000,
    limit: Annotated[int, typer.Option(min=1, help="Number of videos that may wait.")] = 100,
    workers: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Number of processes; by default one a GPU.")
    ] = None,
    weights: Annotated[Path | None, typer.Option(metavar="DIR", help="Folder with the weights.")] = None,
    settings: Settings = None,
) -> None:
    """Serve models through the protocol /v1/videos of OpenAI."""
    from vmevalkit.serve import serve as run

    given = {**({"weights": str(weights)} if weights else {}), **parse_settings(settings or [])}
    run(model, jobs=jobs, host=host, port=port, limit=limit, workers=workers, settings=given)
