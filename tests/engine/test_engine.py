"""The engine takes batches in, within its limits, and runs them to their end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import pytest
import trio
from trio.testing import MockClock

from batchcalls.core.model import (
    Batch,
    BatchStatus,
    Counts,
    EventType,
    Outcome,
    RetryConfig,
)
from batchcalls.engine.admission import EngineLimits
from batchcalls.engine.engine import Engine
from batchcalls.errors import (
    BatchCallsError,
    Conflict,
    LimitExceeded,
    NotFound,
    Reason,
    TryLater,
    WrongState,
)
from batchcalls.store.contract import Group
from tests.engine.world import (
    BUSY,
    BUSY_ONCE,
    COMPLETES,
    ENDLESS,
    World,
    calls,
    check_settled,
    people,
    retry,
    simulator,
    spec,
    story,
)

T = TypeVar("T")

ANSWERED = ["call_started", "call_answered"]
COMPLETED = Counts(completed=1)
VOICEMAIL = Counts(completed=1, voicemail=1)
FAILED = Counts(failed=1)
BUSY_FIRST = ["call_started", "call_retry_scheduled(busy)"]
NO_ANSWER_FIRST = ["call_started", "call_retry_scheduled(no_answer)"]


@pytest.mark.parametrize(
    ("digit", "attempts", "told", "counts"),
    [
        (0, 1, [*ANSWERED, "call_completed(completed)", "completed"], COMPLETED),
        (1, 1, ["call_started", "call_failed(busy)", "failed"], FAILED),
        (1, 2, [*BUSY_FIRST, "call_started", "call_failed(busy)", "failed"], FAILED),
        (2, 1, ["call_started", "call_failed(no_answer)", "failed"], FAILED),
        (3, 1, ["call_started", "call_failed(failed)", "failed"], FAILED),
        (4, 3, ["call_started", "call_failed(rejected)", "failed"], FAILED),
        (5, 3, ["call_started", "call_failed(invalid_number)", "failed"], FAILED),
        (6, 3, [*ANSWERED, "call_completed(voicemail)", "completed"], VOICEMAIL),
        (7, 1, ["call_started", "call_failed(busy)", "failed"], FAILED),
        (7, 2, [*BUSY_FIRST, *ANSWERED, "call_completed(completed)", "completed"], COMPLETED),
        (
            8,
            3,
            [*NO_ANSWER_FIRST * 2, *ANSWERED, "call_completed(completed)", "completed"],
            COMPLETED,
        ),
    ],
)
async def test_each_magic_number_ends_as_its_last_digit_says(
    autojump_clock: MockClock, digit: int, attempts: int, told: list[str], counts: Counts
) -> None:
    """A call goes through its attempts, and its events tell them one by one."""
    with World() as world:
        async with world.life() as engine:
            await engine.submit(spec(retry=retry(attempts)), calls(f"+1555010{digit:04d}"))
            batch = await world.observer.final()
        assert story(world.events()) == ["started", *told]
        assert batch.counts == counts
        check_settled(world)


async def test_published_events_are_the_stored_ones(autojump_clock: MockClock) -> None:
    """What listeners hear is in the order of the log, and is what the log holds."""
    with World(simulator(busy_rate=0.3)) as world:
        async with world.life() as engine:
            await engine.submit(spec(retry=retry(2)), people(40))
            await world.observer.final()
        assert world.observer.events() == world.events()


async def test_a_batch_without_a_completed_call_has_failed(autojump_clock: MockClock) -> None:
    """One completed call makes the batch completed; none makes it failed."""
    with World() as world:
        async with world.life() as engine:
            await engine.submit(spec("batch_a"), calls(BUSY, BUSY, COMPLETES))
            await engine.submit(spec("batch_b"), calls(BUSY, BUSY))
            assert (await world.observer.final("batch_a")).status is BatchStatus.COMPLETED
            assert (await world.observer.final("batch_b")).status is BatchStatus.FAILED


async def test_voicemail_is_retried_where_the_batch_wants_it(autojump_clock: MockClock) -> None:
    """Named in ``retry_on``, voicemail is tried again; on the last attempt it counts as reached."""
    wanting = retry(3, retry_on=frozenset({Outcome.VOICEMAIL}))
    with World() as world:
        async with world.life() as engine:
            await engine.submit(spec(retry=wanting), calls("+15550100006"))
            batch = await world.observer.final()
        assert (batch.counts, batch.attempts) == (VOICEMAIL, 3)


async def test_a_submission_is_answered_when_it_is_durable(autojump_clock: MockClock) -> None:
    """The answer to a submission is the batch as the store has it, running."""
    with World() as world:
        async with world.life() as engine:
            batch = await engine.submit(spec(), calls(COMPLETES))
            assert batch.status is BatchStatus.RUNNING
            assert story(world.events()) == ["started"]
            await world.observer.final()


async def test_the_same_request_again_gives_the_first_answer(autojump_clock: MockClock) -> None:
    """A repeated request id with the same body makes nothing, while it runs and afterwards."""
    first = spec("batch_a", request_id="r", request_digest=b"1")
    again = spec("batch_b", request_id="r", request_digest=b"1")
    with World() as world:
        async with world.life() as engine:
            await engine.submit(first, calls(COMPLETES))
            assert (await engine.submit(again, calls(COMPLETES))).batch_id == "batch_a"
            await world.observer.final()
            assert (await engine.submit(again, calls(COMPLETES))).status is BatchStatus.COMPLETED
            with pytest.raises(NotFound):
                await engine.batch("batch_b")


async def test_the_same_request_twice_at_once_makes_one_batch(autojump_clock: MockClock) -> None:
    """A client that asks again before it was answered gets the same batch twice."""
    wanted = spec(request_id="r", request_digest=b"1")
    answers = []

    with World() as world:
        async with world.life() as engine:

            async def submit() -> None:
                answers.append(await engine.submit(wanted, calls(COMPLETES)))

            async with trio.open_nursery() as nursery:
                nursery.start_soon(submit)
                nursery.start_soon(submit)
            await world.observer.final()
        assert [batch.batch_id for batch in answers] == ["batch_a", "batch_a"]
        assert world.batch().counts.total == 1


@pytest.mark.parametrize(
    ("batch_id", "request_id", "digest", "reason"),
    [
        ("batch_b", "r", b"2", Reason.REQUEST_ID_REUSED),
        ("batch_a", "", b"", Reason.BATCH_ID_TAKEN),
        ("batch_a", "other", b"1", Reason.BATCH_ID_TAKEN),
    ],
)
@pytest.mark.parametrize("while_it_runs", [True, False])
async def test_an_id_in_use_is_refused(
    autojump_clock: MockClock,
    while_it_runs: bool,
    batch_id: str,
    request_id: str,
    digest: bytes,
    reason: Reason,
) -> None:
    """A taken batch id, or a request id that came with another body, is a conflict."""
    with World() as world:
        async with world.life() as engine:
            await engine.submit(spec(request_id="r", request_digest=b"1"), calls(COMPLETES))
            if not while_it_runs:
                await world.observer.final()
            taken = spec(batch_id, request_id=request_id, request_digest=digest)
            with pytest.raises(Conflict) as caught:
                await engine.submit(taken, calls(COMPLETES))
        assert caught.value.reason is reason
        assert len(world.calls("batch_a")) == 1


async def test_a_batch_may_not_ask_for_more_than_the_server_has(autojump_clock: MockClock) -> None:
    """Concurrency above the server's own limit could never be reached, and is refused."""
    with World(limits=EngineLimits(max_concurrent_calls=5)) as world:
        async with world.life() as engine:
            await engine.submit(spec("batch_a", concurrency=5), calls(COMPLETES))
            with pytest.raises(LimitExceeded) as caught:
                await engine.submit(spec("batch_b", concurrency=6), calls(COMPLETES))
    assert caught.value.reason is Reason.CONCURRENCY_LIMIT
    assert caught.value.limit == 5


