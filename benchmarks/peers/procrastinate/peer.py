"""procrastinate: Python, PostgreSQL."""

from __future__ import annotations

from functools import partial

from benchmarks.peers import workshop
from benchmarks.peers.peer import Peer
from benchmarks.peers.postgres import running_postgres

PROCRASTINATE = Peer(
    name="procrastinate",
    version="3.10.0",
    language="Python",
    install=partial(workshop.python_program, "procrastinate"),
    database=running_postgres,
    kept="PostgreSQL, each commit on disk",
    lacks=(
        "A job of a crashed worker stays as it is until a task of yours finds it and runs it "
        "again. The limit holds for one worker. It logs events in a table, but streams them "
        "to nobody."
    ),
)
