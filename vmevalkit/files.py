"""Files: atomic writes, locks and digests. A file that is being written never has its final name."""

from __future__ import annotations

import errno
import fnmatch
import hashlib
import importlib
import importlib.util
import json
import os
import re
import secrets
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from vmevalkit.errors import StorageError, UsageError

_NO_LOCKS = frozenset({errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK})

# Names that `temporary_name` gives.
_TEMPORARY = re.compile(r"\.+[^/]+\.[0-9a-f]{12}\.(tmp|mp4|mp4\.original)")


def temporary_name(name: str, suffix: str = ".tmp") -> str:
    """Return a name for a file that is being written and will be called `name`. `remove_temporary` knows such names."""
    return f".{name}.{secrets.token_hex(6)}{suffix}"


def remove_temporary(folder: Path, idle_seconds: float = 0.0) -> None:
    """Remove the temporary files that killed processes left below a folder.

    Args:
        folder: nothing may be writing there, unless `idle_seconds` is given.
        idle_seconds: keep files that were changed in the last seconds, which another process may be writing.
    """
    latest = time.time() - idle_seconds
    for path in folder.rglob(".*"):
        with suppress(OSError):
            if _TEMPORARY.fullmatch(path.name) and path.is_file() and path.stat().st_mtime <= latest:
                path.unlink()


@contextmanager
def replacing(path: Path | str, suffix: str = ".tmp") -> Iterator[Path]:
    """Give a temporary path in the same folder, which replaces `path` when the block ends without an error.

    Args:
        suffix: of the temporary file, for programs that look at it.

    Raises:
        StorageError: the folder cannot be written, or the disk is full.
    """
    path = Path(path)
    if os.path.isdir(path):
        raise StorageError(f"cannot write {path}: it is a folder")
    temporary = path.with_name(temporary_name(path.name, suffix))
    try:
        if not path.parent.is_dir():
            path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        temporary.replace(path)
    except OSError as error:
        raise StorageError.from_os(path, error) from None
    finally:
        # After a success it is gone already.
        with suppress(OSError):
            temporary.unlink()


def glob(folder: Path, pattern: str) -> list[Path]:
    """Return the paths in a folder that match a pattern, sorted; none if the folder is missing or cannot be read."""
    if "/" in pattern:
        return sorted(folder.glob(pattern)) if os.path.isdir(folder) else []
    # Several times faster than pathlib, which counts where each of 100,000 folders is listed.
    try:
        return [folder / name for name in sorted(fnmatch.filter(os.listdir(folder), pattern))]
    except OSError:
        return []


def move(source: Path, target: Path) -> None:
    """Move a file within a file system, replacing the target atomically.

    Raises:
        StorageError: the folder cannot be written.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        source.replace(target)
    except OSError as error:
        raise StorageError.from_os(target, error) from None


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file atomically."""
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Write a file atomically, as UTF-8, without changing newlines. Bytes of paths that are no text become `?`."""
    write_bytes(path, text.encode("utf-8", "replace"))


@contextmanager
def locked(path: Path, activity: str) -> Iterator[None]:
    """Hold a lock file while the block runs. The system releases it when this process ends, however it ends.

    Args:
        path: the file; it is removed at the end.
        activity: what the holder is doing, for the message to others, such as "making questions in data/questions".

    Raises:
        UsageError: another process holds the lock.
        StorageError: the folder cannot be written.
    """
    try:
        file = _acquire(path)
    except OSError as error:
        raise StorageError.from_os(path, error) from None
    if file is None:
        holder = _read_holder(path) or "another process"
        raise UsageError(f"{holder} is {activity}", "wait until it has ended, then rerun the same command")
    try:
        yield
    finally:
        # Before the lock is released: a process that has opened the file meanwhile sees that it is gone.
        with suppress(OSError):
            path.unlink()
        file.close()


def _acquire(path: Path) -> IO[str] | None:
    """Open and lock a file, and write the name of this process into it. Return None if another process holds it."""
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a", encoding="utf-8")
        if not _try_lock(file):
            file.close()
            return None
        # The last holder may have removed the file between the two calls. Then the lock is on a file without a name.
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(file.fileno()), path.stat()):
                file.truncate(0)
                file.write(f"process {os.getpid()} on {socket.gethostname()}")
                file.flush()
                return file
        file.close()


def _try_lock(file: IO[str]) -> bool:
    """Lock an open file for this process. Return whether no other one holds it."""
    try:
        if sys.platform == "win32":
            import msvcrt

            # Beyond the text, because others could not read locked bytes.
            file.seek(2**30)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    except OSError as error:
        # Some file systems of clusters have no locks. Then nobody is refused.
        if error.errno not in _NO_LOCKS:
            raise
    return True


def _read_holder(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""


def dumps(value: Any) -> str:
    """Return JSON as the kit writes it: indented, in the given order, with a final newline."""
    return json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def sha256(path: Path) -> str:
    """Return the SHA-256 digest of a file, in hexadecimal.

    Raises:
        StorageError: the file cannot be read.
    """
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while chunk := file.read(1 << 20):
                digest.update(chunk)
    except OSError as error:
        raise StorageError(f"{path} cannot be read: {error.strerror}", "change its permissions") from None
    return digest.hexdigest()


def sha256_or_none(path: Path) -> str | None:
    """Return the SHA-256 digest of a file; None if it does not exist or cannot be read."""
    try:
        return sha256(path)
    except StorageError:
        return None


def has_toml() -> bool:
    """Whether `read_toml` works: Python 3.10 needs the package tomli for it."""
    return sys.version_info >= (3, 11) or importlib.util.find_spec("tomli") is not None


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file.

    Raises:
        UsageError: it cannot be read, or is not valid.
    """
    if not has_toml():
        raise UsageError(f"{path}: Python 3.10 needs tomli to read it", "pip install tomli")
    toml = importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    try:
        found: dict[str, Any] = toml.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None
    except ValueError as error:  # not TOML, or not UTF-8
        raise UsageError(f"{path} is not valid TOML: {error}") from None
    return found
