"""The store opens, commits or says that it can't, and gives everything up at the end."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path

import pytest
from sqlalchemy import Connection, QueuePool, create_engine, event
from sqlalchemy.exc import OperationalError

from batchcalls.store.contract import CommitInDoubt, StoreFailure
from batchcalls.store.sql import queries
from batchcalls.store.sql.migrate import NewerDatabase
from batchcalls.store.sql.sql_store import SqlStore, UnsupportedDatabase
from batchcalls.testing.store.bench import Books
from batchcalls.testing.store.changes import NOW_US, dialed, submitted


def url(path: Path) -> str:
    return f"sqlite:///{path}"


def fill_disk(store: SqlStore) -> None:
    """Let the writer's database grow no more."""

    def stop_growing(connection: Connection) -> None:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}").close()

    store.read_latest(stop_growing)


def empty_disk(store: SqlStore) -> None:
    def grow(connection: Connection) -> None:
        connection.exec_driver_sql("PRAGMA max_page_count = 1000000").close()

    store.read_latest(grow)


def test_a_full_disk_is_a_store_failure_and_nothing_is_written(tmp_path: Path) -> None:
    """The same group passes, unchanged, when there is room again."""
    store = SqlStore.open(url(tmp_path / "calls.db"))
    group = Books().group(submitted(calls=5_000))
    fill_disk(store)
    with pytest.raises(StoreFailure, match="full"):
        store.commit(group)
    assert store.read(lambda read: queries.batch(read, "batch_a")) is None
    empty_disk(store)
    store.commit(group)
    assert store.read(lambda read: queries.batch(read, "batch_a")) == group.batches["batch_a"]
    store.close()


def break_sync(store: SqlStore, *, writes: bool) -> None:
    """Let the next commit fail where the sync comes, with its pages written, or without."""
    engine = store._engine
    broken = OperationalError("COMMIT", None, sqlite3.OperationalError("disk I/O error"))

    @event.listens_for(engine, "commit", once=True)
    def fail(connection: Connection) -> None:
        if writes:
            connection.connection.commit()
        raise broken


@pytest.mark.parametrize("writes", [True, False])
def test_a_commit_whose_sync_fails_is_in_doubt_until_it_is_looked_up(
    tmp_path: Path, *, writes: bool
) -> None:
    """What it left is told if it is there; if it isn't, the same group passes afterwards."""
    store = SqlStore.open(url(tmp_path / "calls.db"))
    books = Books()
    group = books.group(submitted())
    break_sync(store, writes=writes)
    with pytest.raises(CommitInDoubt, match="disk I/O error"):
        store.commit(group)
    committed = store.settle(NOW_US)
    assert (committed is not None) == writes
    if committed is None:
        committed = store.commit(group)
    assert len(committed.payloads) == 1
    store.commit(books.group(dialed()))
    assert [number for number, _ in events(store)] == [1, 2]
    store.close()


def events(store: SqlStore) -> Sequence[tuple[int, bytes]]:
    page = store.event_page("batch_a", limit=10)
    assert page is not None
    return page.events


def test_what_is_in_doubt_stays_so_while_the_store_fails(tmp_path: Path) -> None:
    """An answer needs a disk; then it is the right one."""
    store = SqlStore.open(url(tmp_path / "calls.db"))
    break_sync(store, writes=True)
    with pytest.raises(CommitInDoubt):
        store.commit(Books().group(submitted()))
    fill_disk(store)
    with pytest.raises(StoreFailure):
        store.settle(NOW_US)
    empty_disk(store)
    assert store.settle(NOW_US) is not None
    store.close()


def test_the_probe_tells_whether_the_store_can_commit(tmp_path: Path) -> None:
    """It writes for real: it passes on a good disk, as often as you like, and on no other."""
    path = tmp_path / "calls.db"
    store = SqlStore.open(url(path))
    store.probe(1)
    store.probe(2)
    store.read_latest(lambda write: write.exec_driver_sql("PRAGMA query_only = ON").close())
    with pytest.raises(StoreFailure, match="readonly"):
        store.probe(3)
    store.close()


