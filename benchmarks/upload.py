"""A large upload: 100,000 calls in one SubmitBatch, and what it costs everybody else.

The time is the client's, from the first byte to the answer that all of it is durable. Four
clients ask for a batch that has ended, so for an answer out of the store, up to 200 times a
second together. The batch starts later,
so nothing is dialed: the memory is that of taking it in.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import grpc

from batchcalls.client.channel import CHANNEL_OPTIONS
from batchcalls.v1 import batch_calls_service_pb2 as messages
from benchmarks.effort import Effort
from benchmarks.load import background
from benchmarks.reads import GET_BATCH
from benchmarks.row import Goal, Row
from benchmarks.sample import middle, percentile, spread
from benchmarks.server_process import ServerProcess, running_server
from benchmarks.workload import Workload

_SUBMIT_BATCH: Final = "/batchcalls.v1.BatchCallsService/SubmitBatch"
_LATER_S: Final = 3_600.0
_PEOPLE: Final = {"talk_time": "0.01"}
_READERS: Final = {"clients": 4, "pause_s": 0.02}


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """What one upload took."""

    took_s: float
    others_p99_ms: float
    others_worst_ms: float
    grown_mib: float


def measure(effort: Effort) -> Iterator[Row]:
    """The rows of this benchmark."""
    work = Workload(calls=effort.pick(full=100_000, quick=10_000), concurrency=100, people=_PEOPLE)
    request = work.request(start_at_s=time.time() + _LATER_S).SerializeToString()
    uploads = []
    for turn in range(effort.pick(full=3, quick=1)):
        with running_server(effort.folder / f"upload-{turn}.db", work.options) as server:
            uploads.append(_upload(server, request))
    name = f"upload of {work.calls:,} calls"
    yield _row(f"{name}: time", [one.took_s for one in uploads], "s", Goal(bound=6))
    p99s = [one.others_p99_ms for one in uploads]
    yield _row(f"{name}: p99 of other RPCs", p99s, "ms", Goal(bound=60))
    worst = [one.others_worst_ms for one in uploads]
    yield _row(f"{name}: slowest other RPC", worst, "ms", None)
    yield _row(f"{name}: memory", [one.grown_mib for one in uploads], "MiB more", Goal(bound=100))


def _upload(server: ServerProcess, request: bytes) -> Upload:
    other = server.run(Workload(calls=1, concurrency=1).request()).batch_id
    asked = messages.GetBatchRequest(batch_id=other).SerializeToString()
    told = {"address": server.address, "method": GET_BATCH, "request": asked.hex()}
    with (
        grpc.insecure_channel(server.address, options=CHANNEL_OPTIONS) as channel,
        background("benchmarks.unary_load", told | _READERS) as load,
    ):
        submit: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(_SUBMIT_BATCH)
        before_mib = server.resident_mib()
        server.forget_peak()
        began, clock = time.time(), time.perf_counter()
        submit(request)
        ended, took_s = time.time(), time.perf_counter() - clock
        grown_mib = server.peak_resident_mib() - before_mib
        latencies = [latency for at, latency in load.stop() if began <= at + latency and at < ended]
    return Upload(
        took_s=took_s,
        others_p99_ms=percentile(latencies, 99) * 1e3,
        others_worst_ms=max(latencies) * 1e3,
        grown_mib=grown_mib,
    )


def _row(name: str, values: list[float], unit: str, goal: Goal | None) -> Row:
    return Row(
        name=name,
        value=middle(values),
        unit=unit,
        goal=goal,
        spread=spread(values),
        smaller_is_better=True,
    )
