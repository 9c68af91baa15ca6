"""River: Go, PostgreSQL."""

from __future__ import annotations

from functools import partial

from benchmarks.peers import workshop
from benchmarks.peers.peer import Peer
from benchmarks.peers.postgres import running_postgres

RIVER = Peer(
    name="River",
    version="0.51.2",
    language="Go",
    install=partial(workshop.go_program, "river"),
    database=running_postgres,
    kept="PostgreSQL, each commit on disk",
    lacks=(
        "At least once: a job of a crashed worker is run again, after an hour by default. The "
        "limit holds for one process; for several it takes River Pro. No log of events: who "
        "listens in the process misses what it doesn't take in time."
    ),
)
