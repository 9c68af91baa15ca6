"""A store that can't commit: the server stays up, dials nothing, says so, and recovers.

The disk is made full by the limit on the size of files that a process may write, which another
process can set and lift (``prlimit``), without any privilege. The log is on that disk too.
"""

from __future__ import annotations

import resource
from pathlib import Path

import grpc
import pytest
from google.protobuf.message import Message

from batchcalls.v1 import batch_calls_service_pb2 as messages
from batchcalls.v1.batch_calls_service_pb2_grpc import BatchCallsServiceStub
from tests.system.asking import NOT_SERVING, SERVING, calls_of, health, read_until, reason
from tests.system.requests import batch
from tests.system.server import Place, Server, eventually, running_server

prlimit = getattr(resource, "prlimit", None)
pytestmark = pytest.mark.skipif(prlimit is None, reason="limits of another process: Linux only")


def test_a_full_disk_stops_the_dialing_and_loses_nothing(tmp_path: Path) -> None:
    """Calls that are up end meanwhile; when there is room again, each has its outcome."""
    with (
        running_server(Place(folder=tmp_path, carrier={"talk_time": "0.1"})) as server,
        server.stub() as stub,
    ):
        batch_id = stub.SubmitBatch(batch(400, concurrency=20)).batch.batch_id
        get = messages.GetBatchRequest(batch_id=batch_id)
        eventually(lambda: stub.GetBatch(get).batch.completed_calls > 50)
        fill_disk(server)
        eventually(lambda: health(server), until=lambda status: status == NOT_SERVING)
        stuck = eventually(lambda: settled(server, stub, get))
        assert_unavailable(stub)
        assert server.metric("batchcalls_store_healthy") == 0
        assert stub.GetBatch(get).batch == stuck
        free_disk(server)
        eventually(lambda: health(server), until=lambda status: status == SERVING)
        read_until(stub, batch_id, [])
        done = stub.GetBatch(get).batch
        calls = calls_of(stub, batch_id)
        assert stub.SubmitBatch(batch()).batch.total_calls == 1
    assert (done.completed_calls, done.attempts) == (400, 400)
    assert {len(call.attempts) for call in calls} == {1}


def test_a_server_whose_disk_is_full_can_be_stopped(tmp_path: Path) -> None:
    """What could not be written down is found by the next server; nobody is dialed twice."""
    place = Place(folder=tmp_path, carrier={"talk_time": "0.1"})
    with running_server(place) as server, server.stub() as stub:
        batch_id = stub.SubmitBatch(batch(400, concurrency=20)).batch.batch_id
        get = messages.GetBatchRequest(batch_id=batch_id)
        eventually(lambda: stub.GetBatch(get).batch.completed_calls > 50)
        fill_disk(server)
        eventually(lambda: health(server), until=lambda status: status == NOT_SERVING)
        server.kill()
    with running_server(place) as server, server.stub() as stub:
        read_until(stub, batch_id, [])
        done = stub.GetBatch(get).batch
        calls = calls_of(stub, batch_id)
    assert (done.completed_calls + done.failed_calls, done.attempts) == (400, 400)
    assert {len(call.attempts) for call in calls} == {1}


def fill_disk(server: Server) -> None:
    _limit_files(server, 1)


def free_disk(server: Server) -> None:
    _limit_files(server, resource.RLIM_INFINITY)


def _limit_files(server: Server, most_bytes: int) -> None:
    assert prlimit is not None
    _, hard = prlimit(server.process.pid, resource.RLIMIT_FSIZE)
    prlimit(server.process.pid, resource.RLIMIT_FSIZE, (most_bytes, hard))


def settled(
    server: Server, stub: BatchCallsServiceStub, get: messages.GetBatchRequest
) -> Message | None:
    """The batch, once no call is up any more: what has happened since can't be told yet."""
    up = server.metric('batchcalls_calls_in_progress{carrier="simulator"}')
    return stub.GetBatch(get).batch if up == 0 else None


def assert_unavailable(stub: BatchCallsServiceStub) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        stub.SubmitBatch(batch())
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    assert reason(caught.value) == "STORE_UNAVAILABLE"
