"""The journal: what is told is durable, what has happened isn't lost, and groups are whole."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from batchcalls.clock import Clock
from batchcalls.core.changes import (
    BatchPaused,
    CallAnswered,
    CallEnded,
)
from batchcalls.core.effects import AttemptStep
from batchcalls.core.model import BatchStatus, CallStatus
from batchcalls.engine.journal import Journal, Replayed
from batchcalls.errors import BatchCallsError, Conflict, Reason, Unavailable, WrongState
from batchcalls.testing.store.changes import NOW_US, answered, completed, dialed, submitted
from batchcalls.v1 import event_pb2
from batchcalls.wire.state import event_from_proto
from tests.engine.desk import CANCEL, PAUSE, RESUME, Desk, start, steps
from tests.engine.world import wall_s


@pytest.fixture
def desk() -> Iterator[Desk]:
    desk = Desk()
    yield desk
    desk.store.close()


@pytest.fixture
def clock(autojump_clock: MockClock) -> MockClock:
    return autojump_clock


async def test_a_commit_takes_all_that_wait(
    clock: MockClock, desk: Desk, nursery: trio.Nursery
) -> None:
    """What comes while a commit runs goes into the next one, together."""
    await start(desk, nursery, calls=50)
    desk.disk.stick()
    desk.propose(dialed(0))
    await wait_all_tasks_blocked()
    for position in range(1, 50):
        desk.propose(dialed(position))
    desk.disk.free()
    await desk.journal.flushed()
    assert desk.sizes == [1, 49]
    assert desk.answers == [("", None)] * 50


async def test_a_commit_is_bounded(clock: MockClock, desk: Desk, nursery: trio.Nursery) -> None:
    """However many wait, no single commit takes so many that others wait long behind it."""
    await start(desk, nursery, calls=2_500)
    for position in range(2_500):
        desk.propose(dialed(position))
    await desk.journal.flushed()
    assert max(desk.sizes) == 256
    assert sum(desk.sizes) == 2_500


async def test_nobody_hears_of_what_is_not_durable(
    clock: MockClock, desk: Desk, nursery: trio.Nursery
) -> None:
    """While a commit runs, ledgers, listeners and waiters know what was before it."""
    journal = await start(desk, nursery)
    before, heard = journal.batch("batch_a"), list(desk.observer.commits)
    desk.disk.stick()
    desk.propose(dialed(0))
    desk.propose(PAUSE)
    await wait_all_tasks_blocked()
    assert journal.batch("batch_a") == before
    assert desk.observer.commits == heard
    assert desk.answers == []
    desk.disk.free()
    await journal.flushed()
    after = journal.batch("batch_a")
    assert after is not None
    assert (after.status, after.counts.in_progress) == (BatchStatus.PAUSED, 1)
    assert len(desk.answers) == 2


async def test_listeners_hear_before_the_one_who_asked(
    clock: MockClock, desk: Desk, nursery: trio.Nursery
) -> None:
    """When an answer comes, everybody who listens knows already."""
    journal = await start(desk, nursery)
    known: list[BatchStatus] = []
    journal.propose(PAUSE, lambda _: known.append(desk.observer.batches["batch_a"].status))
    await journal.flushed()
    assert known == [BatchStatus.PAUSED]


async def test_events_are_published_in_order_as_they_are_stored(
    clock: MockClock, desk: Desk, nursery: trio.Nursery
) -> None:
    """Each payload is the event's message, the very bytes that the store holds."""
    journal = await start(desk, nursery)
    for position in range(3):
        desk.propose(dialed(position))
    await journal.flushed()
    for position in range(3):
        journal.record(answered(position))
        journal.record(completed(position))
    await journal.flushed()
    published = [one for commit in desk.observer.commits for one in commit]
    page = desk.store.event_page("batch_a", limit=99)
    assert page is not None
    assert [(one.event.sequence, one.payload) for one in published] == list(page.events)
    assert [one.event.sequence for one in published] == list(range(1, 12))
    for one in published:
        assert event_from_proto(event_pb2.Event.FromString(one.payload)) == one.event


