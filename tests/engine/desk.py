"""A journal over a store and a disk that can fail, for its tests."""

from __future__ import annotations

import trio

from batchcalls.clock import Clock
from batchcalls.core.changes import (
    BatchPaused,
    BatchResumed,
    CallDialed,
    CancelRequested,
)
from batchcalls.core.effects import AttemptStep
from batchcalls.engine.journal import Journal
from batchcalls.errors import BatchCallsError
from batchcalls.testing.store.changes import NOW_US, submitted
from tests.engine.world import Disk, FailingStore, Observer, wall_s

PAUSE = BatchPaused(batch_id="batch_a", time_us=NOW_US)
RESUME = BatchResumed(batch_id="batch_a", time_us=NOW_US)
CANCEL = CancelRequested(batch_id="batch_a", time_us=NOW_US, hang_up=False)


class Desk:
    """A journal over a store and a disk that can fail, with somebody who listens."""

    def __init__(self) -> None:
        store = FailingStore.open("sqlite://")
        assert isinstance(store, FailingStore)
        self.store = store
        self.disk = Disk()
        self.observer = Observer()
        self.answers: list[tuple[str, BatchCallsError | None]] = []
        self.journal = Journal(store, clock=Clock(wall=wall_s), run_sync=self.disk.run_sync)
        self.journal.listen(self.observer)

    def propose(self, change: CallDialed | BatchPaused | BatchResumed, name: str = "") -> None:
        self.journal.propose(change, lambda error: self.answers.append((name, error)))

    @property
    def sizes(self) -> list[int]:
        """How many changes each commit took."""
        return [len(group.writes) for group in self.store.groups]

    def last_sequence(self) -> int:
        batch = self.store.batch("batch_a")
        return batch.last_sequence if batch else 0


async def start(desk: Desk, nursery: trio.Nursery, *, calls: int = 3) -> Journal:
    """Run the journal with one batch in it."""
    nursery.start_soon(desk.journal.run)
    await desk.journal.commit(submitted(calls=calls))
    desk.store.groups.clear()
    return desk.journal


def steps(desk: Desk) -> list[tuple[AttemptStep, int]]:
    """What became of attempts, durably, in order."""
    told = [effects.attempt for effects in desk.observer.writes]
    return [(one.step, one.position) for one in told if one is not None]
