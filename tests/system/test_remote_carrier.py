"""A server that dials through a carrier in another process, and crashes on either side.

What the phone network saw is in the simulator's call-detail log; it is the judge here.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from batchcalls.core.model import Outcome
from batchcalls.v1 import batch_calls_service_pb2 as messages
from batchcalls.v1 import batch_pb2
from batchcalls.v1.batch_calls_service_pb2_grpc import BatchCallsServiceStub
from batchcalls.v1.call_pb2 import Attempt, Call
from batchcalls.wire.words import OUTCOME_WORDS
from batchcalls_simulator.cdr_reader import (
    CallDetails,
    peak_calls_up,
    read_call_details,
)
from tests.carriers.process import CarrierProcess, running_simulator
from tests.system.asking import (
    calls_of,
    read_until,
    wait_for_calls_up,
    wait_for_slots_taken,
)
from tests.system.requests import ENDLESS, batch
from tests.system.server import BATCHCALLS, Place, Server, eventually, running_server

CONCURRENCY = 10
ATTEMPTS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class RemotePlace(Place):
    """Where a server lives that dials through the carrier ``grpc``."""

    address: str

    @property
    def command(self) -> list[str]:
        return [
            *(*BATCHCALLS, "serve", "--listen", self.listen, "--metrics-listen", "127.0.0.1:0"),
            *("--drain-timeout", "0", "--database", f"sqlite:///{self.folder / 'batchcalls.db'}"),
            *("--carrier", "grpc", "--carrier-option", f"address={self.address}"),
            *("--carrier-option", "number_policy=shape"),
            *("--carrier-option", "connect_timeout_s=0.5"),
        ]


def test_calls_outlive_the_server_that_dialed_them(tmp_path: Path) -> None:
    """After a crash, calls still up are waited for and calls that ended get their outcome."""
    log = tmp_path / "cdr.jsonl"
    with running_simulator(cdr=log, talk_time="uniform:1,5") as simulator:
        place = RemotePlace(folder=tmp_path, address=simulator.address)
        with running_server(place) as server, server.stub() as stub:
            batch_id = submit(stub, CONCURRENCY)
            eventually(lambda: all(is_answered(call) for call in calls_of(stub, batch_id)))
            server.kill()
        eventually(lambda: read_call_details(log), until=some_ended)
        with running_server(place) as server, server.stub() as stub:
            read_until(stub, batch_id, [])
            calls = calls_of(stub, batch_id)
    seen = read_call_details(log)
    check_nobody_was_dialed_twice(seen)
    assert len(seen.dials) == CONCURRENCY
    for call in calls:
        assert [outcome(attempt) for attempt in call.attempts] == [Outcome.COMPLETED]


def test_a_server_killed_again_and_again_dials_nobody_twice(tmp_path: Path) -> None:
    """Wherever a crash hits, every outcome is the true one or unknown, within all limits."""
    log = tmp_path / "cdr.jsonl"
    with running_simulator(cdr=log, busy_rate="0.4", talk_time="0.1") as simulator:
        place = RemotePlace(folder=tmp_path, address=simulator.address)
        with running_server(place) as server, server.stub() as stub:
            batch_id = submit(stub, 250)
            kill_after(server, log, dialed=60)
        for count in (120, 180):
            with running_server(place) as server:
                kill_after(server, log, dialed=count)
        with running_server(place) as server, server.stub() as stub:
            read_until(stub, batch_id, [])
            calls = calls_of(stub, batch_id)
    seen = read_call_details(log)
    check_nobody_was_dialed_twice(seen)
    check_outcomes(calls, seen)
    assert peak_calls_up(seen.placed) <= CONCURRENCY
    dials_by_call = Counter(dial.call_id for dial in seen.placed)
    assert max(dials_by_call.values()) <= ATTEMPTS


def test_a_carrier_that_crashes_and_comes_back_costs_only_the_calls_that_were_up(
    tmp_path: Path,
) -> None:
    """They end unknown; the breaker keeps others back until the carrier is there again."""
    log = tmp_path / "cdr.jsonl"
    with running_simulator(cdr=log, talk_time="0.3") as simulator:
        place = RemotePlace(folder=tmp_path, address=simulator.address)
        with running_server(place) as server, server.stub() as stub:
            batch_id = submit(stub, 100)
            eventually(lambda: dials(log), until=lambda count: count > 3 * CONCURRENCY)
            simulator.kill()
            other = submit(stub, 20)
            eventually(lambda: not is_up(server))
            with running_simulator(cdr=log, port=simulator.port):
                calls = []
                for each in (batch_id, other):
                    read_until(stub, each, [])
                    calls += calls_of(stub, each)
                assert is_up(server)
    seen = read_call_details(log)
    check_nobody_was_dialed_twice(seen)
    check_outcomes(calls, seen)
    unknown = [call for call in calls if outcome(call.attempts[-1]) is Outcome.UNKNOWN]
    assert 0 < len(unknown) <= CONCURRENCY
    assert all(len(call.attempts) == 1 for call in calls), "an outage is nobody's attempt"


def test_a_carrier_that_freezes_costs_nothing(tmp_path: Path) -> None:
    """What it doesn't say for a while it says later, and all outcomes are true."""
    log = tmp_path / "cdr.jsonl"
    with running_simulator(cdr=log, busy_rate="0.3", talk_time="0.2") as simulator:
        place = RemotePlace(folder=tmp_path, address=simulator.address)
        with running_server(place) as server, server.stub() as stub:
            batch_id = submit(stub, 100)
            eventually(lambda: dials(log), until=lambda count: count > 2 * CONCURRENCY)
            freeze_until_all_slots_are_taken(simulator, stub, batch_id)
            read_until(stub, batch_id, [])
            calls = calls_of(stub, batch_id)
    seen = read_call_details(log)
    check_nobody_was_dialed_twice(seen)
    check_outcomes(calls, seen)
    assert not any(outcome(a) is Outcome.UNKNOWN for call in calls for a in call.attempts)
    assert peak_calls_up(seen.placed) <= CONCURRENCY


