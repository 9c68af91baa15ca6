"""A peer's program as a process: it is told an errand, says go, and is ended."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Timer
from typing import Any, Final

from benchmarks.peers.errand import Errand

_ROOT: Final = Path(__file__).resolve().parents[2]
_TIME_BOX_S: Final = 120.0
"""The longest that a trial may take; the slowest peer takes a quarter of it."""

_SAID: Final = 500
"""How much of a program's last words an error repeats."""


class Program:
    """A program that is set up, and waits for the word."""

    def __init__(self, process: subprocess.Popen[str], log: Path) -> None:
        self.pid: Final = process.pid
        self._process = process
        self._log = log

    def tell(self, line: str) -> None:
        """Write it a line."""
        assert self._process.stdin is not None, "its input is a pipe"
        with suppress(BrokenPipeError):  # it has ended; its answer tells why
            self._process.stdin.write(line)
            self._process.stdin.flush()

    def answer(self) -> str:
        """Its next line.

        Raises:
          RuntimeError: it ended instead; with its last words.
        """
        assert self._process.stdout is not None, "its output is a pipe"
        if line := self._process.stdout.readline():
            return line
        said = self._log.read_text(encoding="utf-8", errors="replace").strip()
        raise RuntimeError(f"it ended, or took {_TIME_BOX_S:g} s: {said[-_SAID:]}")

    def go(self) -> dict[str, Any]:
        """Let it do its errand; what it tells."""
        self.tell("go\n")
        told: dict[str, Any] = json.loads(self.answer())
        return told


@contextmanager
def running_program(command: Sequence[str], errand: Errand, log: Path) -> Iterator[Program]:
    """A program that is ready, for as long as the block lasts; then it is killed with its own.

    It has a session of its own, so that a Ctrl-C is for this process, which then ends it.
    """
    with log.open("w", encoding="utf-8") as errors:
        process = subprocess.Popen(
            command,
            cwd=_ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            start_new_session=True,
        )
    alarm = Timer(_TIME_BOX_S, process.kill)
    alarm.start()
    try:
        program = Program(process, log)
        program.tell(errand.line())
        if (said := program.answer()) != "ready\n":
            raise RuntimeError(f"instead of getting ready it said: {said[:_SAID]}")
        yield program
    finally:
        alarm.cancel()
        _end(process)


def _end(process: subprocess.Popen[str]) -> None:
    with suppress(ProcessLookupError):  # it has ended by itself
        os.killpg(process.pid, signal.SIGKILL)
    with suppress(BrokenPipeError):  # what it was told last isn't read any more
        process.communicate()
