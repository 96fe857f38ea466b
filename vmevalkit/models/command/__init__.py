"""Models that are programs of other repositories, run by command."""

from vmevalkit.models.command.batch import Batcher
from vmevalkit.models.command.file import CommandFile, find_file, read_file, ready_files
from vmevalkit.models.command.program import Program

__all__ = ["Batcher", "CommandFile", "Program", "find_file", "read_file", "ready_files"]
