"""What one simulated world is given: carriers, limits, batches, their users and readers.

A seed decides all of it. Nothing runs here; ``World`` plays a scenario.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from random import Random
from typing import Any

from batchcalls.core.model import (
    RETRYABLE_OUTCOMES,
    BatchSettings,
    BatchSpec,
    CallSpec,
    Outcome,
    RetryConfig,
    RetryOrder,
    Script,
)
from batchcalls.engine.admission import EngineLimits
from batchcalls_simulator.callee import ENDLESS_NUMBER, MAGIC_NUMBERS
from batchcalls_simulator.distributions import Distribution, Exponential, Fixed, Lognormal, Uniform
from batchcalls_simulator.lab.faults import (
    Faults,
    Trouble,
    draw_faults,
    draw_rate,
    draw_troubles,
    perhaps,
)
from batchcalls_simulator.lab.readings import Reading, draw_readings
from batchcalls_simulator.options import RATES, SimulatorOptions
from batchcalls_simulator.trunk import Outage

WALL_S = 1_700_000_000.0
"""The wall-clock time, in seconds since the Unix epoch, at which every world begins."""

_SCRIPT = Script(text="Hello {{name}}")
_FINITE_MAGIC = tuple(number for number in MAGIC_NUMBERS if number != ENDLESS_NUMBER)


class Verb(StrEnum):
    """What a user asks of the server."""

    SUBMIT = "submit"
    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"
    CANCEL_AND_HANG_UP = "cancel_and_hang_up"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A user wants something done to a batch at ``at_s``, and asks until it is answered."""

    at_s: float
    verb: Verb
    batch_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """The whole script of a world.

    ``carriers`` are the phone networks by name, ``calm_carriers`` the same people without
    trunk limits and outages, who take over when the faults end.
    """

    seed: int
    faults: Faults
    limits: EngineLimits
    carriers: Mapping[str, SimulatorOptions]
    calm_carriers: Mapping[str, SimulatorOptions]
    batches: Mapping[str, tuple[BatchSpec, tuple[CallSpec, ...]]]
    wishes: tuple[Wish, ...]
    readings: tuple[Reading, ...] = ()

    @property
    def total_calls(self) -> int:
        """How many calls all batches have together."""
        return sum(len(calls) for _, calls in self.batches.values())


def draw_scenario(seed: int) -> Scenario:
    """The world of that seed, the same each time."""
    random = Random(f"scenario {seed}")
    faults = draw_faults(random)
    limits = EngineLimits(
        max_concurrent_calls=random.choice([5, 10, 50]),
        max_calls_per_second=_calls_per_second(random),
    )
    names = ["simulator", "other"][: random.choice([1, 1, 2])]
    calm = {name: _calm_options(random) for name in names}
    wild = {name: _wild_options(random, calm[name], faults) for name in names}
    specs = [_batch(random, index, limits, names) for index in range(random.randint(1, 4))]
    batches = {spec.batch_id: (spec, _calls(random, index)) for index, spec in enumerate(specs)}
    return Scenario(
        seed=seed,
        faults=faults,
        limits=limits,
        carriers=wild,
        calm_carriers=calm,
        batches=batches,
        wishes=tuple(wish for batch_id in batches for wish in _wishes(random, batch_id, faults)),
        readings=draw_readings(seed, batches, faults.calm_at_s),
    )


def _calls_per_second(random: Random) -> float:
    return random.choice([0.0, 0.0, 0.0, 0.5, 1.0, 2.5, 10.0])


def _calm_options(random: Random) -> SimulatorOptions:
    shares = {name: draw_rate(random, 0.9) for name in RATES}
    crowd = max(1.0, 1.25 * sum(shares.values()))
    fates: dict[str, Any] = {name: share / crowd for name, share in shares.items()}
    return SimulatorOptions(
        seed=random.getrandbits(32),
        **fates,
        post_dial_delay=_seconds(random, 1.0),
        ring_time=_seconds(random, 8.0),
        talk_time=_seconds(random, 30.0),
        max_concurrent_calls=random.choice([0, 0, 2, 7]),
        calls_per_second=_calls_per_second(random),
    )


def _seconds(random: Random, typical_s: float) -> Distribution:
    choices: list[Distribution] = [
        Fixed(time_s=0.0),
        Fixed(time_s=typical_s),
        Uniform(low_s=0.0, high_s=2 * typical_s),
        Exponential(mean_s=typical_s),
        Lognormal(median_s=typical_s, sigma=0.5),
    ]
    return random.choice(choices)


