"""One of the others: what it is, where it keeps its jobs, and what it doesn't promise."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path


class NotHere(Exception):
    """A peer, or what it needs, can't be had on this machine; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """A database server that runs for one trial: where its clients find it, and its process."""

    url: str
    pid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """A peer.

    ``install`` sets it up where it isn't yet, returns the command of its program (see
    ``errand``), and raises ``NotHere``. ``database`` runs a fresh server in a folder. ``kept``
    says how durable its jobs are, ``lacks`` what it doesn't promise, both as the table shows them.
    """

    name: str
    version: str
    language: str
    install: Callable[[], Sequence[str]]
    database: Callable[[Path], AbstractContextManager[Database]]
    kept: str
    lacks: str
