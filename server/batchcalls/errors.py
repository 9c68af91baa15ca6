"""What can go wrong, sorted by who must act.

The caller (``InvalidRequest``, ``UnreadableRequest``, ``UnknownMethod``, ``NotFound``,
``Conflict``, ``WrongState``, ``StaleEtag``, ``LimitExceeded``), anyone a little later
(``TryLater``), or us (everything else). Each
knows its gRPC code by name and its ``ErrorReason``; the gRPC side adds the standard
details. Foreign exceptions become one of these at the border, once, with ``from``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

DOMAIN = "batchcalls"
"""The ``domain`` of every ``ErrorInfo`` of ours."""

DETAILS_KEY = "grpc-status-details-bin"
"""The trailer in which gRPC carries a ``google.rpc.Status``."""

MAX_VIOLATIONS = 100
"""The most violations that one reply lists; the total is always stated."""

_MAX_ID_CHARACTERS = 64
"""The most of an id that a message shows; ours are shorter."""


class Reason(StrEnum):
    """The names of ``batchcalls.v1.ErrorReason`` without its prefix."""

    INVALID_PHONE_NUMBER = "INVALID_PHONE_NUMBER"
    INVALID_SCRIPT = "INVALID_SCRIPT"
    INVALID_FIELD = "INVALID_FIELD"
    INVALID_PAGE_TOKEN = "INVALID_PAGE_TOKEN"
    SEQUENCE_OUT_OF_RANGE = "SEQUENCE_OUT_OF_RANGE"
    CONCURRENCY_LIMIT = "CONCURRENCY_LIMIT"
    RATE_LIMITED = "RATE_LIMITED"
    SYSTEM_CAPACITY = "SYSTEM_CAPACITY"
    BATCH_NOT_FOUND = "BATCH_NOT_FOUND"
    CALL_NOT_FOUND = "CALL_NOT_FOUND"
    BATCH_ID_TAKEN = "BATCH_ID_TAKEN"
    REQUEST_ID_REUSED = "REQUEST_ID_REUSED"
    WRONG_STATE = "WRONG_STATE"
    STALE_ETAG = "STALE_ETAG"
    STORE_UNAVAILABLE = "STORE_UNAVAILABLE"
    COMMIT_IN_DOUBT = "COMMIT_IN_DOUBT"
    SHUTTING_DOWN = "SHUTTING_DOWN"
    INTERNAL = "INTERNAL"
    UNKNOWN_METHOD = "UNKNOWN_METHOD"
    UNREADABLE_REQUEST = "UNREADABLE_REQUEST"


@dataclass(frozen=True, slots=True)
class Violation:
    """One bad field: its path (``calls[17].phone_number``), what is wrong, and the reason."""

    field: str
    description: str
    reason: Reason = Reason.INVALID_FIELD

    def __str__(self) -> str:
        return f"{self.field}: {self.description}"


class BatchCallsError(Exception):
    """The root of all errors that this project raises on purpose."""

    code: ClassVar[str] = "INTERNAL"

    def __init__(self, message: str, *, reason: Reason) -> None:
        super().__init__(message)
        self.reason = reason


class InvalidRequest(BatchCallsError):
    """The request can't be accepted as it is; the first ``MAX_VIOLATIONS`` are listed."""

    code: ClassVar[str] = "INVALID_ARGUMENT"

    def __init__(self, violations: Sequence[Violation], *, total: int | None = None) -> None:
        assert violations, "an invalid request names what is invalid"
        self.violations = tuple(violations[:MAX_VIOLATIONS])
        self.total = len(violations) if total is None else total
        rest = f" (and {self.total - 1} more)" if self.total > 1 else ""
        super().__init__(f"{violations[0]}{rest}", reason=violations[0].reason)


class UnreadableRequest(BatchCallsError):
    """The request isn't what its RPC takes: nothing in it can be named."""

    code: ClassVar[str] = "INVALID_ARGUMENT"


class UnknownMethod(BatchCallsError):
    """The server has no such RPC."""

    code: ClassVar[str] = "UNIMPLEMENTED"


class OutOfRange(BatchCallsError):
    """A position lies beyond the end of what exists."""

    code: ClassVar[str] = "OUT_OF_RANGE"


class NotFound(BatchCallsError):
    """The thing with that id does not exist."""

    code: ClassVar[str] = "NOT_FOUND"


def batch_not_found(batch_id: str) -> NotFound:
    """The error about a batch that isn't there."""
    return NotFound(f"there is no batch {_shown(batch_id)}", reason=Reason.BATCH_NOT_FOUND)


def call_not_found(call_id: str) -> NotFound:
    """The error about a call that isn't there."""
    return NotFound(f"there is no call {_shown(call_id)}", reason=Reason.CALL_NOT_FOUND)


def _shown(asked_id: str) -> str:
    """An id as a message shows it: nobody reads more of one than a real one has."""
    cut = len(asked_id) > _MAX_ID_CHARACTERS
    return f"{asked_id[:_MAX_ID_CHARACTERS]}…" if cut else asked_id


class Conflict(BatchCallsError):
    """An id is in use for something else."""

    code: ClassVar[str] = "ALREADY_EXISTS"


class WrongState(BatchCallsError):
    """The thing is in a state in which this can't be done."""

    code: ClassVar[str] = "FAILED_PRECONDITION"


class StaleEtag(BatchCallsError):
    """The thing has changed since the caller read it."""

    code: ClassVar[str] = "ABORTED"


class LimitExceeded(BatchCallsError):
    """The request is above a limit of the server: ``subject`` names it, ``limit`` is its value."""

    code: ClassVar[str] = "RESOURCE_EXHAUSTED"

    def __init__(self, message: str, *, reason: Reason, subject: str, limit: int) -> None:
        super().__init__(message, reason=reason)
        self.subject = subject
        self.limit = limit


class TryLater(BatchCallsError):
    """The server is at a limit now; the same request may pass in ``retry_after_s`` seconds."""

    code: ClassVar[str] = "RESOURCE_EXHAUSTED"

    def __init__(self, message: str, *, reason: Reason, retry_after_s: float) -> None:
        super().__init__(message, reason=reason)
        self.retry_after_s = retry_after_s


class Unavailable(BatchCallsError):
    """The server can't serve now: its store can't commit, or it shuts down.

    Where the reason is STORE_UNAVAILABLE, nothing was done; else the request may have been.
    """

    code: ClassVar[str] = "UNAVAILABLE"
