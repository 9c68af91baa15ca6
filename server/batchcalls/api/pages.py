"""Pages that fit into a message, whatever the items weigh.

A client takes messages of 4 MiB unless it was told otherwise, and a call alone may hold a script
of 64 KiB. So a page ends at ``PAGE_BYTES``, and its token goes on from there; one item always fits.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeVar

from google.protobuf.message import Message

Item = TypeVar("Item", bound=Message)
Ask = Callable[[str, int], Awaitable[tuple[Sequence[Item], str]]]

PAGE_BYTES: Final = 1024 * 1024
"""The most bytes of a page's items, unless one alone has more."""

_STEP: Final = 100
"""Items that are read in one go: it bounds what is read in vain."""


async def page_that_fits(ask: Ask[Item], cursor: str, limit: int) -> tuple[list[Item], str]:
    """Up to ``limit`` items from ``cursor`` on, and the cursor behind them; empty at the end.

    ``ask`` gives the same of any number of items, however large they are.
    """
    items: list[Item] = []
    room = PAGE_BYTES
    while True:
        found, following = await ask(cursor, min(_STEP, limit - len(items)))
        while (fitting := _fitting(found, room, least=0 if items else 1)) < len(found):
            if not fitting:
                return items, cursor
            # Only the store knows the cursor behind the last that fits.
            found, following = await ask(cursor, fitting)
        items += found
        room -= sum(item.ByteSize() for item in found)
        cursor = following
        # Fewer than a step are what was left to ask for, what fitted, or all that the store found
        # in the part of a long list that it looks at for one page.
        if not cursor or len(items) == limit or len(found) < _STEP:
            return items, cursor


def _fitting(found: Sequence[Message], room: int, *, least: int) -> int:
    """How many of the first have room; ``least`` of them at least."""
    for count, item in enumerate(found):
        room -= item.ByteSize()
        if room < 0:
            return max(count, least)
    return len(found)
