"""Options that several commands share, and how their values are parsed."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from vmevalkit import defaults
from vmevalkit.errors import UsageError

Models = Annotated[
    list[str],
    typer.Option(
        "--model",
        "-m",
        metavar="NAME",
        help="Model of the catalog, my_file.py:my_function, command:FILE.toml, openvideo:NAME.",
    ),
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
    str | None,
    typer.Option(
        "--ray-address", metavar="ADDRESS", help="Address of a running cluster; by default, Ray is started here."
    ),
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
    str | None,
    typer.Option("--log", metavar="jsonl|tensorboard|wandb", help="Write each video or score to a log in this format."),
]
Limit = Annotated[
    int | None, typer.Option(min=1, metavar="N", help="Use only N questions, taken from each task in turn.")
]
Settings = Annotated[
    list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Change a setting of the model.")
]


def cores() -> int:
    """Return the number of cores of this machine."""
    return os.cpu_count() or 1


def parse_size(text: str) -> tuple[int, int]:
    """Return width and height, from a text such as 720x480."""
    sides = re.fullmatch(r"([0-9]{1,5})x([0-9]{1,5})", text.lower())
    if sides is None:
        raise UsageError(f"--size {text}: write it as 720x480")
    return int(sides[1]), int(sides[2])


def parse_settings(pairs: Sequence[str]) -> dict[str, Any]:
    """Return the settings of NAME=VALUE pairs. A value is JSON, or else text."""
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
