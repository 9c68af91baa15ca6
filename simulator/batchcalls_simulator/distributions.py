"""How long things take: distributions of seconds.

Nothing here draws at random. A distribution is its quantile function: fed with draws
spread evenly over (0, 1) it gives its own samples (inverse transform sampling), so the
same draw gives the same time, whoever asks and whenever.

As text: ``fixed:2``, ``uniform:1,5``, ``exponential:30``, ``lognormal:60,0.5``; a plain
number is a fixed time.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from statistics import NormalDist

from batchcalls_simulator.values import read_number

MAX_TIME_S = 86_400.0
"""The longest time a distribution may be given; a phone call of a day is a stuck one."""

MAX_SIGMA = 3.0
"""The widest lognormal: at 3, one call in a hundred lasts a thousand times the median."""

_STANDARD_NORMAL = NormalDist()


@dataclass(frozen=True, slots=True, kw_only=True)
class Fixed:
    """Always ``time_s``."""

    time_s: float

    def __post_init__(self) -> None:
        _require_time("a fixed time", self.time_s)

    @property
    def mean_s(self) -> float:
        return self.time_s

    def quantile(self, _draw: float) -> float:
        return self.time_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Uniform:
    """Anything from ``low_s`` to ``high_s``, equally likely."""

    low_s: float
    high_s: float

    def __post_init__(self) -> None:
        _require_time("the low end of a uniform time", self.low_s)
        _require_time("the high end of a uniform time", self.high_s, low=self.low_s)

    @property
    def mean_s(self) -> float:
        return (self.low_s + self.high_s) / 2

    def quantile(self, draw: float) -> float:
        return self.low_s + (self.high_s - self.low_s) * draw


@dataclass(frozen=True, slots=True, kw_only=True)
class Exponential:
    """Without memory, ``mean_s`` on average: the talk time of queueing theory."""

    mean_s: float

    def __post_init__(self) -> None:
        _require_time("the mean of an exponential time", self.mean_s)

    def quantile(self, draw: float) -> float:
        return -self.mean_s * math.log1p(-draw)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lognormal:
    """Half the times below ``median_s``, with a long tail above it: how people talk.

    ``sigma`` is the standard deviation of the time's natural logarithm, 0 to ``MAX_SIGMA``.
    """

    median_s: float
    sigma: float

    def __post_init__(self) -> None:
        _require_time("the median of a lognormal time", self.median_s)
        if not 0 <= self.sigma <= MAX_SIGMA:
            raise ValueError(f"sigma must be from 0 to {MAX_SIGMA:g}, not {self.sigma:g}")

    @property
    def mean_s(self) -> float:
        return self.median_s * math.exp(self.sigma**2 / 2)

    def quantile(self, draw: float) -> float:
        return self.median_s * math.exp(self.sigma * _STANDARD_NORMAL.inv_cdf(draw))


Distribution = Fixed | Uniform | Exponential | Lognormal

_KINDS: dict[str, type[Distribution]] = {
    "fixed": Fixed,
    "uniform": Uniform,
    "exponential": Exponential,
    "lognormal": Lognormal,
}


def read_distribution(value: object) -> Distribution:
    """The distribution that an option's value spells, in one of the forms above.

    Raises:
      ValueError: the kind is unknown, or its numbers are too few, too many or out of range.
    """
    if not isinstance(value, str) or ":" not in value:
        return Fixed(time_s=read_number(value))
    name, _, numbers = value.partition(":")
    kind = _KINDS.get(name.strip())
    if kind is None:
        raise ValueError(f"must be a number or one of {', '.join(_KINDS)}, not {name.strip()!r}")
    return _build(kind, name.strip(), [read_number(part) for part in numbers.split(",")])


def _build(kind: type[Distribution], name: str, numbers: list[float]) -> Distribution:
    parameters = [field.name for field in fields(kind)]
    if len(numbers) != len(parameters):
        form = f"{name}:{','.join(parameters)}"
        raise ValueError(f"must look like {form}, not have {len(numbers)} numbers")
    return kind(**dict(zip(parameters, numbers, strict=True)))


def _require_time(what: str, time_s: float, *, low: float = 0.0) -> None:
    if not low <= time_s <= MAX_TIME_S:
        raise ValueError(f"{what} must be from {low:g} to {MAX_TIME_S:g} s, not {time_s:g}")
