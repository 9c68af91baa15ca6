"""The command line against the fake server.

Most tests run it inside of the test's own process, which is fast; signals and closed pipes
need a process of its own.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest
from typer.testing import CliRunner

from batchcalls.cli.app import app
from tests.client.server_process import FakeServer, running_server

BATCHCALLS = (sys.executable, "-c", "from batchcalls.cli import main; main()")


@pytest.fixture(scope="session")
def server() -> Iterator[FakeServer]:
    """A server that tests share; they leave it running."""
    with running_server() as server:
        yield server


StartServer = Callable[..., FakeServer]


@pytest.fixture
def start_server() -> Iterator[StartServer]:
    """Starts servers of one test's own, which it may kill."""
    with ExitStack() as servers:
        yield lambda *arguments: servers.enter_context(running_server(*arguments))


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


Run = Callable[..., Ended]


def environment(address: str) -> dict[str, str]:
    return {**os.environ, "BATCHCALLS_ADDRESS": address}


@pytest.fixture
def run(server: FakeServer) -> Run:
    """Runs ``batchcalls`` with these arguments against the shared server."""

    def run_command(*arguments: str, stdin: str = "", address: str = "") -> Ended:
        variables = {"BATCHCALLS_ADDRESS": address or server.address}
        done = CliRunner().invoke(app, arguments, input=stdin, env=variables)
        return Ended(code=done.exit_code, out=done.stdout, err=done.stderr)

    return run_command
