"""Ends that come from outside, for commands that have started processes of their own."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

_ENDS: Final = (signal.SIGTERM, signal.SIGHUP)
"""By a supervisor or a ``kill``, and by a terminal that closes."""


@contextmanager
def ends_as_interrupts() -> Iterator[None]:
    """In the block a signal that ends processes is a Ctrl-C, so that it ends what it has started.

    Where one is ignored, under ``nohup`` for example, it stays ignored.
    """
    taken = [number for number in _ENDS if signal.getsignal(number) is signal.SIG_DFL]
    for number in taken:
        signal.signal(number, _interrupt)
    try:
        yield
    finally:
        for number in taken:
            signal.signal(number, signal.SIG_DFL)


def _interrupt(_number: int, frame: FrameType | None) -> None:
    """Do what Ctrl-C does: a loop that runs decides where its interrupt may be raised.

    A shell lets what it starts behind a ``&`` ignore Ctrl-C; that says nothing about other ends.
    """
    handler = signal.getsignal(signal.SIGINT)
    if not callable(handler):
        raise KeyboardInterrupt
    handler(signal.SIGINT, frame)
