"""SQLite is set up to be durable, to be read while it is written, and to have one server."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy
from sqlalchemy import Engine, insert
from sqlalchemy.exc import IntegrityError

from batchcalls.store.contract import Group, StoreFailure
from batchcalls.store.sql import schema, sqlite
from batchcalls.store.sql.migrate import migrate
from batchcalls.store.sql.sql_store import SqlStore, UnsupportedDatabase
from batchcalls.store.sql.sqlite import DatabaseInUse, FileLock
from batchcalls.testing.store.bench import Books
from batchcalls.testing.store.changes import submitted

BEAT = {"heartbeat_key": 1, "time_us": 1, "ballast": b""}
OTHER_SERVER = """
import sys
from batchcalls.store.sql.sql_store import SqlStore
store = SqlStore.open(sys.argv[1])
print("open", flush=True)
sys.stdin.read()
"""


def url(path: Path) -> str:
    return f"sqlite:///{path}"


def group() -> Group:
    return Books().group(submitted())


@pytest.fixture
def engines(tmp_path: Path) -> Iterator[tuple[Engine, Engine]]:
    writer, readers = sqlite.engines(sqlalchemy.make_url(url(tmp_path / "calls.db")))
    migrate(writer)
    yield writer, readers
    writer.dispose()
    readers.dispose()


def start_other_server(database: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", OTHER_SERVER, url(database)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "open\n"
    return process


def test_a_log_that_grew_long_is_cut_down(engines: tuple[Engine, Engine], tmp_path: Path) -> None:
    """While somebody holds a snapshot it grows; once it starts over the disk has its space back."""
    writer, readers = engines

    def write(times: int) -> int:
        for _ in range(times):
            with writer.begin() as connection:
                connection.execute(schema.heartbeat.delete())
                connection.execute(insert(schema.heartbeat), BEAT | {"ballast": bytes(1_000_000)})
        return (tmp_path / "calls.db-wal").stat().st_size

    with readers.connect() as connection:
        connection.execute(sqlalchemy.select(schema.heartbeat))
        assert write(30) > 25_000_000
    assert write(10) <= 16 * 2**20


def test_commits_are_durable_and_keys_are_checked(engines: tuple[Engine, Engine]) -> None:
    """Every connection runs in WAL mode, syncs each commit, and enforces foreign keys."""
    for engine in engines:
        with engine.connect() as connection:
            found = [
                connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
                for name in ("journal_mode", "synchronous", "foreign_keys")
            ]
        assert found == ["wal", 2, 1]


def beat(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(insert(schema.heartbeat), BEAT)


def test_readers_do_not_block_the_writer(engines: tuple[Engine, Engine]) -> None:
    """While a read goes on the writer commits, and the read goes on seeing its snapshot."""
    writer, readers = engines
    query = schema.heartbeat.select()
    with readers.connect() as connection:
        assert connection.execute(query).all() == []
        beat(writer)
        assert connection.execute(query).all() == []
    with readers.connect() as connection:
        assert len(connection.execute(query).all()) == 1


def test_the_writer_does_not_block_readers(engines: tuple[Engine, Engine]) -> None:
    """While a transaction is open, readers see what was committed before it."""
    writer, readers = engines
    with writer.begin() as connection:
        connection.execute(insert(schema.heartbeat), BEAT)
        with readers.connect() as reader:
            assert reader.execute(schema.heartbeat.select()).all() == []


def create_and_beat(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE left_over (a)")
        connection.execute(insert(schema.heartbeat), BEAT)


def test_a_transaction_that_fails_is_taken_back(engines: tuple[Engine, Engine]) -> None:
    """What was written before the failure is gone, schema changes included."""
    writer, _ = engines
    beat(writer)
    with pytest.raises(IntegrityError):
        create_and_beat(writer)
    assert "left_over" not in sqlalchemy.inspect(writer).get_table_names()


def test_a_second_server_is_refused(tmp_path: Path) -> None:
    """One file belongs to one server; the refusal names the file and the way out."""
    path = tmp_path / "calls.db"
    store = SqlStore.open(url(path))
    with pytest.raises(DatabaseInUse, match=f"another server is using {path}.*--database"):
        SqlStore.open(url(path))
    store.close()
    SqlStore.open(url(path)).close()


@pytest.mark.parametrize("name", [Path.symlink_to, Path.hardlink_to])
def test_a_second_server_is_refused_by_whatever_name(
    tmp_path: Path, name: Callable[[Path, Path], None]
) -> None:
    """The lock is on the file itself: a link to it is the same file."""
    path, link = tmp_path / "calls.db", tmp_path / "link.db"
    store = SqlStore.open(url(path))
    name(link, path)
    with pytest.raises(DatabaseInUse):
        SqlStore.open(url(link))
    store.close()


def test_a_database_behind_a_link_is_as_good_as_any(tmp_path: Path) -> None:
    """Its log is beside the file itself; a link that leads elsewhere by now is noticed."""
    (tmp_path / "disk").mkdir()
    path, link = tmp_path / "disk" / "calls.db", tmp_path / "link.db"
    link.symlink_to(path)
    store = SqlStore.open(url(link))
    store.commit(group())
    link.unlink()
    link.symlink_to(tmp_path / "disk" / "other.db")
    with pytest.raises(StoreFailure, match=f"{link} was deleted, moved or replaced"):
        store.check()
    store.close()


@pytest.mark.parametrize("driver", ["aiosqlite", "pysqlcipher", "none"])
def test_other_drivers_are_refused(driver: str) -> None:
    """Whether they are installed or not: they would need settings of their own."""
    with pytest.raises(UnsupportedDatabase, match=f"sqlite.{driver} is not supported"):
        SqlStore.open(f"sqlite+{driver}:///calls.db")


def test_a_file_that_cannot_be_locked_is_not_in_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some file systems have no locks: who looks for another server looks for nothing."""

    def no_locks(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", no_locks)
    with pytest.raises(StoreFailure, match=r"can't be opened.*No locks available"):
        SqlStore.open(url(tmp_path / "calls.db"))


def test_no_file_beside_the_database_carries_the_lock(tmp_path: Path) -> None:
    """There is nothing that somebody could clear away: only SQLite's own files are there."""
    path = tmp_path / "calls.db"
    store = SqlStore.open(url(path))
    names = {file.name for file in tmp_path.iterdir()}
    store.close()
    assert names == {"calls.db", "calls.db-wal", "calls.db-shm"}


def test_the_lock_outlives_the_handles_of_sqlite(tmp_path: Path) -> None:
    """SQLite closes a file of its own, in this process, and the lock holds all the same."""
    path = tmp_path / "calls.db"
    with start_other_server(path) as other:
        other.communicate("close")
    lock = FileLock(path)
    sqlite3.connect(path).close()
    with pytest.raises(DatabaseInUse):
        FileLock(path)
    lock.release()


def test_the_lock_is_no_business_of_sqlite(tmp_path: Path) -> None:
    """Somebody's shell may read and write beside a server, and takes nothing from its log."""
    path = tmp_path / "calls.db"
    with start_other_server(path) as other:
        before = (tmp_path / "calls.db-wal").stat().st_ino
        with closing(sqlite3.connect(path, isolation_level=None)) as shell:
            shell.execute("INSERT INTO heartbeat VALUES (1, 1, x'')")
            assert shell.execute("SELECT count(*) FROM heartbeat").fetchone() == (1,)
        assert (tmp_path / "calls.db-wal").stat().st_ino == before
        other.communicate("close")


def delete(path: Path) -> None:
    path.unlink()


def replace(path: Path) -> None:
    shutil.copy(path, path.with_suffix(".copy"))
    path.with_suffix(".copy").replace(path)


def move(path: Path) -> None:
    path.rename(path.with_suffix(".moved"))


@pytest.mark.parametrize("suffix", ["", "-wal"])
@pytest.mark.parametrize("harm", [delete, replace, move])
def test_a_file_that_is_not_there_any_more_takes_nothing(
    tmp_path: Path, harm: Callable[[Path], None], suffix: str
) -> None:
    """What would be written to a file that nobody will find again is refused, and says why."""
    store = SqlStore.open(url(tmp_path / "calls.db"))
    path = tmp_path / f"calls.db{suffix}"
    harm(path)
    for ask in (partial(store.probe, 1), store.check, partial(store.commit, group())):
        with pytest.raises(StoreFailure, match=f"{path} was deleted, moved or replaced"):
            ask()
    store.close()


def test_a_file_that_is_moved_back_is_as_good_as_before(tmp_path: Path) -> None:
    """Nothing was written while it was away."""
    path, away = tmp_path / "calls.db", tmp_path / "away.db"
    store = SqlStore.open(url(path))
    path.rename(away)
    with pytest.raises(StoreFailure):
        store.commit(group())
    away.rename(path)
    store.commit(group())
    store.close()
    store = SqlStore.open(url(path))
    assert store.batch("batch_a")
    store.close()


def test_no_reader_opens_another_file(tmp_path: Path) -> None:
    """A read that needs one more connection fails; it makes no new database at the path."""
    path = tmp_path / "calls.db"
    store = SqlStore.open(url(path))
    path.unlink()
    with pytest.raises(StoreFailure, match="was deleted"):
        store.batch("batch_a")
    assert not path.exists()
    store.close()


@pytest.mark.parametrize("query", ["uri=true", "mode=memory", "timeout=1"])
def test_the_url_names_the_file_that_is_locked(tmp_path: Path, query: str) -> None:
    """Options by which SQLite would open something else are refused."""
    with pytest.raises(UnsupportedDatabase, match="has options"):
        SqlStore.open(f"{url(tmp_path / 'calls.db')}?{query}")


def test_the_lock_holds_across_processes_and_dies_with_its_own(tmp_path: Path) -> None:
    """Another process's server is refused too; killed outright, it leaves the file free."""
    path = tmp_path / "calls.db"
    with start_other_server(path) as other:
        with pytest.raises(DatabaseInUse):
            SqlStore.open(url(path))
        other.kill()
    SqlStore.open(url(path)).close()


def test_other_files_are_other_servers(tmp_path: Path) -> None:
    """Two databases in one folder may be open at once."""
    first, second = FileLock(tmp_path / "a.db"), FileLock(tmp_path / "b.db")
    first.release()
    second.release()


@pytest.mark.parametrize("database", ["sqlite://", "sqlite:///:memory:"])
def test_a_database_in_memory_has_no_file(database: str) -> None:
    """In memory there is nothing to lock: as many servers as you like."""
    assert sqlite.database_path(sqlalchemy.make_url(database)) is None
    first, second = SqlStore.open(database), SqlStore.open(database)
    first.close()
    second.close()
