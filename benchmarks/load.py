"""Load from processes of their own, so that clients and servers don't share an interpreter.

``background`` starts a load program, a module of this folder that reads its settings (JSON)
from its command line, prints ``ready`` when its clients are at work, stops when its standard
input ends, and prints what it saw as one line of JSON.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Awaitable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, Final

_REPORT_TIMEOUT_S: Final = 60.0


class Load:
    """A load program at work."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def stop(self) -> Any:
        """Let the clients stop, and return what they saw."""
        said, _ = self._process.communicate(timeout=_REPORT_TIMEOUT_S)
        if self._process.returncode:
            raise RuntimeError("a load program failed; what it said is above")
        return json.loads(said)


@contextmanager
def background(module: str, settings: Mapping[str, Any]) -> Iterator[Load]:
    """A load program for as long as the block lasts."""
    command = (sys.executable, "-m", module, json.dumps(dict(settings)))
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None, "its output is a pipe"
        if process.stdout.readline() != "ready\n":
            raise RuntimeError(f"{module} didn't start; what it said is above")
        yield Load(process)
    finally:
        process.kill()
        with suppress(ValueError):  # its pipes are closed when it has stopped by itself
            process.communicate()


def settings() -> dict[str, Any]:
    """In a load program: what it was told."""
    told: dict[str, Any] = json.loads(sys.argv[1])
    return told


async def until_stopped(work: Awaitable[Any]) -> None:
    """In a load program: say ``ready``, and let ``work`` go on until it ends or is stopped."""
    task = asyncio.ensure_future(work)
    print("ready", flush=True)
    stopped = asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await asyncio.wait({task, stopped}, return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        task.result()
        await stopped
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def report(seen: Any) -> None:
    """In a load program: tell what was seen."""
    print(json.dumps(seen), flush=True)
