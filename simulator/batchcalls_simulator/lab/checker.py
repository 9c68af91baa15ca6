"""The checker: what must hold in every world, at every moment, whatever fails.

It is told what happens, at four places, none of them inside the engine: at the disk
(``durable``), at the phones (``dialed``, ``silent``, ``over``, ``disowned``), where results
are published (``Watcher``) and where they are read (``read``). The promises:

* no attempt id is dialed twice, no attempt number of a call unless the first dial certainly
  rang nobody, no call past its attempts, none again after an outcome that isn't retried, no
  retry before it is due, and nothing without an intent in the database;
* calls up and dials in a window of time stay within the limits of server, carrier and batch;
* batches that are paused, canceled, not started or over dial nothing new;
* counts add up, statuses follow from what happened, sequences are dense, every event is
  published once and only when durable, and outcomes are those that the phones saw;
* a reader sees the log as it is: each event once, in order, none left out but those it doesn't
  want, none before its server knows of it, and the end only where the log ends;
* what was answered to a user is true of the database, and so is everything else;
* in the end every call is final, and no slot, lane or phone is still taken.

The first broken promise is kept in ``broken`` and ends the world: it is reported by a
callable, since raising it inside the engine might be taken for a carrier's failure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Final

from batchcalls.carriers.base import CallResult, CarrierError, CarrierLimits, OutboundCall
from batchcalls.clock import Clock
from batchcalls.core.effects import AttemptStep, Effects
from batchcalls.core.model import Attempt, Batch, BatchStatus, Call, Outcome
from batchcalls.engine.admission import EngineLimits
from batchcalls.engine.engine import Engine
from batchcalls.engine.feed import Page
from batchcalls.engine.journal import Published
from batchcalls.store.contract import Committed, Group, Store
from batchcalls.wire.spec import stored_call_spec
from batchcalls_simulator.lab.books import BatchBook, BrokenPromise, require
from batchcalls_simulator.lab.dials import Dials, Known, Ring
from batchcalls_simulator.lab.readings import Reading

_ALL: Final = 1_000_000

_TOLD_BY_PHONES: Final = (AttemptStep.END, AttemptStep.WITHDRAW)


class Checker:
    """Watches one world. ``stop`` is called at the first broken promise."""

    def __init__(
        self,
        store: Store,
        *,
        clock: Clock,
        limits: EngineLimits,
        carriers: Mapping[str, CarrierLimits],
        stop: Callable[[], None],
    ) -> None:
        self.books: dict[str, BatchBook] = {}
        self.dials = Dials(limits=limits, carriers=carriers)
        self.broken: BrokenPromise | None = None
        self.log: list[str] = []
        self._store = store
        self._clock = clock
        self._stop = stop
        self._known: dict[str, Known] = {}
        self._watcher = Watcher(self, 0)

    def __repr__(self) -> str:
        return f"<Checker {len(self.books)} batches, {self.dials!r}, broken={self.broken}>"

    def all_final(self) -> bool:
        """Whether everything that was submitted is over."""
        return all(book.status.final for book in self.books.values())

    # At the disk

    def durable(self, group: Group, committed: Committed) -> None:
        """A group of changes was committed, whether or not anybody hears of it."""
        with self._keeping():
            payloads = iter(committed.payloads)
            for effects in group.writes:
                if effects.batch_id in committed.refused:
                    continue
                book = self._book(effects)
                self._require_truth(effects, book)
                book.apply(effects, [next(payloads) for _ in effects.events])
                self._note(_brief(effects))
            for batch_id, batch in group.batches.items():
                if batch_id not in committed.refused:
                    self.books[batch_id].compare(batch)

    def _book(self, effects: Effects) -> BatchBook:
        batch_id, submitted = effects.batch_id, effects.submitted
        if submitted is not None:
            require(batch_id not in self.books, f"{batch_id} was stored twice")
            specs = [stored_call_spec(call.spec) for call in submitted.calls]
            self.books[batch_id] = BatchBook(submitted.spec, specs)
        return self.books[batch_id]

    def _require_truth(self, effects: Effects, book: BatchBook) -> None:
        """What is recorded of a call is what its phone saw."""
        if effects.attempt is None or effects.attempt.step not in _TOLD_BY_PHONES:
            return
        attempt = effects.attempt.attempt
        ring = self.dials.rings.get(attempt.attempt_id)
        require(
            _is_true(attempt, ring, book),
            f"{attempt.attempt_id} is recorded as {attempt.outcome}, the phone saw"
            f" {ring.outcome if ring else 'nothing'}",
        )

    # At the phones

    def dialed(self, carrier: str, call: OutboundCall, process: int) -> None:
        """A dial leaves for a phone."""
        with self._keeping():
            book = self.books.get(call.batch_id)
            require(book is not None, f"{call.attempt_id}: its batch isn't durable")
            assert book is not None
            ring = Ring(call, carrier, process, self._clock.now(), self._clock.now_us())
            self._note(f"dialed {call.attempt_id} {call.phone_number}")
            self.dials.dialed(ring, book, self._known.get(call.batch_id), self._stored(call))

    def silent(self, attempt_id: str) -> None:
        """The carrier says that a dial rang nobody."""
        self.dials.silent(attempt_id)

    def disowned(self, attempt_id: str) -> None:
        """The carrier says that it doesn't know a dial; it may lie."""
        self.dials.disowned(attempt_id)

    def over(self, attempt_id: str, result: CallResult | CarrierError | None) -> None:
        """A line is free."""
        with self._keeping():
            outcome = result.outcome if isinstance(result, CallResult) else None
            self._note(f"over {attempt_id} {outcome}")
            if attempt_id not in self.dials.rings:
                return  # the dial broke a promise and wasn't taken note of
            self.dials.over(attempt_id, outcome)
            self._require_hung_up(self.dials.rings[attempt_id])

    def _require_hung_up(self, ring: Ring) -> None:
        """Calls of a batch that was hung up end at once, except those of a dead server."""
        known = self._known.get(ring.call.batch_id)
        if known is None or not known.hang_up or ring.process != self._watcher.process:
            return
        require(
            self._clock.now() <= known.since_s,
            f"{ring.call.attempt_id} went on after its batch was hung up",
        )

    def _stored(self, call: OutboundCall) -> Call | None:
        position = int(call.call_id.rpartition("_")[2])
        return self._store.call(call.batch_id, position)

    # Where results are published

    def watcher(self, process: int) -> Watcher:
        """A server starts: what is in the database is all that it can know."""
        self._note(f"process {process}")
        with self._keeping():
            self.compare_database()
        for batch_id, book in self.books.items():
            self._know(batch_id, book.status, hang_up=book.hang_up)
        self._watcher = Watcher(self, process)
        return self._watcher

    def published(self, batches: Sequence[Batch]) -> None:
        """The server knows from now on how these batches stand."""
        for batch in batches:
            known = self._known.get(batch.batch_id)
            if known is None or (known.status, known.hang_up) != (batch.status, batch.hang_up):
                self._know(batch.batch_id, batch.status, hang_up=batch.hang_up)

    def _know(self, batch_id: str, status: BatchStatus, *, hang_up: bool) -> None:
        self._known[batch_id] = Known(
            status=status,
            hang_up=hang_up,
            since_s=self._clock.now(),
        )

    # Where they are read

    def read(self, reading: Reading, after: int, page: Page) -> None:
        """A reader that had read up to ``after`` was given a page."""
        with self._keeping():
            self._note(f"{reading.name} {after}-{page.last_sequence}")
            book = self.books.get(reading.batch_id)
            require(book is not None, f"{reading.name} reads what isn't durable")
            assert book is not None
            told = self._watcher.sequence(reading.batch_id)
            require(
                after <= page.last_sequence <= max(after, told),
                f"{reading.name} was led from {after} to {page.last_sequence} of {told} events",
            )
            logged = book.logged(after, page.last_sequence, reading.types)
            require(
                list(page.payloads) == logged,
                f"{reading.name} saw {len(page.payloads)} events behind {after}, other than the"
                f" {len(logged)} of the log",
            )
            ends = book.status.final and page.last_sequence == len(book.payloads)
            require(ends or not page.is_end, f"{reading.name} was told of an end too early")

    def ends_before(self, batch_id: str, sequence: int) -> bool:
        """Whether a batch's log will never come to that sequence."""
        book = self.books.get(batch_id)
        return book is not None and book.status.final and len(book.payloads) < sequence

    # At rest

    def answered(self, batch: Batch) -> None:
        """A user was told that a batch stands like this."""
        with self._keeping():
            book = self.books.get(batch.batch_id)
            require(book is not None, f"{batch.batch_id} was acknowledged and isn't durable")
            assert book is not None
            require(
                batch.last_sequence <= len(book.payloads),
                f"{batch.batch_id} was shown to a user ahead of what is durable",
            )

    def compare_database(self) -> None:
        """Require that the database shows every batch, call and event as the books do."""
        for batch_id, book in self.books.items():
            batch = self._store.batch(batch_id)
            require(batch is not None, f"{batch_id} is lost")
            assert batch is not None
            book.compare(batch)
            calls = self._store.call_page(batch_id, limit=_ALL).calls
            require(len(calls) == len(book.calls), f"{batch_id} has lost calls")
            for position, call in enumerate(calls):
                book.compare_call(position, call)
            page = self._store.event_page(batch_id, limit=_ALL)
            assert page is not None
            logged = list(enumerate(book.payloads, start=1))
            require(list(page.events) == logged, f"{batch_id}: its log isn't what was published")

    def settled(self, engine: Engine) -> None:
        """Everything has ended: nothing may be left."""
        with self._keeping():
            self.compare_database()
            for book in self.books.values():
                require(book.status.final, f"{book.name} is {book.status} in the end")
                left = [call for call in book.calls if not call.status.final]
                require(not left, f"{book.name} has {len(left)} calls that aren't final")
            require(not self.dials.up, f"{self.dials.up} are up in the end")
            _require_idle(engine)

    # Keeping promises

    def fail(self, promise: BrokenPromise) -> None:
        """Take note of the first broken promise, and stop the world."""
        if self.broken is None:
            self.broken = promise
            self._note(f"broken {promise}")
            self._stop()

    def _keeping(self) -> AbstractContextManager[None]:
        return _Keeping(self)

    def _note(self, line: str) -> None:
        self.log.append(f"{self._clock.now():.6f} {line}")


