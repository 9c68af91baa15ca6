"""``trio.run`` for commands: what they expect to fail with comes out by itself.

Nurseries wrap exceptions in groups, one around the other; a command has one answer to a server
that can't be reached, however deep in its tasks that was found out. Signals that end a command
cancel its tasks in order: what they have opened is closed, and what they have started is ended.
"""

from __future__ import annotations

import signal
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import trio

T = TypeVar("T")


def run_trio(main: Callable[[], Awaitable[T]], *expected: type[BaseException]) -> T:
    """Run ``main``; the first of the ``expected`` exceptions is raised alone.

    A group with any other exception in it is raised as it is. SIGINT and SIGTERM are both a
    ``KeyboardInterrupt``.
    """
    try:
        return trio.run(_interruptible, main)
    except BaseExceptionGroup as group:
        leaves = list(_leaves(group))
        if not all(isinstance(leaf, (KeyboardInterrupt, *expected)) for leaf in leaves):
            raise
        interrupts = [leaf for leaf in leaves if isinstance(leaf, KeyboardInterrupt)]
        raise [*interrupts, *leaves][0] from None


@contextmanager
def interrupts_alone() -> Iterator[None]:
    """Raise a ``KeyboardInterrupt`` as it is, not in the group that nurseries made of it."""
    try:
        yield
    except BaseExceptionGroup as group:
        if group.subgroup(KeyboardInterrupt) is None:
            raise
        raise KeyboardInterrupt from None


async def _interruptible(main: Callable[[], Awaitable[T]]) -> T:
    async with trio.open_nursery() as nursery:
        await nursery.start(_interrupt_on_signal)
        result = await main()
        nursery.cancel_scope.cancel()
    return result


async def _interrupt_on_signal(*, task_status: trio.TaskStatus[None]) -> None:
    """Raise here, in a task, and not wherever the signal finds the program."""
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        task_status.started()
        async for _ in signals:
            raise KeyboardInterrupt


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if not isinstance(error, BaseExceptionGroup):
        yield error
        return
    for inner in error.exceptions:
        yield from _leaves(inner)
