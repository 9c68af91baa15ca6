"""Runs one benchmark apart: in a process of its own, in a time box, in a folder that goes away.

So no benchmark sees another's memory, threads or event loop, and whatever it starts ends with
it. Rows and charts come as they are made: what was measured before a failure is kept.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Final

import structlog

from batchcalls.app import set_interpreter_up
from benchmarks.chart import Chart
from benchmarks.effort import Effort
from benchmarks.row import Row

Finding = Row | Chart
"""What a benchmark yields."""

Measure = Callable[[Effort], Iterator[Finding]]

_SPAWN: Final = multiprocessing.get_context("spawn")
_END_TIMEOUT_S: Final = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """A benchmark: its name on the command line, its rows, and the longest it may take."""

    name: str
    measure: Measure
    time_box_s: float


def run_apart(benchmark: Benchmark, *, quick: bool) -> list[Finding]:
    """What a benchmark found; where it fails or takes too long, the last row says so."""
    with tempfile.TemporaryDirectory(prefix="batchcalls-bench-") as folder:
        effort = Effort(quick=quick, folder=Path(folder))
        receiver, sender = _SPAWN.Pipe(duplex=False)
        process = _SPAWN.Process(target=_measure, args=(benchmark.measure, effort, sender))
        process.start()
        sender.close()
        try:
            return list(_receive(benchmark, receiver))
        finally:
            _end(process)


def _receive(benchmark: Benchmark, receiver: Connection) -> Iterator[Finding]:
    """What the process sends; a text instead of a finding is its failure, None its end."""
    deadline = time.monotonic() + benchmark.time_box_s
    message: Finding | str | None = f"took longer than {benchmark.time_box_s:g} s"
    while receiver.poll(max(0.0, deadline - time.monotonic())):
        try:
            message = receiver.recv()
        except EOFError:
            message = "its process ended"
        if not isinstance(message, Finding):
            break
        yield message
        message = f"took longer than {benchmark.time_box_s:g} s"
    if message is not None:
        yield Row(name=benchmark.name, value=None, unit="", failure=f"failed: {message}")


def _measure(measure: Measure, effort: Effort, sender: Connection) -> None:
    """The life of the process apart. It leads a process group, so that all of it can be ended."""
    os.setsid()
    set_interpreter_up()  # the limits get what the server has
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    end: str | None = None
    try:
        for finding in measure(effort):
            sender.send(finding)
    except Exception as error:  # noqa: BLE001  # whatever it is, it is reported as a row
        traceback.print_exc()
        end = f"{type(error).__name__}: {error}"
    sender.send(end)
    sender.close()


def _end(process: SpawnProcess) -> None:
    """End what is left of the process and of all that it started."""
    assert process.pid is not None, "the process was started"
    with suppress(ProcessLookupError):  # it is gone, or leads no group yet
        os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.join(_END_TIMEOUT_S)