async def test_a_refused_proposal_does_not_disturb_its_group(
    clock: MockClock, desk: Desk, nursery: trio.Nursery
) -> None:
    """The ledger's refusal is an answer to the one who proposed; the rest commits."""
    journal = await start(desk, nursery)
    desk.propose(dialed(0), "dial 0")
    desk.propose(RESUME, "resume")
    desk.propose(dialed(1), "dial 1")
    await journal.flushed()
    answers = dict(desk.answers)
    assert isinstance(answers["resume"], WrongState)
    assert (answers["dial 0"], answers["dial 1"]) == (None, None)
    assert desk.sizes == [2]
    assert [event.sequence for event in desk.observer.events()] == [1, 2, 3]


async def test_a_change_of_a_final_batch_is_refused(
    clock: MockClock, desk: Desk, nursery: trio.Nursery
) -> None:
    """What has ended, and what never was, can't be changed."""
    journal = await start(desk, nursery, calls=1)
    await journal.commit(dialed())
    journal.record(completed())
    await journal.flushed()
    for change in (PAUSE, BatchPaused(batch_id="batch_x", time_us=NOW_US)):
        with pytest.raises(WrongState):
            await journal.commit(change)


async def test_cancelling_the_waiter_does_not_take_the_change_back(
    clock: MockClock, desk: Desk, nursery: trio.Nursery
) -> None:
    """Who stops waiting has said it all the same."""
    journal = await start(desk, nursery)
    desk.disk.stick()
    with trio.move_on_after(1):
        await journal.commit(PAUSE)
    desk.disk.free()
    await journal.flushed()
    batch = journal.batch("batch_a")
    assert batch is not None
    assert batch.status is BatchStatus.PAUSED


async def test_flushed_means_durable(clock: MockClock, desk: Desk, nursery: trio.Nursery) -> None:
    """It waits for the commit that is under way too, and any number may wait."""
    journal = await start(desk, nursery, calls=1)
    await journal.commit(dialed())
    desk.disk.stick()
    journal.record(completed())
    await wait_all_tasks_blocked()
    seen: list[int] = []

    async def wait() -> None:
        await journal.flushed()
        seen.append(desk.last_sequence())

    async with trio.open_nursery() as waiters:
        waiters.start_soon(wait)
        waiters.start_soon(wait)
        await wait_all_tasks_blocked()
        assert seen == []
        desk.disk.free()
    assert seen == [4, 4]


# Reads


async def test_reads_are_in_step_with_commits(
    clock: MockClock, desk: Desk, nursery: trio.Nursery
) -> None:
    """A read sees the commits whose results were delivered before its own, and no others."""
    journal = await start(desk, nursery, calls=40)
    pairs: list[tuple[int, int]] = []

    def note(stored: int) -> None:
        batch = journal.batch("batch_a")
        assert batch is not None
        pairs.append((stored, batch.last_sequence))

    for position in range(40):
        desk.propose(dialed(position))
        journal.read(desk.last_sequence, note)
        for _ in range(position % 3):
            await trio.lowlevel.checkpoint()
    await journal.flushed()
    assert len(pairs) == 40
    assert [stored for stored, _ in pairs] == [delivered for _, delivered in pairs]
    assert len(set(pairs)) > 1


async def test_a_read_that_fails_is_made_again(
    clock: MockClock, desk: Desk, nursery: trio.Nursery
) -> None:
    """Nobody who asked for a read goes without: it comes when the disk does."""
    journal = await start(desk, nursery)
    desk.store.failing_reads = True
    found: list[list[tuple[int, CallStatus]]] = []
    journal.read(partial(desk.store.undialed_calls, "batch_a", limit=1), found.append)
    await trio.sleep(3)
    assert found == []
    desk.store.failing_reads = False
    await trio.sleep(3)
    assert found == [[(0, CallStatus.PENDING)]]


async def test_a_failing_read_is_a_failing_store(
    clock: MockClock, desk: Desk, nursery: trio.Nursery
) -> None:
    """A disk that fails while it is read is no better: proposals are refused at once."""
    journal = await start(desk, nursery)
    desk.store.failing = True
    journal.read(partial(desk.store.undialed_calls, "batch_a", limit=1), lambda _: None)
    await trio.sleep(0.1)
    assert not journal.healthy
    desk.propose(PAUSE)
    assert isinstance(desk.answers[0][1], Unavailable)


# A store that fails


