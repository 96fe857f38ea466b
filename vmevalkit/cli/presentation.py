"""What the command line prints: plans, scores, failures and the entries of the catalog."""

from __future__ import annotations

import itertools
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import typer

from vmevalkit import defaults

_FAILURES_SHOWN = 20


def show_plans(plans: Sequence[Any]) -> None:
    """Print what `generate` would do, one line for each model."""
    typer.echo(f"{'model':<28}{'to make':>8}{'done':>7}{'failed':>8}{'cannot':>8}{'time':>11}{'cost':>10}{'disk':>10}")
    for plan in plans:
        time = "unknown" if plan.seconds is None else _duration(plan.seconds)
        cost = "unknown" if plan.cost is None else f"{plan.cost:.2f} $" if plan.cost else "-"
        typer.echo(
            f"{plan.model:<28}{len(plan.todo):>8}{plan.complete:>7}{len(plan.failed_before):>8}"
            f"{plan.unanswerable:>8}{time:>11}{cost:>10}{plan.bytes / 1e6:>7.1f} MB"
        )
    for plan in plans:
        if plan.obstacle:
            typer.echo(f"{plan.model} cannot run yet: {plan.obstacle}")
    typer.echo("Times were measured on one H200 (baselines: two CPU cores). Disk is an upper bound.")
    if any(plan.cost for plan in plans):
        typer.echo(f"Costs are list prices of {defaults.PRICES_DATE}, or those of --set price.")


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def show_scores(scores: Sequence[Any], folder: Path) -> None:
    """Print how many videos of each model passed."""
    models = sorted({score.model for score in scores})
    width = max((len(model) for model in models), default=0)
    measuring = {score.scorer for score in scores if score.measures}
    for model, measures in itertools.product(models, (False, True)):
        own = [score for score in scores if score.model == model and (score.scorer in measuring) == measures]
        if own:
            statuses = sorted({score.status for score in own})
            counts = ", ".join(f"{sum(score.status == status for score in own)} {status}" for status in statuses)
            typer.echo(f"{model:<{width}}  {_measured(own) if measures else _passed(own)}  ({counts})")
    typer.echo(f"scores in {folder}")


def _passed(scores: Sequence[Any]) -> str:
    return f"passed {sum(bool(score.passed) for score in scores)} of {len(scores)}"


def _measured(scores: Sequence[Any]) -> str:
    """Say what a scorer that does not decide measured. What has no value counts as 0."""
    mean = sum(score.value or 0.0 for score in scores) / len(scores)
    return f"mean value {mean:.3f} of {len(scores)}, by {scores[0].scorer}"


def show_unfinished(unfinished: Sequence[tuple[str, str]]) -> None:
    """Print how many videos the run did not reach, and why, on stderr."""
    for reason, count in Counter(why for _, why in unfinished).most_common(_FAILURES_SHOWN):
        print(f"{count} not made: {reason}", file=sys.stderr)
    print("to resume, rerun the same command", file=sys.stderr)


def show_failures(failed: Sequence[tuple[str, str]], flag: str = "") -> None:
    """Print what failed, each reason once, and how to try it again, on stderr."""
    places: dict[str, list[str]] = {}
    for where, why in failed:
        places.setdefault(why, []).append(where)
    for why, found in list(places.items())[:_FAILURES_SHOWN]:
        others = f" and {len(found) - 1} more" if len(found) > 1 else ""
        print(f"failed: {found[0]}{others}: {why}", file=sys.stderr)
    if len(places) > _FAILURES_SHOWN:
        rest = sum(map(len, list(places.values())[_FAILURES_SHOWN:]))
        print(f"... and {rest} more", file=sys.stderr)
    print(f"to try again, rerun the same command{' with ' + flag if flag else ''}", file=sys.stderr)


def show_left_out(left_out: Sequence[tuple[str, str]]) -> None:
    """Print what was left out of an import or an export, and why, on stderr."""
    for name, why in left_out[:_FAILURES_SHOWN]:
        print(f"left out: {name}: {why}", file=sys.stderr)
    if len(left_out) > _FAILURES_SHOWN:
        print(f"... and {len(left_out) - _FAILURES_SHOWN} more", file=sys.stderr)


def show_names(entries: Sequence[Mapping[str, Any]]) -> None:
    """Print names with descriptions."""
    width = max((len(entry["name"]) for entry in entries), default=0)
    for entry in entries:
        typer.echo(f"{entry['name']:<{width}}  {entry['description']}")


def show_details(entry: Mapping[str, Any]) -> None:
    """Print everything that is known about one model, task or scorer."""
    for key, value in entry.items():
        if key == "settings":
            typer.echo("settings")
            width = max((len(setting["name"]) for setting in value), default=0)
            for setting in value:
                default = "required" if setting["required"] else f"default {setting['default']}"
                typer.echo(f"  {setting['name']:<{width}}  {setting['allowed']}; {default}")
        elif isinstance(value, Mapping):
            typer.echo(key)
            for name, item in value.items():
                typer.echo(f"  {name}: {item}")
        else:
            shown = ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else value
            typer.echo(f"{key}: {shown}")
