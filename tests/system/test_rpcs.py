"""The RPCs of a real server, one after the other, through the client for trio programs."""

from __future__ import annotations

import grpc
import pytest
import trio

from batchcalls.client import Client
from batchcalls.client.failure import RpcFailed
from batchcalls.errors import Reason
from batchcalls.v1 import batch_calls_service_pb2 as messages
from batchcalls.v1 import batch_pb2, call_pb2, outcome_pb2
from tests.system.requests import ENDLESS, batch, numbers
from tests.system.server import WAIT_S, Server

COMPLETED = batch_pb2.BATCH_STATUS_COMPLETED
CANCELED = batch_pb2.BATCH_STATUS_CANCELED


async def final(client: Client, batch_id: str) -> batch_pb2.Batch:
    with trio.fail_after(WAIT_S):
        async for state in client.watch(batch_id):
            last = state
    return last


async def test_a_submitted_batch_is_dialed_to_its_end(client: Client) -> None:
    """Submit, watch and get agree on what a batch is and on how it ended."""
    submitted = await client.submit(batch(20, display_name="twenty", labels={"team": "a"}))
    assert submitted.batch_id.startswith("batch_")
    assert (submitted.total_calls, submitted.display_name) == (20, "twenty")
    done = await final(client, submitted.batch_id)
    assert (done.status, done.completed_calls, done.attempts) == (COMPLETED, 20, 20)
    assert await client.get_batch(submitted.batch_id) == done
    assert dict(done.labels) == {"team": "a"}


async def test_calls_are_listed_page_by_page_and_by_filter(client: Client) -> None:
    """Every call is in exactly one page, in the order of submission; filters are exact."""
    busy = "+15550100001"
    submitted = await client.submit(batch([*numbers(30), busy]))
    await final(client, submitted.batch_id)
    calls = [call async for call in client.list_calls(submitted.batch_id, page_size=7)]
    assert [call.spec.phone_number for call in calls] == [*numbers(30), busy]
    failed = client.list_calls(submitted.batch_id, statuses=[call_pb2.CALL_STATUS_FAILED])
    assert [call.spec.phone_number async for call in failed] == [busy]
    outcomes = [outcome_pb2.OUTCOME_COMPLETED]
    answered = client.list_calls(submitted.batch_id, outcomes=outcomes, page_size=29)
    assert len([call async for call in answered]) == 30
    assert await client.get_call(calls[3].call_id) == calls[3]


async def test_batches_are_listed_newest_first(client: Client) -> None:
    """A page holds no more than was asked for, and all pages together hold everything."""
    made = [(await client.submit(batch())).batch_id for _ in range(5)]
    listed = [each.batch_id async for each in client.list_batches(page_size=2)]
    assert listed[:5] == made[::-1]
    assert len(set(listed)) == len(listed)


async def test_a_paused_batch_dials_nothing_until_it_is_resumed(client: Client) -> None:
    """Pause lets calls that are up go on, resume dials the rest; both may be repeated."""
    batch_id = (await client.submit(batch([ENDLESS, *numbers(3)], concurrency=1))).batch_id
    for _ in range(2):
        assert (await client.pause(batch_id)).status == batch_pb2.BATCH_STATUS_PAUSED
    paused = await client.get_batch(batch_id)
    assert paused.completed_calls == 0
    for _ in range(2):
        assert (await client.resume(batch_id)).status == batch_pb2.BATCH_STATUS_RUNNING
    await client.cancel(batch_id, hang_up=True)
    assert (await final(client, batch_id)).status == CANCELED


async def test_canceling_lets_calls_finish_unless_it_hangs_up(client: Client) -> None:
    """Calls that wait are canceled at once; what is up ends by itself or is hung up."""
    batch_id = (await client.submit(batch([ENDLESS] * 2 + numbers(50), concurrency=2))).batch_id
    async with client.watch(batch_id) as states:
        async for state in states:
            if state.in_progress == 2:
                break
    await client.cancel(batch_id)
    async with client.watch(batch_id) as states:
        async for state in states:
            if state.canceled_calls == 50:
                break
    assert (state.status, state.in_progress) == (batch_pb2.BATCH_STATUS_CANCELING, 2)
    await client.cancel(batch_id, hang_up=True)
    done = await final(client, batch_id)
    assert (done.status, done.canceled_calls) == (CANCELED, 52)
    assert (await client.cancel(batch_id)).status == CANCELED


async def test_a_request_id_makes_one_batch(client: Client) -> None:
    """The same request again is answered with the batch that the first one made."""
    request = batch(3)
    request.request_id = "once"
    first = await client.submit(request)
    assert (await client.submit(request)).batch_id == first.batch_id
    await final(client, first.batch_id)
    assert (await client.submit(request)).batch_id == first.batch_id


async def test_a_request_id_with_another_body_is_refused(client: Client) -> None:
    """Nobody gets another batch than the one that was asked for."""
    request = batch(3)
    request.request_id = "reused"
    await client.submit(request)
    request.calls[0].phone_number = "+19995550000"
    await refused(client, request, grpc.StatusCode.ALREADY_EXISTS, Reason.REQUEST_ID_REUSED)


