"""Everything that only SQLite knows: pragmas, transactions, the lock on the file.

WAL lets readers read while the writer writes; ``synchronous=FULL`` makes each commit durable
before it is reported. The driver's own transaction control is switched off, since it would
begin transactions late and never for reads; ours begin ``IMMEDIATE`` on the writer (a second
writer fails at once instead of in the middle) and deferred on readers (one snapshot a read).
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import sys
from pathlib import Path
from typing import Any, Final

import sqlalchemy
from sqlalchemy import URL, Connection, Engine, event, pool
from sqlalchemy.exc import DatabaseError

from batchcalls.store.contract import StoreFailure

_BUSY_TIMEOUT_MS: Final = 5_000
"""How long to wait for a foreign writer (somebody's shell) before giving up."""

_READERS: Final = 4
"""Connections for reads that are kept open: for their lanes, and for scrapes of metrics."""

_LOG_BYTES: Final = 16 * 2**20
"""What the write-ahead log is cut down to when it starts over, should it have grown longer: a
backup or somebody's shell may hold a snapshot for long."""

_NEVER_WRITTEN: Final = (
    *(sqlite3.SQLITE_BUSY, sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY),
    sqlite3.SQLITE_IOERR_WRITE,
)
"""Errors of a COMMIT that came before its last page: no crash can make it whole.

Where the pages are written and the sync fails, the transaction is taken back, but a process that
starts on the same log before another commit has overwritten it finds it there.
"""

_LOCKS_ARE_APART: Final = sys.platform == "linux"
"""Whether SQLite's locks, which are of ``fcntl(2)``, and those of ``flock(2)`` never meet."""

_Identity = tuple[int, int]
"""The device and the number of a file, by whatever name."""


class DatabaseInUse(Exception):
    """Another server has the database file open. One file belongs to one server."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"another server is using {path}: stop it first, or give this one its own --database"
        )


class FileLock:
    """The right to be the only server on a database file, and the eye on that file.

    The lock is on the file itself, so it holds for all the names that lead to it, links and
    mounts included; the kernel drops it when the process ends, however it ends. It is a lock of
    ``flock(2)``: Linux keeps those apart from SQLite's own, and no other handle that is closed
    takes it away. Elsewhere the two may be one, so there a file beside the database is locked.

    Closing this handle would take SQLite's locks off the file: release it behind SQLite.
    """

    def __init__(self, database: Path) -> None:
        locked = database if _LOCKS_ARE_APART else f"{database.resolve()}.lock"
        self._handle = os.open(locked, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._handle)
            if isinstance(error, BlockingIOError):
                raise DatabaseInUse(database) from None
            raise  # a file system without locks, for one
        self._files: dict[Path, _Identity] = {}
        self._database = database.absolute()

    def watch(self, *engines: Engine) -> None:
        """Take the database and its log, which is there by now, for what belongs at their paths.

        The engines open no other file from now on.

        Raises:
          StoreFailure: the database was replaced while it was opened.
        """
        real = self._database.resolve()  # beside which, and not beside a link, SQLite has its log
        log = real.with_name(f"{real.name}-wal")
        self._files = {path: _identity(path.stat()) for path in (self._database, log)}
        if _LOCKS_ARE_APART and self._files[self._database] != _identity(os.fstat(self._handle)):
            raise _gone(self._database)
        for engine in engines:
            event.listen(engine, "do_connect", lambda *_: self.check())

    def check(self) -> None:
        """Find out whether the files that are open are still those at their paths.

        What is written to a file that was deleted, or has another in its place, is lost with
        the process, however well it was synced. A file that is moved back is as good as before.

        Raises:
          StoreFailure: they aren't.
        """
        for path, identity in self._files.items():
            try:
                is_there = _identity(path.stat()) == identity
            except OSError:
                is_there = False
            if not is_there:
                raise _gone(path)

    def release(self) -> None:
        os.close(self._handle)


def _identity(found: os.stat_result) -> _Identity:
    return found.st_dev, found.st_ino


def _gone(path: Path) -> StoreFailure:
    return StoreFailure(f"{path} was deleted, moved or replaced while this server used it")


def is_in_doubt(error: DatabaseError) -> bool:
    """Whether a COMMIT that failed so may have been written."""
    return getattr(error.orig, "sqlite_errorcode", None) not in _NEVER_WRITTEN


def database_path(url: URL) -> Path | None:
    """The file behind a SQLite URL; None for a database in memory."""
    if not url.database or url.database == ":memory:":
        return None
    return Path(url.database)


def engines(url: URL) -> tuple[Engine, Engine]:
    """The writer (one connection) and the readers of a database.

    One in memory lives in its connection: all share the one there is, and take turns.
    """
    if database_path(url) is None:
        both = _engine(
            url, begin="BEGIN IMMEDIATE", poolclass=pool.QueuePool, pool_size=1, max_overflow=0
        )
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
