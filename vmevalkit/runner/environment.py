"""A model's own Python environment: where it is, whether it is needed, and whether it works.

`setup/install_model.sh` makes `envs/<name>/` and writes a marker into it as the last thing, so that a folder without it
is not an environment. The marker holds the fingerprint of what was installed and the folder it was made in.

    python -m vmevalkit.runner.environment requirements.txt diffusers:CogVideoXImageToVideoPipeline

imports everything that is pinned there, and what is named, and prints versions.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.metadata
import importlib.util
import re
import sys
from pathlib import Path
from typing import Literal

from vmevalkit import defaults
from vmevalkit.errors import EnvironmentMissing
from vmevalkit.models.base import ModelCard

State = Literal["ready", "outdated", "unfinished", "missing"]

MARKER = ".installed"
# A model may have a second environment with newer versions, which is preferred where it is there.
FAST = "-fast"
# Importing pip changes how setuptools, and what uses it, finds distutils.
_INSTALLERS = ("pip", "setuptools")
# The kit is run from its repository, where setup/ and envs/ lie beside the package.
REPOSITORY = Path(__file__).resolve().parents[2]


def needs_environment(card: ModelCard) -> bool:
    """Whether a model's packages cannot be imported here. Looks for them without importing any."""
    return any(importlib.util.find_spec(package.split(".")[0]) is None for package in card.packages)


def environment_folder(name: str) -> Path:
    """Where `setup/install_model.sh` puts an environment."""
    return REPOSITORY / defaults.ENVIRONMENTS / name


def environment_state(name: str) -> State:
    """`outdated` means usable, but made from other pins than those of today or in another folder."""
    folder = environment_folder(name)
    if not folder.is_dir():
        return "missing"
    if not (folder / MARKER).is_file() or not (folder / "bin" / "python").is_file():
        return "unfinished"
    return "ready" if (folder / MARKER).read_text(encoding="utf-8") == expected_marker(name) else "outdated"


def expected_marker(name: str) -> str:
    """What the marker of a good environment holds; `marker_of` in setup/lib/common.sh says the same."""
    setup = REPOSITORY / "setup"
    digest = hashlib.sha256()
    for file in ("requirements-fast.txt" if name.endswith(FAST) else "requirements.txt", "setup.sh"):
        digest.update((setup / "models" / name.removesuffix(FAST) / file).read_bytes())
    digest.update((setup / "lib" / "nvidia.txt").read_bytes())
    return f"{digest.hexdigest()}\n{environment_folder(name)}\n"


def preferred(name: str) -> str:
    """The environment that a run takes: the one with newer versions if it is finished, else the reference one."""
    return name + FAST if environment_state(name + FAST) in ("ready", "outdated") else name


def environment_python(card: ModelCard) -> Path | None:
    """The interpreter of a model's finished environment, or None where there is none."""
    if card.environment is None or environment_state(preferred(card.environment)) in ("missing", "unfinished"):
        return None
    return environment_folder(preferred(card.environment)) / "bin" / "python"


def require_python(card: ModelCard) -> Path:
    """The interpreter that a model needs which cannot run here.

    Raises:
        EnvironmentMissing: there is none yet.
    """
    python = environment_python(card)
    if python is not None:
        return python
    if card.environment is None:
        raise EnvironmentMissing(
            f"{card.name} needs {', '.join(card.packages)}", "install them beside the kit with pip"
        )
    state = environment_state(card.environment)
    raise EnvironmentMissing(f"the environment of {card.name} is {state}", install_command(card.environment))


def install_command(name: str) -> str:
    """What a person types to get an environment."""
    return f"bash setup/install_model.sh {name.removesuffix(FAST)}{' --fast' if name.endswith(FAST) else ''}"


def main(arguments: list[str]) -> int:
    """Import what a requirements file pins and print versions; 1 if something does not import."""
    requirements, *objects = arguments
    pins = re.findall(r"^([A-Za-z0-9._-]+)==", Path(requirements).read_text(encoding="utf-8"), re.MULTILINE)
    modules: dict[str, list[str]] = {}
    for module, owners in importlib.metadata.packages_distributions().items():
        for owner in owners:
            modules.setdefault(_normal(owner), []).append(module)
    failures = []
    print(f"python {sys.version.split()[0]}")
    for pin in sorted(pins, key=_normal):
        try:
            print(f"{pin} {importlib.metadata.version(pin)}")
        except importlib.metadata.PackageNotFoundError:
            continue  # pinned for another platform
        if pin in _INSTALLERS:
            continue
        failures += [error for module in modules.get(_normal(pin), []) if (error := _import(module))]
    for name in objects:
        module, attribute = name.split(":")
        error = _import(module, attribute)
        print(f"{name} {'does not import' if error else 'imports'}")
        failures += [error] if error else []
    for failure in failures:
        print(failure, file=sys.stderr)
    return 1 if failures else 0


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _import(module: str, attribute: str | None = None) -> str | None:
    """Why a module, or something in it, cannot be imported; None if it can."""
    if module.startswith("_") or not module.isidentifier():
        return None  # not for importing: helpers of installers
    try:
        imported = importlib.import_module(module)
        if attribute:
            getattr(imported, attribute)
    except Exception as error:  # noqa: BLE001 - an import runs anybody's code, and the rest is to be tried too
        return f"{module}{'.' + attribute if attribute else ''}: {type(error).__name__}: {error}"
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
