"""What a list of measurements says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.sample import growth, middle, most_in_a_window, percentile, repeated, spread


def test_a_disturbed_repetition_does_not_move_the_middle() -> None:
    """The middle is the median."""
    assert middle([10.0, 11.0, 500.0]) == 11.0


def test_the_spread_is_half_the_range_relative_to_the_middle() -> None:
    """90 to 110 around 100 is 10 %."""
    assert spread([90.0, 100.0, 110.0]) == pytest.approx(0.1)


def test_one_measurement_has_no_spread() -> None:
    """Nobody can say from one run how much runs differ."""
    assert spread([7.0]) is None


@pytest.mark.parametrize(("percent", "value"), [(1, 1.0), (50, 50.0), (99, 99.0), (100, 100.0)])
def test_a_percentile_is_a_value_that_was_measured(percent: float, value: float) -> None:
    """Nearest rank: of 1 to 100, the p99 is 99."""
    assert percentile([float(each) for each in range(100, 0, -1)], percent) == value


def test_a_percentile_between_two_values_is_the_upper_one() -> None:
    """Half of three values is two of them: a limit must not look better than it was."""
    assert percentile([1.0, 2.0, 3.0], 50) == 2.0


def test_there_is_no_percentile_of_nothing() -> None:
    """A benchmark that measured nothing fails instead of reporting a zero."""
    with pytest.raises(ValueError, match="nothing"):
        percentile([], 99)


@pytest.mark.parametrize("exponent", [0.5, 1.0, 2.0])
def test_growth_is_the_exponent(exponent: float) -> None:
    """A cost of size to the power of e grows with e, whatever the factor."""
    sizes = [10.0, 100.0, 1_000.0]
    assert growth(sizes, [3 * size**exponent for size in sizes]) == pytest.approx(exponent)


def test_measurements_are_repeated_in_order() -> None:
    """Each repetition is one measurement."""
    values = iter([3.0, 1.0, 2.0])
    assert repeated(3, lambda: next(values)) == [3.0, 1.0, 2.0]


def test_a_window_is_half_open() -> None:
    """Two moments exactly a window apart aren't in one window."""
    assert most_in_a_window([0.0, 1.0], 1.0) == 1
    assert most_in_a_window([0.0, 0.999], 1.0) == 2
    assert most_in_a_window([], 1.0) == 0


@given(st.lists(st.integers(0, 40)), st.integers(1, 10))
def test_the_fullest_window_is_the_fullest_of_all(times: list[int], window: int) -> None:
    """The same as counting the window that begins at each moment."""
    counts = [sum(start <= time < start + window for time in times) for start in times]
    assert most_in_a_window([float(time) for time in times], float(window)) == max(
        counts, default=0
    )
