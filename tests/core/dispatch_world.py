"""A dispatcher with a plain world around it: a store of lists, a clock that one sets, carriers.

The world carries out what the dispatcher plans and keeps its own books of it, in the plainest
way: who holds a slot, when which dial left, which call is durably where. After every plan and
every launch it compares. It takes nothing from the dispatcher's own counters on faith.

The journal is a list: what is proposed becomes durable when ``commit`` is told to, in order.
Reads of the queue are as old as that: they begin with a plan, see the store at ``run_reads``,
and arrive with ``deliver_reads``, at the latest before the next commit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

from batchcalls.core.carrier_gate import CarrierGate
from batchcalls.core.dispatch import PLAN_SIZE, Dispatcher, Plan
from batchcalls.core.lane import Dial, Lane, QueuedCall, waiting_key
from batchcalls.core.lifecycle import DialState
from batchcalls.core.limits import Limit
from batchcalls.core.model import BatchSettings
from batchcalls.core.window import Window
from tests.core.dispatch_setup import LaneSetup, LimitSetup, make_attempt, make_call, make_lane

BEGIN = 1_000.0


@dataclass(slots=True, kw_only=True)
class Shelf:
    """What the store holds of one lane: calls that wait, and the positions of the others."""

    queue: dict[int, QueuedCall]
    open: set[int] = field(default_factory=set)
    final: set[int] = field(default_factory=set)

    @property
    def total(self) -> int:
        return len(self.queue) + len(self.open) + len(self.final)


@dataclass(slots=True, kw_only=True)
class Read:
    """A refill that is under way; ``ready`` and ``waiting`` are there once it ran."""

    lane: Lane
    now_us: int
    after: tuple[float, ...]
    limit: int
    has_run: bool = False
    ready: list[QueuedCall] = field(default_factory=list)
    waiting: list[QueuedCall] = field(default_factory=list)
    ready_complete: bool = False
    waiting_complete: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """What waits for the next commit: it takes effect, or, an intent only, it is refused."""

    accept: Callable[[], None]
    refuse: Callable[[], None] | None = None


class World:
    """Owns the clock and everything that the dispatcher doesn't."""

    def __init__(
        self,
        *,
        server: LimitSetup,
        carriers: list[LimitSetup],
        lanes: list[LaneSetup],
        tenants: Sequence[LimitSetup] = (),
    ) -> None:
        self.now = BEGIN
        self.gates = [
            CarrierGate(f"carrier{index}", slots=setup.slots, rate=setup.rate)
            for index, setup in enumerate(carriers)
        ]
        self.tenants = [
            Limit(f"tenant{index}", slots=setup.slots, rate=setup.rate)
            for index, setup in enumerate(tenants)
        ]
        self.ceilings = {f"carrier{index}": setup.rate for index, setup in enumerate(carriers)}
        self.dispatcher = Dispatcher(
            server=Limit("server", slots=server.slots, rate=server.rate), carriers=self.gates
        )
        self.lanes: list[Lane] = []
        self.shelves: dict[str, Shelf] = {}
        self.journal: list[Entry] = []
        self.reads: list[Read] = []
        self.holding: set[Dial] = set()
        self.up: list[Dial] = []
        self.durable: set[Dial] = set()
        self.recalled: set[Dial] = set()
        self.left: dict[str, list[float]] = {}
        self.dialed: list[Dial] = []
        self.attempts: set[tuple[str, int, int]] = set()
        self.wake_at = -math.inf
        self.idle_wakes = 0
        self.is_stopped = False
        self.canceled: set[Lane] = set()
        self.launch_late_s = 0.0
        for index, setup in enumerate(lanes):
            self.add(f"lane{index}", setup)

    def add(self, name: str, setup: LaneSetup) -> Lane:
        server = self.dispatcher.server
        tenants = () if setup.tenant is None else (self.tenants[setup.tenant],)
        lane = make_lane(name, setup, self.gates[setup.carrier], (server, *tenants))
        calls = [self._new_call(place, setup) for place in enumerate(setup.priorities)]
        self.shelves[name] = Shelf(queue={call.position: call for call in calls})
        self.lanes.append(lane)
        self.dispatcher.add_lane(lane)
        for call in calls[: setup.adopted]:
            self._adopt(lane, call)
        self.dispatcher.open_lane(lane)
        return lane

    def _new_call(self, place: tuple[int, int], setup: LaneSetup) -> QueuedCall:
        call = make_call(*place)
        if call.position % 2 == 0 or not setup.due_s:
            return call
        due_s = BEGIN + setup.due_s
        return replace(call, due_s=due_s, due_time_us=self.us(due_s))

    def _adopt(self, lane: Lane, call: QueuedCall) -> None:
        shelf = self.shelves[lane.batch_id]
        del shelf.queue[call.position]
        shelf.open.add(call.position)
        dial = Dial(lane, call, make_attempt(call), DialState.UP)
        self.dispatcher.adopt(dial, self.now)
        self.holding.add(dial)
        self.up.append(dial)

    # The clock

    def us(self, moment: float) -> int:
        return int(moment * 1_000_000)

    def monotonic(self, time_us: int) -> float:
        return self.now + (time_us - self.us(self.now)) / 1_000_000

    # Carrying out

    def turn(self) -> Plan:
        """Plan until nothing is left to decide, and carry it out; return all that was planned."""
        whole = Plan(wake_at=-math.inf)
        while whole.wake_at <= self.now:
            plan = self._carry_out_plan()
            whole.prepare += plan.prepare
            whole.launch += plan.launch
            whole.withdraw += plan.withdraw
            whole.refill += plan.refill
            whole.wake_at = plan.wake_at
        self.idle_wakes = 0
        self.wake_at = whole.wake_at
        return whole

    def _carry_out_plan(self) -> Plan:
        plan = self.dispatcher.plan(self.now)
        self._check_size(plan)
        for dial in plan.withdraw:
            self._withdraw(dial)
        for dial in plan.prepare:
            self._propose(dial)
        for dial in plan.launch:
            self.now += self.launch_late_s * (len(self.dialed) % 3 == 0)
            self._launch(dial)
        for lane in plan.refill:
            self._begin_read(lane)
        assert not self.recalled, f"{self.recalled} should be withdrawn"
        return plan

    def _check_size(self, plan: Plan) -> None:
        """A plan that is full goes on at once; any other leaves nothing to decide at its moment."""
        sizes = len(plan.prepare), len(plan.launch)
        assert max(sizes) <= PLAN_SIZE
        if max(sizes) == PLAN_SIZE:
            return
        assert plan.wake_at > self.now, "the plan looks into the past"
        again = self.dispatcher.plan(self.now)
        assert [again.prepare, again.launch, again.withdraw, again.refill] == [[], [], [], []]

    def _note_recalls(self) -> None:
        """What may not leave any more gives its slots back at once, and the next plan says so."""
        for dial in [dial for dial in self.durable if self._must_be_withdrawn(dial)]:
            self.durable.remove(dial)
            self.holding.remove(dial)
            self.recalled.add(dial)

    def _must_be_withdrawn(self, dial: Dial) -> bool:
        lane = dial.lane
        return self.is_stopped or not lane.is_open or lane.carrier.shut_at(self.now)

    def sleep(self, *, lateness_s: float = 0.0) -> None:
        """Sleep until the time of the latest plan, and plan again."""
        if self.wake_at == math.inf:
            return
        self.now = max(self.now, self.wake_at) + lateness_s
        idle_wakes = self.idle_wakes
        plan = self.turn()
        if not (plan.prepare or plan.launch or plan.withdraw or plan.refill):
            self.idle_wakes = idle_wakes + 1
        assert self.idle_wakes <= 3 * len(self.lanes), "it wakes up again and again for nothing"

    def _propose(self, dial: Dial) -> None:
        assert dial.lane.is_open, "a closed lane dials"
        self._check_order(dial)
        self.holding.add(dial)
        self._check_room(dial)
        dial.attempt = make_attempt(dial.call)
        self.journal.append(Entry(lambda: self._accept(dial), lambda: self._refuse(dial)))

    def _check_room(self, dial: Dial) -> None:
        """Calls of an earlier process may hold more slots than there are; a new dial may not."""
        for limit in dial.lane.path:
            held = sum(limit in other.lane.path for other in self.holding)
            assert not limit.slots or held <= limit.slots, f"{dial} has no slot of {limit}"

    def _check_order(self, dial: Dial) -> None:
        """Nothing that waits, and that the lane can know to be due, comes before this call."""
        lane = dial.lane
        for call in self.shelves[lane.batch_id].queue.values():
            is_known = not call.due_time_us or _reaches(lane.waiting, waiting_key(call))
            if call.position not in lane.dials and call.due_s <= self.now and is_known:
                assert lane.ready_key(dial.call) < lane.ready_key(call), f"{call} waits for {dial}"

    def _accept(self, dial: Dial) -> None:
        shelf = self.shelves[dial.lane.batch_id]
        del shelf.queue[dial.call.position]  # a KeyError: it was dialed twice
        shelf.open.add(dial.call.position)
        self.durable.add(dial)
        self.dispatcher.prepared(dial, self.now)
        self._note_recalls()

    def _refuse(self, dial: Dial) -> None:
        self.holding.remove(dial)
        self.dispatcher.unprepared(dial, self.now)

    def _launch(self, dial: Dial) -> None:
        assert dial in self.durable, "a dial leaves before its intent is durable"
        assert dial.lane.is_open, "a closed lane dials"
        self.durable.remove(dial)
        attempt = (dial.lane.batch_id, dial.call.position, dial.call.dials)
        assert attempt not in self.attempts, "one intent is dialed twice"
        self.attempts.add(attempt)
        assert self.dispatcher.place(dial, self.now), "a planned dial may leave at once"
        self.up.append(dial)
        self.dialed.append(dial)
        self._check_pace("server", self.dispatcher.server.pacer.rate)
        for limit in (*dial.lane.above[1:], dial.lane.limit):
            self._check_pace(limit.name, limit.pacer.rate)
        if self.ceilings[dial.lane.carrier.name]:  # an unlimited pace is planned, not measured
            self._check_pace(dial.lane.carrier.name, dial.lane.carrier.limit.pacer.rate)
            assert dial.lane.carrier.limit.pacer.rate <= self.ceilings[dial.lane.carrier.name]

    def _check_pace(self, name: str, rate: float) -> None:
        """No window of n / rate seconds up to now holds more than n dials, exactly."""
        log = self.left.setdefault(name, [])
        log.append(self.now)
        starts = max(1, math.floor(rate))
        if rate and len(log) > starts:
            assert Fraction(self.now) - Fraction(log[-1 - starts]) >= starts / Fraction(rate)

    def _withdraw(self, dial: Dial) -> None:
        self.recalled.remove(dial)  # a KeyError: it is withdrawn for no reason
        self._return(dial)

    def stop(self) -> None:
        self.is_stopped = True
        self.dispatcher.stop()
        self._note_recalls()

    def close(self, lane: Lane) -> None:
        self.dispatcher.close_lane(lane)
        self._note_recalls()

    def configure(self, lane: Lane, settings: BatchSettings) -> None:
        """Other settings, from now on; what was dialed under the old ones is past."""
        if settings.max_calls_per_second != lane.limit.pacer.rate:
            self.left.pop(lane.limit.name, None)
        self.dispatcher.configure_lane(lane, settings, self.now)

    def cancel(self, lane: Lane) -> None:
        self.canceled.add(lane)
        self.close(lane)

    # What happens to calls

    def commit(self, *, refuse: bool = False, most: int = 1_000) -> None:
        """Make the first entries durable, or refuse the intents among them."""
        self.deliver_reads()
        entries, self.journal = self.journal[:most], self.journal[most:]
        for entry in entries:
            if refuse and entry.refuse:
                entry.refuse()
            else:
                entry.accept()
        if any(not entry.refuse for entry in entries) or not refuse:
            self.run_reads()

    def complete(self, dial: Dial) -> None:
        self.dispatcher.carrier_up(dial, self.now)
        self._free(dial)
        self.journal.append(Entry(lambda: self._settle(dial)))

    def explode(self, dial: Dial) -> None:
        """The call ends, and nothing is known of the carrier."""
        self._free(dial)
        self.journal.append(Entry(lambda: self._settle(dial)))

    def retry(self, dial: Dial, delay_s: float) -> None:
        self.dispatcher.carrier_up(dial, self.now)
        self._free(dial)
        due_us = self.us(self.now) + round(delay_s * 1_000_000)
        self._queue_again(dial, attempts=dial.call.attempts + 1, due_us=due_us)

    def throttle(self, dial: Dial, retry_after_s: float) -> None:
        self.dispatcher.carrier_throttled(dial, self.now, retry_after_s=retry_after_s)
        self._note_recalls()
        self._free(dial)
        self._return(dial)

    def carrier_down(self, dial: Dial) -> None:
        self.dispatcher.carrier_down(dial, self.now)
        self._note_recalls()
        self._free(dial)
        self._return(dial)

    def _free(self, dial: Dial) -> None:
        self.up.remove(dial)
        self.holding.remove(dial)
        self.dispatcher.line_free(dial, self.now)

    def _return(self, dial: Dial) -> None:
        due_us = self.us(self.now) if dial.call.attempts else 0
        self._queue_again(dial, attempts=dial.call.attempts, due_us=due_us)

    def _queue_again(self, dial: Dial, *, attempts: int, due_us: int) -> None:
        def accept() -> None:
            due_s = self.monotonic(due_us) if due_us else 0.0
            call = dial.call.again(attempts=attempts, due_s=due_s, due_time_us=due_us)
            shelf = self.shelves[dial.lane.batch_id]
            shelf.open.remove(call.position)
            shelf.queue[call.position] = call
            self.dispatcher.put_back(dial, call, self.now)

        self.journal.append(Entry(accept))

    def _settle(self, dial: Dial) -> None:
        shelf = self.shelves[dial.lane.batch_id]
        shelf.open.remove(dial.call.position)
        shelf.final.add(dial.call.position)
        self.dispatcher.settled(dial)

    # Reads

    def _begin_read(self, lane: Lane) -> None:
        lane.taken_for_due(self.us(self.now))
        now_us = lane.due_until_us
        after = lane.waiting.bound or (now_us, 2**31)
        self.reads.append(Read(lane=lane, now_us=now_us, after=after, limit=lane.fetch_size))

    def run_reads(self) -> None:
        """See the store as it is after the latest commit."""
        for read in self.reads:
            if not read.has_run:
                self._run(read)

    def _run(self, read: Read) -> None:
        queue = list(self.shelves[read.lane.batch_id].queue.values())
        ready = [call for call in queue if call.due_time_us <= read.now_us]
        waiting = [call for call in queue if call.due_time_us and waiting_key(call) > read.after]
        ready.sort(key=read.lane.ready_key)
        waiting.sort(key=waiting_key)
        read.ready, read.waiting = ready[: read.limit], waiting[: read.limit]
        read.ready_complete = len(ready) < read.limit
        read.waiting_complete = len(waiting) < read.limit
        read.has_run = True

    def deliver_reads(self) -> None:
        """Bring the lanes what was seen."""
        arrived = [read for read in self.reads if read.has_run]
        self.reads = [read for read in self.reads if not read.has_run]
        for read in arrived:
            self.dispatcher.refilled(
                read.lane,
                ready=read.ready,
                waiting=read.waiting,
                ready_complete=read.ready_complete,
                waiting_complete=read.waiting_complete,
            )

    # Rules that always hold

    def check(self) -> None:
        self._check_slots()
        for lane in self.lanes:
            self._check_lane(lane)

    def _check_slots(self) -> None:
        limits = [self.dispatcher.server]
        limits += [gate.limit for gate in self.gates]
        limits += self.tenants
        limits += [lane.limit for lane in self.lanes]
        for limit in limits:
            held = [dial for dial in self.holding if limit in dial.lane.path]
            assert limit.in_use == len(held), f"{limit}: {held}"
            assert limit.prepared == sum(dial.launched_at is None for dial in held)

    def _check_lane(self, lane: Lane) -> None:
        shelf = self.shelves[lane.batch_id]
        assert len(lane.ready) <= 2 * lane.capacity
        assert len(lane.waiting) <= 2 * lane.capacity
        for dial in lane.dials.values():
            assert lane.ready_key(dial.call) not in lane.ready, f"{dial} could be dialed twice"
            assert waiting_key(dial.call) not in lane.waiting, f"{dial} could be dialed twice"
        for call in shelf.queue.values():
            places = (lane.ready_key(call) in lane.ready) + (waiting_key(call) in lane.waiting)
            assert places <= 1, f"{call} stands in both windows"
        for position in shelf.open:
            assert position in lane.dials, f"call {position} is open, and nobody dials it"

    # The end

    def run_to_rest(self) -> None:
        """From here on all goes well: everything that the lanes may dial is dialed and ends."""
        for _ in range(100_000):
            self.turn()
            if self.journal or self.reads:
                self.commit()
            elif self.up:
                self.complete(self.up[0])
            elif self.wake_at < math.inf:
                self.now = self.wake_at
            else:
                return
            self.check()
        raise AssertionError("the world comes to no rest")

    def check_all_done(self) -> None:
        for lane in self.lanes:
            shelf = self.shelves[lane.batch_id]
            if lane.is_open and not self.is_stopped:
                assert not shelf.queue, f"{lane} starves: {sorted(shelf.queue)}"
            assert not shelf.open
            assert not lane.dials


def _reaches(window: Window[QueuedCall], key: tuple[float, ...]) -> bool:
    return window.complete or (window.bound is not None and key <= window.bound)
