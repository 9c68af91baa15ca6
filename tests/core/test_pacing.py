"""Pacing: starts never exceed the rate, are spread evenly, and come close to it."""

from __future__ import annotations

import math
import random
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from batchcalls.core.pacing import Pacer

RATES = st.one_of(
    st.integers(1, 60).map(float),
    st.floats(0.05, 60.0),
    st.sampled_from([0.5, 1.0, 1.9, 2.0, 49.999, 1_000.0]),
)
GAPS = st.one_of(
    st.just(0.0),
    st.floats(0.0, 0.03),
    st.floats(0.0, 3.0),
)


def assert_promise(starts: list[float], rate: float) -> None:
    """Check in exact arithmetic that no window of n / rate holds more than n starts."""
    count = max(1, math.floor(rate))
    window = Fraction(count) / Fraction(rate)
    for earlier, later in zip(starts, starts[count:], strict=False):
        assert Fraction(later) - Fraction(earlier) >= window


def start_all(pacer: Pacer, now: float, most: int = 10_000) -> list[float]:
    starts: list[float] = []
    while len(starts) < most and pacer.earliest(now) <= now:
        pacer.start(now)
        starts.append(now)
    return starts


def run_loop(pacer: Pacer, *, seconds: float, lateness_s: float, begin: float) -> list[float]:
    """Start whatever may start, sleep until the next may, wake up late; over and over."""
    draw = random.Random(7)
    now, starts = begin, []
    while now < begin + seconds:
        starts += start_all(pacer, now)
        now = pacer.earliest(now) + draw.uniform(0.0, lateness_s)
    return starts


@given(
    rate=RATES,
    begin=st.sampled_from([0.0, 0.1, 12_345.678, 1e9]),
    gaps=st.lists(GAPS, max_size=200),
)
@example(rate=1 / 3, begin=0.1, gaps=[3.0] * 20)
@example(rate=49.999, begin=1e9, gaps=[0.02] * 120)
def test_no_window_holds_more_starts_than_the_rate(
    rate: float, begin: float, gaps: list[float]
) -> None:
    """Whenever one asks, the starts that are allowed never exceed the rate in any window."""
    pacer = Pacer(rate)
    now, starts = begin, []
    for gap in gaps:
        now += gap
        starts += start_all(pacer, now)
    assert_promise(starts, rate)


@given(rate=RATES, begin=st.floats(0.0, 1e9), late=st.lists(st.floats(0.0, 0.01), max_size=150))
def test_the_promise_holds_at_the_very_moment_it_names(
    rate: float, begin: float, late: list[float]
) -> None:
    """A start at exactly the earliest moment, or a little later, keeps the promise."""
    pacer = Pacer(rate)
    now, starts = begin, []
    for lateness in late:
        now = pacer.earliest(now) + lateness
        pacer.start(now)
        starts.append(now)
    assert_promise(starts, rate)


@given(
    first=st.one_of(st.just(0.0), RATES),
    steps=st.lists(st.tuples(GAPS, st.none() | st.just(0.0) | RATES), max_size=80),
)
@example(first=1.9, steps=[(0.53, None)] * 5 + [(0.0, 3.0)])
@example(first=0.0, steps=[(0.0, None), (1.4, None), (0.0, 0.5)])
def test_a_new_rate_binds_at_once_and_counts_earlier_starts(
    first: float, steps: list[tuple[float, float | None]]
) -> None:
    """With every start at most n starts lie in the n / rate seconds up to it, by its own rate."""
    pacer = Pacer(first)
    now, starts = 0.0, []
    for gap, rate in steps:
        now += gap
        if rate is not None:
            pacer.set_rate(rate, now)
        for start in start_all(pacer, now, most=50):
            starts.append(start)
            assert_last_start_obeys(starts, pacer.rate)


def assert_last_start_obeys(starts: list[float], rate: float) -> None:
    if rate == 0.0:
        return
    count = max(1, math.floor(rate))
    if len(starts) > count:
        apart = Fraction(starts[-1]) - Fraction(starts[-1 - count])
        assert apart >= Fraction(count) / Fraction(rate)


@pytest.mark.parametrize("rate", [1.0, 1.9, 10.0, 50.0, 200.0, 1_000.0])
@pytest.mark.parametrize("lateness_s", [0.0, 0.001, 0.005])
def test_a_loop_that_wakes_up_late_still_comes_close_to_the_rate(
    rate: float, lateness_s: float
) -> None:
    """Over 20 s, wake-ups up to 5 ms late cost at most 2 % of the rate, and break nothing."""
    starts = run_loop(Pacer(rate), seconds=20.0, lateness_s=lateness_s, begin=5_000.0)
    assert len(starts) >= 0.98 * 20.0 * rate
    assert_promise(starts, rate)


