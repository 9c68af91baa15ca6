"""A trial: one run and its verdict, with a summary for people."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from batchcalls.core.model import Outcome
from batchcalls_simulator.lab.chaos.evidence import Evidence
from batchcalls_simulator.lab.chaos.exactness import Pace, carrier_paces, launch_paces, transit
from batchcalls_simulator.lab.chaos.processes import DidNotStart
from batchcalls_simulator.lab.chaos.run import Tell, play
from batchcalls_simulator.lab.chaos.scenario import Scenario, Trouble, draw
from batchcalls_simulator.lab.chaos.verdict import CHECKS, judge
from batchcalls_simulator.lab.trio_run import run_trio


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What came of a run: the promises that were ``broken``, and a summary, line by line."""

    broken: tuple[str, ...]
    summary: tuple[str, ...] = ()


def hold(seed: int, *, kills: int, folder: Path, tell: Tell) -> Trial:
    """Play the scenario of ``seed`` in ``folder``, which is empty, and judge what it leaves."""
    scenario = draw(seed, kills=kills)
    began_s = time.monotonic()
    try:
        evidence = run_trio(partial(play, scenario, folder, tell=tell), DidNotStart)
    except DidNotStart as error:
        return Trial(broken=(str(error),))
    broken = tuple(judge(evidence))
    took_s = time.monotonic() - began_s
    return Trial(broken=broken, summary=tuple(_summary(scenario, evidence, broken, took_s)))


def _summary(
    scenario: Scenario, evidence: Evidence, broken: tuple[str, ...], took_s: float
) -> Iterator[str]:
    troubles = Counter(fault.trouble for fault in scenario.faults)
    around = ", ".join(f"{troubles[trouble]} {trouble}" for trouble in Trouble if troubles[trouble])
    calls = sum(len(one.calls) for one in evidence.stored)
    events = sum(len(seen.events) for seen in evidence.seen)
    yield f"seed {scenario.seed}: {len(scenario.faults)} kills in {took_s:.0f} s ({around})"
    yield (
        f"{len(evidence.stored)} batches, {calls:,} calls, {len(evidence.dials):,} dials;"
        f" {len(evidence.seen)} readers saw {events:,} events"
    )
    yield _unknown(evidence)
    yield from _exactness(evidence)
    yield f"{len(CHECKS)} promises compared: {len(broken) or 'none'} broken"


def _unknown(evidence: Evidence) -> str:
    """How many attempts a kill hid, and how many of these never reached a carrier."""
    dialed = {dial.attempt_id for dial in evidence.dials}
    attempts = [each for one in evidence.stored for call in one.calls for each in call.attempts]
    unknown = [each.attempt_id for each in attempts if each.outcome is Outcome.UNKNOWN]
    undialed = sum(attempt_id not in dialed for attempt_id in unknown)
    return f"{len(unknown)} attempts ended unknown, {undialed} of them undialed"


def _exactness(evidence: Evidence) -> Iterator[str]:
    """How exact the limits were, at both ends of the wire."""
    delays_s = transit(evidence)
    if not delays_s:
        return
    half_s, most_s = delays_s[len(delays_s) // 2], delays_s[-1]
    yield f"from server to carrier {half_s * 1e3:.1f} ms, at most {most_s * 1e3:.1f} ms"
    for where, paces in (
        ("leaving the server", launch_paces(evidence)),
        ("in the carriers' logs", carrier_paces(evidence)),
    ):
        worst = max(paces, key=lambda pace: pace.shortfall_s)
        yield f"pace {where}: {_pace(worst)}"


def _pace(worst: Pace) -> str:
    if not worst.shortfall_s:
        return "never above a limit"
    return (
        f"at worst {worst.most} where {worst.allowed} may be,"
        f" {worst.shortfall_s * 1e3:.1f} ms too early ({worst.name})"
    )
