"""What commands share: reading ``--option KEY=VALUE``, and refusing bad input."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

import typer

from batchcalls.carriers.base import CarrierOptionError
from batchcalls.shell.streams import tell

BAD_INPUT = 2


def values_of(given: Sequence[str]) -> dict[str, str]:
    """The options that a command line gave, by name.

    Raises:
      CarrierOptionError: one isn't ``KEY=VALUE``.
    """
    values = {}
    for option in given:
        name, equals, value = option.partition("=")
        if not equals or not name:
            raise CarrierOptionError(f"--option {option}: must be KEY=VALUE")
        values[name.strip()] = value.strip()
    return values


def refuse(*complaints: str) -> NoReturn:
    """Say what is wrong with the input, one line each, and exit."""
    for complaint in complaints:
        tell(f"batchcalls-simulator: {complaint}")
    raise typer.Exit(BAD_INPUT)
