"""After a crash at any moment nobody is called twice, and every batch comes to its end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any, TypeVar

import pytest
import trio
from trio.testing import MockClock

from batchcalls.carriers.base import (
    CallResult,
    CarrierThrottled,
    OutboundCall,
)
from batchcalls.core.model import BatchStatus, CallStatus, Outcome
from tests.engine.knowing import REACHED, UP_FOR_EVER, knowing, lose
from tests.engine.world import (
    BUSY,
    BUSY_ONCE,
    COMPLETES,
    NO_ANSWER_TWICE,
    Report,
    ScriptedCarrier,
    World,
    at_us,
    calls,
    check_settled,
    people,
    retry,
    run_virtual,
    simulator,
    spec,
    story,
    witnessed,
)

T = TypeVar("T")


class Crash(Exception):
    """The process died."""


class DoomedDisk:
    """Dies at its ``commits``-th commit: just before it, or when it is written but not told."""

    def __init__(self, commits: int, *, written: bool) -> None:
        self._left = commits
        self._written = written

    async def run_sync(self, function: Callable[..., T], *args: Any) -> T:
        await trio.lowlevel.checkpoint()
        if function.__name__ == "commit" and args[0].writes:
            self._left -= 1
            if self._left == 0:
                if self._written:
                    function(*args)
                raise Crash
        return function(*args)


class SlowDisk:
    """Takes its time before and after it writes, so that a crash may come in between."""

    def __init__(self, random: Random) -> None:
        self._random = random

    async def run_sync(self, function: Callable[..., T], *args: Any) -> T:
        await trio.sleep(self._random.uniform(0, 0.1))
        result = function(*args)
        await trio.sleep(self._random.uniform(0, 0.1))
        return result


class Saga:
    """The lives of a world, each with a carrier whose calls die with it; and all their dials."""

    def __init__(self, world: World, **options: object) -> None:
        self.world = world
        self.dialed: list[OutboundCall] = []
        self.throttled: set[str] = set()
        self._options = options

    def new_carrier(self) -> None:
        inner = simulator(**self._options)

        async def place_call(call: OutboundCall, report: Report) -> CallResult:
            self.dialed.append(call)
            try:
                return await inner.place_call(call, report)
            except CarrierThrottled:
                self.throttled.add(call.attempt_id)
                raise

        self.world.carriers = {"simulator": ScriptedCarrier(place_call, follow=inner.follow)}

    async def finish(self, *batch_ids: str) -> None:
        """The last life: it sees all batches to their end."""
        self.new_carrier()
        async with self.world.life():
            for batch_id in batch_ids:
                if not self.world.batch(batch_id).status.final:
                    with trio.fail_after(100_000):
                        await self.world.observer.final(batch_id)

    def check(self, *batch_ids: str) -> None:
        """No dial has its like, and the store tells of each that counted."""
        ids = [call.attempt_id for call in self.dialed]
        assert len(set(ids)) == len(ids)
        rung = [call for call in self.dialed if call.attempt_id not in self.throttled]
        numbers = [(call.call_id, call.attempt_number) for call in rung]
        assert len(set(numbers)) == len(numbers)
        for batch_id in batch_ids:
            check_settled(self.world, batch_id)
            for call in self.world.calls(batch_id):
                known = {attempt.attempt_id for attempt in call.attempts}
                assert {one.attempt_id for one in rung if one.call_id == call.call_id} <= known


STORY = (
    spec(concurrency=2, retry=retry(3, 30)),
    calls(COMPLETES, BUSY, BUSY_ONCE, NO_ANSWER_TWICE, COMPLETES),
)


async def crash_at(commits: int, written: bool) -> bool:
    """Die at that commit, start again, finish. False when the batch had fewer commits."""
    with World() as world:
        saga = Saga(world, ring_time=2, ring_timeout_s=20)
        world.run_sync = DoomedDisk(commits, written=written).run_sync
        saga.new_carrier()
        crashed = False
        try:
            async with world.life() as engine:
                await engine.submit(*STORY)
                await world.observer.final()
        except* Crash:
            crashed = True
        world.run_sync = DoomedDisk(-1, written=False).run_sync
        if crashed and commits == 1 and not written:
            return True
        await saga.finish("batch_a")
        saga.check("batch_a")
    return crashed


@pytest.mark.parametrize("written", [False, True])
def test_a_crash_at_any_commit_is_survived(written: bool) -> None:
    """Before it is written or after, at each commit of a batch's life in turn."""
    commits = 1
    while run_virtual(crash_at, commits, written):
        commits += 1
    assert commits > 15


