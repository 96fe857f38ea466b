"""Environments of models that installed packages add.

The card of such a model names an environment and a file of exact pins. `setup/install_model.sh` asks what to install:

    python -m vmevalkit.runner.plugins NAME

prints, one a line: the environment, the model, the file of pins, the digest for the marker, the class that must import,
and the arguments with which pip installs the package. The exit status is 1 if no package has the model.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import re
import sys
import urllib.parse
from pathlib import Path

from vmevalkit.errors import EnvironmentMissing, VMEvalError
from vmevalkit.models.base import MODELS, ModelCard
from vmevalkit.types import Record

# Suffix of the second environment that a model of the kit may have.
FAST = "-fast"
_PIN = re.compile(r"[A-Za-z0-9._-]+==[A-Za-z0-9.!+_-]+(\s*;.*)?")


class PluginEnvironment(Record):
    """What is installed for a model of a package.

    Attributes:
        name: of the environment.
        model: name of the model.
        requirements: file of exact pins.
        digest: of the pins and of the package; the environment is outdated if it changes.
        wrapper: the class that must import in the environment.
        package: arguments of pip that install the package itself.
    """

    name: str
    model: str
    requirements: Path
    digest: str
    wrapper: str
    package: tuple[str, ...]


def plugin_card(name: str) -> ModelCard | None:
    """Return the card whose model or environment has this name and brings its own pins; None if there is none."""
    cards = [MODELS[model] for model in MODELS if MODELS[model].requirements is not None]
    return next((card for card in cards if name in (card.name, card.environment)), None)


def plugin_environment(card: ModelCard) -> PluginEnvironment:
    """Return what is installed for a model of a package.

    Raises:
        EnvironmentMissing: the file of pins cannot be used, or the model is not part of an installed package.
    """
    if card.requirements is None or card.environment is None:
        raise ValueError(f"{card.name} has no requirements of its own")
    if card.environment.endswith(FAST):
        raise EnvironmentMissing(
            f"the environment of {card.name} cannot be named '{card.environment}'", f"rename it: {FAST} has a meaning"
        )
    pins = _read_pins(card, card.requirements)
    distribution = _distribution(card)
    # RECORD lists the digest of every file, so that changed code counts even if the version is the same.
    content = "\n".join((pins, distribution.version, distribution.read_text("RECORD") or ""))
    return PluginEnvironment(
        name=card.environment,
        model=card.name,
        requirements=card.requirements.resolve(),
        digest=hashlib.sha256(content.encode()).hexdigest(),
        wrapper=card.wrapper,
        package=_pip_arguments(distribution),
    )


def _read_pins(card: ModelCard, file: Path) -> str:
    """Return the text of a file of pins, after checking that each line is one."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise EnvironmentMissing(
            f"the requirements of {card.name} cannot be read: {file}", "add the file to the data files of its package"
        ) from None
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    for line in lines:
        if not _PIN.fullmatch(line):
            raise EnvironmentMissing(f"{file}: '{line}' is not an exact pin", "write it as name==version")
    for builder in ("pip", "setuptools"):
        if not any(line.startswith(f"{builder}==") for line in lines):
            raise EnvironmentMissing(f"{file} does not pin {builder}", f"add a line {builder}==version")
    return text


def _distribution(card: ModelCard) -> importlib.metadata.Distribution:
    """Return the installed package whose entry point belongs to a model."""
    top = re.split(r"[.:]", card.wrapper)[0]
    for entry in importlib.metadata.entry_points(group="vmevalkit.models"):
        if entry.dist is not None and re.split(r"[.:]", entry.value)[0] == top:
            return entry.dist
    raise EnvironmentMissing(
        f"{card.name} is not part of an installed package, so it cannot have an environment of its own",
        "install its package with pip, with an entry point of the group vmevalkit.models",
    )


def _pip_arguments(distribution: importlib.metadata.Distribution) -> tuple[str, ...]:
    """Return how pip installs the same package from where it came: a folder, a file, a repository, or an index."""
    origin = json.loads(distribution.read_text("direct_url.json") or "{}")
    if not origin:
        return (f"{distribution.name}=={distribution.version}",)
    url = origin["url"]
    if url.startswith("file:"):
        path = urllib.parse.unquote(urllib.parse.urlsplit(url).path)
        return ("--editable", path) if origin.get("dir_info", {}).get("editable") else (path,)
    if "vcs_info" in origin:
        url = f"{origin['vcs_info']['vcs']}+{url}@{origin['vcs_info']['commit_id']}"
    return (f"{distribution.name} @ {url}",)


def main(arguments: list[str]) -> int:
    """Print what to install for a model. Return 1 if no package has it."""
    (name,) = arguments
    card = plugin_card(name)
    if card is None:
        return 1
    found = plugin_environment(card)
    lines = (found.name, found.model, str(found.requirements), found.digest, found.wrapper, *found.package)
    print("\n".join(lines))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except VMEvalError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
