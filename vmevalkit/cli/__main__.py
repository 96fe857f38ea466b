"""The command line as `python -m vmevalkit.cli`."""

import sys

from vmevalkit.cli import main

sys.exit(main())
