"""Files: atomic writes and digests. A file that is being written never has its final name."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from vmevalkit.errors import StorageError


@contextmanager
def replacing(path: Path | str, suffix: str = ".tmp") -> Iterator[Path]:
    """Give a temporary path in the same folder, which replaces `path` when the block ends without an error.

    Args:
        suffix: of the temporary file, for programs that look at it.

    Raises:
        StorageError: the folder cannot be written, or the disk is full.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}{suffix}")
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
    """Write a file atomically, as UTF-8, without changing newlines."""
    write_bytes(path, text.encode())


def dumps(value: Any) -> str:
    """Return JSON as the kit writes it: indented, in the given order, with a final newline."""
    return json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def sha256(path: Path) -> str:
    """Return the SHA-256 digest of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()
