"""The standard streams of a command, whatever it was started with.

A parent may have closed one of them (``>&-``). Python then has None in its place, and the next
file that is opened, a database even, gets its number and whatever is printed to it.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from io import TextIOWrapper
from pathlib import Path


def open_closed_streams() -> None:
    """Open each standard stream that is closed on a file that is empty and takes everything."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            _occupy(number)
            null = Path(os.devnull).open("w" if number else "r")  # noqa: SIM115  # it stays open
            setattr(sys, name, null)


def escape_what_cannot_be_encoded() -> None:
    """Print any text: a display name may hold what the terminal's encoding lacks."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def give_up_errors() -> None:
    """Let what standard error won't take not fail once more, with exit code 120, at the exit."""
    try:
        sys.stderr.flush()
    except OSError:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stderr.fileno())
        os.close(null)


def tell(text: str, *, end: str = "\n") -> None:
    """Print for the person at the terminal, apart from the results.

    What can't be printed is lost; nobody fails for it.
    """
    with suppress(OSError):
        sys.stderr.write(f"{text}{end}")
        sys.stderr.flush()


def discard_output() -> None:
    """Let nothing that is still buffered fail once more when Python exits."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _occupy(number: int) -> None:
    """Keep a file that is opened later from getting the number of a stream that is closed.

    In processes that are started by this one as well.
    """
    with suppress(OSError):
        os.fstat(number)
        return
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, number)
    if null != number:
        os.close(null)
    os.set_inheritable(number, True)  # noqa: FBT003  # or the processes that we start lack it
