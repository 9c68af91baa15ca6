"""Exit codes and messages: what a script and its author learn when a command ends."""

from __future__ import annotations

import json
import os
import shlex
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from tests.cli.conftest import BATCHCALLS, Run, StartServer, environment
from tests.client.server_process import WAIT_S, FakeServer


def document(**changes: object) -> str:
    call = {"phone_number": "+15550100000", "script": {"text": "Hello."}}
    return json.dumps({"calls": [call], **changes})


@pytest.fixture
def nobody() -> str:
    """An address where nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{free.getsockname()[1]}"


def test_a_batch_that_completed_is_0(run: Run) -> None:
    """Done is 0, for whoever only submits and for whoever watches."""
    assert run("submit", "-", stdin=document()).code == 0
    assert run("submit", "-", "--watch", stdin=document()).code == 0
    assert run("watch", "batch_done").code == 0


def test_a_batch_that_failed_is_1(run: Run) -> None:
    """Following a batch to a bad end is 1; looking at it is not."""
    assert run("watch", "batch_failed").code == 1
    assert run("submit", "-", "--watch", "--batch-id", "batch_failed", stdin=document()).code == 1
    assert run("status", "batch_failed").code == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ("status",),
        ("nonsense",),
        ("calls", "batch_done", "--status", "ringing"),
        ("events", "batch_done", "--after", "-1"),
        ("events", "batch_done", "--after", "9" * 20),
        ("calls", "batch_done", "--limit", "9" * 20),
        ("status", "batch_done", "--calls", "9" * 20),
        ("list", "--limit", "9" * 20),
        ("submit", "-", "--watch", "--validate-only"),
    ],
)
def test_bad_usage_is_2(run: Run, arguments: tuple[str, ...]) -> None:
    """What the command line itself refuses is 2, and nothing is printed as a result."""
    ended = run(*arguments)
    assert (ended.code, ended.out) == (2, "")
    assert "Usage" in ended.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("status", "batch_nope"), "batchcalls: no batch batch_nope\n"),
        (("calls", "batch_nope", "--json"), "batchcalls: no batch batch_nope\n"),
        (("pause", "batch_done"), "batchcalls: the batch is final\n"),
        (("events", "batch_done", "--after", "61", "--follow"), "batchcalls: beyond\n"),
    ],
)
def test_what_the_server_refuses_is_2(run: Run, arguments: tuple[str, ...], message: str) -> None:
    """A request that has to change is 2, with the server's own words."""
    ended = run(*arguments)
    assert (ended.code, ended.out, ended.err) == (2, "", message)


def test_each_violation_is_a_line_with_its_path_in_the_document(run: Run) -> None:
    """Paths are those of the document, not of the request that it becomes."""
    calls = [
        {"phone_number": "+15550100000"},
        {"phone_number": "123", "reference_id": "customer 7"},
    ]
    ended = run("submit", "-", stdin=document(calls=calls, concurrency=0))
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.splitlines() == [
        'calls[1].phone_number: is no number: "123" (reference_id "customer 7")',
        "concurrency: must be at least 1: 0",
    ]


def test_a_violation_that_is_found_here_reads_the_same(run: Run, nobody: str) -> None:
    """Unknown keys and wrong types need no server."""
    text = document(retry_config={"max_atempts": 3}, priority="high")
    ended = run("submit", "-", stdin=text, address=nobody)
    assert (ended.code, ended.out) == (2, "")
    assert [line.partition(":")[0] for line in ended.err.splitlines()] == [
        "retry_config.max_atempts",
        "priority",
    ]