RETRIED = [
    frozenset({Outcome.BUSY, Outcome.NO_ANSWER}),
    frozenset({Outcome.BUSY, Outcome.NO_ANSWER, Outcome.UNKNOWN}),
]


async def crash_often(seed: int) -> None:
    random = Random(seed)
    with World(seed=seed) as world:
        saga = Saga(
            world,
            seed=seed,
            busy_rate=0.3,
            no_answer_rate=0.1,
            talk_time="uniform:0,8",
            trunk_capacity=random.choice([0, 3]),
        )
        world.run_sync = SlowDisk(random).run_sync
        batch = spec(
            concurrency=5,
            retry=retry(3, random.choice([0.5, 5]), retry_on=random.choice(RETRIED)),
            max_calls_per_second=random.choice([0, 0, 4]),
        )
        for life in range(random.randint(1, 4)):
            saga.new_carrier()
            async with world.life() as engine:
                if life == 0:
                    await engine.submit(batch, people(30))
                if random.random() < 0.2 and not world.batch().status.final:
                    await engine.cancel("batch_a", hang_up=random.random() < 0.5)
                await trio.sleep(random.uniform(0, 15))
        await saga.finish("batch_a")
        saga.check("batch_a")


@pytest.mark.parametrize("seed", range(25))
def test_crashes_at_any_moment_are_survived(seed: int) -> None:
    """Every call is final in the end, no attempt is dialed twice or too many, all adds up."""
    run_virtual(crash_often, seed)


# What a crash hid


async def test_what_a_crash_hid_is_unknown_and_not_dialed_again(
    autojump_clock: MockClock,
) -> None:
    """Calls that were up, and that no carrier knows of, end unknown; waiting ones go on."""
    with World() as world:
        saga = Saga(world)
        saga.new_carrier()
        await lose(world, spec(concurrency=2, retry=retry(3)), people(5), after_s=5)
        await saga.finish("batch_a")
        saga.check("batch_a")
        outcomes = Counter(call.outcome for call in world.calls())
        assert outcomes == {Outcome.UNKNOWN: 2, Outcome.COMPLETED: 3}
        assert len(saga.dialed) == 5


async def test_unknown_is_dialed_again_where_the_batch_wants_it(
    autojump_clock: MockClock,
) -> None:
    """Named in ``retry_on``, the hidden attempt counts, and the next one is made."""
    config = retry(2, 10, retry_on=frozenset({Outcome.UNKNOWN}))
    with World() as world:
        saga = Saga(world)
        saga.new_carrier()
        await lose(world, spec(retry=config), people(1), after_s=5)
        await saga.finish("batch_a")
        saga.check("batch_a")
        (made,) = world.calls()
        assert [one.outcome for one in made.attempts] == [Outcome.UNKNOWN, Outcome.COMPLETED]


async def test_an_answer_that_was_recorded_is_kept(autojump_clock: MockClock) -> None:
    """What was known of a call before the crash stays in its attempt."""
    with World() as world:
        await lose(world, spec(), people(1), after_s=5)
        await Saga(world).finish("batch_a")
        (made,) = world.calls()
        assert made.attempts[0].answer_time_us > 0
        assert made.attempts[0].outcome is Outcome.UNKNOWN


# What goes on


