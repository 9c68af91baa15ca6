"""The carrier seam: what the engine asks of whoever places the calls.

A carrier is a phone company's API, a SIP trunk, a process that speaks
``batchcalls.v1.CarrierService``, or the bundled simulator. The engine decides when and
whom to dial; a carrier only dials. It keeps no queue, retries nothing and counts no
limits: those are the engine's.

The contract, which ``batchcalls.testing.check_carrier`` proves:

* ``place_call`` lasts exactly as long as the call. When it returns, the line is free.
* Cancelling ``place_call`` hangs up; the carrier may shield a short clean-up.
* ``CarrierThrottled`` and ``CarrierUnavailable`` promise that the phone did not ring and
  will not: the engine dials that call again. Any other exception promises nothing: the
  attempt ends ``UNKNOWN`` and nobody is dialed twice for it.
* ``report`` may be called late, twice or out of order, but only while ``place_call`` runs.
* An attempt id is never given to ``place_call`` twice, not even after a crash.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

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
    """What a carrier reports while a call is under way."""

    RINGING = "ringing"
    ANSWERED = "answered"


@dataclass(frozen=True, slots=True, kw_only=True)
class CarrierLimits:
    """What the carrier's contract allows; the engine never goes above it.

    ``max_concurrent_calls`` of 0 and ``calls_per_second`` of 0 mean no limit.
    ``ring_timeout_s`` is how long a phone rings before the carrier gives up (no answer).
    """

    max_concurrent_calls: int = 0
    calls_per_second: float = 0.0
    ring_timeout_s: float = 30.0
    number_policy: NumberPolicy = NumberPolicy.POSSIBLE


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
class StillUp:
    """``lookup``: the call is under way; ask again."""


@dataclass(frozen=True, slots=True)
class Ended:
    """``lookup``: the call is over."""

    result: CallResult


@dataclass(frozen=True, slots=True)
class NotKnown:
    """``lookup``: the carrier never heard of the attempt, or can't say."""


Lookup = StillUp | Ended | NotKnown


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

    @abstractmethod
    async def place_call(
        self, call: OutboundCall, report: Callable[[Progress], None]
    ) -> CallResult:
        """Dial, wait until the call is over, and say how it ended.

        Busy, no answer, rejected and the like are results, not exceptions.

        Raises:
          CarrierThrottled: no room now; the phone did not ring.
          CarrierUnavailable: the carrier is down; the phone did not ring.
        """

    @abstractmethod
    async def lookup(self, attempt_id: str) -> Lookup:
        """Tell what became of a dial of an earlier process.

        Raises:
          CarrierUnavailable: ask again later.
        """

    @abstractmethod
    async def aclose(self) -> None:
        """Let go of all resources; new dials raise ``CarrierUnavailable``. Idempotent.

        Calls that are up go on where the carrier can keep them, and ``lookup`` finds them
        after a restart: from now on, cancelling their ``place_call`` doesn't hang up.
        """
