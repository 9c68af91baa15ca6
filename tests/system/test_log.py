"""The log of a real server answers what happened: it reads as a story, without the dashboards."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from batchcalls import __version__
from batchcalls.v1 import batch_calls_service_pb2 as messages
from tests.system.asking import wait_for_calls_up
from tests.system.requests import ENDLESS, batch
from tests.system.server import Place, Server, eventually, running_server

SCRIPT = "Hello from the clinic"
NUMBER = "+15550100000"


def lines(server: Server) -> list[dict[str, Any]]:
    """Every line of the log, as an object."""
    return [json.loads(line) for line in server.log.read_text().splitlines()]


def story(server: Server) -> list[str]:
    return [line["event"] for line in lines(server)]


def told(server: Server, event: str) -> dict[str, Any]:
    """The last line about that."""
    return [line for line in lines(server) if line["event"] == event][-1]


def submission(numbers: list[str], request_id: str) -> messages.SubmitBatchRequest:
    request = batch(numbers)
    request.request_id = request_id
    for call in request.calls:
        call.script.text = SCRIPT
    return request


def test_the_log_tells_what_happened_to_a_batch(tmp_path: Path) -> None:
    """Submitted, paused, resumed, canceled, ended: each with its ids and counts, in order."""
    place = Place(folder=tmp_path, settings="drain_timeout_s = 0")
    with running_server(place) as server, server.stub() as stub:
        request = submission([ENDLESS, NUMBER], "monday")
        batch_id = stub.SubmitBatch(request).batch.batch_id
        stub.SubmitBatch(request)
        wait_for_calls_up(stub, batch_id, 1)
        stub.PauseBatch(messages.PauseBatchRequest(batch_id=batch_id))
        stub.ResumeBatch(messages.ResumeBatchRequest(batch_id=batch_id))
        stub.CancelBatch(messages.CancelBatchRequest(batch_id=batch_id, hang_up=True))
        eventually(lambda: "batch_ended" in story(server))
        server.terminate()
        server.wait()
    assert story(server) == [
        "simulated_carrier",
        "recovered",
        "serving",
        "batch_submitted",
        "batch_started",
        "submission_repeated",
        "batch_paused",
        "batch_resumed",
        "batch_canceling",
        "batch_ended",
        "draining",
        "stopped",
    ]
    about_batch = [line for line in lines(server) if line["event"].startswith(("batch", "subm"))]
    assert {line["batch_id"] for line in about_batch} == {batch_id}
    assert told(server, "batch_submitted")["request_id"] == "monday"
    assert told(server, "batch_submitted")["calls"] == 2
    assert told(server, "batch_canceling")["hang_up"] is True
    ended = told(server, "batch_ended")
    assert (ended["status"], sum(ended["counts"].values())) == ("canceled", 2)
    assert SCRIPT not in server.log.read_text()
    assert NUMBER not in server.log.read_text()


def test_the_log_tells_what_serves_and_what_was_left_up(tmp_path: Path) -> None:
    """At the start what and where it is; at the end, and at the next start, which calls were up."""
    place = Place(folder=tmp_path, settings="drain_timeout_s = 0\nmax_open_batches = 7")
    with running_server(place) as server, server.stub() as stub:
        batch_id = stub.SubmitBatch(batch([ENDLESS, ENDLESS])).batch.batch_id
        wait_for_calls_up(stub, batch_id, 2)
        server.terminate()
        server.wait()
    serving, stopped = told(server, "serving"), told(server, "stopped")
    assert serving["version"] == __version__
    assert serving["database"].endswith("batchcalls.db")
    assert serving["carriers"]["simulator"]["kind"] == "simulator"
    assert serving["limits"]["max_open_batches"] == 7
    assert (str(serving["port"]), serving["metrics_port"] > 0) == (server.port, True)
    assert (stopped["calls_up"], stopped["batches_with_calls_up"]) == (2, {batch_id: 2})
    with running_server(place) as server:
        eventually(lambda: story(server).count("batch_ended") == 1)
    recovered = [line for line in lines(server) if line["event"] == "call_recovered"]
    stem = batch_id.removeprefix("batch_")
    assert {line["batch_id"] for line in recovered} == {batch_id}
    assert sorted(line["call_id"] for line in recovered) == [f"call_{stem}_0", f"call_{stem}_1"]
    assert {line["outcome"] for line in recovered} == {"unknown"}
    assert told(server, "batch_ended")["counts"]["failed"] == 2
