"""WatchEvents on a real server: every sequence once, whoever reads however slowly."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import grpc
import pytest
import trio

from batchcalls.client import Client
from batchcalls.v1 import batch_calls_service_pb2 as messages
from batchcalls.v1.batch_calls_service_pb2_grpc import BatchCallsServiceStub
from batchcalls.v1.event_pb2 import EVENT_TYPE_BATCH_COMPLETED, EVENT_TYPE_CALL_COMPLETED, Event
from tests.system.requests import ENDLESS, batch, numbers
from tests.system.server import WAIT_S, Place, Server, eventually, running_server

SLEEPERS = 30
EVENT_MIB = 200 / 1024**2
"""What one event takes at least on its way to a reader."""

LEFT = (
    'grpc_server_handled_total{grpc_code="CANCELLED",grpc_method="WatchEvents",'
    'grpc_service="batchcalls.v1.BatchCallsService",grpc_type="server_stream"}'
)

FORGETS_AFTER = 1_024
"""Events of a batch that a server keeps in memory; who lags further is served from the store."""


async def test_a_log_is_replayed_and_then_followed(client: Client) -> None:
    """A reader that joins in the middle gets what was and what comes, without a seam."""
    batch_id = (await client.submit(batch(800, concurrency=20))).batch_id
    async with client.events(batch_id) as events:
        early = [(await anext(events)).sequence for _ in range(300)]
    rest = await sequences(client, batch_id, after=300)
    assert early + rest == [*range(1, len(early) + len(rest) + 1)]


async def test_a_log_is_read_from_any_sequence(client: Client) -> None:
    """After the end it is the same as while it grew, from wherever it is read."""
    batch_id = (await client.submit(batch(700))).batch_id
    last = len(await sequences(client, batch_id))
    for after in (0, 1, last - FORGETS_AFTER, last - 1, last):
        assert await sequences(client, batch_id, after=after) == [*range(after + 1, last + 1)]


async def test_only_the_types_that_were_asked_for_come(client: Client) -> None:
    """The stream ends after the final event, even if that one wasn't asked for."""
    batch_id = (await client.submit(batch(600))).batch_id
    with trio.fail_after(WAIT_S):
        completed = [
            event async for event in client.events(batch_id, types=[EVENT_TYPE_CALL_COMPLETED])
        ]
    assert len(completed) == 600
    assert {event.type for event in completed} == {EVENT_TYPE_CALL_COMPLETED}


def test_a_sequence_that_does_not_exist_yet_is_out_of_range(server: Server) -> None:
    """A reader that claims to have more than there is has mixed something up."""
    with server.stub() as stub:
        batch_id = stub.SubmitBatch(batch()).batch.batch_id
        last = [event.sequence for event in read(stub, batch_id)][-1]
        beyond = messages.ListEventsRequest(batch_id=batch_id, after_sequence=last + 1)
        for ask in (
            lambda: list(read(stub, batch_id, after=last + 1)),
            lambda: stub.ListEvents(beyond),
        ):
            with pytest.raises(grpc.RpcError) as caught:
                ask()
            assert caught.value.code() is grpc.StatusCode.OUT_OF_RANGE


def test_pages_of_events_are_the_stream(server: Server) -> None:
    """Who can't stream gets the same events, page by page, and learns where the log ends."""
    with server.stub() as stub:
        batch_id = stub.SubmitBatch(batch(50)).batch.batch_id
        streamed = list(read(stub, batch_id))
        listed, after, last = list[Event](), 0, 1
        while after < last:
            page = stub.ListEvents(
                messages.ListEventsRequest(batch_id=batch_id, after_sequence=after, page_size=33)
            )
            listed += page.events
            after, last = page.next_after_sequence, page.last_sequence
        assert listed == streamed


