"""The RPCs that are under way, for the server to take leave of them before it stops."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Any

from batchcalls.errors import Reason, Unavailable


class UnderWay:
    """The tasks in which handlers of ours run now; a block around the handler makes it one."""

    def __init__(self) -> None:
        self._closed = False
        self._tasks: set[asyncio.Task[Any]] = set()
        self._ended: set[asyncio.Task[Any]] = set()

    def __enter__(self) -> None:
        if self._closed:
            raise _shutting_down()
        self._tasks.add(_this_task())

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        task = _this_task()
        self._tasks.discard(task)
        if task in self._ended:
            self._ended.discard(task)
            task.uncancel()
            if isinstance(error, asyncio.CancelledError) and not client_is_gone():
                raise _shutting_down() from None

    def close(self) -> None:
        """End all of them, and let nobody in any more."""
        self._closed = True
        for task in self._tasks - self._ended:
            self._ended.add(task)
            task.cancel()


def _this_task() -> asyncio.Task[Any]:
    task = asyncio.current_task()
    assert task is not None, "grpc.aio runs every handler in a task"
    return task


def client_is_gone() -> bool:
    """Whether this task was cancelled since its client is no longer there."""
    return _this_task().cancelling() > 0


def _shutting_down() -> Unavailable:
    return Unavailable("the server is shutting down", reason=Reason.SHUTTING_DOWN)
