"""Distributions keep their theory: means, quantiles, and the text they are written in."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchcalls_simulator.distributions import (
    MAX_TIME_S,
    Distribution,
    Exponential,
    Fixed,
    Lognormal,
    Uniform,
    read_distribution,
)

DRAWS = 20_000

times = st.floats(0, MAX_TIME_S)
distributions: st.SearchStrategy[Distribution] = st.one_of(
    st.builds(Fixed, time_s=times),
    st.tuples(times, times).map(lambda ends: Uniform(low_s=min(ends), high_s=max(ends))),
    st.builds(Exponential, mean_s=times),
    st.builds(Lognormal, median_s=times, sigma=st.floats(0, 3)),
)
draws = st.floats(0, 1, exclude_min=True, exclude_max=True)


@pytest.mark.parametrize(
    "distribution",
    [
        Fixed(time_s=0.02),
        Uniform(low_s=1, high_s=5),
        Exponential(mean_s=30),
        Lognormal(median_s=60, sigma=0.5),
    ],
)
def test_the_mean_of_even_draws_is_the_mean_of_the_theory(distribution: Distribution) -> None:
    """Quantiles of draws spread evenly over (0, 1) average to the distribution's mean."""
    sampled = math.fsum(distribution.quantile((n + 0.5) / DRAWS) for n in range(DRAWS)) / DRAWS
    assert sampled == pytest.approx(distribution.mean_s, rel=1e-3)


@given(distribution=distributions, low=draws, high=draws)
def test_a_quantile_is_a_time_and_grows_with_its_draw(
    distribution: Distribution, low: float, high: float
) -> None:
    """No draw gives a negative or infinite time, and a greater draw gives no shorter one."""
    low, high = min(low, high), max(low, high)
    assert 0 <= distribution.quantile(low) <= distribution.quantile(high) < math.inf


def test_half_of_the_lognormal_times_are_below_the_median() -> None:
    """The first parameter of a lognormal is its median, not its mean."""
    assert Lognormal(median_s=60, sigma=0.5).quantile(0.5) == pytest.approx(60)


@pytest.mark.parametrize(
    ("value", "distribution"),
    [
        (2, Fixed(time_s=2)),
        ("2.5", Fixed(time_s=2.5)),
        ("fixed:0.02", Fixed(time_s=0.02)),
        ("uniform:1,5", Uniform(low_s=1, high_s=5)),
        ("exponential: 30", Exponential(mean_s=30)),
        ("lognormal:60, 0.5", Lognormal(median_s=60, sigma=0.5)),
    ],
)
def test_each_text_form_gives_its_distribution(value: object, distribution: Distribution) -> None:
    """A kind and its numbers, or a plain number for a fixed time."""
    assert read_distribution(value) == distribution


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("soon", "must be a number, not 'soon'"),
        ("normal:1,2", "must be a number or one of fixed, uniform, exponential, lognormal"),
        ("uniform:1", "must look like uniform:low_s,high_s, not have 1 numbers"),
        ("fixed:1,2", "must look like fixed:time_s, not have 2 numbers"),
        ("uniform:5,1", "the high end of a uniform time must be from 5 to 86400 s, not 1"),
        ("exponential:-1", "the mean of an exponential time must be from 0 to 86400 s, not -1"),
        ("fixed:nan", "a fixed time must be from 0 to 86400 s, not nan"),
        ("lognormal:60,4", "sigma must be from 0 to 3, not 4"),
        ("lognormal:60,x", "must be a number, not 'x'"),
    ],
)
def test_a_bad_text_is_refused_with_what_is_wrong(value: object, message: str) -> None:
    """The message names the part that is wrong and what it may be."""
    with pytest.raises(ValueError, match=message):
        read_distribution(value)
