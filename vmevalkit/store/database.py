"""SQLite databases that several threads and processes use at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import sqlalchemy as sql

from vmevalkit.errors import StorageError


def connect(path: Path, schema: sql.MetaData) -> sql.Engine:
    """Open a database that survives being killed at any time, and create the tables that it lacks.

    Raises:
        DamagedDatabase: the file is not a database.
        StorageError: the folder cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError.from_os(path, error) from None
    engine = _engine(path)
    try:
        schema.create_all(engine)
        with engine.connect() as db:
            problem = db.execute(sql.text("PRAGMA quick_check(1)")).scalar_one()
    except sql.exc.OperationalError as error:
        raise StorageError(f"cannot write {path}: {error.orig}", "choose a folder that can be written") from None
    except sql.exc.DatabaseError as error:
        raise DamagedDatabase(f"{path} is damaged: {error.orig}", "move it away") from None
    if problem != "ok":
        raise DamagedDatabase(f"{path} is damaged: {' '.join(problem.split())[:300]}", "move it away")
    return engine


class DamagedDatabase(StorageError):
    """A file is not a database."""


def _engine(path: Path) -> sql.Engine:
    engine = sql.create_engine(f"sqlite:///{path}", connect_args={"timeout": 30})

    @sql.event.listens_for(engine, "connect")
    def _set_up(connection: Any, _record: Any) -> None:
        # A damaged text is shown as well as possible; by default, it ends the query.
        connection.text_factory = lambda data: data.decode("utf-8", "replace")
        # Write-ahead log; a commit returns when the data is on the disk.
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
            connection.execute(f"PRAGMA {pragma}")

    return engine
