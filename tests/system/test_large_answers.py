"""Answers fit into the 4 MiB that any client takes, whatever scripts the calls have."""

from __future__ import annotations

from collections.abc import Iterator

import grpc
import pytest

from batchcalls.v1 import batch_calls_service_pb2 as messages
from batchcalls.v1.batch_calls_service_pb2_grpc import BatchCallsServiceStub
from tests.system.requests import batch
from tests.system.server import Server

MANY = 150
LATER = "2100-01-01T00:00:00Z"


@pytest.fixture
def stub(server: Server) -> Iterator[BatchCallsServiceStub]:
    """A client with the limits that gRPC has by itself."""
    with grpc.insecure_channel(server.address) as channel:
        yield BatchCallsServiceStub(channel)


def large_batch(calls: int) -> messages.SubmitBatchRequest:
    """Calls that inherit a script of nearly 64 KiB."""
    request = batch(calls, start_time=LATER)
    request.batch.call_defaults.ClearField("script")
    for _ in range(15):
        request.batch.call_defaults.script.steps.add(text="x" * 4_000)
    return request


def test_a_list_of_calls_with_large_scripts_is_cut_into_pages(stub: BatchCallsServiceStub) -> None:
    """Every call comes once, in order, though fewer a page than were asked for."""
    batch_id = stub.SubmitBatch(large_batch(MANY)).batch.batch_id
    request = messages.ListCallsRequest(batch_id=batch_id, page_size=1_000)
    found: list[str] = []
    while True:
        page = stub.ListCalls(request)
        assert 1 < len(page.calls) < MANY
        found += [call.call_id for call in page.calls]
        request.page_token = page.next_page_token
        if not request.page_token:
            break
    assert found == [f"call_{batch_id.removeprefix('batch_')}_{at}" for at in range(MANY)]


def test_a_list_of_batches_with_many_labels_is_cut_into_pages(stub: BatchCallsServiceStub) -> None:
    """The same where what is large is the batch: 5 MiB of labels."""
    labels = {f"label {at}": "€" * 255 for at in range(64)}
    request = batch(1, start_time=LATER, labels=labels)
    made = [stub.SubmitBatch(request).batch.batch_id for _ in range(100)]
    listing = messages.ListBatchesRequest(page_size=500)
    found: list[str] = []
    while made[0] not in found:
        page = stub.ListBatches(listing)
        found += [each.batch_id for each in page.batches]
        listing.page_token = page.next_page_token
    assert [batch_id for batch_id in found if batch_id in made] == made[::-1]
