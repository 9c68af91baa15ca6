"""The hub wakes watchers, and remembers the latest events."""

from __future__ import annotations

from functools import partial

import pytest
from trio.testing import MockClock

from batchcalls.core.model import Batch, BatchStatus, Counts, Event, EventType
from batchcalls.engine.hub import Hub, Watch
from batchcalls.engine.journal import Published
from tests.engine.world import spec


def published(sequence: int, batch_id: str = "batch_a") -> Published:
    event = Event(
        sequence=sequence,
        type=EventType.CALL_STARTED,
        time_us=1,
        batch_id=batch_id,
        counts=Counts(),
    )
    return Published(event, b"%d" % sequence)


def batch(batch_id: str = "batch_a") -> Batch:
    return Batch(spec=spec(batch_id), status=BatchStatus.RUNNING, counts=Counts())


def publish(hub: Hub, *sequences: int, batch_id: str = "batch_a") -> None:
    events = [published(sequence, batch_id) for sequence in sequences]
    hub.committed([], events, [batch(batch_id)])


def sequences(found: list[Published] | None) -> list[int] | None:
    return None if found is None else [one.event.sequence for one in found]


def ignore() -> None:
    """For watchers whose waking nobody asks about."""


def test_watchers_hear_of_their_own_batch_alone() -> None:
    """One call for each commit that touched it, however many events that had."""
    hub = Hub()
    heard: list[str] = []
    hub.watch("batch_a", partial(heard.append, "first"))
    hub.watch("batch_a", partial(heard.append, "second"))
    hub.watch("batch_b", partial(heard.append, "other"))
    publish(hub, 1, 2, 3)
    assert sorted(heard) == ["first", "second"]
    publish(hub, 1, batch_id="batch_b")
    assert heard[2:] == ["other"]


def test_who_has_left_hears_no_more() -> None:
    """Leaving twice is leaving once, and the last to leave frees the memory."""
    hub = Hub()
    heard: list[int] = []
    with hub.watch("batch_a", lambda: heard.append(1)) as watch:
        publish(hub, 1)
    watch.close()
    publish(hub, 2)
    assert heard == [1]
    assert hub.watchers == 0
    assert "0 batches" in repr(hub)


def test_a_watcher_may_leave_while_it_is_told() -> None:
    """The others of the same commit are told all the same."""
    hub = Hub()
    heard: list[int] = []
    watches: list[Watch] = []

    def leave_all() -> None:
        heard.append(1)
        for watch in watches:
            watch.close()

    watches.extend(hub.watch("batch_a", leave_all) for _ in range(3))
    publish(hub, 1)
    assert len(heard) == 3
    assert hub.watchers == 0


def test_closing_wakes_everybody() -> None:
    """At shutdown each watcher is called once more, and finds the hub closed."""
    hub = Hub()
    found: list[bool] = []
    hub.watch("batch_a", lambda: found.append(hub.closed))
    hub.watch("batch_b", lambda: found.append(hub.closed))
    hub.close()
    assert found == [True, True]


def test_the_ring_gives_what_it_has() -> None:
    """Beyond a sequence that it knows: the events, up to the limit; at the end: none."""
    hub = Hub()
    hub.watch("batch_a", ignore)
    publish(hub, 5, 6)
    publish(hub, 7, 8)
    assert sequences(hub.recent("batch_a", 4, 10)) == [5, 6, 7, 8]
    assert sequences(hub.recent("batch_a", 5, 2)) == [6, 7]
    assert sequences(hub.recent("batch_a", 8, 10)) == []


@pytest.mark.parametrize("after", [0, 3])
def test_what_lies_before_the_ring_is_the_stores(after: int) -> None:
    """A reader who is further back than the ring is sent to the store."""
    hub = Hub()
    assert hub.recent("batch_a", after, 10) is None
    hub.watch("batch_a", ignore)
    assert hub.recent("batch_a", after, 10) is None
    publish(hub, 5, 6)
    assert hub.recent("batch_a", after, 10) is None


def test_the_ring_is_short() -> None:
    """It forgets the oldest: memory is bounded, however long the log."""
    hub = Hub()
    hub.watch("batch_a", ignore)
    publish(hub, *range(1, 10_001))
    assert hub.recent("batch_a", 0, 10) is None
    found = hub.recent("batch_a", 10_000 - 1_024, 2_000)
    assert sequences(found) == list(range(10_000 - 1_023, 10_001))


async def test_health_is_not_the_watchers_business(autojump_clock: MockClock) -> None:
    """A store that fails wakes nobody: nothing of the batch has changed."""
    hub = Hub()
    heard: list[int] = []
    hub.watch("batch_a", lambda: heard.append(1))
    hub.health_changed(healthy=False)
    assert heard == []
