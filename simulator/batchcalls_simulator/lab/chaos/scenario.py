"""What happens in a run: batches, what is done to them, and faults. All of it follows from a seed.

It is data only. The moments of a fault are drawn, but processes are real, so a seed repeats a
run as far as the machine does.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Final

from batchcalls.core.model import Outcome, RetryConfig


class Trouble(StrEnum):
    """What goes on beside a kill of the dialing server; a short run has the first of them."""

    CARRIER_DIES = "the carrier dies too"
    DISK_FULL = "the disk is full"
    CARRIER_FREEZES = "the carrier freezes"
    STARTING = "while it starts"
    NONE = "nothing else"


class Action(StrEnum):
    """What a user does to a batch."""

    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"
    HANG_UP = "hang up"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One kill of the server, ``after_s`` seconds after it began to dial, with trouble around it.

    The trouble begins ``trouble_s`` before the kill. It is over before the kill where
    ``healed_first``; else ``trouble_s`` after the next server was started.
    """

    trouble: Trouble
    after_s: float
    trouble_s: float
    healed_first: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """An action, ``after_s`` seconds after the one before, or after the submission."""

    action: Action
    after_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedBatch:
    """A batch, submitted after so many kills by ``senders`` users who use one request id."""

    request_id: str
    after_kills: int
    after_s: float
    senders: int
    phone_numbers: tuple[str, ...]
    concurrency: int
    max_calls_per_second: float
    priority: int
    retry: RetryConfig
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What server and carrier are told never to exceed; 0 is no limit."""

    server_calls: int
    server_rate: float
    carrier_calls: int
    carrier_rate: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One run. ``simulator`` has the options of the carrier's process."""

    seed: int
    limits: Limits
    simulator: Mapping[str, str]
    batches: tuple[PlannedBatch, ...]
    faults: tuple[Fault, ...]


_PEOPLE: Final[Mapping[str, str]] = {
    "busy_rate": "0.25",
    "no_answer_rate": "0.1",
    "failed_rate": "0.05",
    "rejected_rate": "0.02",
    "invalid_rate": "0.02",
    "voicemail_rate": "0.05",
    "post_dial_delay": "uniform:0,0.05",
    "ring_time": "uniform:0.02,0.1",
    "talk_time": "lognormal:0.3,0.8",
    "lost_report_rate": "0.05",
    "late_report_rate": "0.05",
    "late_report_delay": "uniform:0,0.2",
    "doubled_report_rate": "0.05",
}
"""People who are quick: a call lasts about as long as a server does."""

_CONCURRENCIES: Final = (4, 8, 12, 16)
"""What a batch may ask for; a server whose limit is lower would refuse it."""

_KILLS_A_BATCH: Final = 3
_FEWEST_BATCHES: Final = 3
_HEALED_FIRST_RATE: Final = 1 / 3

_LIFE_S: Final = 2.0
"""How long a server dials between two kills, at the most."""

_WORK_S: Final = 2.0
"""How many seconds of work there are for a kill, so that it hits a server that has some."""

_CALL_S: Final = 0.5
"""How long a call lasts on the average."""

_LIVELY: Final = 40.0
"""The most calls a second that a batch is made for, so that no batch outlasts the faults."""


def draw(seed: int, *, kills: int) -> Scenario:
    """The scenario of that seed in which the server is killed so many times (at least 1)."""
    random = Random(seed)
    limits = Limits(
        server_calls=random.randint(max(_CONCURRENCIES), 26),
        server_rate=random.choice((0.0, 45.0, 90.0)),
        carrier_calls=random.randint(12, 24),
        carrier_rate=random.choice((0.0, 37.5, 80.0)),
    )
    count = max(_FEWEST_BATCHES, kills // _KILLS_A_BATCH)
    return Scenario(
        seed=seed,
        limits=limits,
        simulator={**_PEOPLE, "seed": str(seed), **_trunk(random, limits)},
        batches=tuple(_batch(random, seed, index, count, kills) for index in range(count)),
        faults=_faults(random, kills),
    )


def _trunk(random: Random, limits: Limits) -> dict[str, str]:
    """Half of the carriers have fewer lines than they say, and throttle."""
    fewer = random.random() < 1 / 2
    return {"trunk_capacity": str(limits.carrier_calls * 4 // 5)} if fewer else {}


def _batch(random: Random, seed: int, index: int, count: int, kills: int) -> PlannedBatch:
    concurrency = random.choice(_CONCURRENCIES)
    rate = random.choice((0.0, 0.0, 12.5, 20.0, 40.0))
    speed = min(concurrency / _CALL_S, rate or math.inf, _LIVELY)
    calls = round(speed * random.uniform(0.5, 1.5) * _WORK_S * kills / count)
    return PlannedBatch(
        request_id=f"chaos-{seed}-{index}",
        after_kills=index * kills // count,
        after_s=random.uniform(0.0, 1.0) if index else 0.0,
        senders=random.choice((1, 1, 2)),
        phone_numbers=tuple(f"+1999{index * 1000 + call:07d}" for call in range(calls)),
        concurrency=concurrency,
        max_calls_per_second=rate,
        priority=random.randint(1, 100),
        retry=_retry(random),
        steps=_steps(random),
    )


def _retry(random: Random) -> RetryConfig:
    retry_on = {Outcome.BUSY, Outcome.NO_ANSWER, Outcome.FAILED}
    if random.random() < 1 / 4:
        retry_on.add(Outcome.UNKNOWN)
    return RetryConfig(
        max_attempts=random.randint(1, 4),
        delay_s=random.uniform(0.0, 2.0),
        backoff_multiplier=random.choice((1.0, 1.5)),
        jitter=random.choice((0.0, 0.3)),
        retry_on=frozenset(retry_on),
    )


def _steps(random: Random) -> tuple[Step, ...]:
    steps: list[Action] = random.choice(
        (
            [],
            [],
            [],
            [Action.PAUSE, Action.RESUME],
            [Action.PAUSE, Action.RESUME],
            [Action.PAUSE, Action.RESUME, Action.PAUSE, Action.RESUME],
            [Action.PAUSE, Action.CANCEL],
            [Action.HANG_UP],
        )
    )
    return tuple(Step(action=action, after_s=random.uniform(0.5, 4.0)) for action in steps)


def _faults(random: Random, kills: int) -> tuple[Fault, ...]:
    """Every trouble comes as often as every other, in any order."""
    troubles = [list(Trouble)[kill % len(Trouble)] for kill in range(kills)]
    random.shuffle(troubles)
    return tuple(
        Fault(
            trouble=trouble,
            after_s=random.uniform(0.0, 1.0 if trouble is Trouble.STARTING else _LIFE_S),
            trouble_s=random.uniform(0.1, 0.8),
            healed_first=random.random() < _HEALED_FIRST_RATE,
        )
        for trouble in troubles
    )
