"""The carrier ``grpc``: a carrier that is a process of its own, reached by ``CarrierService``.

It keeps the seam's contract over a wire that may break at any moment. What is certain: before
there is a connection nothing was sent, and a refusal with its details promises that no phone
rang. After that nothing promises anything, and a call is never placed again: the carrier is
asked what became of it, for as long as the caller waits, and where it doesn't know, nobody
does. Calls go on at the carrier whatever happens to this process; only cancelling a call that
this process follows, before ``aclose``, hangs up.

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
    Ended,
    Lookup,
    NotKnown,
    OutboundCall,
    Progress,
    StillUp,
)
from batchcalls.carriers.remote_link import CarrierLink
from batchcalls.carriers.remote_options import RemoteOptions, read_options
from batchcalls.errors import Unavailable

HANG_UP_TIMEOUT_S: Final = 5.0
"""How long a cancelled call may insist on being hung up where the carrier can't be reached."""

_STILL_UP_DELAY_S: Final = 1.0
_FIRST_DELAY_S: Final = 0.1
_LONGEST_DELAY_S: Final = 5.0

T = TypeVar("T")

log = structlog.get_logger()


class RemoteCarrier(Carrier):
    """Places calls through the process at ``options.address``.

    It runs where ``bridge.in_asyncio`` does: in a server, or under trio-asyncio.
    """

    def __init__(self, options: RemoteOptions) -> None:
        self.options = options
        self.limits = options.limits
        self._link = CarrierLink(options.address)
        self._closed = False
        self._hanging_up = 0
        self._hung_up = trio.lowlevel.ParkingLot()

    def __repr__(self) -> str:
        return f"<RemoteCarrier {'closed' if self._closed else 'open'} {self._link!r}>"

    async def place_call(
        self, call: OutboundCall, report: Callable[[Progress], None]
    ) -> CallResult:
        """Have the carrier dial, and wait until the call is over.

        Raises:
          CarrierThrottled: the carrier has no room.
          CarrierUnavailable: it can't be reached, or says that it is down, or ``aclose`` was
            called before.
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

    async def lookup(self, attempt_id: str) -> Lookup:
        """What the carrier knows of a dial.

        Raises:
          CarrierUnavailable: it can't be reached or can't say now, or ``aclose`` was called.
          CarrierError: it refuses to say.
        """
        self._require_open()
        found = await self._ask(self._link.look_up, attempt_id)
        if found is None:
            raise CarrierUnavailable("the carrier is closed")
        return found

    async def aclose(self) -> None:
        """Finish the hang-ups under way, then let go of the connection; calls go on. Idempotent."""
        self._closed = True
        while self._hanging_up:
            await self._hung_up.park()
        await in_asyncio(self._link.close)

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
        """Use the link; None where ``aclose`` took it away meanwhile."""
        try:
            return await in_asyncio(function, *args)
        except Unavailable:
            return None

    async def _find_out(self, attempt_id: str) -> CallResult:
        """Ask what became of a call, which may be up, until that is known."""
        delay_s = _FIRST_DELAY_S
        while True:
            try:
                found = await self.lookup(attempt_id)
            except CarrierUnavailable:
                await trio.sleep(delay_s)
                delay_s = min(delay_s * 2, _LONGEST_DELAY_S)
                continue
            match found:
                case Ended(result):
                    return result
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


def create(options: Mapping[str, object]) -> RemoteCarrier:
    """The factory behind the entry point ``grpc``.

    Raises:
      CarrierOptionError: an option is missing, unknown, can't be read, or is out of range.
    """
    return RemoteCarrier(read_options(options))
