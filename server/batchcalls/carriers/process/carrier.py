"""The carrier ``grpc``: a carrier that is a process of its own, reached by ``CarrierService``.

It keeps the seam's contract over a wire that may break at any moment. What is certain: before
there is a connection nothing was sent, and a refusal with its details promises that no phone
rang. After that nothing promises anything, and a call is never placed again: the carrier is
asked what became of it, for as long as the caller waits, and where it doesn't know, nobody
does. Calls go on at the carrier whatever happens to this process; only a call that this process
placed, and that is cancelled while ``run`` isn't, is hung up.

It keeps no call and no connection but one, and counts no limits.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final, TypeVar

import structlog
import trio

from batchcalls.bridge import in_asyncio
from batchcalls.carriers.base import (
    CallResult,
    Carrier,
    CarrierError,
    CarrierUnavailable,
    NotKnown,
    OutboundCall,
    Progress,
)
from batchcalls.carriers.process.link import CarrierLink
from batchcalls.carriers.process.messages import Found, StillUp
from batchcalls.carriers.process.options import ProcessOptions, read_options
from batchcalls.errors import Unavailable

HANG_UP_TIMEOUT_S: Final = 5.0
"""How long a cancelled call may insist on being hung up where the carrier can't be reached."""

_STILL_UP_DELAY_S: Final = 1.0
_LOOK_UPS_PER_S: Final = 200.0
"""How often a carrier without a pace of its own is asked about all calls that are still up."""

_FIRST_DELAY_S: Final = 0.1
_LONGEST_DELAY_S: Final = 5.0

T = TypeVar("T")

log = structlog.get_logger()


class ProcessCarrier(Carrier):
    """Places calls through the process at ``options.address``.

    It runs where ``bridge.in_asyncio`` does: in a server, or under trio-asyncio. ``followed``
    counts the calls that are being followed.
    """

    def __init__(self, options: ProcessOptions) -> None:
        self.options = options
        self.limits = options.limits
        self._link = CarrierLink(options.address)
        self._closed = True
        self.followed = 0
        self._hanging_up = 0
        self._hung_up = trio.lowlevel.ParkingLot()

    def __repr__(self) -> str:
        return f"<ProcessCarrier {'closed' if self._closed else 'open'} {self._link!r}>"

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Hold the connection. In the end, finish the hang-ups under way; calls go on."""
        self._closed = False
        task_status.started()
        try:
            await trio.sleep_forever()
        finally:
            self._closed = True
            with trio.CancelScope(shield=True):  # a hang-up is given up in time
                while self._hanging_up:
                    await self._hung_up.park()
                await in_asyncio(self._link.close)

    async def place_call(
        self, call: OutboundCall, report: Callable[[Progress], None]
    ) -> CallResult:
        """Have the carrier dial, and wait until the call is over.

        Raises:
          CarrierThrottled: the carrier has no room.
          CarrierUnavailable: it can't be reached, or says that it is down, or ``run`` is over.
          CarrierError: it doesn't know what became of the call.
        """
        await self._connect()
        try:
            result = await self._ask(self._link.place, call, report)
            return result or await self._find_out(call.attempt_id)
        except trio.Cancelled:
            if not self._closed:
                await self._hang_up(call.attempt_id)
            raise

    async def follow(
        self,
        attempt_id: str,
        report: Callable[[Progress], None],  # noqa: ARG002  # there is nothing to report
    ) -> CallResult | NotKnown:
        """Ask about a dial for as long as it is up: each second, or as the pace allows.

        It reports nothing.

        Raises:
          CarrierUnavailable: it can't be reached or can't say now, or ``run`` is over.
          CarrierError: it refuses to say.
        """
        self.followed += 1
        try:
            while True:
                found = await self._look_up(attempt_id)
                if not isinstance(found, StillUp):
                    return found
                await trio.sleep(self.look_up_delay_s)
        finally:
            self.followed -= 1

    @property
    def look_up_delay_s(self) -> float:
        """All calls that are followed together are asked about within the carrier's pace."""
        look_ups_per_s = self.limits.calls_per_second or _LOOK_UPS_PER_S
        return max(_STILL_UP_DELAY_S, self.followed / look_ups_per_s)

    async def hang_up(self, attempt_id: str) -> None:
        """Have the call ended; raises as ``follow`` does."""
        self._require_open()
        await self._ask(self._link.hang_up, attempt_id)
        self._require_open()

    async def _look_up(self, attempt_id: str) -> Found:
        self._require_open()
        found = await self._ask(self._link.look_up, attempt_id)
        if found is None:
            raise CarrierUnavailable("the carrier is closed")
        return found

    def _require_open(self) -> None:
        if self._closed:
            raise CarrierUnavailable("the carrier is closed")

    async def _connect(self) -> None:
        """Be sure of a connection, while it is certain that nothing was sent."""
        self._require_open()
        if not self._link.connected:
            with trio.move_on_after(self.options.connect_timeout_s) as patience:
                await self._ask(self._link.connect)
            if patience.cancelled_caught:
                raise CarrierUnavailable(f"can't reach the carrier at {self.options.address}")
            self._require_open()

    async def _ask(
        self, function: Callable[..., Coroutine[Any, Any, T]], *args: object
    ) -> T | None:
        """Use the link; None where the end of ``run`` took it away."""
        try:
            return await in_asyncio(function, *args)
        except Unavailable:
            return None

    async def _find_out(self, attempt_id: str) -> CallResult:
        """Ask what became of a call, which may be up, until that is known."""
        delay_s = _FIRST_DELAY_S
        while True:
            try:
                found = await self._look_up(attempt_id)
            except CarrierUnavailable:
                await trio.sleep(delay_s)
                delay_s = min(delay_s * 2, _LONGEST_DELAY_S)
                continue
            match found:
                case CallResult():
                    return found
                case NotKnown():
                    raise CarrierError("the carrier doesn't know what became of the call")
                case StillUp():
                    delay_s = _FIRST_DELAY_S
                    await trio.sleep(_STILL_UP_DELAY_S)

    async def _hang_up(self, attempt_id: str) -> None:
        self._hanging_up += 1
        try:
            with trio.move_on_after(HANG_UP_TIMEOUT_S, shield=True) as patience:
                await self._insist_on_hanging_up(attempt_id)
            if patience.cancelled_caught:
                log.warning("carrier_call_not_hung_up", attempt_id=attempt_id)
        except CarrierError:
            log.exception("carrier_call_not_hung_up", attempt_id=attempt_id)
        finally:
            self._hanging_up -= 1
            self._hung_up.unpark_all()

    async def _insist_on_hanging_up(self, attempt_id: str) -> None:
        while True:
            try:
                await self._ask(self._link.hang_up, attempt_id)
                return
            except CarrierUnavailable:
                await trio.sleep(_FIRST_DELAY_S)


def create(options: Mapping[str, object]) -> ProcessCarrier:
    """The factory behind the entry point ``grpc``.

    Raises:
      CarrierOptionError: an option is missing, unknown, can't be read, or is out of range.
    """
    return ProcessCarrier(read_options(options))
