"""The dispatcher in single scenes: steering, carriers in trouble, pace, its own effort."""

from __future__ import annotations

import math

import pytest

from batchcalls.core.breaker import SILENCE_S
from batchcalls.core.carrier_gate import CarrierGate
from batchcalls.core.dispatch import PLAN_SIZE, Dispatcher
from batchcalls.core.lane import Dial, Lane
from batchcalls.core.lifecycle import DialState
from batchcalls.core.limits import GUARD_S, LEAD_S, Limit
from batchcalls.core.model import BatchSettings, BatchSpec
from tests.core.dispatch_scenes import NO_LIMIT, dial_all, huge, saturated
from tests.core.dispatch_setup import LaneSetup, LimitSetup, make_call
from tests.core.dispatch_world import BEGIN, World

# Steering


def test_a_canceled_lane_withdraws_what_is_prepared() -> None:
    """After a cancel nothing of the lane leaves: a durable intent is given back at once."""
    world = saturated(huge(calls=5), slots=0)
    world.turn()
    world.cancel(world.lanes[0])
    world.commit()
    plan = world.turn()
    assert (len(plan.withdraw), len(plan.launch), len(world.up)) == (5, 0, 0)
    assert world.dispatcher.server.in_use == 0


def test_a_cancel_withdraws_dials_that_wait_for_their_pace() -> None:
    """Dials whose intents were durable before the cancel are given back too."""
    world = saturated(LaneSetup(concurrency=5, rate=20.0, priorities=(0,) * 5), slots=0)
    world.turn()
    world.commit()
    world.turn()
    waiting = world.lanes[0].limit.prepared
    assert waiting
    world.cancel(world.lanes[0])
    assert len(world.turn().withdraw) == waiting


def test_a_paused_lane_dials_nothing() -> None:
    """A pause stops new dials, and those whose intents are on their way are withdrawn."""
    world = saturated(huge(calls=5), slots=2)
    world.turn()
    world.close(world.lanes[0])
    dial_all(world)
    assert world.up == []
    assert not world.turn().prepare


def test_a_dial_of_a_plan_is_called_off_until_the_moment_at_which_it_leaves() -> None:
    """A lane that closes between the plan and the dial gets its slots back, and dials nobody."""
    world = saturated(huge(calls=1), slots=2)
    world.turn()
    world.commit()
    [dial] = world.dispatcher.plan(world.now).launch
    world.dispatcher.close_lane(dial.lane)
    assert not world.dispatcher.place(dial, world.now)
    assert dial.state is DialState.SETTLING
    assert not dial.lane.limit.in_use
    assert not world.dispatcher.server.in_use


def test_a_stop_withdraws_what_is_prepared_and_prepares_nothing() -> None:
    """After a stop no dial leaves, whether its intent was durable before or becomes so later."""
    world = saturated(LaneSetup(concurrency=9, rate=20.0, priorities=(0,) * 9), slots=0)
    world.turn()
    world.commit(most=2)
    world.turn()
    [up] = world.up
    world.stop()
    first = world.turn()
    prepared = len(world.holding - {up})
    world.commit()
    second = world.turn()
    assert len(first.withdraw) == 1
    assert len(second.withdraw) == prepared > 0
    assert world.up == [up]
    assert first.prepare + second.prepare == []
    world.sleep()
    assert world.wake_at == math.inf


def test_a_lane_in_use_cant_be_dropped() -> None:
    """Only a closed lane without a call up can be forgotten."""
    world = saturated(huge(calls=1))
    lane = world.lanes[0]
    with pytest.raises(AssertionError, match="still open"):
        world.dispatcher.drop_lane(lane)
    dial_all(world)
    world.close(lane)
    with pytest.raises(AssertionError, match="still in use"):
        world.dispatcher.drop_lane(lane)
    world.complete(world.up[0])
    world.dispatcher.drop_lane(lane)
    assert "lane0" not in world.dispatcher.lanes


def test_a_refill_for_a_lane_that_was_closed_brings_nothing() -> None:
    """What the store answers after a pause is forgotten; a resume reads again."""
    world = World(server=NO_LIMIT, carriers=[NO_LIMIT], lanes=[huge(calls=5)])
    world.turn()
    world.run_reads()
    lane = world.lanes[0]
    world.close(lane)
    world.deliver_reads()
    assert len(lane.ready) == 0
    world.dispatcher.open_lane(lane)
    assert world.turn().refill == [lane]


