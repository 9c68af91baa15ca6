"""``batchcalls-simulator`` treats its streams, and ends, as ``batchcalls`` does."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

WAIT_S = 60.0
SIMULATOR = (sys.executable, "-m", "batchcalls_simulator")
SHORT = ("simulate --seeds 1", "simulate --seeds 1 --log", "plan {file} --seeds 1")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "campaign.json"
    call = {"phone_number": "+15550100000", "script": {"text": "Hello."}}
    path.write_text(json.dumps({"calls": [call]}), encoding="utf-8")
    return path


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("command", SHORT)
def test_a_reader_that_goes_away_ends_the_command_quietly(
    file: Path, command: str, unbuffered: str
) -> None:
    """With 141, not with the 1 that stands for a broken promise."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as closed:
        done = subprocess.run(
            [*SIMULATOR, *command.format(file=file).split()],
            stdout=closed,
            stderr=subprocess.PIPE,
            text=True,
            timeout=WAIT_S,
            check=False,
            env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
        )
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.parametrize("command", SHORT)
def test_output_that_cannot_be_written_is_4(file: Path, command: str) -> None:
    """A full disk is said in one line."""
    done = in_a_shell(f"{command.format(file=file)} >/dev/full")
    assert done.returncode == 4
    (said,) = done.stderr.splitlines()
    assert said == "batchcalls-simulator: [Errno 28] No space left on device"


@pytest.mark.parametrize("streams", [">&-", "2>&-", ">&- 2>&- <&-", "2>/dev/full"])
@pytest.mark.parametrize("command", ["simulate --seeds 1", "plan {file} --seeds 2 --jobs 2"])
def test_a_stream_that_is_closed_is_no_error(file: Path, command: str, streams: str) -> None:
    """Whoever closed it wants nothing from it; the command does its work."""
    done = in_a_shell(f"{command.format(file=file)} {streams}")
    assert (done.returncode, "Traceback" in done.stderr) == (0, False)


def test_bad_input_is_2_without_a_standard_error() -> None:
    """The code says it alone."""
    assert in_a_shell("plan nowhere.json 2>/dev/full").returncode == 2


def test_a_plan_reads_no_document_without_an_end() -> None:
    """The limit is that of what can be submitted."""
    done = in_a_shell("plan /dev/zero")
    assert done.returncode == 2
    assert done.stderr.startswith("batchcalls-simulator: /dev/zero: larger than 256 MiB")


@pytest.mark.parametrize("streams", [">/dev/full", ">&-"])
def test_a_carrier_serves_where_nobody_reads_where_it_listens(streams: str) -> None:
    """As a server does."""
    with subprocess.Popen(
        ["sh", "-c", f"exec {shlex.join(SIMULATOR)} serve --listen 127.0.0.1:0 {streams}"],
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        if "full" in streams:
            assert "can't say that it listens" in process.stderr.readline()
            process.send_signal(signal.SIGTERM)
            assert process.wait(WAIT_S) == 0
        else:
            assert process.poll() is None
            process.kill()


def in_a_shell(command: str) -> subprocess.CompletedProcess[str]:
    """Run it with the buffers that Python has by itself, whatever the tests run with."""
    return subprocess.run(
        ["sh", "-c", f"unset PYTHONUNBUFFERED; {shlex.join(SIMULATOR)} {command}"],
        capture_output=True,
        text=True,
        timeout=WAIT_S,
        check=False,
    )
