"""The command line against a real server: the documents that everybody begins with, exit codes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from batchcalls.v1 import batch_calls_service_pb2 as messages
from batchcalls.v1.batch_pb2 import (
    BATCH_STATUS_CANCELED,
    BATCH_STATUS_COMPLETED,
    BATCH_STATUS_PAUSED,
    BATCH_STATUS_RUNNING,
    Batch,
)
from tests.system.requests import ENDLESS, batch
from tests.system.server import Place, Server, eventually, run, running_server

ACCEPTANCE = Path(__file__).parents[1] / "acceptance"


@pytest.fixture(scope="module")
def small_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that takes on few calls."""
    folder = tmp_path_factory.mktemp("commands")
    with running_server(Place(folder=folder, settings="max_open_calls = 100")) as server:
        yield server


@pytest.mark.parametrize("name", ["basic.json", "advanced.json", "retry.json"])
def test_a_first_document_goes_through_unchanged(server: Server, name: str) -> None:
    """It is submitted, watched to its end, and completes."""
    ended = server.run("submit", str(ACCEPTANCE / name), "--watch")
    assert ended.code == 0, ended.err
    assert re.fullmatch(r"batch_\w+\n", ended.out)
    calls = len(json.loads((ACCEPTANCE / name).read_text())["calls"])
    found = state(server, ended.out.strip())
    assert (found.status, found.completed_calls) == (BATCH_STATUS_COMPLETED, calls)


def test_a_status_has_the_shape_that_was_agreed(server: Server) -> None:
    """The keys of the example, in its order, with values of its types; more keys follow."""
    example = json.loads((ACCEPTANCE / "status.json").read_text())
    numbers = [call["phone_number"] for call in example["calls"]]
    with server.stub() as stub:
        batch_id = stub.SubmitBatch(batch(numbers)).batch.batch_id
    eventually(lambda: state(server, batch_id).completed_calls == len(numbers))
    status = json.loads(server.run("status", batch_id, "--json").out)
    assert list(status)[: len(example)] == list(example)
    assert [type(status[key]) for key in example] == [type(value) for value in example.values()]
    for call, expected in zip(status["calls"], example["calls"], strict=True):
        assert list(call)[: len(expected)] == list(expected)
        assert call["phone_number"] == expected["phone_number"]
        assert call["status"] == "completed"


def test_a_batch_that_fails_is_1(server: Server) -> None:
    """Nobody was reached, so the command that follows the batch fails too."""
    document = {"calls": [{"phone_number": "+15550100001", "script": {"text": "Hello."}}]}
    ended = server.run("submit", "-", "--watch", stdin=json.dumps(document))
    assert ended.code == 1
    calls = server.run("calls", ended.out.strip(), "--status", "failed", "--json").out
    assert "+15550100001" in calls


def test_bad_documents_are_2_with_a_line_for_each_violation(server: Server) -> None:
    """Unknown keys and wrong types are found here, values by the server; nothing is stored."""
    before = newest(server)
    call = {"phone_number": "+15550100000", "script": {"text": "Hello."}}
    document: dict[str, object] = {"calls": [call], "concurency": 1, "priority": "high"}
    found = server.run("submit", "-", stdin=json.dumps(document))
    assert (found.code, found.out) == (2, "")
    assert [line.partition(":")[0] for line in found.lines] == ["concurency", "priority"]
    document = {
        "calls": [call, {**call, "phone_number": "555"}, {**call, "script": {"text": ""}}],
        "concurrency": 0,
        "retry_config": {"delay": -1},
    }
    found = server.run("submit", "-", stdin=json.dumps(document))
    assert (found.code, found.out) == (2, "")
    assert sorted(line.partition(":")[0] for line in found.lines) == [
        "calls[1].phone_number",
        "calls[2].script",
        "concurrency",
        "retry_config.delay",
    ]
    assert newest(server) == before


def test_what_is_not_there_is_2_and_a_full_server_is_3(small_server: Server) -> None:
    """What has to change is 2; what may pass later is 3 and says when."""
    assert small_server.run("status", "batch_nobody").code == 2
    call = {"phone_number": "+15550100000", "script": {"text": "Hello."}}
    ended = small_server.run("submit", "-", stdin=json.dumps({"calls": [call] * 101}))
    assert ended.code == 3
    assert ended.lines[-1].startswith("batchcalls: try again in ")


def test_steering_by_command(server: Server) -> None:
    """Pause, resume and cancel do to a batch what their names say."""
    with server.stub() as stub:
        batch_id = stub.SubmitBatch(batch([ENDLESS])).batch.batch_id
    assert server.run("pause", batch_id).code == 0
    assert state(server, batch_id).status == BATCH_STATUS_PAUSED
    assert server.run("resume", batch_id).code == 0
    assert state(server, batch_id).status == BATCH_STATUS_RUNNING
    assert server.run("cancel", batch_id, "--hang-up").code == 0
    eventually(lambda: state(server, batch_id).status == BATCH_STATUS_CANCELED)


def test_the_demo_adds_up() -> None:
    """It needs nothing but itself, completes, and its summary accounts for every call."""
    ended = run("demo", "--calls", "50", "--concurrency", "50")
    assert ended.code == 0, ended.err
    summary = re.search(r"calls +50: (\d+) completed(?:, (\d+) failed)?\n", ended.out)
    assert summary, ended.out
    assert sum(int(count) for count in summary.groups(default="0")) == 50
    attempts = re.search(r"attempts +(\d+): (.+)\n", ended.out)
    assert attempts, ended.out
    assert sum(int(count) for count in re.findall(r"\d+", attempts[2])) == int(attempts[1])
    assert re.search(r"^50 of 50 calls final in ", ended.out, re.MULTILINE)


def state(server: Server, batch_id: str) -> Batch:
    with server.stub() as stub:
        return stub.GetBatch(messages.GetBatchRequest(batch_id=batch_id)).batch


def newest(server: Server) -> str:
    with server.stub() as stub:
        page = stub.ListBatches(messages.ListBatchesRequest(page_size=1))
    return page.batches[0].batch_id
