"""When the news of a call's progress arrives: at once, late, twice, never, out of order.

It waits for nothing: given the moments at which a call rings and is answered, it says which
reports arrive when. Late news may overtake each other, and news that would come after the
end of the call never comes: the carrier contract says that nobody reports then.

As with the fate of a dial, what becomes of its reports is a function of the seed, the phone
number and the attempt number, so a run repeats exactly.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import NamedTuple

from batchcalls.carriers.base import Progress
from batchcalls_simulator.callee import Fate
from batchcalls_simulator.options import SimulatorOptions


class Delivery(NamedTuple):
    """A report and the seconds after the dial at which it arrives."""

    at_s: float
    progress: Progress


def made(fate: Fate) -> list[Delivery]:
    """The reports that the phone company makes of a call, at the moments they are about."""
    if fate.ring_s is None:
        return []
    rings = Delivery(fate.post_dial_delay_s, Progress.RINGING)
    if fate.talk_s is None:
        return [rings]
    return [rings, Delivery(fate.post_dial_delay_s + fate.ring_s, Progress.ANSWERED)]


class Reports:
    """The way that reports take, as ``options`` describe it."""

    def __init__(self, options: SimulatorOptions) -> None:
        self._options = options
        self._reliable = not (
            options.lost_report_rate or options.late_report_rate or options.doubled_report_rate
        )

    def delivered(self, fate: Fate, phone_number: str, attempt_number: int) -> list[Delivery]:
        """The reports of one dial in the order in which they arrive, all before its end."""
        sent = made(fate)
        if self._reliable or not sent:
            return sent
        draws = Random(f"{self._options.seed}/{phone_number}/{attempt_number}")
        arriving = [one for report in sent for one in self._on_its_way(report, draws)]
        arriving.sort(key=lambda delivery: delivery.at_s)
        return [delivery for delivery in arriving if delivery.at_s < fate.lasts_s]

    def _on_its_way(self, report: Delivery, draws: Random) -> Iterator[Delivery]:
        """Every question has a draw of its own, asked or not: one rate changes no other's luck."""
        lost, doubled = draws.random(), draws.random()
        first, second = self._delay_s(draws), self._delay_s(draws)
        if lost < self._options.lost_report_rate:
            return
        yield Delivery(report.at_s + first, report.progress)
        if doubled < self._options.doubled_report_rate:
            yield Delivery(report.at_s + second, report.progress)

    def _delay_s(self, draws: Random) -> float:
        late, how_late = draws.random(), 1.0 - draws.random()  # a quantile is for (0, 1)
        if late >= self._options.late_report_rate:
            return 0.0
        return self._options.late_report_delay.quantile(min(how_late, 1.0 - 2.0**-53))
