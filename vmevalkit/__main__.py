"""The program `vmevalkit`, and `python -m vmevalkit`. Separate from `cli`, so that ctrl-C can stop imports, too."""

from __future__ import annotations

import sys


def main() -> int:
    """Run the command line and return its exit status."""
    try:
        from vmevalkit import cli
    except KeyboardInterrupt:
        return 130
    return cli.main()


if __name__ == "__main__":
    sys.exit(main())
