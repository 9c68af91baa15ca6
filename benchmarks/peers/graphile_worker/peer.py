"""graphile-worker: Node, PostgreSQL."""

from __future__ import annotations

from functools import partial

from benchmarks.peers import workshop
from benchmarks.peers.peer import Peer
from benchmarks.peers.postgres import running_postgres

GRAPHILE_WORKER = Peer(
    name="graphile-worker",
    version="0.17.3",
    language="Node",
    install=partial(workshop.node_program, "graphile_worker"),
    database=running_postgres,
    kept="PostgreSQL, each commit on disk",
    lacks=(
        "At least once: a job of a crashed worker is run again after four hours. The limit "
        "holds for one process. No log of events: what completed is deleted. The delay of its "
        "retries can't be set, so here a busy call adds a new job."
    ),
)
