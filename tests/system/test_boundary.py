"""The traps of grpc.aio, each closed: whatever a handler does, its client gets a proper answer."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest
from google.rpc.error_details_pb2 import ErrorInfo

from batchcalls.v1 import batch_calls_service_pb2 as messages
from batchcalls.v1.batch_calls_service_pb2_grpc import BatchCallsServiceStub
from tests.system.asking import detail, status_of
from tests.system.server import WAIT_S, environment, eventually

SCRIPT = Path(__file__).with_name("misbehaving_server.py")


@dataclass(frozen=True, slots=True, kw_only=True)
class Misbehaving:
    stub: BatchCallsServiceStub
    log: Path


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Misbehaving]:
    """A server whose handlers do as ``batch_id`` says."""
    log = tmp_path_factory.mktemp("boundary") / "log"
    with (
        log.open("w") as errors,
        subprocess.Popen(
            [sys.executable, str(SCRIPT)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env=environment(),
        ) as process,
    ):
        assert process.stdout is not None, "its output is a pipe"
        with grpc.insecure_channel(f"127.0.0.1:{process.stdout.readline().strip()}") as channel:
            yield Misbehaving(stub=BatchCallsServiceStub(channel), log=log)
        process.kill()


def ask(server: Misbehaving, rpc: str, how: str) -> tuple[grpc.StatusCode, str, ErrorInfo]:
    """How an RPC ends whose handler misbehaves."""
    requests = {
        "GetBatch": messages.GetBatchRequest(batch_id=how),
        "WatchBatch": messages.WatchBatchRequest(batch_id=how),
    }
    with pytest.raises(grpc.RpcError) as caught:
        answer_of(server, rpc, requests[rpc])
    error = caught.value
    return error.code(), error.details() or "", detail(status_of(error), ErrorInfo)


def answer_of(server: Misbehaving, rpc: str, request: object) -> object:
    answer = getattr(server.stub, rpc)(request, timeout=WAIT_S)
    return list(answer) if rpc == "WatchBatch" else answer


RPCS = pytest.mark.parametrize("rpc", ["GetBatch", "WatchBatch"])


@RPCS
def test_a_cancellation_that_is_not_the_clients_is_answered(server: Misbehaving, rpc: str) -> None:
    """Unguarded, the client would wait for ever; it is told to come back."""
    code, _, info = ask(server, rpc, "cancelled")
    assert (code, info.reason) == (grpc.StatusCode.UNAVAILABLE, "SHUTTING_DOWN")


@RPCS
def test_the_text_of_an_exception_stays_in_the_log(server: Misbehaving, rpc: str) -> None:
    """A client gets an error id; under it the log has the text, numbers masked."""
    code, details, info = ask(server, rpc, "secret")
    assert (code, info.reason) == (grpc.StatusCode.INTERNAL, "INTERNAL")
    assert "secret" not in details
    error_id = info.metadata["error_id"]
    assert error_id in details
    (line,) = eventually(lambda: [line for line in log_lines(server) if error_id in line])
    assert "the secret of +…07" in line
    assert json.loads(line)["method"].endswith(rpc)


@RPCS
def test_an_error_of_ours_keeps_its_words(server: Misbehaving, rpc: str) -> None:
    """What is meant for clients reaches them: code, message, reason."""
    code, details, info = ask(server, rpc, "ours")
    assert (code, details) == (grpc.StatusCode.NOT_FOUND, "there is no such batch")
    assert (info.reason, info.domain) == ("BATCH_NOT_FOUND", "batchcalls")


@RPCS
def test_a_client_that_leaves_is_no_error(server: Misbehaving, rpc: str) -> None:
    """Its cancellation reaches the handler, is passed on, and leaves nothing in the log."""
    before = log_lines(server)
    if rpc == "WatchBatch":
        stream = server.stub.WatchBatch(messages.WatchBatchRequest(batch_id="endless"))
        next(stream)
        stream.cancel()
    else:
        request = messages.GetBatchRequest(batch_id="endless")
        future = server.stub.GetBatch.future(request)
        future.cancel()
    ask(server, rpc, "ours")
    assert log_lines(server) == before


def log_lines(server: Misbehaving) -> list[str]:
    return server.log.read_text().splitlines()