async def test_many_watchers_see_one_log(client: Client) -> None:
    """Forty readers, some of the whole log and some of its end, agree on every event."""
    batch_id = (await client.submit(batch(400, concurrency=50))).batch_id
    logs: list[list[Event]] = []

    async def follow() -> None:
        logs.append([event async for event in client.events(batch_id)])

    with trio.fail_after(WAIT_S):
        async with trio.open_nursery() as nursery:
            for _ in range(40):
                nursery.start_soon(follow)
    assert all(log == logs[0] for log in logs)
    assert [event.sequence for event in logs[0]] == [*range(1, len(logs[0]) + 1)]
    assert logs[0][-1].type == EVENT_TYPE_BATCH_COMPLETED


def test_readers_that_stop_reading_lose_nothing_and_hold_nobody_up(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Thousands of events wait for thirty sleepers in the store, and not in memory.

    One that goes away instead of waking up is forgotten at once. When all is over, a reader
    that has everything is let go, though the sleepers keep the last events in memory.
    """
    place = Place(folder=tmp_path_factory.mktemp("slow"))
    with running_server(place) as server, server.stub() as stub, drowsy_stub(server) as drowsy:
        request = batch([ENDLESS, *numbers(4_000)], concurrency=200)
        batch_id = stub.SubmitBatch(request).batch.batch_id
        watch = messages.WatchEventsRequest(batch_id=batch_id)
        sleepers = [drowsy.WatchEvents(watch, timeout=2 * WAIT_S) for _ in range(SLEEPERS + 1)]
        woken = [list(next(sleeper).events) for sleeper in sleepers]
        before_mib = server.memory_mib()
        get = messages.GetBatchRequest(batch_id=batch_id)
        eventually(lambda: stub.GetBatch(get).batch.completed_calls == 4_000)
        sleepers.pop().cancel()
        eventually(lambda: server.metric(LEFT) == 1)
        grown_mib = server.memory_mib() - before_mib
        stub.CancelBatch(messages.CancelBatchRequest(batch_id=batch_id, hang_up=True))
        done = eventually(
            lambda: stub.GetBatch(get).batch, until=lambda seen: seen.HasField("end_time")
        )
        assert server.metric("batchcalls_watchers") == SLEEPERS
        assert list(read(stub, batch_id, after=done.last_sequence)) == []
        for sleeper, seen in zip(sleepers, woken, strict=False):
            seen += [event for response in sleeper for event in response.events]
    everything = [*range(1, done.last_sequence + 1)]
    assert len(everything) > 12_000
    for seen in woken[:SLEEPERS]:
        assert [event.sequence for event in seen] == everything
    assert grown_mib < SLEEPERS * len(everything) * EVENT_MIB / 2


@contextmanager
def drowsy_stub(server: Server) -> Iterator[BatchCallsServiceStub]:
    """A stub whose streams stand still soon after their reader does."""
    options = [("grpc.http2.bdp_probe", 0), ("grpc.http2.lookahead_bytes", 16 * 1024)]
    with grpc.insecure_channel(server.address, options=options) as channel:
        yield BatchCallsServiceStub(channel)


def test_a_reader_resumes_across_a_restart(tmp_path_factory: pytest.TempPathFactory) -> None:
    """What it read before a restart and what it reads after are the whole log, once."""
    place = Place(folder=tmp_path_factory.mktemp("resume"))
    with running_server(place) as server, server.stub() as stub:
        batch_id = stub.SubmitBatch(batch(300, concurrency=5)).batch.batch_id
        stream = stub.WatchEvents(messages.WatchEventsRequest(batch_id=batch_id))
        seen = [event.sequence for event in next(stream).events]
        server.kill()
    with running_server(place) as server, server.stub() as stub:
        seen += [event.sequence for event in read(stub, batch_id, after=seen[-1])]
    assert seen == [*range(1, len(seen) + 1)]


async def sequences(client: Client, batch_id: str, *, after: int = 0) -> list[int]:
    with trio.fail_after(WAIT_S):
        return [event.sequence async for event in client.events(batch_id, after_sequence=after)]


def read(stub: BatchCallsServiceStub, batch_id: str, *, after: int = 0) -> Iterator[Event]:
    request = messages.WatchEventsRequest(batch_id=batch_id, after_sequence=after)
    for response in stub.WatchEvents(request, timeout=WAIT_S):
        yield from response.events
