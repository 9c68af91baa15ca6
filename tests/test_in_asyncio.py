"""From trio to asyncio, as a guest of asyncio and with trio-asyncio inside of trio."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio
import trio.testing
import trio_asyncio

from batchcalls.bridge import GuestTrio, in_asyncio
from batchcalls.errors import Unavailable

Test = Callable[[], Awaitable[Any]]


def as_guest(test: Test) -> Any:
    async def host() -> Any:
        async with GuestTrio() as guest:
            return await guest.run(test)

    # trio-asyncio, once imported, makes trio the loop of whoever doesn't name another.
    with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
        return runner.run(host())


def with_trio_asyncio(test: Test) -> Any:
    async def around() -> Any:
        async with trio_asyncio.open_loop():
            return await test()

    return trio.run(around)


either_way = pytest.mark.parametrize("run", [as_guest, with_trio_asyncio])


@either_way
def test_results_pass_through(run: Callable[[Test], Any]) -> None:
    """What the asyncio function returns is what the trio task gets."""

    async def add(one: int, other: int) -> int:
        await asyncio.sleep(0)
        return one + other

    async def test() -> int:
        return await in_asyncio(add, 1, 2)

    assert run(test) == 3


@either_way
def test_exceptions_pass_through(run: Callable[[Test], Any]) -> None:
    """What the asyncio function raises is raised in the trio task."""

    async def fail() -> None:
        await asyncio.sleep(0)
        raise LookupError("not here")

    async def test() -> None:
        with pytest.raises(LookupError, match="not here"):
            await in_asyncio(fail)

    run(test)


@either_way
def test_cancelling_waits_for_the_end_of_the_asyncio_task(run: Callable[[Test], Any]) -> None:
    """When the trio task goes on, nothing of the function runs any more."""
    happened = []

    async def wait() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            happened.append("cleaned up")

    async def test() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(in_asyncio, wait)
            await trio.testing.wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
        happened.append("over")

    run(test)
    assert happened == ["cleaned up", "over"]


@either_way
def test_what_ends_in_spite_of_being_cancelled_is_not_lost(run: Callable[[Test], Any]) -> None:
    """A result that comes with the cancellation is a result."""

    async def finish() -> str:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return "finished"
        raise AssertionError

    async def test() -> str:
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(cancel_when_blocked, scope)
                return await in_asyncio(finish)
        raise AssertionError

    assert run(test) == "finished"


async def cancel_when_blocked(scope: trio.CancelScope) -> None:
    await trio.testing.wait_all_tasks_blocked()
    scope.cancel()


@either_way
def test_a_caller_that_is_cancelled_already_starts_nothing(run: Callable[[Test], Any]) -> None:
    """It is a checkpoint before it is anything else."""

    async def never() -> None:
        raise AssertionError

    async def test() -> bool:
        with trio.CancelScope() as scope:
            scope.cancel()
            await in_asyncio(never)
        return scope.cancelled_caught

    assert run(test)


@either_way
def test_a_cancellation_that_is_not_the_callers_is_an_error(run: Callable[[Test], Any]) -> None:
    """Nobody told the trio task to stop, so it isn't cancelled but refused."""

    async def give_up() -> None:
        raise asyncio.CancelledError

    async def test() -> None:
        with pytest.raises(Unavailable):
            await in_asyncio(give_up)

    run(test)


async def test_without_an_asyncio_loop_there_is_nothing_to_run_in() -> None:
    """Under plain trio somebody has to open a loop first."""

    async def never() -> None:
        raise AssertionError

    with pytest.raises(RuntimeError, match="no running event loop"):
        await in_asyncio(never)
