"""A command that has processes of its own, interrupted: it ends at once, and they with it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest

from batchcalls_simulator.cli.workers import in_turn

WAIT_S = 60.0


@pytest.fixture
def campaign(tmp_path: Path) -> Path:
    """A file whose plan takes minutes."""
    calls = [{"phone_number": f"+1999{index:07d}"} for index in range(50_000)]
    document = {"concurrency": 50, "call_defaults": {"script": {"text": "Hello."}}, "calls": calls}
    path = tmp_path / "campaign.json"
    path.write_text(json.dumps(document))
    return path


@pytest.mark.parametrize(
    ("number", "send"),
    [
        (signal.SIGINT, os.killpg),
        (signal.SIGHUP, os.killpg),
        (signal.SIGTERM, os.killpg),
        (signal.SIGTERM, os.kill),
    ],
)
def test_an_interrupted_plan_says_so_and_nothing_else(
    campaign: Path, number: signal.Signals, send: Callable[[int, int], None]
) -> None:
    """Ctrl-C, and a terminal that closes, reach every process; one of them answers, in one line.

    So does one that alone is told to end, and the others end with it.
    """
    with plan(campaign) as process:
        workers = workers_of(process.pid)
        began = time.monotonic()
        send(process.pid, number)
        out, err = process.communicate(timeout=WAIT_S)
        took_s = time.monotonic() - began
    assert (process.returncode, out) == (130, "")
    assert err == "\ninterrupted: nobody was called, and there is no forecast\n"
    assert took_s < 10.0
    assert end(workers)


def test_workers_end_with_a_plan_that_is_killed(campaign: Path) -> None:
    """They hear no signal that it hears, so nobody else would end them."""
    with plan(campaign) as process:
        workers = workers_of(process.pid)
        process.kill()
        assert end(workers)


def test_work_that_is_left_is_not_canceled() -> None:
    """Or a pool whose processes are killed at that moment, as ours are, would never end."""
    goes_on = Event()
    done = []

    def work(seed: int) -> None:
        if seed == 0:
            raise KeyboardInterrupt
        goes_on.wait(WAIT_S)
        done.append(seed)

    with ThreadPoolExecutor(1) as pool:
        with pytest.raises(KeyboardInterrupt):
            next(in_turn(pool, work, range(4)))
        goes_on.set()
    assert done == [1, 2, 3]


def plan(campaign: Path) -> subprocess.Popen[str]:
    """A plan by two processes, leading a session of its own."""
    command = [sys.executable, "-m", "batchcalls_simulator", "plan", str(campaign)]
    return subprocess.Popen(
        [*command, "--seeds", "8", "--jobs", "2"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def end(processes: list[str]) -> bool:
    """Whether they all end before long."""
    deadline = time.monotonic() + WAIT_S
    while any(map(runs, processes)):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def runs(pid: str) -> bool:
    """Whether the process does anything but wait to be buried."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except OSError:
        return False


def workers_of(pid: int) -> list[str]:
    """The processes of a pool of two, and the one that cleans up after them."""
    deadline = time.monotonic() + WAIT_S
    while True:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        if len(children) >= 3:
            return children
        assert time.monotonic() < deadline, "the processes were started"
        time.sleep(0.01)
