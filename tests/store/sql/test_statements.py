"""A group is written in one step of the database a statement, and each finds its rows by key."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy
from sqlalchemy import Connection, Engine

from batchcalls.store.sql import statements
from batchcalls.store.sql.given import Statement
from batchcalls.store.sql.sql_store import SqlStore
from batchcalls.testing.store.bench import Books
from batchcalls.testing.store.changes import answered, completed, dialed, submitted

STATEMENTS = {
    name: statement
    for name, statement in vars(statements).items()
    if isinstance(statement, Statement)
}


@pytest.fixture
def store() -> Iterator[SqlStore]:
    store = SqlStore.open("sqlite://")
    yield store
    store.close()


def written(store: SqlStore, *, calls: int) -> list[str]:
    """The statements that write a group in which each call is answered and ends."""
    books, seen = Books(), list[str]()

    def note(_connection: Connection, _cursor: object, statement: str, *others: object) -> None:
        seen.append(statement)
        assert not others[-1], "it is run row by row"

    store.commit(books.group(submitted(calls=calls)))
    store.commit(books.group(*map(dialed, range(calls))))
    changes = [change(position) for position in range(calls) for change in (answered, completed)]
    sqlalchemy.event.listen(Engine, "before_cursor_execute", note)
    try:
        store.commit(books.group(*changes))
    finally:
        sqlalchemy.event.remove(Engine, "before_cursor_execute", note)
    return seen


def test_a_group_takes_as_many_steps_however_large_it_is() -> None:
    """One a table and kind of change; row by row, a busy loop would have it wait at each."""
    small, large = SqlStore.open("sqlite://"), SqlStore.open("sqlite://")
    assert written(small, calls=2) == written(large, calls=200)
    small.close()
    large.close()


@pytest.mark.parametrize("name", STATEMENTS)
def test_a_statement_finds_its_rows_by_their_key(store: SqlStore, name: str) -> None:
    """What is given is gone through once; no table is."""
    statement = STATEMENTS[name]
    plan = store.read_latest(lambda connection: plan_of(connection, statement))
    scans = [step for step in plan if step.startswith("SCAN") and "each" not in step]
    assert scans == []


def plan_of(connection: Connection, statement: Statement) -> list[str]:
    sql, names = statement.compiled(connection.dialect)
    rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", tuple("[]" for _ in names))
    return [row.detail for row in rows]
