"""Everything that only SQLite knows: pragmas, transactions, the lock on the file.

WAL lets readers read while the writer writes; ``synchronous=FULL`` makes each commit durable
before it is reported. The driver's own transaction control is switched off, since it would
begin transactions late and never for reads; ours begin ``IMMEDIATE`` on the writer (a second
writer fails at once instead of in the middle) and deferred on readers (one snapshot a read).
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Any, Final

import sqlalchemy
from sqlalchemy import URL, Connection, Engine, event, pool

_BUSY_TIMEOUT_MS: Final = 5_000
"""How long to wait for a foreign writer (somebody's shell) before giving up."""

_READERS: Final = 4
"""Connections for reads that are kept open: for their lanes, and for scrapes of metrics."""

_LOG_BYTES: Final = 16 * 2**20
"""What the write-ahead log is cut down to when it starts over, should it have grown longer: a
backup or somebody's shell may hold a snapshot for long."""


class DatabaseInUse(Exception):
    """Another server has the database file open. One file belongs to one server."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"another server is using {path}: stop it first, or give this one its own --database"
        )


class FileLock:
    """The right to be the only server on a database file.

    The kernel drops the lock when the process ends, however it ends. The lock is on a file
    beside the database, since SQLite's own locks live in the database file and a lock of ours
    would be lost when any other handle on that file is closed.
    """

    def __init__(self, database: Path) -> None:
        lock = f"{database.resolve()}.lock"  # one for all the names that lead to the file
        self._file = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._file)
            raise DatabaseInUse(database) from None

    def release(self) -> None:
        os.close(self._file)


def database_path(url: URL) -> Path | None:
    """The file behind a SQLite URL; None for a database in memory."""
    if not url.database or url.database == ":memory:":
        return None
    return Path(url.database)


def engines(url: URL) -> tuple[Engine, Engine]:
    """The writer (one connection) and the readers of a database; in memory they are one."""
    if database_path(url) is None:
        both = _engine(url, begin="BEGIN IMMEDIATE", poolclass=pool.StaticPool)
        return both, both
    writer = _engine(url, begin="BEGIN IMMEDIATE", poolclass=pool.QueuePool, pool_size=1)
    readers = _engine(url, begin="BEGIN", poolclass=pool.QueuePool, pool_size=_READERS)
    return writer, readers


def _engine(url: URL, *, begin: str, **options: Any) -> Engine:
    engine = sqlalchemy.create_engine(url, connect_args={"check_same_thread": False}, **options)
    event.listen(engine, "connect", _connected)
    event.listen(engine, "begin", lambda connection: _begin(connection, begin))
    return engine


def _connected(connection: Any, _record: object) -> None:
    connection.isolation_level = None
    for pragma in (
        f"busy_timeout = {_BUSY_TIMEOUT_MS}",
        "journal_mode = WAL",
        "synchronous = FULL",
        f"journal_size_limit = {_LOG_BYTES}",
        "foreign_keys = ON",
    ):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin(connection: Connection, statement: str) -> None:
    connection.exec_driver_sql(statement)
