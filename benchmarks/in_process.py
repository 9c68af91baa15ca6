"""The real engine in this process: no RPCs and no metrics, everything else as in a server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from random import Random

import trio

from batchcalls.bridge import Threads
from batchcalls.carriers.base import Carrier
from batchcalls.clock import Clock
from batchcalls.core.effects import Effects
from batchcalls.core.model import Batch, BatchSpec, CallSpec
from batchcalls.engine.admission import EngineLimits
from batchcalls.engine.engine import Engine
from batchcalls.engine.journal import Published, RunSync
from batchcalls.store.sql.sql_store import SqlStore
from batchcalls.wire.spec import new_call

NO_LIMITS = EngineLimits(max_concurrent_calls=0, max_open_batches=0, max_open_calls=0)


class Finish:
    """Waits, as a listener of the journal, until a batch is final."""

    def __init__(self, batch_id: str) -> None:
        self._batch_id = batch_id
        self._final: Batch | None = None
        self._done = trio.Event()

    def committed(
        self, _writes: Sequence[Effects], _events: Sequence[Published], batches: Sequence[Batch]
    ) -> None:
        """Look for the end among what was committed."""
        for batch in batches:
            if batch.batch_id == self._batch_id and batch.status.final:
                self._final = batch
                self._done.set()

    def health_changed(self, *, healthy: bool) -> None:
        """A benchmark on a failing disk is worth nothing."""
        assert healthy, "the store failed"

    async def wait(self) -> Batch:
        """The batch as it ended."""
        await self._done.wait()
        assert self._final is not None
        return self._final


@asynccontextmanager
async def running_engine(
    database: str,
    carrier: Carrier,
    *,
    clock: Clock | None = None,
    run_sync: RunSync | None = None,
) -> AsyncIterator[Engine]:
    """An engine on a database of its own; leaving the block stops it dead."""
    store = SqlStore.open(database)
    try:
        engine = Engine(
            store=store,
            carriers={"simulator": carrier},
            clock=clock or Clock(),
            random=Random(1),
            run_sync=run_sync or Threads(1).run_sync,
            limits=NO_LIMITS,
        )
        async with trio.open_nursery() as nursery:
            await nursery.start(engine.run)
            yield engine
            nursery.cancel_scope.cancel()
    finally:
        store.close()


async def run_batch(engine: Engine, spec: BatchSpec, calls: Sequence[CallSpec]) -> Batch:
    """Submit a batch and wait for its end."""
    finish = Finish(spec.batch_id)
    engine.listen(finish)
    await engine.submit(spec, [new_call(call) for call in calls])
    return await finish.wait()
