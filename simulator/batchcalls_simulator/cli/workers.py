"""Processes that run the seeds of a command, and that end when it does."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import active_children, get_context, parent_process
from threading import Thread
from typing import TypeVar

from batchcalls.shell.signals import ends_as_interrupts

Result = TypeVar("Result")


@contextmanager
def worker_processes(count: int) -> Iterator[ProcessPoolExecutor]:
    """A pool of processes; whatever ends the block early, a signal too, ends them at once."""
    with ends_as_interrupts():
        with _deaf_to_ends():  # it starts a process, too, that cleans up after the others
            # Not forked: a child must not inherit what this process has open.
            pool = ProcessPoolExecutor(
                count, mp_context=get_context("spawn"), initializer=_end_with_parent
            )
        try:
            with _deaf_to_ends():
                for _ in range(count):  # one is started for work that no other is idle for
                    pool.submit(int)
            yield pool
        except BaseException:
            with _deaf_to_ends():  # a terminal that closes says so twice
                for process in active_children():
                    process.kill()
            raise
        finally:
            pool.shutdown()


def in_turn(pool: Executor, run: Callable[[int], Result], seeds: Iterable[int]) -> Iterator[Result]:
    """What ``run`` makes of each seed, in their order.

    Unlike ``pool.map`` it cancels nothing when it is left early: a pool that finds a process
    killed fails at work that somebody else has canceled (Python 3.11), and never ends.
    """
    futures = [pool.submit(run, seed) for seed in seeds]
    for future in futures:
        yield future.result()


@contextmanager
def _deaf_to_ends() -> Iterator[None]:
    """What comes in the block is heard behind it; processes that start in it hear only a SIGKILL.

    Each of them would print its own.
    """
    held = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGHUP, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, held)


def _end_with_parent() -> None:
    """End this process, which hears no other end, when its parent is gone: by a SIGKILL even."""
    Thread(target=_wait_and_end, daemon=True).start()


def _wait_and_end() -> None:
    parent = parent_process()
    assert parent is not None, "this is a worker"
    parent.join()
    os._exit(1)
