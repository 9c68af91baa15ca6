"""The disk of a simulated world: it is slow, it fills up, and servers die in front of it.

It stands where a real server has its writer thread (``RunSync``), so the store behind it is
the real one. It tells the ``Checker`` what became durable, at the moment it did, whether the
server ever hears of it or not.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any, TypeVar

import trio

from batchcalls.store.contract import Committed, Store, StoreFailure
from batchcalls_simulator.lab.checker import Checker
from batchcalls_simulator.lab.faults import Faults, Moment
from batchcalls_simulator.lab.process import Process

T = TypeVar("T")


class Disk:
    """Serves one process; ``run_sync`` is what its engine is given."""

    def __init__(
        self, store: Store, *, process: Process, faults: Faults, checker: Checker, random: Random
    ) -> None:
        self._store = store
        self._process = process
        self._faults = faults
        self._checker = checker
        self._random = random

    def __repr__(self) -> str:
        return f"<Disk of {self._process!r}, {'full' if self._full else 'fine'}>"

    async def run_sync(self, function: Callable[..., T], *args: Any) -> T:
        """Run it after a while, or fail, or never come back.

        Raises:
          StoreFailure: the disk is full.
        """
        await self._take_time()
        is_write = function == self._store.commit and bool(args[0].writes)
        if self._full and (is_write or function == self._store.probe):
            raise StoreFailure("the disk is full")
        if is_write:
            await self._process.passes(Moment.BEFORE_COMMIT)
        result = function(*args)
        if is_write:
            assert isinstance(result, Committed)
            self._checker.durable(args[0], result)
            await self._process.passes(Moment.AFTER_COMMIT)
        await self._take_time()
        return result

    @property
    def _calm(self) -> bool:
        return trio.current_time() >= self._faults.calm_at_s

    @property
    def _full(self) -> bool:
        now = trio.current_time()
        return not self._calm and any(trouble.covers(now) for trouble in self._faults.full_disk)

    async def _take_time(self) -> None:
        slowest_s = 0.0 if self._calm else self._faults.slow_disk_s
        await trio.sleep(slowest_s * self._random.random() ** 3)
        if not self._process.alive:
            await trio.sleep_forever()  # until its cancellation arrives
