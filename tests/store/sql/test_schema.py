"""The migrated schema is the declared one, and its constraints repeat the model's invariants."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, Table, insert
from sqlalchemy.exc import IntegrityError, SAWarning

from batchcalls.core.ledger import Ledger
from batchcalls.store.sql import schema, sqlite
from batchcalls.store.sql.mapping import batch_row
from batchcalls.store.sql.migrate import migrate
from batchcalls.testing.store.changes import NOW_US, submitted


def memory() -> Engine:
    return sqlite.engines(sqlalchemy.make_url("sqlite://"))[0]


@pytest.fixture
def migrated() -> Iterator[Engine]:
    engine = memory()
    migrate(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def declared() -> Iterator[Engine]:
    engine = memory()
    schema.metadata.create_all(engine)
    yield engine
    engine.dispose()


def test_alembic_finds_no_difference(migrated: Engine) -> None:
    """The steps in ``migrations/`` lead to the tables that ``schema`` declares."""
    options = {"compare_type": True, "include_object": _is_readable}
    with migrated.connect() as connection, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Skipped unsupported reflection", SAWarning)
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, schema.metadata) == []


def _is_readable(
    _item: object, name: str | None, kind: str, _reflected: bool, _other: object
) -> bool:
    """Alembic can't read back the index on an expression; the next test compares all indexes."""
    return (kind, name) != ("index", "ix_calls_queue")


def indexes(engine: Engine) -> dict[str, str]:
    query = "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
    with engine.connect() as connection:
        return {row.name: row.sql for row in connection.exec_driver_sql(query)}


def constraints(engine: Engine) -> dict[str, Any]:
    """What alembic doesn't compare: checks, keys, and the options of the tables."""
    inspector = sqlalchemy.inspect(engine)
    found: dict[str, Any] = {}
    for table in schema.metadata.tables:
        checks = inspector.get_check_constraints(table)
        with engine.connect() as connection:
            query = "SELECT sql FROM sqlite_master WHERE name = ?"
            sql = connection.exec_driver_sql(query, (table,)).scalar_one()
        found[table] = (
            sorted((check["name"] or "", check["sqltext"]) for check in checks),
            inspector.get_pk_constraint(table),
            inspector.get_foreign_keys(table),
            "WITHOUT ROWID" in sql,
            "AUTOINCREMENT" in sql,
        )
    return found


def test_indexes_and_constraints_are_the_declared_ones(migrated: Engine, declared: Engine) -> None:
    """Checks, keys, table options and every index, expressions included, are the same too."""
    assert indexes(migrated) == indexes(declared)
    assert constraints(migrated) == constraints(declared)


BATCH = batch_row(Ledger.opened(submitted(calls=3).spec, total_calls=3, time_us=NOW_US).snapshot())
CALL = {
    "batch_key": 1,
    "position": 0,
    "status": "pending",
    "outcome": None,
    "priority": 1,
    "attempts": 0,
    "dials": 0,
    "due_time_us": 0,
    "spec": b"",
    "create_time_us": NOW_US,
    "update_time_us": NOW_US,
    "end_time_us": 0,
}
ATTEMPT = {
    "batch_key": 1,
    "position": 0,
    "number": 1,
    "dial": 1,
    "outcome": None,
    "carrier": "simulator",
    "carrier_call_id": "",
    "carrier_code": "",
    "detail": "",
    "start_time_us": NOW_US,
    "ring_time_us": 0,
    "answer_time_us": 0,
    "end_time_us": 0,
}
EVENT = {"batch_key": 1, "sequence": 1, "type": "batch.started", "payload": b""}
OVER = {"pending_calls": 0, "completed_calls": 3, "end_time_us": NOW_US}
DIALED = {"attempts": 1, "dials": 1}


@pytest.fixture
def filled(migrated: Engine) -> Engine:
    with migrated.begin() as connection:
        connection.execute(insert(schema.batches), BATCH)
    return migrated


def add(engine: Engine, table: Table, row: dict[str, Any], **fields: Any) -> None:
    with engine.begin() as connection:
        connection.execute(insert(table), row | fields)


