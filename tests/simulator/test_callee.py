"""Fates repeat exactly, keep to their rates, and obey the magic numbers."""

import math
import random
from collections import Counter
from collections.abc import Iterable
from statistics import fmean

import pytest

from batchcalls.core.model import Outcome
from batchcalls_simulator.callee import Callees, Fate
from batchcalls_simulator.distributions import Exponential, Fixed, Uniform
from batchcalls_simulator.options import RATES, HourlyRates, SimulatorOptions, read_options

DIALS = 20_000
SIGMAS = 4.5
"""A rate this far from its expectation would come up once in 150,000 seeds; ours is fixed."""

NOON_S = 12 * 3600.0


def dial(options: SimulatorOptions, number: int, *, attempt: int = 1, at_s: float = NOON_S) -> Fate:
    return Callees(options).fate(
        f"+1555{number:07}", attempt, ring_timeout_s=30.0, unix_time_s=at_s
    )


def dial_many(options: SimulatorOptions, *, at_s: float = NOON_S) -> list[Fate]:
    callees = Callees(options)
    return [
        callees.fate(f"+1666{number:07}", 1, ring_timeout_s=30.0, unix_time_s=at_s)
        for number in range(DIALS)
    ]


def assert_share(count: int, probability: float) -> None:
    deviation = math.sqrt(DIALS * probability * (1 - probability))
    assert abs(count - DIALS * probability) <= SIGMAS * deviation


@pytest.mark.parametrize("seed", [0, 1, 2**64 - 1])
def test_each_fate_comes_up_at_its_rate(seed: int) -> None:
    """Over many dials every outcome's share lies within the bounds of a binomial draw."""
    options = SimulatorOptions(
        seed=seed,
        busy_rate=0.3,
        no_answer_rate=0.2,
        failed_rate=0.1,
        rejected_rate=0.05,
        invalid_rate=0.02,
        voicemail_rate=0.08,
        ring_time=Fixed(time_s=5),
    )
    counts = Counter(fate.outcome for fate in dial_many(options))
    assert_share(counts[Outcome.BUSY], 0.3)
    assert_share(counts[Outcome.NO_ANSWER], 0.2)
    assert_share(counts[Outcome.FAILED], 0.1)
    assert_share(counts[Outcome.REJECTED], 0.05)
    assert_share(counts[Outcome.INVALID_NUMBER], 0.02)
    assert_share(counts[Outcome.VOICEMAIL], 0.08)
    assert_share(counts[Outcome.COMPLETED], 0.25)


def test_attempts_are_drawn_independently() -> None:
    """Having been busy once says nothing about the next attempt."""
    callees = Callees(SimulatorOptions(busy_rate=0.5))
    both = sum(
        all(
            callees.fate(
                f"+1666{number:07}", attempt, ring_timeout_s=30.0, unix_time_s=NOON_S
            ).outcome
            is Outcome.BUSY
            for attempt in (1, 2)
        )
        for number in range(DIALS)
    )
    assert_share(both, 0.25)


def test_a_number_is_invalid_for_good_or_never() -> None:
    """That nobody has a number doesn't change from one attempt to the next."""
    options = SimulatorOptions(invalid_rate=0.3)
    attempts = range(1, 6)
    invalid = [
        {dial(options, number, attempt=n).outcome is Outcome.INVALID_NUMBER for n in attempts}
        for number in range(1_000)
    ]
    assert {frozenset(fates) for fates in invalid} == {frozenset({True}), frozenset({False})}


def test_where_every_number_is_invalid_nobody_is_reached() -> None:
    """The whole share leaves nothing for the other rates."""
    rates = dict.fromkeys(RATES, 0.0) | {"invalid_rate": 1.0}
    fates = dial_many(read_options(rates))
    assert {fate.outcome for fate in fates} == {Outcome.INVALID_NUMBER}


def test_fates_repeat_exactly_in_any_order() -> None:
    """A fate is a function of seed, number and attempt, not of what was dialed before."""
    options = SimulatorOptions(seed=7)
    dials = [(number, attempt) for number in range(200) for attempt in (1, 2, 3)]
    shuffled = random.Random(1).sample(dials, len(dials))
    one, other = Callees(options), Callees(options)

    def ask(callees: Callees, number: int, attempt: int) -> Fate:
        return callees.fate(f"+1{number:010}", attempt, ring_timeout_s=30, unix_time_s=NOON_S)

    in_order = {key: ask(one, *key) for key in dials}
    out_of_order = {key: ask(other, *key) for key in shuffled}
    assert in_order == out_of_order


def test_another_seed_is_another_population() -> None:
    """Seeds change fates."""
    assert dial_many(SimulatorOptions(seed=1)) != dial_many(SimulatorOptions(seed=2))


def test_an_option_changes_only_what_it_is_about() -> None:
    """Every question has its own draw: longer talks change nobody's outcome or ring time."""
    short = dial_many(SimulatorOptions(talk_time=Fixed(time_s=1)))
    long = dial_many(SimulatorOptions(talk_time=Exponential(mean_s=100)))
    assert [(fate.outcome, fate.ring_s) for fate in short] == [
        (fate.outcome, fate.ring_s) for fate in long
    ]


