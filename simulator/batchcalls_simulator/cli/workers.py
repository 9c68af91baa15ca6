"""Processes that run the seeds of a command, and that end when it does."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import active_children, get_context


@contextmanager
def worker_processes(count: int) -> Iterator[ProcessPoolExecutor]:
    """A pool of processes; whatever ends the block early, an interrupt too, ends them at once."""
    # Not forked: a child must not inherit what this process has open.
    pool = ProcessPoolExecutor(count, mp_context=get_context("spawn"))
    try:
        _start(pool)
        yield pool
    except BaseException:
        for process in active_children():
            process.kill()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _start(pool: ProcessPoolExecutor) -> None:
    """Start the processes, deaf to Ctrl-C: it is for this process, and each would print its own."""
    held = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        pool.submit(int)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, held)
