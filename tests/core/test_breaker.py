"""The breaker: opens at a failure or some faults, sends a probe, closes when it is taken."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchcalls.core.breaker import (
    FAULTS_TO_OPEN,
    MAX_BROKEN_FOR_S,
    SILENCE_S,
    TRANSITIONS,
    Breaker,
    BreakerEvent,
    BreakerState,
)

CLOSED, OPEN, HALF_OPEN = BreakerState.CLOSED, BreakerState.OPEN, BreakerState.HALF_OPEN
NOW = 100.0


def breaker_in(state: BreakerState) -> Breaker:
    """A breaker that came into ``state`` at most 20 s before NOW, and may be probed if open."""
    breaker = Breaker(open_for_s=5.0)
    if state is not CLOSED:
        breaker.failure(NOW - 20.0)
    if state is HALF_OPEN:
        breaker.dialed(NOW - 10.0)
    assert breaker.state is state
    return breaker


def tell(breaker: Breaker, event: BreakerEvent, now: float) -> None:
    for _ in range(FAULTS_TO_OPEN if event is BreakerEvent.FAULT else 1):
        getattr(breaker, event.value)(now)


EXPECTED = {
    (CLOSED, BreakerEvent.DIALED): CLOSED,
    (CLOSED, BreakerEvent.TAKEN): CLOSED,
    (CLOSED, BreakerEvent.SUCCESS): CLOSED,
    (CLOSED, BreakerEvent.FAILURE): OPEN,
    (CLOSED, BreakerEvent.FAULT): OPEN,
    (CLOSED, BreakerEvent.ABANDONED): CLOSED,
    (OPEN, BreakerEvent.DIALED): HALF_OPEN,
    (OPEN, BreakerEvent.TAKEN): OPEN,
    (OPEN, BreakerEvent.SUCCESS): OPEN,
    (OPEN, BreakerEvent.FAILURE): OPEN,
    (OPEN, BreakerEvent.FAULT): OPEN,
    (OPEN, BreakerEvent.ABANDONED): OPEN,
    (HALF_OPEN, BreakerEvent.DIALED): None,
    (HALF_OPEN, BreakerEvent.TAKEN): CLOSED,
    (HALF_OPEN, BreakerEvent.SUCCESS): CLOSED,
    (HALF_OPEN, BreakerEvent.FAILURE): OPEN,
    (HALF_OPEN, BreakerEvent.FAULT): OPEN,
    (HALF_OPEN, BreakerEvent.ABANDONED): OPEN,
}


@pytest.mark.parametrize(("state", "event"), list(itertools.product(BreakerState, BreakerEvent)))
def test_every_event_in_every_state(state: BreakerState, event: BreakerEvent) -> None:
    """Each event leads to the state of the table; one that isn't there raises."""
    breaker = breaker_in(state)
    expected = EXPECTED[state, event]
    assert TRANSITIONS.get((state, event)) is expected
    if expected is None:
        with pytest.raises(AssertionError, match="allows no dial"):
            tell(breaker, event, NOW)
        assert breaker.state is state
    else:
        tell(breaker, event, NOW)
        assert breaker.state is expected


@pytest.mark.parametrize("state", BreakerState)
@pytest.mark.parametrize(
    "event", [event for event in BreakerEvent if event is not BreakerEvent.DIALED]
)
def test_old_news_changes_nothing(state: BreakerState, event: BreakerEvent) -> None:
    """What is told of a dial from before the present state has no effect on the breaker."""
    breaker = breaker_in(state)
    if state is CLOSED:
        breaker.failure(NOW - 20.0)
        breaker.dialed(NOW - 10.0)
        breaker.success(NOW - 9.0)
    before = (breaker.state, breaker.earliest(NOW))
    getattr(breaker, event.value)(NOW, dialed_at=NOW - 50.0)
    assert (breaker.state, breaker.earliest(NOW)) == before


