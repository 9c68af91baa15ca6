"""WatchBatch on a real server: the state at once, conflated changes, the final state, then OK."""

from __future__ import annotations

import grpc
import pytest
import trio
from google.protobuf.duration_pb2 import Duration

from batchcalls.client import Client
from batchcalls.v1 import batch_calls_service_pb2 as messages
from batchcalls.v1.batch_pb2 import BATCH_STATUS_COMPLETED, BATCH_STATUS_RUNNING, Batch
from tests.system.requests import ENDLESS, batch
from tests.system.server import WAIT_S, Server, eventually

HOUR = Duration(seconds=3_600)


async def test_a_batch_in_which_nothing_happens_is_told_at_once(client: Client) -> None:
    """The first state doesn't wait for a change."""
    batch_id = (await client.submit(batch([ENDLESS], concurrency=1))).batch_id
    with trio.fail_after(WAIT_S):
        await until_up(client, batch_id)
        async with client.watch(batch_id) as states:
            assert (await anext(states)).status == BATCH_STATUS_RUNNING
    await client.cancel(batch_id, hang_up=True)


async def test_a_final_batch_is_told_once(client: Client) -> None:
    """One state, then the stream ends OK."""
    batch_id = (await client.submit(batch())).batch_id
    await states_of(client, batch_id)
    assert [state.status for state in await states_of(client, batch_id)] == [BATCH_STATUS_COMPLETED]


async def test_changes_are_conflated(client: Client) -> None:
    """Hundreds of changes are far fewer messages; counts add up in each, and the last is final."""
    batch_id = (await client.submit(batch(600, concurrency=50))).batch_id
    states = await states_of(client, batch_id)
    assert states[-1].status == BATCH_STATUS_COMPLETED
    assert states[-1].last_sequence > 10 * len(states)
    for state in states:
        assert counted(state) == state.total_calls == 600
    sequences = [state.last_sequence for state in states]
    assert sequences == sorted(set(sequences))


def test_the_final_state_waits_for_no_interval(server: Server) -> None:
    """With an hour between messages, the end is told when it comes."""
    with server.stub() as stub:
        batch_id = stub.SubmitBatch(batch([ENDLESS])).batch.batch_id
        request = messages.WatchBatchRequest(batch_id=batch_id, min_interval=HOUR)
        states = stub.WatchBatch(request, timeout=WAIT_S)
        assert next(states).batch.status == BATCH_STATUS_RUNNING
        eventually(lambda: stub.GetBatch(of(batch_id)).batch.in_progress)
        stub.CancelBatch(messages.CancelBatchRequest(batch_id=batch_id, hang_up=True))
        assert [state.batch.canceled_calls for state in states] == [1]


@pytest.mark.parametrize("read_first", [True, False])
def test_a_watcher_that_goes_away_is_forgotten(server: Server, read_first: bool) -> None:
    """It costs nothing from then on, wherever its stream stood."""
    with server.stub() as stub:
        batch_id = stub.SubmitBatch(batch([ENDLESS])).batch.batch_id
        eventually(lambda: server.metric("batchcalls_watchers"), until=lambda value: value == 0)
        streams = [stub.WatchBatch(messages.WatchBatchRequest(batch_id=batch_id)) for _ in range(5)]
        eventually(lambda: server.metric("batchcalls_watchers"), until=lambda value: value == 5)
        for stream in streams:
            if read_first:
                next(stream)
            stream.cancel()
        eventually(lambda: server.metric("batchcalls_watchers"), until=lambda value: value == 0)
        stub.CancelBatch(messages.CancelBatchRequest(batch_id=batch_id, hang_up=True))


def test_a_deadline_ends_a_watch(server: Server) -> None:
    """The client's deadline is kept, and its stream is forgotten."""
    with server.stub() as stub:
        batch_id = stub.SubmitBatch(batch([ENDLESS])).batch.batch_id
        watch = stub.WatchBatch(messages.WatchBatchRequest(batch_id=batch_id), timeout=0.2)
        with pytest.raises(grpc.RpcError) as caught:
            list(watch)
        assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        eventually(lambda: server.metric("batchcalls_watchers"), until=lambda value: value == 0)
        stub.CancelBatch(messages.CancelBatchRequest(batch_id=batch_id, hang_up=True))


async def until_up(client: Client, batch_id: str) -> None:
    while not (await client.get_batch(batch_id)).in_progress:
        await trio.lowlevel.checkpoint()


async def states_of(client: Client, batch_id: str) -> list[Batch]:
    with trio.fail_after(WAIT_S):
        return [state async for state in client.watch(batch_id)]


def counted(state: Batch) -> int:
    waiting = state.pending_calls + state.retrying_calls + state.in_progress
    return waiting + state.completed_calls + state.failed_calls + state.canceled_calls


def of(batch_id: str) -> messages.GetBatchRequest:
    return messages.GetBatchRequest(batch_id=batch_id)