async def test_facts_outlast_a_failing_store(
    clock: MockClock, desk: Desk, nursery: trio.Nursery
) -> None:
    """What has happened while the disk was full is written, in order, when it isn't any more."""
    journal = await start(desk, nursery)
    for position in range(3):
        await journal.commit(dialed(position))
    desk.store.failing = True
    facts: list[CallAnswered | CallEnded] = [answered(0), completed(0), answered(1)]
    for fact in facts:
        journal.record(fact)
    await trio.sleep(10)
    late: list[CallAnswered | CallEnded] = [completed(2), completed(1)]
    for fact in late:
        journal.record(fact)
    assert steps(desk)[-1] == (AttemptStep.OPEN, 2)
    desk.store.failing = False
    await journal.flushed()
    end, answer = AttemptStep.END, AttemptStep.ANSWER
    assert steps(desk)[-5:] == [(answer, 0), (end, 0), (answer, 1), (end, 2), (end, 1)]
    assert journal.batch("batch_a") is None
    assert desk.observer.batches["batch_a"].status is BatchStatus.COMPLETED


async def test_proposals_are_refused_while_the_store_fails(
    clock: MockClock, desk: Desk, nursery: trio.Nursery
) -> None:
    """Those that met the failure and those that come later hear so at once; then it recovers."""
    journal = await start(desk, nursery)
    desk.store.failing = True
    with pytest.raises(Unavailable) as caught:
        await journal.commit(PAUSE)
    assert caught.value.reason is Reason.STORE_UNAVAILABLE
    assert not journal.healthy
    desk.propose(PAUSE)
    assert isinstance(desk.answers[0][1], Unavailable)
    desk.store.failing = False
    await trio.sleep(1)
    assert desk.observer.health == [False, True]
    await journal.commit(PAUSE)


async def test_proposals_that_queue_behind_a_failing_commit_are_refused_too(
    clock: MockClock, desk: Desk, nursery: trio.Nursery
) -> None:
    """Nobody waits for a disk that may never come back."""
    await start(desk, nursery)
    desk.disk.stick()
    desk.propose(dialed(0), "in the group")
    await wait_all_tasks_blocked()
    desk.propose(dialed(1), "behind it")
    desk.store.failing = True
    desk.disk.free()
    await trio.sleep(0.1)
    assert [name for name, error in desk.answers if isinstance(error, Unavailable)] == [
        "in the group",
        "behind it",
    ]


async def test_a_failing_store_changes_nothing_in_memory(
    clock: MockClock, desk: Desk, nursery: trio.Nursery
) -> None:
    """A commit that fails leaves ledgers and sequences as they were."""
    journal = await start(desk, nursery)
    before = journal.batch("batch_a")
    desk.store.failing = True
    with pytest.raises(Unavailable):
        await journal.commit(CANCEL)
    assert journal.batch("batch_a") == before
    desk.store.failing = False
    await trio.sleep(1)
    await journal.commit(dialed(0))
    assert [event.sequence for event in desk.observer.events()] == [1, 2]


async def test_everybody_is_answered_once(
    clock: MockClock, desk: Desk, nursery: trio.Nursery
) -> None:
    """A proposal that the ledger refuses in a group that can't be written has one answer."""
    journal = await start(desk, nursery)
    desk.store.failing = True
    desk.propose(dialed(0), "good")
    desk.propose(RESUME, "bad")
    await trio.sleep(0.1)
    assert sorted(name for name, _ in desk.answers) == ["bad", "good"]
    assert journal.batch("batch_a") is not None


async def test_a_store_that_stays_broken_is_asked_now_and_then(
    clock: MockClock, desk: Desk, nursery: trio.Nursery
) -> None:
    """The journal neither gives up nor spins, and tells each change of health once."""
    journal = await start(desk, nursery)
    desk.store.failing = True
    with pytest.raises(Unavailable):
        await journal.commit(PAUSE)
    await trio.sleep(3_600)
    assert desk.observer.health == [False]
    desk.store.failing = False
    await trio.sleep(1)
    assert desk.observer.health == [False, True]


# Submissions


async def refusal(journal: Journal, **ids: object) -> BatchCallsError:
    with pytest.raises(BatchCallsError) as caught:
        await journal.commit(submitted(**ids))  # type: ignore[arg-type]  # names as its parameters
    return caught.value