def test_a_new_breaker_lets_everything_pass() -> None:
    """Closed means that any dial may go, now."""
    breaker = Breaker()
    assert breaker.closed
    assert breaker.earliest(NOW) == NOW


def test_one_failure_opens_it() -> None:
    """After a failure the next dial may go open_for_s later, and not before."""
    breaker = Breaker(open_for_s=5.0)
    breaker.failure(NOW)
    assert not breaker.closed
    assert breaker.open_at(NOW)
    assert breaker.open_at(NOW + 4.9)
    assert not breaker.open_at(NOW + 5.0)
    assert breaker.earliest(NOW) == NOW + 5.0
    assert breaker.earliest(NOW + 7.0) == NOW + 7.0
    with pytest.raises(AssertionError, match="allows no dial"):
        breaker.dialed(NOW + 4.9)


def test_late_failures_do_not_extend_an_open_breaker() -> None:
    """Dials that began before the opening fail one by one; the probe goes when it would have."""
    breaker = Breaker(open_for_s=5.0)
    breaker.failure(NOW)
    for moment in (0.0, 1.0, 4.9):
        breaker.failure(NOW + moment, dialed_at=NOW - 1.0)
        breaker.failure(NOW + moment)
    assert breaker.earliest(NOW + 4.9) == NOW + 5.0


def test_the_probe_goes_alone() -> None:
    """While the probe is out, and little time has passed, nobody else dials."""
    breaker = breaker_in(HALF_OPEN)
    assert breaker.earliest(NOW) == NOW - 10.0 + SILENCE_S
    assert not breaker.open_at(NOW)
    assert not breaker.closed


def test_only_the_probe_is_heard_in_the_half_open_state() -> None:
    """A dial from before the outage, failing late, doesn't spoil the probe."""
    breaker = breaker_in(HALF_OPEN)
    breaker.failure(NOW, dialed_at=NOW - 30.0)
    assert breaker.state is HALF_OPEN
    breaker.success(NOW, dialed_at=NOW - 10.0)
    assert breaker.closed


def test_a_probe_that_is_kept_for_long_without_a_word_is_taken() -> None:
    """Some carriers tell nothing until the end: after a while others dial beside the probe."""
    breaker = breaker_in(HALF_OPEN)
    began = NOW - 10.0
    with pytest.raises(AssertionError, match="allows no dial"):
        breaker.dialed(began + SILENCE_S - 0.1)
    breaker.dialed(began + SILENCE_S)
    assert breaker.closed
    breaker.fault(NOW + 60.0, dialed_at=began)
    assert breaker.closed, "the late end of the probe is old news"


def test_a_few_faults_in_a_row_open_it() -> None:
    """One may be an accident; a result in between shows that it was."""
    breaker = Breaker(open_for_s=5.0)
    for _ in range(2):
        for _ in range(FAULTS_TO_OPEN - 1):
            assert not breaker.fault(NOW)
        breaker.success(NOW)
    for _ in range(FAULTS_TO_OPEN - 1):
        assert not breaker.fault(NOW)
    assert breaker.fault(NOW)
    assert breaker.earliest(NOW) == NOW + 5.0


def test_a_carrier_that_breaks_each_call_after_it_rang_is_not_trusted() -> None:
    """Progress closes it; but until there is a result each fault opens it again, for longer."""
    breaker, now, waits = Breaker(open_for_s=5.0), NOW, []
    tell(breaker, BreakerEvent.FAULT, now)
    for _ in range(3):
        waits.append(breaker.earliest(now) - now)
        now = breaker.earliest(now)
        breaker.dialed(now)
        breaker.taken(now + 1.0)
        assert breaker.closed
        now += 2.0
        assert breaker.fault(now)
    assert waits == [5.0, 10.0, 20.0]


