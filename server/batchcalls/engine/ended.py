"""Batches that have ended, as long as somebody asks for them: nothing of them changes any more."""

from __future__ import annotations

from typing import Final

from batchcalls.core.model import Batch

_MOST: Final = 100
"""A kilobyte each, and at most 70."""


class EndedBatches:
    """Remembers the ended batches that were asked for last."""

    def __init__(self, *, most: int = _MOST) -> None:
        self._most = most
        self._batches: dict[str, Batch] = {}

    def __repr__(self) -> str:
        return f"<EndedBatches {len(self)}>"

    def __len__(self) -> int:
        return len(self._batches)

    def get(self, batch_id: str) -> Batch | None:
        """The batch, if it is remembered: it will be for longer now."""
        batch = self._batches.pop(batch_id, None)
        if batch is not None:
            self._batches[batch_id] = batch
        return batch

    def keep(self, batch: Batch) -> None:
        """Remember it, in the place of the one that nobody has asked for the longest."""
        assert batch.status.final, f"{batch.batch_id} may change"
        self._batches[batch.batch_id] = batch
        if len(self) > self._most:
            del self._batches[next(iter(self._batches))]
