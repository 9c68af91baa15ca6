"""A submission that may be repeated: the id of its request, and what is said about a repeat.

Theory: an answer gets lost, a key is pressed twice, a script tries again. Whoever then repeats
the command must not call everybody a second time. So the id of the request follows from what
is submitted, and the server, which keeps ids for as long as batches, makes no second batch of
it. Whoever means it says ``--again``.

A repeat within ``RECENT_S`` is taken for the same wish: it succeeds, with a warning and the
batch that is there. A later one, or one of a batch that was canceled meanwhile, more likely wants
the calls made again, so it is refused; a nightly job that lacks its ``--again`` must not look as if
it had called anybody. An id of the client's own says what it means: its repeats always succeed.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from uuid import uuid4

from batchcalls.cli.render import duration_text, moment_text, status_word
from batchcalls.document import name_rows
from batchcalls.errors import Violation
from batchcalls.timestamps import microseconds
from batchcalls.v1.batch_calls_service_pb2 import SubmitBatchRequest, SubmitBatchResponse
from batchcalls.v1.batch_pb2 import BATCH_STATUS_CANCELED, BATCH_STATUS_CANCELING, Batch

RECENT_S = 600.0
"""How long a repeat is taken for the same wish, in seconds."""


def content_id(request: SubmitBatchRequest) -> str:
    """The id of every request that submits the same."""
    return f"content-{hashlib.sha256(request.SerializeToString(deterministic=True)).hexdigest()}"


def fresh_id() -> str:
    """The id of a request that is like no other."""
    return f"again-{uuid4().hex}"


def is_same_wish(batch: Batch) -> bool:
    """Whether who submits the same again means this batch: it is a moment old, and not canceled."""
    is_recent = time.time() - microseconds(batch.create_time) / 1e6 <= RECENT_S
    return is_recent and batch.status not in (BATCH_STATUS_CANCELING, BATCH_STATUS_CANCELED)


def repeat_text(batch: Batch) -> str:
    """What to tell whoever submits what ``batch`` was made of once more."""
    time_us = microseconds(batch.create_time)
    ago = duration_text(max(0.0, time.time() - time_us / 1e6))
    return (
        f"the same was submitted {ago} ago, at {moment_text(time_us)}: {batch.batch_id}"
        f" ({status_word(batch)}); nobody is called again for it; --again submits it once more"
    )


def warning_lines(answer: SubmitBatchResponse, document: object) -> Iterator[str]:
    """What is allowed but looks like a mistake, a line each, named by what stands there."""
    found = [Violation(each.field, each.description) for each in answer.warnings]
    for warning in name_rows(document, found):
        yield f"warning: {warning.field}: {warning.description}"
    more = answer.warning_count - len(found)
    if more > 0:
        yield f"warning: and {more} more"
