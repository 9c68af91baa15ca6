"""The journal while it isn't known what a commit did: nobody is told what may not be true."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from batchcalls.core.effects import AttemptStep
from batchcalls.core.model import BatchStatus
from batchcalls.errors import BatchCallsError, Reason, Unavailable
from batchcalls.testing.store.changes import answered, dialed
from tests.engine.desk import PAUSE, RESUME, Desk, start, steps
from tests.engine.world import Lost


@pytest.fixture
def desk() -> Iterator[Desk]:
    desk = Desk()
    yield desk
    desk.store.close()


@pytest.fixture
def clock(autojump_clock: MockClock) -> MockClock:
    return autojump_clock


async def lose(desk: Desk, lost: Lost, nursery: trio.Nursery) -> list[BatchCallsError | None]:
    """A commit of an intent, an answer and a caller's pause whose answer is lost.

    Returns what the caller hears.
    """
    heard: list[BatchCallsError | None] = []

    async def pause() -> None:
        try:
            await desk.journal.commit(PAUSE)
        except BatchCallsError as error:
            heard.append(error)
        else:
            heard.append(None)

    await start(desk, nursery)
    await desk.journal.commit(dialed(0))
    desk.disk.stick()
    desk.journal.read(lambda: None, lambda _: None)
    await wait_all_tasks_blocked()
    desk.propose(dialed(1), "intent")
    desk.journal.record(answered(0))
    nursery.start_soon(pause)
    await wait_all_tasks_blocked()
    desk.store.losing = lost
    desk.disk.free()
    await wait_all_tasks_blocked()
    return heard


@pytest.mark.parametrize("lost", Lost)
async def test_nobody_is_told_what_is_not_known(
    clock: MockClock, desk: Desk, nursery: trio.Nursery, lost: Lost
) -> None:
    """While a commit is in doubt its proposals wait, and newer ones are refused."""
    heard = await lose(desk, lost, nursery)
    before = len(desk.observer.commits)
    desk.propose(RESUME, "newer")
    await trio.sleep(4)
    assert [name for name, _ in desk.answers] == ["newer"]
    assert isinstance(desk.answers[0][1], Unavailable)
    assert heard == []
    assert (len(desk.observer.commits), desk.observer.health) == (before, [False])


async def test_a_commit_that_was_written_is_delivered_when_that_is_known(
    clock: MockClock, desk: Desk, nursery: trio.Nursery
) -> None:
    """Proposals and facts alike, as if nothing had been; nothing is written twice."""
    heard = await lose(desk, Lost.ANSWER, nursery)
    desk.store.failing = False
    await desk.journal.flushed()
    await wait_all_tasks_blocked()
    assert (desk.answers, heard) == ([("intent", None)], [None])
    batch = desk.journal.batch("batch_a")
    assert batch is not None
    assert (batch, batch.status) == (desk.store.batch("batch_a"), BatchStatus.PAUSED)
    assert (AttemptStep.ANSWER, 0) in steps(desk)
    sequences = [event.sequence for event in desk.observer.events()]
    assert sequences == list(range(1, desk.last_sequence() + 1))
    assert desk.observer.health == [False, True]


async def test_a_commit_that_was_not_written_is_as_one_that_failed(
    clock: MockClock, desk: Desk, nursery: trio.Nursery
) -> None:
    """Proposals are refused, and facts are written after all."""
    heard = await lose(desk, Lost.GROUP, nursery)
    desk.store.failing = False
    await desk.journal.flushed()
    await wait_all_tasks_blocked()
    [(_, intent)], [pause] = desk.answers, heard
    assert intent is not None
    assert pause is not None
    assert {intent.reason, pause.reason} == {Reason.STORE_UNAVAILABLE}
    batch = desk.journal.batch("batch_a")
    assert batch is not None
    assert (batch, batch.status) == (desk.store.batch("batch_a"), BatchStatus.RUNNING)
    assert steps(desk) == [(AttemptStep.OPEN, 0), (AttemptStep.ANSWER, 0)]


@pytest.mark.parametrize("lost", Lost)
async def test_a_caller_hears_in_time_that_nobody_knows(
    clock: MockClock, desk: Desk, nursery: trio.Nursery, lost: Lost
) -> None:
    """It may repeat its request; an intent to dial waits for as long as it takes."""
    heard = await lose(desk, lost, nursery)
    await trio.sleep(6)
    [pause] = heard
    assert isinstance(pause, Unavailable)
    assert pause.reason is Reason.COMMIT_IN_DOUBT
    assert desk.answers == []
    desk.store.failing = False
    await desk.journal.flushed()
    assert [name for name, _ in desk.answers] == ["intent"]
    assert len(heard) == 1


async def test_at_the_end_nobody_is_told_that_nothing_was_done(
    clock: MockClock, desk: Desk, nursery: trio.Nursery
) -> None:
    """A process that gives up on its store says to its callers that it doesn't know."""
    heard = await lose(desk, Lost.ANSWER, nursery)
    desk.journal.give_up()
    await wait_all_tasks_blocked()
    [pause] = heard
    assert pause is not None
    assert pause.reason is Reason.COMMIT_IN_DOUBT
