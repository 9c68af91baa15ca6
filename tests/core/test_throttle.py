"""The adaptive rate: down by half, up step by step, back to where it was."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchcalls.core.throttle import MAX_REST_S, AdaptiveRate


@pytest.mark.parametrize("ceiling", [0.0, 0.1, 7.0, 1_000.0])
def test_the_ceiling_is_allowed_until_the_carrier_throttles(ceiling: float) -> None:
    """A carrier that never throttles is dialed at its configured rate, or without limit."""
    assert AdaptiveRate(ceiling).allowed(123.0) == ceiling


def test_throttling_halves_what_was_dialed() -> None:
    """The decrease starts from the rate observed, which may be less than the one allowed."""
    rate = AdaptiveRate(100.0)
    rate.throttled(10.0, observed_rate=30.0)
    assert rate.allowed(10.0) == 15.0


def test_throttling_halves_the_allowed_rate_when_more_was_observed() -> None:
    """Right after a decrease the observed rate is still high; the allowed one is halved again."""
    rate = AdaptiveRate(100.0, hold_s=1.0)
    rate.throttled(10.0, observed_rate=100.0, retry_after_s=1.0)
    rate.throttled(11.0, observed_rate=100.0, retry_after_s=1.0)
    assert rate.allowed(11.0) == 25.0


def test_throttles_within_the_hold_count_once() -> None:
    """A burst of throttled dials, all sent before the decrease, halves the rate once."""
    rate = AdaptiveRate(100.0, hold_s=1.0)
    for moment in (10.0, 10.0, 10.4, 10.999):
        rate.throttled(moment, observed_rate=100.0, retry_after_s=2.0)
    assert rate.allowed(11.0) == 50.0


def test_the_rate_grows_steadily_to_the_ceiling() -> None:
    """Five percent of the ceiling come back each second, and not more than the ceiling."""
    rate = AdaptiveRate(100.0)
    rate.throttled(0.0, observed_rate=100.0)
    allowed = [rate.allowed(moment) for moment in (0.0, 1.0, 4.0, 10.0, 11.0, 1e6)]
    assert allowed == pytest.approx([50.0, 55.0, 70.0, 100.0, 100.0, 100.0])


def test_without_a_ceiling_the_rate_is_unlimited_again_beyond_twice_the_observed() -> None:
    """From half of what was observed it grows to twice that, and then the limit is gone."""
    rate = AdaptiveRate(0.0)
    rate.throttled(0.0, observed_rate=40.0)
    assert rate.allowed(0.0) == 20.0
    assert rate.allowed(10.0) == pytest.approx(40.0)
    assert rate.allowed(29.9) == pytest.approx(79.8)
    assert rate.allowed(30.1) == 0.0


def test_without_a_ceiling_repeated_throttling_does_not_slow_the_way_back() -> None:
    """The step of growth stays that of the first decrease, until the rate is unlimited again."""
    rate = AdaptiveRate(0.0)
    rate.throttled(0.0, observed_rate=40.0)
    for moment in range(1, 20):
        rate.throttled(float(moment), observed_rate=1.0)
    assert rate.allowed(19.0) == 0.5
    assert rate.allowed(29.0) == pytest.approx(20.5)
    rate.throttled(1_000.0, observed_rate=10.0)
    assert rate.allowed(1_010.0) == pytest.approx(10.0)


@pytest.mark.parametrize(("ceiling", "floor"), [(0.0, 0.5), (100.0, 0.5), (0.2, 0.2)])
def test_the_rate_never_falls_below_the_floor(ceiling: float, floor: float) -> None:
    """Somebody must find out when there is room again; a lower ceiling is its own floor."""
    rate = AdaptiveRate(ceiling)
    for moment in range(0, 100, 2):
        rate.throttled(float(moment), observed_rate=0.0)
        assert rate.allowed(float(moment)) == floor


def test_the_carrier_may_ask_for_a_rest() -> None:
    """The rate begins to grow retry_after_s after the decrease."""
    rate = AdaptiveRate(100.0)
    rate.throttled(0.0, observed_rate=100.0, retry_after_s=10.0)
    assert rate.allowed(10.0) == 50.0
    assert rate.allowed(11.0) == pytest.approx(55.0)


@pytest.mark.parametrize(("asked_s", "rest_s"), [(1e9, MAX_REST_S), (-5.0, 0.0)])
def test_the_rest_is_bounded(asked_s: float, rest_s: float) -> None:
    """A carrier that asks for years, or for the past, gets a rest within the limits."""
    rate = AdaptiveRate(100.0)
    rate.throttled(0.0, observed_rate=100.0, retry_after_s=asked_s)
    assert rate.allowed(rest_s) == 50.0
    assert rate.allowed(rest_s + 1.0) == pytest.approx(55.0)


@given(
    ceiling=st.just(0.0) | st.floats(0.01, 1e4),
    throttles=st.lists(st.tuples(st.floats(0.0, 30.0), st.floats(0.0, 1e4)), max_size=50),
)
def test_the_rate_stays_within_its_limits_and_always_comes_back(
    ceiling: float, throttles: list[tuple[float, float]]
) -> None:
    """Whatever the carrier says, the rate lies from the floor to the ceiling, and recovers."""
    rate = AdaptiveRate(ceiling)
    floor = min(0.5, ceiling or math.inf)
    now = 0.0
    for gap, observed in throttles:
        now += gap
        before = rate.allowed(now) or math.inf
        rate.throttled(now, observed_rate=observed)
        after = rate.allowed(now) or math.inf
        assert floor <= after <= (ceiling or math.inf)
        assert after <= max(before, floor)
    assert rate.allowed(now + 41.0) == ceiling


def test_asking_changes_nothing() -> None:
    """Looking far ahead doesn't end the decrease."""
    rate = AdaptiveRate(100.0)
    rate.throttled(0.0, observed_rate=100.0)
    assert rate.allowed(1e6) == 100.0
    assert rate.allowed(1.0) == pytest.approx(55.0)


@pytest.mark.parametrize(("ceiling", "floor"), [(-1.0, 0.5), (math.nan, 0.5), (1.0, 0.0)])
def test_impossible_limits_are_refused(ceiling: float, floor: float) -> None:
    """A ceiling is a finite rate, and the floor lets at least a little through."""
    with pytest.raises(AssertionError):
        AdaptiveRate(ceiling, floor=floor)


def test_the_representation_tells_the_state() -> None:
    """The repr says the ceiling and the last decrease."""
    rate = AdaptiveRate(100.0)
    assert repr(rate) == "<AdaptiveRate 100/s, never throttled>"
    rate.throttled(2.0, observed_rate=50.0)
    assert repr(rate) == "<AdaptiveRate 100/s, 25/s at 2.000>"
    assert repr(AdaptiveRate(0.0)) == "<AdaptiveRate unlimited, never throttled>"
