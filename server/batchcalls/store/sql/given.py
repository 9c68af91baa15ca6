"""Rows given to a statement all at once: however many there are, it is one step of the database.

The driver gives the interpreter's lock up at each step, and must win it back from a busy loop: a
statement that is run row by row does so at every row (ADR 18). So the rows go in as one value,
which the database takes apart itself. SQLite does so with a JSON text, and with slices of one
blob for bytes, which JSON can't hold.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    Dialect,
    LargeBinary,
    Subquery,
    Text,
    bindparam,
    func,
    literal_column,
    select,
)
from sqlalchemy.sql.dml import UpdateBase

Row = tuple[Any, ...]

_encode: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode

_NEVER_EMPTY: Final = b"\0"
"""Goes before all payloads: SQLite takes an empty blob for NULL when it is to be cut."""


class Given:
    """Rows of those ``columns``, to write a statement about.

    Values are whole numbers, texts, truths or None; a text would be cut at a NUL, which the border
    lets nobody write. The column of ``payloads``, where there is one, comes behind the others, and
    its values are bytes.
    """

    def __init__(self, *columns: str, payloads: str = "") -> None:
        self._payloads = payloads
        self.rows = _from_json(columns, payloads)
        self.c = self.rows.c

    def parameters(self, rows: Sequence[Row]) -> dict[str, Any]:
        """What the statement is run with to be given these rows."""
        if not self._payloads:
            return {"given": _encode(rows)}
        payloads = [row[-1] for row in rows]
        lengths = [len(payload) for payload in payloads]
        starts = accumulate(lengths, initial=2)  # bytes are counted from 1
        slices = zip(rows, starts, lengths, strict=False)
        listed = [(*row[:-1], start, length) for row, start, length in slices]
        return {"given": _encode(listed), "payloads": b"".join([_NEVER_EMPTY, *payloads])}


def _from_json(columns: Sequence[str], payloads: str) -> Subquery:
    """The rows of the parameter ``given``, lists in a list, and of the blob ``payloads``.

    A list has the values of the columns, then where its slice of the blob begins, and its length.
    """
    each = func.json_each(bindparam("given", type_=Text)).table_valued("value", name="each")

    def value(place: int) -> ColumnElement[Any]:
        return func.json_extract(each.c.value, literal_column(f"'$[{place}]'"))

    named = [value(place).label(column) for place, column in enumerate(columns)]
    if payloads:
        blob = bindparam("payloads", type_=LargeBinary)
        piece = func.substr(blob, value(len(columns)), value(len(columns) + 1))
        named.append(piece.label(payloads))
    return select(*named).subquery("given")


class LostRow(AssertionError):
    """A row wasn't in the state that the engine believed; the transaction was taken back."""


class Statement:
    """A statement about rows that it is given."""

    def __init__(self, given: Given, statement: UpdateBase) -> None:
        self._given = given
        self._statement = statement

    def __str__(self) -> str:
        return " ".join(str(self._statement).split())

    def execute(self, connection: Connection, rows: Sequence[Row]) -> None:
        """Run it once, for all rows.

        Raises:
          LostRow: it didn't write about each of them.
        """
        sql, names = self.compiled(connection.dialect)
        given = self._given.parameters(rows)
        found = connection.exec_driver_sql(sql, tuple(given[name] for name in names)).rowcount
        if found != len(rows):
            raise LostRow(f"{len(rows) - found} of {len(rows)} rows are gone: {self}")

    @lru_cache(maxsize=64)  # noqa: B019 (statements are constants of a module)
    def compiled(self, dialect: Dialect) -> tuple[str, Sequence[str]]:
        """Its text, and the names of its parameters in order."""
        compiled = self._statement.compile(dialect=dialect)
        assert compiled.positiontup is not None, f"{dialect.name} names its parameters"
        return str(compiled), compiled.positiontup
