"""The store on SQL: one database, opened, migrated, locked, written in groups and read."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Final, TypeVar

import sqlalchemy
from sqlalchemy import URL, Connection, Engine, delete, insert
from sqlalchemy.exc import ArgumentError, DatabaseError, IntegrityError
from sqlalchemy.exc import TimeoutError as NoConnection

from batchcalls.core.model import (
    Batch,
    BatchStatus,
    Call,
    CallStatus,
    EventType,
    Outcome,
    RetryOrder,
)
from batchcalls.store.contract import (
    BatchPage,
    CallPage,
    CommitInDoubt,
    Committed,
    EventPage,
    Group,
    OpenCall,
    QueueHead,
    Store,
    StoreFailure,
)
from batchcalls.store.sql import queries, queue, sqlite
from batchcalls.store.sql.migrate import migrate
from batchcalls.store.sql.schema import heartbeat
from batchcalls.store.sql.writer import Writer, Written

T = TypeVar("T")
Query = Callable[[Connection], T]


_BALLAST: Final = bytes(512 * 1024)
"""A probe writes more than a group does: on a disk that is nearly full a small one would pass."""


_DRIVERS: Final = ("sqlite", "sqlite+pysqlite")
"""What opens a file by the driver that Python comes with; ``sqlite`` knows no other."""


class UnsupportedDatabase(Exception):
    """The database URL names a dialect that this version can't serve."""


_OLDEST: Final = (3, 33, 0)
"""The first SQLite that updates a table from rows it is given."""


def _sqlite_url(database: str) -> URL:
    if sqlite3.sqlite_version_info < _OLDEST:
        raise UnsupportedDatabase(f"SQLite {sqlite3.sqlite_version} is too old: use 3.33 or newer")
    try:
        url = sqlalchemy.make_url(database)
    except ArgumentError as error:
        raise UnsupportedDatabase(f"{database} is no database URL: use sqlite:///FILE") from error
    if url.drivername not in _DRIVERS:
        raise UnsupportedDatabase(f"{url.drivername} is not supported: use sqlite:///FILE")
    if url.host or url.port:
        raise UnsupportedDatabase(f"{database} names a host: a file is sqlite:///FILE")
    if url.query:
        raise UnsupportedDatabase(f"{database} has options: a file is sqlite:///FILE, and no more")
    return url