def test_a_paused_batch_stays_paused_over_a_crash(tmp_path: Path) -> None:
    """Its calls that were up end as they do, nothing more is dialed until it is resumed."""
    log = tmp_path / "cdr.jsonl"
    with running_simulator(cdr=log, talk_time="1") as simulator:
        place = RemotePlace(folder=tmp_path, address=simulator.address)
        with running_server(place) as server, server.stub() as stub:
            batch_id = submit(stub, 2 * CONCURRENCY)
            eventually(lambda: sum(map(is_answered, calls_of(stub, batch_id))) == CONCURRENCY)
            stub.PauseBatch(messages.PauseBatchRequest(batch_id=batch_id))
            server.kill()
        with running_server(place) as server, server.stub() as stub:
            wait_for_slots_taken(stub, batch_id, 0)
            request = messages.GetBatchRequest(batch_id=batch_id)
            assert stub.GetBatch(request).batch.status == batch_pb2.BATCH_STATUS_PAUSED
            assert dials(log) == CONCURRENCY
            stub.ResumeBatch(messages.ResumeBatchRequest(batch_id=batch_id))
            read_until(stub, batch_id, [])
            calls = calls_of(stub, batch_id)
    assert {outcome(attempt) for call in calls for attempt in call.attempts} == {Outcome.COMPLETED}
    assert dials(log) == 2 * CONCURRENCY


def test_a_drained_server_leaves_its_calls_up(tmp_path: Path) -> None:
    """SIGTERM hangs up nothing, and the next server finds the calls where they were."""
    log = tmp_path / "cdr.jsonl"
    with running_simulator(cdr=log) as simulator:
        place = RemotePlace(folder=tmp_path, address=simulator.address)
        with running_server(place) as server, server.stub() as stub:
            request = batch([ENDLESS], concurrency=1)
            batch_id = stub.SubmitBatch(request).batch.batch_id
            eventually(lambda: is_answered(calls_of(stub, batch_id)[0]))
            server.terminate()
            assert server.wait() == 0
        with running_server(place) as server, server.stub() as stub:
            wait_for_calls_up(stub, batch_id, 1)
        assert [dial.end_s for dial in read_call_details(log).dials] == [None]


def submit(stub: BatchCallsServiceStub, calls: int) -> str:
    request = batch(calls, concurrency=CONCURRENCY, attempts=ATTEMPTS, delay=0.1)
    return stub.SubmitBatch(request).batch.batch_id


def kill_after(server: Server, log: Path, *, dialed: int) -> None:
    eventually(lambda: dials(log), until=lambda count: count >= dialed)
    server.kill()


def freeze_until_all_slots_are_taken(
    simulator: CarrierProcess, stub: BatchCallsServiceStub, batch_id: str
) -> None:
    simulator.freeze()
    wait_for_slots_taken(stub, batch_id, CONCURRENCY)
    simulator.thaw()


def dials(log: Path) -> int:
    return len(read_call_details(log).dials)


def some_ended(seen: CallDetails) -> bool:
    return sum(dial.end_s is not None for dial in seen.dials) >= CONCURRENCY // 3


def is_answered(call: Call) -> bool:
    return any(attempt.HasField("answer_time") for attempt in call.attempts)


def is_up(server: Server) -> bool:
    return server.metric('batchcalls_carrier_up{carrier="grpc"}') == 1


def outcome(attempt: Attempt) -> Outcome | None:
    return OUTCOME_WORDS.get(attempt.outcome)


def check_nobody_was_dialed_twice(seen: CallDetails) -> None:
    assert seen.repeats == ()
    dialed = Counter(dial.attempt_id for dial in seen.dials)
    assert [attempt_id for attempt_id, count in dialed.items() if count > 1] == []


def check_outcomes(calls: list[Call], seen: CallDetails) -> None:
    """Every outcome is what the log says, or unknown; every dial of the log is an attempt."""
    known = {attempt.attempt_id: attempt for call in calls for attempt in call.attempts}
    assert {dial.attempt_id for dial in seen.placed} <= known.keys()
    for dial in seen.placed:
        assert outcome(known[dial.attempt_id]) in (dial.outcome, Outcome.UNKNOWN), dial