@pytest.mark.parametrize(
    "limits", [EngineLimits(max_open_batches=2), EngineLimits(max_open_calls=3)]
)
async def test_a_full_server_takes_no_more_until_a_batch_ends(
    autojump_clock: MockClock, limits: EngineLimits
) -> None:
    """Open batches and open calls are limited; room comes back when batches end."""
    with World(limits=limits) as world:
        async with world.life() as engine:
            await engine.submit(spec("batch_a"), calls(COMPLETES))
            await engine.submit(spec("batch_b"), calls(COMPLETES, COMPLETES))
            with pytest.raises(TryLater) as caught:
                await engine.submit(spec("batch_c"), calls(COMPLETES))
            assert caught.value.reason is Reason.SYSTEM_CAPACITY
            await world.observer.final("batch_a")
            await world.observer.final("batch_b")
            await engine.submit(spec("batch_c"), calls(COMPLETES))


async def test_submissions_are_limited_per_second(autojump_clock: MockClock) -> None:
    """Too many submissions within a second are told when to come again, and then may."""
    with World(limits=EngineLimits(max_submissions_per_second=2)) as world:
        async with world.life() as engine:
            await engine.submit(spec("batch_a"), calls(COMPLETES))
            await engine.submit(spec("batch_b"), calls(COMPLETES))
            with pytest.raises(TryLater) as caught:
                await engine.submit(spec("batch_c"), calls(COMPLETES))
            assert caught.value.reason is Reason.RATE_LIMITED
            await trio.sleep(caught.value.retry_after_s)
            await engine.submit(spec("batch_c"), calls(COMPLETES))


