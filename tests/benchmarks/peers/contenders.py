"""Some who take part in the bench beside peers, as tests need them: nothing is installed or run."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.dispatch import work_w
from benchmarks.peers.contender import Contender
from benchmarks.peers.errand import Counts
from benchmarks.peers.peer import NotHere
from benchmarks.peers.race import race
from benchmarks.peers.standing import Standing
from benchmarks.peers.trial import Trial
from benchmarks.peers.verdict import UP
from benchmarks.workload import Workload

ALL = Counts(completed=9, failed=1, dials=14)
WORKS = [work_w(10, up) for up in UP]


def trial(seconds: float, *, cpu_s: float = 0.001, counts: Counts = ALL) -> Trial:
    return Trial(calls=10, seconds=seconds, cpu_s=cpu_s, counts=counts)


def contender(name: str, run: Callable[[Workload], Trial]) -> Contender:
    return Contender(name=name, title=f"{name} 1.0", kept="memory", lacks="", prepare=lambda: run)


def steady(name: str, rate: float, *, cpu_ms: float = 0.1) -> Contender:
    done = trial(10 / rate, cpu_s=cpu_ms / 100)
    return contender(name, lambda _: done)


def raced(*contenders: Contender) -> list[Standing]:
    return race(contenders, WORKS, ALL, turns=3)


def broken(_: Workload) -> Trial:
    raise RuntimeError("it broke")


def missing() -> Callable[[Workload], Trial]:
    raise NotHere("this machine has no go")
