"""What processes and their children have used."""

from __future__ import annotations

import subprocess
import sys

from benchmarks.peers.processor_time import processor_time_s

BUSY_CHILD = """
import os, sys, time
child = os.fork()
if not child:
    while time.process_time() < 0.2:
        pass
    os._exit(0)
os.waitpid(child, 0)
print("done", flush=True)
sys.stdin.read()
"""


def test_the_time_of_children_counts_when_they_have_ended_too() -> None:
    """A database has a process for each client."""
    command = (sys.executable, "-c", BUSY_CHILD)
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"done\n"
        assert processor_time_s(process.pid) >= 0.19
        process.kill()
