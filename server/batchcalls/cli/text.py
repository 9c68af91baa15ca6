"""Text that is safe to print.

Names and details come from clients and carriers; a terminal takes control characters in them
for commands, and a tab or a new line would break the columns of a plain listing.
"""

from __future__ import annotations


def printable(text: str) -> str:
    """``text`` with everything that isn't printable, or half a character, escaped."""
    if text.isprintable():
        return text
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode("ascii")
        for letter in text
    )
