"""What a run leaves behind, as records: what the phones, the database and the users saw.

It judges nothing. All moments are monotonic seconds of the machine, one clock for all processes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from batchcalls.core.model import Batch, Call
from batchcalls.store.contract import Store
from batchcalls.store.sql.sql_store import SqlStore
from batchcalls_simulator.cdr_reader import CallDetails, LoggedDial, read_call_details
from batchcalls_simulator.lab.chaos.scenario import Limits

_ALL: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledged:
    """A submission that a user got an answer to."""

    request_id: str
    batch_id: str
    phone_numbers: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What one reader of a batch's events saw: sequences and messages, as they came."""

    reader: str
    batch_id: str
    events: tuple[tuple[int, bytes], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """A dial as it left the server; ``intended`` if the database had it by then."""

    attempt_id: str
    batch_id: str
    at_s: float
    intended: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A batch as the database has it in the end."""

    batch: Batch
    calls: tuple[Call, ...]
    events: tuple[tuple[int, bytes], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Everything that a verdict is found on.

    ``dials`` are those that every carrier process logged, ended at the latest when it died;
    ``repeats`` the attempt ids that one of them got again. ``mishaps`` are what ended that
    nobody killed, and what didn't end in time.
    """

    limits: Limits
    acknowledged: tuple[Acknowledged, ...]
    stored: tuple[Stored, ...]
    dials: tuple[LoggedDial, ...]
    repeats: tuple[str, ...]
    launches: tuple[Launch, ...]
    seen: tuple[Seen, ...]
    mishaps: tuple[str, ...] = ()

    @property
    def placed(self) -> tuple[LoggedDial, ...]:
        """The dials after which a phone may have rung."""
        return tuple(dial for dial in self.dials if not dial.refused)


@dataclass(frozen=True, slots=True, kw_only=True)
class CarrierLife:
    """The log of one carrier process, and when it died (monotonic seconds)."""

    log: Path
    died_s: float


def read_dials(lives: Iterable[CarrierLife]) -> CallDetails:
    """What all carrier processes logged; a call that was up when one died ended with it."""
    dials: list[LoggedDial] = []
    repeats: list[str] = []
    for life in lives:
        details = read_call_details(life.log)
        repeats += details.repeats
        dials += [
            dial if dial.end_s is not None else replace(dial, end_s=life.died_s)
            for dial in details.dials
        ]
    return CallDetails(dials=tuple(dials), repeats=tuple(repeats))


def read_launches(lines: Iterable[bytes]) -> tuple[Launch, ...]:
    """The launches that ``witness`` told of, a line each."""
    return tuple(Launch(**json.loads(line)) for line in lines)


def sqlite_url(database: Path) -> str:
    """How a server is told of a database file."""
    return f"sqlite:///{database}"


def read_database(database: Path) -> tuple[Stored, ...]:
    """All that is in the database of a server that has ended."""
    store = SqlStore.open(sqlite_url(database))
    try:
        return tuple(_stored(store, batch) for batch in store.batch_page(limit=_ALL).batches)
    finally:
        store.close()


def _stored(store: Store, batch: Batch) -> Stored:
    batch_id = batch.batch_id
    calls = store.call_page(batch_id, limit=_ALL).calls
    page = store.event_page(batch_id, limit=_ALL)
    events: Sequence[tuple[int, bytes]] = page.events if page else ()
    return Stored(batch=batch, calls=tuple(calls), events=tuple(events))
