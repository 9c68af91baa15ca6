"""The messages of batches; of those that are asked for often, each is made once."""

from __future__ import annotations

from collections.abc import Collection

from batchcalls.core.model import Batch
from batchcalls.v1 import batch_pb2
from batchcalls.wire.state import batch_to_proto


class BatchMessages:
    """Remembers the last message of up to ``most`` batches, a kilobyte each, at most 70.

    A batch that changes has another revision. ``simulated`` names the carriers that ring no
    phone: only the server knows which they are, so it is said with each batch.
    """

    def __init__(self, *, simulated: Collection[str] = (), most: int = 100) -> None:
        self._simulated = frozenset(simulated)
        self._most = most
        self._made: dict[str, tuple[Batch, batch_pb2.Batch]] = {}

    def __repr__(self) -> str:
        return f"<BatchMessages {len(self)}>"

    def __len__(self) -> int:
        return len(self._made)

    def new(self, batch: Batch) -> batch_pb2.Batch:
        """A message of ``batch`` for the caller alone."""
        return batch_to_proto(batch, simulated=batch.spec.carrier in self._simulated)

    def of(self, batch: Batch) -> batch_pb2.Batch:
        """The message of ``batch``, which others have too: don't change it."""
        made = self._made.get(batch.batch_id)
        if made is not None and made[0].revision == batch.revision:
            return made[1]
        if made is None and len(self) >= self._most:
            self._made.clear()
        message = self.new(batch)
        self._made[batch.batch_id] = (batch, message)
        return message
