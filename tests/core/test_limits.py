"""Limits: every slot is taken and given back once; dials are prepared just before their turn."""

from __future__ import annotations

import math

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from batchcalls.core.limits import GUARD_S, LEAD_S, Limit


def fill(limit: Limit) -> None:
    for _ in range(limit.slots):
        limit.prepare()


def prepare_while_allowed(limit: Limit, now: float) -> int:
    for count in range(1_000):
        if limit.prepare_at(now) > now:
            return count
        limit.prepare()
    raise AssertionError(f"{limit} is without bound")


def test_a_full_limit_takes_no_dial_until_a_slot_is_free() -> None:
    """With all slots in use there is no moment to prepare; a free slot makes it now."""
    limit = Limit("any", slots=2)
    fill(limit)
    assert limit.prepare_at(5.0) == math.inf
    limit.withdraw()
    assert limit.prepare_at(5.0) == 5.0


def test_no_slots_means_no_limit() -> None:
    """A limit of 0 slots is never full."""
    limit = Limit("any")
    for _ in range(10_000):
        limit.prepare()
    assert not limit.full
    assert limit.prepare_at(1.0) == 1.0


def test_an_adopted_call_counts_even_above_the_limit() -> None:
    """Calls of an earlier process hold slots, however many; new dials wait for all of them."""
    limit = Limit("any", slots=1)
    for _ in range(3):
        limit.adopt()
    assert (limit.in_use, limit.prepared) == (3, 0)
    for _ in range(3):
        assert limit.prepare_at(1.0) == math.inf
        limit.release()
    assert limit.prepare_at(1.0) == 1.0


def test_a_launched_dial_keeps_its_slot_until_it_is_released() -> None:
    """Launching ends the preparation, not the use; a release ends the use."""
    limit = Limit("any", slots=1)
    limit.prepare()
    limit.launch(3.0)
    assert (limit.in_use, limit.prepared) == (1, 0)
    limit.release()
    assert (limit.in_use, limit.prepared) == (0, 0)


def test_a_withdrawn_dial_doesnt_count_against_the_pace() -> None:
    """Only a launch is seen outside: what was withdrawn leaves the pace as it was."""
    limit = Limit("any", rate=0.1)
    limit.prepare()
    limit.withdraw()
    assert limit.launch_at(3.0) == 3.0


def test_a_slot_released_twice_is_a_bug() -> None:
    """The count never falls below nothing."""
    limit = Limit("any", slots=1)
    limit.adopt()
    limit.release()
    with pytest.raises(AssertionError, match="released twice"):
        limit.release()


def test_a_paced_dial_is_prepared_the_lead_before_its_turn() -> None:
    """The next dial is prepared exactly ``LEAD_S`` before the pace lets it leave."""
    limit = Limit("any", rate=2.0)
    limit.prepare()
    limit.launch(10.0)
    leaves_at = limit.launch_at(10.0)
    assert leaves_at == pytest.approx(10.5 + GUARD_S / 2)
    assert limit.prepare_at(10.0) == leaves_at - LEAD_S


@pytest.mark.parametrize("rate", [0.3, 1.0, 9.99, 10.0, 15.0, 109.9999, 1_000.0])
def test_no_more_dials_are_prepared_than_leave_within_the_lead(rate: float) -> None:
    """However slow a commit is, those that wait to leave are the lead's worth and one more."""
    limit = Limit("any", rate=rate)
    assert prepare_while_allowed(limit, 10.0) == math.floor(rate * LEAD_S * (1 + 1e-9)) + 1


@pytest.mark.parametrize("rate", [0.3, 9.99, 15.0, 109.9999, 1_000.0])
def test_enough_dials_that_are_late_are_waited_for(rate: float) -> None:
    """When the lead is used up and the pace is free, only a launch makes room: no time is told."""
    limit = Limit("any", rate=rate)
    prepare_while_allowed(limit, 10.0)
    assert limit.prepare_at(10.0) == math.inf
    limit.launch(11.0)
    assert limit.prepare_at(11.0) < math.inf


def test_a_dial_that_leaves_late_moves_the_pace() -> None:
    """The pace counts the moment at which a dial really left."""
    limit = Limit("any", rate=1.0)
    limit.prepare()
    limit.launch(10.0)
    limit.launched(planned=10.0, now=10.25)
    assert limit.launch_at(10.25) >= 11.25


class Accounting(RuleBasedStateMachine):
    """Prepared and launched dials against two plain counters."""

    def __init__(self) -> None:
        super().__init__()
        self.limit = Limit("any", slots=3, rate=4.0)
        self.prepared = 0
        self.up = 0
        self.now = 0.0

    @rule(seconds=st.floats(0.0, 1.0))
    def pass_time(self, seconds: float) -> None:
        self.now += seconds

    @precondition(lambda self: self.limit.prepare_at(self.now) <= self.now)
    @rule()
    def prepare(self) -> None:
        self.limit.prepare()
        self.prepared += 1

    @precondition(lambda self: self.prepared and self.limit.launch_at(self.now) <= self.now)
    @rule(late_s=st.sampled_from([0.0, 0.01]))
    def launch(self, late_s: float) -> None:
        self.limit.launch(self.now)
        self.limit.launched(planned=self.now, now=self.now + late_s)
        self.now += late_s
        self.prepared -= 1
        self.up += 1

    @precondition(lambda self: self.prepared)
    @rule()
    def withdraw(self) -> None:
        self.limit.withdraw()
        self.prepared -= 1

    @rule()
    def adopt(self) -> None:
        self.limit.adopt()
        self.up += 1

    @precondition(lambda self: self.up)
    @rule()
    def release(self) -> None:
        self.limit.release()
        self.up -= 1

    @invariant()
    def books_agree(self) -> None:
        """What is in use is what is prepared and what is up, and full says so."""
        assert self.limit.prepared == self.prepared
        assert self.limit.in_use == self.prepared + self.up
        assert self.limit.full == (self.prepared + self.up >= 3)


TestAccounting = Accounting.TestCase
