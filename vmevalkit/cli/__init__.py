"""The command line. Each verb is a function of the Python API with the same words."""

from __future__ import annotations

from vmevalkit.cli.program import app, main

__all__ = ["app", "main"]
