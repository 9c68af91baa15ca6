"""What reflection can find."""

from __future__ import annotations

import pytest

from batchcalls.rpc.reflection import Symbols
from batchcalls.v1 import batch_calls_service_pb2

SERVICE = "batchcalls.v1.BatchCallsService"


@pytest.fixture(scope="module")
def symbols() -> Symbols:
    """The symbols of one file and of what it imports."""
    return Symbols([batch_calls_service_pb2.DESCRIPTOR])


@pytest.mark.parametrize(
    ("name", "file"),
    [
        (SERVICE, "batchcalls/v1/batch_calls_service.proto"),
        (f"{SERVICE}.SubmitBatch", "batchcalls/v1/batch_calls_service.proto"),
        ("batchcalls.v1.Batch", "batchcalls/v1/batch.proto"),
        ("batchcalls.v1.Batch.etag", "batchcalls/v1/batch.proto"),
        ("google.protobuf.Duration", "google/protobuf/duration.proto"),
    ],
)
def test_a_symbol_is_found_in_its_file(symbols: Symbols, name: str, file: str) -> None:
    """Services, methods, messages and fields, in the file itself or in one that it imports."""
    assert symbols.FindFileContainingSymbol(name).name == file


@pytest.mark.parametrize(
    "name", ["", ".", "batchcalls", SERVICE + ".", SERVICE + ".Nope", "batchcalls.v1.ErrorReason"]
)
def test_what_is_not_there_is_a_key_error(symbols: Symbols, name: str) -> None:
    """That is how a pool says it; files that weren't given stay unknown."""
    with pytest.raises(KeyError):
        symbols.FindFileContainingSymbol(name)
