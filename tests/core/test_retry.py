"""Retry: who is dialed again, and after how long."""

from __future__ import annotations

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from batchcalls.core.model import RETRYABLE_OUTCOMES, CallStatus, Outcome, RetryConfig
from batchcalls.core.retry import Over, Retry, decide, next_delay_s

DRAWS = st.floats(min_value=0.0, max_value=1.0, exclude_max=True)
LAST_DRAW = math.nextafter(1.0, 0.0)

CONFIGS = st.builds(
    RetryConfig,
    max_attempts=st.integers(1, 100),
    delay_s=st.floats(0.0, 1e9),
    backoff_multiplier=st.floats(1.0, 10.0),
    max_delay_s=st.floats(0.0, 1e9),
    jitter=st.floats(0.0, 1.0),
    retry_on=st.frozensets(st.sampled_from(sorted(RETRYABLE_OUTCOMES))),
)

FINAL_STATUS = {
    Outcome.COMPLETED: CallStatus.COMPLETED,
    Outcome.VOICEMAIL: CallStatus.COMPLETED,
    Outcome.CANCELED: CallStatus.CANCELED,
}

ATTEMPT_OUTCOMES = [outcome for outcome in Outcome if outcome is not Outcome.THROTTLED]


@pytest.mark.parametrize("outcome", ATTEMPT_OUTCOMES)
def test_the_last_attempt_is_final_whatever_its_outcome(outcome: Outcome) -> None:
    """After max_attempts the call ends: completed, canceled, or failed by its last outcome."""
    config = RetryConfig(max_attempts=3, retry_on=frozenset(Outcome))
    expected = Over(FINAL_STATUS.get(outcome, CallStatus.FAILED))
    assert decide(config, outcome, 3, 0.5) == expected
    assert decide(config, outcome, 4, 0.5) == expected


@pytest.mark.parametrize("outcome", ATTEMPT_OUTCOMES)
def test_an_outcome_that_is_not_named_is_final(outcome: Outcome) -> None:
    """An outcome outside retry_on ends the call at the first attempt."""
    config = RetryConfig(max_attempts=3, retry_on=frozenset(Outcome) - {outcome})
    expected = Over(FINAL_STATUS.get(outcome, CallStatus.FAILED))
    assert decide(config, outcome, 1, 0.5) == expected


@pytest.mark.parametrize("outcome", sorted(RETRYABLE_OUTCOMES))
def test_a_named_outcome_is_retried_while_attempts_are_left(outcome: Outcome) -> None:
    """An outcome named in retry_on is retried until max_attempts are made."""
    config = RetryConfig(max_attempts=3, delay_s=7.0, retry_on=frozenset({outcome}))
    assert decide(config, outcome, 1, 0.5) == Retry(7.0)
    assert decide(config, outcome, 2, 0.5) == Retry(7.0)


@pytest.mark.parametrize("outcome", [Outcome.COMPLETED, Outcome.INVALID_NUMBER, Outcome.CANCELED])
def test_some_outcomes_are_never_retried(outcome: Outcome) -> None:
    """Completed, invalid and canceled calls end at once, even if somebody names them."""
    config = RetryConfig(max_attempts=100, retry_on=frozenset(Outcome))
    assert isinstance(decide(config, outcome, 1, 0.5), Over)


def test_unknown_is_final_by_default() -> None:
    """A person who may have been reached isn't dialed again unless the client asked for it."""
    assert decide(RetryConfig(max_attempts=9), Outcome.UNKNOWN, 1, 0.5) == Over(CallStatus.FAILED)


def test_one_attempt_is_the_default() -> None:
    """Without a retry config a busy call isn't tried again."""
    assert decide(RetryConfig(), Outcome.BUSY, 1, 0.5) == Over(CallStatus.FAILED)


def test_a_throttled_dial_is_refused() -> None:
    """A throttled dial is no attempt, so asking about one is a bug."""
    with pytest.raises(AssertionError, match="throttled"):
        decide(RetryConfig(), Outcome.THROTTLED, 1, 0.5)


@pytest.mark.parametrize(("attempts", "draw"), [(0, 0.5), (1, 1.0), (1, -0.1)])
def test_impossible_arguments_are_refused(attempts: int, draw: float) -> None:
    """Attempts count from 1 and a draw lies in [0, 1)."""
    with pytest.raises(AssertionError):
        next_delay_s(RetryConfig(), attempts, draw)


def test_the_delay_grows_by_the_multiplier_up_to_the_cap() -> None:
    """The delay before attempt n+1 is delay × multiplier^(n-1), at most max_delay_s."""
    config = RetryConfig(delay_s=10.0, backoff_multiplier=3.0, max_delay_s=200.0)
    delays = [next_delay_s(config, attempts, 0.5) for attempts in range(1, 6)]
    assert delays == [10.0, 30.0, 90.0, 200.0, 200.0]


@pytest.mark.parametrize("attempts", [1, 2, 10_000])
def test_no_delay_stays_no_delay(attempts: int) -> None:
    """Nothing times any power of the multiplier is nothing, however large the power."""
    config = RetryConfig(delay_s=0.0, backoff_multiplier=10.0, jitter=1.0)
    assert next_delay_s(config, attempts, 0.9) == 0.0


def test_a_delay_too_large_for_a_float_is_the_cap() -> None:
    """A power that overflows is just a long delay."""
    config = RetryConfig(delay_s=1e-9, backoff_multiplier=10.0, max_delay_s=60.0)
    assert next_delay_s(config, 10_000, 0.5) == 60.0


@pytest.mark.parametrize(
    ("draw", "expected"), [(0.0, 75.0), (0.5, 100.0), (0.75, 112.5), (LAST_DRAW, 125.0)]
)
def test_jitter_spreads_evenly_around_the_delay(draw: float, expected: float) -> None:
    """The factor goes from 1-jitter to 1+jitter in step with the draw."""
    config = RetryConfig(delay_s=100.0, jitter=0.25)
    assert next_delay_s(config, 1, draw) == pytest.approx(expected)


def test_the_cap_holds_before_and_after_the_jitter() -> None:
    """A capped delay is still spread downwards, and never upwards."""
    config = RetryConfig(delay_s=1_000.0, max_delay_s=100.0, jitter=0.5)
    assert next_delay_s(config, 1, 0.0) == 50.0
    assert next_delay_s(config, 1, LAST_DRAW) == 100.0


@given(config=CONFIGS, attempts=st.integers(1, 100), draw=DRAWS)
@example(
    config=RetryConfig(delay_s=1e9, backoff_multiplier=10.0, max_delay_s=60.0),
    attempts=10_000,
    draw=0.5,
)
@example(config=RetryConfig(delay_s=0.0, backoff_multiplier=10.0), attempts=10_000, draw=0.5)
def test_every_delay_lies_between_its_limits(
    config: RetryConfig, attempts: int, draw: float
) -> None:
    """No config and no number of attempts makes a delay negative, endless or above the cap."""
    assert 0.0 <= next_delay_s(config, attempts, draw) <= config.max_delay_s


@given(config=CONFIGS, outcome=st.sampled_from(ATTEMPT_OUTCOMES), draw=DRAWS)
def test_no_call_is_dialed_past_its_attempts(
    config: RetryConfig, outcome: Outcome, draw: float
) -> None:
    """A call that meets the same outcome each time is dialed max_attempts times at most."""
    attempts = 1
    while isinstance(decide(config, outcome, attempts, draw), Retry):
        attempts += 1
    assert attempts == (config.max_attempts if outcome in config.retry_on else 1)