async def test_concurrent_submits_with_one_request_id_make_one_batch(client: Client) -> None:
    """Twenty at once are one batch: the id decides, not the luck of the order."""
    request = batch(2)
    request.request_id = "twenty-at-once"
    made: set[str] = set()

    async def submit() -> None:
        made.add((await client.submit(request)).batch_id)

    async with trio.open_nursery() as nursery:
        for _ in range(20):
            nursery.start_soon(submit)
    assert len(made) == 1


async def test_a_batch_id_is_given_once(client: Client) -> None:
    """A batch has the id that its client chose, and no other batch gets it."""
    request = batch()
    request.batch_id = "batch_chosen"
    assert (await client.submit(request)).batch_id == "batch_chosen"
    await refused(client, request, grpc.StatusCode.ALREADY_EXISTS, Reason.BATCH_ID_TAKEN)
    await final(client, "batch_chosen")
    await refused(client, request, grpc.StatusCode.ALREADY_EXISTS, Reason.BATCH_ID_TAKEN)


async def test_a_validated_batch_is_not_stored(client: Client) -> None:
    """With ``validate_only`` the answer is the batch as it would be; nothing comes of it."""
    request = batch(4)
    request.batch_id = "batch_only-checked"
    request.validate_only = True
    assert (await client.submit(request)).total_calls == 4
    with pytest.raises(RpcFailed) as caught:
        await client.get_batch("batch_only-checked")
    assert caught.value.reason is Reason.BATCH_NOT_FOUND


@pytest.mark.parametrize("validate_only", [True, False])
def test_a_submitted_batch_is_answered_with_warnings(server: Server, validate_only: bool) -> None:
    """They hinder nothing, come with a check alone too, and again when it is repeated."""
    request = batch(["+19990000001"] * 3, call_defaults={"script": {"text": "Hello {name}."}})
    request.validate_only, request.request_id = validate_only, "warned"
    with server.stub() as stub:
        for _ in range(2):
            answer = stub.SubmitBatch(request)
            assert answer.batch.total_calls == 3
            assert [warning.field for warning in answer.warnings] == [
                "batch.call_defaults.script.text",
                "calls[1].phone_number",
                "calls[2].phone_number",
            ]
            assert answer.warning_count == 3


@pytest.mark.parametrize("name", ["get_batch", "pause", "resume", "cancel", "watch", "events"])
async def test_an_unknown_batch_is_not_found(client: Client, name: str) -> None:
    """Every RPC about a batch says so, streams too."""
    asked = getattr(client, name)("batch_nobody")
    with pytest.raises(RpcFailed) as caught:
        await (anext(asked) if name in ("watch", "events") else asked)
    assert caught.value.code is grpc.StatusCode.NOT_FOUND
    assert caught.value.reason is Reason.BATCH_NOT_FOUND


@pytest.mark.parametrize("call_id", ["call_nobody_0", "call_chosen", "batch_x", "call__-1"])
async def test_an_unknown_call_is_not_found(client: Client, call_id: str) -> None:
    """What is no call's id, well-formed or not, is not found."""
    with pytest.raises(RpcFailed) as caught:
        await client.get_call(call_id)
    assert caught.value.reason is Reason.CALL_NOT_FOUND


@pytest.mark.parametrize("name", ["pause", "resume"])
async def test_a_final_batch_cannot_be_steered(client: Client, name: str) -> None:
    """In the wrong state a request is refused and changes nothing."""
    done = await final(client, (await client.submit(batch())).batch_id)
    with pytest.raises(RpcFailed) as caught:
        await getattr(client, name)(done.batch_id)
    assert caught.value.code is grpc.StatusCode.FAILED_PRECONDITION
    assert caught.value.reason is Reason.WRONG_STATE
    assert await client.get_batch(done.batch_id) == done


async def test_a_batch_waits_for_its_start_time(client: Client) -> None:
    """Until then it is scheduled and can be canceled without a dial."""
    request = batch(5, start_time="2100-01-01T00:00:00Z")
    submitted = await client.submit(request)
    assert submitted.status == batch_pb2.BATCH_STATUS_SCHEDULED
    await client.cancel(submitted.batch_id)
    done = await final(client, submitted.batch_id)
    assert (done.status, done.canceled_calls, done.attempts) == (CANCELED, 5, 0)


def test_a_page_token_belongs_to_its_list(server: Server) -> None:
    """A token of another list, or a mangled one, is refused and not misread."""
    with server.stub() as stub:
        batch_id = stub.SubmitBatch(batch(3)).batch.batch_id
        page = stub.ListCalls(messages.ListCallsRequest(batch_id=batch_id, page_size=1))
        token = page.next_page_token
        bad = [
            messages.ListCallsRequest(batch_id=batch_id, page_token=f"{token}x"),
            messages.ListCallsRequest(batch_id="batch_chosen", page_token=token),
            messages.ListCallsRequest(
                batch_id=batch_id, page_token=token, statuses=[call_pb2.CALL_STATUS_FAILED]
            ),
        ]
        for request in bad:
            with pytest.raises(grpc.RpcError) as caught:
                stub.ListCalls(request)
            assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def refused(
    client: Client, request: messages.SubmitBatchRequest, code: grpc.StatusCode, reason: Reason
) -> None:
    with pytest.raises(RpcFailed) as caught:
        await client.submit(request)
    assert (caught.value.code, caught.value.reason) == (code, reason)