class SqlStore(Store):
    """One database. Make it with ``open``."""

    def __init__(self, writer: Engine, readers: Engine, lock: sqlite.FileLock | None) -> None:
        self._engine = writer
        self._readers = readers
        self._lock = lock
        self._writer = Writer()
        self._in_doubt: tuple[Group, Written] | None = None

    def __repr__(self) -> str:
        return f"<SqlStore {self._engine.url} {self._writer!r}>"

    @classmethod
    def open(cls, database: str) -> SqlStore:
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
            if lock:
                lock.watch(writer, readers)
        except BaseException as error:
            writer.dispose()
            if lock:
                lock.release()
            if isinstance(error, DatabaseError):
                raise StoreFailure(f"{database} can't be opened: {error.orig}") from error
            raise
        return cls(writer, readers, lock)

    @property
    def file(self) -> Path | None:
        """Where the database is, by its own name; None in memory."""
        path = sqlite.database_path(self._engine.url)
        return path.resolve() if path else None

    def unfinished_batches(self) -> list[Batch]:
        """All batches that aren't final; the writer knows their keys from now on."""
        found = self.read(queries.unfinished_batches)
        for key, batch in found:
            self._writer.know(batch.batch_id, key)
        return [batch for _, batch in found]

    def open_calls(self, batch_id: str) -> list[OpenCall]:
        """The calls with an intent and no outcome."""
        key = self._writer.key(batch_id)
        return self.read(lambda read: queries.open_calls(read, key, batch_id))

    def is_empty(self) -> bool:
        """Whether no batch was ever stored."""
        return self.read(queries.is_empty)

    def commit(self, group: Group) -> Committed:
        """Write a group in one transaction.

        Raises:
          StoreFailure: nothing was written; the same group may be tried again.
          CommitInDoubt: it may have been written; ``settle`` comes next.
          LostRow, IntegrityError: a bug; nothing was written.
        """
        if not group.writes:
            return Committed()
        self.check()
        assert self._in_doubt is None, "what is in doubt is settled first"
        result = None
        try:
            with self._engine.begin() as connection:
                result = self._writer.write(connection, group)
        except IntegrityError:
            raise
        except DatabaseError as error:
            if result is None or not sqlite.is_in_doubt(error):
                raise StoreFailure(str(error.orig)) from error
            self._in_doubt = group, result
            raise CommitInDoubt(str(error.orig)) from error
        self._writer.committed(result)
        return result

    def settle(self, time_us: int) -> Committed | None:
        """Look the commit in doubt up, behind one that overwrites what is left of it if it failed.

        Raises:
          StoreFailure: that can't be done now.
        """
        assert self._in_doubt is not None, "a commit is in doubt"
        group, result = self._in_doubt
        self.probe(time_us)
        kept = [one for one in group.batches.values() if one.batch_id not in result.refused]
        is_written = self.read_latest(lambda read: queries.are_stored(read, kept))
        self._in_doubt = None
        if not is_written:
            return None
        self._writer.committed(result)
        return result

    def forget(self, batch_id: str) -> None:
        """Forget the key of a batch that is final."""
        self._writer.forget(batch_id)

    def queue_head(
        self,
        batch_id: str,
        *,
        now_us: int,
        after: tuple[float, ...] | None,
        limit: int,
        order: RetryOrder,
    ) -> QueueHead:
        """What waits first, as the last commit left it."""
        key = self._writer.key(batch_id)
        return self.read_latest(
            lambda read: queue.queue_head(
                read, key, now_us=now_us, after=after, limit=limit, order=order
            )
        )

    def undialed_calls(self, batch_id: str, *, limit: int) -> list[tuple[int, CallStatus]]:
        """What waits, in no order, as the last commit left it."""
        key = self._writer.key(batch_id)
        return self.read_latest(lambda read: queue.undialed_calls(read, key, limit=limit))

    def batch(self, batch_id: str) -> Batch | None:
        """The batch with that id."""
        return self.read(lambda read: queries.batch(read, batch_id))

    def batch_of_request(self, request_id: str) -> Batch | None:
        """The batch that the request with that id made."""
        return self.read(lambda read: queries.batch_of_request(read, request_id))

    def batch_page(
        self, *, cursor: str = "", limit: int, statuses: Collection[BatchStatus] = ()
    ) -> BatchPage:
        """Batches, newest first."""
        return self.read(
            lambda read: queries.batch_page(read, cursor=cursor, limit=limit, statuses=statuses)
        )

    def call(self, batch_id: str, position: int) -> Call | None:
        """One call with its attempts."""
        return self.read(lambda read: queries.call(read, batch_id, position))

    def call_page(
        self,
        batch_id: str,
        *,
        after: int = -1,
        limit: int,
        statuses: Collection[CallStatus] = (),
        outcomes: Collection[Outcome] = (),
    ) -> CallPage:
        """Calls by position."""
        return self.read(
            lambda read: queries.call_page(
                read, batch_id, after=after, limit=limit, statuses=statuses, outcomes=outcomes
            )
        )

    def event_page(
        self, batch_id: str, *, after: int = 0, limit: int, types: Collection[EventType] = ()
    ) -> EventPage | None:
        """Events by sequence."""
        return self.read(
            lambda read: queries.event_page(read, batch_id, after=after, limit=limit, types=types)
        )

    def earliest_due_us(self) -> int:
        """When the retry that is due first is due."""
        return self.read(lambda read: queue.earliest_due_us(read, queries.running_keys(read)))

    def read_latest(self, query: Query[T]) -> T:
        """Run a query on the writer's own connection, behind the last commit."""
        return self._read(self._engine, query)

    def read(self, query: Query[T]) -> T:
        """Run a query on a connection of the readers, as one snapshot."""
        return self._read(self._readers, query)

    def _read(self, engine: Engine, query: Query[T]) -> T:
        try:
            with engine.connect() as connection:
                return query(connection)
        except DatabaseError as error:
            raise StoreFailure(str(error.orig)) from error
        except NoConnection as error:
            raise StoreFailure("all connections to the database are in use") from error

    def probe(self, time_us: int) -> None:
        """Find out whether the store can commit as much as a group. Raises ``StoreFailure``."""
        self.check()
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

    def check(self) -> None:
        """Find out whether the files are where they belong. Raises ``StoreFailure``."""
        if self._lock:
            self._lock.check()

    def close(self) -> None:
        """Close all connections and give up the lock. Idempotent."""
        self._readers.dispose()
        self._engine.dispose()
        if self._lock:
            self._lock.release()
            self._lock = None
