"""The words of the API are the words of the code."""

from __future__ import annotations

from enum import StrEnum

import pytest
from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper

from batchcalls.core import model
from batchcalls.errors import Reason
from batchcalls.v1 import batch_pb2, call_pb2, error_pb2, event_pb2, outcome_pb2


@pytest.mark.parametrize(
    ("words", "wire", "prefix"),
    [
        (model.BatchStatus, batch_pb2.BatchStatus, "BATCH_STATUS_"),
        (model.CallStatus, call_pb2.CallStatus, "CALL_STATUS_"),
        (model.Outcome, outcome_pb2.Outcome, "OUTCOME_"),
        (model.EventType, event_pb2.EventType, "EVENT_TYPE_"),
        (Reason, error_pb2.ErrorReason, "ERROR_REASON_"),
    ],
)
def test_an_enum_has_the_same_names_in_proto_and_code(
    words: type[StrEnum], wire: EnumTypeWrapper, prefix: str
) -> None:
    """A value that one side lacks would have no way across."""
    assert {f"{prefix}{word.name}" for word in words} | {f"{prefix}UNSPECIFIED"} == set(wire.keys())
