"""The people at the other end: what becomes of a dial, and how long each part of it takes.

It waits for nothing and keeps nothing. The fate of a dial is a function of the options,
the phone number and the attempt number (and of the hour, where that is asked for), so a
run repeats exactly, whatever order its tasks run in. That nobody has a number is a property of
the number: it is invalid at each attempt, and one that isn't never becomes so.

Each dial is hashed (BLAKE2b, keyed with the seed) into a row of draws spread evenly over
(0, 1). Every question has a draw of its own: a longer talk time changes nobody's mind
about answering.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterator
from hashlib import blake2b
from itertools import accumulate
from struct import Struct
from typing import NamedTuple

from batchcalls.core.model import Outcome
from batchcalls_simulator.options import HOURS_A_DAY, RATES, SimulatorOptions

_FATES = (
    Outcome.BUSY,
    Outcome.NO_ANSWER,
    Outcome.FAILED,
    Outcome.REJECTED,
    Outcome.VOICEMAIL,
    Outcome.COMPLETED,
)
"""In the order of ``RATES``, without the invalid; the last one takes what is left over."""

_NEVER_RINGS = frozenset({Outcome.BUSY, Outcome.FAILED, Outcome.INVALID_NUMBER})
_ANSWERED = frozenset({Outcome.COMPLETED, Outcome.VOICEMAIL})

MAGIC_NUMBERS: dict[str, tuple[Outcome, ...]] = {
    "+15550100000": (Outcome.COMPLETED,),
    "+15550100001": (Outcome.BUSY,),
    "+15550100002": (Outcome.NO_ANSWER,),
    "+15550100003": (Outcome.FAILED,),
    "+15550100004": (Outcome.REJECTED,),
    "+15550100005": (Outcome.INVALID_NUMBER,),
    "+15550100006": (Outcome.VOICEMAIL,),
    "+15550100007": (Outcome.BUSY, Outcome.COMPLETED),
    "+15550100008": (Outcome.NO_ANSWER, Outcome.NO_ANSWER, Outcome.COMPLETED),
    "+15550100009": (Outcome.COMPLETED,),
}
"""Numbers whose attempts end as listed, whatever the rates; the last one goes on for ever."""

ENDLESS_NUMBER = "+15550100009"
"""The magic number that is answered and never hangs up."""


class Fate(NamedTuple):
    """What becomes of one dial. Times are None for what doesn't happen.

    After ``post_dial_delay_s`` the phone rings for ``ring_s``, then they talk for ``talk_s``
    (infinite on the number that never hangs up), then it ends as ``outcome``.
    """

    outcome: Outcome
    post_dial_delay_s: float
    ring_s: float | None
    talk_s: float | None

    @property
    def lasts_s(self) -> float:
        """From the dial to the end."""
        return self.post_dial_delay_s + (self.ring_s or 0.0) + (self.talk_s or 0.0)


class _Draws(NamedTuple):
    fate: float
    answers_at_this_hour: float
    slow: float
    slow_delay: float
    post_dial_delay: float
    ring: float
    talk: float


_WORDS = Struct(f"<{len(_Draws._fields)}Q")
_DRAW_BITS = 52
_SPARE_BITS = 64 - _DRAW_BITS
_DRAW_STEP = 2.0**-_DRAW_BITS
"""52 bits and a half step: never 0, never 1, each exact as a float."""


class Callees:
    """Everyone who can be dialed, as ``options`` describe them."""

    def __init__(self, options: SimulatorOptions) -> None:
        self._options = options
        self._hash = blake2b(key=options.seed.to_bytes(8, "little"), digest_size=_WORDS.size)
        self._bounds = tuple(accumulate(_shares_of_the_valid(options)))

    def fate(
        self, phone_number: str, attempt_number: int, *, ring_timeout_s: float, unix_time_s: float
    ) -> Fate:
        """What becomes of attempt ``attempt_number`` (from 1) to call ``phone_number``."""
        draws = self._draw(phone_number, attempt_number)
        ring_s = self._options.ring_time.quantile(draws.ring)
        magic = MAGIC_NUMBERS.get(phone_number)
        if magic is not None:
            outcome = magic[min(attempt_number, len(magic)) - 1]
            ring_s = min(ring_s, ring_timeout_s)
        else:
            outcome = self._outcome(phone_number, draws, unix_time_s)
        if outcome in _NEVER_RINGS:
            return Fate(outcome, self._post_dial_delay_s(draws), None, None)
        if outcome is Outcome.NO_ANSWER or ring_s > ring_timeout_s:
            return Fate(Outcome.NO_ANSWER, self._post_dial_delay_s(draws), ring_timeout_s, None)
        talk_s = self._talk_s(phone_number, draws) if outcome in _ANSWERED else None
        return Fate(outcome, self._post_dial_delay_s(draws), ring_s, talk_s)

    def _draw(self, phone_number: str, attempt_number: int) -> _Draws:
        return _Draws._make(self._hashed(f"{phone_number}/{attempt_number}"))

    def _hashed(self, text: str) -> list[float]:
        hashed = self._hash.copy()
        hashed.update(text.encode())
        words = _WORDS.unpack(hashed.digest())
        return [((word >> _SPARE_BITS) + 0.5) * _DRAW_STEP for word in words]

    def _outcome(self, phone_number: str, draws: _Draws, unix_time_s: float) -> Outcome:
        if self._is_invalid(phone_number):
            return Outcome.INVALID_NUMBER
        outcome = _FATES[bisect_right(self._bounds, draws.fate)]
        if outcome is Outcome.COMPLETED:
            hour = int(unix_time_s / 3600 + self._options.utc_offset_h) % HOURS_A_DAY
            if draws.answers_at_this_hour >= self._options.answer_rate_by_hour.rates[hour]:
                return Outcome.NO_ANSWER
        return outcome

    def _is_invalid(self, phone_number: str) -> bool:
        rate = self._options.invalid_rate
        return rate > 0.0 and self._hashed(phone_number)[0] < rate

    def _post_dial_delay_s(self, draws: _Draws) -> float:
        delay_s = self._options.post_dial_delay.quantile(draws.post_dial_delay)
        if draws.slow < self._options.slow_answer_rate:
            delay_s += self._options.slow_answer_delay.quantile(draws.slow_delay)
        return delay_s

    def _talk_s(self, phone_number: str, draws: _Draws) -> float:
        if phone_number == ENDLESS_NUMBER:
            return math.inf
        return self._options.talk_time.quantile(draws.talk)


def _shares_of_the_valid(options: SimulatorOptions) -> Iterator[float]:
    """The rates, which are shares of all numbers, as shares of those that somebody has."""
    valid = 1.0 - options.invalid_rate or 1.0  # nobody asks where every number is invalid
    return (getattr(options, name) / valid for name in RATES if name != "invalid_rate")
