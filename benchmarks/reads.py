"""GetBatch a second and how long it takes, against a bare grpc.aio server of the same answer.

64 clients, each with a connection of its own, in one process apart; the same program loads
both servers, in turn: for a batch that waits, and for one that has ended, on a server that is
otherwise idle. And they ask for a batch that runs 1,000 calls a second: 200 times a second, which
tells how long one waits; and as often as they are answered, which tells how many answers there
are beside the calls.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from batchcalls.v1 import batch_calls_service_pb2 as messages
from benchmarks.echo_server import METHOD, running_echo
from benchmarks.effort import Effort
from benchmarks.load import background
from benchmarks.row import Goal, Row
from benchmarks.sample import middle, percentile, spread
from benchmarks.server_process import ServerProcess, running_server
from benchmarks.workload import Workload

GET_BATCH: Final = "/batchcalls.v1.BatchCallsService/GetBatch"
_CLIENTS: Final = 64
_LATER_S: Final = 3_600.0
_WARM_UP_S: Final = 0.5
_CALLS_PER_SECOND: Final = 1_000
_ASKED_PER_SECOND: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What the clients of one run saw."""

    rate: float
    p50_ms: float
    p99_ms: float


def measure(effort: Effort) -> Iterator[Row]:
    """The rows of this benchmark."""
    times, seconds = effort.pick(full=(3, 4.0), quick=(1, 1.0))
    lasting = 2 * (times + 1) * (seconds + 3 * _WARM_UP_S)
    work = Workload(
        calls=round(_CALLS_PER_SECOND * lasting),
        concurrency=200,
        people={"talk_time": "0.05"},
        max_calls_per_second=_CALLS_PER_SECOND,
    )
    with running_server(effort.folder / "reads.db", work.options) as server:
        yield from _idle(server, times, seconds)
        yield from _while_calling(server, work, times, seconds)


def _idle(server: ServerProcess, times: int, seconds: float) -> Iterator[Row]:
    small = Workload(calls=10, concurrency=10)
    ended = server.run(small.request()).batch_id
    later = small.request(start_at_s=time.time() + _LATER_S)
    waiting = server.stub.SubmitBatch(later).batch
    with running_echo(messages.GetBatchResponse(batch=waiting)) as echo:
        places = {
            "echo": (echo, METHOD, waiting.batch_id),
            "idle": (server.address, GET_BATCH, waiting.batch_id),
            "idle, ended": (server.address, GET_BATCH, ended),
        }
        turns = [
            {name: _read(*place, seconds) for name, place in places.items()} for _ in range(times)
        ]
    limits = [turn.pop("echo") for turn in turns]
    for name in ("idle", "idle, ended"):
        seen = [turn[name] for turn in turns]
        yield _rate(name, seen, limits, Goal(bound=0.8, of_ratio=True))
        yield from _times(name, seen, limits, None)


def _while_calling(
    server: ServerProcess, work: Workload, times: int, seconds: float
) -> Iterator[Row]:
    batch_id = server.stub.SubmitBatch(work.request()).batch.batch_id
    asked = f"{_ASKED_PER_SECOND} a second"
    for name, per_second in ((asked, _ASKED_PER_SECOND), ("all they get", None)):
        before, began = server.batch(batch_id).attempts, time.perf_counter()
        busy = [
            _read(server.address, GET_BATCH, batch_id, seconds, per_second=per_second)
            for _ in range(times)
        ]
        batch, took_s = server.batch(batch_id), time.perf_counter() - began
        assert not batch.HasField("end_time"), "the batch must outlast the readers"
        when = f"at 1,000 calls/s, {name}"
        if per_second:
            yield from _times(when, busy, (), Goal(bound=60))
        else:
            yield _rate(when, busy, (), None)
        yield Row(
            name=f"reads {when}: calls dialed meanwhile",
            value=(batch.attempts - before) / took_s,
            unit="calls/s",
            limit=_CALLS_PER_SECOND,
            goal=Goal(bound=0.9, of_ratio=True),
        )


def _read(
    address: str, method: str, batch_id: str, seconds: float, *, per_second: int | None = None
) -> Reading:
    request = messages.GetBatchRequest(batch_id=batch_id).SerializeToString()
    told = {"address": address, "method": method, "request": request.hex(), "clients": _CLIENTS}
    told |= {"per_second": per_second} if per_second else {"pause_s": 0}
    with background("benchmarks.unary_load", told) as load:
        time.sleep(_WARM_UP_S)
        begin = time.time()
        time.sleep(seconds)
        end = time.time()
        samples = load.stop()
    latencies = [latency for at, latency in samples if begin <= at and at + latency < end]
    return Reading(
        rate=len(latencies) / seconds,
        p50_ms=percentile(latencies, 50) * 1e3,
        p99_ms=percentile(latencies, 99) * 1e3,
    )


def _rate(when: str, seen: Sequence[Reading], limits: Sequence[Reading], goal: Goal | None) -> Row:
    rates = [reading.rate for reading in seen]
    return Row(
        name=f"reads {when}: GetBatch",
        value=middle(rates),
        unit="RPCs/s",
        limit=middle([limit.rate for limit in limits]) if limits else None,
        goal=goal,
        spread=spread(rates),
    )


def _times(
    when: str, seen: Sequence[Reading], limits: Sequence[Reading], slowest: Goal | None
) -> Iterator[Row]:
    for name, goal in (("p50", None), ("p99", slowest)):
        times_ms = [getattr(reading, f"{name}_ms") for reading in seen]
        yield Row(
            name=f"reads {when}: {name}",
            value=middle(times_ms),
            unit="ms",
            limit=middle([getattr(limit, f"{name}_ms") for limit in limits]) if limits else None,
            goal=goal,
            spread=spread(times_ms),
            smaller_is_better=True,
        )
