"""A load on a running server: batches submitted all at once, each followed by watchers.

It measures from outside what users would notice, with one process's worth of clients: a server
that is faster than they are shows itself in latencies, not in its highest throughput. What calls
do is the carrier's matter.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Final, TypeVar

import trio
from google.protobuf.timestamp_pb2 import Timestamp

from batchcalls.client import Client, open_client
from batchcalls.client.failure import RpcFailed
from batchcalls.core.model import call_id
from batchcalls.v1.batch_calls_service_pb2 import SubmitBatchRequest
from batchcalls.v1.batch_pb2 import Batch, BatchSpec, CallDefaults
from batchcalls.v1.call_pb2 import CallSpec
from batchcalls.v1.retry_config_pb2 import RetryConfig
from batchcalls.v1.script_pb2 import Script
from batchcalls_simulator.lab.meter import Meter, Report, SequenceCheck
from batchcalls_simulator.lab.trio_run import run_trio

T = TypeVar("T")

_PROBE_S: Final = 0.05
"""How often somebody asks about a batch or a call: often enough for a 99th percentile."""

_ATTEMPTS: Final = 3
_RETRY_DELAY_S: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """``calls`` and ``concurrency`` are of each batch, and so is ``watchers``: 0 or more who
    follow its status and its events. The others are at least 1."""

    batches: int = 10
    calls: int = 1_000
    concurrency: int = 50
    watchers: int = 5

    @property
    def total_calls(self) -> int:
        """Over all batches."""
        return self.batches * self.calls


Show = Callable[[Meter, float], object]
"""Is given the meter and the seconds since the beginning, every so often."""


def run(address: str, load: Load, *, show: Show, interval_s: float) -> Report:
    """``drive`` with a display: ``show`` is called every ``interval_s`` seconds.

    Raises:
      RpcFailed: the server refused a request, or couldn't be reached.
    """
    meter = Meter()

    async def main() -> Report:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_show, meter, show, interval_s)
            report = await drive(address, load, meter)
            nursery.cancel_scope.cancel()
        return report

    return run_trio(main, RpcFailed)


async def _show(meter: Meter, show: Show, interval_s: float) -> None:
    began_s = trio.current_time()
    while True:
        await trio.sleep(interval_s)
        show(meter, trio.current_time() - began_s)


async def drive(address: str, load: Load, meter: Meter) -> Report:
    """Put a load on the server at ``address`` until all batches are final.

    ``meter`` can be read meanwhile.

    Raises:
      RpcFailed: the server refused a request, or couldn't be reached.
    """
    async with open_client(address) as client, trio.open_nursery() as probing:
        began_s = trio.current_time()
        batch_ids: list[str] = []
        probing.start_soon(_probe, client, load, batch_ids, meter)
        async with trio.open_nursery() as nursery:
            for index in range(load.batches):
                nursery.start_soon(_run_batch, client, load, index, batch_ids, meter)
        took_s = trio.current_time() - began_s
        probing.cancel_scope.cancel()
    return meter.report(batches=load.batches, watchers=load.batches * load.watchers, took_s=took_s)


async def _run_batch(
    client: Client, load: Load, index: int, batch_ids: list[str], meter: Meter
) -> None:
    """Submit a batch and follow it to its end."""
    request = _request(load, index)
    batch = await _timed(meter, "SubmitBatch", partial(client.submit, request))
    batch_ids.append(batch.batch_id)
    checks = [SequenceCheck(f"watcher {n} of {batch.batch_id}") for n in range(load.watchers)]
    async with trio.open_nursery() as nursery:
        for check in checks:
            nursery.start_soon(_watch_events, client, batch.batch_id, check, meter)
            nursery.start_soon(_watch_status, client, batch.batch_id, meter)
        await _follow(client, batch.batch_id, meter)
    final = await client.get_batch(batch.batch_id)
    complaints = (check.complaint(final.last_sequence) for check in checks)
    meter.complaints += filter(None, complaints)


async def _follow(client: Client, batch_id: str, meter: Meter) -> None:
    """Count what ends and what is dialed, up to the end of the batch."""
    ended = attempts = 0
    async with client.watch(batch_id) as states:
        async for batch in states:
            meter.calls_ended += _ended(batch) - ended
            meter.attempts += batch.attempts - attempts
            ended, attempts = _ended(batch), batch.attempts


async def _watch_status(client: Client, batch_id: str, meter: Meter) -> None:
    began_s = time.time()
    async with client.watch(batch_id) as states:
        async for batch in states:
            _note_lag(meter.status_lags_s.append, batch.update_time, began_s)


async def _watch_events(client: Client, batch_id: str, check: SequenceCheck, meter: Meter) -> None:
    began_s = time.time()
    async with client.events(batch_id) as events:
        async for event in events:
            check.see(event.sequence)
            meter.events += 1
            _note_lag(meter.event_lags_s.append, event.time, began_s)


def _note_lag(note: Callable[[float], None], happened: Timestamp, began_s: float) -> None:
    """What had happened before anybody watched didn't come late."""
    happened_s = happened.ToMicroseconds() / 1e6
    if happened_s >= began_s:
        note(time.time() - happened_s)


async def _probe(client: Client, load: Load, batch_ids: Sequence[str], meter: Meter) -> None:
    """Ask about batches and calls in turn, as users do beside all this."""
    random = Random(0)
    while True:
        await trio.sleep(_PROBE_S)
        if batch_ids:
            batch_id = random.choice(batch_ids)
            some_call = call_id(batch_id, random.randrange(load.calls))
            await _timed(meter, "GetBatch", partial(client.get_batch, batch_id))
            await _timed(meter, "GetCall", partial(client.get_call, some_call))


async def _timed(meter: Meter, name: str, ask: Callable[[], Awaitable[T]]) -> T:
    began_s = time.perf_counter()
    answer = await ask()
    meter.latencies_s[name].append(time.perf_counter() - began_s)
    return answer


def _ended(batch: Batch) -> int:
    return batch.completed_calls + batch.failed_calls + batch.canceled_calls


def _request(load: Load, index: int) -> SubmitBatchRequest:
    retry = RetryConfig(max_attempts=_ATTEMPTS)
    retry.delay.FromSeconds(_RETRY_DELAY_S)
    first = index * load.calls
    return SubmitBatchRequest(
        batch=BatchSpec(
            display_name=f"load {index + 1}",
            concurrency=load.concurrency,
            retry_config=retry,
            call_defaults=CallDefaults(script=Script(text="Hello.")),
        ),
        calls=[CallSpec(phone_number=f"+1999{first + n:07d}") for n in range(load.calls)],
    )
