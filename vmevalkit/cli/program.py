"""The program: its general options, what stops it, and its exit status.

Exit status: 0 all done; 1 something failed, and it is listed at the end with the command that retries it; 2 wrong
usage, nothing touched; 130 stopped by ctrl-C or SIGTERM.
"""

from __future__ import annotations

import errno
import io
import logging
import os
import signal
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Annotated, Any

import typer

from vmevalkit._version import __version__
from vmevalkit.cli import catalog, exchange, machine, servers, stages
from vmevalkit.deprecation import OPTIONS, sentence
from vmevalkit.errors import UsageError, VMEvalError
from vmevalkit.redaction import CleanFormatter, clean

app = typer.Typer(
    name="vmevalkit",
    help="Measure whether image-to-video models can reason: make puzzles, generate videos, score and report.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

# Click's UsageError, wherever typer keeps its click; BadParameter is the subclass that it exports.
_WrongUsage: Any = typer.BadParameter.__base__

# The exit status that shells expect after ctrl-C. Newer releases of typer return it themselves.
_STOPPED = 130

# Why stdout cannot be written: the disk is full, the reader has ended, or it was closed.
_BROKEN_OUTPUT = frozenset({errno.ENOSPC, errno.EPIPE, errno.EBADF, errno.EIO})

# Options that take several values after one flag: --task maze chess.
_SEVERAL = frozenset(
    {"--model", "-m", "--mode", "--task", "-t", "--task-id", "--scorer", "--set", "--tag", "--from-scores"}
)


def _show_version(shown: bool) -> None:
    if shown:
        typer.echo(f"vmevalkit {__version__}")
        raise typer.Exit


@app.callback()
def _common(
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Show what happens inside.")] = False,
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", is_eager=True, callback=_show_version)
    ] = False,
) -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(CleanFormatter("%(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    if verbose:
        logging.getLogger("vmevalkit").setLevel(logging.DEBUG)


# The help text lists the commands in this order.
for group in (stages, exchange, servers, catalog, machine):
    app.add_typer(group.app)


def _current(argv: Sequence[str]) -> Iterator[str]:
    """Replace old names of options, and say so."""
    for word in argv:
        name, equals, value = word.partition("=")
        if name in OPTIONS:
            print(f"vmevalkit: {sentence(name, OPTIONS[name])}", file=sys.stderr)
        yield OPTIONS.get(name, name) + equals + value


def _expand(argv: Iterable[str]) -> list[str]:
    """Repeat a flag that takes several values: `--task maze chess` becomes `--task maze --task chess`."""
    expanded: list[str] = []
    several: str | None = None
    given = 0
    for word in argv:
        if word.startswith("-") and word != "-":
            several, given = (word, 0) if word in _SEVERAL else (None, 0)
        elif several is not None:
            if given:
                expanded.append(several)
            given += 1
        expanded.append(word)
    return expanded


def _check_folder() -> None:
    try:
        os.getcwd()
    except OSError:
        raise UsageError("the current folder does not exist any more", "cd to another one") from None


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    _accept_any_text()
    try:
        with _stoppable():
            status = _run(sys.argv[1:] if argv is None else argv)
    except OSError as error:
        # What the kit writes elsewhere fails as a StorageError; an error with a path has another cause.
        if error.filename is not None or error.errno not in _BROKEN_OUTPUT:
            raise
        return _report_broken_output(error)
    except SystemExit as error:
        # How typer ends after a broken pipe.
        if not isinstance(error.__context__, BrokenPipeError):
            raise
        return _report_broken_output(error.__context__)
    return status


def _accept_any_text() -> None:
    """Let the output contain any text, whatever the encoding of the terminal."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _report_broken_output(error: OSError) -> int:
    """Say that the output cannot be written, and drop the rest of it."""
    # Otherwise, Python would try again at its end, and fail.
    with open(os.devnull, "w") as nothing:
        os.dup2(nothing.fileno(), 1)
    if error.errno == errno.EPIPE:
        # The reader has seen enough, as `head` has.
        return 0
    print(f"vmevalkit: the output cannot be written: {error.strerror}", file=sys.stderr)
    return 1


@contextmanager
def _stoppable() -> Iterator[None]:
    """Let SIGTERM, with which schedulers stop a process, do what ctrl-C does: also stop the worker processes."""

    def stop(number: int, frame: object) -> None:
        from multiprocessing import active_children

        for child in active_children():
            with suppress(ProcessLookupError):
                os.kill(child.pid or 0, signal.SIGINT)
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _run(argv: Sequence[str]) -> int:
    """Run one command, and turn what a user can fix into a line and a status."""
    try:
        _check_folder()
        status = app(_expand(_current(argv)), standalone_mode=False)
        if sys.stdout is not None:
            sys.stdout.flush()
    except _WrongUsage as error:
        error.show()
        return 2
    except (KeyboardInterrupt, typer.Abort):
        status = _STOPPED
    except VMEvalError as error:
        print(f"vmevalkit: {clean(str(error))}", file=sys.stderr)
        return 2 if isinstance(error, UsageError) else 1
    if status == _STOPPED:
        print("stopped; rerun the same command to resume", file=sys.stderr)
    return status if isinstance(status, int) else 0
