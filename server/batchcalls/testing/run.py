"""A carrier's ``run`` under watch: that it starts, goes on, and ends when it is cancelled."""

from __future__ import annotations

import trio

from batchcalls.carriers.base import Carrier
from batchcalls.carriers.border import our_cancellation
from batchcalls.testing.breach import BrokenContract


class Run:
    """One ``run`` of ``carrier``. ``start`` it, use the carrier, ``close`` it."""

    def __init__(self, carrier: Carrier) -> None:
        self._carrier = carrier
        self._scope = trio.CancelScope()
        self._started = trio.Event()
        self._over = trio.Event()
        self._error: BaseException | None = None

    def __repr__(self) -> str:
        return f"<Run of {self._carrier!r}, {'over' if self._over.is_set() else 'going on'}>"

    async def start(self, nursery: trio.Nursery, *, within_s: float) -> None:
        """Run the carrier in ``nursery``; return when it says that it has started."""
        nursery.start_soon(self._run)
        with trio.move_on_after(within_s) as patience:
            await self._started.wait()
        if patience.cancelled_caught:
            self._scope.cancel()
            raise BrokenContract(f"run must say that it has started within {within_s:g} s")
        self._require_going_on()

    async def close(self, *, within_s: float) -> None:
        """Cancel it; it must have gone on until now, and end in time."""
        self._require_going_on()
        began = trio.current_time()
        self._scope.cancel()
        with trio.CancelScope(shield=True):
            await self._over.wait()
        took_s = trio.current_time() - began
        if took_s > within_s:
            raise BrokenContract(
                f"run must end within {within_s:g} s of its cancellation, whatever is up: "
                f"it took {took_s:g} s"
            )
        if self._error is not None:
            raise BrokenContract(f"run must end quietly when it is cancelled: {self._error!r}")

    async def _run(self) -> None:
        try:
            with self._scope:
                async with trio.open_nursery() as nursery:
                    await nursery.start(self._carrier.run)
                    self._started.set()
        except BaseException as error:
            if our_cancellation(error) is not None:
                raise
            self._error = error
        finally:
            self._over.set()
            self._started.set()

    def _require_going_on(self) -> None:
        if self._over.is_set():
            raise BrokenContract(
                f"run must go on until it is cancelled: it ended by itself, {self._error!r}"
            )
