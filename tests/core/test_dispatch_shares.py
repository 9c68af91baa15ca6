"""Fair shares: lanes get dials by their weights, whatever their carriers do, and none starves."""

from __future__ import annotations

import math
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.core.dispatch_scenes import NO_LIMIT, dial_all, huge, saturated, serve
from tests.core.dispatch_setup import LaneSetup, LimitSetup
from tests.core.dispatch_world import BEGIN

WEIGHTS = st.integers(1, 100)


@settings(max_examples=30)
@given(p=WEIGHTS, q=WEIGHTS)
def test_two_lanes_share_by_their_weights(p: int, q: int) -> None:
    """At every moment, each of two lanes has its weight's share of the dials, give or take one."""
    served = serve(saturated(huge(weight=p), huge(weight=q)), 300)
    first = 0
    for count, name in enumerate(served, start=1):
        first += name == "lane0"
        assert abs(first - count * p / (p + q)) <= 1


def test_two_lanes_on_two_carriers_share_by_their_weights() -> None:
    """Which carrier a lane dials through doesn't matter for its share of the server."""
    lanes = huge(weight=30), huge(weight=10), huge(weight=20, carrier=1)
    served = serve(saturated(*lanes, carriers=(NO_LIMIT, NO_LIMIT)), 600)
    shares = Counter(served)
    assert shares["lane0"] == pytest.approx(300, abs=2)
    assert shares["lane1"] == pytest.approx(100, abs=2)
    assert shares["lane2"] == pytest.approx(200, abs=2)


@pytest.mark.parametrize("weight", [1, 10, 100])
def test_a_new_lane_is_served_at_once(weight: int) -> None:
    """Beside a huge batch that runs for long, a small new one gets the very next dial or two."""
    world = saturated(huge(weight=100))
    serve(world, 500)
    world.add("new", LaneSetup(weight=weight))
    world.turn()
    world.commit()
    world.deliver_reads()
    assert "new" in serve(world, 503)[500:]


@settings(max_examples=5)
@given(weights=st.lists(WEIGHTS, min_size=100, max_size=100))
def test_none_of_a_hundred_lanes_starves(weights: list[int]) -> None:
    """Each of 100 lanes gets its share of the dials, but for the round at the beginning."""
    world = saturated(*[huge(weight=weight, calls=260) for weight in weights])
    shares = Counter(serve(world, 600))
    for index, weight in enumerate(weights):
        assert shares[f"lane{index}"] >= math.floor((600 - 100) * weight / sum(weights))


def test_an_idle_lane_saves_up_no_credit() -> None:
    """A lane that was paused for long shares from then on; it doesn't make up for the time."""
    world = saturated(huge(), huge())
    world.close(world.lanes[0])
    serve(world, 200)
    world.dispatcher.open_lane(world.lanes[0])
    dial_all(world)
    before = len(world.dialed)
    shares = Counter(serve(world, before + 100)[before:])
    assert shares["lane0"] == pytest.approx(50, abs=2)


def test_a_carrier_that_was_down_saves_up_no_credit() -> None:
    """When a carrier comes back, its lanes share with those that dialed meanwhile."""
    world = saturated(huge(), huge(carrier=1), carriers=(NO_LIMIT, NO_LIMIT))
    world.gates[0].breaker.failure(world.now)
    serve(world, 300)
    world.now += 60.0
    probe_at = len(world.dialed)
    shares = Counter(serve(world, probe_at + 200)[probe_at:])
    assert shares["lane0"] == pytest.approx(100, abs=2)


def test_a_newcomer_doesnt_wait_for_the_lanes_of_a_carrier_that_was_down() -> None:
    """The lanes of a carrier that comes back are served from where they stood, a new one too."""
    world = saturated(huge(), huge(carrier=1), carriers=(NO_LIMIT, NO_LIMIT))
    world.gates[0].breaker.failure(world.now)
    serve(world, 300)
    world.add("new", huge())
    world.now += 60.0
    world.turn()
    world.commit()
    world.deliver_reads()
    before = len(world.dialed)
    shares = Counter(serve(world, before + 300)[before:])
    assert shares["lane0"] == pytest.approx(100, abs=2)
    assert shares["new"] == pytest.approx(100, abs=2)


@pytest.mark.parametrize("carrier", [0, 1])
@pytest.mark.parametrize("dials_before", [0, 1, 2])
def test_a_newcomer_after_an_outage_gets_its_share_and_no_more(
    carrier: int, dials_before: int
) -> None:
    """Once a carrier is back, all lanes count from one turn: none finds an old one to start at."""
    world = saturated(huge(), huge(), huge(carrier=1), carriers=(NO_LIMIT, NO_LIMIT))
    world.gates[0].breaker.failure(world.now)
    serve(world, 300)
    world.now += 60.0
    serve(world, len(world.dialed) + 20 + dials_before)
    world.add("new", huge(carrier=carrier))
    world.turn()
    world.commit()
    world.deliver_reads()
    before = len(world.dialed)
    shares = Counter(serve(world, before + 160)[before:])
    assert shares["new"] == pytest.approx(40, abs=2)


def test_lanes_of_a_slow_carrier_share_it_by_their_weights() -> None:
    """A slow carrier beside a fast one is shared among its own lanes by weight all the same."""
    slow = LimitSetup(rate=5.0)
    lanes = huge(weight=30), huge(weight=10), huge(weight=100, carrier=1, calls=1_500)
    world = saturated(*lanes, slots=3, carriers=(slow, NO_LIMIT))
    while world.now < BEGIN + 20.0:
        serve(world, len(world.dialed) + 3)
        world.now += 0.05
    shares = Counter(dial.lane.batch_id for dial in world.dialed)
    assert shares["lane0"] + shares["lane1"] >= 70
    assert shares["lane0"] / (shares["lane0"] + shares["lane1"]) == pytest.approx(0.75, abs=0.03)
