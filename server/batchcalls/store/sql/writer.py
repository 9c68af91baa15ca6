"""Writes a group of changes inside one transaction, which the caller begins and commits."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import Connection, insert, or_, select

from batchcalls.core.changes import BatchSubmitted
from batchcalls.core.effects import Effects
from batchcalls.core.model import BatchSpec
from batchcalls.store.contract import Committed, Group, Refusal
from batchcalls.store.sql import statements
from batchcalls.store.sql.changeset import Changeset
from batchcalls.store.sql.mapping import account, batch_row, call_rows
from batchcalls.store.sql.schema import batches
from batchcalls.wire.state import event_to_proto

_CALLS_A_STEP: Final = 10_000
"""A bound for the memory that the calls of a large batch take on their way."""


@dataclass(slots=True)
class Written(Committed):
    """What a transaction wrote, with the keys of the batches that it ``created``."""

    created: dict[str, int] = field(default_factory=dict)


class Writer:
    """Knows the keys of the batches that may be asked for. One writer a database."""

    def __init__(self) -> None:
        self._keys: dict[str, int] = {}

    def __repr__(self) -> str:
        return f"<Writer of {len(self._keys)} batches>"

    def know(self, batch_id: str, key: int) -> None:
        """Tell the key of a batch that an earlier process stored."""
        self._keys[batch_id] = key

    def key(self, batch_id: str) -> int | None:
        """The key of a batch; None once it is forgotten."""
        return self._keys.get(batch_id)

    def forget(self, batch_id: str) -> None:
        """Nobody will ask for that batch's key any more: it is final, and everybody knows."""
        self._keys.pop(batch_id, None)

    def write(self, connection: Connection, group: Group) -> Written:
        """Write the group. Until ``committed``, the writer itself is as before."""
        result = Written()
        changeset = Changeset()
        for effects in group.writes:
            if effects.submitted is not None:
                self._submit(connection, effects.submitted, group, result)
            if effects.batch_id not in result.refused:
                self._collect(effects, changeset, result)
        changeset.execute(connection)
        self._update_batches(connection, group, result)
        return result

    def committed(self, result: Written) -> None:
        """The transaction that had this result is durable."""
        self._keys |= result.created

    def _submit(
        self, connection: Connection, change: BatchSubmitted, group: Group, result: Written
    ) -> None:
        taken = _taken(connection, change.spec)
        if taken is not None:
            result.refused[change.batch_id] = taken
            return
        row = batch_row(group.batches[change.batch_id])
        inserted = connection.execute(insert(batches).values(row)).inserted_primary_key
        assert inserted is not None
        result.created[change.batch_id] = inserted[0]
        rows = call_rows(inserted[0], change)
        for start in range(0, len(rows), _CALLS_A_STEP):
            some = rows[start : start + _CALLS_A_STEP]
            statements.INSERT_CALLS.execute(connection, some)

    def _collect(self, effects: Effects, changeset: Changeset, result: Written) -> None:
        key = self._key(effects.batch_id, result)
        changeset.add(key, effects)
        for event in effects.events:
            payload = event_to_proto(event).SerializeToString()
            result.payloads.append(payload)
            changeset.add_event(key, event, payload)

    def _update_batches(self, connection: Connection, group: Group, result: Written) -> None:
        rows = [
            (self._key(batch.batch_id, result), *account(batch))
            for batch in group.batches.values()
            if batch.batch_id not in result.refused
        ]
        if rows:
            statements.UPDATE_BATCHES.execute(connection, rows)

    def _key(self, batch_id: str, result: Written) -> int:
        return result.created.get(batch_id) or self._keys[batch_id]


def _taken(connection: Connection, spec: BatchSpec) -> Refusal | None:
    """The stored batch that has the ids of a new one; the one with its request id first."""
    same = batches.c.batch_id == spec.batch_id
    if spec.request_id:
        same = or_(same, batches.c.request_id == spec.request_id)
    row = connection.execute(
        select(batches.c.batch_id, batches.c.request_id, batches.c.request_digest)
        .where(same)
        .order_by((batches.c.request_id == spec.request_id).desc())
    ).first()
    return Refusal(row.batch_id, row.request_id or "", row.request_digest) if row else None
