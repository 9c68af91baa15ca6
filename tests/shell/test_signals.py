"""A signal that ends a command ends what it has started."""

from __future__ import annotations

import signal

import pytest

from batchcalls.shell.signals import ends_as_interrupts

ENDS = [signal.SIGTERM, signal.SIGHUP]


@pytest.mark.parametrize("number", ENDS)
def test_an_end_is_an_interrupt_in_the_block(number: signal.Signals) -> None:
    """And again what it was behind it."""
    with pytest.raises(KeyboardInterrupt), ends_as_interrupts():
        signal.raise_signal(number)
    assert signal.getsignal(number) is signal.SIG_DFL


def test_an_end_that_is_ignored_stays_ignored() -> None:
    """``nohup`` means it."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with ends_as_interrupts():
            signal.raise_signal(signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_an_end_is_an_interrupt_where_interrupts_are_ignored() -> None:
    """As in whatever a shell started behind a ``&``."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with pytest.raises(KeyboardInterrupt), ends_as_interrupts():
            signal.raise_signal(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGINT, before)