class _Keeping(AbstractContextManager[None]):
    """Hands a broken promise to the checker instead of raising it."""

    def __init__(self, checker: Checker) -> None:
        self._checker = checker

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        if isinstance(error, BrokenPromise):
            self._checker.fail(error)
            return True
        return False


class Watcher:
    """Hears what one server publishes (as a ``Listener`` of its engine)."""

    def __init__(self, checker: Checker, process: int) -> None:
        self.process = process
        self._checker = checker
        self._sequences = {batch_id: len(book.payloads) for batch_id, book in checker.books.items()}

    def committed(
        self, _writes: Sequence[Effects], events: Sequence[Published], batches: Sequence[Batch]
    ) -> None:
        """Require that each event is durable, and the next of its batch."""
        try:
            for published in events:
                self._require_next(published)
        except BrokenPromise as promise:
            self._checker.fail(promise)
        self._checker.published(batches)

    def health_changed(self, *, healthy: bool) -> None:
        """Nothing is promised of it."""

    def sequence(self, batch_id: str) -> int:
        """The last event of a batch that the server knows of."""
        return self._sequences.get(batch_id, 0)

    def _require_next(self, published: Published) -> None:
        batch_id, sequence = published.event.batch_id, published.event.sequence
        last = self._sequences.get(batch_id, 0)
        require(
            sequence == last + 1,
            f"{batch_id}: event {sequence} was published behind event {last}",
        )
        payloads = self._checker.books[batch_id].payloads
        require(
            sequence <= len(payloads) and payloads[sequence - 1] == published.payload,
            f"{batch_id}: event {sequence} was published and isn't durable",
        )
        self._sequences[batch_id] = sequence


