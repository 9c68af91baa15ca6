"""The messages of batches that are asked for often, each made once."""

from __future__ import annotations

from batchcalls.core.model import Batch
from batchcalls.v1 import batch_pb2
from batchcalls.wire.state import batch_to_proto


class BatchMessages:
    """Remembers up to ``most`` messages, some kilobytes each. A batch changes its revision."""

    def __init__(self, most: int = 100) -> None:
        self._most = most
        self._made: dict[tuple[str, int], batch_pb2.Batch] = {}

    def __repr__(self) -> str:
        return f"<BatchMessages {len(self)}>"

    def __len__(self) -> int:
        return len(self._made)

    def of(self, batch: Batch) -> batch_pb2.Batch:
        """The message of ``batch``, which others have too: don't change it."""
        key = (batch.batch_id, batch.revision)
        message = self._made.get(key)
        if message is None:
            if len(self) >= self._most:
                self._made.clear()
            message = self._made[key] = batch_to_proto(batch)
        return message
