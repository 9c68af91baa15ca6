"""The trunk's limits are exact at every instant."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchcalls.carriers.base import CarrierThrottled, CarrierUnavailable
from batchcalls_simulator.trunk import Outage, Trunk


def test_a_trunk_without_limits_takes_every_call() -> None:
    """0 means no limit."""
    trunk = Trunk()
    for _ in range(1000):
        trunk.seize(0.0)
    assert trunk.calls_up == trunk.peak_calls_up == 1000


def test_a_full_trunk_throttles_until_a_line_is_free() -> None:
    """Each line carries one call."""
    trunk = Trunk(capacity=2)
    trunk.seize(0.0)
    trunk.seize(0.0)
    with pytest.raises(CarrierThrottled, match="every line is taken"):
        trunk.seize(0.0)
    trunk.release()
    trunk.seize(0.0)
    assert trunk.calls_up == 2


def test_a_refused_call_takes_no_line_and_no_turn() -> None:
    """Being throttled costs nothing: neither a line nor a place in the window."""
    trunk = Trunk(calls_per_second=1)
    trunk.seize(0.0)
    for now in (0.1, 0.5, 0.999999):
        with pytest.raises(CarrierThrottled):
            trunk.seize(now)
    assert trunk.calls_up == 1
    trunk.seize(1.0)


def test_throttling_by_rate_says_when_to_come_back() -> None:
    """``retry_after_s`` is the time until the oldest call leaves the window."""
    trunk = Trunk(calls_per_second=2)
    trunk.seize(10.0)
    trunk.seize(10.5)
    with pytest.raises(CarrierThrottled) as refusal:
        trunk.seize(10.75)
    assert refusal.value.retry_after_s == pytest.approx(0.25)
    trunk.seize(10.75 + refusal.value.retry_after_s)


def test_releasing_what_nobody_seized_is_a_bug() -> None:
    """The count of calls that are up never goes below zero."""
    with pytest.raises(AssertionError):
        Trunk().release()


@given(
    rate=st.integers(1, 20),
    gaps=st.lists(st.floats(0, 0.5, allow_subnormal=False), max_size=100),
)
def test_no_window_of_one_second_holds_more_calls_than_the_rate(
    rate: int, gaps: list[float]
) -> None:
    """Whenever calls come, each half-open second has at most ``rate`` that got a line."""
    trunk, now, taken = Trunk(calls_per_second=rate), 100.0, list[float]()
    for gap in gaps:
        now += gap
        try:
            trunk.seize(now)
        except CarrierThrottled:
            continue
        taken.append(now)
    for last in range(rate, len(taken)):
        assert taken[last] - taken[last - rate] >= 1 - 1e-6


@given(rate=st.floats(0.1, 1000))
def test_calls_spaced_evenly_at_the_rate_are_never_refused(rate: float) -> None:
    """Neither a fractional rate nor rounding refuses a dialer that keeps the rate."""
    trunk = Trunk(calls_per_second=rate)
    for number in range(200):
        trunk.seize(1000.0 + number / rate)


@pytest.mark.parametrize("rate", [0.25, 0.5, 1.5, 2.5, 50])
def test_an_impatient_dialer_gets_the_rate_and_no_more(rate: float) -> None:
    """Who dials every 5 ms for 100 s gets through at the rate, fractions of it included."""
    trunk = Trunk(calls_per_second=rate)
    for step in range(20_000):
        with suppress(CarrierThrottled):
            trunk.seize(step / 200)
    assert trunk.calls_up == pytest.approx(rate * 100, rel=0.02)


def test_an_outage_refuses_calls_from_its_start_up_to_its_end() -> None:
    """Windows are half-open and count from the first use of the trunk."""
    trunk = Trunk(outages=[Outage(start_s=60, end_s=90)])
    refused = []
    for since_s in (0.0, 59.9, 60.0, 89.9, 90.0):
        try:
            trunk.seize(1000.0 + since_s)
        except CarrierUnavailable:
            refused.append(since_s)
    assert refused == [60.0, 89.9]
    assert trunk.calls_up == 3


@pytest.mark.parametrize(("start_s", "end_s"), [(-1, 5), (5, 5), (9, 3), (0, float("inf"))])
def test_an_outage_has_a_start_and_a_later_end(start_s: float, end_s: float) -> None:
    """What isn't a span of time is refused."""
    with pytest.raises(ValueError, match="an outage must start at 0 s or later"):
        Outage(start_s=start_s, end_s=end_s)