@pytest.mark.parametrize("rate", [0.2, 1.0, 10.0, 49.0, 50.0, 200.0, 1_000.0])
def test_idle_time_saves_up_no_burst(rate: float) -> None:
    """After any idle time at most tolerance_s worth of starts go at once, and at least one."""
    pacer = Pacer(rate, tolerance_s=0.02)
    for now in (0.0, 100.0, 10_000.0):
        assert len(start_all(pacer, now)) <= max(1, round(0.02 * rate))


def test_starts_are_spread_evenly_over_the_second() -> None:
    """A punctual loop starts one call per interval, never the second's worth at once."""
    pacer = Pacer(50.0)
    starts = run_loop(pacer, seconds=3.0, lateness_s=0.0, begin=0.0)
    gaps = [later - earlier for earlier, later in pairwise(starts)]
    assert gaps == pytest.approx([0.02] * len(gaps))


def test_a_late_start_is_caught_up_with() -> None:
    """A start within the tolerance keeps its place, so that the next comes at its old time."""
    pacer = Pacer(10.0, tolerance_s=0.02)
    pacer.start(0.0)
    pacer.start(0.115)
    assert pacer.earliest(0.115) == pytest.approx(0.2)


def test_a_start_later_than_the_tolerance_is_not_caught_up_with() -> None:
    """Beyond the tolerance the schedule begins anew at the late start."""
    pacer = Pacer(10.0, tolerance_s=0.02)
    pacer.start(0.0)
    pacer.start(0.13)
    assert pacer.earliest(0.13) == pytest.approx(0.23)


def test_a_rate_of_zero_is_no_limit() -> None:
    """An unlimited pacer allows any number of starts at any moment."""
    pacer = Pacer(0.0)
    assert len(start_all(pacer, 3.0, most=5_000)) == 5_000
    assert pacer.earliest(3.0) == 3.0


def test_a_limit_set_after_a_flood_waits_until_the_flood_is_past() -> None:
    """What was started without a limit counts against a limit that is set a moment later."""
    pacer = Pacer(0.0)
    start_all(pacer, 3.0, most=500)
    pacer.set_rate(10.0, 3.0)
    assert pacer.earliest(3.0) == pytest.approx(4.0)
    assert pacer.earliest(3.0) >= 4.0


def test_a_higher_rate_shortens_the_wait_at_once() -> None:
    """A slow pacer that is told to hurry allows the next start by the new interval."""
    pacer = Pacer(0.1)
    pacer.start(0.0)
    assert pacer.earliest(0.0) == pytest.approx(10.0)
    pacer.set_rate(100.0, 0.0)
    assert pacer.earliest(0.0) == pytest.approx(0.01)


def test_the_rate_is_the_last_one_set() -> None:
    """The rate tells what is in force."""
    pacer = Pacer(2.0)
    pacer.set_rate(3.5, 0.0)
    assert pacer.rate == 3.5


def test_a_start_that_is_not_allowed_raises_and_changes_nothing() -> None:
    """Starting too early is a bug; the pacer stays as it was."""
    pacer = Pacer(1.0)
    pacer.start(5.0)
    before = pacer.earliest(5.0)
    with pytest.raises(AssertionError, match="allows no start"):
        pacer.start(5.5)
    assert pacer.earliest(5.0) == before


def test_time_never_runs_backwards() -> None:
    """A start before the last one is a bug, with a limit or without."""
    pacer = Pacer(0.0)
    pacer.start(5.0)
    with pytest.raises(AssertionError, match="lies before"):
        pacer.start(4.0)


@pytest.mark.parametrize("rate", [-1.0, math.inf, math.nan])
def test_an_impossible_rate_is_refused(rate: float) -> None:
    """A rate is a finite number of starts per second, 0 or more."""
    with pytest.raises(AssertionError, match="a rate is"):
        Pacer(rate)


def test_asking_changes_nothing() -> None:
    """However often and for whatever moment one asks, the answers stay the same."""
    pacer = Pacer(4.0)
    pacer.start(1.0)
    answers = [pacer.earliest(moment) for moment in (1.0, 50.0, 1.1, 1.0)]
    assert answers == [1.25, 50.0, 1.25, 1.25]


def test_a_postponed_start_counts_at_its_later_moment() -> None:
    """What was planned for one moment and made at a later one blocks the window from there."""
    pacer = Pacer(1.0)
    pacer.start(5.0)
    pacer.postpone(5.0, 5.004)
    assert 6.004 <= pacer.earliest(5.0) < 6.005
    with pytest.raises(AssertionError, match="allows no start"):
        pacer.start(6.002)


