"""Migration brings any database of ours to this version's schema, and touches no newer one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy
from sqlalchemy import Engine, insert

from batchcalls.store.sql import schema, sqlite
from batchcalls.store.sql.migrate import NewerDatabase, migrate


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