async def test_unknown_batches_are_not_found(autojump_clock: MockClock) -> None:
    """Whatever is asked of a batch that doesn't exist, the answer is NotFound."""
    with World() as world:
        async with world.life() as engine:
            for ask in (engine.batch, engine.pause, engine.resume):
                with pytest.raises(NotFound):
                    await ask("batch_x")
            with pytest.raises(NotFound):
                await engine.cancel("batch_x", hang_up=True)


class SlowAnswers:
    """Commits and reads at once; who commits hears of it when somebody has read, and who reads
    an open batch when that batch is over."""

    def __init__(self) -> None:
        self.was_read = trio.Event()
        self.is_over = trio.Event()

    async def run_sync(self, function: Callable[..., T], *args: Any) -> T:
        await trio.lowlevel.checkpoint()
        result = function(*args)
        if any(isinstance(one, Group) for one in args):
            await self.was_read.wait()
        if isinstance(result, Batch) and not result.status.final:
            self.was_read.set()
            await self.is_over.wait()
        return result


async def test_a_batch_that_lives_no_longer_than_a_read_is_found(autojump_clock: MockClock) -> None:
    """The read began before its submission was known to be durable, and ended behind its end."""
    slow = SlowAnswers()
    found: list[Batch] = []

    async def ask(engine: Engine) -> None:
        while world.store.batch("batch_a") is None:
            await trio.lowlevel.checkpoint()
        found.append(await engine.batch("batch_a"))

    with World(run_sync=slow.run_sync) as world:
        async with world.life() as engine, trio.open_nursery() as nursery:
            nursery.start_soon(ask, engine)
            await engine.submit(spec(), calls(COMPLETES))
            await world.observer.final()
            slow.is_over.set()
    assert [batch.status for batch in found] == [BatchStatus.COMPLETED]


async def test_what_is_final_stays_as_it_is(autojump_clock: MockClock) -> None:
    """A batch that has ended can't be paused, resumed or canceled."""
    with World() as world:
        async with world.life() as engine:
            await engine.submit(spec(), calls(COMPLETES))
            before = await world.observer.final()
            for steer in (engine.pause, engine.resume):
                with pytest.raises(WrongState):
                    await steer("batch_a")
            with pytest.raises(WrongState):
                await engine.cancel("batch_a", hang_up=False)
        assert world.batch() == before


