"""SIGKILL in the middle of a batch: the next server on the file finishes it, and nobody is
dialed twice for one attempt."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from batchcalls.v1 import batch_calls_service_pb2 as messages
from batchcalls.v1.batch_pb2 import BATCH_STATUS_COMPLETED
from batchcalls.v1.call_pb2 import Call
from batchcalls.v1.event_pb2 import (
    EVENT_TYPE_CALL_RETRY_SCHEDULED,
    EVENT_TYPE_CALL_STARTED,
    Event,
    EventType,
)
from batchcalls.v1.outcome_pb2 import OUTCOME_BUSY, OUTCOME_THROTTLED, OUTCOME_UNKNOWN, Outcome
from tests.system.asking import calls_of, read_until, wait_for_calls_up
from tests.system.requests import ENDLESS, batch, numbers
from tests.system.server import (
    BATCHCALLS,
    WAIT_S,
    Place,
    Server,
    environment,
    eventually,
    running_server,
)

CALLS = 1_500
ATTEMPTS = 3
ROUNDS = 4


def test_a_batch_survives_several_crashes(tmp_path: Path) -> None:
    """Killed again and again while calls are up and retries wait, it loses and repeats nothing.

    Each call ends within its attempts, each attempt was dialed once (some were begun twice: of
    these the first never left), and the log that a reader has pieced together over all crashes
    has every sequence once.
    """
    place = Place(folder=tmp_path, carrier={"busy_rate": "0.4", "talk_time": "0.05"})
    seen: list[Event] = []
    with running_server(place) as server, server.stub() as stub:
        request = batch(CALLS, concurrency=60, attempts=ATTEMPTS, delay=0.2)
        batch_id = stub.SubmitBatch(request).batch.batch_id
        read_until(stub, batch_id, seen, count=CALLS // 2)
        server.kill()
    for _ in range(ROUNDS - 1):
        with running_server(place) as server, server.stub() as stub:
            read_until(stub, batch_id, seen, count=len(seen) + CALLS // 2)
            server.kill()
    with running_server(place) as server, server.stub() as stub:
        read_until(stub, batch_id, seen)
        calls = calls_of(stub, batch_id)
        final = stub.GetBatch(messages.GetBatchRequest(batch_id=batch_id)).batch
    assert [event.sequence for event in seen] == [*range(1, final.last_sequence + 1)]
    assert final.status == BATCH_STATUS_COMPLETED
    assert final.completed_calls + final.failed_calls == final.total_calls == CALLS
    dialed = Counter(attempts_of(seen, EVENT_TYPE_CALL_STARTED))
    dialed -= Counter(attempts_of(seen, EVENT_TYPE_CALL_RETRY_SCHEDULED, OUTCOME_THROTTLED))
    assert set(dialed.values()) == {1}
    assert len({attempt.attempt_id for call in calls for attempt in call.attempts}) == len(dialed)
    for call in calls:
        check_attempts(call)
    assert sum(is_unknown(call) for call in calls) >= 1


def test_a_call_that_was_up_ends_unknown_and_is_not_dialed_again(tmp_path: Path) -> None:
    """Nobody can say whether that phone rang; everything else goes on."""
    place = Place(folder=tmp_path)
    with running_server(place) as server, server.stub() as stub:
        request = batch([ENDLESS, *numbers(20)], concurrency=1, attempts=3)
        batch_id = stub.SubmitBatch(request).batch.batch_id
        wait_for_calls_up(stub, batch_id, 1)
        server.kill()
    with running_server(place) as server, server.stub() as stub:
        read_until(stub, batch_id, [])
        up, *others = calls_of(stub, batch_id)
    assert [attempt.outcome for attempt in up.attempts] == [OUTCOME_UNKNOWN]
    assert {len(call.attempts) for call in others} == {1}


def test_a_retry_waits_out_its_delay_across_a_crash(tmp_path: Path) -> None:
    """The next server takes the due time from the store: it neither hurries nor starts afresh."""
    place = Place(folder=tmp_path)
    get = messages.GetBatchRequest()
    with running_server(place) as server, server.stub() as stub:
        busy_once = "+15550100007"
        get.batch_id = stub.SubmitBatch(batch([busy_once], attempts=2, delay=3)).batch.batch_id
        eventually(lambda: stub.GetBatch(get).batch.retrying_calls)
        (waiting,) = calls_of(stub, get.batch_id)
        server.kill()
    with running_server(place) as server, server.stub() as stub:
        read_until(stub, get.batch_id, [])
        (call,) = calls_of(stub, get.batch_id)
    assert waiting.HasField("next_attempt_time")
    _, second = call.attempts
    assert second.start_time.ToMicroseconds() >= waiting.next_attempt_time.ToMicroseconds()


def test_the_event_command_resumes_after_a_crash(tmp_path: Path) -> None:
    """``events --after N --follow`` goes on where another one was cut off, without a gap."""
    place = Place(folder=tmp_path, carrier={"busy_rate": "0.3"})
    with running_server(place) as server, server.stub() as stub:
        request = batch(400, concurrency=10, attempts=2, delay=0.1)
        batch_id = stub.SubmitBatch(request).batch.batch_id
        with following(server, batch_id, after=0) as command:
            assert command.stdout is not None, "its output is a pipe"
            lines = [command.stdout.readline() for _ in range(100)]
            server.kill()
            command.kill()
    last = json.loads(lines[-1])["sequence"]
    with running_server(place) as server, following(server, batch_id, after=last) as command:
        out, _ = command.communicate(timeout=WAIT_S)
    lines += out.splitlines()
    assert command.returncode == 0
    assert [json.loads(line)["sequence"] for line in lines] == [*range(1, len(lines) + 1)]
    assert json.loads(lines[-1])["type"] == "batch.completed"


def following(server: Server, batch_id: str, *, after: int) -> subprocess.Popen[str]:
    arguments = ("events", batch_id, "--after", str(after), "--follow", "--json")
    return subprocess.Popen(
        [*BATCHCALLS, *arguments],
        stdout=subprocess.PIPE,
        text=True,
        env=environment(BATCHCALLS_ADDRESS=server.address),
    )


def attempts_of(
    seen: list[Event], kind: EventType.ValueType, *outcomes: Outcome.ValueType
) -> Iterator[tuple[str, int]]:
    """Call and number of the attempts that such events are about."""
    return (
        (event.call_id, event.attempt.number)
        for event in seen
        if event.type == kind and (not outcomes or event.attempt.outcome in outcomes)
    )


def check_attempts(call: Call) -> None:
    """Numbers are dense, none is past the last, and only a busy line was tried again."""
    assert [each.number for each in call.attempts] == [*range(1, len(call.attempts) + 1)]
    assert 1 <= len(call.attempts) <= ATTEMPTS
    assert {each.outcome for each in call.attempts[:-1]} <= {OUTCOME_BUSY}


def is_unknown(call: Call) -> bool:
    return call.attempts[-1].outcome == OUTCOME_UNKNOWN
