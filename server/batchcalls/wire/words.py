"""The enums: words of ``core.model`` to values of ``batchcalls.v1`` and back.

The tables are built from the member names, so a word that one side lacks fails at import.
They hold no UNSPECIFIED, and a value from a newer peer isn't in them either.
"""

from __future__ import annotations

from collections.abc import Mapping

from batchcalls.core.model import BatchStatus, CallStatus, EventType, Outcome, RetryOrder
from batchcalls.v1 import batch_pb2, call_pb2, event_pb2, outcome_pb2

BATCH_STATUS_VALUES = {
    word: batch_pb2.BatchStatus.Value(f"BATCH_STATUS_{word.name}") for word in BatchStatus
}
CALL_STATUS_VALUES = {
    word: call_pb2.CallStatus.Value(f"CALL_STATUS_{word.name}") for word in CallStatus
}
EVENT_TYPE_VALUES = {
    word: event_pb2.EventType.Value(f"EVENT_TYPE_{word.name}") for word in EventType
}
RETRY_ORDER_VALUES = {
    word: batch_pb2.RetryOrder.Value(f"RETRY_ORDER_{word.name}") for word in RetryOrder
}
OUTCOME_VALUES = {word: outcome_pb2.Outcome.Value(f"OUTCOME_{word.name}") for word in Outcome}

BATCH_STATUS_WORDS: Mapping[int, BatchStatus] = {
    value: word for word, value in BATCH_STATUS_VALUES.items()
}
CALL_STATUS_WORDS: Mapping[int, CallStatus] = {
    value: word for word, value in CALL_STATUS_VALUES.items()
}
EVENT_TYPE_WORDS: Mapping[int, EventType] = {
    value: word for word, value in EVENT_TYPE_VALUES.items()
}
OUTCOME_WORDS: Mapping[int, Outcome] = {value: word for word, value in OUTCOME_VALUES.items()}
RETRY_ORDER_WORDS: Mapping[int, RetryOrder] = {
    value: word for word, value in RETRY_ORDER_VALUES.items()
}
