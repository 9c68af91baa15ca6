"""What a world of the dispatcher is made of: limits, lanes and their calls."""

from __future__ import annotations

from dataclasses import dataclass

from batchcalls.core.carrier_gate import CarrierGate
from batchcalls.core.lane import Lane, QueuedCall
from batchcalls.core.limits import Limit
from batchcalls.core.model import Attempt, BatchSettings, BatchSpec, RetryOrder


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneSetup:
    """What a lane is made of; ``priorities`` has one entry a call.

    Every other call isn't to be dialed before ``due_s`` seconds after the beginning.
    """

    carrier: int = 0
    concurrency: int = 1
    rate: float = 0.0
    weight: int = 10
    priorities: tuple[int, ...] = (0,)
    window: int = 0
    adopted: int = 0
    order: RetryOrder = RetryOrder.RETRIES_FIRST
    due_s: float = 0.0
    tenant: int | None = None

    @property
    def settings(self) -> BatchSettings:
        return BatchSettings(
            concurrency=self.concurrency,
            max_calls_per_second=self.rate,
            priority=self.weight,
            retry_order=self.order,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitSetup:
    """The slots and the rate of a carrier or the server; 0 means no limit."""

    slots: int = 0
    rate: float = 0.0


def make_lane(
    name: str, setup: LaneSetup, gate: CarrierGate, above: tuple[Limit, ...] = ()
) -> Lane:
    lane = Lane(
        BatchSpec(
            batch_id=name,
            carrier=gate.name,
            settings=setup.settings,
        ),
        gate,
        above=above,
    )
    if setup.window:
        lane.hold(setup.window)
    return lane


def make_attempt(call: QueuedCall) -> Attempt:
    return Attempt(
        attempt_id=f"{call.position}.{call.dials + 1}",
        number=call.attempts + 1,
        carrier="any",
        start_time_us=0,
    )


def make_call(position: int, priority: int = 0) -> QueuedCall:
    return QueuedCall(position=position, priority=priority, spec=b"")