def _brief(effects: Effects) -> str:
    """What a change did in a line of the log, the same in every process (sets have no order)."""
    words = [effects.batch_id, *[event.type for event in effects.events]]
    if effects.attempt is not None:
        attempt = effects.attempt.attempt
        words += [attempt.attempt_id, str(attempt.number), str(attempt.outcome)]
    return " ".join(words)


def _is_true(attempt: Attempt, ring: Ring | None, book: BatchBook) -> bool:
    match attempt.outcome:
        case Outcome.UNKNOWN:
            return True
        case Outcome.THROTTLED:
            return ring is None or ring.silent
        case Outcome.CANCELED:
            return book.hang_up
    return ring is not None and ring.outcome is attempt.outcome


def _require_idle(engine: Engine) -> None:
    """No slot is taken, no lane is left, nothing is prepared."""
    dispatcher = engine.dispatcher
    limits = [dispatcher.server, *(gate.limit for gate in dispatcher.carriers.values())]
    for limit in limits:
        require(not limit.in_use and not limit.prepared, f"a slot leaked: {limit!r}")
    require(not dispatcher.lanes, f"lanes are left: {dispatcher!r}")
    require(not engine.journal.open_batches, f"batches are left: {engine.journal!r}")
    require(not engine.dialer.calls_up, f"calls are left: {engine.dialer!r}")
