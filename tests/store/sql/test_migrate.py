"""Migration brings any database of ours to this version's schema, and touches no newer one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy
from sqlalchemy import Engine, insert

from batchcalls.core.model import RetryOrder
from batchcalls.store.sql import schema, sqlite
from batchcalls.store.sql.migrate import NewerDatabase, migrate
from batchcalls.store.sql.sql_store import SqlStore


@pytest.fixture
def engine() -> Iterator[Engine]:
    engine = sqlite.engines(sqlalchemy.make_url("sqlite://"))[0]
    yield engine
    engine.dispose()


def schema_version(engine: Engine) -> int:
    """SQLite counts the changes to a schema."""
    with engine.connect() as connection:
        return int(connection.exec_driver_sql("PRAGMA schema_version").scalar_one())


def test_an_empty_database_gets_all_tables(engine: Engine) -> None:
    """After the first migration every declared table is there, beside alembic's own."""
    migrate(engine)
    tables = set(sqlalchemy.inspect(engine).get_table_names())
    assert tables == set(schema.metadata.tables) | {"alembic_version"}


def test_migrating_twice_does_nothing(engine: Engine) -> None:
    """A current database is left as it is, its rows too."""
    migrate(engine)
    with engine.begin() as connection:
        connection.execute(
            insert(schema.heartbeat), {"heartbeat_key": 1, "time_us": 1, "ballast": b""}
        )
    version = schema_version(engine)
    migrate(engine)
    assert schema_version(engine) == version
    with engine.connect() as connection:
        assert len(connection.execute(schema.heartbeat.select()).all()) == 1


def test_calls_of_the_first_schema_wait_where_they_waited(engine: Engine) -> None:
    """A database of the first version keeps its queue, and tries retries first as it did."""
    migrate(engine, to="0001")
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO batches VALUES (1, 'batch_a', NULL, x'', 'running', 1, 0, '', '{}', 'any',"
            " 1, 0.0, 10, x'', x'', '', 0, 2, 1, 0, 1, 0, 0, 0, 1, 3, 4, 5, 6, 0)"
        )
        connection.exec_driver_sql(
            "INSERT INTO calls VALUES (1, 0, 'pending', NULL, 7, 0, 0, 0, x'01', 5, 5, 0),"
            " (1, 1, 'retrying', 'busy', 7, 1, 1, 9, x'02', 5, 5, 0)"
        )
    migrate(engine)
    store = SqlStore(engine, engine, None)
    (batch,) = store.unfinished_batches()
    assert batch.spec.settings.retry_order is RetryOrder.RETRIES_FIRST
    head = store.queue_head(
        "batch_a", now_us=9, after=None, limit=9, order=RetryOrder.RETRIES_FIRST
    )
    waiting = [(call.position, call.attempts, call.due_time_us, call.spec) for call in head.ready]
    assert waiting == [(1, 1, 9, b"\x02"), (0, 0, 0, b"\x01")]


def test_a_newer_database_is_refused(engine: Engine) -> None:
    """A schema that this version doesn't know is named in the error, and left alone."""
    migrate(engine)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(NewerDatabase, match="9999"):
        migrate(engine)
    with engine.connect() as connection:
        found = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one()
    assert found == "9999"


def test_a_migration_that_fails_leaves_nothing(engine: Engine) -> None:
    """All steps are one transaction: a table in the way takes everything back."""
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE events (foreign_thing TEXT)")
    with pytest.raises(sqlalchemy.exc.OperationalError, match="events"):
        migrate(engine)
    assert sqlalchemy.inspect(engine).get_table_names() == ["events"]
