"""A server that lacks the carrier of an unfinished batch says so and doesn't start."""

from __future__ import annotations

import pytest
from trio.testing import MockClock

from batchcalls.engine.engine import MissingCarrier
from tests.engine.world import World, people, simulator, spec


async def test_unfinished_batches_need_their_carrier(autojump_clock: MockClock) -> None:
    """Calls of one carrier are never dialed by another because it happens to be there."""
    with World(simulator()) as world:
        async with world.life() as engine:
            await engine.submit(spec(), people(3))
        world.carriers = {"acme": simulator()}
        with pytest.raises(ExceptionGroup) as caught:
            async with world.life():
                pass
        assert caught.group_contains(MissingCarrier, match=r"'simulator' \(1 batches\)")


async def test_finished_batches_need_no_carrier(autojump_clock: MockClock) -> None:
    """What is over doesn't bind the operator to a carrier."""
    with World(simulator()) as world:
        async with world.life() as engine:
            await engine.submit(spec(), people(3))
            await world.observer.final()
        world.carriers = {"acme": simulator()}
        async with world.life() as engine:
            assert engine.ready