def test_a_broken_carrier_is_probed_less_often_than_one_that_is_down() -> None:
    """Each of its probes costs a call."""
    breaker, now = Breaker(open_for_s=5.0, max_open_for_s=60.0), NOW
    tell(breaker, BreakerEvent.FAULT, now)
    for _ in range(9):
        now = breaker.earliest(now)
        breaker.dialed(now)
        breaker.fault(now)
    assert breaker.earliest(now) == now + MAX_BROKEN_FOR_S


def test_each_failed_probe_doubles_the_open_time_up_to_the_maximum() -> None:
    """5 s, 10 s, 20 s, 40 s, and then 60 s each time."""
    breaker = Breaker(open_for_s=5.0, max_open_for_s=60.0)
    now, waits = NOW, []
    breaker.failure(now)
    for _ in range(7):
        waits.append(breaker.earliest(now) - now)
        now = breaker.earliest(now)
        breaker.dialed(now)
        breaker.failure(now)
    assert waits == [5.0, 10.0, 20.0, 40.0, 60.0, 60.0, 60.0]


def test_a_success_resets_the_open_time() -> None:
    """The outage after a recovery begins with the short open time again."""
    breaker = Breaker(open_for_s=5.0)
    breaker.failure(NOW)
    breaker.dialed(NOW + 5.0)
    breaker.failure(NOW + 5.0)
    breaker.dialed(NOW + 15.0)
    breaker.success(NOW + 16.0, dialed_at=NOW + 15.0)
    breaker.failure(NOW + 17.0)
    assert breaker.earliest(NOW + 17.0) == NOW + 22.0


def test_an_abandoned_probe_makes_room_for_another_at_once() -> None:
    """A probe that told nothing, hung up before an answer for example, is simply repeated."""
    breaker = breaker_in(HALF_OPEN)
    breaker.abandoned(NOW)
    assert breaker.earliest(NOW) == NOW
    breaker.dialed(NOW)
    assert breaker.state is HALF_OPEN


def test_an_abandoned_probe_does_not_count_as_failed() -> None:
    """The open time grows with failures only."""
    breaker = breaker_in(HALF_OPEN)
    breaker.abandoned(NOW)
    breaker.dialed(NOW)
    breaker.failure(NOW + 1.0, dialed_at=NOW)
    assert breaker.earliest(NOW + 1.0) == NOW + 11.0


@given(
    steps=st.lists(
        st.tuples(st.floats(0.0, 100.0), st.sampled_from(BreakerEvent), st.floats(0.0, 200.0))
    )
)
def test_a_breaker_never_waits_longer_than_its_maximum(
    steps: list[tuple[float, BreakerEvent, float]],
) -> None:
    """Whatever happens in whatever order, an open breaker lets a probe go in the end."""
    breaker = Breaker(open_for_s=5.0, max_open_for_s=60.0)
    now = 0.0
    for gap, event, age in steps:
        now += gap
        if event is not BreakerEvent.DIALED:
            getattr(breaker, event.value)(now, dialed_at=now - age)
        elif breaker.earliest(now) <= now:
            breaker.dialed(now)
        assert breaker.state is HALF_OPEN or now <= breaker.earliest(now) <= now + 60.0


@pytest.mark.parametrize(("open_for_s", "max_open_for_s"), [(0.0, 60.0), (61.0, 60.0)])
def test_impossible_times_are_refused(open_for_s: float, max_open_for_s: float) -> None:
    """The open time is more than nothing and not above its maximum."""
    with pytest.raises(AssertionError):
        Breaker(open_for_s=open_for_s, max_open_for_s=max_open_for_s)


@pytest.mark.parametrize(
    ("state", "text"),
    [
        (CLOSED, "<Breaker closed>"),
        (OPEN, "<Breaker open until 85.000>"),
        (HALF_OPEN, "<Breaker half_open>"),
    ],
)
def test_the_representation_tells_the_state(state: BreakerState, text: str) -> None:
    """The repr says the state, and until when an open breaker stays so."""
    assert repr(breaker_in(state)) == text
