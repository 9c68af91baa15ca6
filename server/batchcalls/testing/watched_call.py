"""One call under watch: what the carrier reports of it, when and how it ends.

It knows the rules that hold for any single call; which calls to place is the checks' business.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from uuid import uuid4

import trio

from batchcalls.carriers.base import (
    CallResult,
    Carrier,
    CarrierThrottled,
    CarrierUnavailable,
    OutboundCall,
    Progress,
)
from batchcalls.carriers.border import (
    MAX_CALL_ID,
    MAX_CODE,
    MAX_DETAIL,
    Unbelievable,
    believed,
    our_cancellation,
)
from batchcalls.testing.breach import BrokenContract


def _make_attempt_ids() -> Iterator[str]:
    run = uuid4().hex
    for number in count(1):
        yield f"attempt_check{run}_0_{number}"


_attempt_ids = _make_attempt_ids()


def new_attempt_id() -> str:
    """An attempt id that no carrier has seen, in this process or an earlier one."""
    return next(_attempt_ids)


def require_believable(result: object) -> CallResult:
    """The result, when the border would let it through as it is."""
    try:
        clean = believed(result)
    except Unbelievable as error:
        raise BrokenContract(f"place_call must return a CallResult: {error}") from None
    if clean != result:
        raise BrokenContract(
            f"texts must be UTF-8 without control characters, a carrier_call_id of at most "
            f"{MAX_CALL_ID} characters, a carrier_code of {MAX_CODE}, a detail of {MAX_DETAIL}: "
            f"not {result!r:.300}"
        )
    return clean


class WatchedCall:
    """One ``place_call`` of ``call``, under ``attempt_id`` or one of its own."""

    def __init__(self, carrier: Carrier, call: OutboundCall, *, attempt_id: str = "") -> None:
        self.call = replace(call, attempt_id=attempt_id or new_attempt_id())
        self.result: CallResult | None = None
        self.error: BaseException | None = None
        self.over = trio.Event()
        self._carrier = carrier
        self._scope = trio.CancelScope()
        self._progress: list[object] = []
        self._complaint = ""

    def __repr__(self) -> str:
        return f"<WatchedCall {self.ending if self.over.is_set() else 'running'}>"

    @property
    def is_refused(self) -> bool:
        """Whether ``place_call`` promised that no phone rang."""
        return isinstance(self.error, CarrierThrottled | CarrierUnavailable)

    @property
    def ending(self) -> str:
        """How ``place_call`` ended, for a message."""
        return f"raised {self.error!r}" if self.error else f"returned {self.result!r}"

    async def run(self) -> None:
        """Place the call and keep how it ended; nothing but an outer cancellation escapes."""
        try:
            with self._scope:
                self.result = await self._carrier.place_call(self.call, self._report)
        except BaseException as error:
            if our_cancellation(error) is not None:
                raise
            self.error = error
        finally:
            self.over.set()

    async def wait_over(self, *, within_s: float) -> None:
        """Wait for the end of the call, which must come in time."""
        with trio.move_on_after(within_s):
            await self.over.wait()
        if not self.over.is_set():
            raise BrokenContract(
                f"place_call must return when the call is over: still running after {within_s:g} s"
            )
        self._require_honest_refusal()

    async def finish(self, *, within_s: float) -> CallResult:
        """Wait for the end of the call, which must be a result."""
        await self.wait_over(within_s=within_s)
        if self.error is not None:
            raise BrokenContract(f"place_call must return a CallResult: it {self.ending}")
        return require_believable(self.result)

    async def hang_up(self, *, within_s: float) -> None:
        """Cancel the call, which must be up, and must end by that and in time."""
        self.require_up()
        cancelled_at = trio.current_time()
        self._scope.cancel()
        await self.over.wait()
        took_s = trio.current_time() - cancelled_at
        if took_s > within_s:
            raise BrokenContract(
                f"cancelling place_call must hang up within {within_s:g} s: it took {took_s:g} s"
            )
        if not self._scope.cancelled_caught:
            raise BrokenContract(
                f"a cancelled place_call must let the cancellation through: it {self.ending}"
            )

    def require_silence(self, why: str) -> None:
        """Nothing was told of the call that only a dialed one can tell."""
        if self._progress:
            raise BrokenContract(f"{why}: place_call reported {self._progress[0]!r}")

    def require_undialed(self, why: str) -> None:
        """Nothing was told of the call, and it is over."""
        self.require_silence(why)
        if not self.over.is_set():
            raise BrokenContract(f"{why}: place_call is still running")

    def require_up(self) -> None:
        """The call isn't over yet."""
        if self.over.is_set():
            self._require_honest_refusal()
            raise BrokenContract(
                f"place_call must last as long as the call: while it was up, it {self.ending}"
            )

    async def require_orderly_reports(self, *, silence_s: float) -> None:
        """Every report was a ``Progress``, and none comes within ``silence_s`` of the end."""
        await trio.sleep(silence_s)
        if self._complaint:
            raise BrokenContract(self._complaint)

    def _require_honest_refusal(self) -> None:
        if self.is_refused and self._progress:
            raise BrokenContract(
                "throttled and unavailable promise that the phone did not ring: after reporting "
                f"{self._progress[0]!r}, place_call {self.ending}"
            )

    def _report(self, progress: object) -> None:
        self._progress.append(progress)
        if self.over.is_set():
            self._complaint = f"report is for while place_call runs: {progress!r} came after it"
        elif not isinstance(progress, Progress):
            self._complaint = f"report takes a Progress, not {progress!r}"
