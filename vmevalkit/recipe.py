"""An experiment in a TOML file: the commands of `vmevalkit run`, with the words of their options.

    experiment = "night"        # or questions, outputs and scores
    tags = ["first try"]

    [make]
    task = ["maze", "sudoku"]
    count = 20

    [generate]
    model = ["cogvideox-tiny-i2v"]
    samples = 2
    set = { num_inference_steps = 20 }

    [score]
    [report]

A table is a command, and its keys are options. A key before the first table is an option of every command that has it.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from vmevalkit.errors import UnknownName, UsageError
from vmevalkit.files import read_toml

VERBS = ("make", "generate", "score", "report")
"""The commands that a file may have, in the order in which they run."""

# Keys whose option has another name, because one option adds one value.
_NAMES = {"tags": "tag"}


def read_recipe(path: Path, options: Mapping[str, Collection[str]]) -> list[tuple[str, list[str]]]:
    """Return the commands of a file, each with the words of its options.

    Args:
        path: the file.
        options: the names of the options of each command.

    Raises:
        UsageError: the file cannot be read, or has a key that no command has.
    """
    content = read_toml(path)
    tables = {name: value for name, value in content.items() if isinstance(value, Mapping)}
    for name in tables:
        if name not in VERBS:
            raise UnknownName(f"table in {path}", name, VERBS)
    if not tables:
        raise UsageError(f"{path} has no commands", "add a table such as [generate]")
    shared = {name: value for name, value in content.items() if name not in tables}
    for name in shared:
        if not any(_option(name) in options[verb] for verb in tables):
            known = {option for verb in tables for option in options[verb]} | set(_NAMES)
            raise UnknownName(f"key in {path}", name, known)
    commands = []
    for verb in (verb for verb in VERBS if verb in tables):
        own = {name: value for name, value in shared.items() if _option(name) in options[verb]}
        for name in tables[verb]:
            if _option(name) not in options[verb]:
                raise UnknownName(f"key in [{verb}] of {path}", name, [*options[verb], *_NAMES])
        commands.append((verb, list(_words({**own, **tables[verb]}))))
    return commands


def _option(name: str) -> str:
    return _NAMES.get(name, name).replace("_", "-")


def _words(options: Mapping[str, Any]) -> Iterator[str]:
    """Yield the words of a command line. Values follow `=`, so that none is taken for an option."""
    for name, value in options.items():
        flag = f"--{_option(name)}"
        if isinstance(value, bool):
            yield flag if value else f"--no-{_option(name)}"
        elif isinstance(value, Mapping):
            yield from (f"{flag}={key}={json.dumps(item)}" for key, item in _flat(value))
        else:
            yield from (f"{flag}={item}" for item in (value if isinstance(value, list) else [value]))


def _flat(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the values of a table, those of inner tables as `judge.votes`."""
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
