"""Limits, as the phones and the server's own door saw them: calls up, and dials a second.

Calls up are counted in the carriers' logs, exactly. The pace can't be judged there: a frozen
carrier finds the dials of a second in its socket when it thaws, and takes them all at once. So
it is judged where the service can keep it, at the moment a dial leaves the server (``witness``),
and ``transit`` tells how much later the carriers noted it.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from batchcalls_simulator.cdr_reader import LoggedDial, peak_calls_up
from batchcalls_simulator.lab.chaos.evidence import Evidence, Launch

BOUNDARY_S: Final = 0.05
"""By how much a window may seem too short. Between the moment that the pace counts and the
moment that the witness notes lie some microseconds of our code, in which a busy machine may take
the processor away from one dial and not from the next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How well starts keep a rate: of ``starts`` in a window, how many too many at the worst,
    and by how many seconds the shortest window with one too many falls short."""

    name: str
    shortfall_s: float
    most: int
    allowed: int


def concurrency_kept(evidence: Evidence) -> Iterator[str]:
    """Batch, carrier and server never have more calls up than their limits say."""
    for name, most, dials in _calls_limits(evidence):
        peak = peak_calls_up(dials)
        if most and peak > most:
            yield f"{name}: {peak} calls were up at once, {most} may be"


def pace_kept(evidence: Evidence) -> Iterator[str]:
    """Batch, carrier and server never dial faster than their limits say, in any window."""
    for pace in launch_paces(evidence):
        if pace.shortfall_s > BOUNDARY_S:
            yield (
                f"{pace.name}: {pace.most} dials left in a window for {pace.allowed},"
                f" {pace.shortfall_s:.3f} s too early"
            )


def launches_seen(evidence: Evidence) -> Iterator[str]:
    """A dial that a carrier noted had left the server before, once."""
    launched = Counter(launch.attempt_id for launch in evidence.launches)
    left_s = {launch.attempt_id: launch.at_s for launch in evidence.launches}
    for attempt_id, count in launched.items():
        if count > 1:
            yield f"{attempt_id} left the server {count} times"
    for dial in evidence.dials:
        if dial.start_s + 1e-5 < left_s.get(dial.attempt_id, math.inf):
            yield f"{dial.attempt_id} was dialed before it left the server"


def launch_paces(evidence: Evidence) -> list[Pace]:
    """How each rate was kept where dials leave the server."""
    left_s = {launch.attempt_id: launch.at_s for launch in evidence.launches}
    return _paces(evidence, evidence.launches, left_s)


def carrier_paces(evidence: Evidence) -> list[Pace]:
    """How each rate looks in the carriers' logs, with all that delays a dial on its way."""
    noted_s = {dial.attempt_id: dial.start_s for dial in evidence.dials}
    launches = [one for one in evidence.launches if one.attempt_id in noted_s]
    return _paces(evidence, launches, noted_s)


def transit(evidence: Evidence) -> list[float]:
    """Seconds from leaving the server to the carrier's log, of every dial, shortest first."""
    left_s = {launch.attempt_id: launch.at_s for launch in evidence.launches}
    known = (dial for dial in evidence.dials if dial.attempt_id in left_s)
    return sorted(dial.start_s - left_s[dial.attempt_id] for dial in known)


def pace(name: str, starts_s: Iterable[float], rate: float) -> Pace:
    """How starts keep a rate: at most n = max(1, floor(rate)) in any half-open n / rate seconds."""
    allowed = max(1, math.floor(rate))
    window_s = allowed / rate
    starts = sorted(starts_s)
    shortest_s = min(
        (starts[place + allowed] - starts[place] for place in range(len(starts) - allowed)),
        default=math.inf,
    )
    return Pace(
        name=name,
        shortfall_s=max(0.0, window_s - shortest_s),
        most=_most_within(starts, window_s),
        allowed=allowed,
    )


def _most_within(starts: Sequence[float], window_s: float) -> int:
    most = first = 0
    for place, start in enumerate(starts):
        while start - starts[first] >= window_s:
            first += 1
        most = max(most, place - first + 1)
    return most


def _calls_limits(evidence: Evidence) -> Iterator[tuple[str, int, Sequence[LoggedDial]]]:
    yield "server", evidence.limits.server_calls, evidence.placed
    yield "carrier", evidence.limits.carrier_calls, evidence.placed
    for one in evidence.stored:
        batch_id = one.batch.batch_id
        dials = [dial for dial in evidence.placed if dial.batch_id == batch_id]
        yield batch_id, one.batch.spec.settings.concurrency, dials


def _paces(
    evidence: Evidence, launches: Sequence[Launch], moments_s: Mapping[str, float]
) -> list[Pace]:
    everything = [moments_s[launch.attempt_id] for launch in launches]
    by_batch: defaultdict[str, list[float]] = defaultdict(list)
    for launch in launches:
        by_batch[launch.batch_id].append(moments_s[launch.attempt_id])
    limited = [
        ("server", everything, evidence.limits.server_rate),
        ("carrier", everything, evidence.limits.carrier_rate),
    ]
    for one in evidence.stored:
        batch_id = one.batch.batch_id
        limited.append((batch_id, by_batch[batch_id], one.batch.spec.settings.max_calls_per_second))
    return [pace(name, starts, rate) for name, starts, rate in limited if rate]
