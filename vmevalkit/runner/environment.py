"""Python environments of models: where they are, whether they are needed, and whether they work.

`setup/install_model.sh` makes `envs/<name>/` and writes a marker into it last, so that a folder without a marker is not
an environment. The marker has a digest of what was installed, and the folder in which it was made.

    python -m vmevalkit.runner.environment requirements.txt diffusers:CogVideoXImageToVideoPipeline

imports all pinned packages and the named objects, and prints versions.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.metadata
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from vmevalkit import installation
from vmevalkit.errors import EnvironmentMissing, UsageError
from vmevalkit.models.base import ModelCard
from vmevalkit.runner.plugins import FAST, plugin_card, plugin_environment

State = Literal["ready", "outdated", "unfinished", "missing"]

MARKER = ".installed"
# Not imported, because importing pip changes how setuptools finds distutils.
_INSTALLERS = ("pip", "setuptools")


def needs_environment(card: ModelCard) -> bool:
    """Whether some of a model's packages are missing here. Looks for them without importing any."""
    return any(importlib.util.find_spec(package.split(".")[0]) is None for package in card.packages)


def environment_folder(name: str) -> Path:
    """Return the folder of an environment."""
    return installation.environments_folder() / name


def environment_state(name: str) -> State:
    """Return the state of an environment. `outdated` means usable, but made from other pins or in another folder."""
    folder = environment_folder(name)
    if not folder.is_dir():
        return "missing"
    if not (folder / MARKER).is_file() or not (folder / "bin" / "python").is_file():
        return "unfinished"
    try:
        expected = expected_marker(name)
    except EnvironmentMissing:
        # The current pins cannot be read, but the environment was finished.
        return "outdated"
    return "ready" if (folder / MARKER).read_text(encoding="utf-8") == expected else "outdated"


def expected_marker(name: str) -> str:
    """Return the content of a current environment's marker, as `marker_of` in setup/lib/common.sh does.

    Raises:
        EnvironmentMissing: the pins of a package's model cannot be used.
    """
    setup = installation.setup_folder()
    card = None if (setup / "models" / name.removesuffix(FAST)).is_dir() else plugin_card(name)
    if card is not None:
        return f"{plugin_environment(card).digest}\n{environment_folder(name)}\n"
    digest = hashlib.sha256()
    for file in ("requirements-fast.txt" if name.endswith(FAST) else "requirements.txt", "setup.sh"):
        digest.update((setup / "models" / name.removesuffix(FAST) / file).read_bytes())
    digest.update((setup / "lib" / "nvidia.txt").read_bytes())
    return f"{digest.hexdigest()}\n{environment_folder(name)}\n"


def preferred(name: str) -> str:
    """Return the environment that a run uses: the one with newer versions if it is finished, else the other."""
    return name + FAST if environment_state(name + FAST) in ("ready", "outdated") else name


def environment_python(card: ModelCard) -> Path | None:
    """Return the interpreter of a model's environment; None if there is no finished one."""
    if card.environment is None or environment_state(preferred(card.environment)) in ("missing", "unfinished"):
        return None
    return environment_folder(preferred(card.environment)) / "bin" / "python"


def require_python(card: ModelCard) -> Path:
    """Return the interpreter of a model that cannot run in this environment.

    Raises:
        EnvironmentMissing: its own environment is not installed.
    """
    python = environment_python(card)
    if python is not None:
        return python
    if card.environment is None:
        raise EnvironmentMissing(
            f"{card.name} needs {', '.join(card.packages)}", f"pip install {' '.join(card.packages)}"
        )
    state = environment_state(card.environment)
    raise EnvironmentMissing(f"the environment of {card.name} is {state}", install_command(card.environment))


def install_command(name: str) -> str:
    """Return the command that installs an environment."""
    command = "bash setup/install_model.sh" if installation.is_checkout() else "vmevalkit install"
    return f"{command} {name.removesuffix(FAST)}{' --fast' if name.endswith(FAST) else ''}"


def install(
    names: Sequence[str] = (),
    *,
    fast: bool = False,
    validate: bool = False,
    weights: Path | None = None,
    force: bool = False,
    list_models: bool = False,
) -> int:
    """Run setup/install_model.sh, which makes the environments of models. Return its exit status.

    Raises:
        UsageError: there is no bash.
    """
    bash = shutil.which("bash")
    if bash is None:
        raise UsageError("the installing scripts need bash, and there is none; on Windows, use WSL")
    flags = {"--fast": fast, "--validate": validate, "--force": force, "--list": list_models}
    words = [*names, *(flag for flag, given in flags.items() if given)]
    command = [bash, str(installation.setup_folder() / "install_model.sh"), *words]
    home = installation.environments_folder().parent
    # The scripts ask this Python for the models of installed packages.
    variables = {installation.VARIABLE: str(home), "VMEVALKIT_PYTHON": sys.executable}
    command += ["--weights", str(weights)] if weights else []
    return subprocess.run(command, env={**os.environ, **variables}, check=False).returncode


def main(arguments: list[str]) -> int:
    """Import what a requirements file pins, and print versions. Return 1 if an import fails."""
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
    """Return why a module, or an attribute of it, cannot be imported; None if it can."""
    if module.startswith("_") or not module.isidentifier():
        return None  # helpers of installers, which are not meant to be imported
    try:
        imported = importlib.import_module(module)
        if attribute:
            getattr(imported, attribute)
    except Exception as error:  # noqa: BLE001 - an import may run any code, and the others are tried, too
        return f"{module}{'.' + attribute if attribute else ''}: {type(error).__name__}: {error}"
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
