"""The command line. Each verb is a function of the Python API with the same words.

Exit status: 0 all done; 1 something failed, and it is listed at the end with the command that retries it; 2 wrong
usage, nothing touched; 130 stopped by ctrl-C or SIGTERM.
"""

from __future__ import annotations

import errno
import io
import json
import logging
import os
import re
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, Any

import typer

from vmevalkit import defaults, presentation
from vmevalkit._version import __version__
from vmevalkit.errors import UsageError, VMEvalError
from vmevalkit.redaction import CleanFormatter, clean

app = typer.Typer(
    name="vmevalkit",
    help="Measure whether image-to-video models can reason: make puzzles, generate videos, score and report.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

# Click's UsageError, wherever typer keeps its click; BadParameter is the subclass that it exports.
_WrongUsage: Any = typer.BadParameter.__base__

# The exit status that shells expect after ctrl-C. Newer releases of typer return it themselves.
_STOPPED = 130

# Why stdout cannot be written: the disk is full, the reader has ended, or it was closed.
_BROKEN_OUTPUT = frozenset({errno.ENOSPC, errno.EPIPE, errno.EBADF, errno.EIO})

# Options that take several values after one flag: --task maze chess.
_SEVERAL = frozenset(
    {"--model", "-m", "--mode", "--task", "-t", "--task-id", "--scorer", "--set", "--tag", "--from-scores"}
)


def _show_version(shown: bool) -> None:
    if shown:
        typer.echo(f"vmevalkit {__version__}")
        raise typer.Exit


Models = Annotated[
    list[str],
    typer.Option("--model", "-m", metavar="NAME", help="Model of the catalog, my_file.py:my_function, openvideo:NAME."),
]
Tasks = Annotated[list[str] | None, typer.Option("--task", "-t", metavar="NAME", help="Use only these tasks.")]
Questions = Annotated[Path, typer.Option(metavar="DIR", help="Folder of the question set.")]
Outputs = Annotated[Path, typer.Option(metavar="DIR", help="Folder of the experiment's videos.")]
Scores = Annotated[Path, typer.Option(metavar="DIR", help="Folder of the experiment's scores.")]
Workers = Annotated[int | None, typer.Option(min=1, metavar="N", help="Number of processes; by default one a core.")]
Shard = Annotated[str | None, typer.Option(metavar="I/N", help="Do only the I-th of N parts, for job arrays.")]
ExecutorName = Annotated[
    str, typer.Option("--executor", metavar="local|ray", help="Where to run: this machine, or a Ray cluster.")
]
RayAddress = Annotated[
    str | None, typer.Option("--ray-address", metavar="ADDRESS", help="Running cluster; by default Ray starts here.")
]


def _use_experiment(context: typer.Context, name: str | None) -> str | None:
    """Make the folders of an experiment the defaults of the options for them."""
    if name is not None:
        if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}", name):
            raise UsageError(f"--experiment {name}: use letters, digits and . _ -")
        folders = defaults.experiment_folders(name)
        if context.info_name == "make":
            folders["questions"] = defaults.QUESTIONS / name
        context.default_map = {**(context.default_map or {}), **{key: str(path) for key, path in folders.items()}}
    return name


