"""The commands that copy experiments: merge, import, export, push, pull."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vmevalkit import defaults
from vmevalkit.cli.options import Outputs, Questions, Scores

app = typer.Typer()


@app.command()
def merge(
    source: Annotated[list[Path], typer.Argument(metavar="DIR ...", help="Folders of outputs, such as shards.")],
    outputs: Annotated[Path, typer.Option(metavar="DIR", help="Folder that gets all videos.")] = defaults.OUTPUTS,
    questions: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Question set that all must answer; by default they must agree.")
    ] = None,
    from_scores: Annotated[
        list[Path] | None, typer.Option("--from-scores", metavar="DIR", help="Folders of scores, to join them, too.")
    ] = None,
    scores: Annotated[Path, typer.Option(metavar="DIR", help="Folder that gets all scores.")] = defaults.SCORES,
) -> None:
    """Join shards or experiments, if they have the same questions and settings. Rerun to resume."""
    from vmevalkit.runner.merge import merge as run

    done = run(source, outputs=outputs, questions=questions, from_scores=from_scores or (), scores=scores)
    typer.echo(f"{done.copied} files copied, {done.existed} existed, in {outputs}")


@app.command("import")
def import_(
    format: Annotated[str, typer.Argument(metavar="FORMAT", help="See `vmevalkit list formats`.")],
    source: Annotated[Path, typer.Argument(metavar="PATH", help="Folder or file with the questions.")],
    questions: Questions = defaults.QUESTIONS,
    outputs: Outputs = defaults.OUTPUTS,
    scores: Scores = defaults.SCORES,
    videos: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Also import videos, from a folder in the benchmark's layout.")
    ] = None,
    results: Annotated[
        Path | None, typer.Option(metavar="PATH", help="Also import scores, from the benchmark's own results.")
    ] = None,
) -> None:
    """Import questions, videos and scores of another benchmark. Nothing is downloaded. Rerun to resume."""
    from vmevalkit.cli import presentation
    from vmevalkit.interop import import_ as run

    done = run(
        format, source, questions=questions, outputs=outputs, scores=scores, videos=videos, results=results
    )  # fmt: skip
    typer.echo(f"{done.questions} questions imported, {done.existed} existed, in {questions}")
    typer.echo(f"source: {done.url}, license: {done.license}")
    if videos is not None:
        typer.echo(f"{done.videos} videos in {outputs}")
    if results is not None:
        typer.echo(f"{done.scores} scores in {scores}")
    if done.left_out:
        presentation.show_left_out(done.left_out)
        raise typer.Exit(1)


@app.command()
def export(
    format: Annotated[str, typer.Argument(metavar="FORMAT", help="See `vmevalkit list formats`.")],
    target: Annotated[Path, typer.Argument(metavar="DIR", help="Folder that gets the files.")],
    questions: Questions = defaults.QUESTIONS,
    outputs: Outputs = defaults.OUTPUTS,
    scores: Scores = defaults.SCORES,
) -> None:
    """Write an experiment in the format of another tool: videos, scores, or a result card."""
    from vmevalkit.cli import presentation
    from vmevalkit.interop import export as run

    done = run(format, target, questions=questions, outputs=outputs, scores=scores)
    typer.echo(f"{done.what} in {done.target}")
    if done.hint:
        typer.echo(done.hint)
    if done.left_out:
        presentation.show_left_out(done.left_out)
        raise typer.Exit(1)


Url = Annotated[str, typer.Argument(metavar="URL", help="s3://..., gs://..., hf://datasets/OWNER/NAME or file:///...")]


@app.command()
def push(
    url: Url,
    questions: Questions = defaults.QUESTIONS,
    outputs: Outputs = defaults.OUTPUTS,
    scores: Scores = defaults.SCORES,
) -> None:
    """Copy an experiment to another place. Only what changed is copied. Rerun to resume."""
    from vmevalkit.runner.sync import push as run

    done = run(url, questions=questions, outputs=outputs, scores=scores)
    typer.echo(f"{done.copied} files copied, {done.unchanged} unchanged, at {url}")


@app.command()
def pull(
    url: Url,
    questions: Questions = defaults.QUESTIONS,
    outputs: Outputs = defaults.OUTPUTS,
    scores: Scores = defaults.SCORES,
    replace: Annotated[bool, typer.Option("--replace", help="Replace files that differ.")] = False,
) -> None:
    """Copy an experiment from where it was pushed to. Only what changed is copied. Rerun to resume."""
    from vmevalkit.runner.sync import pull as run

    done = run(url, questions=questions, outputs=outputs, scores=scores, replace=replace)
    typer.echo(f"{done.copied} files copied, {done.unchanged} unchanged, from {url}")