# Carriers in trouble


def two_carriers() -> World:
    lanes = huge(calls=6), huge(calls=6, carrier=1)
    return saturated(*lanes, slots=0, carriers=(LimitSetup(slots=2), LimitSetup(slots=2)))


def test_a_carrier_going_down_withdraws_its_prepared_dials_alone() -> None:
    """Durable intents for a carrier that is down are given back; other carriers go on."""
    world = two_carriers()
    world.turn()
    world.commit(most=1)
    world.turn()
    [first] = world.up
    world.carrier_down(first)
    world.commit()
    plan = world.turn()
    down = first.lane.carrier
    assert [dial.lane.carrier for dial in plan.withdraw] == [down]
    assert all(dial.lane.carrier is not down for dial in plan.launch)
    assert plan.launch


def test_dials_that_wait_for_their_pace_are_withdrawn_when_the_carrier_goes_down() -> None:
    """A dial that is durable and would leave in a moment is given back in the very next plan."""
    world = saturated(LaneSetup(concurrency=9, rate=20.0, priorities=(0,) * 9), slots=0)
    world.turn()
    world.commit()
    world.turn()
    waiting = len(world.durable)
    assert waiting
    world.carrier_down(world.up[0])
    assert len(world.turn().withdraw) == waiting


@pytest.mark.parametrize(("news", "dialed"), [("taken", 4), ("ended", 4), ("hung up", 3)])
def test_intents_that_outlast_an_outage_leave_one_by_one(news: str, dialed: int) -> None:
    """Prepared before the carrier went down, durable long after: one is the probe, others wait."""
    world = saturated(huge(calls=4), slots=4)
    world.turn()
    world.commit(most=1)
    world.turn()
    world.carrier_down(world.up[0])
    world.now += 10.0
    world.commit(most=3)
    world.turn()
    [probe] = world.up
    assert len(world.durable) == 2
    match news:
        case "taken":
            world.dispatcher.carrier_up(probe, world.now)
        case "ended":
            world.complete(probe)
        case _:
            world.explode(probe)
    world.turn()
    assert len(world.dialed) == dialed


def test_a_carrier_that_is_down_is_tried_by_one_dial_at_a_time() -> None:
    """After the rest one probe leaves, and only when it is taken do the others follow."""
    world = saturated(huge(calls=9), slots=0, carriers=(LimitSetup(slots=4),))
    world.gates[0].breaker.failure(world.now)
    dial_all(world)
    assert not world.up
    world.sleep()
    dial_all(world)
    [probe] = world.up
    world.dispatcher.carrier_up(probe, world.now)
    dial_all(world)
    assert len(world.up) == 4


@pytest.mark.parametrize("news", ["explode", "complete", "throttle", "carrier_down"])
def test_a_probe_that_ends_anyhow_never_blocks_its_carrier(news: str) -> None:
    """Whether it is hung up, fails in a bug, or is refused: another dial follows in the end."""
    world = saturated(huge(calls=3), slots=0)
    world.gates[0].breaker.failure(world.now)
    dial_all(world)
    world.sleep()
    dial_all(world)
    [probe] = world.up
    match news:
        case "explode":
            world.explode(probe)
        case "complete":
            world.complete(probe)
        case "throttle":
            world.throttle(probe, 0.0)
        case _:
            world.carrier_down(probe)
    world.run_to_rest()
    world.check_all_done()


def test_a_probe_that_neither_rings_nor_ends_keeps_nobody_back_for_long() -> None:
    """A carrier that tells nothing has taken its probe when it has kept it for a while."""
    world = saturated(huge(calls=9), slots=0, carriers=(LimitSetup(slots=4),))
    world.gates[0].breaker.failure(world.now)
    dial_all(world)
    world.sleep()
    dial_all(world)
    began = world.now
    assert len(world.up) == 1
    world.sleep()
    assert world.now == began + SILENCE_S
    dial_all(world)
    assert len(world.up) == 4


