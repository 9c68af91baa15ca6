"""Scale: how the cost of a call grows with the size of a batch, the batches and the watchers.

Four series, each size on a server of its own. *Calls*: one batch of 1,000 to 1,000,000 calls;
the large ones run for a few seconds only. *Calls up*: so many slots, and as many calls that
last; the rate is that of dialing until all are up. *Batches*: so many batches at once, with the
same number of calls in all. *Watchers*: so many readers of the events of one paced batch.

Theory: what grows linearly costs the same per unit at every size. So each series fits the
exponent with which the processor time of the server for the whole grows with size: 1 is
linear; 1.1, the goal, leaves room for noise. The smallest size is left out of the fit: fixed
costs hide all else there. The chart shows the other figures of each size.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from batchcalls.v1 import batch_calls_service_pb2 as messages
from batchcalls.v1.batch_pb2 import Batch, BatchStatus
from benchmarks.chart import Chart, Kind, Panel
from benchmarks.effort import Effort
from benchmarks.events import watched_lags
from benchmarks.load import Load, background
from benchmarks.reads import GET_BATCH
from benchmarks.row import Goal, Row
from benchmarks.sample import growth, percentile
from benchmarks.server_process import ServerProcess, running_server
from benchmarks.stored import store_batches
from benchmarks.workload import Workload

_MOST_GROWTH: Final = Goal(bound=1.1)
_RUN_S: Final = 3.0
"""How long one batch is looked at; one that ends sooner is looked at to its end."""

_RUN_ALL_S: Final = 12.0
"""The same for many batches: a beginning shows only how fast they are read in."""

_LOOK_AGAIN_S: Final = 0.1
_LATER_S: Final = 3_600.0
_SLOTS: Final = 1_000
_PEOPLE: Final = {"talk_time": "0.05"}
_READER: Final = {"clients": 1, "pause_s": 0.01}
_WATCHED_RATE: Final = 100
_LEAST_CPU_S: Final = 0.01
"""What the kernel can tell apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One size of a series.

    ``cost_s`` is the processor time of the server for all of it; where only a part was run,
    what the part took, scaled to the whole.
    """

    size: int
    rate: float
    memory_mib: float
    latency_ms: float
    cost_s: float


def measure(effort: Effort) -> Iterator[Row | Chart]:
    """The rows of this benchmark, and its chart."""
    folder = effort.folder
    sizes = effort.pick(full=(1, 10, 100, 1_000), quick=(1, 3, 10))
    each = effort.pick(full=10_000, quick=1_000)
    series = {"calls": [_calls(folder, 1_000 * size) for size in sizes]}
    yield from _rows("calls", series["calls"], "p99 of GetBatch")
    series["calls up"] = [_up(folder, 10 * size) for size in sizes]
    yield from _rows("calls up", series["calls up"], "p99 of GetBatch")
    series["batches"] = [_batches(folder, size, each) for size in sizes]
    yield from _rows("batches", series["batches"], "p99 of GetBatch")
    series["watchers"] = _watchers(folder, sizes)
    yield from _rows("watchers", series["watchers"], "p99 of the lag")
    yield _chart(series)


def _calls(folder: Path, calls: int) -> Point:
    work = Workload(calls=calls, concurrency=_SLOTS, people=_PEOPLE)
    return _run(folder / f"calls-{calls}.db", work, batches=1, size=calls, longest_s=_RUN_S)


def _batches(folder: Path, batches: int, calls: int) -> Point:
    """The same calls, shared out over so many batches, in the same number of slots."""
    share = Workload(calls=calls // batches, concurrency=_SLOTS // batches, people=_PEOPLE)
    database = folder / f"batches-{batches}.db"
    return _run(database, share, batches=batches, size=batches, longest_s=_RUN_ALL_S)


def _up(folder: Path, calls: int) -> Point:
    """Dial until all calls are up, with a reader of another batch beside it."""
    work = Workload(calls=calls, concurrency=calls, people={"talk_time": "60"})
    slots = ("--max-concurrent-calls", str(calls))
    with running_server(folder / f"up-{calls}.db", work.options, *slots) as server:
        other = Workload(calls=1, concurrency=1).request(start_at_s=time.time() + _LATER_S)
        with _reader(server, server.stub.SubmitBatch(other).batch.batch_id) as load:
            cpu_s, began_s = server.cpu_s(), time.time()
            batch = _all_answered(server, server.stub.SubmitBatch(work.request()).batch)
            cpu_s = server.cpu_s() - cpu_s
            latencies = [latency for at, latency in load.stop() if at >= began_s]
        took_s = (batch.update_time.ToNanoseconds() - batch.create_time.ToNanoseconds()) / 1e9
        return Point(
            size=calls,
            rate=calls / took_s,
            memory_mib=server.peak_resident_mib(),
            latency_ms=percentile(latencies, 99) * 1e3,
            cost_s=cpu_s,
        )


def _all_answered(server: ServerProcess, batch: Batch) -> Batch:
    """The batch once it has started, and each of its calls was dialed and answered."""
    while batch.last_sequence < 1 + 2 * batch.total_calls:
        time.sleep(_LOOK_AGAIN_S)
        batch = server.batch(batch.batch_id)
    return batch


def _reader(server: ServerProcess, batch_id: str) -> AbstractContextManager[Load]:
    request = messages.GetBatchRequest(batch_id=batch_id).SerializeToString().hex()
    told = {"address": server.address, "method": GET_BATCH, "request": request}
    return background("benchmarks.unary_load", told | _READER)


def _run(database: Path, work: Workload, *, batches: int, size: int, longest_s: float) -> Point:
    """Let stored batches go all at once, with a reader beside them, and look at what they do."""
    batch_ids = store_batches(database, batches, work, paused=True)
    with running_server(database, work.options) as server:
        with _reader(server, batch_ids[-1]) as load:
            cpu_s, began_s = server.cpu_s(), time.time()
            _resume(server, batch_ids)
            _wait(server, until_s=began_s + longest_s)
            cpu_s = server.cpu_s() - cpu_s
            found = [server.batch(batch_id) for batch_id in batch_ids]
            latencies = [latency for at, latency in load.stop() if at >= began_s]
        ended = sum(batch.completed_calls for batch in found)
        return Point(
            size=size,
            rate=ended / (_ended_at_s(found) - began_s),
            memory_mib=server.peak_resident_mib(),
            latency_ms=percentile(latencies, 99) * 1e3,
            cost_s=cpu_s / ended * work.calls * batches,
        )


def _resume(server: ServerProcess, batch_ids: Sequence[str]) -> None:
    requests = [messages.ResumeBatchRequest(batch_id=batch_id) for batch_id in batch_ids]
    for answer in [server.stub.ResumeBatch.future(request) for request in requests]:
        answer.result()


def _wait(server: ServerProcess, *, until_s: float) -> None:
    running = messages.ListBatchesRequest(page_size=1, statuses=[BatchStatus.BATCH_STATUS_RUNNING])
    while time.time() < until_s and server.stub.ListBatches(running).batches:
        time.sleep(_LOOK_AGAIN_S)


def _ended_at_s(batches: Sequence[Batch]) -> float:
    """When the last batch ended; now, where one goes on."""
    if not all(batch.HasField("end_time") for batch in batches):
        return time.time()
    return max(batch.end_time.ToNanoseconds() for batch in batches) / 1e9


def _watchers(folder: Path, sizes: Sequence[int]) -> list[Point]:
    """What watchers cost beyond the paced batch that they watch."""
    work = Workload(
        calls=round(_WATCHED_RATE * _RUN_S),
        concurrency=_SLOTS,
        people=_PEOPLE,
        max_calls_per_second=_WATCHED_RATE,
    )
    with running_server(folder / "unwatched.db", work.options) as server:
        before_s = server.cpu_s()
        server.run(work.request())
        unwatched_s = server.cpu_s() - before_s
    return [_watched(folder, work, size, unwatched_s) for size in sizes]


def _watched(folder: Path, work: Workload, watchers: int, unwatched_s: float) -> Point:
    with running_server(folder / f"watchers-{watchers}.db", work.options) as server:
        before_s = server.cpu_s()
        lags = watched_lags(server, work, watchers, look_at=max(1, watchers // 10))
        return Point(
            size=watchers,
            rate=_WATCHED_RATE,
            memory_mib=server.peak_resident_mib(),
            latency_ms=percentile(lags, 99) * 1e3,
            cost_s=max(server.cpu_s() - before_s - unwatched_s, _LEAST_CPU_S),
        )


def _rows(name: str, points: Sequence[Point], latency: str) -> Iterator[Row]:
    for point in points:
        at = f"scale, {point.size:,} {_plural(name, point.size)}"
        yield Row(name=f"{at}: rate", value=point.rate, unit="calls/s")
        yield Row(name=f"{at}: memory", value=point.memory_mib, unit="MiB")
        yield Row(name=f"{at}: {latency}", value=point.latency_ms, unit="ms")
    fitted = points[1:]
    yield Row(
        name=f"scale, {name}: growth of the cost",
        value=growth([point.size for point in fitted], [point.cost_s for point in fitted]),
        unit="(1 is linear)",
        goal=_MOST_GROWTH,
        smaller_is_better=True,
    )


def _plural(name: str, size: int) -> str:
    return {"batches": "batch", "watchers": "watcher"}.get(name, name) if size == 1 else name


def _chart(series: Mapping[str, Sequence[Point]]) -> Chart:
    """The rate of watched calls is left out: it is paced."""
    titles = {
        "rate": "Calls a second",
        "memory_mib": "Memory of the server, MiB",
        "latency_ms": "p99 of GetBatch, for watchers of the lag, ms",
    }
    return Chart(
        name="scale",
        kind=Kind.LINES,
        x_label="how many calls, calls up, batches or watchers",
        panels=[
            Panel(
                title=title,
                series={
                    name: [(point.size, getattr(point, field)) for point in points]
                    for name, points in series.items()
                    if (name, field) != ("watchers", "rate")
                },
            )
            for field, title in titles.items()
        ],
    )
