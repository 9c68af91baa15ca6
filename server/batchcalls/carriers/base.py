"""The carrier seam: what the engine asks of whoever places the calls.

A carrier is a phone company's API, a SIP trunk, a process that speaks
``batchcalls.v1.CarrierService``, or the bundled simulator. The engine decides when and
whom to dial; a carrier only dials. It keeps no queue, retries nothing and counts no
limits: those are the engine's.

The contract, which ``batchcalls.testing.check_carrier`` proves, and which ``border`` doesn't
take on trust:

* ``run`` lives as long as the server. Nothing is asked before it has started.
* ``place_call`` lasts exactly as long as the call. When it returns, the line is free.
* Cancelling ``place_call`` hangs up, as long as ``run`` wasn't cancelled before: then the
  server stops, and calls that are up go on where the carrier can keep them.
* ``CarrierThrottled`` and ``CarrierUnavailable`` promise that the phone did not ring and
  will not: the engine dials that call again. Any other exception promises nothing: the
  attempt ends ``UNKNOWN`` and nobody is dialed twice for it.
* ``report`` may be called late, twice or out of order, but only while ``place_call`` or
  ``follow`` runs.
* An attempt id is never given to ``place_call`` twice, not even after a crash; a carrier that
  sees one again dials nothing.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import trio

from batchcalls.core.model import Outcome


class NumberPolicy(StrEnum):
    """Which phone numbers a carrier takes.

    ``SHAPE``: ``+`` and 7 to 15 digits. ``POSSIBLE``: of a possible length for its country.
    ``VALID``: in a range that its country has assigned.
    """

    SHAPE = "shape"
    POSSIBLE = "possible"
    VALID = "valid"


class Progress(StrEnum):
    """What a carrier reports while a call is under way.

    ``ACCEPTED``: it has taken the call. It can't promise any more that no phone rings.
    """

    ACCEPTED = "accepted"
    RINGING = "ringing"
    ANSWERED = "answered"


@dataclass(frozen=True, slots=True, kw_only=True)
class CarrierLimits:
    """What the carrier's contract allows; the engine never goes above it.

    ``max_concurrent_calls`` of 0 and ``calls_per_second`` of 0 mean no limit.
    ``ring_timeout_s`` is how long a phone rings before the carrier gives up (no answer).
    ``simulated`` says that no phone rings at all; everybody who watches is told.
    """

    max_concurrent_calls: int = 0
    calls_per_second: float = 0.0
    ring_timeout_s: float = 30.0
    number_policy: NumberPolicy = NumberPolicy.POSSIBLE
    simulated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboundCall:
    """All that a carrier needs for one dial. ``script`` has its variables filled in."""

    attempt_id: str
    call_id: str
    batch_id: str
    attempt_number: int
    phone_number: str
    script: tuple[str, ...]
    script_type: str = ""
    voice_id: str = ""
    caller_id: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    ring_timeout_s: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CallResult:
    """How a dial ended. ``carrier_code`` is the carrier's own word (a SIP code, an error name)."""

    outcome: Outcome
    carrier_call_id: str = ""
    carrier_code: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class NotKnown:
    """``follow``: the carrier has never heard of the attempt, or has forgotten it."""


class CarrierError(Exception):
    """A carrier couldn't do what was asked; without a subclass it promises nothing."""


class CarrierThrottled(CarrierError):
    """The carrier has no room; the phone did not ring. Try again in ``retry_after_s`` seconds."""

    def __init__(self, detail: str = "", *, retry_after_s: float = 1.0) -> None:
        super().__init__(detail or f"the carrier has no room; again in {retry_after_s} s")
        self.retry_after_s = retry_after_s


class CarrierUnavailable(CarrierError):
    """The carrier can't be reached or is down; the phone did not ring."""


class CarrierOptionError(CarrierError):
    """A carrier option is unknown or out of range; the text is for the operator."""


class Carrier(ABC):
    """One way to place calls. Use it from one trio run; it needs no locking."""

    limits: CarrierLimits = CarrierLimits()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Live as long as the server: hold connections, take callbacks, keep clocks.

        Says ``task_status.started()`` when calls may come, and goes on until it is cancelled,
        which is the close. From then on cancelling a ``place_call`` doesn't hang up. Whatever
        must be let go of in an orderly way is, within seconds. A ``run`` that fails is started
        again after a while, and until then nothing is asked.

        By default there is nothing to hold.
        """
        task_status.started()
        await trio.sleep_forever()

    @abstractmethod
    async def place_call(
        self, call: OutboundCall, report: Callable[[Progress], None]
    ) -> CallResult:
        """Dial, wait until the call is over, and say how it ended.

        Busy, no answer, rejected and the like are results, not exceptions; ``THROTTLED`` is
        none. Cancelling hangs up, after a short clean-up at most.

        Raises:
          CarrierThrottled: no room now; the phone did not ring.
          CarrierUnavailable: the carrier is down; the phone did not ring.
        """

    @abstractmethod
    async def follow(
        self, attempt_id: str, report: Callable[[Progress], None]
    ) -> CallResult | NotKnown:
        """Stay with a dial of an earlier process to its end, and say how it ended.

        Returns at once where the call is over, or isn't known. Cancelling it changes nothing.

        Raises:
          CarrierUnavailable: the carrier can't say now. Any error is taken so, and it is asked
            again: only ``NotKnown`` gives a call up.
        """

    @abstractmethod
    async def hang_up(self, attempt_id: str) -> None:
        """End a call, also one of an earlier process; return when its line is free. Idempotent.

        Nothing changes for a call that is over. An attempt that isn't known is barred: if it is
        still on its way to the carrier, it dials nothing when it arrives.

        Raises:
          CarrierUnavailable: the carrier can't be reached. Any error is taken so, and it is
            asked again.
        """
