"""Whether a call is tried again, and when.

Given how an attempt ended, ``decide`` says what becomes of its call. It doesn't look at
the clock, keep a queue or draw random numbers: the caller adds the delay to its own time
and brings the draw.

The delay before attempt n+1 is delay × multiplier to the power n-1, never more than
``max_delay_s``. Jitter multiplies that by a factor drawn evenly from 1-jitter to
1+jitter, so that the calls which met one outage don't all come back at one moment. The
cap holds after the jitter too.

A call that its carrier had no room for made no attempt: it waits as long as the carrier asked,
and at least ``REFUSED_DELAY_S``, twice as long after each refusal in a row. A number for which
there is never room costs a dial now and then, and never ends by itself.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from batchcalls.core.model import CallStatus, Outcome, RetryConfig

REFUSED_DELAY_S: Final = 1.0
"""How long a call that was refused waits at least, the first time."""

MAX_REFUSED_DELAY_S: Final = 30.0
"""How long it waits in the end, unless the carrier asks for more: where the carrier is full, a line
that falls free isn't left alone for long."""


class Retry(NamedTuple):
    """The call waits ``delay_s`` seconds (0 or more) and is dialed again."""

    delay_s: float


class Over(NamedTuple):
    """The call is over and ends in ``status``."""

    status: CallStatus


Decision = Retry | Over

_FINAL_STATUS = {
    Outcome.COMPLETED: CallStatus.COMPLETED,
    Outcome.VOICEMAIL: CallStatus.COMPLETED,
    Outcome.BUSY: CallStatus.FAILED,
    Outcome.NO_ANSWER: CallStatus.FAILED,
    Outcome.REJECTED: CallStatus.FAILED,
    Outcome.FAILED: CallStatus.FAILED,
    Outcome.INVALID_NUMBER: CallStatus.FAILED,
    Outcome.CANCELED: CallStatus.CANCELED,
    Outcome.UNKNOWN: CallStatus.FAILED,
}

_NEVER_RETRIED = frozenset({Outcome.COMPLETED, Outcome.INVALID_NUMBER, Outcome.CANCELED})


def decide(config: RetryConfig, outcome: Outcome, attempts: int, draw: float) -> Decision:
    """What becomes of a call whose attempt number ``attempts`` (from 1) ended in ``outcome``.

    ``draw`` is a random number from 0 up to but not including 1; it only moves the delay.
    ``THROTTLED`` is no attempt and never comes here.
    """
    assert outcome is not Outcome.THROTTLED, "a throttled dial isn't an attempt"
    assert attempts >= 1, f"attempts are numbered from 1, not {attempts}"
    wanted = outcome in config.retry_on and outcome not in _NEVER_RETRIED
    if wanted and attempts < config.max_attempts:
        return Retry(next_delay_s(config, attempts, draw))
    return Over(_FINAL_STATUS[outcome])


def next_delay_s(config: RetryConfig, attempts: int, draw: float) -> float:
    """The seconds before attempt ``attempts + 1``, after ``attempts`` (from 1) were made.

    From 0 to ``config.max_delay_s``. ``draw`` is a random number from 0 up to but not
    including 1: 0 gives the shortest delay that the jitter allows, 0.5 the one without it.
    """
    assert attempts >= 1, f"attempts are numbered from 1, not {attempts}"
    assert 0.0 <= draw < 1.0, f"a draw lies in [0, 1), not at {draw}"
    delay_s = min(_backed_off_s(config, attempts), config.max_delay_s)
    factor = 1.0 - config.jitter + 2.0 * config.jitter * draw
    return min(delay_s * factor, config.max_delay_s)


def refused_delay_s(refusals: int, asked_s: float) -> float:
    """The seconds before a call is dialed again that was refused ``refusals`` times in a row.

    ``asked_s`` is what the carrier asked for, 0 or more.
    """
    assert refusals >= 1, f"refusals are counted from 1, not {refusals}"
    doublings = min(refusals - 1, 32)  # beyond the longest delay, and no overflow
    return max(asked_s, min(REFUSED_DELAY_S * 2.0**doublings, MAX_REFUSED_DELAY_S))


def _backed_off_s(config: RetryConfig, attempts: int) -> float:
    if config.delay_s == 0.0:
        return 0.0
    try:
        return config.delay_s * config.backoff_multiplier ** (attempts - 1)
    except OverflowError:
        return config.max_delay_s
