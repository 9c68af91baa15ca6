"""What goes through one commit: the changes of a group, with all that follows from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from batchcalls.core.changes import Change
from batchcalls.core.model import Batch, Event


class Write(NamedTuple):
    """One change and the events that report it."""

    change: Change
    events: Sequence[Event]


@dataclass(frozen=True, slots=True)
class Refusal:
    """A submitted batch that wasn't stored, since its batch id or request id is taken."""

    batch_id: str
    request_id: str
    request_digest: bytes


@dataclass(slots=True)
class Group:
    """Changes in order, and the batches that they touch as they stand after the last one."""

    writes: list[Write] = field(default_factory=list)
    batches: dict[str, Batch] = field(default_factory=dict)


@dataclass(slots=True)
class Committed:
    """What a commit left: the serialized events in the order of the group's, and refusals.

    ``refused`` is keyed by the batch id of the submission that was refused; nothing of that
    batch was written, and its events have no payload here. ``created`` are the keys of the
    batches that were stored.
    """

    payloads: list[bytes] = field(default_factory=list)
    created: dict[str, int] = field(default_factory=dict)
    refused: dict[str, Refusal] = field(default_factory=dict)
