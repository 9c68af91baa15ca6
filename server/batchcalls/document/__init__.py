"""The JSON document, as people and webhooks have it, to and from ``batchcalls.v1``.

Its keys are the field names of the API. Enum values are lower-case words (``no_answer``,
``batch.call_completed``), durations are seconds, times are RFC 3339 in UTC. A submitted
document is a ``SubmitBatchRequest`` whose ``batch`` is spread over the top level, and the
answer about a call names its id ``id``.

Reading is strict about keys and types; whether values make sense, the server says. A document
is what ``parse_document`` or ``json.loads`` returns and ``json.dumps`` takes; only the first
keeps what a text says twice.
"""

from batchcalls.document.answers import (
    batch_document,
    call_document,
    event_document,
    submitted_document,
)
from batchcalls.document.request import batch_request, document_path
from batchcalls.document.row import name_rows
from batchcalls.document.text import NotJson, parse_document

__all__ = [
    "NotJson",
    "batch_document",
    "batch_request",
    "call_document",
    "document_path",
    "event_document",
    "name_rows",
    "parse_document",
    "submitted_document",
]
