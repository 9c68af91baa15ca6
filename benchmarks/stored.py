"""Databases that are full of calls before a server starts on them.

The batches are written by the store itself, as if they had been submitted to a server that
was killed before its first dial; or paused, so that whoever measures says when it begins.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from batchcalls.clock import MICROSECONDS
from batchcalls.core.changes import BatchPaused, BatchSubmitted, Change
from batchcalls.core.ledger import Ledger
from batchcalls.core.model import BatchSpec, CallSpec
from batchcalls.store.contract import Group
from batchcalls.store.sql.sql_store import SqlStore
from batchcalls.wire.spec import new_call
from benchmarks.workload import Workload


def store_batches(
    database: Path, batches: int, work: Workload, *, paused: bool = False
) -> list[str]:
    """Store that many batches of ``work``; return their ids."""
    batch_ids = [f"batch_stored{index}" for index in range(batches)]
    calls = work.call_specs()
    store = SqlStore.open(f"sqlite:///{database}")
    try:
        for batch_id in batch_ids:
            store.commit(_submission(work.batch_spec(batch_id), calls, paused=paused))
    finally:
        store.close()
    return batch_ids


def _submission(spec: BatchSpec, calls: Sequence[CallSpec], *, paused: bool) -> Group:
    now_us = int(time.time() * MICROSECONDS)
    ledger = Ledger.opened(spec, total_calls=len(calls), time_us=now_us)
    changes: list[Change] = [
        BatchSubmitted(
            batch_id=spec.batch_id, time_us=now_us, spec=spec, calls=list(map(new_call, calls))
        )
    ]
    if paused:
        changes.append(BatchPaused(batch_id=spec.batch_id, time_us=now_us))
    writes = [ledger.apply(change) for change in changes]
    return Group(writes, {spec.batch_id: ledger.snapshot()})
