"""Where the kit's scripts and the environments of models are.

In a checkout, `setup/`, `envs/` and `weights/` are beside the package. A wheel has a copy of the scripts in
`vmevalkit/_setup/` (setup.py), and environments are in the user's folder for data.
"""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from vmevalkit import defaults

VARIABLE = "VMEVALKIT_HOME"
"""Environment variable that names the folder in which environments of models are made."""

PACKAGE = Path(__file__).resolve().parent
REPOSITORY = PACKAGE.parent


def is_checkout() -> bool:
    """Whether the kit runs from its repository."""
    return (REPOSITORY / "setup" / "install_model.sh").is_file()


def setup_folder() -> Path:
    """Return the folder of the installing scripts and of the pins of models."""
    return REPOSITORY / "setup" if is_checkout() else PACKAGE / "_setup"


def environments_folder() -> Path:
    """Return the folder that has an environment of each installed model."""
    if home := os.environ.get(VARIABLE):
        return Path(home).expanduser().resolve() / defaults.ENVIRONMENTS
    if is_checkout():
        return REPOSITORY / defaults.ENVIRONMENTS
    # https://specifications.freedesktop.org/basedir-spec/latest/
    data = Path(os.environ.get("XDG_DATA_HOME") or "~/.local/share").expanduser()
    return data.resolve() / "vmevalkit" / defaults.ENVIRONMENTS


def script(name: str) -> str:
    """Return the path of a script of setup/ for a command that is shown to the user."""
    return f"setup/{name}" if is_checkout() else shlex.quote(str(setup_folder() / name))


def in_checkout(command: str) -> str:
    """Return a command that works in a checkout only; elsewhere, it says so."""
    return command if is_checkout() else f"{command}, in a clone of the repository"