def test_the_probe_fails_on_a_disk_that_is_nearly_full(tmp_path: Path) -> None:
    """Room for a single row isn't room for a group: the store isn't well before it can take one."""
    store = SqlStore.open(url(tmp_path / "calls.db"))
    fill_disk(store)
    with pytest.raises(StoreFailure, match="full"):
        store.probe(1)
    empty_disk(store)
    store.probe(2)
    store.close()


def test_an_empty_group_costs_nothing() -> None:
    """Where there is nothing to write no transaction begins."""
    store = SqlStore.open("sqlite://")
    store.read_latest(lambda write: write.exec_driver_sql("PRAGMA query_only = ON").close())
    assert store.commit(Books().group()).payloads == []
    store.close()


@pytest.mark.parametrize("read", ["read", "read_latest"])
def test_a_read_that_fails_is_a_store_failure(read: str) -> None:
    """Callers needn't know what the database calls its errors."""
    store = SqlStore.open("sqlite://")
    with pytest.raises(StoreFailure, match="no such table"):
        getattr(store, read)(lambda reader: reader.exec_driver_sql("SELECT * FROM nowhere"))
    store.close()


def test_a_read_that_finds_no_connection_free_is_a_store_failure() -> None:
    """Whoever holds all of them gives one back some time: it is no bug of ours."""
    engine = create_engine(
        "sqlite://", poolclass=QueuePool, pool_size=1, max_overflow=0, pool_timeout=0.001
    )
    store = SqlStore(engine, engine, None)
    with engine.connect(), pytest.raises(StoreFailure, match="in use"):
        store.batch("batch_a")
    store.close()


def test_a_database_that_is_none_is_refused(tmp_path: Path) -> None:
    """A file of something else is left alone and named, and its lock is free again."""
    path = tmp_path / "calls.db"
    path.write_text("a letter to my bank, which is long enough to be no database header at all")
    for _ in range(2):
        with pytest.raises(StoreFailure, match=r"calls\.db can't be opened"):
            SqlStore.open(url(path))
    assert path.read_text().startswith("a letter")


def test_a_folder_that_does_not_exist_is_named(tmp_path: Path) -> None:
    """The server makes files, not folders: a misspelt path is told at once."""
    with pytest.raises(StoreFailure, match="nowhere"):
        SqlStore.open(url(tmp_path / "nowhere" / "calls.db"))


def test_a_newer_database_is_refused_and_its_lock_is_free(tmp_path: Path) -> None:
    """An older program doesn't touch it, and doesn't keep the newer one out."""
    path = tmp_path / "calls.db"
    store = SqlStore.open(url(path))

    def come_from_the_future(connection: Connection) -> None:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()

    store.read_latest(come_from_the_future)
    store.close()
    for _ in range(2):
        with pytest.raises(NewerDatabase, match="9999"):
            SqlStore.open(url(path))


def test_only_sqlite_is_supported() -> None:
    """Another dialect is refused by name, with the form that works."""
    with pytest.raises(UnsupportedDatabase, match=r"postgresql .*sqlite:///FILE"):
        SqlStore.open("postgresql://localhost/calls")


@pytest.mark.parametrize("database", ["sqlite://host/x.db", "calls.db", "sqlite://h:1/x.db"])
def test_a_url_that_leads_to_no_file_is_refused(database: str) -> None:
    """The message says what a database URL looks like."""
    with pytest.raises(UnsupportedDatabase, match="sqlite:///FILE"):
        SqlStore.open(database)


def test_a_sqlite_that_is_too_old_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the first submission would fail, with words about syntax."""
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 32, 3))
    with pytest.raises(UnsupportedDatabase, match="is too old"):
        SqlStore.open("sqlite://")