def test_violations_beyond_those_listed_are_counted(run: Run) -> None:
    """Whoever corrects all that is listed knows that there is more."""
    ended = run("submit", "-", stdin=document(calls=[{"phone_number": "1"}] * 150))
    *listed, last = ended.err.splitlines()
    assert last == f"batchcalls: and {150 - len(listed)} more"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"calls": [\n  {"phone_number" 1}]}', ":2:19: not JSON: Expecting ':' delimiter"),
        ("", ":1:1: not JSON: Expecting value"),
        ("[" * 100_000, ": nested too deeply"),
        ("\ufeff{", ":1:2: not JSON: Expecting property name enclosed in double quotes"),
    ],
)
def test_bad_json_is_named_by_line_and_column(run: Run, text: str, message: str) -> None:
    """An editor can jump to the place, in a file as in standard input."""
    ended = run("submit", "-", stdin=text)
    assert (ended.code, ended.err) == (2, f"batchcalls: standard input{message}\n")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (f'{{"concurrency": {"9" * 5_000}}}', "concurrency: is out of range"),
        ('{"concurrency": NaN}', "concurrency: must be a finite number, not nan: NaN"),
        (
            '{"max_calls_per_second": 1e999}',
            "max_calls_per_second: must be a finite number, not inf: Infinity",
        ),
        ('{"priority": 1, "priority": 2}', "priority: is given more than once: 2"),
    ],
)
def test_what_the_reader_of_json_lets_pass_is_named_by_its_path(
    run: Run, text: str, line: str
) -> None:
    """Numbers of thousands of digits, numbers that are none, keys that stand twice."""
    ended = run("submit", "-", stdin=text)
    assert (ended.code, ended.err.splitlines()) == (2, [line])


def test_a_file_that_cannot_be_read_is_2(run: Run, tmp_path: Path) -> None:
    """A missing file, a folder and bytes that are no text are all bad input."""
    (tmp_path / "latin").write_bytes(b'{"display_name": "\xe9"}')
    missing, folder, latin = (
        run("submit", str(tmp_path / name)) for name in ("missing.json", "", "latin")
    )
    assert [ended.code for ended in (missing, folder, latin)] == [2, 2, 2]
    assert "No such file" in missing.err
    assert "Is a directory" in folder.err
    assert "not UTF-8, byte 18" in latin.err


@pytest.mark.parametrize("given", ["/dev/zero", "- </dev/zero"])
def test_a_document_without_an_end_is_2(server: FakeServer, given: str) -> None:
    """It isn't read for ever, nor into all the memory there is."""
    ended = in_a_shell(f"submit {given}", server)
    name = "/dev/zero" if given == "/dev/zero" else "standard input"
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == (
        f"batchcalls: {name}: larger than 256 MiB;"
        " one request takes 64 MiB, so submit it in parts\n"
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ("status", "batch_done"),
        ("watch", "batch_done"),
        ("list",),
        ("calls", "batch_done", "--json"),
    ],
)
def test_no_server_is_3_at_once(run: Run, nobody: str, arguments: tuple[str, ...]) -> None:
    """A server that never answered isn't waited for: the address is wrong more often."""
    ended = run(*arguments, address=nobody)
    assert (ended.code, ended.out) == (3, "")
    assert ended.err.startswith(f"batchcalls: can't reach {nobody}: ")


def test_a_request_that_may_pass_later_is_3(run: Run) -> None:
    """Too many requests is not the fault of this one; it says when to try again."""
    ended = run("status", "batch_full")
    assert ended.code == 3
    assert ended.err.splitlines() == ["batchcalls: too many", "batchcalls: try again in 2 s"]


def test_a_server_that_is_gone_for_too_long_is_3(start_server: StartServer) -> None:
    """Patience ends: the watch says that it reconnects, and then that it can't."""
    server = start_server()
    with watching(server, "--patience", "1") as process:
        first_line(process)
        server.kill()
        _, err = process.communicate(timeout=WAIT_S)
    assert process.returncode == 3
    assert f"lost {server.address}" in err
    assert f"can't reach {server.address}" in err


def test_a_watch_outlives_a_restart(start_server: StartServer) -> None:
    """The server is killed and comes back; the watch goes on to the end."""
    server = start_server()
    with watching(server) as process:
        first_line(process)
        server.kill()
        start_server("--port", server.address.rpartition(":")[2], "--settled")
        out, err = process.communicate(timeout=WAIT_S)
    assert process.returncode == 0
    assert json.loads(out.splitlines()[-1])["status"] == "completed"
    assert f"{server.address} is back" in err


