"""The sweeper cancels the waiting calls of a canceled batch, a few at a time.

A batch may have a million of them: canceled in one change they would hold up every other
batch for seconds. Each sweep reads some from the store, in step with the commits, and
proposes to cancel them, until none is left.
"""

from __future__ import annotations

from functools import partial
from typing import Final

from batchcalls.clock import Clock
from batchcalls.core.changes import CallsCanceled
from batchcalls.core.lane import Lane
from batchcalls.core.model import CallStatus
from batchcalls.engine.journal import Journal
from batchcalls.errors import BatchCallsError
from batchcalls.store.contract import Store

_CHUNK: Final = 500
"""Calls canceled in one change: some 10 ms of a commit."""


class Sweeper:
    """Sweeps lanes, one chunk of a lane at a time."""

    def __init__(self, *, store: Store, journal: Journal, clock: Clock) -> None:
        self._store = store
        self._journal = journal
        self._clock = clock
        self._busy: set[str] = set()

    def sweep(self, lane: Lane) -> None:
        """Begin to cancel the waiting calls of the lane, unless that is under way.

        Stops when the store fails, or when all that still waits is on its way to be dialed:
        ask again when that has changed.
        """
        if lane.batch_id in self._busy:
            return
        self._busy.add(lane.batch_id)
        limit = _CHUNK + len(lane.dials)
        waiting = partial(self._store.undialed_calls, lane.batch_id, limit=limit)
        self._journal.read(waiting, partial(self._propose, lane))

    def _propose(self, lane: Lane, found: list[tuple[int, CallStatus]]) -> None:
        """Calls whose intent is on its way are left alone: they come back, or they end."""
        waiting = [call for call in found if call[0] not in lane.dials][:_CHUNK]
        if not waiting:
            self._busy.discard(lane.batch_id)
            return
        change = CallsCanceled(batch_id=lane.batch_id, time_us=self._clock.now_us(), calls=waiting)
        self._journal.propose(change, partial(self._answered, lane))

    def _answered(self, lane: Lane, error: BatchCallsError | None) -> None:
        self._busy.discard(lane.batch_id)
        batch = self._journal.batch(lane.batch_id)
        if error is None and batch is not None and batch.counts.pending + batch.counts.retrying:
            self.sweep(lane)
