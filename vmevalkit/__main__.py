"""`python -m vmevalkit` is the command line."""

import sys

from vmevalkit.cli import main

if __name__ == "__main__":
    sys.exit(main())
