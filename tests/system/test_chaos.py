"""The short form of ``make chaos``: real processes, killed a few times, and the same verdict."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from batchcalls.core.model import Outcome
from batchcalls.store.sql.sql_store import SqlStore
from batchcalls_simulator.lab.chaos.evidence import sqlite_url
from batchcalls_simulator.lab.chaos.processes import CAN_FILL_DISKS
from batchcalls_simulator.lab.chaos.run import play
from batchcalls_simulator.lab.chaos.scenario import Trouble, draw
from batchcalls_simulator.lab.chaos.verdict import judge
from tests.house.tree import SOURCE_ROOTS
from tests.mutations.mutant import copy_with
from tests.mutations.mutations import MUTATIONS
from tests.system.server import WAIT_S, Ended, environment, eventually

SEED = 129
KILLS = 3

FOUND = {
    "the intent is written after the dial": "intents come first: ",
    "a call that the carrier doesn't know after a crash is dialed again": "ended by itself with 1",
    "dials leave without waiting for the pace": "pace is kept: ",
    "one call more than the slots allow": "concurrency is kept: ",
    "calls are tried once too often": "within its attempts: ",
}
"""Mutations that the short form has to find, and what it has to say of each."""


def test_the_scenario_has_the_troubles_that_find_most() -> None:
    """The server is killed while its carrier is dead, and while its disk is full."""
    faults = {fault.trouble: fault for fault in draw(SEED, kills=KILLS).faults}
    assert {Trouble.CARRIER_DIES, Trouble.DISK_FULL, Trouble.CARRIER_FREEZES} == faults.keys()
    assert not faults[Trouble.CARRIER_DIES].healed_first
    assert not faults[Trouble.DISK_FULL].healed_first


@pytest.mark.skipif(not CAN_FILL_DISKS, reason="limits of another process: Linux only")
async def test_no_promise_is_broken_by_kills(tmp_path: Path) -> None:
    """Whatever dies when, phones, database and users agree, and everything ends."""
    evidence = await play(draw(SEED, kills=KILLS), tmp_path, tell=sys.stdout.write)
    assert judge(evidence) == []
    outcomes = {
        attempt.outcome
        for one in evidence.stored
        for call in one.calls
        for attempt in call.attempts
    }
    assert Outcome.UNKNOWN in outcomes, "nothing was under way when the server was killed"


def test_a_failure_is_one_line_that_replays_it(tmp_path: Path) -> None:
    """The line is all there is on standard output; the folder is kept, and said."""
    folder = tmp_path / "kept"
    ran = chaos("--folder", str(folder), BATCHCALLS_MAX_OPEN_CALLS="many")
    (line,) = ran.out.splitlines()
    assert line.startswith(f"batchcalls-simulator chaos --kills {KILLS} --seed {SEED}  # ")
    assert line.endswith("the server didn't start; it said ''")
    assert ran.code == 1
    assert ran.lines[-1] == f"databases and logs lie in {folder}"
    assert "max_open_calls" in (folder / "server.log").read_text()


def test_a_folder_that_is_there_is_left_alone(tmp_path: Path) -> None:
    """Databases of two runs in one folder would be one database."""
    ran = chaos("--folder", str(tmp_path))
    assert (ran.code, ran.out) == (2, "")


def test_an_interrupted_run_leaves_no_process_behind(tmp_path: Path) -> None:
    """Asked to end in the middle of a fault, it kills what it has started."""
    folder = tmp_path / "kept"
    command = [sys.executable, "-m", "batchcalls_simulator", "chaos", "--kills", "1"]
    with subprocess.Popen([*command, "--folder", str(folder)], stderr=subprocess.PIPE) as process:
        eventually((folder / "batchcalls.db").exists)
        process.terminate()
        _, said = process.communicate(timeout=WAIT_S)
    assert process.returncode == 130
    assert said.decode().splitlines()[-1] == f"interrupted; databases and logs lie in {folder}"
    SqlStore.open(sqlite_url(folder / "batchcalls.db")).close()  # no server has it any more


@pytest.mark.skipif(os.environ.get("MUTATIONS") != "all", reason="MUTATIONS=all tries them")
@pytest.mark.parametrize("name", FOUND)
def test_a_bug_is_found(name: str, tmp_path: Path) -> None:
    """With the bug in it, the short form fails, and the line says what was broken."""
    (mutation,) = (one for one in MUTATIONS if one.name == name)
    copy_with(mutation, tmp_path)
    roots = os.pathsep.join(str(tmp_path / root) for root in SOURCE_ROOTS)
    ran = chaos("--folder", str(tmp_path / "run"), PYTHONPATH=roots)
    assert ran.code == 1, f"not found: {ran.out}"
    assert re.search(FOUND[name], ran.err), ran.err


def chaos(*options: str, **variables: str) -> Ended:
    command = [sys.executable, "-m", "batchcalls_simulator", "chaos"]
    done = subprocess.run(
        [*command, "--kills", str(KILLS), "--seed", str(SEED), *options],
        capture_output=True,
        text=True,
        timeout=4 * WAIT_S,
        check=False,
        env=environment(**variables),
    )
    return Ended(code=done.returncode, out=done.stdout, err=done.stderr)
