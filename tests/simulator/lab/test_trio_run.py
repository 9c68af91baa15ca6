"""A command sees what went wrong in its tasks, not the groups around it."""

from __future__ import annotations

import math
import os
import signal

import pytest
import trio

from batchcalls_simulator.lab.trio_run import run_trio


async def fail(*errors: BaseException) -> None:
    """Raise each of the errors in a task of its own, two nurseries deep."""

    async def raise_it(error: BaseException) -> None:
        raise error

    async with trio.open_nursery(), trio.open_nursery() as nursery:
        for error in errors:
            nursery.start_soon(raise_it, error)


def test_a_result_is_returned() -> None:
    """Where nothing fails, it is trio.run."""

    async def main() -> str:
        await trio.lowlevel.checkpoint()
        return "done"

    assert run_trio(main, ValueError) == "done"


def test_an_expected_failure_comes_alone() -> None:
    """However many tasks found it out."""
    with pytest.raises(ValueError, match="wrong"):
        run_trio(lambda: fail(ValueError("wrong"), ValueError("wrong")), ValueError)


def test_an_interrupt_is_always_expected_and_comes_first() -> None:
    """What fails while everything is torn down is no news."""
    with pytest.raises(KeyboardInterrupt):
        run_trio(lambda: fail(ValueError(), KeyboardInterrupt()), ValueError)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_interrupts_in_order(number: signal.Signals) -> None:
    """Tasks are cancelled, so that they can clean up, before the interrupt comes out."""
    cleaned = []

    async def main() -> None:
        try:
            os.kill(os.getpid(), number)
            await trio.sleep_forever()
        finally:
            cleaned.append(trio.current_effective_deadline())

    with pytest.raises(KeyboardInterrupt):
        run_trio(main)
    assert cleaned == [-math.inf], "cancelled, not torn apart"


def test_another_failure_is_raised_as_it_is() -> None:
    """A bug keeps all that it came with."""
    with pytest.raises(ExceptionGroup):
        run_trio(lambda: fail(ValueError(), KeyError()), ValueError)
