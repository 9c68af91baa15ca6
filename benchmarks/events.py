"""Events: how fast a reader catches up, and how late live watchers hear of what happens.

Replay: one reader, who parses every event, follows a batch that is over from its first event.
Lag: 100 watchers, each with a connection of its own, follow one batch at 1,000 calls a second
(3,000 events a second, 300,000 deliveries).
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from typing import Final

from batchcalls.v1 import batch_calls_service_pb2 as messages
from benchmarks.effort import Effort
from benchmarks.load import background
from benchmarks.row import Goal, Row
from benchmarks.sample import middle, percentile, repeated, spread
from benchmarks.server_process import ServerProcess, running_server
from benchmarks.workload import Workload

_WATCHERS: Final = 100
_PROCESSES: Final = 2
_CALLS_PER_SECOND: Final = 1_000
_LOOK_AT: Final = 10
_CONNECTED_AFTER_S: Final = 2.0
_CONNECT_S: Final = 0.01
"""How long watchers are given to start and to connect, and each of them more than that."""

_LAST_EVENTS_S: Final = 0.5


def measure(effort: Effort) -> Iterator[Row]:
    """The rows of this benchmark."""
    people = {"talk_time": "0.02"}
    long = Workload(calls=effort.pick(full=15_000, quick=2_000), concurrency=500, people=people)
    times = effort.pick(full=5, quick=1)
    with running_server(effort.folder / "events.db", long.options) as server:
        batch_id = server.run(long.request()).batch_id
        rates = repeated(times, partial(_replay, server, batch_id))
        yield Row(
            name="events: replay to one reader",
            value=middle(rates),
            unit="events/s",
            goal=Goal(bound=200_000),
            spread=spread(rates),
        )
        yield from _lags(server, effort)


def _replay(server: ServerProcess, batch_id: str) -> float:
    events = 0
    began = time.perf_counter()
    for page in server.stub.WatchEvents(messages.WatchEventsRequest(batch_id=batch_id)):
        events += len(page.events)
    return events / (time.perf_counter() - began)


def _lags(server: ServerProcess, effort: Effort) -> Iterator[Row]:
    times, seconds = effort.pick(full=(3, 5), quick=(1, 2))
    work = Workload(
        calls=_CALLS_PER_SECOND * seconds,
        concurrency=200,
        people={},
        max_calls_per_second=_CALLS_PER_SECOND,
    )
    runs = [watched_lags(server, work, _WATCHERS, _LOOK_AT) for _ in range(times)]
    for percent, goal in ((50, None), (99, Goal(bound=100))):
        lags_ms = [percentile(lags, percent) * 1e3 for lags in runs]
        yield Row(
            name=f"events: lag of {_WATCHERS} watchers at 1,000 calls/s, p{percent}",
            value=middle(lags_ms),
            unit="ms",
            goal=goal,
            spread=spread(lags_ms),
            smaller_is_better=True,
        )


def watched_lags(server: ServerProcess, work: Workload, watchers: int, look_at: int) -> list[float]:
    """Run a batch that everybody watches from before it starts; the lags of its events."""
    start_at_s = time.time() + _CONNECTED_AFTER_S + _CONNECT_S * watchers
    request = work.request(start_at_s=start_at_s)
    batch_id = server.stub.SubmitBatch(request).batch.batch_id
    told = {"address": server.address, "batch_id": batch_id, "look_at": look_at}
    with ExitStack() as stack:
        loads = [
            stack.enter_context(background("benchmarks.watch_load", told | {"watchers": share}))
            for share in (len(range(first, watchers, _PROCESSES)) for first in range(_PROCESSES))
            if share
        ]
        assert time.time() < start_at_s, "the watchers connected too late"
        server.followed(batch_id)
        time.sleep(_LAST_EVENTS_S)
        return [lag for load in loads for lag in load.stop()["lags"]]
