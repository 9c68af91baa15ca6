"""The processor time of a process and of all that it started, from ``/proc``."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

_TICKS_A_SECOND: Final = os.sysconf("SC_CLK_TCK")


class _Stat(NamedTuple):
    pid: int
    parent: int
    ticks: int


def processor_time_s(*roots: int) -> float:
    """What these processes and their descendants have used so far, all threads together.

    What ended is in it as soon as its parent has waited for it, so the difference of two calls
    leaves nothing out.
    """
    stats = list(_stats())
    family = set(roots)
    while grown := {stat.pid for stat in stats if stat.parent in family} - family:
        family |= grown
    return sum(stat.ticks for stat in stats if stat.pid in family) / _TICKS_A_SECOND


def _stats() -> Iterator[_Stat]:
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = path.read_text(encoding="utf-8", errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has just ended
        fields = text.rpartition(")")[2].split()
        own_and_waited_for = map(int, fields[11:15])
        yield _Stat(int(path.parent.name), int(fields[1]), sum(own_and_waited_for))
