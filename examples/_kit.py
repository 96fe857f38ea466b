"""Run an example with any `python3`: if it cannot import the kit, run the script again with a Python that can."""

import os
import sys
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent.parent
# Set for the second Python, so that a script is run again only once.
RESTARTED = "VMEVALKIT_RESTARTED"


def verb(name: str) -> NoReturn:
    """Run `vmevalkit NAME` with the arguments of the script, and exit with its status."""
    ensure()
    from vmevalkit.cli import main

    sys.exit(main([name, *sys.argv[1:]]))


def ensure() -> None:
    """Continue in a Python that has the kit, or exit with one line that says how to install it."""
    try:
        import vmevalkit.cli  # noqa: F401
    except ImportError as error:
        environments = [ROOT / ".venv", *sorted(marker.parent for marker in ROOT.glob("envs/*/.installed"))]
        for python in (str(environment / "bin" / "python") for environment in environments):
            if os.path.isfile(python) and RESTARTED not in os.environ:
                os.environ[RESTARTED] = "1"
                os.execv(python, [python, *sys.argv])  # noqa: S606 - no shell is needed
        sys.exit(f"this Python cannot import the kit ({error}); install it: make -C '{ROOT}' install")
