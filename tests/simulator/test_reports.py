"""Reports are lost, late, doubled and out of order as the options say, never after the end."""

from __future__ import annotations

from batchcalls.carriers.base import Progress
from batchcalls.core.model import Outcome
from batchcalls_simulator.callee import Fate
from batchcalls_simulator.distributions import Fixed
from batchcalls_simulator.options import SimulatorOptions
from batchcalls_simulator.reports import Delivery, Reports

RINGS, ANSWERED = Delivery(1.0, Progress.RINGING), Delivery(6.0, Progress.ANSWERED)
FATE = Fate(Outcome.COMPLETED, post_dial_delay_s=1.0, ring_s=5.0, talk_s=60.0)
NUMBERS = [f"+1999{index:07d}" for index in range(2_000)]


def delivered(fate: Fate = FATE, number: str = NUMBERS[0], **options: object) -> list[Delivery]:
    made = SimulatorOptions(**options)  # type: ignore[arg-type] # each test names its own fields
    return Reports(made).delivered(fate, number, 1)


def test_reports_arrive_when_they_are_made() -> None:
    """Unless the options say otherwise, the news of a call is exact."""
    assert delivered() == [RINGS, ANSWERED]


def test_a_phone_that_never_rings_reports_nothing() -> None:
    """Busy, failed and invalid calls have no progress to tell."""
    fate = Fate(Outcome.BUSY, post_dial_delay_s=1.0, ring_s=None, talk_s=None)
    assert delivered(fate, doubled_report_rate=1) == []


def test_all_reports_may_be_lost() -> None:
    """A rate of 1 loses every report."""
    assert delivered(lost_report_rate=1) == []


def test_reports_may_arrive_twice() -> None:
    """A doubled report arrives once more, here at once."""
    assert delivered(doubled_report_rate=1) == [RINGS, RINGS, ANSWERED, ANSWERED]


def test_late_reports_come_after_their_delay() -> None:
    """Late news is late by what the distribution says."""
    late = delivered(late_report_rate=1, late_report_delay=Fixed(time_s=10))
    assert late == [Delivery(11.0, Progress.RINGING), Delivery(16.0, Progress.ANSWERED)]


def test_late_reports_overtake_each_other() -> None:
    """Where some are late, some calls are answered before they ring."""
    first = [
        delivered(number=number, late_report_rate=0.5, late_report_delay=Fixed(time_s=10))[0]
        for number in NUMBERS
    ]
    answered_first = sum(one.progress is Progress.ANSWERED for one in first)
    assert 0.2 * len(NUMBERS) < answered_first < 0.3 * len(NUMBERS)


def test_nothing_is_reported_after_the_end() -> None:
    """News that would come behind the end of its call never comes."""
    assert delivered(late_report_rate=1, late_report_delay=Fixed(time_s=65)) == []
    assert FATE.lasts_s == 66.0


def test_the_share_that_is_lost_is_the_rate() -> None:
    """Out of 4,000 reports, 30 % are lost, give or take four standard deviations."""
    arrived = sum(len(delivered(number=number, lost_report_rate=0.3)) for number in NUMBERS)
    assert abs(arrived - 2_800) < 4 * (4_000 * 0.3 * 0.7) ** 0.5


def test_the_same_dial_has_the_same_luck() -> None:
    """Reports are a function of seed, number and attempt."""
    once, again = (
        [
            delivered(number=number, lost_report_rate=0.3, doubled_report_rate=0.3)
            for number in NUMBERS
        ]
        for _ in range(2)
    )
    assert once == again
