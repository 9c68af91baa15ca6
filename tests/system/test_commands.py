"""The command line against a real server: the documents that everybody begins with, exit codes."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
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
from tests.system.server import (
    BATCHCALLS,
    WAIT_S,
    Place,
    Server,
    environment,
    eventually,
    run,
    running_server,
)

CALL = {"phone_number": "+15550100000", "script": {"text": "Hello."}}
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
    summary = re.search(
        r"calls +50: (\d+) reached(?:, (\d+) voicemail)?(?:, (\d+) failed)?\n", ended.out
    )
    assert summary, ended.out
    assert sum(int(count) for count in summary.groups(default="0")) == 50
    attempts = re.search(r"attempts +(\d+): (.+)\n", ended.out)
    assert attempts, ended.out
    assert sum(int(count) for count in re.findall(r"\d+", attempts[2])) == int(attempts[1])
    assert re.search(r"^50 of 50 calls final in ", ended.out, re.MULTILINE)


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_demo_ends_at_once_and_says_that_it_is_over(
    tmp_path: Path, end: signal.Signals
) -> None:
    """Nothing of it goes on: its server is gone, and nobody is told to watch a batch of it."""
    with subprocess.Popen(
        [*BATCHCALLS, "demo", "--calls", "100000"],
        stderr=subprocess.PIPE,
        text=True,
        env={**environment(), "TMPDIR": str(tmp_path)},
        process_group=0,
    ) as process:
        assert process.stderr is not None
        while " running" not in (line := process.stderr.readline()):
            assert line, "the demo runs"
        process.send_signal(end)
        said = process.stderr.read()
        code = process.wait(WAIT_S)
    assert not ends_a_group(process.pid)
    assert code == 130
    assert list(tmp_path.iterdir()) == []
    assert said.endswith(
        "interrupted: the demo's server has ended, and its batch and database are gone\n"
    )
    assert "goes on" not in said
    assert "Traceback" not in said


def ends_a_group(group: int) -> bool:
    """Whether there was still a process in it."""
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def test_the_same_submission_twice_is_one_batch(server: Server) -> None:
    """Whoever repeats the command after a lost answer calls nobody twice; ``--again`` does."""
    document = json.dumps({"display_name": "once", "calls": [CALL]})
    first, second = (server.run("submit", "-", stdin=document) for _ in range(2))
    assert (first.code, second.code) == (0, 0)
    assert first.out == second.out
    assert "the same was submitted" not in first.err
    assert f"{first.out.strip()} (" in second.err
    assert "nobody is called again for it; --again submits it once more" in second.err
    again = server.run("submit", "-", "--again", stdin=document)
    assert again.code == 0
    assert again.out != first.out
    told = json.loads(server.run("submit", "-", "--json", stdin=document).out)
    assert told["already_submitted"] is True


def test_an_id_that_was_given_is_named_as_it_was_given(server: Server) -> None:
    """And not by that of the document, which it stands in for."""
    text = json.dumps({"request_id": "mine", "calls": []})
    ended = server.run("submit", "-", "--request-id", "r" * 200, stdin=text)
    assert "request_id: has 200 characters" in ended.err
    assert "mine" not in ended.err


def test_what_looks_like_a_mistake_is_said_before_a_phone_rings(server: Server) -> None:
    """A line each, with what stands there, and in the document; the batch is taken all the same."""
    call = {**CALL, "script": {"text": "Hello {name}."}, "reference_id": "customer 7"}
    document = json.dumps({"display_name": "strange", "calls": [call]})
    ended = server.run("submit", "-", "--validate-only", stdin=document)
    assert ended.code == 0
    (line,) = (line for line in ended.lines if line.startswith("warning: "))
    assert line.startswith("warning: calls[0].script")
    assert '(reference_id "customer 7")' in line
    told = json.loads(server.run("submit", "-", "--json", stdin=document).out)
    assert [warning["field"] for warning in told["warnings"]] == [line.split(": ")[1]]


def test_people_and_machines_and_waiting_calls_are_told_apart(server: Server) -> None:
    """Voicemail is nobody reached; a call that waits says for when."""
    with server.stub() as stub:
        wanted = ["+15550100000", "+15550100006", "+15550100001"]
        request = batch(wanted, attempts=3)
        request.batch.retry_config.delay.seconds = 3_600
        batch_id = stub.SubmitBatch(request).batch.batch_id
    eventually(lambda: state(server, batch_id).retrying_calls == 1)
    eventually(lambda: state(server, batch_id).completed_calls == 2)
    shown = server.run("status", batch_id).out
    assert re.search(r"calls +3: 1 reached, 1 voicemail, 1 retrying\n", shown), shown
    assert re.search(r"retries +1 wait, the next at \S+", shown), shown
    server.run("pause", batch_id)
    assert "the next at" not in server.run("status", batch_id).out
    server.run("cancel", batch_id)


def test_simulated_calls_are_said_to_be_everywhere(server: Server) -> None:
    """At the start of the server, when a batch is submitted, and whenever it is looked at."""
    simulated = "SIMULATED: no phone rings"
    assert simulated in server.log.read_text()
    document = json.dumps({"display_name": "simulated", "calls": [CALL]})
    submitted = server.run("submit", "-", "--watch", stdin=document)
    batch_id = submitted.out.strip()
    assert submitted.lines[0] == simulated
    assert simulated in server.run("status", batch_id).out
    assert simulated in server.run("watch", batch_id).err
    assert json.loads(server.run("status", batch_id, "--json").out)["simulated"] is True


def test_a_call_is_shown_with_its_attempts(server: Server) -> None:
    """How each ended, in the carrier's words, and when it is tried again."""
    with server.stub() as stub:
        request = batch(["+15550100001"], attempts=2)
        request.batch.retry_config.delay.seconds = 3_600
        request.calls[0].reference_id = "customer 7"
        batch_id = stub.SubmitBatch(request).batch.batch_id
    eventually(lambda: state(server, batch_id).retrying_calls == 1)
    (row,) = server.run("calls", batch_id).out.splitlines()[1:]
    call_id = row.split("\t")[0]
    shown = server.run("call", call_id).out
    for words in (
        f"{call_id}  retrying: busy",
        "number    +15550100001",
        "reference customer 7",
        "attempt 1: busy  (486 ",
        "dialed    20",
        "again at  20",
    ):
        assert words in shown, shown
    assert json.loads(server.run("call", call_id, "--json").out)["attempts"][0]["number"] == 1
    assert server.run("call", "call_nobody").code == 2
    server.run("cancel", batch_id)


def test_a_list_says_when_batches_start(server: Server) -> None:
    """A batch that waits for its time isn't taken for one that hangs."""
    with server.stub() as stub:
        request = batch(start_time="2100-01-01T00:00:00Z")
        batch_id = stub.SubmitBatch(request).batch.batch_id
    head, *rows = (row.split("\t") for row in server.run("list").out.splitlines())
    (found,) = (row for row in rows if row[0] == batch_id)
    assert found[head.index("starts")] == "2100-01-01T00:00:00.000000Z"
    server.run("cancel", batch_id)


def state(server: Server, batch_id: str) -> Batch:
    with server.stub() as stub:
        return stub.GetBatch(messages.GetBatchRequest(batch_id=batch_id)).batch


def newest(server: Server) -> str:
    with server.stub() as stub:
        page = stub.ListBatches(messages.ListBatchesRequest(page_size=1))
    return page.batches[0].batch_id