ExperimentName = Annotated[
    str | None,
    typer.Option(
        "--experiment",
        metavar="NAME",
        help="Use the folders of this name below data/questions, data/outputs, data/scores and data/report.",
        is_eager=True,
        callback=_use_experiment,
    ),
]
LogTo = Annotated[
    str | None, typer.Option("--log", metavar="jsonl|tensorboard|wandb", help="Log each video or score there.")
]
Limit = Annotated[
    int | None, typer.Option(min=1, metavar="N", help="Use only N questions, taken from each task in turn.")
]
Settings = Annotated[list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Change a setting.")]


@app.callback()
def _common(
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Show what happens inside.")] = False,
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", is_eager=True, callback=_show_version)
    ] = False,
) -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(CleanFormatter("%(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    if verbose:
        logging.getLogger("vmevalkit").setLevel(logging.DEBUG)


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
        int | None, typer.Option(min=1, metavar="K", help="Ask about each puzzle in so many wordings.")
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
        phrasings=phrasings, size=_size(size), questions=questions, videos=videos, workers=workers or _cores(),
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
    url: Annotated[str | None, typer.Option(metavar="URL", help="Server of openvideo:NAME.")] = None,
    limit_cost: Annotated[
        float | None, typer.Option(metavar="USD", help="Dollars that the run may spend on billed models.")
    ] = None,
    log_to: LogTo = None,
    settings: Settings = None,
) -> None:
    """Generate videos for the questions. Rerun the command to resume."""
    from vmevalkit.runner.inference import generate as run
    from vmevalkit.runner.inference import plan

    named = {"weights": weights, "lora": lora, "speed": speed, "url": url}
    options: dict[str, Any] = {
        "task": task or (), "task_id": task_id or (), "limit": limit, "samples": samples, "seed": seed, "shard": shard,
        "questions": questions, "outputs": outputs, "retry_failed": retry_failed, "remake": remake,
        "baselines": baselines, "duration": duration, "limit_cost": limit_cost,
        "settings": {
            **_settings(settings or []),
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
    scorer: Annotated[list[str] | None, typer.Option("--scorer", metavar="NAME", help="By default rule.")] = None,
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
            workers=workers or (_cores() if executor == "local" else None),
            log_to=log_to,
            settings={**{k: v for k, v in judge.items() if v is not None}, **_settings(settings or [])},
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
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8000,
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
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8000,
    limit: Annotated[int, typer.Option(min=1, help="Number of videos that may wait.")] = 100,
    workers: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Number of processes; by default one a GPU.")
    ] = None,
    weights: Annotated[Path | None, typer.Option(metavar="DIR", help="Folder with the weights.")] = None,
    settings: Settings = None,
) -> None:
    """Serve models through the protocol /v1/videos of OpenAI."""
    from vmevalkit.serve import serve as run

    given = {**({"weights": str(weights)} if weights else {}), **_settings(settings or [])}
    run(model, jobs=jobs, host=host, port=port, limit=limit, workers=workers, settings=given)


@app.command("list")
def list_(
    shelf: Annotated[str, typer.Argument(metavar="models|tasks|scorers|suites|formats", help="What to list.")],
    name: Annotated[str | None, typer.Argument(help="Show all about one, such as its settings.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List models, tasks, scorers, suites or formats, or show all about one of them."""
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
    name: Annotated[str, typer.Argument(help="Its name, or a Python file that defines a task.")],
    seeds: Annotated[int, typer.Option(min=1, help="Puzzles for each difficulty and mode of a task.")] = 2,
    images: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder for frames of videos that break the contract.")
    ] = defaults.CHECKS,
    workers: Workers = None,
) -> None:
    """Test a task, model or scorer against its contract."""
    from vmevalkit.runner.check import check as run

    problems = run(kind, name, seeds=seeds, images=images, workers=workers or _cores())
    if problems:
        for line in problems:
            typer.echo(line)
        typer.echo(f"{kind} {name} breaks its contract in {len(problems)} places")
        raise typer.Exit(1)
    typer.echo(f"{kind} {name} keeps its contract")


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


def _cores() -> int:
    return os.cpu_count() or 1


def _size(text: str) -> tuple[int, int]:
    sides = re.fullmatch(r"([0-9]{1,5})x([0-9]{1,5})", text.lower())
    if sides is None:
        raise UsageError(f"--size {text}: write it as 720x480")
    return int(sides[1]), int(sides[2])


def _settings(pairs: Sequence[str]) -> dict[str, Any]:
    settings: dict[str, Any] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not (name and equals):
            raise UsageError(f"--set {pair}: write it as name=value")
        try:
            settings[name] = json.loads(value)
        except ValueError:
            settings[name] = value
        except RecursionError:
            raise UsageError(f"--set {name}: the value has too many brackets") from None
    return settings


def _expand(argv: Sequence[str]) -> list[str]:
    """Repeat a flag that takes several values: `--task maze chess` becomes `--task maze --task chess`."""
    expanded: list[str] = []
    several: str | None = None
    given = 0
    for word in argv:
        if word.startswith("-") and word != "-":
            several, given = (word, 0) if word in _SEVERAL else (None, 0)
        elif several is not None:
            if given:
                expanded.append(several)
            given += 1
        expanded.append(word)
    return expanded


def _check_folder() -> None:
    try:
        os.getcwd()
    except OSError:
        raise UsageError("the current folder does not exist any more", "cd to another one") from None


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    _accept_any_text()
    try:
        with _stoppable():
            status = _run(sys.argv[1:] if argv is None else argv)
    except OSError as error:
        # What the kit writes elsewhere fails as a StorageError; an error with a path has another cause.
        if error.filename is not None or error.errno not in _BROKEN_OUTPUT:
            raise
        return _report_broken_output(error)
    except SystemExit as error:
        # How typer ends after a broken pipe.
        if not isinstance(error.__context__, BrokenPipeError):
            raise
        return _report_broken_output(error.__context__)
    return status


def _accept_any_text() -> None:
    """Let the output contain any text, whatever the encoding of the terminal."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _report_broken_output(error: OSError) -> int:
    """Say that the output cannot be written, and drop the rest of it."""
    # Otherwise, Python would try again at its end, and fail.
    with open(os.devnull, "w") as nothing:
        os.dup2(nothing.fileno(), 1)
    if error.errno == errno.EPIPE:
        # The reader has seen enough, as `head` has.
        return 0
    print(f"vmevalkit: the output cannot be written: {error.strerror}", file=sys.stderr)
    return 1


@contextmanager
def _stoppable() -> Iterator[None]:
    """Let SIGTERM, with which schedulers stop a process, do what ctrl-C does: also stop the worker processes."""

    def stop(number: int, frame: object) -> None:
        from multiprocessing import active_children

        for child in active_children():
            with suppress(ProcessLookupError):
                os.kill(child.pid or 0, signal.SIGINT)
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _run(argv: Sequence[str]) -> int:
    """Run one command, and turn what a user can fix into a line and a status."""
    try:
        _check_folder()
        status = app(_expand(argv), standalone_mode=False)
        if sys.stdout is not None:
            sys.stdout.flush()
    except _WrongUsage as error:
        error.show()
        return 2
    except (KeyboardInterrupt, typer.Abort):
        status = _STOPPED
    except VMEvalError as error:
        print(f"vmevalkit: {clean(str(error))}", file=sys.stderr)
        return 2 if isinstance(error, UsageError) else 1
    if status == _STOPPED:
        print("stopped; rerun the same command to resume", file=sys.stderr)
    return status if isinstance(status, int) else 0


if __name__ == "__main__":
    sys.exit(main())
