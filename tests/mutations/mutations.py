"""Bugs, as patches of a line: each breaks a promise that the simulated worlds must see.

A mutation says which file of ``server/batchcalls`` it changes, the text that it replaces (which
must stand there exactly once), and what the checker has to say about it. Where two lines guard
against the same bug, it changes both.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutation:
    """One bug. ``broken`` is a regular expression that the report must match."""

    name: str
    file: str
    before: str
    after: str
    broken: str
    seeds: int = 40
    also: tuple[str, str, str] | None = None

    @property
    def patches(self) -> list[tuple[str, str, str]]:
        """File, text before and text after, of each line that changes."""
        return [(self.file, self.before, self.after), *([self.also] if self.also else [])]


MUTATIONS = (
    Mutation(
        name="the intent is written after the dial",
        file="engine/scheduler.py",
        before="self._journal.propose(intent, partial(self._intent_answered, dial))",
        after="self._journal.propose(intent, lambda _: None); self._intent_answered(dial, None)",
        broken="without a durable intent",
    ),
    Mutation(
        name="a slot isn't given back when a call is hung up",
        file="engine/dialer.py",
        before="self._dispatcher.line_free(dial, now)",
        after="result.outcome is Outcome.CANCELED or self._dispatcher.line_free(dial, now)",
        broken="still in use|slot leaked|not finished in time|is not possible while up",
    ),
    Mutation(
        name="a slot isn't given back when a prepared dial is withdrawn",
        file="core/dispatch.py",
        before="            limit.withdraw()",
        after="            limit.prepared -= 1",
        broken="still in use|slot leaked|not finished in time",
    ),
    Mutation(
        name="when a retry is due isn't durable",
        file="core/ledger.py",
        before="self._end(change, CallStep.RETRY, effects, due_time_us=change.due_time_us)",
        after="self._end(change, CallStep.RETRY, effects, due_time_us=change.time_us)",
        broken="due time isn't durable|before it was due|too early",
    ),
    Mutation(
        name="a refill brings back calls that are on their way",
        file="core/lane.py",
        before="fresh = [call for call in ready if call.position not in self.dials]",
        after="fresh = list(ready)",
        also=("core/window.py", "if key not in read.gone and key", "if key"),
        broken="is dialed|LostRow|UNIQUE|dialed twice",
        seeds=150,
    ),
    Mutation(
        name="a call that the carrier doesn't know after a crash is dialed again",
        file="engine/recovery.py",
        before="_NOT_KNOWN: Final = CallResult(\n    outcome=Outcome.UNKNOWN,",
        after="_NOT_KNOWN: Final = CallResult(\n    outcome=Outcome.THROTTLED,",
        broken="recorded as throttled|dialed twice|a throttled dial isn't an attempt",
    ),
    Mutation(
        name="a call that is up after a crash isn't waited for",
        file="engine/recovery.py",
        before="found = await _insist(attempt_id, ask)",
        after="found = _NOT_KNOWN",
        broken="calls are up|up in the end",
    ),
    Mutation(
        name="a call whose end got lost is dialed again",
        file="engine/dialer.py",
        before="return CallResult(outcome=Outcome.UNKNOWN, detail=str(error))",
        after="return _Refused(str(error))",
        broken="recorded as throttled|dialed twice",
    ),
    Mutation(
        name="a dial that has left stays on the board of the undialed",
        file="engine/dialer.py",
        before="        self._undialed.leave(dial.attempt)",
        after="        self._undialed.leave",
        broken="recorded as throttled|dialed twice",
    ),
    Mutation(
        name="dials leave without waiting for the pace",
        file="core/pacing.py",
        before="        if self.rate == 0.0:\n            return now\n        moment",
        after="        if self.rate >= 0.0:\n            return now\n        moment",
        broken="dials within",
    ),
    Mutation(
        name="a new server doesn't hold the pace of the one that died",
        file="core/dispatch.py",
        before="            limit.pacer.hold(now)",
        after="            limit.pacer.earliest(now)",
        broken="dials within",
        seeds=300,
    ),
    Mutation(
        name="one call more than the slots allow",
        file="core/limits.py",
        before="return 0 < self.slots <= self.in_use",
        after="return 0 < self.slots < self.in_use",
        broken="calls are up",
    ),
    Mutation(
        name="counts are moved twice",
        file="core/ledger.py",
        before="self._calls[_INDEX[target]] += 1",
        after="self._calls[_INDEX[target]] += 2",
        broken="don't add up|counts",
    ),
    Mutation(
        name="a throttled attempt is counted",
        file="core/ledger.py",
        before="        self._attempts -= 1",
        after="        self._attempts -= 0",
        broken="attempts counted",
    ),
    Mutation(
        name="a throttled attempt uses up its number",
        file="engine/scheduler.py",
        before="call = dial.call.again(attempts=move.attempts,",
        after="call = dial.call.again(attempts=dial.call.attempts + 1,",
        broken="should be|past its|LostRow|no call of",
    ),
    Mutation(
        name="calls are tried once too often",
        file="core/retry.py",
        before="attempts < config.max_attempts",
        after="attempts <= config.max_attempts",
        broken="past its",
    ),
    Mutation(
        name="retries go before they are due",
        file="core/lane.py",
        before="return first.due_s if first else math.inf",
        after="return first.due_s - 5.0 if first else math.inf",
        broken="before it was due|busy without end",
    ),
    Mutation(
        name="a paused batch goes on",
        file="engine/scheduler.py",
        before="case BatchStatus.PAUSED:\n                self._dispatcher.close_lane(lane)",
        after="case BatchStatus.PAUSED:\n                self._dispatcher.lanes",
        broken="though its batch was paused",
        also=("core/ledger.py", "next_batch(self._status, BatchStep.DIAL)", "self._status"),
    ),
    Mutation(
        name="prepared dials of a canceled batch still leave",
        file="core/dispatch.py",
        before="        return lane.is_open and not self._stopped and not lane",
        after="        return not self._stopped and not lane",
        also=("core/ledger.py", "next_batch(self._status, BatchStep.DIAL)", "self._status"),
        broken="though its batch was (canceling|paused)",
        seeds=150,
    ),
    Mutation(
        name="hanging up is forgotten",
        file="engine/dialer.py",
        before="if scope is not None and not scope.cancel_called:",
        after="if scope is not None and scope.cancel_called:",
        broken="went on after its batch was hung up",
        seeds=150,
    ),
    Mutation(
        name="facts are dropped while the disk is full",
        file="engine/journal.py",
        before="self._queue[behind:] = [entry for entry in waiting if entry.is_fact]",
        after="del self._queue[behind:]",
        broken="not finished in time|LostRow|isn't open",
    ),
    Mutation(
        name="a commit that failed is remembered all the same",
        file="engine/journal.py",
        before="        return ledger.fork()",
        after="        return ledger",
        broken="counts|logged where|no call of|last sequence|ahead of what is durable|was led",
    ),
    Mutation(
        name="an event is published twice",
        file="engine/journal.py",
        before="            listener.committed(writes, published, batches)",
        after="            listener.committed(writes, published + published[-1:], batches)",
        broken="was published behind",
    ),
    Mutation(
        name="readers are shown what the engine hasn't heard of yet",
        file="engine/feed.py",
        before="if event[0] <= batch.last_sequence]",
        after="if event[0] <= found.last_sequence]",
        broken="other than the",
    ),
    Mutation(
        name="memory leaves out an event behind the one that a reader has",
        file="engine/hub.py",
        before="_slice(board.recent, after + 1 - first, limit)",
        after="_slice(board.recent, after + 2 - first, limit)",
        broken="other than the",
    ),
    Mutation(
        name="events that left the memory aren't looked up in the store",
        file="engine/hub.py",
        before="if after + 1 < first:\n            return None",
        after="if after + 1 < first:\n            after = first - 1",
        broken="other than the",
    ),
)