def _wild_options(random: Random, calm: SimulatorOptions, faults: Faults) -> SimulatorOptions:
    never: tuple[Trouble, ...] = ()
    outages = perhaps(random, lambda: draw_troubles(random, faults.calm_at_s), never)
    return replace(
        calm,
        trunk_capacity=perhaps(random, lambda: random.randint(1, 6), 0),
        trunk_calls_per_second=perhaps(random, lambda: random.choice([0.5, 1.0, 3.0]), 0.0),
        outages=tuple(Outage(start_s=one.start_s, end_s=one.end_s) for one in outages),
        slow_answer_rate=draw_rate(random),
        lost_report_rate=draw_rate(random, 1.0),
        late_report_rate=draw_rate(random, 1.0),
        doubled_report_rate=draw_rate(random, 1.0),
    )


def _batch(random: Random, index: int, limits: EngineLimits, carriers: list[str]) -> BatchSpec:
    scheduled_s = perhaps(random, lambda: random.uniform(0.0, 600.0), 0.0)
    return BatchSpec(
        batch_id=f"batch_{index}",
        request_id=f"request_{index}",
        request_digest=b"digest",
        carrier=random.choice(carriers),
        start_time_us=round((WALL_S + scheduled_s) * 1e6) if scheduled_s else 0,
        settings=BatchSettings(
            concurrency=random.randint(1, min(20, limits.max_concurrent_calls)),
            max_calls_per_second=_calls_per_second(random),
            priority=random.choice([1, 10, 100]),
            retry=_retry(random),
            retry_order=random.choice(list(RetryOrder)),
        ),
    )


def _retry(random: Random) -> RetryConfig:
    retryable = sorted(RETRYABLE_OUTCOMES)
    usual = RetryConfig().retry_on
    return RetryConfig(
        max_attempts=random.choice([1, 2, 3, 5]),
        delay_s=random.choice([0.0, 0.5, 30.0, 300.0]),
        backoff_multiplier=random.choice([1.0, 2.0]),
        max_delay_s=1_200.0,
        jitter=random.choice([0.0, 0.5]),
        retry_on=perhaps(random, lambda: _some(random, retryable), usual),
    )


def _some(random: Random, outcomes: list[Outcome]) -> frozenset[Outcome]:
    return frozenset(random.sample(outcomes, random.randint(1, len(outcomes))))


def _calls(random: Random, index: int) -> tuple[CallSpec, ...]:
    """Few calls most of the time, sometimes more than a lane's windows hold."""
    total = random.choice([1, 5, 10, 20, 40, 160])
    has_priorities = random.random() < 0.5
    return tuple(
        CallSpec(
            phone_number=_number(random, index, position),
            script=_SCRIPT,
            variables={"name": "you"},
            priority=random.choice([0, 0, 5]) if has_priorities else 0,
        )
        for position in range(total)
    )


def _number(random: Random, index: int, position: int) -> str:
    if random.random() < 0.1:
        return random.choice(_FINITE_MAGIC)
    return f"+1999{index:03d}{position:04d}"


def _wishes(random: Random, batch_id: str, faults: Faults) -> list[Wish]:
    """Submit it; perhaps pause and resume it a few times, perhaps cancel it."""

    def wish(verb: Verb, at_s: float) -> Wish:
        return Wish(at_s=at_s, verb=verb, batch_id=batch_id)

    def soon(after_s: float) -> float:
        """Often within seconds, when most is under way; else at any time of the first phase."""
        rest_s = max(0.0, end_s - after_s)
        return after_s + random.choice([rest_s * random.random() ** 2, random.uniform(0.0, 3.0)])

    end_s = faults.calm_at_s
    submitted_s = random.choice([0.0, 0.0, random.uniform(0.0, end_s / 2)])
    wishes = [wish(Verb.SUBMIT, submitted_s)]
    if random.random() < 0.3:
        for _ in range(random.randint(1, 3)):
            paused_s = soon(submitted_s)
            wishes += [wish(Verb.PAUSE, paused_s), wish(Verb.RESUME, soon(paused_s))]
        wishes.append(wish(Verb.RESUME, end_s + 3.0))
    if random.random() < 0.3:
        verb = random.choice([Verb.CANCEL, Verb.CANCEL_AND_HANG_UP])
        wishes.append(wish(verb, soon(submitted_s)))
    return wishes
