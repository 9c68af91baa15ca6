"""Writes a group of changes inside one transaction, which the caller begins and commits."""

from __future__ import annotations

from sqlalchemy import Connection, insert, or_, select

from batchcalls.core.changes import BatchSubmitted
from batchcalls.core.model import BatchSpec
from batchcalls.store import statements
from batchcalls.store.group import Committed, Group, Refusal, Write
from batchcalls.store.records import account_row, batch_row, call_rows
from batchcalls.store.rows import Rows
from batchcalls.store.schema import batches
from batchcalls.store.statements import prepared
from batchcalls.wire.state import event_to_proto


class Writer:
    """Knows the keys of the batches that may be asked for. One writer a database."""

    def __init__(self) -> None:
        self._keys: dict[str, int] = {}

    def __repr__(self) -> str:
        return f"<Writer of {len(self._keys)} batches>"

    def know(self, batch_id: str, key: int) -> None:
        """Tell the key of a batch that an earlier process stored."""
        self._keys[batch_id] = key

    def key(self, batch_id: str) -> int:
        """The key of a batch."""
        return self._keys[batch_id]

    def forget(self, batch_id: str) -> None:
        """Nobody will ask for that batch's key any more: it is final, and everybody knows."""
        self._keys.pop(batch_id, None)

    def write(self, connection: Connection, group: Group) -> Committed:
        """Write the group. Until ``committed``, the writer itself is as before."""
        result = Committed()
        rows = Rows()
        for write in group.writes:
            if isinstance(write.change, BatchSubmitted):
                self._submit(connection, write.change, group, result)
            if write.change.batch_id not in result.refused:
                self._collect(write, rows, result)
        rows.execute(connection)
        self._update_batches(connection, group, result)
        return result

    def committed(self, result: Committed) -> None:
        """The transaction that had this result is durable."""
        self._keys |= result.created

    def _submit(
        self, connection: Connection, change: BatchSubmitted, group: Group, result: Committed
    ) -> None:
        taken = _taken(connection, change.spec)
        if taken is not None:
            result.refused[change.batch_id] = taken
            return
        row = batch_row(group.batches[change.batch_id])
        inserted = connection.execute(insert(batches).values(row)).inserted_primary_key
        assert inserted is not None
        result.created[change.batch_id] = inserted[0]
        rows = list(call_rows(inserted[0], change))
        prepared(statements.INSERT_CALLS, connection.dialect).execute(connection, rows)

    def _collect(self, write: Write, rows: Rows, result: Committed) -> None:
        key = self._key(write.change.batch_id, result)
        rows.add(key, write.change)
        for event in write.events:
            payload = event_to_proto(event).SerializeToString()
            result.payloads.append(payload)
            rows.add_event(
                {
                    "batch_key": key,
                    "sequence": event.sequence,
                    "type": event.type.value,
                    "payload": payload,
                }
            )

    def _update_batches(self, connection: Connection, group: Group, result: Committed) -> None:
        rows = [
            {"k": self._key(batch.batch_id, result)}
            | {f"new_{column}": value for column, value in account_row(batch).items()}
            for batch in group.batches.values()
            if batch.batch_id not in result.refused
        ]
        if rows:
            prepared(statements.UPDATE_BATCHES, connection.dialect).execute(connection, rows)

    def _key(self, batch_id: str, result: Committed) -> int:
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
