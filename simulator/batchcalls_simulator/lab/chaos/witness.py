"""A carrier that notes each dial as it leaves the dialing server, and hands it on to ``grpc``.

It is loaded into the server by the door that any carrier uses. For each dial it looks into the
database, past the server, whether the intent is there, and writes what it saw to a pipe: that
survives the server's death, and needs no room on a disk.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import trio

from batchcalls.carriers.base import (
    CallResult,
    Carrier,
    CarrierOptionError,
    NotKnown,
    OutboundCall,
    Progress,
)
from batchcalls.carriers.process.carrier import create as create_process
from batchcalls.core.model import parse_call_id

NAME: Final = "witnessed"
"""The name that a server of a chaos run knows this carrier by."""

PIPE_OPTION: Final = "launches_fd"
"""The option with the number of the open file to write to."""

DATABASE_OPTION: Final = "database"
"""The option with the server's SQLite file. All other options are those of ``grpc``."""

_INTENT: Final = """
    SELECT 1 FROM attempts JOIN batches USING (batch_key)
    WHERE batch_id = ? AND position = ? AND dial = ? AND outcome IS NULL
"""

_REGISTRATION: Final[Mapping[str, str]] = {
    "METADATA": "Metadata-Version: 2.1\nName: batchcalls-chaos\nVersion: 0\n",
    "entry_points.txt": f"[batchcalls.carriers]\n{NAME} = {__name__}:create\n",
}


class Witness(Carrier):
    """Writes a line to ``pipe`` for each dial that goes through ``carrier``.

    ``database`` is the SQLite file in which the intents must be.
    """

    def __init__(self, carrier: Carrier, *, pipe: int, database: Path) -> None:
        self.limits = carrier.limits
        self._carrier = carrier
        self._pipe = pipe
        self._database = sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)

    def __repr__(self) -> str:
        return f"<Witness of {self._carrier!r}>"

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Let the carrier live; in the end, let the database go."""
        try:
            await self._carrier.run(task_status=task_status)
        finally:
            self._database.close()

    async def place_call(
        self, call: OutboundCall, report: Callable[[Progress], None]
    ) -> CallResult:
        """Note that the call leaves, and place it."""
        launch = {
            "attempt_id": call.attempt_id,
            "batch_id": call.batch_id,
            "at_s": round(time.monotonic(), 6),
            "intended": self._is_intended(call),
        }
        os.write(self._pipe, f"{json.dumps(launch)}\n".encode())
        return await self._carrier.place_call(call, report)

    def _is_intended(self, call: OutboundCall) -> bool:
        """Whether the dial is in the database, as others see it: committed."""
        parsed = parse_call_id(call.call_id)
        dial = int(call.attempt_id.rpartition("_")[2])
        assert parsed is not None, "the server made the id"
        return self._database.execute(_INTENT, (*parsed, dial)).fetchone() is not None

    async def follow(
        self, attempt_id: str, report: Callable[[Progress], None]
    ) -> CallResult | NotKnown:
        """Follow the call."""
        return await self._carrier.follow(attempt_id, report)

    async def hang_up(self, attempt_id: str) -> None:
        """End the call."""
        await self._carrier.hang_up(attempt_id)


def create(options: Mapping[str, object]) -> Witness:
    """The factory behind the entry point that ``register`` writes.

    Raises:
      CarrierOptionError: an option is missing, unknown, can't be read, or is out of range.
    """
    rest = dict(options)
    try:
        pipe = int(str(rest.pop(PIPE_OPTION)))
        database = Path(str(rest.pop(DATABASE_OPTION)))
    except (KeyError, ValueError) as error:
        raise CarrierOptionError(f"the witness needs a file and a database: {error}") from None
    return Witness(create_process(rest), pipe=pipe, database=database)


def register(folder: Path) -> None:
    """Make the carrier known to every Python that has ``folder`` on its path.

    It is no carrier to sell, so the package itself doesn't register it.
    """
    info = folder / "batchcalls_chaos-0.dist-info"
    info.mkdir(parents=True)
    for name, text in _REGISTRATION.items():
        (info / name).write_text(text, encoding="utf-8")