@pytest.mark.parametrize("stored_by", ["this process", "an earlier one"])
async def test_a_request_made_before_is_replayed_or_a_conflict(
    clock: MockClock, desk: Desk, nursery: trio.Nursery, stored_by: str
) -> None:
    """The same body names the first batch; another body, or a taken batch id, is a conflict."""
    nursery.start_soon(desk.journal.run)
    await desk.journal.commit(submitted("batch_a", request_id="r", digest=b"1"))
    journal = desk.journal
    if stored_by == "an earlier one":
        journal = Journal(desk.store, clock=Clock(wall=wall_s), run_sync=desk.disk.run_sync)
        nursery.start_soon(journal.run)

    replayed = await refusal(journal, batch_id="batch_b", request_id="r", digest=b"1")
    assert isinstance(replayed, Replayed)
    assert replayed.batch_id == "batch_a"
    other_body = await refusal(journal, batch_id="batch_b", request_id="r", digest=b"2")
    other_request = await refusal(journal, batch_id="batch_a", request_id="s", digest=b"1")
    no_request = await refusal(journal, batch_id="batch_a")
    reasons = [error.reason for error in (other_body, other_request, no_request)]
    assert reasons == [Reason.REQUEST_ID_REUSED, Reason.BATCH_ID_TAKEN, Reason.BATCH_ID_TAKEN]
    assert isinstance(other_body, Conflict)


@pytest.mark.parametrize("batch_id", ["batch_a", "batch_b"])
async def test_a_replay_is_told_when_the_first_is_durable(
    clock: MockClock, desk: Desk, nursery: trio.Nursery, batch_id: str
) -> None:
    """A request that comes twice at once is answered twice, after the one commit."""
    nursery.start_soon(desk.journal.run)
    desk.disk.stick()
    answers: list[BatchCallsError | None] = []
    for name in ("batch_a", batch_id):
        again = submitted(name, request_id="r", digest=b"1")
        desk.journal.propose(again, answers.append)
    await wait_all_tasks_blocked()
    assert answers == []
    desk.disk.free()
    await desk.journal.flushed()
    first, second = answers
    assert first is None
    assert isinstance(second, Replayed)
    assert second.batch_id == "batch_a"
    assert desk.last_sequence() == 1


async def test_a_replay_of_a_refused_submission_is_refused_alike(
    clock: MockClock, desk: Desk, nursery: trio.Nursery
) -> None:
    """Two at once for a batch id whose request id is another batch's: neither is stored."""
    nursery.start_soon(desk.journal.run)
    await desk.journal.commit(submitted("batch_a", request_id="r", digest=b"1"))
    answers: list[BatchCallsError | None] = []
    for _ in range(2):
        reused = submitted("batch_b", request_id="r", digest=b"2")
        desk.journal.propose(reused, answers.append)
    await desk.journal.flushed()
    assert [type(error) for error in answers] == [Conflict, Conflict]
    assert [error and error.reason for error in answers] == [Reason.REQUEST_ID_REUSED] * 2
    assert desk.journal.batch("batch_b") is None


async def test_a_refused_submission_takes_its_followers_along(
    clock: MockClock, desk: Desk, nursery: trio.Nursery
) -> None:
    """What was proposed for a batch that turns out not to be new is refused; others commit."""
    nursery.start_soon(desk.journal.run)
    await desk.journal.commit(submitted("batch_a", calls=1))
    await desk.journal.commit(dialed())
    desk.journal.record(completed())
    await desk.journal.flushed()
    before = len(desk.observer.commits)

    answers: dict[str, BatchCallsError | None] = {}
    for name, change in {
        "again": submitted("batch_a"),
        "pause": PAUSE,
        "other": submitted("batch_b"),
    }.items():
        desk.journal.propose(change, partial(answers.__setitem__, name))
    await desk.journal.flushed()
    assert isinstance(answers["again"], Conflict)
    assert isinstance(answers["pause"], WrongState)
    assert answers["other"] is None
    told = [one.event.batch_id for commit in desk.observer.commits[before:] for one in commit]
    assert told == ["batch_b"]
    assert desk.journal.batch("batch_a") is None
