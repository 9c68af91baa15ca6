"""Who takes part: what the table says of somebody, and how that somebody does the work."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from batchcalls import __version__
from benchmarks.peers.peer import Peer
from benchmarks.peers.trial import Trial, run_ours, run_peer
from benchmarks.workload import Workload


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """``prepare`` installs what is needed and returns what does the work once.

    Both raise ``NotHere``, and the latter ``RuntimeError`` when the work isn't done.
    """

    name: str
    title: str
    kept: str
    lacks: str
    prepare: Callable[[], Callable[[Workload], Trial]]


OURS: Final = Contender(
    name="batchcalls",
    title=f"Batch Calls {__version__} (Python)",
    kept="SQLite, each commit on disk",
    lacks=(
        "It places calls, and runs no other jobs. One server to a database: no other shares the "
        "work, or takes it over."
    ),
    prepare=lambda: run_ours,
)


def contender(peer: Peer) -> Contender:
    """A peer as one who takes part."""
    return Contender(
        name=peer.name.lower(),
        title=f"{peer.name} {peer.version} ({peer.language})",
        kept=peer.kept,
        lacks=peer.lacks,
        prepare=lambda: partial(run_peer, peer, peer.install()),
    )
