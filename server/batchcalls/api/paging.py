"""Pages of lists: how large they are, and the tokens that lead from one to the next.

A token holds the cursor of the last item and a digest of the cursor and of what was asked
for, so that a token of another list, or a mangled one, is refused and not misread. The digest
is no secret: a token shows a client nothing that its list doesn't. So a client can make one up:
with a cursor that is none it is refused as well, and with another it leads to a place in a list
that the client may read anyway.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable
from typing import NamedTuple

from batchcalls.api.findings import Findings
from batchcalls.errors import InvalidRequest, Reason, Violation

_VERSION = b"\x01"
_DIGEST_BYTES = 8
_PLACE = re.compile("[0-9]{1,18}")


class PageSize(NamedTuple):
    """How many items a page has when nobody says, and at most."""

    default: int
    most: int


PAGE_OF_BATCHES = PageSize(50, 500)
PAGE_OF_CALLS = PageSize(100, 1_000)
PAGE_OF_EVENTS = PageSize(1_000, 5_000)


def page_size(findings: Findings, asked: int, size: PageSize) -> int:
    """The size of the page: what was ``asked`` for, clamped; 0 asks for the default."""
    if asked < 0:
        findings.add([Violation("page_size", f"must not be negative, not {asked:,}")])
    return min(asked, size.most) if asked > 0 else size.default


def list_scope(rpc: str, *filters: str | Iterable[str]) -> str:
    """A text for everything that a list was asked for; a filter is a set, its order is nothing."""
    parts = [
        each if isinstance(each, str) else sorted({str(one) for one in each}) for each in filters
    ]
    return repr([rpc, *parts])


def page_token(cursor: str, scope: str) -> str:
    """The token that continues the list of ``scope`` after ``cursor``."""
    payload = _VERSION + _digest(cursor, scope) + cursor.encode()
    return base64.urlsafe_b64encode(payload).rstrip(b"=").decode()


def next_page_token(cursor: str, scope: str) -> str:
    """The token to the next page; empty where there is none."""
    return page_token(cursor, scope) if cursor else ""


def page_cursor(token: str, scope: str) -> str:
    """The cursor inside a token that was made for ``scope``; empty for an empty token.

    Raises:
      InvalidRequest: the token is no such one.
    """
    if not token:
        return ""
    cursor = _read(token)
    if cursor is None or page_token(cursor, scope) != token:
        raise bad_token()
    return cursor


def place(cursor: str) -> int:
    """The position in a cursor that is one, from 0.

    Raises:
      InvalidRequest: it is none.
    """
    if not _PLACE.fullmatch(cursor):
        raise bad_token()
    return int(cursor)


def bad_token() -> InvalidRequest:
    """The error about a token that leads nowhere."""
    description = "isn't one that the server gave for these filters; begin with the first page"
    return InvalidRequest([Violation("page_token", description, Reason.INVALID_PAGE_TOKEN)])


def _read(token: str) -> str | None:
    padding = "=" * (-len(token) % 4)
    try:
        payload = base64.b64decode(token + padding, altchars=b"-_", validate=True)
        return payload[len(_VERSION) + _DIGEST_BYTES :].decode()
    except ValueError:
        return None


def _digest(cursor: str, scope: str) -> bytes:
    return hashlib.sha256(f"{cursor}\n{scope}".encode()).digest()[:_DIGEST_BYTES]
