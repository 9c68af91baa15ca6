"""Batches whose calls stand everywhere, and what a plain search through them finds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

from batchcalls.core.changes import Change
from batchcalls.core.model import CallStatus, Outcome, RetryOrder
from batchcalls.testing.store.bench import Bench
from batchcalls.testing.store.changes import (
    canceled,
    completed,
    dialed,
    failed,
    retried,
    returned,
    submitted,
)

_WAITING: Final = (CallStatus.PENDING, CallStatus.RETRYING)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a call stands; ``due_s`` counts from ``changes.NOW_US``, None is no due time."""

    status: CallStatus
    priority: int = 0
    due_s: int | None = None

    @property
    def waits(self) -> bool:
        return self.status in _WAITING

    @property
    def tried(self) -> int:
        """How many attempts and how many dials the call has had, where it waits."""
        return int(self.status is CallStatus.RETRYING)

    @property
    def outcome(self) -> Outcome | None:
        return _OUTCOMES.get(self.status)


_OUTCOMES: Final = {
    CallStatus.RETRYING: Outcome.BUSY,
    CallStatus.COMPLETED: Outcome.COMPLETED,
    CallStatus.FAILED: Outcome.BUSY,
    CallStatus.CANCELED: Outcome.CANCELED,
}


def draw(random: Random, *, most: int = 25) -> list[Place]:
    """Up to ``most`` calls somewhere, of few priorities and due times, so that many are alike."""
    return [_draw_place(random) for _ in range(random.randint(0, most))]


def _draw_place(random: Random) -> Place:
    status = random.choice([*CallStatus, CallStatus.PENDING, CallStatus.RETRYING])
    due_s = {
        CallStatus.PENDING: random.choice([None, None, -2, 2]),
        CallStatus.RETRYING: random.randint(-3, 3),
    }
    return Place(status, random.randint(-1, 1), due_s.get(status))


def stand(bench: Bench, batch_id: str, places: Sequence[Place]) -> None:
    """Commit a batch whose calls go to those places; one more stays up, so that it goes on."""
    priorities = [*(place.priority for place in places), 0]
    bench.commit(submitted(batch_id, priorities=priorities))
    moved = [position for position, place in enumerate(places) if _was_dialed(place)]
    bench.commit(*(dialed(position, batch_id=batch_id) for position in [*moved, len(places)]))
    bench.commit(
        *(
            change
            for position, place in enumerate(places)
            if (change := _last_change(place, position, batch_id))
        )
    )


def _was_dialed(place: Place) -> bool:
    if place.status is CallStatus.PENDING:
        return place.due_s is not None
    return place.status is not CallStatus.CANCELED


def _last_change(place: Place, position: int, batch_id: str) -> Change | None:
    match place:
        case Place(CallStatus.PENDING, due_s=int(due_s)):
            return returned(position, due_s=due_s, batch_id=batch_id)
        case Place(CallStatus.RETRYING, due_s=int(due_s)):
            return retried(position, due_s=due_s, batch_id=batch_id)
        case Place(CallStatus.COMPLETED):
            return completed(position, batch_id=batch_id)
        case Place(CallStatus.FAILED):
            return failed(position, batch_id=batch_id)
        case Place(CallStatus.CANCELED):
            return canceled(position, batch_id=batch_id)
    return None


def plainly_ready(places: Sequence[Place], order: RetryOrder) -> list[int]:
    """The calls that are due, sorted as they go."""
    late = order is RetryOrder.RETRIES_FIRST
    ready = [
        (-place.priority, late and place.due_s is None, _due(place), position)
        for position, place in enumerate(places)
        if place.waits and (place.due_s is None or place.due_s <= 0)
    ]
    return [position for *_, position in sorted(ready)]


def _due(place: Place) -> float:
    return float("-inf") if place.due_s is None else place.due_s


def plainly_waiting(places: Sequence[Place]) -> list[tuple[int, int]]:
    """The due times and positions of all calls that have one, in order."""
    return sorted(
        (place.due_s, position)
        for position, place in enumerate(places)
        if place.waits and place.due_s is not None
    )
