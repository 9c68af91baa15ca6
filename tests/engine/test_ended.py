"""Ended batches are read once, as long as somebody asks for them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

import pytest
import trio
from trio.testing import MockClock

from batchcalls.api.streams import Streams
from batchcalls.core.model import Batch, BatchSettings, BatchSpec, BatchStatus, Counts
from batchcalls.engine.ended import EndedBatches
from batchcalls_simulator.lab.trio_loop import TrioLoop
from tests.engine.world import COMPLETES, World, calls, spec

T = TypeVar("T")

BATCH = Batch(
    spec=BatchSpec(batch_id="batch_a", carrier="any", settings=BatchSettings(concurrency=1)),
    status=BatchStatus.COMPLETED,
    counts=Counts(completed=1),
)


def ended(number: int) -> Batch:
    return replace(BATCH, spec=replace(BATCH.spec, batch_id=f"batch_{number}"))


class CountedReads:
    """Runs what blocks, and counts the reads of a batch."""

    def __init__(self) -> None:
        self.batches = 0

    async def run_sync(self, function: Callable[..., T], *args: Any) -> T:
        await trio.lowlevel.checkpoint()
        result = function(*args)
        self.batches += isinstance(result, Batch)
        return result


async def test_an_ended_batch_is_read_once_however_often_it_is_asked_for(
    autojump_clock: MockClock,
) -> None:
    """Whoever asks: for itself, for its calls, or for the end of its log."""
    reads = CountedReads()
    with World(run_sync=reads.run_sync) as world:
        async with world.life() as engine:
            await engine.submit(spec(), calls(COMPLETES))
            await world.observer.final()
            streams = Streams(engine, TrioLoop())
            assert reads.batches == 0
            for _ in range(10):
                batch = await streams.current("batch_a")
                page = await streams.page("batch_a", after=batch.last_sequence, limit=9, types=())
                assert (batch, page.is_end) == (world.batch(), True)
            assert reads.batches == 1


def test_those_that_were_asked_for_last_are_remembered() -> None:
    """Whoever looks at all batches there are fills no memory."""
    batches = EndedBatches(most=3)
    for number in range(3):
        batches.keep(ended(number))
    assert batches.get("batch_0") == ended(0)
    batches.keep(ended(3))
    assert repr(batches) == "<EndedBatches 3>"
    assert [number for number in range(4) if batches.get(f"batch_{number}")] == [0, 2, 3]


def test_a_batch_that_may_change_is_not_kept() -> None:
    """It would be told as it was."""
    with pytest.raises(AssertionError, match="batch_a may change"):
        EndedBatches().keep(replace(BATCH, status=BatchStatus.RUNNING))
