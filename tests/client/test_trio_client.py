"""The client for trio programs, against a server in another process."""

from __future__ import annotations

from collections.abc import Iterator

import grpc
import pytest
import trio
import trio.testing
import trio_asyncio

from batchcalls.client import Client, open_client
from batchcalls.client.failure import RpcFailed
from batchcalls.errors import Reason, Violation
from batchcalls.v1 import batch_pb2, call_pb2, event_pb2, outcome_pb2
from batchcalls.v1.batch_calls_service_pb2 import SubmitBatchRequest
from batchcalls.v1.call_pb2 import CallSpec
from tests.client.server_process import WAIT_S, FakeServer, running_server


@pytest.fixture(scope="module")
def server() -> Iterator[FakeServer]:
    """A server that the tests of this file share; they leave it running."""
    with running_server() as server:
        yield server


async def test_a_batch_goes_through_its_life(server: FakeServer) -> None:
    """Each RPC about one batch answers with the batch."""
    async with open_client(server.address) as client:
        request = SubmitBatchRequest(calls=[CallSpec(phone_number="+15550100000")])
        assert (await client.submit(request)).batch_id == "batch_done"
        assert (await client.get_batch("batch_busy")).total_calls == 25
        assert (await client.pause("batch_busy")).status == batch_pb2.BATCH_STATUS_PAUSED
        assert (await client.resume("batch_busy")).status == batch_pb2.BATCH_STATUS_RUNNING
        assert (await client.cancel("batch_busy")).status == batch_pb2.BATCH_STATUS_CANCELING
        hung_up = await client.cancel("batch_busy", hang_up=True)
        assert hung_up.status == batch_pb2.BATCH_STATUS_CANCELED
        assert (await client.get_call("call_done_0")).spec.phone_number == "+15550100000"


async def test_pages_are_one_iteration(server: FakeServer) -> None:
    """Where one page ends and the next begins can't be seen."""
    async with open_client(server.address) as client:
        calls = [call.call_id async for call in client.list_calls("batch_done")]
        assert calls == [f"call_done_{position}" for position in range(25)]
        failed = client.list_calls(
            "batch_done",
            statuses=[call_pb2.CALL_STATUS_FAILED],
            outcomes=[outcome_pb2.OUTCOME_BUSY],
        )
        assert len([call async for call in failed]) == 5
        assert len([batch async for batch in client.list_batches()]) == 4
        running = client.list_batches(statuses=[batch_pb2.BATCH_STATUS_RUNNING])
        assert [batch.batch_id async for batch in running] == ["batch_busy"]


async def test_a_refusal_is_an_exception_with_its_details(server: FakeServer) -> None:
    """Code, reason and every violation come from the server."""
    async with open_client(server.address) as client:
        with pytest.raises(RpcFailed) as caught:
            await client.submit(SubmitBatchRequest(calls=[CallSpec(phone_number="1")]))
    failure = caught.value
    assert (failure.code, failure.reason) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        Reason.INVALID_PHONE_NUMBER,
    )
    assert failure.violations == (
        Violation("calls[0].phone_number", "is no number", Reason.INVALID_PHONE_NUMBER),
    )


async def test_a_refusal_says_when_to_come_back(server: FakeServer) -> None:
    """The delay is the server's, in seconds."""
    async with open_client(server.address) as client:
        with pytest.raises(RpcFailed) as caught:
            await client.get_batch("batch_full")
    assert caught.value.retry_after_s == 2.0


@pytest.mark.parametrize("batch_id", ["batch_done", "batch_flaky"])
async def test_every_event_comes_once_and_in_order(server: FakeServer, batch_id: str) -> None:
    """From any sequence, over one stream or over many that break."""
    async with open_client(server.address) as client:
        sequences = [event.sequence async for event in client.events(batch_id, after_sequence=3)]
    assert sequences == list(range(4, 61))


async def test_events_of_one_type(server: FakeServer) -> None:
    """The filter holds across broken streams too."""
    completed = event_pb2.EVENT_TYPE_CALL_COMPLETED
    async with open_client(server.address) as client:
        events = [event async for event in client.events("batch_flaky", types=[completed])]
    assert [event.type for event in events] == [completed] * 20


async def test_without_resume_a_broken_stream_is_an_error(server: FakeServer) -> None:
    """Whoever wants to decide alone gets the failure, after what came before it."""
    async with open_client(server.address) as client:
        events = client.events("batch_flaky", resume=False)
        sequences = [(await anext(events)).sequence for _ in range(14)]
        with pytest.raises(RpcFailed) as caught:
            await anext(events)
    assert sequences == list(range(1, 15))
    assert caught.value.code is grpc.StatusCode.UNAVAILABLE


