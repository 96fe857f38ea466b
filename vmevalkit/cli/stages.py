"""The commands for the four stages: make, generate, score, report; and run, for all of them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from vmevalkit import defaults
from vmevalkit.cli.options import (
    ExecutorName,
    ExperimentName,
    Limit,
    LogTo,
    Models,
    Outputs,
    Questions,
    RayAddress,
    Scores,
    Settings,
    Shard,
    Tasks,
    Workers,
    cores,
    parse_settings,
    parse_size,
)  # fmt: skip

app = typer.Typer()


@app.command()
def make(
    task: Tasks = None,
    suite: Annotated[
        str | None, typer.Option(metavar="NAME", help="Make a frozen question set; see `vmevalkit list suites`.")
    ] = None,
    count: Annotated[int, typer.Option("--count", "-n", help="Number of puzzles for each task.")] = (
        defaults.DEFAULT_COUNT
    ),
    seed: Annotated[int, typer.Option(help="Seed of the puzzles; the same seed gives the same bytes.")] = (
        defaults.DEFAULT_SEED
    ),
    difficulty: Annotated[int | None, typer.Option(metavar="1..5", help="Difficulty; by default all in turn.")] = None,
    mode: Annotated[
        list[str] | None,
        typer.Option(
            metavar="MODE",
            help="solve (default), guided (the prompt gives the plan) or hold (nothing may move). With several modes, "
            "each asks about the same puzzles.",
        ),
    ] = None,
    phrasings: Annotated[
        int | None, typer.Option(min=1, metavar="K", help="Ask about each puzzle in K wordings.")
    ] = None,
    size: Annotated[str, typer.Option(metavar="WxH", help="Width and height of the canvas.")] = (
        "{}x{}".format(*defaults.DEFAULT_CANVAS)
    ),
    experiment: ExperimentName = None,
    questions: Questions = defaults.QUESTIONS,
    videos: Annotated[bool, typer.Option("--videos/--no-videos", help="Also write ground-truth videos.")] = True,
    workers: Workers = None,
) -> None:
    """Make questions: first frame, prompt, and ground-truth video."""
    from vmevalkit.runner.make import make as run

    folders = run(
        task, suite=suite, count=count, seed=seed, difficulty=difficulty,
        mode=mode or "solve",  # type: ignore[arg-type]
        phrasings=phrasings, size=parse_size(size), questions=questions, videos=videos, workers=workers or cores(),
    )  # fmt: skip
    typer.echo(f"{len(folders)} questions in {questions}")


@app.command()
def generate(
    model: Models,
    task: Tasks = None,
    task_id: Annotated[
        list[str] | None, typer.Option("--task-id", metavar="ID", help="Use only these questions.")
    ] = None,
    limit: Limit = None,
    tag: Annotated[
        list[str] | None, typer.Option("--tag", metavar="TAG", help="Store a word with the experiment.")
    ] = None,
    samples: Annotated[
        int, typer.Option("--samples", "-n", help="Videos for each question, with seeds SEED, SEED+1, ...")
    ] = 1,
    seed: Annotated[int, typer.Option(help="Seed of the first video.")] = defaults.DEFAULT_SEED,
    shard: Shard = None,
    experiment: ExperimentName = None,
    questions: Questions = defaults.QUESTIONS,
    outputs: Outputs = defaults.OUTPUTS,
    executor: ExecutorName = "local",
    ray_address: RayAddress = None,
    workers: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Number of copies of the model, or of videos at a time on a server."),
    ] = None,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Also retry what failed before.")] = False,
    remake: Annotated[
        bool,
        typer.Option("--remake", help="Replace videos of a function that has changed; with --task-id, in any case."),
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would run, with time and disk.")] = False,
    baselines: Annotated[bool, typer.Option("--baselines/--no-baselines", help="Also run the baselines.")] = True,
    duration: Annotated[float | None, typer.Option(metavar="SECONDS", help="Length, if the model can choose.")] = None,
    weights: Annotated[Path | None, typer.Option(metavar="DIR", help="Folder with the weights.")] = None,
    lora: Annotated[Path | None, typer.Option(metavar="DIR", help="Folder with an adapter for the weights.")] = None,
    latency: Annotated[bool, typer.Option("--latency", help="Make each video on two GPUs, if the model can.")] = False,
    speed: Annotated[
        str | None,
        typer.Option(metavar="SPEED", help="exact, reference, or fast (float8), if the model can choose."),
    ] = None,
    url: Annotated[str | None, typer.Option(metavar="URL", help="Address of the server, for openvideo:NAME.")] = None,
    limit_cost: Annotated[
        float | None, typer.Option(metavar="USD", help="Dollars that the run may spend on billed models.")
    ] = None,
    log_to: LogTo = None,
    settings: Settings = None,
) -> None:
    """Generate videos for the questions. Rerun the command to resume."""
    from vmevalkit.cli import presentation
    from vmevalkit.runner.inference import generate as run
    from vmevalkit.runner.inference import plan

    named = {"weights": weights, "lora": lora, "speed": speed, "url": url}
    options: dict[str, Any] = {
        "task": task or (), "task_id": task_id or (), "limit": limit, "samples": samples, "seed": seed, "shard": shard,
        "questions": questions, "outputs": outputs, "retry_failed": retry_failed, "remake": remake,
        "baselines": baselines, "duration": duration, "limit_cost": limit_cost,
        "settings": {
            **parse_settings(settings or []),
            **{name: str(value) for name, value in named.items() if value},
            **({"latency": True} if latency else {}),
        },
    }  # fmt: skip
    if dry_run:
        presentation.show_plans(plan(model, **options)[0])
        return
    done = run(
        model, tags=tag or (), log_to=log_to, executor=executor, ray_address=ray_address, workers=workers, **options
    )
    typer.echo(f"{done.made} videos made, {done.complete_before} existed, {len(done.failed)} failed, in {outputs}")
    if done.cost:
        typer.echo(f"cost: {done.cost:.2f} dollars by list prices and the answers of servers")
    if done.unfinished:
        presentation.show_unfinished(done.unfinished)
    if done.failed:
        presentation.show_failures(done.failed, "--retry-failed")
    if not done.ok:
        raise typer.Exit(1)


@app.command()
def score(
    scorer: Annotated[
        list[str] | None, typer.Option("--scorer", metavar="NAME", help="rule (default), judge, human, reference.")
    ] = None,
    model: Annotated[
        list[str] | None, typer.Option("--model", "-m", metavar="NAME", help="Score only these models.")
    ] = None,
    limit: Limit = None,
    shard: Shard = None,
    experiment: ExperimentName = None,
    questions: Questions = defaults.QUESTIONS,
    outputs: Outputs = defaults.OUTPUTS,
    scores: Scores = defaults.SCORES,
    executor: ExecutorName = "local",
    ray_address: RayAddress = None,
    workers: Workers = None,
    jsonl: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write one score a line into this file; - for stdout.")
    ] = None,
    judge_model: Annotated[str | None, typer.Option(metavar="NAME", help="Same as --set judge.model=NAME.")] = None,
    judge_url: Annotated[str | None, typer.Option(metavar="URL", help="Same as --set judge.url=URL.")] = None,
    limit_cost: Annotated[float | None, typer.Option(metavar="USD", help="Same as --set judge.limit_cost=USD.")] = None,
    log_to: LogTo = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="SCORER.NAME=VALUE", help="Change a setting of a scorer.")
    ] = None,
) -> None:
    """Score every video, including videos made with other tools."""
    from vmevalkit.cli import presentation
    from vmevalkit.runner.score import iter_score
    from vmevalkit.scorers.base import TRANSIENT_REASONS
    from vmevalkit.store import write_text

    judge = {"judge.model": judge_model, "judge.url": judge_url, "judge.limit_cost": limit_cost}
    found = list(
        iter_score(
            scorer or ["rule"],
            model=model,
            limit=limit,
            shard=shard,
            questions=questions,
            outputs=outputs,
            scores=scores,
            executor=executor,
            ray_address=ray_address,
            workers=workers or (cores() if executor == "local" else None),
            log_to=log_to,
            settings={**{k: v for k, v in judge.items() if v is not None}, **parse_settings(settings or [])},
        )
    )
    if jsonl is not None:
        lines = "".join(s.model_dump_json() + "\n" for s in found)
        if str(jsonl) == "-":
            sys.stdout.write(lines)
        else:
            write_text(jsonl, lines)
    if jsonl is None or str(jsonl) != "-":
        presentation.show_scores(found, scores)
    failed = [
        (f"{s.model}/{s.task}_task/{s.question_id}", s.explanation) for s in found if s.reason in TRANSIENT_REASONS
    ]
    if failed:
        presentation.show_failures(failed)
        raise typer.Exit(1)


@app.command()
def report(
    experiment: ExperimentName = None,
    questions: Questions = defaults.QUESTIONS,
    outputs: Outputs = defaults.OUTPUTS,
    scores: Scores = defaults.SCORES,
    report: Annotated[Path, typer.Option(metavar="DIR", help="Folder of the page and the tables.")] = defaults.REPORT,
    title: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Heading of the page; by default the experiment's name.")
    ] = None,
) -> None:
    """Write index.html, scores.csv, scores.parquet, summary.json and table.tex."""
    from vmevalkit.reporting import report as run

    page = run(questions=questions, outputs=outputs, scores=scores, report=report, title=title)
    typer.echo(f"open {page}")


@app.command()
def run(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE.toml", help="A table for each command, with its options.")],
) -> None:
    """Run the commands of a file: make, generate, score, report. Rerun the command to resume."""
    from vmevalkit.recipe import VERBS, read_recipe

    root: Any = context.parent
    options = {verb: _flags(root.command.commands[verb]) for verb in VERBS}
    commands = [(root.command.commands[verb], verb, words) for verb, words in read_recipe(file, options)]
    for command, verb, words in commands:
        # Wrong usage of any of them is reported before the first one runs.
        command.make_context(verb, [*words], parent=root)
    failed = False
    for command, verb, words in commands:
        print(f"vmevalkit {verb}", file=sys.stderr)
        try:
            with command.make_context(verb, words, parent=root) as inner:
                command.invoke(inner)
        except typer.Exit as end:
            # What failed is listed, and the other videos are scored and reported.
            failed = failed or end.exit_code != 0
    if failed:
        raise typer.Exit(1)


def _flags(command: Any) -> list[str]:
    """Return the long options of a command, without the dashes."""
    flags = [flag for option in command.params for flag in (*option.opts, *option.secondary_opts)]
    return [flag.removeprefix("--") for flag in flags if flag.startswith("--")]
