"""What a check raises, and how it says what is wrong."""

from __future__ import annotations

from typing import Final

_SHOWN: Final = 600
"""The most characters of a value in a message: whole batches are compared."""


class BrokenContract(AssertionError):
    """A carrier or a store broke a rule of its contract; the text says which, and how."""


def require(kept: object, rule: str) -> None:
    """Refuse what doesn't keep the rule."""
    if not kept:
        raise BrokenContract(rule)


def require_equal(found: object, expected: object, rule: str) -> None:
    """Refuse what isn't as the rule has it."""
    if found != expected:
        raise BrokenContract(f"{rule}: found {_shown(found)}, not {_shown(expected)}")


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
