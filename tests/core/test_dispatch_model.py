"""The dispatcher in a world where anything happens at any time, against a plain model.

The rules are in ``dispatch_world``: no limit is ever exceeded, no call is dialed twice, none is
lost; and in the end, when all goes well again, everything that may be dialed has been dialed.
"""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from batchcalls.core.lane import Dial
from batchcalls.core.model import RetryOrder
from tests.core.dispatch_setup import LaneSetup, LimitSetup
from tests.core.dispatch_world import World

SLOTS = st.sampled_from([0, 0, 1, 2, 5])
RATES = st.sampled_from([0.0, 0.0, 0.7, 1.0, 3.0, 12.5, 40.0, 200.0])
LIMITS = st.builds(LimitSetup, slots=SLOTS, rate=RATES)
LATENESS = st.sampled_from([0.0, 1e-6, 0.001, 0.03, 0.7])
LANES = st.builds(
    LaneSetup,
    carrier=st.integers(0, 1),
    concurrency=st.integers(1, 6),
    rate=RATES,
    weight=st.integers(1, 100),
    priorities=st.lists(st.integers(0, 2), min_size=1, max_size=25).map(tuple),
    window=st.sampled_from([1, 2, 4, 0]),
    adopted=st.sampled_from([0, 0, 0, 2]),
    order=st.sampled_from(RetryOrder),
    due_s=st.sampled_from([0.0, 0.0, 0.4, 30.0]),
    tenant=st.sampled_from([None, 0, 1]),
)
News = tuple[str, float]
NEWS = st.tuples(
    st.sampled_from(["completed", "retry", "retry", "throttled", "down", "exploded", "ringing"]),
    st.sampled_from([0.0, 0.001, 0.5, 4.0, 60.0]),
)


def tell(world: World, dial: Dial, what: str, seconds: float) -> None:
    match what:
        case "completed":
            world.complete(dial)
        case "retry":
            world.retry(dial, seconds)
        case "throttled":
            world.throttle(dial, seconds)
        case "down":
            world.carrier_down(dial)
        case "exploded":
            world.explode(dial)
        case _:
            world.dispatcher.carrier_up(dial, world.now)


class Anything(RuleBasedStateMachine):
    """Plans, commits, news from carriers and steering, in any order."""

    world: World

    @initialize(
        server=LIMITS,
        carriers=st.lists(LIMITS, min_size=2, max_size=2),
        lanes=st.lists(LANES, min_size=1, max_size=4),
        tenants=st.lists(LIMITS, min_size=2, max_size=2),
        launch_late_s=st.sampled_from([0.0, 1e-6, 0.002]),
    )
    def begin(
        self,
        server: LimitSetup,
        carriers: list[LimitSetup],
        lanes: list[LaneSetup],
        tenants: list[LimitSetup],
        launch_late_s: float,
    ) -> None:
        self.world = World(server=server, carriers=carriers, lanes=lanes, tenants=tenants)
        self.world.launch_late_s = launch_late_s
        for _ in range(2):  # refill, then dial
            self.world.turn()
            self.world.commit()
            self.world.deliver_reads()
        self.world.turn()

    @rule()
    def plan(self) -> None:
        self.world.turn()

    @rule(lateness_s=LATENESS)
    def wake_up(self, lateness_s: float) -> None:
        self.world.sleep(lateness_s=lateness_s)

    @rule(times=st.integers(1, 30))
    def nothing_happens_for_a_while(self, times: int) -> None:
        for _ in range(times):
            self.world.sleep()

    @rule(seconds=st.floats(0.0, 8.0))
    def pass_time(self, seconds: float) -> None:
        self.world.now += seconds

    @rule(most=st.sampled_from([1, 3, 1_000, 1_000]), refuse=st.sampled_from([False, False, True]))
    def commit(self, most: int, refuse: bool) -> None:
        self.world.commit(most=most, refuse=refuse)
        self.world.turn()

    @rule()
    def reads_arrive(self) -> None:
        self.world.deliver_reads()
        self.world.turn()

    @precondition(lambda self: self.world.up)
    @rule(news=st.lists(NEWS, min_size=1, max_size=8), plans=st.booleans())
    def news_from_carriers(self, news: list[News], plans: bool) -> None:
        """Calls that are up ring or end, the longest first; some news make others plan."""
        for dial, (what, seconds) in zip(list(self.world.up), news, strict=False):
            tell(self.world, dial, what, seconds)
            if plans:
                self.world.turn()

    @rule(really=st.integers(0, 20))
    def stop(self, really: int) -> None:
        if really == 20:
            self.world.stop()

    @rule(data=st.data())
    def steer(self, data: st.DataObject) -> None:
        world = self.world
        lane = data.draw(st.sampled_from(world.lanes))
        if data.draw(st.integers(0, 7)) == 0:
            world.cancel(lane)
        elif lane.is_open:
            world.close(lane)
        elif lane not in world.canceled:
            world.dispatcher.open_lane(lane)

    @rule(data=st.data(), setup=LANES)
    def configure(self, data: st.DataObject, setup: LaneSetup) -> None:
        lane = data.draw(st.sampled_from(self.world.lanes))
        self.world.configure(lane, setup.settings)

    @precondition(lambda self: len(self.world.lanes) < 6)
    @rule(setup=LANES)
    def another_lane(self, setup: LaneSetup) -> None:
        self.world.add(f"lane{len(self.world.lanes)}", setup)

    @invariant()
    def rules_hold(self) -> None:
        if hasattr(self, "world"):
            self.world.check()

    def teardown(self) -> None:
        if hasattr(self, "world"):
            for lane in self.world.lanes:
                if not lane.is_open and lane not in self.world.canceled and lane.weight % 2:
                    self.world.dispatcher.open_lane(lane)
            self.world.run_to_rest()
            self.world.check_all_done()


Anything.TestCase.settings = settings(stateful_step_count=50)
TestAnything = Anything.TestCase
