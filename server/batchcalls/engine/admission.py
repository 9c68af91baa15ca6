"""Admission: whether a batch may come in, by the limits of the server.

Batches that are being stored count already: two that come at once don't slip in together
where there is room for one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from batchcalls.clock import Clock
from batchcalls.core.model import BatchSpec
from batchcalls.core.pacing import Pacer
from batchcalls.engine.journal import Journal
from batchcalls.errors import InvalidRequest, LimitExceeded, Reason, TryLater, Violation

_CAPACITY_RETRY_S = 10.0
"""When to try again on a full server: calls end all the time, batches in minutes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineLimits:
    """What one server takes on. 0 means no limit.

    ``max_concurrent_calls`` (default 1,000) calls are up at once over all batches, and no
    batch may ask for more; ``max_calls_per_second`` (default 0) dials leave in any second;
    ``max_open_batches`` (default 1,000) batches and ``max_open_calls`` (default 10 million)
    calls that aren't final are held; ``max_submissions_per_second`` (default 0) batches are
    taken in.
    """

    max_concurrent_calls: int = 1_000
    max_calls_per_second: float = 0.0
    max_open_batches: int = 1_000
    max_open_calls: int = 10_000_000
    max_submissions_per_second: float = 0.0


class Admission:
    """Checks batches against the limits; knows those on their way into the store."""

    def __init__(
        self, limits: EngineLimits, *, carriers: Collection[str], journal: Journal, clock: Clock
    ) -> None:
        self._limits = limits
        self._carriers = carriers
        self._journal = journal
        self._clock = clock
        self._pace = Pacer(limits.max_submissions_per_second, tolerance_s=1.0)
        self._arriving: list[int] = []

    def check(self, spec: BatchSpec, total_calls: int) -> None:
        """Whether a batch would be let in now, its turn aside.

        Raises:
          InvalidRequest: it names a carrier that isn't here.
          LimitExceeded: it asks for more than this server ever gives.
          TryLater: the server is full.
        """
        self._check_carrier(spec)
        self._check_concurrency(spec)
        self._check_capacity(total_calls)

    @contextmanager
    def arriving(self, spec: BatchSpec, total_calls: int) -> Iterator[None]:
        """Let a batch in, if it may come now; it counts as arriving inside the block.

        Raises:
          TryLater: more batches come than are taken in a second; and as ``check`` does.
        """
        self.check(spec, total_calls)
        self._take_turn()
        self._arriving.append(total_calls)
        try:
            yield
        finally:
            self._arriving.remove(total_calls)

    def _check_carrier(self, spec: BatchSpec) -> None:
        if spec.carrier not in self._carriers:
            known = ", ".join(sorted(self._carriers))
            raise InvalidRequest([Violation("batch.carrier", f"isn't one of: {known}")])

    def _check_concurrency(self, spec: BatchSpec) -> None:
        limit = self._limits.max_concurrent_calls
        concurrency = spec.settings.concurrency
        if limit and concurrency > limit:
            raise LimitExceeded(
                f"concurrency {concurrency} is above the server's limit of {limit}",
                reason=Reason.CONCURRENCY_LIMIT,
                subject="concurrency",
                limit=limit,
            )

    def _check_capacity(self, total_calls: int) -> None:
        limits = self._limits
        open_batches = self._journal.open_batches + len(self._arriving)
        open_calls = self._journal.open_calls + sum(self._arriving)
        if limits.max_open_batches and open_batches >= limits.max_open_batches:
            raise _at_capacity(f"{open_batches} batches are open, the server's limit")
        if limits.max_open_calls and open_calls + total_calls > limits.max_open_calls:
            raise _at_capacity(
                f"{open_calls} calls are open; with these {total_calls} they would be more"
                f" than the server's limit of {limits.max_open_calls}"
            )

    def _take_turn(self) -> None:
        now = self._clock.now()
        at = self._pace.earliest(now)
        if at > now:
            raise TryLater(
                f"more than {self._pace.rate:g} submissions a second",
                reason=Reason.RATE_LIMITED,
                retry_after_s=at - now,
            )
        self._pace.start(now)


def _at_capacity(message: str) -> TryLater:
    return TryLater(message, reason=Reason.SYSTEM_CAPACITY, retry_after_s=_CAPACITY_RETRY_S)