def test_times_follow_their_distributions() -> None:
    """Post-dial delay, ring and talk times average to the means of their options."""
    options = SimulatorOptions(
        post_dial_delay=Exponential(mean_s=2),
        ring_time=Uniform(low_s=2, high_s=10),
        talk_time=Exponential(mean_s=60),
    )
    fates = dial_many(options)
    talked = [fate for fate in fates if fate.talk_s is not None]
    assert _mean(fate.post_dial_delay_s for fate in fates) == pytest.approx(2, rel=0.05)
    assert _mean(fate.ring_s for fate in talked) == pytest.approx(6, rel=0.05)
    assert _mean(fate.talk_s for fate in talked) == pytest.approx(60, rel=0.05)


def _mean(times_s: Iterable[float | None]) -> float:
    return fmean(time_s for time_s in times_s if time_s is not None)


@pytest.mark.parametrize(
    ("outcome", "rings", "talks"),
    [
        (Outcome.BUSY, False, False),
        (Outcome.FAILED, False, False),
        (Outcome.INVALID_NUMBER, False, False),
        (Outcome.NO_ANSWER, True, False),
        (Outcome.REJECTED, True, False),
        (Outcome.VOICEMAIL, True, True),
        (Outcome.COMPLETED, True, True),
    ],
)
def test_only_some_fates_ring_and_fewer_talk(outcome: Outcome, *, rings: bool, talks: bool) -> None:
    """A phone rings unless the line is busy, lost or not there; only an answer brings talk."""
    fates = [fate for fate in dial_many(SimulatorOptions()) if fate.outcome is outcome]
    assert {(fate.ring_s is not None, fate.talk_s is not None) for fate in fates} == {
        (rings, talks)
    }


def test_who_would_answer_after_the_ring_timeout_does_not() -> None:
    """A phone rings no longer than the dial's ring timeout, and then it is no answer."""
    options = SimulatorOptions(
        busy_rate=0, failed_rate=0, invalid_rate=0, ring_time=Fixed(time_s=31)
    )
    assert {(fate.outcome, fate.ring_s, fate.talk_s) for fate in dial_many(options)} == {
        (Outcome.NO_ANSWER, 30.0, None)
    }


def test_people_answer_by_the_hour_of_their_day() -> None:
    """Of those who would answer, the hour's share does; the others are no answer."""
    rates = HourlyRates(rates=(1.0,) * 12 + (0.4,) + (1.0,) * 11)
    plain = SimulatorOptions(
        busy_rate=0, no_answer_rate=0, failed_rate=0, rejected_rate=0, invalid_rate=0,
        voicemail_rate=0, ring_time=Fixed(time_s=5), answer_rate_by_hour=rates, utc_offset_h=2,
    )  # fmt: skip
    at_ten_utc = Counter(fate.outcome for fate in dial_many(plain, at_s=10 * 3600 + 1800))
    at_noon_utc = Counter(fate.outcome for fate in dial_many(plain, at_s=NOON_S))
    assert_share(at_ten_utc[Outcome.COMPLETED], 0.4)
    assert at_ten_utc.total() == at_ten_utc[Outcome.COMPLETED] + at_ten_utc[Outcome.NO_ANSWER]
    assert at_noon_utc[Outcome.COMPLETED] == DIALS


def test_a_share_of_the_dials_is_answered_slowly() -> None:
    """A slow answer comes later by its delay, and changes nothing else."""
    usual = dial_many(SimulatorOptions())
    slowed = dial_many(SimulatorOptions(slow_answer_rate=0.1, slow_answer_delay=Fixed(time_s=10)))
    delays = [
        slow.post_dial_delay_s - fate.post_dial_delay_s
        for fate, slow in zip(usual, slowed, strict=True)
    ]
    assert_share(sum(delay > 5 for delay in delays), 0.1)
    assert {round(delay, 6) for delay in delays} == {0.0, 10.0}
    assert [fate.outcome for fate in usual] == [fate.outcome for fate in slowed]


@pytest.mark.parametrize(
    ("last_digits", "outcomes"),
    [
        ("0000", ["completed", "completed"]),
        ("0001", ["busy", "busy"]),
        ("0002", ["no_answer", "no_answer"]),
        ("0003", ["failed", "failed"]),
        ("0004", ["rejected", "rejected"]),
        ("0005", ["invalid_number", "invalid_number"]),
        ("0006", ["voicemail", "voicemail"]),
        ("0007", ["busy", "completed", "completed"]),
        ("0008", ["no_answer", "no_answer", "completed", "completed"]),
        ("0009", ["completed"]),
    ],
)
@pytest.mark.parametrize("busy_rate", [0.0, 0.7])
@pytest.mark.parametrize("seed", [0, 1])
def test_magic_numbers_end_as_their_last_digits_say(
    last_digits: str, outcomes: list[str], busy_rate: float, seed: int
) -> None:
    """Whatever the rates, the seed, the hour and the ring times."""
    options = SimulatorOptions(
        seed=seed,
        busy_rate=busy_rate,
        ring_time=Fixed(time_s=100),
        answer_rate_by_hour=HourlyRates(rates=(0.0,) * 24),
    )
    callees = Callees(options)
    got = [
        callees.fate(f"+1555010{last_digits}", attempt, ring_timeout_s=30, unix_time_s=0).outcome
        for attempt in range(1, len(outcomes) + 1)
    ]
    assert got == outcomes


def test_the_endless_number_talks_for_ever() -> None:
    """``+15550100009`` is answered and never hangs up."""
    fate = Callees(SimulatorOptions()).fate(
        "+15550100009", 1, ring_timeout_s=30, unix_time_s=NOON_S
    )
    assert fate.talk_s == math.inf
