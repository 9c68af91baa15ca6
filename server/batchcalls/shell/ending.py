"""How a command line ends: with the exit code of its command, or of what became of its output."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Final

from batchcalls.shell.streams import (
    discard_output,
    escape_what_cannot_be_encoded,
    give_up_errors,
    open_closed_streams,
    tell,
)

OUTPUT_LOST: Final = 4
"""The output can't be written: a full disk, for one."""

BROKEN_PIPE: Final = 141
"""The reader of the output went away, as shells have it for the signal."""


def run_to_exit(name: str, command: Callable[[], object]) -> None:
    """Run ``command`` with streams that are open, and exit with its code.

    ``name`` is that of the command line, for what it says itself.
    """
    open_closed_streams()
    escape_what_cannot_be_encoded()
    try:
        _run_and_flush(command)
    except BrokenPipeError:
        discard_output()
        sys.exit(BROKEN_PIPE)
    except OSError as error:
        discard_output()
        tell(f"{name}: {error}")
        sys.exit(OUTPUT_LOST)
    finally:
        give_up_errors()


def _run_and_flush(command: Callable[[], object]) -> None:
    output = sys.stdout
    try:
        command()
    finally:
        # typer exits with 1 for a reader that went away, which commands say of what failed; all
        # that it leaves behind is a stream of its own in the place of the broken one.
        if sys.stdout is not output:
            sys.stdout = output
            raise BrokenPipeError
        output.flush()
