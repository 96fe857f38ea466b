"""SQLite databases that several threads and processes use at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import sqlalchemy as sql


def connect(path: Path) -> sql.Engine:
    """Open a database that survives being killed at any time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    engine = sql.create_engine(f"sqlite:///{path}", connect_args={"timeout": 30})

    @sql.event.listens_for(engine, "connect")
    def _set_up(connection: Any, _record: Any) -> None:
        # Write-ahead log; a commit returns when the data is on the disk.
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
            connection.execute(f"PRAGMA {pragma}")

    return engine
