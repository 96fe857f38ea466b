"""The command line: thin. Each verb is a function of the Python API with the same words.

Exit status: 0 all done; 1 something failed, and it is listed at the end with the command that retries it; 2 wrong
usage, nothing touched; 130 stopped by ctrl-C.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from vmevalkit import defaults
from vmevalkit._version import __version__
from vmevalkit.errors import UsageError, VMEvalError

app = typer.Typer(
    name="vmevalkit",
    help="Find out whether image-to-video models can reason: make puzzles, let models answer, score, report.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

# Click's UsageError, wherever typer keeps its click: BadParameter is the one that it gives away.
_WrongUsage: Any = typer.BadParameter.__base__

# What shells expect after ctrl-C; newer releases of typer return it by themselves.
_STOPPED = 130

# These take several values after one flag: --task maze chess.
_SEVERAL = frozenset({"--model", "--mode", "--task", "--task-id", "--scorer", "--set"})

Models = Annotated[list[str], typer.Option("--model", help="Model of the catalog, or my_file.py:my_function.")]
Tasks = Annotated[list[str] | None, typer.Option("--task", help="Only this task.")]
Questions = Annotated[Path, typer.Option(help="Folder of the question set.")]
Outputs = Annotated[Path, typer.Option(help="Folder of the experiment's videos.")]
Scores = Annotated[Path, typer.Option(help="Folder of the experiment's scores.")]
Workers = Annotated[int | None, typer.Option(min=1, help="Processes side by side; one a core where left out.")]


@app.callback()
def _common(
    verbose: Annotated[bool, typer.Option("-v", "--verbose", help="Show what happens inside.")] = False,
    version: Annotated[bool, typer.Option("--version", help="Show the version.", is_eager=True)] = False,
) -> None:
    if version:
        typer.echo(f"vmevalkit {__version__}")
        raise typer.Exit
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    if verbose:
        logging.getLogger("vmevalkit").setLevel(logging.DEBUG)


@app.command()
def make(
    task: Tasks = None,
    count: Annotated[int, typer.Option(help="Questions a task; of each mode, where there are several.")] = 10,
    seed: Annotated[int, typer.Option(help="The same seed makes the same bytes.")] = defaults.DEFAULT_SEED,
    difficulty: Annotated[int | None, typer.Option(help="1 to 5; all in turn where left out.")] = None,
    mode: Annotated[
        list[str] | None,
        typer.Option(
            help="solve, guided (the plan is spelled out) or hold (nothing moves); several ask about the same puzzles. "
            "solve where left out."
        ),
    ] = None,
    size: Annotated[str, typer.Option(help="Width x height of the canvas.")] = "720x480",
    questions: Questions = defaults.QUESTIONS,
    videos: Annotated[
        bool, typer.Option("--videos/--no-videos", help="Write the video of the right answer, too.")
    ] = True,
    workers: Workers = None,
) -> None:
    """Make questions: first frame, prompt, and the video of the answer."""
    from vmevalkit.runner.make import make as run

    folders = run(
        task, count=count, seed=seed, difficulty=difficulty, mode=mode or "solve",  # type: ignore[arg-type]
        size=_size(size), questions=questions, videos=videos, workers=workers or _cores(),
    )  # fmt: skip
    typer.echo(f"{len(folders)} questions in {questions}")


@app.command()
def generate(
    model: Models,
    task: Tasks = None,
    task_id: Annotated[list[str] | None, typer.Option("--task-id", help="Only this question.")] = None,
    samples: Annotated[int, typer.Option(help="Videos a question, with seeds SEED, SEED+1, ...")] = 1,
    seed: Annotated[int, typer.Option(help="Seed of the first video.")] = defaults.DEFAULT_SEED,
    questions: Questions = defaults.QUESTIONS,
    outputs: Outputs = defaults.OUTPUTS,
    workers: Annotated[int, typer.Option(min=1, help="Processes, each with its own copy of the model.")] = 1,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Also try again what failed.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would run, with time and disk.")] = False,
    baselines: Annotated[
        bool, typer.Option("--baselines/--no-baselines", help="Let the baselines answer the same questions.")
    ] = True,
    duration: Annotated[float | None, typer.Option(help="Seconds of video, for models that can choose.")] = None,
    weights: Annotated[Path | None, typer.Option(help="Folder with the weights, instead of the hub.")] = None,
    lora: Annotated[Path | None, typer.Option(help="Folder with an adapter for the model's weights.")] = None,
    latency: Annotated[
        bool, typer.Option("--latency", help="Make each video on two GPUs, for models that can.")
    ] = False,
    speed: Annotated[
        str | None, typer.Option(help="exact, reference, or fast: float8, which shows; for models that can choose.")
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="A setting of the model: num_inference_steps=20.")
    ] = None,
) -> None:
    """Let models answer questions with videos. Run it again and it goes on where it stopped."""
    from vmevalkit.runner.inference import generate as run
    from vmevalkit.runner.inference import plan

    wanted: dict[str, Any] = {
        "task": task or (), "task_id": task_id or (), "samples": samples, "seed": seed, "questions": questions,
        "outputs": outputs, "retry_failed": retry_failed, "baselines": baselines, "duration": duration,
        "settings": {
            **_settings(settings or []),
            **{name: str(value) for name, value in (("weights", weights), ("lora", lora), ("speed", speed)) if value},
            **({"latency": True} if latency else {}),
        },
    }  # fmt: skip
    if dry_run:
        _show_plans(plan(model, **wanted)[0])
        return
    done = run(model, workers=workers, **wanted)
    typer.echo(f"{done.made} videos made, {done.complete_before} were there, {len(done.failed)} failed, in {outputs}")
    if done.failed:
        _list_failures(done.failed, "--retry-failed")
        raise typer.Exit(1)


@app.command()
def score(
    scorer: Annotated[list[str] | None, typer.Option("--scorer", help="rule where left out.")] = None,
    model: Annotated[list[str] | None, typer.Option("--model", help="Only this model's folder.")] = None,
    questions: Questions = defaults.QUESTIONS,
    outputs: Outputs = defaults.OUTPUTS,
    scores: Scores = defaults.SCORES,
    workers: Workers = None,
    jsonl: Annotated[Path | None, typer.Option(help="Write one score a line into this file; - for stdout.")] = None,
    judge_model: Annotated[str | None, typer.Option(help="For --scorer judge: the model that is asked.")] = None,
    judge_url: Annotated[str | None, typer.Option(help="Its server, where that is not OpenAI's.")] = None,
    limit_cost: Annotated[float | None, typer.Option(help="Dollars that the judge may spend in this run.")] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="A setting of the judge: votes=5 layout=images.")
    ] = None,
) -> None:
    """Decide about every video, also about videos made elsewhere."""
    from vmevalkit.runner.score import iter_score
    from vmevalkit.scorers.base import WORTH_ANOTHER_TRY
    from vmevalkit.store import write_text

    found = list(
        iter_score(
            scorer or ["rule"],
            model=model,
            questions=questions,
            outputs=outputs,
            scores=scores,
            workers=workers or _cores(),
            judge_model=judge_model,
            judge_url=judge_url,
            limit_cost=limit_cost,
            settings=_settings(settings or []),
        )
    )
    if jsonl is not None:
        lines = "".join(s.model_dump_json() + "\n" for s in found)
        if str(jsonl) == "-":
            sys.stdout.write(lines)
        else:
            write_text(jsonl, lines)
    if jsonl is None or str(jsonl) != "-":
        _show_scores(found, scores)
    troubled = [
        (f"{s.model}/{s.task}_task/{s.question_id}", s.explanation) for s in found if s.reason in WORTH_ANOTHER_TRY
    ]
    if troubled:
        _list_failures(troubled)
        raise typer.Exit(1)


@app.command()
def report(
    questions: Questions = defaults.QUESTIONS,
    outputs: Outputs = defaults.OUTPUTS,
    scores: Scores = defaults.SCORES,
    report: Annotated[Path, typer.Option(help="Folder of the page and tables.")] = defaults.REPORT,
) -> None:
    """Write index.html, scores.csv, scores.parquet, summary.json and table.tex."""
    from vmevalkit.reporting import report as run

    typer.echo(f"open {run(questions=questions, outputs=outputs, scores=scores, report=report)}")


@app.command()
def view(
    questions: Questions = defaults.QUESTIONS,
    outputs: Outputs = defaults.OUTPUTS,
    scores: Scores = defaults.SCORES,
    host: Annotated[str, typer.Option(help="Another than 127.0.0.1 asks visitors for a token.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8000,
    raters: Annotated[int, typer.Option(min=1, help="How many people rate each video.")] = 2,
) -> None:
    """Look at everything in a browser, compare models, rate videos."""
    from vmevalkit.web import view as run

    run(questions=questions, outputs=outputs, scores=scores, host=host, port=port, raters=raters)


@app.command("list")
def list_(
    shelf: Annotated[str, typer.Argument(help="models, tasks or scorers")],
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """What there is."""
    from vmevalkit.catalog import list_names

    found = list_names(shelf)  # type: ignore[arg-type]
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    width = max(len(item["name"]) for item in found)
    for item in found:
        typer.echo(f"{item['name']:<{width}}  {item['description']}")


@app.command()
def check(
    kind: Annotated[str, typer.Argument(help="task, model or scorer")],
    name: Annotated[str, typer.Argument(help="Its name, or a Python file that defines a task.")],
    seeds: Annotated[int, typer.Option(min=1, help="Puzzles a difficulty and mode, for a task.")] = 2,
    images: Annotated[Path, typer.Option(help="Folder for frames of videos that break it.")] = defaults.CHECKS,
    workers: Workers = None,
) -> None:
    """Run the contract on one thing, for the person adding it."""
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
    """What this machine can run, and what to do about the rest."""
    from vmevalkit.runner.doctor import examine

    for finding in examine():
        mark = {True: "ok  ", False: "no  ", None: "--  "}[finding.ok]
        typer.echo(f"{mark} {finding.topic}: {finding.what}" + (f"\n       -> {finding.fix}" if finding.fix else ""))


# ------------------------------------------------------------------------------------------------------------ helpers


def _cores() -> int:
    return os.cpu_count() or 1


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.lower().partition("x")
    if not (width.isdigit() and height.isdigit()):
        raise UsageError(f"--size {text}: write it as 720x480")
    return int(width), int(height)


def _settings(pairs: Sequence[str]) -> dict[str, Any]:
    settings: dict[str, Any] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not (name and equals):
            raise UsageError(f"--set {pair}: write it as name=value")
        try:
            settings[name] = json.loads(value)
        except json.JSONDecodeError:
            settings[name] = value
    return settings


def _show_plans(plans: Sequence[Any]) -> None:
    typer.echo(f"{'model':<28}{'to make':>8}{'done':>7}{'failed':>8}{'cannot':>8}{'time':>11}{'disk':>10}")
    for plan in plans:
        time = "unknown" if plan.seconds is None else _duration(plan.seconds)
        typer.echo(
            f"{plan.model:<28}{len(plan.todo):>8}{plan.complete:>7}{len(plan.failed_before):>8}"
            f"{plan.unanswerable:>8}{time:>11}{plan.bytes / 1e6:>7.1f} MB"
        )
    for plan in plans:
        if plan.obstacle:
            typer.echo(f"{plan.model} cannot run yet: {plan.obstacle}")
    typer.echo("Times are measured on one H200 (baselines: two CPU cores); disk is at most. See docs/measurements.md.")


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _show_scores(found: Sequence[Any], scores: Path) -> None:
    models = sorted({s.model for s in found})
    width = max((len(m) for m in models), default=0)
    for name in models:
        own = [s for s in found if s.model == name]
        counts = ", ".join(
            f"{sum(s.status == status for s in own)} {status}" for status in sorted({s.status for s in own})
        )
        typer.echo(f"{name:<{width}}  passed {sum(bool(s.passed) for s in own)} of {len(own)}  ({counts})")
    typer.echo(f"scores in {scores}")


def _list_failures(failed: Sequence[tuple[str, str]], flag: str = "") -> None:
    for where, why in failed[:20]:
        print(f"failed: {where}: {why}", file=sys.stderr)
    if len(failed) > 20:
        print(f"... and {len(failed) - 20} more", file=sys.stderr)
    print(f"to try again: the same command{' with ' + flag if flag else ''}", file=sys.stderr)


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


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    try:
        status = app(_expand(sys.argv[1:] if argv is None else argv), standalone_mode=False)
    except _WrongUsage as error:
        error.show()
        return 2
    except (KeyboardInterrupt, typer.Abort):
        status = _STOPPED
    except VMEvalError as error:
        print(f"vmevalkit: {error}", file=sys.stderr)
        return 2 if isinstance(error, UsageError) else 1
    if status == _STOPPED:
        print("stopped; run the same command again to go on", file=sys.stderr)
    return status if isinstance(status, int) else 0


if __name__ == "__main__":
    sys.exit(main())
