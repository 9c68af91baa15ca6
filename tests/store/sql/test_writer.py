"""A row that isn't as the engine believed is named; what is written, the contract's checks say."""

from __future__ import annotations

import pytest

from batchcalls.store.sql.given import LostRow
from batchcalls.store.sql.sql_store import SqlStore
from batchcalls.testing.store.bench import Books
from batchcalls.testing.store.changes import completed, dialed, effects_alone, submitted


def test_a_lost_row_is_named_by_its_statement() -> None:
    """Whoever reads the log of such a bug knows which table isn't as it should be."""
    store, books = SqlStore.open("sqlite://"), Books()
    store.commit(books.group(submitted()))
    group = books.group(dialed(0))
    group.writes.append(effects_alone(completed(1)))
    with pytest.raises(LostRow, match="1 of 1 rows are gone: UPDATE attempts"):
        store.commit(group)
    store.close()
