"""The magic numbers of the simulator, through the whole server."""

from __future__ import annotations

import pytest
import trio

from batchcalls.client import Client
from batchcalls.v1.event_pb2 import Event
from batchcalls.wire.words import CALL_STATUS_WORDS, EVENT_TYPE_WORDS, OUTCOME_WORDS
from tests.system.requests import ENDLESS, batch
from tests.system.server import WAIT_S


@pytest.mark.parametrize(
    ("number", "attempts", "status"),
    [
        ("+15550100000", ["completed"], "completed"),
        ("+15550100001", ["busy", "busy", "busy"], "failed"),
        ("+15550100002", ["no_answer", "no_answer", "no_answer"], "failed"),
        ("+15550100003", ["failed", "failed", "failed"], "failed"),
        ("+15550100004", ["rejected"], "failed"),
        ("+15550100005", ["invalid_number"], "failed"),
        ("+15550100006", ["voicemail"], "completed"),
        ("+15550100007", ["busy", "completed"], "completed"),
        ("+15550100008", ["no_answer", "no_answer", "completed"], "completed"),
    ],
)
async def test_a_magic_number_ends_as_its_last_digits_say(
    client: Client, number: str, attempts: list[str], status: str
) -> None:
    """With three attempts each shows its outcomes, one dial after the other."""
    submitted = await client.submit(batch([number], attempts=3))
    await all_events(client, submitted.batch_id)
    (call,) = [each async for each in client.list_calls(submitted.batch_id)]
    assert [OUTCOME_WORDS[each.outcome] for each in call.attempts] == attempts
    assert [each.number for each in call.attempts] == [*range(1, len(attempts) + 1)]
    assert CALL_STATUS_WORDS[call.status] == status
    assert OUTCOME_WORDS[call.outcome] == attempts[-1]


async def test_busy_once_then_completed_has_its_events_in_order(client: Client) -> None:
    """Two attempts of one call are told from the first dial to the end of the batch."""
    submitted = await client.submit(batch(["+15550100007"], attempts=2))
    events = await all_events(client, submitted.batch_id)
    told = [
        (EVENT_TYPE_WORDS[event.type].value, event.attempt.number, str(outcome(event) or ""))
        for event in events
    ]
    assert told == [
        ("batch.started", 0, ""),
        ("batch.call_started", 1, ""),
        ("batch.call_retry_scheduled", 1, "busy"),
        ("batch.call_started", 2, ""),
        ("batch.call_answered", 2, ""),
        ("batch.call_completed", 2, "completed"),
        ("batch.completed", 0, ""),
    ]
    assert [event.sequence for event in events] == [1, 2, 3, 4, 5, 6, 7]


async def test_the_endless_number_is_up_until_it_is_hung_up(client: Client) -> None:
    """Its call is answered and ends canceled."""
    batch_id = (await client.submit(batch([ENDLESS]))).batch_id
    async with client.events(batch_id) as events:
        async for event in events:
            if EVENT_TYPE_WORDS[event.type] == "batch.call_answered":
                await client.cancel(batch_id, hang_up=True)
    (call,) = [each async for each in client.list_calls(batch_id)]
    assert (CALL_STATUS_WORDS[call.status], OUTCOME_WORDS[call.outcome]) == ("canceled",) * 2


async def all_events(client: Client, batch_id: str) -> list[Event]:
    with trio.fail_after(WAIT_S):
        return [event async for event in client.events(batch_id)]


def outcome(event: Event) -> str | None:
    return OUTCOME_WORDS.get(event.attempt.outcome)
