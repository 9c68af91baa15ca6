"""What a list of measurements says: the middle, the spread, the slow end, and how it grows."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from statistics import linear_regression, median


def repeated(times: int, measure: Callable[[], float]) -> list[float]:
    """Measure that many times."""
    return [measure() for _ in range(times)]


def middle(values: Sequence[float]) -> float:
    """The median: one disturbed repetition doesn't move it."""
    return median(values)


def spread(values: Sequence[float]) -> float | None:
    """Half the distance from the least to the greatest, relative to the median; None for one."""
    center = median(values)
    if len(values) < 2 or not center:
        return None
    return (max(values) - min(values)) / 2 / abs(center)


def percentile(values: Sequence[float], percent: float) -> float:
    """The nearest-rank percentile: the least value that ``percent`` % of all don't exceed.

    Raises:
      ValueError: there are no values.
    """
    if not values:
        raise ValueError("there is no percentile of nothing")
    rank = math.ceil(percent / 100 * len(values))
    return sorted(values)[max(rank, 1) - 1]


def growth(sizes: Sequence[float], costs: Sequence[float]) -> float:
    """The exponent with which cost grows with size: 1 is linear, 2 is quadratic.

    The slope of the least-squares line through the logarithms. Sizes and costs are above 0.
    """
    slope, _ = linear_regression(
        [math.log(size) for size in sizes], [math.log(cost) for cost in costs]
    )
    return slope


def most_in_a_window(times: Sequence[float], window_s: float) -> int:
    """The most of these moments that lie in any half-open window [t, t + ``window_s``)."""
    ordered = sorted(times)
    most = first = 0
    for last, time in enumerate(ordered):
        while time - ordered[first] >= window_s:
            first += 1
        most = max(most, last - first + 1)
    return most