def test_what_is_prepared_is_withdrawn_while_the_carrier_rests() -> None:
    """It asked for 30 s: until then no dial leaves, and its slots are for others."""
    world = saturated(LaneSetup(concurrency=9, rate=20.0, priorities=(0,) * 9), slots=0)
    world.turn()
    world.commit()
    world.turn()
    waiting, began = len(world.durable), world.now
    world.throttle(world.up[0], 30.0)
    assert waiting
    assert len(world.turn().withdraw) == waiting
    dialed = len(world.dialed)
    while world.now < began + 30.0:
        assert len(world.dialed) == dialed
        dial_all(world)
        world.sleep()
    dial_all(world)
    assert len(world.dialed) > dialed


def test_old_news_dont_disturb_a_probe() -> None:
    """A call from before the carrier went down may end as it likes: the probe alone decides."""
    world = saturated(huge(calls=9), slots=0, carriers=(LimitSetup(slots=2),))
    dial_all(world)
    old, failing = world.up
    world.now += 1.0
    world.carrier_down(failing)
    dial_all(world)
    world.explode(old)
    world.sleep()
    dial_all(world)
    [probe] = world.up
    assert world.turn().wake_at == world.now + SILENCE_S
    world.dispatcher.carrier_up(probe, world.now)
    assert world.turn().prepare


def test_prepared_dials_dont_wait_for_a_rate_that_has_recovered() -> None:
    """A throttle that came after many intents slows them down only until the rate is back."""
    world = saturated(huge(calls=200), slots=0)
    world.turn()
    world.commit(most=1)
    world.turn()
    world.throttle(world.up[0], 0.0)
    world.commit()
    while len(world.dialed) < 200 and world.now < BEGIN + 60.0:
        world.commit()
        world.turn()
        world.sleep()
    assert len(world.dialed) == 200


# Pace


def test_a_paced_dial_leaves_at_its_very_moment() -> None:
    """Prepared ahead and durable in time, dials leave exactly an interval after each other.

    Ten of them take the promised second and its guard.
    """
    world = saturated(LaneSetup(concurrency=50, rate=10.0, priorities=(0,) * 50), slots=0)
    world.turn()
    for _ in range(100):
        world.commit()
        world.turn()
        world.sleep()
    gaps = [
        after - before
        for before, after in zip(world.left["lane0"], world.left["lane0"][1:], strict=False)
    ]
    assert gaps == pytest.approx([(1.0 + GUARD_S) / 10] * len(gaps), abs=1e-6)


def test_a_held_pace_leaves_room_for_what_an_earlier_process_dialed() -> None:
    """After a restart nothing leaves for a whole window, by any of the limits that it passes."""
    world = World(
        server=NO_LIMIT,
        carriers=[LimitSetup(rate=4.0)],
        lanes=[LaneSetup(concurrency=9, rate=0.5, priorities=(0,) * 9)],
    )
    world.dispatcher.hold_pace(world.now)
    dial_all(world)
    assert not world.up
    world.run_to_rest()
    assert world.left["lane0"][0] >= BEGIN + 2.0


def test_commits_slower_than_the_lead_hold_up_a_lane_only_while_they_last() -> None:
    """Late intents leave when they are durable, and the next are prepared without any news."""
    world = saturated(LaneSetup(concurrency=30, rate=10.0, priorities=(0,) * 30), slots=0)
    for _ in range(60):
        world.turn()
        world.now += 0.3
        world.commit()
        world.sleep()
    assert len(world.up) == 30


def test_a_slow_commit_costs_no_polling() -> None:
    """While intents wait for the disk, the dispatcher waits for the disk: it plans nothing."""
    world = saturated(LaneSetup(concurrency=50, rate=109.9999, priorities=(0,) * 50), slots=0)
    world.turn()
    for _ in range(20):
        world.sleep()
    assert world.wake_at == math.inf
    assert world.lanes[0].limit.prepared == LEAD_S * 110


# Effort


def test_a_huge_plan_comes_in_pieces() -> None:
    """However many calls may be dialed at once, a plan names a bounded number and goes on."""
    world = saturated(huge(calls=600), slots=0)
    sizes: list[int] = []
    while not sizes or sizes[-1]:
        plan = world.dispatcher.plan(world.now)
        sizes.append(len(plan.prepare))
        assert (plan.wake_at == world.now) == (len(plan.prepare) == PLAN_SIZE)
    assert sum(sizes) == 600


class WatchedLane(Lane):
    """A lane that counts how often the dispatcher looks at it."""

    looks = 0

    def promote(self, now: float) -> None:
        """Count; then as ever."""
        self.looks += 1
        super().promote(now)


