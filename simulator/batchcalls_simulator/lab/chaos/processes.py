"""Real processes: started, killed, frozen, their disk filled; none outlives the block it runs in.

It knows commands and signals, not what the processes are for.
"""

from __future__ import annotations

import os
import resource
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import trio

_START_TIMEOUT_S: Final = 60.0
_END_TIMEOUT_S: Final = 30.0
_NO_ROOM_BYTES: Final = 1

_limit_files = getattr(resource, "prlimit", None)

CAN_FILL_DISKS: Final = _limit_files is not None
"""Whether another process's limits can be set, as only Linux allows."""


class DidNotStart(Exception):
    """A process ended, or said something else, before it said where it listens."""


class Victim:
    """A process that runs, and once it has said so, listens at ``address``."""

    def __init__(self, name: str, process: trio.Process) -> None:
        self.name = name
        self.address = ""
        self._process = process

    def __repr__(self) -> str:
        return f"<Victim {self.name} {self._process.pid} at {self.address or '?'}>"

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._process.poll()

    async def listens(self) -> None:
        """Wait until it says where it listens.

        Raises:
          DidNotStart: it doesn't, or not within a minute.
        """
        said = b""
        assert self._process.stdout is not None, "its output is a pipe"
        with trio.move_on_after(_START_TIMEOUT_S):
            while not said.endswith(b"\n"):
                chunk = await self._process.stdout.receive_some()
                if not chunk:
                    break
                said += chunk
        words, _, address = said.decode().splitlines()[0].rpartition(" ") if said else ("", "", "")
        if words != "listening on":
            raise DidNotStart(f"the {self.name} didn't start; it said {said.decode()!r}")
        self.address = address

    async def kill(self) -> None:
        """End it as a crash does."""
        self._process.kill()
        await self._process.wait()

    async def terminate(self) -> int | None:
        """Ask it to end; its exit code, or None if it doesn't."""
        self._process.terminate()
        with trio.move_on_after(_END_TIMEOUT_S):
            return await self._process.wait()
        return None

    def freeze(self) -> None:
        """Let it do nothing until it thaws."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._process.send_signal(signal.SIGCONT)

    def fill_disk(self) -> None:
        """Let it write to no file any more, as if its disk were full."""
        self._limit_files(_NO_ROOM_BYTES)

    def free_disk(self) -> None:
        """Let it write to files again."""
        self._limit_files(resource.RLIM_INFINITY)

    def _limit_files(self, most_bytes: int) -> None:
        assert _limit_files is not None, "CAN_FILL_DISKS says so"
        _, hard = _limit_files(self._process.pid, resource.RLIMIT_FSIZE)
        _limit_files(self._process.pid, resource.RLIMIT_FSIZE, (most_bytes, hard))


class Processes:
    """Starts victims, and kills those that still run at the end of the block."""

    def __init__(self) -> None:
        self._started: list[trio.Process] = []

    async def __aenter__(self) -> Self:
        await trio.lowlevel.checkpoint()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with trio.CancelScope(shield=True):
            for process in self._started:
                process.kill()
                await process.wait()
                if process.stdout is not None:
                    await process.stdout.aclose()

    async def start(
        self,
        name: str,
        command: Sequence[str],
        *,
        log: Path,
        variables: Mapping[str, str] | None = None,
        keep_open: Sequence[int] = (),
    ) -> Victim:
        """Start ``command``; its standard error is added to ``log``.

        ``variables`` are added to the environment; ``keep_open`` are files that it inherits.
        """
        with log.open("ab") as errors:
            process = await trio.lowlevel.open_process(
                [*command],
                stdout=subprocess.PIPE,
                stderr=errors,
                env={**os.environ, **(variables or {})},
                pass_fds=tuple(keep_open),
            )
        self._started.append(process)
        return Victim(name, process)
