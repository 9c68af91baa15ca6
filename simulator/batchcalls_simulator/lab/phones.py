"""The phones of a simulated world: a network that outlives every server that dials through it.

A ``PhoneNetwork`` wraps simulators. Each server gets a ``Line`` of its own, a carrier like any
other: hanging up ends the call, but when the server dies the call goes on, and the next
server follows it by its attempt id. The ``Checker`` sees every phone from outside.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import trio

from batchcalls.carriers.base import (
    CallResult,
    Carrier,
    CarrierError,
    CarrierLimits,
    CarrierThrottled,
    CarrierUnavailable,
    NotKnown,
    OutboundCall,
    Progress,
)
from batchcalls.core.model import Outcome
from batchcalls_simulator.carrier import SimulatorCarrier
from batchcalls_simulator.lab.checker import Checker
from batchcalls_simulator.lab.faults import Faults, Moment
from batchcalls_simulator.lab.process import Process

Report = Callable[[Progress], None]


class PhoneCall:
    """One dial, as the network sees it: it ends by itself, or ``scope`` hangs it up."""

    def __init__(self, call: OutboundCall, report: Report, process: Process) -> None:
        self.call = call
        self.process = process
        self.scope = trio.CancelScope()
        self.over = trio.Event()
        self.result: CallResult | CarrierError | None = None
        self._report = report

    async def hang_up(self) -> None:
        """End it if it isn't over; returns when the line is free."""
        self.scope.cancel()
        with trio.CancelScope(shield=True):
            await self.over.wait()

    def report(self, progress: Progress) -> None:
        """Tell the server, if there still is one."""
        if self.process.alive:
            self._report(progress)


class PhoneNetwork:
    """One carrier's phones. ``wild`` serves them until the faults are over, ``calm`` after."""

    def __init__(
        self,
        name: str,
        *,
        wild: SimulatorCarrier,
        calm: SimulatorCarrier,
        faults: Faults,
        checker: Checker,
        nursery: trio.Nursery,
        random: Random,
    ) -> None:
        self.name = name
        self.limits: CarrierLimits = wild.limits
        self._wild = wild
        self._calm = calm
        self._faults = faults
        self._checker = checker
        self._nursery = nursery
        self._random = random
        self._dialed: dict[str, SimulatorCarrier] = {}

    def __repr__(self) -> str:
        return f"<PhoneNetwork {self.name}, {len(self._dialed)} dialed>"

    @property
    def _is_calm(self) -> bool:
        return trio.current_time() >= self._faults.calm_at_s

    def dial(self, phone_call: PhoneCall) -> None:
        """Let it ring."""
        call = phone_call.call
        self._checker.dialed(self.name, call, phone_call.process.number)
        simulator = self._calm if self._is_calm else self._wild
        self._dialed.setdefault(call.attempt_id, simulator)
        self._nursery.start_soon(self._live, phone_call, simulator)

    async def follow(self, attempt_id: str, report: Report) -> CallResult | NotKnown:
        """Wait for the end of a dial, as far as the network knows of it."""
        if not self._is_calm and self._random.random() < self._faults.forgetful_rate:
            self._checker.disowned(attempt_id)
            return NotKnown()
        return await self._simulator_of(attempt_id).follow(attempt_id, report)

    async def hang_up(self, attempt_id: str) -> None:
        """End a dial, whoever made it."""
        await self._simulator_of(attempt_id).hang_up(attempt_id)

    def _simulator_of(self, attempt_id: str) -> SimulatorCarrier:
        return self._dialed.get(attempt_id, self._calm if self._is_calm else self._wild)

    def tell(self, phone_call: PhoneCall) -> CallResult:
        """The end of a call as the server hears it."""
        result = phone_call.result
        assert result is not None
        if isinstance(result, CarrierError):
            raise result
        if not self._is_calm and self._random.random() < self._faults.lost_result_rate:
            raise CarrierError("the carrier lost track of the call")
        return result

    async def _live(self, phone_call: PhoneCall, simulator: SimulatorCarrier) -> None:
        call = phone_call.call
        phone_call.result = CallResult(outcome=Outcome.CANCELED)
        try:
            with phone_call.scope:
                phone_call.result = await simulator.place_call(call, phone_call.report)
        except (CarrierThrottled, CarrierUnavailable) as error:
            phone_call.result = error
            self._checker.silent(call.attempt_id)
        except CarrierError as error:
            phone_call.result = error
        finally:
            self._checker.over(call.attempt_id, phone_call.result)
            phone_call.over.set()


class Line(Carrier):
    """One server's way into the network."""

    def __init__(self, network: PhoneNetwork, process: Process) -> None:
        self.limits = network.limits
        self._network = network
        self._process = process
        self._hangs_up = True

    def __repr__(self) -> str:
        return f"<Line of {self._process!r} into {self._network!r}>"

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """When it ends, let the calls that are up go on."""
        task_status.started()
        try:
            await trio.sleep_forever()
        finally:
            self._hangs_up = False

    async def place_call(self, call: OutboundCall, report: Report) -> CallResult:
        """Dial and wait for the end; cancelling hangs up, unless the server is dead."""
        await self._process.passes(Moment.BEFORE_DIAL)
        phone_call = PhoneCall(call, report, self._process)
        self._network.dial(phone_call)
        await self._process.passes(Moment.AFTER_DIAL)
        try:
            await phone_call.over.wait()
        finally:
            if self._hangs_up and self._process.alive:
                await phone_call.hang_up()
        return self._network.tell(phone_call)

    async def follow(self, attempt_id: str, report: Report) -> CallResult | NotKnown:
        """Ask the network."""
        return await self._network.follow(attempt_id, report)

    async def hang_up(self, attempt_id: str) -> None:
        """Tell the network."""
        await self._network.hang_up(attempt_id)
