"""Everybody does the same work in turn, over and over: nobody gets all the quiet minutes."""

from __future__ import annotations

import sys
import time
from collections import defaultdict
from collections.abc import Callable, Sequence

from benchmarks.peers.contender import Contender
from benchmarks.peers.errand import Counts
from benchmarks.peers.peer import NotHere
from benchmarks.peers.standing import Figure, Standing, figure
from benchmarks.peers.trial import Trial
from benchmarks.workload import Workload


def race(
    contenders: Sequence[Contender], works: Sequence[Workload], expected: Counts, *, turns: int
) -> list[Standing]:
    """How each did at each of these works, which differ in how many may be up alone."""
    runners = [_Runner(contender) for contender in contenders]
    for work in works:
        for _ in range(turns):
            for runner in runners:
                runner.run(work)
    return [runner.standing(works, expected) for runner in runners]


class _Runner:
    """One who takes part: what became of the trials so far."""

    def __init__(self, contender: Contender) -> None:
        self._contender = contender
        self._run: Callable[[Workload], Trial] | None = None
        self._absence = ""
        self._trials: dict[int, list[Trial]] = defaultdict(list)
        self._failures: dict[int, str] = {}

    def run(self, work: Workload) -> None:
        """Do the work once more; who isn't here, or failed at it, isn't asked again."""
        up = work.concurrency
        if self._absence or up in self._failures:
            return
        began = time.monotonic()
        print(f"{self._contender.name}, {up:,} up …", end=" ", file=sys.stderr, flush=True)
        try:
            if self._run is None:
                self._run = self._contender.prepare()
            self._trials[up].append(self._run(work))
        except NotHere as error:
            self._absence = str(error)
        except RuntimeError as error:
            self._failures[up] = f"failed: {error}"
        print(f"{time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)

    def standing(self, works: Sequence[Workload], expected: Counts) -> Standing:
        """How it did."""
        ups = [] if self._absence else [work.concurrency for work in works]
        return Standing(
            contender=self._contender,
            figures={up: self._figure(up, expected) for up in ups},
            absence=self._absence,
        )

    def _figure(self, up: int, expected: Counts) -> Figure:
        if failure := self._failures.get(up):
            return Figure(refusal=failure)
        return figure(self._trials[up], expected)