@pytest.mark.parametrize(
    ("fields", "constraint"),
    [
        ({"status": "asleep"}, "ck_batches_status"),
        ({"concurrency": 0}, "ck_batches_concurrency"),
        ({"priority": 0}, "ck_batches_priority"),
        ({"priority": 101}, "ck_batches_priority"),
        ({"pending_calls": 2}, "ck_batches_total"),
        ({"total_calls": 4}, "ck_batches_total"),
        ({"pending_calls": -1, "completed_calls": 4}, "ck_batches_counts"),
        ({"status": "completed"}, "ck_batches_final"),
        ({"status": "canceled", "end_time_us": NOW_US}, "ck_batches_final"),
        ({"status": "failed", **OVER, "end_time_us": 0}, "ck_batches_final"),
        ({"batch_id": "batch_a"}, "batches.batch_id"),
        ({"request_id": "r"}, "batches.request_id"),
    ],
)
def test_a_batch_that_breaks_a_rule_is_refused(
    filled: Engine, fields: dict[str, Any], constraint: str
) -> None:
    """Counts add up and aren't negative, a final batch has no open call, ids are unique."""
    add(filled, schema.batches, BATCH, batch_id="batch_b", request_id="r")
    with pytest.raises(IntegrityError, match=constraint):
        add(filled, schema.batches, BATCH | {"batch_id": "batch_c"}, **fields)
    add(filled, schema.batches, BATCH, batch_id="batch_c", status="completed", **OVER)


@pytest.mark.parametrize(
    ("fields", "constraint"),
    [
        ({"status": "asleep"}, "ck_calls_status"),
        ({"outcome": "asleep"}, "ck_calls_outcome"),
        ({"status": "failed", "dials": -1, "attempts": -1}, "ck_calls_attempts"),
        ({"status": "failed", "attempts": 2, "dials": 1}, "ck_calls_attempts"),
        ({"status": "retrying", **DIALED}, "ck_calls_retry"),
        ({"status": "failed", "due_time_us": NOW_US}, "ck_calls_due"),
        ({"status": "pending", **DIALED}, "ck_calls_pending"),
        ({"status": "in_progress"}, "ck_calls_dialed"),
        ({"status": "retrying", "due_time_us": NOW_US}, "ck_calls_dialed"),
        ({"batch_key": 2}, "FOREIGN KEY"),
    ],
)
def test_a_call_that_breaks_a_rule_is_refused(
    filled: Engine, fields: dict[str, Any], constraint: str
) -> None:
    """A retrying call is due sometime, a pending one was never tried, a dialed one was."""
    with pytest.raises(IntegrityError, match=constraint):
        add(filled, schema.calls, CALL, **fields)
    add(filled, schema.calls, CALL)
    with pytest.raises(IntegrityError, match="UNIQUE"):
        add(filled, schema.calls, CALL)


@pytest.mark.parametrize(
    ("fields", "constraint"),
    [
        ({"number": 0}, "ck_attempts_number"),
        ({"number": 2, "dial": 1}, "ck_attempts_number"),
        ({"outcome": "asleep", "end_time_us": NOW_US}, "ck_attempts_outcome"),
        ({"outcome": "throttled", "end_time_us": NOW_US}, "ck_attempts_counts"),
        ({"outcome": "busy"}, "ck_attempts_ended"),
        ({"end_time_us": NOW_US}, "ck_attempts_ended"),
        ({"dial": 2}, "UNIQUE"),
        ({"batch_key": 2}, "FOREIGN KEY"),
    ],
)
def test_an_attempt_that_breaks_a_rule_is_refused(
    filled: Engine, fields: dict[str, Any], constraint: str
) -> None:
    """No number is written twice, a throttled dial is no attempt, an outcome comes with an end."""
    add(filled, schema.attempts, ATTEMPT)
    add(filled, schema.attempts, ATTEMPT, number=2, dial=2, outcome="busy", end_time_us=NOW_US)
    with pytest.raises(IntegrityError, match=constraint):
        add(filled, schema.attempts, ATTEMPT, **fields)


@pytest.mark.parametrize(
    ("fields", "constraint"),
    [
        ({"sequence": 0}, "ck_events_sequence"),
        ({}, "UNIQUE"),
        ({"batch_key": 2}, "FOREIGN KEY"),
    ],
)
def test_an_event_that_breaks_a_rule_is_refused(
    filled: Engine, fields: dict[str, Any], constraint: str
) -> None:
    """Sequences begin at 1 and no batch has one twice."""
    add(filled, schema.events, EVENT)
    with pytest.raises(IntegrityError, match=constraint):
        add(filled, schema.events, EVENT, **fields)


def test_there_is_one_heartbeat(migrated: Engine) -> None:
    """The row that proves the disk is a single one."""
    add(migrated, schema.heartbeat, {"heartbeat_key": 1, "time_us": NOW_US, "ballast": b""})
    with pytest.raises(IntegrityError, match="ck_heartbeat_single"):
        add(migrated, schema.heartbeat, {"heartbeat_key": 2, "time_us": NOW_US, "ballast": b""})


def test_keys_of_batches_are_never_given_out_twice(migrated: Engine) -> None:
    """A key grows even after the newest batch was deleted: page tokens stay right."""
    add(migrated, schema.batches, BATCH, batch_key=7)
    with migrated.begin() as connection:
        connection.execute(schema.batches.delete())
        result = connection.execute(insert(schema.batches).values(BATCH))
        assert result.inserted_primary_key is not None
        assert result.inserted_primary_key[0] == 8