def test_an_interrupted_watch_is_130_and_says_that_the_batch_goes_on(
    server: FakeServer,
) -> None:
    """Ctrl-C ends the watching and nothing else; there is no traceback."""
    with watching(server) as process:
        first_line(process)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=WAIT_S)
    assert process.returncode == 130
    assert err == "batch_busy goes on; to see it again: batchcalls watch batch_busy\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ("events", "batch_done"),
        ("events", "batch_done", "--follow", "--json"),
        ("status", "batch_done", "--json"),
        ("list",),
    ],
)
def test_a_reader_that_goes_away_ends_the_command_quietly(
    server: FakeServer, arguments: tuple[str, ...]
) -> None:
    """``| head`` gets its lines and sees no error."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as closed:
        done = subprocess.run(
            [*BATCHCALLS, *arguments],
            stdout=closed,
            stderr=subprocess.PIPE,
            text=True,
            timeout=WAIT_S,
            check=False,
            env=environment(server.address),
        )
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.parametrize(
    "address", ["localhost", "localhost:", "localhost:70000", "localhost:0", ":1", "http://a:1"]
)
def test_an_address_that_is_none_is_2(run: Run, address: str) -> None:
    """gRPC would try another port than the one that was meant."""
    ended = run("list", "--address", address)
    assert (ended.code, ended.out) == (2, "")
    assert "HOST:PORT" in ended.err


def test_a_misspelt_variable_is_2(server: FakeServer) -> None:
    """A command must not go to another server than the one that was meant."""
    ended = in_a_shell("list", server, BATCHCALLS_ADRESS=server.address)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == (
        "batchcalls: BATCHCALLS_ADRESS: is an unknown variable; did you mean BATCHCALLS_ADDRESS?\n"
    )


@pytest.mark.parametrize(
    "command",
    ["list", "calls batch_done", "status batch_done --json", "--help", "serve --print-config"],
)
def test_output_that_cannot_be_written_is_4(server: FakeServer, command: str) -> None:
    """A full disk is said in one line."""
    ended = in_a_shell(f"{command} >/dev/full", server)
    assert ended.returncode == 4
    assert ended.stderr.splitlines()[-1].endswith("No space left on device")
    assert "Traceback" not in ended.stderr


def test_the_id_of_a_batch_is_not_lost_with_the_output(server: FakeServer, tmp_path: Path) -> None:
    """Whoever can't print it is told what was submitted."""
    (tmp_path / "batch.json").write_text(document())
    ended = in_a_shell(f"submit {tmp_path / 'batch.json'} >/dev/full", server)
    assert ended.returncode == 4
    assert ended.stderr.splitlines() == [
        "batchcalls: batch_done was submitted",
        "batchcalls: can't write the output: No space left on device",
    ]


@pytest.mark.parametrize("streams", [">&-", "2>&-", ">&- 2>&- <&-", "2>/dev/full"])
def test_a_stream_that_is_closed_is_no_error(server: FakeServer, streams: str) -> None:
    """Whoever closed it wants nothing from it; the command does its work."""
    ended = in_a_shell(f"watch batch_done {streams}", server)
    assert ended.returncode == 0
    assert "Traceback" not in ended.stderr


def test_standard_input_that_is_closed_is_empty(server: FakeServer) -> None:
    """It is bad input, like an empty file."""
    ended = in_a_shell("submit - <&-", server)
    assert ended.returncode == 2
    assert ended.stderr == "batchcalls: standard input:1:1: not JSON: Expecting value\n"


def test_an_argument_that_is_no_text_is_2(server: FakeServer) -> None:
    """Half a character fits into no request."""
    ended = in_a_shell("status $(printf 'batch_\\351')", server)
    assert (ended.returncode, ended.stderr) == (2, "batchcalls: an argument isn't UTF-8\n")


def in_a_shell(
    command: str, server: FakeServer, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run it with the buffers that Python has by itself, whatever the tests run with."""
    batchcalls = f"unset PYTHONUNBUFFERED; {shlex.join(BATCHCALLS)}"
    return subprocess.run(
        ["sh", "-c", f"{batchcalls} {command}"],
        capture_output=True,
        text=True,
        timeout=WAIT_S,
        check=False,
        env={**environment(server.address), **variables},
    )


def watching(server: FakeServer, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*BATCHCALLS, "watch", "batch_busy", "--json", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(server.address),
    )


def first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None, "its output is a pipe"
    return process.stdout.readline()
