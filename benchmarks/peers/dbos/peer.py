"""DBOS Transact: Python, PostgreSQL."""

from __future__ import annotations

from functools import partial

from benchmarks.peers import workshop
from benchmarks.peers.peer import Peer
from benchmarks.peers.postgres import running_postgres

DBOS = Peer(
    name="DBOS",
    version="3.4.0",
    language="Python",
    install=partial(workshop.python_program, "dbos"),
    database=running_postgres,
    kept="PostgreSQL, each commit on disk",
    lacks=(
        "At least once: a step that a crash cut short is run again. A call that waits for its "
        "retry keeps its place in the limit (which can hold for all processes). It logs steps "
        "and states, and streams only what workflows write."
    ),
)
