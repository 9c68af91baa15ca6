"""Readers go on where they stood, whatever becomes of servers, and say when they can't."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection, Iterator
from dataclasses import replace
from random import Random

import pytest
import structlog
import trio

from batchcalls.clock import Clock
from batchcalls.core.model import EventType
from batchcalls.engine.admission import EngineLimits
from batchcalls.engine.feed import Page
from batchcalls.errors import OutOfRange, Reason
from batchcalls.store.sql.sql_store import SqlStore
from batchcalls_simulator.cli.app import silence
from batchcalls_simulator.lab.checker import Checker
from batchcalls_simulator.lab.faults import Doom, Faults, Moment
from batchcalls_simulator.lab.reader import Reader
from batchcalls_simulator.lab.readings import Reading
from batchcalls_simulator.lab.world import Played, play_scenario
from tests.simulator.lab.scenarios import scenario

STREAM = Reading(name="streamer", batch_id="batch_a")
POLLER = replace(STREAM, name="poller", polls=True, limit=3)
KINDS = pytest.mark.parametrize("reading", [STREAM, POLLER], ids=lambda reading: reading.name)


@pytest.fixture(autouse=True)
def silent_logs() -> Iterator[None]:
    """What fails here is meant to."""
    silence()
    yield
    structlog.reset_defaults()


def seen(played: Played, name: str) -> list[str]:
    """What a reader was led through: the sequences before and behind each page."""
    return [line.rpartition(" ")[2] for line in played.log if f" {name} " in line]


def test_a_reader_comes_to_the_end_of_its_log() -> None:
    """Every event, each once, whether by a stream or by pages."""
    played = play_scenario(scenario(readings=(STREAM, POLLER)))
    streamed, polled = (seen(played, reading.name) for reading in (STREAM, POLLER))
    last = streamed[-1].partition("-")[2]
    assert polled[-1].endswith(f"-{last}")
    assert played.events_read == 2 * int(last)


@KINDS
def test_a_reader_goes_on_at_the_next_server(reading: Reading) -> None:
    """It resumes behind its last sequence, and is given nothing twice."""
    dooms = tuple(Doom(moment=Moment.TIME, count=count, restart_s=5.0) for count in (30, 60, 40))
    faults = Faults(calm_at_s=400.0, dooms=dooms, slow_disk_s=1.0)
    played = play_scenario(scenario(faults=faults, readings=(replace(reading, break_rate=0.3),)))
    assert played.crashes == 3
    assert played.events_read == int(seen(played, reading.name)[-1].partition("-")[2])


def test_a_reader_that_begins_behind_the_end_gives_up() -> None:
    """It named a sequence that the log never comes to."""
    assert play_scenario(scenario(readings=(replace(STREAM, after=100),))).events_read == 0


class Refusing:
    """A source that gives one page, and refuses whoever comes back with what it gave."""

    async def events(
        self, batch_id: str, *, after: int, types: Collection[EventType]
    ) -> AsyncGenerator[Page, None]:
        yield await self.page(batch_id, after=after, limit=1, types=types)

    async def page(
        self, batch_id: str, *, after: int, limit: int, types: Collection[EventType]
    ) -> Page:
        await trio.lowlevel.checkpoint()
        if after:
            raise OutOfRange("beyond the last event", reason=Reason.SEQUENCE_OUT_OF_RANGE)
        return Page([], 7, 7, is_end=False)


@KINDS
async def test_a_reader_that_is_refused_what_it_was_given_says_so(
    reading: Reading, autojump_clock: object
) -> None:
    """Whoever comes back with the server's own sequence is never out of range."""
    store = SqlStore.open("sqlite://")
    with trio.CancelScope() as scope:
        checker = Checker(
            store,
            clock=Clock(wall=trio.current_time),
            limits=EngineLimits(),
            carriers={},
            stop=scope.cancel,
        )
        reader = Reader(reading, checker=checker, calm_at_s=0.0, random=Random(1))
        reader.after, reader.was_answered = 7, True
        await reader.read(Refusing())
    store.close()
    assert "was refused what it was given" in str(checker.broken)
