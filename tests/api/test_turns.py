"""Those who ask memory have turns while calls are dialed; those who follow a stream don't wait."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import aclosing

import pytest
import trio
from trio.testing import MockClock

from batchcalls.api.batch_messages import BatchMessages
from batchcalls.api.batches import Batches
from batchcalls.api.caller import Caller
from batchcalls.api.streams import ANSWER_S, LEAST_SHARE, MOST_SHARE, Streams
from batchcalls.engine.engine import Engine
from batchcalls.v1.batch_calls_service_pb2 import GetBatchRequest
from batchcalls.v1.event_pb2 import Event
from batchcalls_simulator.lab.trio_loop import TrioLoop
from tests.engine.world import World, at_us, people, simulator, spec

READERS = 30
FOR_S = 4
WAY_S = 0.001
"""What it takes to ask: all of them together could ask 30,000 times a second."""


class Desk:
    """What readers ask: about ``batch_a``, which is called, and ``batch_b``, which waits."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.streams = Streams(engine, TrioLoop())
        self.batches = Batches(engine, TrioLoop(), self.streams, BatchMessages())

    async def get(self) -> None:
        await self.batches.get(GetBatchRequest(batch_id="batch_a"), Caller())

    async def end_of_a_log(self) -> None:
        waiting = self.engine.journal.batch("batch_b")
        assert waiting is not None
        await self.streams.page("batch_b", after=waiting.last_sequence, limit=9, types=())

    async def open_status(self) -> None:
        async with aclosing(self.streams.batch("batch_a", min_interval_s=0.2)) as opened:
            await anext(opened)

    async def open_events(self) -> None:
        async with aclosing(self.streams.events("batch_a", after=0, types=())) as opened:
            await anext(opened)


ASKS = pytest.mark.parametrize(
    "ask", [Desk.get, Desk.end_of_a_log, Desk.open_status, Desk.open_events]
)
Ask = Callable[[Desk], Awaitable[None]]


async def ask_again_and_again(desk: Desk, ask: Ask, answered_at: list[float]) -> None:
    while True:
        await ask(desk)
        await trio.sleep(WAY_S)
        answered_at.append(trio.current_time())


async def submit_both(engine: Engine) -> None:
    """One batch that is dialed all the while, and one that starts much later."""
    await engine.submit(spec(concurrency=20, max_calls_per_second=20.0), people(20 * 2 * FOR_S))
    await engine.submit(spec("batch_b", start_time_us=at_us(86_400)), people(1))


@ASKS
async def test_a_crowd_has_little_while_calls_are_dialed(
    autojump_clock: MockClock, ask: Ask
) -> None:
    """Whatever it asks, and also where it opens streams only to ask again."""
    answered_at: list[float] = []
    with World(simulator(talk_time=0.2)) as world:
        async with world.life() as engine, trio.open_nursery() as nursery:
            await submit_both(engine)
            desk = Desk(engine)
            await trio.sleep(0.1)
            for _ in range(READERS):
                nursery.start_soon(ask_again_and_again, desk, ask, answered_at)
            await trio.sleep(FOR_S)
            nursery.cancel_scope.cancel()
    used_s = ANSWER_S * len(answered_at)
    assert LEAST_SHARE * FOR_S <= used_s <= 1.1 * MOST_SHARE * FOR_S


@ASKS
async def test_nobody_waits_while_no_call_is_dialed(autojump_clock: MockClock, ask: Ask) -> None:
    """However often they ask."""
    with World(simulator(talk_time=3_600)) as world:
        async with world.life() as engine:
            await submit_both(engine)
            await engine.pause("batch_a")
            await trio.sleep(1)
            desk, began = Desk(engine), trio.current_time()
            for _ in range(1_000):
                await ask(desk)
            assert trio.current_time() == began


async def test_who_follows_a_stream_waits_for_no_crowd(autojump_clock: MockClock) -> None:
    """What happens is told at once, once the stream is open."""
    lags_s: list[float] = []
    with World(simulator(talk_time=0.2)) as world:
        async with world.life() as engine, trio.open_nursery() as nursery:
            desk = Desk(engine)
            await submit_both(engine)
            for _ in range(READERS):
                nursery.start_soon(ask_again_and_again, desk, Desk.get, [])
            async with aclosing(desk.streams.events("batch_a", after=0, types=())) as pages:
                await anext(pages)
                async for page in pages:
                    (*_, last) = map(Event.FromString, page.payloads)
                    lags_s.append(
                        trio.current_time() - last.time.ToMicroseconds() / 1e6 + at_us(0) / 1e6
                    )
                    if len(lags_s) == 50:
                        break
            nursery.cancel_scope.cancel()
    assert max(lags_s) < 0.001