async def test_a_watch_ends_with_the_final_state(server: FakeServer) -> None:
    """No state comes twice, be it as a heartbeat or as the first one after a loss."""
    async with open_client(server.address) as client:
        statuses = [batch.status async for batch in client.watch("batch_flaky")]
    running, completed = batch_pb2.BATCH_STATUS_RUNNING, batch_pb2.BATCH_STATUS_COMPLETED
    assert statuses == [running, completed]


async def test_an_unknown_batch_cannot_be_watched(server: FakeServer) -> None:
    """Only a server that is gone is waited for; a refusal is an error at once."""
    async with open_client(server.address) as client:
        with pytest.raises(RpcFailed) as caught:
            await anext(client.watch("batch_nope"))
    assert caught.value.reason is Reason.BATCH_NOT_FOUND


async def test_a_stream_that_is_left_early_is_left_on_the_server() -> None:
    """Leaving the block ends the stream there; the connection stays."""
    with running_server() as server:
        async with open_client(server.address) as client:
            async with client.watch("batch_busy") as states:
                await anext(states)
            await says_left(server)
            assert (await client.get_batch("batch_done")).total_calls == 25
            with pytest.raises(StopAsyncIteration):
                await anext(states)


async def test_a_stream_that_is_dropped_is_left_on_the_server() -> None:
    """A plain ``break`` leaks nothing."""
    with running_server() as server:
        async with open_client(server.address) as client:
            async for _ in client.watch("batch_busy"):
                break
            await says_left(server)


async def test_a_canceled_consumer_leaves_its_stream() -> None:
    """Cancellation of the task that reads reaches the server."""
    with running_server() as server:
        async with open_client(server.address) as client:
            async with trio.open_nursery() as nursery:
                await nursery.start(consume, client)
                nursery.cancel_scope.cancel()
            await says_left(server)


async def consume(client: Client, *, task_status: trio.TaskStatus[None]) -> None:
    async for _ in client.watch("batch_busy"):
        task_status.started()


async def test_a_canceled_wait_loses_no_event(server: FakeServer) -> None:
    """A reader that gives up waiting, and then reads on, misses nothing and sees nothing twice."""
    async with open_client(server.address) as client:
        events = client.events("batch_busy")
        sequences = [(await anext(events)).sequence for _ in range(7)]
        async with trio.open_nursery() as nursery:
            nursery.start_soon(anext, events)
            await trio.testing.wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
        sequences += [(await anext(events)).sequence for _ in range(7)]
    assert sequences == list(range(1, 15))


async def test_a_stream_outlives_a_restart() -> None:
    """The server is killed and comes back at its address; the events go on where they stopped."""
    with running_server() as first:
        async with open_client(first.address) as client:
            events = client.events("batch_busy")
            sequences = [(await anext(events)).sequence for _ in range(7)]
            first.kill()
            port = first.address.rpartition(":")[2]
            with running_server("--port", port, "--settled"):
                sequences += [event.sequence async for event in events]
    assert sequences == list(range(1, 61))


async def test_leaving_the_client_ends_what_is_under_way(server: FakeServer) -> None:
    """Nothing that waits for the server holds the program up."""
    with trio.fail_after(WAIT_S):
        async with trio.open_nursery() as nursery, open_client(server.address) as client:
            await nursery.start(consume, client)
            nursery.cancel_scope.cancel()


async def test_two_clients_share_the_loop(server: FakeServer) -> None:
    """A program may speak to two servers: gRPC sees one loop."""
    async with open_client(server.address) as first, open_client(server.address) as second:
        assert await first.get_batch("batch_done") == await second.get_batch("batch_done")


async def test_a_stray_event_of_an_ended_client_is_ignored(server: FakeServer) -> None:
    """gRPC hands the events of all loops to any loop; only that error is harmless."""
    stray = {
        "message": "Exception in callback PollerCompletionQueue._handle_events()",
        "exception": RuntimeError("Event loop is closed"),
    }
    async with open_client(server.address) as client:
        trio_asyncio.current_loop.get().call_exception_handler(stray)
        assert (await client.get_batch("batch_done")).total_calls == 25


async def test_any_other_error_of_the_loop_ends_the_client(server: FakeServer) -> None:
    """A fault inside of the loop isn't hidden."""
    with pytest.RaisesGroup(ValueError, flatten_subgroups=True):
        async with open_client(server.address):
            fault = {"message": "Exception in callback", "exception": ValueError("a fault")}
            trio_asyncio.current_loop.get().call_exception_handler(fault)
            await trio.sleep_forever()


async def says_left(server: FakeServer) -> None:
    with trio.fail_after(WAIT_S):
        line = await trio.to_thread.run_sync(server.said.readline, abandon_on_cancel=True)
    assert line == "left\n"
