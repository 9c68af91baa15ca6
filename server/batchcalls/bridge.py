"""The bridge between the two loops that share the server's one thread.

asyncio is the host, because grpc.aio lives there; trio runs as its guest
(``trio.lowlevel.start_guest_run``). Since both take turns in one thread, a handler may call
the synchronous methods of the engine directly. What has to wait in trio goes through the one
primitive here, ``GuestTrio.run``: an asyncio future on this side, a trio task on that side,
and cancellation passed both ways: a handler that is cancelled cancels its trio task, and a
trio run that ends answers every handler that still waits.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, TypeVar

import trio
from outcome import Outcome

from batchcalls.errors import Reason, Unavailable

T = TypeVar("T")


class GuestTrio:
    """A trio run inside the running asyncio loop, for as long as its ``async with`` lasts.

    ``ended`` is set when the trio run is over, which it is by itself only when a task of
    ``start`` failed; leaving the ``async with`` raises what it failed with.
    """

    def __init__(self) -> None:
        self.ended = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._started: asyncio.Future[None] = self._loop.create_future()
        self._scope = trio.CancelScope()
        self._nursery: trio.Nursery | None = None
        self._outcome: Outcome[None] | None = None

    async def __aenter__(self) -> GuestTrio:
        trio.lowlevel.start_guest_run(
            self._main,
            run_sync_soon_threadsafe=self._loop.call_soon_threadsafe,
            run_sync_soon_not_threadsafe=self._loop.call_soon,
            done_callback=self._done,
            host_uses_signal_set_wakeup_fd=True,
        )
        await self._started
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._scope.cancel()
        await self.ended.wait()
        assert self._outcome is not None
        self._outcome.unwrap()

    async def start(self, function: Callable[..., Awaitable[Any]], *args: object) -> Any:
        """Run ``function`` as a task of the trio run; return when it calls ``task_status.started``.

        If it ever fails, the whole trio run ends.
        """
        return await self.run(self._open_nursery().start, function, *args)

    async def run(self, function: Callable[..., Awaitable[T]], *args: object) -> T:
        """Await ``function(*args)`` in trio and return, or raise, what it does.

        Cancelling the caller cancels the function; it is not waited for.

        Raises:
          Unavailable: the trio run ended first.
        """
        answer: asyncio.Future[T] = self._loop.create_future()
        scope = trio.CancelScope()
        self._open_nursery().start_soon(_answer, answer, scope, function, args)
        try:
            return await answer
        except asyncio.CancelledError:
            scope.cancel()
            raise

    def _open_nursery(self) -> trio.Nursery:
        if self._nursery is None or self.ended.is_set() or self._scope.cancel_called:
            raise _ended()
        return self._nursery

    async def _main(self) -> None:
        with self._scope:
            async with trio.open_nursery() as self._nursery:
                self._started.set_result(None)
                await trio.sleep_forever()

    def _done(self, outcome: Outcome[None]) -> None:
        self._outcome = outcome
        self.ended.set()
        if not self._started.done():
            self._started.set_exception(_ended())


async def _answer(
    answer: asyncio.Future[T],
    scope: trio.CancelScope,
    function: Callable[..., Awaitable[T]],
    args: tuple[object, ...],
) -> None:
    """Run the function for a future that may be cancelled at any moment."""
    try:
        with scope:
            result = await function(*args)
            if not answer.done():
                answer.set_result(result)
    except Exception as error:
        if not answer.done():
            answer.set_exception(error)
    finally:
        if not answer.done():
            answer.set_exception(_ended())


def _ended() -> Unavailable:
    return Unavailable("the server is shutting down", reason=Reason.SHUTTING_DOWN)
