"""Dials a second beside 150 readers, against the same server's without them.

The readers ask again as soon as they are answered, from two processes, each over a connection
of its own, all for the same: pages of a long log that hold nothing, since they are for events
that never happened; full pages of events; full pages of calls; a batch that has ended; the batch
that is being called; and the end of a log, where nothing is new. The store answers the first
three, memory the others. Only dialing counts: readers may wait.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import Any, Final

from batchcalls.v1 import batch_calls_service_pb2 as messages
from batchcalls.v1.batch_pb2 import Batch
from batchcalls.v1.event_pb2 import EVENT_TYPE_BATCH_PAUSED
from benchmarks.effort import Effort
from benchmarks.load import background
from benchmarks.row import Goal, Row
from benchmarks.sample import middle, spread
from benchmarks.server_process import ServerProcess, running_server
from benchmarks.workload import Workload

_READERS: Final = 150
_PROCESSES: Final = 2
_CALLS_PER_SECOND: Final = 200
_SERVICE: Final = "/batchcalls.v1.BatchCallsService"
_WARM_UP_S: Final = 1.0
_LASTING_S: Final = 400
_LATER_S: Final = 3_600.0


def measure(effort: Effort) -> Iterator[Row]:
    """The rows of this benchmark."""
    times, seconds = effort.pick(full=(2, 3.0), quick=(1, 0.5))
    people = {"talk_time": "0.05"}
    long = Workload(
        calls=effort.pick(full=20_000, quick=1_000), concurrency=500, people={"talk_time": "0.02"}
    )
    work = Workload(
        calls=_CALLS_PER_SECOND * _LASTING_S,
        concurrency=100,
        people=people,
        max_calls_per_second=_CALLS_PER_SECOND,
    )
    with running_server(effort.folder / "readers.db", long.options) as server:
        ended = server.run(long.request()).batch_id
        later = Workload(calls=1, concurrency=1).request(start_at_s=time.time() + _LATER_S)
        waiting = server.stub.SubmitBatch(later).batch
        called = server.stub.SubmitBatch(work.request()).batch.batch_id
        time.sleep(_WARM_UP_S)
        for name, (method, request) in _wishes(ended, called, waiting).items():
            alone, beside = [], []
            for _ in range(times):
                alone.append(_dials(server, called, seconds))
                beside.append(_dials_beside(server, called, seconds, method, request))
            yield Row(
                name=f"readers: dials beside {_READERS} of {name}",
                value=middle(beside),
                unit="calls/s",
                limit=middle(alone),
                goal=Goal(bound=0.9, of_ratio=True),
                spread=spread(beside),
            )


def _wishes(ended: str, called: str, waiting: Batch) -> Mapping[str, tuple[str, Any]]:
    end = messages.ListEventsRequest(
        batch_id=waiting.batch_id, after_sequence=waiting.last_sequence
    )
    rare = messages.ListEventsRequest(batch_id=ended, types=[EVENT_TYPE_BATCH_PAUSED])
    return {
        "events that never happened": ("ListEvents", rare),
        "all events": ("ListEvents", messages.ListEventsRequest(batch_id=ended)),
        "all calls": ("ListCalls", messages.ListCallsRequest(batch_id=ended)),
        "an ended batch": ("GetBatch", messages.GetBatchRequest(batch_id=ended)),
        "the batch itself": ("GetBatch", messages.GetBatchRequest(batch_id=called)),
        "the end of a log": ("ListEvents", end),
    }


def _dials_beside(
    server: ServerProcess, called: str, seconds: float, method: str, request: Any
) -> float:
    told = {
        "address": server.address,
        "method": f"{_SERVICE}/{method}",
        "request": request.SerializeToString().hex(),
        "clients": _READERS // _PROCESSES,
        "pause_s": 0,
    }
    with ExitStack() as stack:
        loads = [
            stack.enter_context(background("benchmarks.unary_load", told))
            for _ in range(_PROCESSES)
        ]
        time.sleep(_WARM_UP_S)
        dials = _dials(server, called, seconds)
        for load in loads:
            load.stop()
    return dials


def _dials(server: ServerProcess, called: str, seconds: float) -> float:
    before, began = server.batch(called).attempts, time.perf_counter()
    time.sleep(seconds)
    return (server.batch(called).attempts - before) / (time.perf_counter() - began)
