"""Processes that run the seeds of a command, and that end when it does."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import active_children, get_context

from batchcalls.shell.signals import ends_as_interrupts


@contextmanager
def worker_processes(count: int) -> Iterator[ProcessPoolExecutor]:
    """A pool of processes; whatever ends the block early, a signal too, ends them at once."""
    with _deaf_to_ends():  # it starts a process, too, that cleans up after the others
        # Not forked: a child must not inherit what this process has open.
        pool = ProcessPoolExecutor(count, mp_context=get_context("spawn"))
    try:
        with ends_as_interrupts():
            with _deaf_to_ends():
                for _ in range(count):  # one is started for work that no other is idle for
                    pool.submit(int)
            yield pool
    except BaseException:
        for process in active_children():
            process.kill()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def _deaf_to_ends() -> Iterator[None]:
    """Processes that start in the block hear no end but a SIGKILL: each would print its own."""
    held = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGHUP, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, held)
