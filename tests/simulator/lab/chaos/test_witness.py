"""The witness says of each dial whether its intent was in the database, and dials all the same."""

from __future__ import annotations

import os
import sqlite3
from importlib.metadata import DistributionFinder, MetadataPathFinder
from pathlib import Path

import pytest
import trio

from batchcalls.carriers.base import CarrierOptionError, OutboundCall
from batchcalls.core.model import Outcome
from batchcalls_simulator.carrier import create as create_simulator
from batchcalls_simulator.lab.chaos import witness
from batchcalls_simulator.lab.chaos.evidence import read_launches

QUICK = {"post_dial_delay": "0", "ring_time": "0", "talk_time": "0"}


def outbound(dial: int) -> OutboundCall:
    return OutboundCall(
        attempt_id=f"attempt_1_0_{dial}",
        call_id="call_1_0",
        batch_id="batch_1",
        attempt_number=1,
        phone_number="+15550100000",
        script=("Hello.",),
    )


def database_with_intent(file: Path, *, dial: int) -> None:
    """The columns that the witness looks at, and one open attempt."""
    with sqlite3.connect(file) as database:
        database.execute("CREATE TABLE batches (batch_key, batch_id)")
        database.execute("CREATE TABLE attempts (batch_key, position, dial, outcome)")
        database.execute("INSERT INTO batches VALUES (1, 'batch_1')")
        database.execute("INSERT INTO attempts VALUES (1, 0, ?, NULL)", [dial])
    database.close()


async def test_a_dial_is_noted_with_what_the_database_had(
    tmp_path: Path, autojump_clock: object
) -> None:
    """The second dial isn't in the database: it is placed too, and told of."""
    database_with_intent(tmp_path / "some.db", dial=1)
    reading, writing = os.pipe()
    carrier = witness.Witness(create_simulator(QUICK), pipe=writing, database=tmp_path / "some.db")
    async with trio.open_nursery() as nursery:
        await nursery.start(carrier.run)
        for dial in (1, 2):
            result = await carrier.place_call(outbound(dial), lambda progress: None)
            assert result.outcome is Outcome.COMPLETED
        nursery.cancel_scope.cancel()
    os.close(writing)
    with os.fdopen(reading, "rb") as told:
        first, second = read_launches(told.read().splitlines())
    assert (first.attempt_id, first.batch_id, first.intended) == ("attempt_1_0_1", "batch_1", True)
    assert (second.attempt_id, second.intended) == ("attempt_1_0_2", False)
    assert first.at_s <= second.at_s


@pytest.mark.parametrize(
    "options",
    [
        {},
        {witness.PIPE_OPTION: "3"},
        {witness.PIPE_OPTION: "pipe", witness.DATABASE_OPTION: "/some.db"},
    ],
)
def test_a_witness_needs_a_pipe_and_a_database(options: dict[str, str]) -> None:
    """Without them it would see nothing."""
    with pytest.raises(CarrierOptionError, match="the witness needs"):
        witness.create(options)


def test_a_registered_witness_is_found_like_any_carrier(tmp_path: Path) -> None:
    """By whoever has the folder on the path."""
    witness.register(tmp_path)
    context = DistributionFinder.Context(path=[str(tmp_path)])
    (found,) = MetadataPathFinder.find_distributions(context)
    (entry,) = found.entry_points.select(group="batchcalls.carriers")
    assert (entry.name, entry.load()) == (witness.NAME, witness.create)
