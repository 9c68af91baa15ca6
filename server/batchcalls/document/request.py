"""The document that submits a batch, to a ``SubmitBatchRequest``."""

from __future__ import annotations

from batchcalls.document.reading import (
    Reading,
    list_of,
    message_of,
    number,
    seconds,
    text,
    texts,
    time,
    values_of,
    whole_number,
    word_of,
)
from batchcalls.v1.batch_calls_service_pb2 import SubmitBatchRequest
from batchcalls.v1.batch_pb2 import BatchSpec, CallDefaults
from batchcalls.v1.call_pb2 import CallSpec
from batchcalls.v1.retry_config_pb2 import RetryConfig
from batchcalls.v1.script_pb2 import Script, ScriptStep
from batchcalls.wire.words import OUTCOME_VALUES, RETRY_ORDER_VALUES

_OUTCOME = word_of({outcome.value: value for outcome, value in OUTCOME_VALUES.items()})

_SCRIPT = message_of(
    Script,
    {"type": text, "text": text, "steps": list_of(message_of(ScriptStep, {"text": text}))},
)

_CALL = message_of(
    CallSpec,
    {
        "phone_number": text,
        "voice_id": text,
        "script": _SCRIPT,
        "priority": whole_number,
        "variables": texts,
        "metadata": texts,
        "reference_id": text,
        "caller_id": text,
    },
)

_RETRY_CONFIG = message_of(
    RetryConfig,
    {
        "max_attempts": whole_number,
        "delay": seconds,
        "backoff_multiplier": number,
        "max_delay": seconds,
        "jitter": number,
        "retry_on": list_of(_OUTCOME),
    },
)

_REQUEST = {"calls": list_of(_CALL), "request_id": text, "batch_id": text}

_BATCH = {
    "display_name": text,
    "labels": texts,
    "concurrency": whole_number,
    "max_calls_per_second": number,
    "priority": whole_number,
    "retry_config": _RETRY_CONFIG,
    "retry_order": word_of({order.value: value for order, value in RETRY_ORDER_VALUES.items()}),
    "callback_url": text,
    "carrier": text,
    "start_time": time,
    "call_defaults": message_of(
        CallDefaults, {"voice_id": text, "script": _SCRIPT, "caller_id": text}
    ),
}


def batch_request(document: object) -> SubmitBatchRequest:
    """The request that ``document`` (as ``json.loads`` returns it) stands for.

    Raises:
      InvalidRequest: a key is unknown or a value has the wrong type; every violation is
        listed by its path in the document.
    """
    reading = Reading()
    values = values_of(reading, "", document, {**_REQUEST, **_BATCH})
    reading.finish()
    batch = BatchSpec(**{key: value for key, value in values.items() if key in _BATCH})
    request = {key: value for key, value in values.items() if key in _REQUEST}
    return SubmitBatchRequest(batch=batch, **request)


def document_path(path: str) -> str:
    """Where in the document the field at ``path`` of a ``SubmitBatchRequest`` stands."""
    return path.removeprefix("batch.")
