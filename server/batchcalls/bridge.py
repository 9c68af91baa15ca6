"""The bridge between the two loops that share the server's one thread.

asyncio is the host, because grpc.aio lives there; trio runs as its guest
(``trio.lowlevel.start_guest_run``). Since both take turns in one thread, a handler may call
the synchronous methods of the engine directly. What has to wait on the other side goes through
one of two primitives, with cancellation passed both ways. ``GuestTrio.run``, from asyncio to
trio: a handler that is cancelled cancels its trio task, and a trio run that ends answers every
handler that still waits. ``in_asyncio``, from trio to asyncio: a trio task that is cancelled
cancels its asyncio task and waits for its end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from types import TracebackType
from typing import Any, Final, NoReturn, TypeVar

import trio
from outcome import Outcome

from batchcalls.errors import Reason, Unavailable

T = TypeVar("T")

_HOST: Final = trio.lowlevel.RunVar[asyncio.AbstractEventLoop | None]("host")
"""The loop that hosts a trio run; unset in a run that is nobody's guest."""


class Threads:
    """Threads for blocking code, so that neither loop waits for it: ``most`` at once.

    They are their owner's alone: whatever hangs elsewhere, and however much of it, there is
    one of these for whoever comes next.
    """

    def __init__(self, most: int) -> None:
        self._limiter = trio.CapacityLimiter(most)

    def __repr__(self) -> str:
        return f"<Threads {self._limiter.borrowed_tokens} of {self._limiter.total_tokens} at work>"

    async def run_sync(self, function: Callable[..., T], *args: object) -> T:
        """Run it in one of them, and return or raise what it does."""
        return await trio.to_thread.run_sync(function, *args, limiter=self._limiter)


async def in_asyncio(function: Callable[..., Coroutine[Any, Any, T]], *args: object) -> T:
    """Await ``function(*args)`` in the asyncio loop around; return, or raise, what it does.

    Called from a trio task. The loop is the host of this trio run or, where the run is nobody's
    guest, the one that trio-asyncio has open around the caller.

    Cancelling the caller cancels the function, and waits for it to end; what it returns or raises
    in spite of that is passed on.

    Raises:
      RuntimeError: there is no asyncio loop around.
      Unavailable: the function was cancelled, but not by its caller.
    """
    await trio.lowlevel.checkpoint_if_cancelled()
    task = _loop_around().create_task(function(*args))
    caller = trio.lowlevel.current_task()
    task.add_done_callback(lambda _: trio.lowlevel.reschedule(caller))
    raise_cancelled = _raise_ended

    def cancel(raise_cancel: Callable[[], NoReturn]) -> trio.lowlevel.Abort:
        nonlocal raise_cancelled
        raise_cancelled = raise_cancel
        task.cancel()
        return trio.lowlevel.Abort.FAILED

    await trio.lowlevel.wait_task_rescheduled(cancel)
    if task.cancelled():
        raise_cancelled()
    return task.result()


def _loop_around() -> asyncio.AbstractEventLoop:
    host = _HOST.get(None)
    # trio-asyncio sees to it that asyncio finds its open loop; it isn't imported here, since that
    # alone changes asyncio, and a server doesn't need it.
    return asyncio.get_running_loop() if host is None else host


class LeftBehind(Exception):
    """A trio run was cancelled and doesn't end: one of its tasks shields itself from that.

    The loop that hosts it can't be closed in order any more: only the process can end.
    """


class GuestTrio:
    """A trio run inside the running asyncio loop, for as long as its ``async with`` lasts.

    ``ended`` is set when the trio run is over, which it is by itself only when a task of
    ``start`` failed; leaving the ``async with`` raises what it failed with, or ``LeftBehind``
    where it takes longer than ``patience_s`` seconds to end.
    """

    def __init__(self, *, patience_s: float | None = None) -> None:
        self.ended = asyncio.Event()
        self._patience_s = patience_s
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
        try:
            async with asyncio.timeout(self._patience_s):
                await self.ended.wait()
        except TimeoutError:
            raise LeftBehind(f"not over after {self._patience_s} s") from error
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
        _HOST.set(self._loop)
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
    except Exception as error:  # noqa: BLE001  # it is raised in the one who waits
        if not answer.done():
            answer.set_exception(error)
    finally:
        if not answer.done():
            answer.set_exception(_ended())


def _raise_ended() -> NoReturn:
    raise _ended()


def _ended() -> Unavailable:
    return Unavailable("the server is shutting down", reason=Reason.SHUTTING_DOWN)
