"""The traps of grpc.aio, each closed: whatever a handler does, its client gets a proper answer."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest
from google.rpc.error_details_pb2 import ErrorInfo

from batchcalls.client.channel import CHANNEL_OPTIONS
from batchcalls.client.failure import rpc_failed
from batchcalls.rpc.server import KEEPALIVE_S
from batchcalls.v1 import batch_calls_service_pb2 as messages
from batchcalls.v1.batch_calls_service_pb2_grpc import BatchCallsServiceStub
from tests.system.asking import detail, status_of
from tests.system.server import WAIT_S, environment, eventually

KEEPALIVE_OPTIONS = ("grpc.keepalive_time_ms", "grpc.http2.ping_timeout_ms")

WATCHING = """
import sys, grpc
from batchcalls.v1.batch_calls_service_pb2 import WatchBatchRequest
from batchcalls.v1.batch_calls_service_pb2_grpc import BatchCallsServiceStub
with grpc.insecure_channel(sys.argv[1]) as channel:
    list(BatchCallsServiceStub(channel).WatchBatch(WatchBatchRequest(batch_id="endless")))
"""

SCRIPT = Path(__file__).with_name("misbehaving_server.py")


QUICK_S = 1.0
"""How long a silent client is left alone where that is tried."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Misbehaving:
    process: subprocess.Popen[str]
    address: str
    stub: BatchCallsServiceStub
    log: Path

    def said(self) -> str:
        """What it tells next."""
        assert self.process.stdout is not None, "its output is a pipe"
        return self.process.stdout.readline().strip()

    def stop(self) -> None:
        """Let it come to its end in order."""
        assert self.process.stdin is not None, "its input is a pipe"
        self.process.stdin.close()


@contextmanager
def misbehaving(folder: Path, *, keepalive_s: float = KEEPALIVE_S) -> Iterator[Misbehaving]:
    """A server whose handlers do as ``batch_id`` says."""
    log = folder / "log"
    with (
        log.open("w") as errors,
        subprocess.Popen(
            [sys.executable, str(SCRIPT), str(keepalive_s)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env=environment(),
        ) as process,
    ):
        assert process.stdout is not None, "its output is a pipe"
        address = f"127.0.0.1:{process.stdout.readline().strip()}"
        with grpc.insecure_channel(address) as channel:
            stub = BatchCallsServiceStub(channel)
            yield Misbehaving(process=process, address=address, stub=stub, log=log)
        process.kill()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Misbehaving]:
    """One for the tests that leave it running."""
    with misbehaving(tmp_path_factory.mktemp("boundary")) as server:
        yield server


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


def test_a_server_that_stops_takes_leave_of_everybody(tmp_path: Path) -> None:
    """What is under way is told why it ends and that it may come back, and isn't just cut off."""
    with misbehaving(tmp_path) as server:
        stream = server.stub.WatchBatch(messages.WatchBatchRequest(batch_id="endless"))
        next(stream)
        answer = server.stub.GetBatch.future(messages.GetBatchRequest(batch_id="endless"))
        assert [server.said(), server.said()] == ["begun", "begun"]
        server.stop()
        for wait in (lambda: next(stream), answer.result):
            with pytest.raises(grpc.RpcError) as caught:
                wait()
            assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
            info = detail(status_of(caught.value), ErrorInfo)
            assert (info.reason, info.domain) == ("SHUTTING_DOWN", "batchcalls")
        assert [server.said(), server.said()] == ["over", "over"]
        assert server.process.wait(WAIT_S) == 0
        assert log_lines(server) == []


def test_a_client_that_vanished_is_let_go(tmp_path: Path) -> None:
    """It is asked for a sign of life; without one its stream ends, though no connection broke."""
    with misbehaving(tmp_path, keepalive_s=QUICK_S) as server, watching(server) as client:
        assert server.said() == "begun"
        client.send_signal(signal.SIGSTOP)
        assert server.said() == "over"


def test_a_server_that_vanished_is_noticed(tmp_path: Path) -> None:
    """A stream that hears nothing any more ends UNAVAILABLE, without a word from the service."""
    quick = dict(CHANNEL_OPTIONS) | dict.fromkeys(KEEPALIVE_OPTIONS, round(QUICK_S * 1_000))
    with (
        misbehaving(tmp_path) as server,
        grpc.insecure_channel(server.address, options=list(quick.items())) as channel,
    ):
        stub = BatchCallsServiceStub(channel)
        stream = stub.WatchBatch(messages.WatchBatchRequest(batch_id="endless"), timeout=WAIT_S)
        next(stream)
        server.process.send_signal(signal.SIGSTOP)
        with pytest.raises(grpc.RpcError) as caught:
            next(stream)
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        assert not rpc_failed(caught.value).by_service


def test_both_sides_notice_within_a_minute() -> None:
    """What is tried above in seconds is set to less than a minute, and servers take the pings."""
    options = dict(CHANNEL_OPTIONS)
    assert options["grpc.keepalive_time_ms"] / 1_000 >= 10
    assert sum(options[name] for name in KEEPALIVE_OPTIONS) / 1_000 < 60
    assert 2 * KEEPALIVE_S < 60


@contextmanager
def watching(server: Misbehaving) -> Iterator[subprocess.Popen[bytes]]:
    """A client of its own process, which follows what is endless."""
    command = [sys.executable, "-c", WATCHING, server.address]
    with subprocess.Popen(command, env=environment()) as process:
        yield process
        process.kill()


def log_lines(server: Misbehaving) -> list[str]:
    return server.log.read_text().splitlines()
