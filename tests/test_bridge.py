"""The bridge: asyncio callers, trio work, and cancellation and failure both ways."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine

import pytest
import trio
import trio.lowlevel

from batchcalls.bridge import GuestTrio, Threads
from batchcalls.errors import Reason, Unavailable

WAIT_S = 30.0
Scenario = Callable[[GuestTrio], Awaitable[None]]


def run(scenario: Scenario) -> None:
    async def main() -> None:
        async with GuestTrio() as guest:
            await scenario(guest)

    run_asyncio(main())


def run_asyncio(main: Coroutine[None, None, None]) -> None:
    """On asyncio's own loop, whatever trio-asyncio has made of the default; never for ever."""

    async def limited() -> None:
        async with asyncio.timeout(WAIT_S):
            await main

    with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
        runner.run(limited())


def test_a_result_comes_back() -> None:
    """What a trio function returns is what its asyncio caller gets."""

    async def double(number: int) -> int:
        await trio.lowlevel.checkpoint()
        return 2 * number

    async def scenario(guest: GuestTrio) -> None:
        assert await guest.run(double, 21) == 42
        doubled = await asyncio.gather(*(guest.run(double, number) for number in range(100)))
        assert doubled == [2 * number for number in range(100)]

    run(scenario)


def test_an_exception_comes_back() -> None:
    """It is raised in the caller, and the trio run goes on."""

    async def fail() -> None:
        await trio.lowlevel.checkpoint()
        raise LookupError("not here")

    async def scenario(guest: GuestTrio) -> None:
        with pytest.raises(LookupError, match="not here"):
            await guest.run(fail)
        await guest.run(trio.sleep, 0)
        assert not guest.ended.is_set()

    run(scenario)


def test_a_canceled_caller_cancels_the_work() -> None:
    """The trio task is cancelled at its next checkpoint and cleans up."""
    cleaned = asyncio.Event()

    async def work(started: asyncio.Event) -> None:
        started.set()
        try:
            await trio.sleep_forever()
        finally:
            cleaned.set()

    async def scenario(guest: GuestTrio) -> None:
        started = asyncio.Event()
        caller = asyncio.create_task(guest.run(work, started))
        await started.wait()
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller
        await cleaned.wait()

    run(scenario)


def test_a_caller_that_is_canceled_at_once_leaves_nothing_behind() -> None:
    """Even when the work hadn't begun yet."""
    ended = asyncio.Event()

    async def work() -> None:
        try:
            await trio.sleep_forever()
        finally:
            ended.set()

    async def scenario(guest: GuestTrio) -> None:
        caller = asyncio.create_task(guest.run(work))
        await asyncio.sleep(0)
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller
        await ended.wait()

    run(scenario)


def test_the_end_of_the_trio_run_answers_everybody() -> None:
    """Whoever still waits, and whoever comes later, is told that the server stops."""

    async def scenario() -> None:
        async with GuestTrio() as guest:
            started = asyncio.Event()

            async def work() -> None:
                started.set()
                await trio.sleep_forever()

            callers = [asyncio.create_task(guest.run(work)) for _ in range(3)]
            await started.wait()
        for caller in callers:
            with pytest.raises(Unavailable) as caught:
                await caller
            assert caught.value.reason is Reason.SHUTTING_DOWN
        with pytest.raises(Unavailable):
            await guest.run(trio.sleep, 0)

    run_asyncio(scenario())


def test_a_task_that_fails_ends_the_run() -> None:
    """Its failure is raised where the run was opened; nobody is left waiting."""

    async def crash(*, task_status: trio.TaskStatus[str]) -> None:
        task_status.started("up")
        await trio.lowlevel.checkpoint()
        raise ZeroDivisionError

    async def scenario() -> None:
        async with GuestTrio() as guest:
            assert await guest.start(crash) == "up"
            with pytest.raises(Unavailable):
                await guest.run(trio.sleep_forever)
            await guest.ended.wait()

    with pytest.RaisesGroup(ZeroDivisionError, flatten_subgroups=True):
        run_asyncio(scenario())


def test_a_task_that_fails_to_start_is_the_callers_matter() -> None:
    """The exception before ``started`` is raised in the one who starts it, and only there."""

    async def refuse(*, task_status: trio.TaskStatus[None]) -> None:
        await trio.lowlevel.checkpoint()
        raise PermissionError

    async def scenario(guest: GuestTrio) -> None:
        with pytest.raises(PermissionError):
            await guest.start(refuse)
        assert not guest.ended.is_set()

    run(scenario)


def test_both_loops_get_their_turns_while_a_thread_works() -> None:
    """Blocking work holds up neither side."""
    turns: list[str] = []

    async def scenario(guest: GuestTrio) -> None:
        released = threading.Event()
        blocked = asyncio.create_task(guest.run(Threads(1).run_sync, released.wait))
        await asyncio.sleep(0)
        turns.append("asyncio")
        await guest.run(trio.sleep, 0)
        turns.append("trio")
        assert not blocked.done()
        released.set()
        assert await blocked

    run(scenario)
    assert turns == ["asyncio", "trio"]


def test_threads_are_their_owners_alone() -> None:
    """However many hang elsewhere, those who have threads of their own find one."""
    released = threading.Event()

    async def scenario(guest: GuestTrio) -> None:
        reads, commits = Threads(2), Threads(1)
        hung = [asyncio.create_task(guest.run(reads.run_sync, released.wait)) for _ in range(60)]
        await guest.run(trio.sleep, 0)
        assert await guest.run(commits.run_sync, lambda: "committed") == "committed"
        assert repr(reads) == "<Threads 2 of 2 at work>"
        released.set()
        assert all(await asyncio.gather(*hung))

    run(scenario)
