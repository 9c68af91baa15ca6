"""The budget of readers, in virtual time: what a crowd gets, and who never rests."""

from __future__ import annotations

import math

import pytest
import trio
from trio.testing import MockClock

from batchcalls.engine.budget import CREDIT_S, LONGEST_REST_S, Budget
from batchcalls.testing.store.changes import dialed, effects_alone

LEAST, MOST = 0.1, 0.25
COST_S = 0.000_4


class Dialing:
    """Calls are dialed beside whoever shares the budget; the loop is late by ``late_s``.

    Readers give up after ``patience_s``, and ask again.
    """

    def __init__(self, *, patience_s: float = math.inf) -> None:
        self.budget = Budget(trio.current_time, least=LEAST, most=MOST)
        self.answered_at: list[float] = []
        self.rests_s: list[float] = []
        self._patience_s = patience_s

    async def run(self, *, readers: int, for_s: float, late_s: float = 0.0) -> None:
        """Readers who ask again as soon as they are answered."""
        self.answered_at.clear()
        with trio.move_on_after(for_s):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._dial, late_s)
                await trio.testing.wait_all_tasks_blocked()
                for _ in range(readers):
                    nursery.start_soon(self._ask_again_and_again)

    async def ask(self) -> None:
        began = trio.current_time()
        await self.budget.rest(trio.sleep, then_s=COST_S)
        self.answered_at.append(trio.current_time())
        self.rests_s.append(trio.current_time() - began)

    def write(self) -> None:
        self.budget.committed([effects_alone(dialed())], (), ())

    async def _dial(self, late_s: float) -> None:
        clock = trio.lowlevel.current_clock()
        assert isinstance(clock, MockClock)
        while True:
            self.write()
            clock.jump(late_s)
            await trio.sleep(0.05)

    async def _ask_again_and_again(self) -> None:
        while True:
            with trio.move_on_after(self._patience_s):
                await self.ask()


@pytest.mark.parametrize("readers", [1, 8, 150, 400])
async def test_however_many_ask_they_have_little_while_the_loop_is_late(
    autojump_clock: MockClock, readers: int
) -> None:
    """And never less than that. (Of so many more that the longest rest is short for all of them,
    each is answered behind it.)
    """
    dialing = Dialing()
    await dialing.run(readers=readers, for_s=30, late_s=0.02)
    used_s = len(dialing.answered_at) * COST_S
    assert 0.8 * LEAST * 30 <= used_s <= 1.5 * LEAST * 30


@pytest.mark.parametrize("readers", [8, 150])
async def test_they_have_more_of_a_loop_that_is_punctual_and_come_one_by_one(
    autojump_clock: MockClock, readers: int
) -> None:
    """Nowhere in it is there a crowd for which dialing would wait."""
    dialing = Dialing()
    await dialing.run(readers=readers, for_s=30)
    assert dialing.budget.share == MOST
    assert 0.9 * MOST * 30 <= len(dialing.answered_at) * COST_S <= 1.01 * MOST * 30
    later = [at for at in dialing.answered_at if at >= 1.0]
    most_together = max(later.count(at) for at in set(later))
    assert most_together == 1
    await dialing.run(readers=readers, for_s=2, late_s=0.05)
    assert dialing.budget.share <= LEAST * 1.2


async def test_who_comes_seldom_never_rests(autojump_clock: MockClock) -> None:
    """Neither at a modest rate, nor as many at once as the credit has room for."""
    dialing = Dialing()
    for _ in range(2_000):
        dialing.write()
        await dialing.ask()
        await trio.sleep(COST_S / LEAST)
    for _ in range(int(CREDIT_S / COST_S)):
        await dialing.ask()
    assert max(dialing.rests_s) == 0
    dialing.write()
    for _ in range(5):
        await dialing.ask()
    assert max(dialing.rests_s) > 0


async def test_nobody_rests_or_pays_while_nothing_is_written(autojump_clock: MockClock) -> None:
    """A crowd that came before the first dial leaves no debt behind."""
    dialing = Dialing()
    for _ in range(10_000):
        await dialing.ask()
    dialing.budget.committed([], (), ())
    for _ in range(10_000):
        await dialing.ask()
    dialing.write()
    await dialing.ask()
    assert max(dialing.rests_s) == 0


async def test_no_rest_is_long(autojump_clock: MockClock) -> None:
    """However much was taken."""
    dialing = Dialing()
    dialing.write()
    dialing.budget.pay(300)
    await dialing.ask()
    assert dialing.rests_s == [LONGEST_REST_S]


@pytest.mark.parametrize("readers", [100, 300])
async def test_a_crowd_that_gives_up_early_is_answered_nevertheless(
    autojump_clock: MockClock, readers: int
) -> None:
    """Who gave up holds no place: else all would rest behind those who went, and give up too."""
    dialing = Dialing(patience_s=0.3)
    await dialing.run(readers=readers, for_s=10, late_s=0.02)
    later = [at for at in dialing.answered_at if at >= 5.0]
    assert 0.8 * LEAST * 5 <= len(later) * COST_S <= 1.5 * LEAST * 5


async def test_it_says_how_it_stands(autojump_clock: MockClock) -> None:
    """The share, and how long who comes now rests."""
    dialing = Dialing()
    assert repr(dialing.budget) == "<Budget 10% of a processor, 0.000 s to rest>"
    dialing.write()
    dialing.budget.pay(0.1)
    assert repr(dialing.budget) == "<Budget 10% of a processor, 0.900 s to rest>"
