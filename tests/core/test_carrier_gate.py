"""The gate of a carrier: nobody dials while it is down, one while nobody knows, fewer when full."""

from __future__ import annotations

import math

import pytest

from batchcalls.core.breaker import SILENCE_S, Breaker
from batchcalls.core.carrier_gate import MAX_SUSPECTS, REFUSALS_OF_ITS_OWN, CarrierGate
from batchcalls.core.throttle import MAX_REST_S

DOWN_S = 5.0
ANY, OTHER = ("batch_a", 0), ("batch_b", 0)


def gate(*, slots: int = 0, rate: float = 0.0) -> CarrierGate:
    return CarrierGate("any", slots=slots, rate=rate, breaker=Breaker(DOWN_S))


def down_gate(now: float = 10.0) -> CarrierGate:
    down = gate()
    down.breaker.failure(now)
    return down


def launch(subject: CarrierGate, now: float) -> None:
    subject.limit.prepare()
    leave(subject, now)


def leave(subject: CarrierGate, now: float) -> None:
    subject.launch(now)
    subject.limit.launch(now)


def test_a_carrier_that_is_up_takes_dials_at_once() -> None:
    """Without limits and without bad news nothing stands in the way."""
    assert gate().prepare_at(10.0) == 10.0
    assert gate().launch_at(10.0) == 10.0


def test_nobody_dials_a_carrier_that_is_down() -> None:
    """Preparing and launching both wait until the breaker lets a probe through."""
    down = down_gate(now=10.0)
    assert down.prepare_at(11.0) == 10.0 + DOWN_S
    assert down.launch_at(11.0) == 10.0 + DOWN_S


def test_a_carrier_not_proven_up_gets_one_dial_at_a_time() -> None:
    """The first dial after the rest is prepared alone, and is alone while it is a probe."""
    down = down_gate(now=10.0)
    down.limit.prepare()
    assert down.prepare_at(20.0) == math.inf
    assert down.launch_at(20.0) == 20.0
    leave(down, 20.0)
    assert down.prepare_at(20.0) == down.launch_at(20.0) == 20.0 + SILENCE_S


def test_a_probe_that_is_taken_lets_everybody_through() -> None:
    """When the carrier takes the probe, dials go as before."""
    down = down_gate(now=10.0)
    launch(down, 20.0)
    down.breaker.success(21.0, dialed_at=20.0)
    down.limit.prepare()
    assert down.prepare_at(21.0) == 21.0


def test_a_withdrawn_probe_makes_room_for_another() -> None:
    """A dial that was prepared to be the probe and doesn't leave doesn't block the carrier."""
    down = down_gate(now=10.0)
    down.limit.prepare()
    down.limit.withdraw()
    assert down.prepare_at(20.0) == 20.0


def test_a_throttle_halves_the_rate_and_time_brings_it_back() -> None:
    """After a throttle dials go at half the rate, and at the full one 20 seconds later."""
    paced = gate(rate=10.0)
    for _ in range(11):
        launch(paced, max(paced.launch_at(10.0), paced.limit.launch_at(10.0)))
    paced.throttled(11.1, ANY, retry_after_s=0.0)
    assert paced.limit.pacer.rate == pytest.approx(5.0, rel=0.11)
    paced.prepare_at(16.0)
    assert 5.0 < paced.limit.pacer.rate < 10.0
    paced.prepare_at(32.0)
    assert paced.limit.pacer.rate == 10.0


@pytest.mark.parametrize(("asked_s", "rest_s"), [(30.0, 30.0), (1e6, MAX_REST_S), (0.0, 0.0)])
def test_a_carrier_gets_the_rest_that_it_asks_for(asked_s: float, rest_s: float) -> None:
    """Nothing is prepared or leaves before, and a shorter wish doesn't shorten it."""
    full = gate()
    full.throttled(10.0, ANY, retry_after_s=asked_s)
    full.throttled(10.0, ANY, retry_after_s=0.0)
    assert full.shut_at(10.0) == (rest_s > 0.0)
    assert full.prepare_at(10.0) == full.launch_at(10.0) == 10.0 + rest_s
    assert not full.shut_at(10.0 + rest_s)


def test_a_call_that_is_always_refused_while_others_are_taken_slows_nobody_down() -> None:
    """After some refusals it is about its number, unless the carrier takes nobody else either."""
    one = gate(rate=10.0)
    for refusals in range(1, REFUSALS_OF_ITS_OWN):
        one.took(OTHER)
        assert one.throttled(10.0 * refusals, ANY, retry_after_s=5.0) == refusals
        assert one.launch_at(10.0 * refusals) == 10.0 * refusals + 5.0
    one.throttled(100.0, ANY, retry_after_s=5.0)
    assert one.launch_at(100.0) == 105.0
    one.took(OTHER)
    one.throttled(110.0, ANY, retry_after_s=5.0)
    assert one.launch_at(110.0) == 110.0


def test_a_call_that_was_taken_in_the_end_begins_anew() -> None:
    """Its refusals are counted in a row."""
    one = gate()
    one.throttled(10.0, ANY, retry_after_s=0.0)
    one.took(ANY)
    assert one.throttled(20.0, ANY, retry_after_s=0.0) == 1


def test_suspects_are_forgotten_when_there_are_many() -> None:
    """Their number is bounded, whatever a carrier refuses."""
    one = gate()
    for position in range(MAX_SUSPECTS + 1):
        one.throttled(10.0, ("batch_a", position), retry_after_s=0.0)
    assert one.throttled(20.0, ("batch_a", MAX_SUSPECTS), retry_after_s=0.0) == 2
    assert one.throttled(20.0, ("batch_a", 0), retry_after_s=0.0) == 1


def test_the_rate_comes_back_for_dials_that_are_prepared_already() -> None:
    """While prepared dials fill all slots, the rate recovers for them too."""
    paced = gate(slots=1)
    launch(paced, 10.0)
    paced.limit.release()
    paced.throttled(10.0, ANY, retry_after_s=0.0)
    paced.limit.prepare()
    assert paced.limit.pacer.rate == 0.5
    paced.launch_at(15.0)
    assert paced.limit.pacer.rate > 0.5
    paced.launch_at(60.0)
    assert paced.limit.pacer.rate == 0.0


def test_an_unlimited_carrier_is_paced_from_what_it_got_lately() -> None:
    """Without a ceiling, the rate after a throttle is half of that at which it was dialed."""
    free = gate()
    for place in range(40):
        launch(free, 10.0 + place / 40.0)
    free.throttled(11.0, ANY, retry_after_s=0.0)
    assert free.limit.pacer.rate == pytest.approx(20.0, rel=0.05)


def test_slots_bind_whatever_the_health() -> None:
    """A full carrier takes no dial until a line is free."""
    full = gate(slots=1)
    launch(full, 10.0)
    assert full.prepare_at(11.0) == math.inf
    full.limit.release()
    assert full.prepare_at(11.0) == 11.0