async def test_steering_twice_is_steering_once(autojump_clock: MockClock) -> None:
    """Pause, resume and cancel leave what is already so alone, and write nothing."""
    with World() as world:
        async with world.life() as engine:
            await engine.submit(spec(), calls(ENDLESS))
            for steer in (engine.pause, engine.resume):
                assert await steer("batch_a") == await steer("batch_a")
            first = await engine.cancel("batch_a", hang_up=False)
            assert await engine.cancel("batch_a", hang_up=False) == first
            await engine.cancel("batch_a", hang_up=True)
            await world.observer.final()
            canceled = await engine.cancel("batch_a", hang_up=True)
        assert canceled.status is BatchStatus.CANCELED
        told = [event.type for event in world.events()]
        assert told.count(EventType.BATCH_PAUSED) == told.count(EventType.BATCH_RESUMED) == 1
        assert told.count(EventType.BATCH_UPDATED) == 2


async def test_steering_twice_at_once_is_steering_once(autojump_clock: MockClock) -> None:
    """Two operators who pause at one moment both succeed."""
    refused: list[BatchCallsError] = []
    with World() as world:
        async with world.life() as engine:
            await engine.submit(spec(), calls(ENDLESS))

            async def pause() -> None:
                try:
                    await engine.pause("batch_a")
                except BatchCallsError as error:
                    refused.append(error)

            async with trio.open_nursery() as nursery:
                nursery.start_soon(pause)
                nursery.start_soon(pause)
            assert world.batch().status is BatchStatus.PAUSED
    assert refused == []


async def test_the_default_is_one_attempt(autojump_clock: MockClock) -> None:
    """Without a retry configuration nobody is called twice."""
    with World() as world:
        async with world.life() as engine:
            await engine.submit(spec(retry=RetryConfig()), calls(BUSY_ONCE))
            assert (await world.observer.final()).attempts == 1


async def test_a_batch_that_ends_while_others_run_frees_its_memory(
    autojump_clock: MockClock,
) -> None:
    """Neither the journal nor the dispatcher remembers a batch that has ended."""
    with World() as world:
        async with world.life() as engine:
            for index in range(5):
                await engine.submit(spec(f"batch_{index}"), people(20))
            for index in range(5):
                await world.observer.final(f"batch_{index}")
            assert engine.journal.open_batches == engine.journal.open_calls == 0
            assert engine.dispatcher.lanes == {}
            assert engine.dispatcher.server.in_use == engine.dispatcher.server.prepared == 0
            assert "0 batches" in repr(world.store)


async def test_a_full_server_still_repeats_its_answer(autojump_clock: MockClock) -> None:
    """The same request again is no new batch, so no limit stands against it; another is one."""
    with World(limits=EngineLimits(max_open_batches=1)) as world:
        async with world.life() as engine:
            first = spec("batch_a", request_id="r", request_digest=b"1")
            made = await engine.submit(first, calls(ENDLESS))
            again = spec("batch_b", request_id="r", request_digest=b"1")
            assert (await engine.submit(again, calls(ENDLESS))).batch_id == made.batch_id
            other = spec("batch_c", request_id="r", request_digest=b"2")
            with pytest.raises(TryLater):
                await engine.submit(other, calls(ENDLESS))


async def test_a_store_that_is_gone_is_noticed_by_an_engine_at_rest(
    autojump_clock: MockClock,
) -> None:
    """Nothing is to be written, and within a second the engine isn't ready; nor is it for ever."""
    with World() as world:
        async with world.life() as engine, trio.open_nursery() as nursery:
            await nursery.start(engine.watch_store)
            await trio.sleep(100)
            seen = []
            for failing in (False, True, False):
                world.store.failing = failing
                await trio.sleep(1.1)
                seen.append(engine.ready)
            nursery.cancel_scope.cancel()
    assert seen == [True, False, True]
