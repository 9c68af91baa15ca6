"""The phone that peers' programs in Python dial; those in other languages have their own."""

from __future__ import annotations

import asyncio
import threading

from benchmarks.peers.errand import Counts, Errand


class Busy(Exception):
    """Nobody was reached; try again later."""


class Phone:
    """Dials people, and counts. ``over`` is set when each call had its last dial.

    Programs whose jobs run in several threads may share one.
    """

    def __init__(self, errand: Errand) -> None:
        self.over = threading.Event()
        self._errand = errand
        self._lock = threading.Lock()
        self._dials = 0
        self._ended = 0

    async def dial(self, index: int, attempt: int) -> None:
        """Dial for the time that the call lasts.

        Raises:
          Busy: it was busy, which is known at once.
        """
        is_busy = attempt <= self._errand.busy[index]
        if not is_busy:
            await asyncio.sleep(self._errand.talk_s)
        with self._lock:
            self._dials += 1
            self._ended += not is_busy or attempt == self._errand.max_attempts
            if self._ended == len(self._errand.busy):
                self.over.set()
        if is_busy:
            raise Busy

    def counts(self, completed: int, failed: int) -> Counts:
        """What the database has, beside what was dialed."""
        return Counts(completed=completed, failed=failed, dials=self._dials)
