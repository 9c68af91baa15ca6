"""How a server starts, what stops it from starting, and what it answers besides our RPCs."""

from __future__ import annotations

import shlex
import socket
import subprocess
from pathlib import Path

import grpc
import pytest
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)

from batchcalls.rpc.server import SERVICE
from batchcalls.v1 import batch_calls_service_pb2 as messages
from batchcalls.v1.batch_calls_service_pb2_grpc import BatchCallsServiceStub
from tests.system.asking import SERVING, health
from tests.system.requests import ENDLESS, batch
from tests.system.server import (
    WAIT_S,
    Ended,
    Place,
    Server,
    environment,
    eventually,
    running_server,
)


def start(place: Place, **variables: str) -> Ended:
    """Start a server that can't start."""
    done = subprocess.run(
        place.command,
        capture_output=True,
        text=True,
        timeout=WAIT_S,
        check=False,
        env=environment(**variables),
    )
    return Ended(code=done.returncode, out=done.stdout, err=done.stderr)


def test_a_second_server_on_the_port_is_refused(server: Server, tmp_path: Path) -> None:
    """Two servers never share a port in silence."""
    ended = start(Place(folder=tmp_path, listen=server.address))
    assert (ended.code, ended.out) == (2, "")
    assert ended.lines[-1].startswith(f"batchcalls: can't listen on {server.address}: it is in use")


def test_a_server_that_gets_no_port_dials_nobody(server: Server, tmp_path: Path) -> None:
    """It leaves the unfinished batch that it found to the next one; no call is cut off."""
    with running_server(Place(folder=tmp_path)) as first, first.stub() as stub:
        batch_id = stub.SubmitBatch(batch([ENDLESS] * 3, concurrency=1)).batch.batch_id
        get = messages.GetBatchRequest(batch_id=batch_id)
        eventually(lambda: stub.GetBatch(get).batch.in_progress)
        first.kill()
    ended = start(Place(folder=tmp_path, listen=server.address))
    assert ended.code == 2
    assert "recovered" not in ended.err
    with running_server(Place(folder=tmp_path)) as last, last.stub() as stub:
        found = eventually(lambda: stub.GetBatch(get).batch, until=lambda seen: seen.attempts > 1)
        assert (found.failed_calls, found.attempts) == (1, 2)


def test_a_second_server_on_the_database_is_refused(tmp_path: Path) -> None:
    """One file belongs to one server, and the line says what to do about it."""
    place = Place(folder=tmp_path)
    with running_server(place):
        ended = start(place)
    assert (ended.code, ended.out) == (2, "")
    assert "another server is using" in ended.lines[-1]
    assert len(ended.lines) == 1


@pytest.mark.parametrize(
    ("settings", "lines"),
    [
        ("max_open_batches = 0", ["max_open_batches: "]),
        ("nonsense = 1\ndrain_timeout_s = -1", ["drain_timeout_s: ", "nonsense: "]),
        ('carrier = "pigeon"', ["there is no carrier 'pigeon'"]),
        ("this is no TOML", [""]),
        ("[carriers.a]", ["carriers.a.kind: "]),
        ('[carriers.a]\nkind = "grpc"', ["carrier_options: where carriers have tables"]),
    ],
)
def test_a_bad_setting_is_one_line_each(tmp_path: Path, settings: str, lines: list[str]) -> None:
    """Exit code 2, no traceback, no port."""
    ended = start(Place(folder=tmp_path, settings=settings))
    assert (ended.code, ended.out) == (2, "")
    assert len(ended.lines) == len(lines)
    for line, beginning in zip(ended.lines, lines, strict=True):
        assert line.startswith(f"batchcalls: {beginning}")


@pytest.mark.parametrize("name", ["BATCHCALLS_LISTN", "batchcalls_max_open_cals"])
def test_a_misspelt_variable_stops_the_start(tmp_path: Path, name: str) -> None:
    """A server must not start with a default in the place of what was meant."""
    ended = start(Place(folder=tmp_path), **{name: "1"})
    assert (ended.code, ended.out) == (2, "")
    assert ended.lines[0].startswith(f"batchcalls: {name}: is an unknown variable; did you mean")


def test_a_server_whose_output_nobody_takes_serves(tmp_path: Path) -> None:
    """Closed streams and a full disk behind them: neither gets in the way of calls, or of its own.

    A database that is opened while a standard stream is closed must not get what is logged.
    """
    place = Place(folder=tmp_path, listen=free_address())
    command = f"{shlex.join(place.command)} >&- 2>&- <&-"
    with subprocess.Popen(["sh", "-c", f"exec {command}"], env=environment()) as process:
        try:
            with grpc.insecure_channel(place.listen) as channel:
                grpc.channel_ready_future(channel).result(WAIT_S)
                stub = BatchCallsServiceStub(channel)
                batch_id = stub.SubmitBatch(batch()).batch.batch_id
                get = messages.GetBatchRequest(batch_id=batch_id)
                eventually(lambda: stub.GetBatch(get).batch.completed_calls)
            process.terminate()
            assert process.wait(WAIT_S) == 0
        finally:
            process.kill()


def free_address() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{free.getsockname()[1]}"


def test_a_request_of_many_calls_passes(server: Server) -> None:
    """60,000 calls are more than the 4 MiB that gRPC takes by default."""
    request = batch(60_000, start_time="2100-01-01T00:00:00Z")
    for call in request.calls:
        call.script.text = "Hello, this is a message that makes the request larger, " * 2
    assert request.ByteSize() > 4 * 1024 * 1024
    with server.stub() as stub:
        made = stub.SubmitBatch(request, timeout=WAIT_S).batch
        assert made.total_calls == 60_000
        stub.CancelBatch(messages.CancelBatchRequest(batch_id=made.batch_id))


def test_a_request_that_is_too_large_is_refused(tmp_path: Path) -> None:
    """The answer is a status, and the server goes on."""
    request = batch(60_000)
    for call in request.calls:
        call.script.text = "x" * 100
    place = Place(folder=tmp_path, settings="max_message_mib = 4")
    with running_server(place) as server, server.stub() as stub:
        with pytest.raises(grpc.RpcError) as caught:
            stub.SubmitBatch(request, timeout=WAIT_S)
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert stub.SubmitBatch(batch()).batch.total_calls == 1


@pytest.mark.parametrize("service", ["", SERVICE])
def test_health_is_served(server: Server, service: str) -> None:
    """A load balancer learns that the server takes requests."""
    assert health(server, service) == SERVING


def test_reflection_is_served(server: Server) -> None:
    """A tool without our files finds the service and its methods."""
    with grpc.insecure_channel(server.address) as channel:
        database = ProtoReflectionDescriptorDatabase(channel)
        assert SERVICE in database.get_services()
        found = database.FindFileContainingSymbol(SERVICE)
    (service,) = found.service
    assert "WatchEvents" in [method.name for method in service.method]
