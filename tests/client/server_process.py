"""The fake server, as a process of its own that a test may kill."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

FAKE_SERVER = Path(__file__).with_name("fake_server.py")
WAIT_S = 30
"""Longer than anything here takes; whoever waits for it finds a test that hangs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeServer:
    """A running fake server."""

    address: str
    process: subprocess.Popen[str]

    @property
    def said(self) -> IO[str]:
        """What it prints after its port."""
        assert self.process.stdout is not None, "its output is a pipe"
        return self.process.stdout

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(WAIT_S)


@contextmanager
def running_server(*arguments: str) -> Iterator[FakeServer]:
    """A fake server for as long as the block lasts."""
    command = (sys.executable, str(FAKE_SERVER), *arguments)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None, "its output is a pipe"
            port = process.stdout.readline().strip()
            yield FakeServer(address=f"127.0.0.1:{port}", process=process)
        finally:
            process.kill()
