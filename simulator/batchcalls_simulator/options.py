"""What the simulated world is like: every option, its unit, its default and its range.

It only reads and checks; what the options mean is done in ``callee`` and ``trunk``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from difflib import get_close_matches
from typing import Any, NamedTuple, get_type_hints

from batchcalls.carriers.base import CarrierLimits, CarrierOptionError, NumberPolicy
from batchcalls_simulator.distributions import Distribution, Lognormal, read_distribution
from batchcalls_simulator.trunk import Outage, read_outages
from batchcalls_simulator.values import read_integer, read_number, read_spans

HOURS_A_DAY = 24

RATES = (
    "busy_rate",
    "no_answer_rate",
    "failed_rate",
    "rejected_rate",
    "invalid_rate",
    "voicemail_rate",
)
"""The options that share out the fates of a dial; who is left over answers."""

_POST_DIAL_DELAY = Lognormal(median_s=2.0, sigma=0.4)
_RING_TIME = Lognormal(median_s=8.0, sigma=0.5)
_TALK_TIME = Lognormal(median_s=60.0, sigma=0.5)
_SLOW_ANSWER_DELAY = Lognormal(median_s=10.0, sigma=0.5)
_LATE_REPORT_DELAY = Lognormal(median_s=5.0, sigma=1.0)

_REPORT_RATES = ("lost_report_rate", "late_report_rate", "doubled_report_rate")


class _Range(NamedTuple):
    low: float
    high: float

    def __str__(self) -> str:
        return f"from {self.low} to {self.high}"


_MAX_LINES = 1_000_000
_MAX_CALLS_PER_SECOND = 1_000_000

_RANGES: dict[str, _Range] = {
    "seed": _Range(0, 2**64 - 1),
    **{name: _Range(0, 1) for name in (*RATES, "slow_answer_rate", *_REPORT_RATES)},
    "utc_offset_h": _Range(-12, 14),
    "time_scale": _Range(1e-6, 1000),
    "trunk_capacity": _Range(0, _MAX_LINES),
    "trunk_calls_per_second": _Range(0, _MAX_CALLS_PER_SECOND),
    "max_concurrent_calls": _Range(0, _MAX_LINES),
    "calls_per_second": _Range(0, _MAX_CALLS_PER_SECOND),
    "ring_timeout_s": _Range(0.001, 3600),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class HourlyRates:
    """One probability for each hour of the day, from midnight."""

    rates: tuple[float, ...] = (1.0,) * HOURS_A_DAY

    def __post_init__(self) -> None:
        assert len(self.rates) == HOURS_A_DAY
        for rate in self.rates:
            if not 0 <= rate <= 1:
                raise ValueError(f"must have rates from 0 to 1, not {rate:g}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatorOptions:
    """The whole model of the outside world; the defaults look like people in the daytime.

    Fates, as probabilities from 0 to 1 that add up to at most 1 (the rest is answered by a
    person): ``busy_rate``, ``no_answer_rate``, ``failed_rate`` (the network lost it),
    ``rejected_rate`` (rings, then is declined), ``invalid_rate`` (no such number),
    ``voicemail_rate`` (a machine answers).

    ``answer_rate_by_hour`` is the share of the people who would answer that does so at that
    hour of the day; the others don't answer. ``0-8:0.1,18-24:0.9`` as text; hours not named
    have 1. ``utc_offset_h``, -12 to 14, says where they live: hours are those of UTC plus it.

    Times, as distributions of seconds: ``post_dial_delay`` until the phone rings or is found
    to be busy, failed or invalid; ``ring_time`` until someone answers or rejects (who would
    only after the ring timeout doesn't at all); ``talk_time`` from the answer to the end.
    ``slow_answer_rate`` is the share of dials that the carrier leaves without any answer for
    ``slow_answer_delay`` more. ``time_scale``, 0.000001 to 1000, stretches all of these and
    the ring timeout: 0.01 makes each call a hundred times as short.

    Reports that a phone rings or was answered: ``lost_report_rate`` is the share that never
    arrives, ``doubled_report_rate`` the share that arrives twice, ``late_report_rate`` the share
    that arrives after ``late_report_delay``, so that reports may overtake each other. None
    arrives after the end of its call.

    The trunk as it really is: ``trunk_capacity`` lines and ``trunk_calls_per_second`` (0 means
    no limit; above it a dial is throttled), and ``outages`` (``60-90,200-210`` as text), in
    seconds after the first dial, when every dial finds the carrier unavailable.

    The contract that the engine is told: ``max_concurrent_calls`` and ``calls_per_second`` (0
    means no limit), ``ring_timeout_s`` (0.001 to 3600), ``number_policy``.

    ``seed``, 0 to 2⁶⁴-1: another seed is another population.

    Raises:
      CarrierOptionError: a value is out of range, or the rates add up to more than 1.
    """

    seed: int = 0
    busy_rate: float = 0.10
    no_answer_rate: float = 0.15
    failed_rate: float = 0.02
    rejected_rate: float = 0.02
    invalid_rate: float = 0.01
    voicemail_rate: float = 0.10
    answer_rate_by_hour: HourlyRates = HourlyRates()
    utc_offset_h: float = 0.0
    post_dial_delay: Distribution = _POST_DIAL_DELAY
    ring_time: Distribution = _RING_TIME
    talk_time: Distribution = _TALK_TIME
    slow_answer_rate: float = 0.0
    slow_answer_delay: Distribution = _SLOW_ANSWER_DELAY
    lost_report_rate: float = 0.0
    late_report_rate: float = 0.0
    late_report_delay: Distribution = _LATE_REPORT_DELAY
    doubled_report_rate: float = 0.0
    time_scale: float = 1.0
    trunk_capacity: int = 0
    trunk_calls_per_second: float = 0.0
    outages: tuple[Outage, ...] = ()
    max_concurrent_calls: int = 0
    calls_per_second: float = 0.0
    ring_timeout_s: float = 30.0
    number_policy: NumberPolicy = NumberPolicy.SHAPE

    def __post_init__(self) -> None:
        for name, allowed in _RANGES.items():
            value = getattr(self, name)
            if not allowed.low <= value <= allowed.high:
                raise CarrierOptionError(f"option {name}: must be {allowed}, not {value}")
        self._require_shares()

    def _require_shares(self) -> None:
        shares = {name: getattr(self, name) for name in RATES}
        total = math.fsum(shares.values())
        if total > 1:
            listed = ", ".join(f"{name}={share:g}" for name, share in shares.items())
            raise CarrierOptionError(f"the rates add up to {total:g}, more than 1: {listed}")

    @property
    def limits(self) -> CarrierLimits:
        """What the engine is told of the carrier."""
        return CarrierLimits(
            max_concurrent_calls=self.max_concurrent_calls,
            calls_per_second=self.calls_per_second,
            ring_timeout_s=self.ring_timeout_s,
            number_policy=self.number_policy,
            simulated=True,
        )


def read_options(values: Mapping[str, object]) -> SimulatorOptions:
    """The options that a command line (all text) or a TOML table spells.

    Raises:
      CarrierOptionError: an option is unknown, can't be read, or is out of range.
    """
    return SimulatorOptions(**{name: _read(name, value) for name, value in values.items()})


def _read(name: str, value: object) -> Any:  # each reader gives the type of its own field
    if name not in _READERS:
        raise CarrierOptionError(f"unknown option {name!r}; {_hint(name)}")
    try:
        return _READERS[name](value)
    except ValueError as error:
        raise CarrierOptionError(f"option {name}: {error}") from error


def _hint(name: str) -> str:
    close = get_close_matches(name, _READERS)
    if close:
        return f"did you mean {' or '.join(close)}?"
    return f"the options are {', '.join(_READERS)}"


def _read_hourly_rates(value: object) -> HourlyRates:
    form = "0-8:0.1,18-24:0.9"
    rates = [1.0] * HOURS_A_DAY
    for start, end, rate in read_spans(value, form=form):
        if not rate:
            raise ValueError(f"must look like {form}, not {value!r}")
        if not (0 <= start < end <= HOURS_A_DAY and start.is_integer() and end.is_integer()):
            raise ValueError(f"must have whole hours from 0 to 24, not {start:g}-{end:g}")
        rates[int(start) : int(end)] = [read_number(rate)] * int(end - start)
    return HourlyRates(rates=tuple(rates))


def _read_number_policy(value: object) -> NumberPolicy:
    try:
        return NumberPolicy(str(value))
    except ValueError:
        raise ValueError(f"must be one of {', '.join(NumberPolicy)}, not {value!r}") from None


_READER_BY_TYPE: dict[object, Callable[[object], object]] = {
    int: read_integer,
    float: read_number,
    Distribution: read_distribution,
    HourlyRates: _read_hourly_rates,
    NumberPolicy: _read_number_policy,
    tuple[Outage, ...]: read_outages,
}

_TYPES = get_type_hints(SimulatorOptions)
_READERS = {field.name: _READER_BY_TYPE[_TYPES[field.name]] for field in fields(SimulatorOptions)}
