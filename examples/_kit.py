"""Let the examples run under any `python3`: one that lacks the kit hands over to one that has it."""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# Tells the second Python that it is the second.
HANDED_OVER = "VMEVALKIT_HANDED_OVER"


def verb(name):
    """Run `vmevalkit NAME` with the script's arguments and end with its exit status."""
    ensure()
    from vmevalkit.cli import main

    sys.exit(main([name, *sys.argv[1:]]))


def ensure():
    """Go on under a Python that has the kit, or say in one line how to get one."""
    try:
        import vmevalkit.cli  # noqa: F401
    except ImportError as error:
        environments = [ROOT / ".venv", *sorted(marker.parent for marker in ROOT.glob("envs/*/.installed"))]
        for python in (str(environment / "bin" / "python") for environment in environments):
            if os.path.isfile(python) and HANDED_OVER not in os.environ:
                os.environ[HANDED_OVER] = "1"
                os.execv(python, [python, *sys.argv])  # noqa: S606 - no shell is wanted
        sys.exit(f"this Python cannot import the kit ({error}); install it: make -C '{ROOT}' install")
