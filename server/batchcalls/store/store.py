"""The store: one database, opened, migrated, locked, written in groups and read.

It decides nothing. All its methods block; the journal calls the writing ones from one
thread at a time, readers may call ``read`` from any number of threads.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

import sqlalchemy
from sqlalchemy import URL, Connection, Engine, delete, insert
from sqlalchemy.exc import ArgumentError, DatabaseError, IntegrityError

from batchcalls.core.model import Batch
from batchcalls.store import queries, sqlite
from batchcalls.store.group import Committed, Group
from batchcalls.store.migrate import migrate
from batchcalls.store.schema import heartbeat
from batchcalls.store.writer import Writer

T = TypeVar("T")
Query = Callable[[Connection], T]


_BALLAST: Final = bytes(512 * 1024)
"""A probe writes more than a group does: on a disk that is nearly full a small one would pass."""


class StoreFailure(Exception):
    """The store can't commit or read now (disk full, I/O error); nothing was written."""


class UnsupportedDatabase(Exception):
    """The database URL names a dialect that this version can't serve."""


def _sqlite_url(database: str) -> URL:
    try:
        url = sqlalchemy.make_url(database)
    except ArgumentError as error:
        raise UnsupportedDatabase(f"{database} is no database URL: use sqlite:///FILE") from error
    if url.get_backend_name() != "sqlite":
        raise UnsupportedDatabase(f"{url.drivername} is not supported: use sqlite:///FILE")
    if url.host or url.port:
        raise UnsupportedDatabase(f"{database} names a host: a file is sqlite:///FILE")
    return url


class Store:
    """One database. Make it with ``open``; close it when nothing uses it any more."""

    def __init__(self, writer: Engine, readers: Engine, lock: sqlite.FileLock | None) -> None:
        self._engine = writer
        self._readers = readers
        self._lock = lock
        self._writer = Writer()

    def __repr__(self) -> str:
        return f"<Store {self._engine.url} {self._writer!r}>"

    @classmethod
    def open(cls, database: str) -> Store:
        """Open the database behind a SQLAlchemy URL; create and migrate it as needed.

        Raises:
          DatabaseInUse: another server has it.
          UnsupportedDatabase: not a SQLite URL.
          NewerDatabase: it was made by a newer version.
          StoreFailure: it can't be opened.
        """
        url = _sqlite_url(database)
        path = sqlite.database_path(url)
        try:
            lock = sqlite.FileLock(path) if path else None
        except OSError as error:
            raise StoreFailure(f"{database} can't be opened: {error}") from error
        writer, readers = sqlite.engines(url)
        try:
            migrate(writer)
        except BaseException as error:
            if lock:
                lock.release()
            if isinstance(error, DatabaseError):
                raise StoreFailure(f"{database} can't be opened: {error.orig}") from error
            raise
        return cls(writer, readers, lock)

    def unfinished_batches(self) -> list[Batch]:
        """All batches that aren't final; from now on they can be written to."""
        found = self.read(queries.unfinished_batches)
        for key, batch in found:
            self._writer.know(batch.batch_id, key)
        return [batch for _, batch in found]

    def key(self, batch_id: str) -> int:
        """The key of a batch, for queries that take one; until it is forgotten."""
        return self._writer.key(batch_id)

    def forget(self, batch_id: str) -> None:
        """Nobody will read or write that batch by its key any more."""
        self._writer.forget(batch_id)

    def commit(self, group: Group) -> Committed:
        """Write a group durably, all or nothing. An empty one costs nothing.

        Raises:
          StoreFailure: nothing was written; the same group may be tried again.
          LostRow, IntegrityError: a bug; nothing was written.
        """
        if not group.writes:
            return Committed()
        try:
            with self._engine.begin() as connection:
                result = self._writer.write(connection, group)
        except IntegrityError:
            raise
        except DatabaseError as error:
            raise StoreFailure(str(error.orig)) from error
        self._writer.committed(result)
        return result

    def read_latest(self, query: Query[T]) -> T:
        """Read what the last commit left, on the writer's own connection."""
        return self._read(self._engine, query)

    def read(self, query: Query[T]) -> T:
        """Read one snapshot, from any thread. Raises ``StoreFailure``."""
        return self._read(self._readers, query)

    def _read(self, engine: Engine, query: Query[T]) -> T:
        try:
            with engine.connect() as connection:
                return query(connection)
        except DatabaseError as error:
            raise StoreFailure(str(error.orig)) from error

    def probe(self, time_us: int) -> None:
        """Find out whether the store can commit as much as a group. Raises ``StoreFailure``."""
        try:
            for ballast in (_BALLAST, b""):
                self._beat(time_us, ballast)
        except DatabaseError as error:
            raise StoreFailure(str(error.orig)) from error

    def _beat(self, time_us: int, ballast: bytes) -> None:
        row = {"heartbeat_key": 1, "time_us": time_us, "ballast": ballast}
        with self._engine.begin() as connection:
            connection.execute(delete(heartbeat))
            connection.execute(insert(heartbeat), row)

    def close(self) -> None:
        """Close all connections and give up the lock. Idempotent."""
        self._readers.dispose()
        self._engine.dispose()
        if self._lock:
            self._lock.release()
            self._lock = None
