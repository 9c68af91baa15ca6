"""The simulator as a process of its own, spoken to as any client in any language would."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import grpc
import pytest

from batchcalls.core.model import Outcome
from batchcalls.v1 import carrier_service_pb2 as messages
from batchcalls.v1 import outcome_pb2
from batchcalls.v1.carrier_service_pb2_grpc import CarrierServiceStub
from batchcalls_simulator.cdr_reader import read_call_details
from tests.carriers.process import SIMULATOR, WAIT_S, CarrierProcess, running_simulator

COMPLETES = "+15550100000"
ENDLESS = "+15550100009"

numbers = count(1)


@pytest.fixture(scope="module")
def simulator() -> Iterator[CarrierProcess]:
    """A simulator that tests leave running."""
    with running_simulator() as simulator:
        yield simulator


@contextmanager
def stub(simulator: CarrierProcess) -> Iterator[CarrierServiceStub]:
    with grpc.insecure_channel(simulator.address) as channel:
        yield CarrierServiceStub(channel)


def dial(phone_number: str) -> messages.PlaceCallRequest:
    request = messages.PlaceCallRequest(
        attempt_id=f"attempt_{next(numbers)}", phone_number=phone_number, attempt_number=1
    )
    request.ring_timeout.seconds = 30
    return request


def test_a_stream_tells_the_call(simulator: CarrierProcess) -> None:
    """Ringing, answered, ended; then the stream is over."""
    with stub(simulator) as carrier:
        told = list(carrier.PlaceCall(dial(COMPLETES), timeout=WAIT_S))
    assert [response.progress for response in told[:-1]] == [
        messages.CALL_PROGRESS_RINGING,
        messages.CALL_PROGRESS_ANSWERED,
    ]
    assert told[-1].ended.outcome == outcome_pb2.OUTCOME_COMPLETED


def test_a_call_goes_on_when_its_client_is_gone(simulator: CarrierProcess) -> None:
    """The stream is only the telling: another client finds the call up, and ends it."""
    request = dial(ENDLESS)
    known = messages.LookUpRequest(attempt_id=request.attempt_id)
    with stub(simulator) as carrier:
        next(iter(carrier.PlaceCall(request, timeout=WAIT_S)))
    with stub(simulator) as another:
        assert another.LookUp(known).HasField("still_up")
        another.HangUp(messages.HangUpRequest(attempt_id=request.attempt_id))
        assert another.LookUp(known).ended.outcome == outcome_pb2.OUTCOME_CANCELED


def test_an_attempt_that_is_known_dials_nothing(simulator: CarrierProcess) -> None:
    """It is ALREADY_EXISTS, whoever sends it."""
    request = dial(COMPLETES)
    with stub(simulator) as carrier:
        list(carrier.PlaceCall(request, timeout=WAIT_S))
        with pytest.raises(grpc.RpcError) as refused:
            list(carrier.PlaceCall(request, timeout=WAIT_S))
    assert refused.value.code() is grpc.StatusCode.ALREADY_EXISTS


def test_a_call_that_was_never_dialed_is_not_known(simulator: CarrierProcess) -> None:
    """Not knowing is an answer, not an error."""
    with stub(simulator) as carrier:
        answer = carrier.LookUp(messages.LookUpRequest(attempt_id="attempt_never"))
    assert answer.HasField("not_known")


def test_what_is_required_is_asked_for(simulator: CarrierProcess) -> None:
    """An empty request is the caller's mistake, and the message says which field."""
    with stub(simulator) as carrier:
        empty = (
            lambda: list(carrier.PlaceCall(messages.PlaceCallRequest(), timeout=WAIT_S)),
            lambda: carrier.HangUp(messages.HangUpRequest()),
            lambda: carrier.LookUp(messages.LookUpRequest()),
        )
        for send in empty:
            with pytest.raises(grpc.RpcError) as refused:
                send()
            assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
            assert "attempt_id" in str(refused.value.details())


def test_sigterm_ends_it_and_its_calls(tmp_path: Path) -> None:
    """It exits with 0, and every call in the log has an end."""
    log = tmp_path / "cdr.jsonl"
    with running_simulator(cdr=log) as simulator, stub(simulator) as carrier:
        telling = iter(carrier.PlaceCall(dial(ENDLESS), timeout=WAIT_S))
        next(telling)
        assert simulator.terminate() == 0
    assert [dial.outcome for dial in read_call_details(log).dials] == [Outcome.CANCELED]


def test_a_kill_leaves_calls_without_an_end(tmp_path: Path) -> None:
    """Whoever reads the log can tell which calls were up."""
    log = tmp_path / "cdr.jsonl"
    with running_simulator(cdr=log) as simulator, stub(simulator) as carrier:
        list(carrier.PlaceCall(dial(COMPLETES), timeout=WAIT_S))
        next(iter(carrier.PlaceCall(dial(ENDLESS), timeout=WAIT_S)))
        simulator.kill()
    assert [dial.outcome for dial in read_call_details(log).dials] == [Outcome.COMPLETED, None]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--option", "busy_rat=1"), "did you mean busy_rate?"),
        (("--option", "busy_rate"), "must be KEY=VALUE"),
        (("--cdr", "/nowhere/cdr.jsonl"), "/nowhere/cdr.jsonl"),
        (("--listen", "256.0.0.1:0"), "can't listen on 256.0.0.1:0"),
    ],
)
def test_what_cannot_be_served_is_said(arguments: tuple[str, ...], complaint: str) -> None:
    """One line for the operator, and exit code 2."""
    done = subprocess.run(
        [*SIMULATOR, "--listen", "127.0.0.1:0", *arguments],
        capture_output=True,
        text=True,
        timeout=WAIT_S,
        check=False,
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr


def test_it_is_installed_as_a_command() -> None:
    """The command line is there without knowing where the module is."""
    command = Path(sys.executable).with_name("batchcalls-simulator")
    done = subprocess.run([command, "--help"], capture_output=True, text=True, check=True)
    assert "serve" in done.stdout