def watched(index: int, gate: CarrierGate, server: Limit) -> WatchedLane:
    spec = BatchSpec(
        batch_id=f"lane{index}", carrier=gate.name, settings=BatchSettings(concurrency=1)
    )
    return WatchedLane(spec, gate, above=(server,))


def thousand_lanes() -> tuple[Dispatcher, list[WatchedLane]]:
    gate = CarrierGate("any")
    dispatcher = Dispatcher(server=Limit("server"), carriers=[gate])
    lanes = [watched(index, gate, dispatcher.server) for index in range(1_000)]
    for lane in lanes:
        dispatcher.add_lane(lane)
        dispatcher.open_lane(lane)
    return dispatcher, lanes


def bring_up(dispatcher: Dispatcher, now: float) -> list[Dial]:
    up: list[Dial] = []
    plan = dispatcher.plan(now)
    while plan.prepare or plan.launch:
        up += [dial for dial in plan.launch if dispatcher.place(dial, now)]
        for dial in plan.prepare:
            dispatcher.prepared(dial, now)
        plan = dispatcher.plan(now)
    return up


def test_a_plan_looks_only_at_lanes_that_can_dial() -> None:
    """Of 1,000 lanes, one gets its slot back: the plan looks at that one and at no other."""
    dispatcher, lanes = thousand_lanes()
    dispatcher.plan(1.0)
    for lane in lanes:
        calls = [make_call(0), make_call(1)]
        dispatcher.refilled(
            lane, ready=calls, waiting=[], ready_complete=True, waiting_complete=True
        )
    up = bring_up(dispatcher, 1.0)
    assert len(up) == 1_000
    dispatcher.plan(1.0)
    before = [lane.looks for lane in lanes]
    dispatcher.line_free(up[17], 2.0)
    plan = dispatcher.plan(2.0)
    assert [dial.lane for dial in plan.prepare] == [up[17].lane]
    looked = [lane for lane, looks in zip(lanes, before, strict=True) if lane.looks > looks]
    assert looked == [up[17].lane]


def test_lanes_that_wait_for_a_retry_are_left_alone_until_it_is_due() -> None:
    """Of 1,000 lanes that wait for retries, a plan looks at those whose time has come."""
    dispatcher, lanes = thousand_lanes()
    dispatcher.plan(1.0)
    for index, lane in enumerate(lanes):
        due_s = 100.0 + index
        call = make_call(0).again(attempts=1, due_s=due_s, due_time_us=int(due_s * 1_000_000))
        dispatcher.refilled(
            lane, ready=[], waiting=[call], ready_complete=True, waiting_complete=True
        )
    assert dispatcher.plan(1.0).wake_at == 100.0
    before = [lane.looks for lane in lanes]
    assert len(dispatcher.plan(100.0).prepare) == 1
    assert dispatcher.plan(100.0).wake_at == 101.0
    assert [lane.looks - looks > 0 for lane, looks in zip(lanes, before, strict=True)] == [
        index == 0 for index in range(1_000)
    ]


def test_alarms_that_are_superseded_dont_pile_up() -> None:
    """A lane that is woken early again and again, with a retry far ahead, keeps few alarms."""
    gate = CarrierGate("any")
    dispatcher = Dispatcher(server=Limit("server"), carriers=[gate])
    spec = BatchSpec(
        batch_id="lane",
        carrier="any",
        settings=BatchSettings(concurrency=1, max_calls_per_second=1.0),
    )
    lane = Lane(spec, gate, above=(dispatcher.server,))
    dispatcher.add_lane(lane)
    dispatcher.open_lane(lane)
    dispatcher.plan(0.0)
    retry = make_call(1).again(attempts=1, due_s=1e6, due_time_us=10**12)
    dispatcher.refilled(
        lane, ready=[make_call(0)], waiting=[retry], ready_complete=True, waiting_complete=True
    )
    for second in range(1, 2_000):
        [dial] = dispatcher.plan(2.0 * second).prepare
        dispatcher.prepared(dial, 2.0 * second)
        dispatcher.plan(2.0 * second)
        assert dispatcher.place(dial, 2.0 * second)
        dispatcher.line_free(dial, 2.0 * second)
        dispatcher.put_back(dial, dial.call, 2.0 * second)
        dispatcher.plan(2.0 * second)
    assert len(dispatcher._timers) < 200  # memory that nothing else shows
