"""Stores that break the contract in one way each."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

from batchcalls.core.model import Batch, EventType
from batchcalls.store.contract import (
    BatchPage,
    CallPage,
    Committed,
    EventPage,
    Group,
    OpenCall,
    QueueHead,
    Refusal,
)
from batchcalls.store.sql.sql_store import SqlStore


class CommitsInHalves(SqlStore):
    """A transaction for each change: what fails in the middle has half happened."""

    def commit(self, group: Group) -> Committed:
        whole = Committed()
        for effects in group.writes:
            batches = {effects.batch_id: group.batches[effects.batch_id]}
            part = super().commit(Group([effects], batches))
            whole.payloads += part.payloads
            whole.refused |= part.refused
        return whole


class SwallowsLostRows(SqlStore):
    """Takes a call that isn't as the engine believed for nothing special."""

    def commit(self, group: Group) -> Committed:
        try:
            return super().commit(group)
        except AssertionError:
            return Committed()


class CutsTexts(SqlStore):
    """Has no room for what isn't ASCII."""

    def commit(self, group: Group) -> Committed:
        for effects in group.writes:
            if effects.attempt is not None:
                attempt = effects.attempt.attempt
                detail = attempt.detail.encode("ascii", "ignore").decode()
                cut = replace(attempt, detail=detail)
                effects.attempt = effects.attempt._replace(attempt=cut)
        return super().commit(group)


class CutsSpecs(SqlStore):
    """Keeps 64 bytes of a spec."""

    def commit(self, group: Group) -> Committed:
        for effects in group.writes:
            if effects.submitted is not None:
                calls = [call._replace(spec=call.spec[:64]) for call in effects.submitted.calls]
                effects.submitted = replace(effects.submitted, calls=calls)
        return super().commit(group)


class TakesRequestsTwice(SqlStore):
    """Keeps no request ids."""

    def commit(self, group: Group) -> Committed:
        for effects in group.writes:
            if effects.submitted is not None:
                spec = replace(effects.submitted.spec, request_id="")
                effects.submitted = replace(effects.submitted, spec=spec)
        batches = {
            name: replace(batch, spec=replace(batch.spec, request_id=""))
            for name, batch in group.batches.items()
        }
        return super().commit(Group(group.writes, batches))


class RefusesWholeGroups(SqlStore):
    """Writes nothing of a group with one submission whose id is taken."""

    def commit(self, group: Group) -> Committed:
        taken = {name: known for name in group.batches if (known := self._taken(name, group))}
        return Committed(refused=taken) if taken else super().commit(group)

    def _taken(self, batch_id: str, group: Group) -> Refusal | None:
        mine = [write.submitted for write in group.writes if write.batch_id == batch_id]
        known = self.batch(batch_id)
        if not mine or mine[0] is None or known is None:
            return None
        return Refusal(batch_id, known.spec.request_id, known.spec.request_digest)


class LosesAnswers(SqlStore):
    """Answers the first event of a group and no other."""

    def commit(self, group: Group) -> Committed:
        result = super().commit(group)
        return Committed(result.payloads[:1], result.refused)


class ReadsBackwards(SqlStore):
    """Has the head of the queue, and not its order."""

    def queue_head(self, *arguments: Any, **options: Any) -> QueueHead:
        head = super().queue_head(*arguments, **options)
        return replace(head, ready=head.ready[::-1])


class ThinksItIsComplete(SqlStore):
    """Says that there are no more calls than it gave."""

    def queue_head(self, *arguments: Any, **options: Any) -> QueueHead:
        head = super().queue_head(*arguments, **options)
        return replace(head, ready_complete=True, waiting_complete=True)


class ForgetsThoughtlessly(SqlStore):
    """Forgets one batch for another."""

    def forget(self, batch_id: str) -> None:
        super().forget("batch_b")


class SkipsBatches(SqlStore):
    """Has no second page."""

    def batch_page(self, **options: Any) -> BatchPage:
        return replace(super().batch_page(**options), next_cursor="")


class RepeatsCalls(SqlStore):
    """Begins a page with the last call of the page before."""

    def call_page(self, batch_id: str, **options: Any) -> CallPage:
        page = super().call_page(batch_id, **options)
        if page.next_after is None or len(page.calls) == 1:
            return page
        return replace(page, next_after=page.next_after - 1)


class IgnoresTypes(SqlStore):
    """Gives every event, whatever was asked for."""

    def event_page(self, batch_id: str, **options: Any) -> EventPage | None:
        options["types"] = frozenset[EventType]()
        return super().event_page(batch_id, **options)


class TearsReads(SqlStore):
    """Reads a page of events, and after the next commit where the log ends."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._next = threading.Event()

    def commit(self, group: Group) -> Committed:
        result = super().commit(group)
        self._next.set()
        return result

    def event_page(self, batch_id: str, **options: Any) -> EventPage | None:
        self._next.clear()
        page = super().event_page(batch_id, **options)
        self._next.wait(0.05)
        batch = self.batch(batch_id)
        return replace(page, last_sequence=batch.last_sequence) if page and batch else page


class FindsNoOpenCalls(SqlStore):
    """Starts as if nothing had been up."""

    def open_calls(self, batch_id: str) -> list[OpenCall]:
        return []


class TakesPausedForEnded(SqlStore):
    """Leaves paused batches out at the start."""

    def unfinished_batches(self) -> list[Batch]:
        found = super().unfinished_batches()
        return [batch for batch in found if batch.status.value == "running"]


class KeepsNothing(SqlStore):
    """Takes a file for memory."""

    @classmethod
    def open(cls, database: str) -> SqlStore:
        return super().open("sqlite://")