async def test_retries_keep_their_due_times(autojump_clock: MockClock) -> None:
    """A restart neither hurries nor delays them; one that fell due meanwhile goes at once."""
    with World() as world:
        saga = Saga(world)
        saga.new_carrier()
        await lose(world, spec(retry=retry(2, 100)), calls(BUSY_ONCE), after_s=40)
        due_us = world.calls()[0].due_time_us
        saga.new_carrier()
        async with world.life():
            await trio.sleep(59)
            assert len(saga.dialed) == 1
            await world.observer.final()
        started_us = world.calls()[0].attempts[1].start_time_us
        assert due_us <= started_us <= due_us + 10_000

        await lose(world, spec("batch_b", retry=retry(2, 100)), calls(BUSY_ONCE), after_s=40)
        await trio.sleep(500)
        woken_us = at_us(trio.current_time())
        await saga.finish("batch_b")
        started_us = world.calls("batch_b")[0].attempts[1].start_time_us
        assert started_us == pytest.approx(woken_us, abs=10_000)


async def test_a_paused_batch_stays_paused(autojump_clock: MockClock) -> None:
    """Its calls that were up are settled; nothing is dialed until it is resumed."""
    with World() as world:
        async with world.life() as engine:
            await engine.submit(spec(concurrency=1), people(3))
            await engine.pause("batch_a")
        carrier = witnessed(simulator())
        world.carriers = {"simulator": carrier}
        async with world.life() as engine:
            await trio.sleep(1_000)
            assert (world.batch().status, carrier.dialed) == (BatchStatus.PAUSED, [])
            await engine.resume("batch_a")
            await world.observer.final()
        check_settled(world)


async def test_a_canceled_batch_goes_on_to_its_end(autojump_clock: MockClock) -> None:
    """Canceled before the crash, it is canceled after it, the calls that were up settled."""
    with World() as world:
        async with world.life() as engine:
            await engine.submit(spec(concurrency=2), people(10))
            await trio.sleep(5)
            await engine.cancel("batch_a", hang_up=False)
        world.carriers = {"simulator": knowing(REACHED, up_s=3)}
        async with world.life():
            batch = await world.observer.final()
        assert batch.status is BatchStatus.CANCELED
        assert (batch.counts.completed, batch.counts.canceled) == (2, 8)
        check_settled(world)


@pytest.mark.parametrize(("start_s", "back_s"), [(100, 50), (100, 500)])
async def test_a_scheduled_batch_starts_on_time_or_at_once(
    autojump_clock: MockClock, start_s: int, back_s: int
) -> None:
    """The start time is the store's: a server that was away for it starts the batch late."""
    with World() as world:
        await lose(world, spec(start_time_us=at_us(start_s)), people(1), after_s=10)
        await trio.sleep(back_s - 10)
        async with world.life():
            await world.observer.final()
        started_us = world.events()[0].time_us
        assert started_us == pytest.approx(at_us(max(start_s, back_s)), abs=10_000)


async def test_final_batches_are_left_alone(autojump_clock: MockClock) -> None:
    """What had ended before is not even loaded."""
    with World() as world:
        async with world.life() as engine:
            await engine.submit(spec(), people(3))
            await world.observer.final()
        before = world.batch(), world.calls(), world.events()
        async with world.life() as engine:
            await trio.sleep(100)
            assert engine.journal.open_batches == 0
        assert (world.batch(), world.calls(), world.events()) == before


async def test_the_event_log_goes_on_where_it_was(autojump_clock: MockClock) -> None:
    """The first event after a restart has the next sequence."""
    with World() as world:
        await lose(world, spec(retry=retry(2, 60)), calls(BUSY_ONCE), after_s=5)
        assert story(world.events()) == ["started", "call_started", "call_retry_scheduled(busy)"]
        async with world.life():
            await world.observer.final()
            assert world.observer.events()[0].sequence == 4
        check_settled(world)


async def test_the_slots_of_calls_that_are_up_count_against_all_limits(
    autojump_clock: MockClock,
) -> None:
    """After a restart concurrency holds at once, the calls of the earlier process included."""
    with World() as world:
        await lose(world, spec(concurrency=4), people(20), after_s=5)
        carrier = knowing(UP_FOR_EVER)
        world.carriers = {"simulator": carrier}
        async with world.life() as engine:
            await trio.sleep(30)
            assert carrier.dialed == []
            assert engine.dispatcher.server.in_use == 4
        open_calls = [one for one in world.calls() if one.status is CallStatus.IN_PROGRESS]
        assert len(open_calls) == 4