def test_postponing_one_of_many_starts_keeps_the_others() -> None:
    """Two starts planned for one moment are postponed one at a time."""
    pacer = Pacer(0.0)
    for _ in range(3):
        pacer.start(5.0)
    pacer.postpone(5.0, 5.5)
    assert pacer.observed_rate(5.9) == 3.0
    assert pacer.observed_rate(6.1) == 1.0


def test_a_start_postponed_for_long_still_counts() -> None:
    """A start whose plan is long forgotten counts at the moment when it is made."""
    pacer = Pacer(1.5)
    pacer.start(5.0)
    pacer.start(8.0)
    pacer.postpone(5.0, 8.25)
    assert pacer.earliest(8.25) == pytest.approx(8.25 + 1 / 1.5)
    assert pacer.observed_rate(8.25) == 2.0


@given(rate=RATES, late=st.lists(st.tuples(GAPS, st.floats(0.0, 0.02)), max_size=150))
def test_postponed_starts_keep_the_promise_for_all_that_follow(
    rate: float, late: list[tuple[float, float]]
) -> None:
    """As long as each start is made before the next is planned, the moments made keep it."""
    pacer = Pacer(rate)
    now, made = 0.0, []
    for gap, lateness in late:
        now = planned = pacer.earliest(now + gap)
        pacer.start(planned)
        now += lateness
        pacer.postpone(planned, now)
        made.append(now)
    assert_promise(made, rate)


@pytest.mark.parametrize("moment", [4.9, 5.5])
def test_a_start_is_not_postponed_to_the_past(moment: float) -> None:
    """The moment made lies neither before the plan nor before a later start."""
    pacer = Pacer(0.0)
    pacer.start(5.0)
    pacer.start(6.0)
    with pytest.raises(AssertionError, match="lies before"):
        pacer.postpone(5.0, moment)


def test_the_observed_rate_counts_the_last_second() -> None:
    """The observed rate is what was started in the second before now, not before that."""
    pacer = Pacer(0.0)
    for start in (1.0, 1.5, 1.9, 2.4):
        pacer.start(start)
    assert pacer.observed_rate(2.4) == 3.0
    assert pacer.observed_rate(2.5) == 2.0
    assert pacer.observed_rate(9.0) == 0.0


def test_the_representation_tells_the_state() -> None:
    """The repr says the rate and when the last start was."""
    pacer = Pacer(2.5)
    assert repr(pacer) == "<Pacer 2.5/s, last start never>"
    pacer.start(1.0)
    assert repr(pacer) == "<Pacer 2.5/s, last start 1.000000>"
    pacer.set_rate(0.0, 1.0)
    assert repr(pacer) == "<Pacer unlimited, last start 1.000000>"


@pytest.mark.parametrize("rate", [0.5, 1.0, 50.0])
def test_a_held_pacer_starts_after_a_whole_window(rate: float) -> None:
    """Whatever somebody else started before the hold, no window has too many."""
    pacer = Pacer(rate)
    pacer.hold(100.0)
    window_s = max(1, math.floor(rate)) / rate
    assert pacer.earliest(100.0) == pytest.approx(100.0 + window_s)


def test_holding_an_unlimited_pacer_changes_nothing() -> None:
    """Without a rate there is no window to wait for."""
    pacer = Pacer(0.0)
    pacer.hold(100.0)
    assert pacer.earliest(100.0) == 100.0


@given(rate=RATES, transits=st.lists(st.floats(0.0, 0.01), min_size=1, max_size=150))
@example(rate=1.0, transits=[0.01, 0.0])
@example(rate=50.0, transits=[0.01] * 50 + [0.0] * 50)
def test_a_guard_keeps_the_promise_for_those_who_see_starts_later(
    rate: float, transits: list[float]
) -> None:
    """Each start is seen a little later, one more, one less: by the guard at most."""
    pacer = Pacer(rate, guard_s=0.01 + 1e-6)  # and the rounding of the sums below
    now, seen = 100.0, []
    for transit in transits:
        now = pacer.earliest(now)
        pacer.start(now)
        seen.append(now + transit)
    assert_promise(sorted(seen), rate)


@pytest.mark.parametrize("rate", [0.2, 1.0, 10.0, 49.9, 1_000.0])
def test_a_guard_costs_its_share_of_the_window(rate: float) -> None:
    """A guard of 10 ms takes 1 % of the rate at most from windows of a second or more."""
    starts = run_loop(Pacer(rate, guard_s=0.01), seconds=30.0, lateness_s=0.001, begin=5_000.0)
    assert len(starts) >= 0.98 * 30.0 * rate
