"""How long lists come: in few pages, and no more of them than is shown."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

from batchcalls.v1 import batch_calls_service_pb2 as messages
from batchcalls.v1.batch_calls_service_pb2_grpc import (
    BatchCallsServiceServicer,
    add_BatchCallsServiceServicer_to_server,
)
from batchcalls.v1.call_pb2 import Call
from tests.cli.conftest import Run

CALLS = 2_500
MOST = 1_000


class LongBatch(BatchCallsServiceServicer):
    """Serves a batch of 2,500 calls, and remembers how large each page was to be."""

    def __init__(self) -> None:
        self.address = ""
        self.asked: list[int] = []

    def ListCalls(  # noqa: N802 - the name of the RPC
        self, request: messages.ListCallsRequest, context: grpc.ServicerContext
    ) -> messages.ListCallsResponse:
        self.asked.append(request.page_size)
        start = int(request.page_token or 0)
        end = start + min(request.page_size or 100, MOST, CALLS - start)
        calls = [Call(call_id=f"call_a_{position}") for position in range(start, end)]
        token = str(end) if end < CALLS else ""
        return messages.ListCallsResponse(calls=calls, next_page_token=token)


@pytest.fixture
def long() -> Iterator[LongBatch]:
    batch = LongBatch()  # type: ignore[abstract]  # no other RPC is called
    server = grpc.server(ThreadPoolExecutor(1))
    add_BatchCallsServiceServicer_to_server(batch, server)
    batch.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    yield batch
    server.stop(None).wait()


def test_calls_come_in_the_largest_pages(run: Run, long: LongBatch) -> None:
    """All of them, in order, with as few requests as the server allows."""
    shown = run("calls", "batch_a", address=long.address).out.splitlines()[1:]
    assert [line.split("\t")[0] for line in shown] == [f"call_a_{each}" for each in range(CALLS)]
    assert long.asked == [MOST] * 3


@pytest.mark.parametrize(("limit", "asked"), [(12, [12]), (1_000, [1_000]), (1_001, [1_000] * 2)])
def test_no_more_calls_are_asked_for_than_are_shown(
    run: Run, long: LongBatch, limit: int, asked: list[int]
) -> None:
    """Who wants to see a few doesn't have a thousand read."""
    shown = run("calls", "batch_a", "--limit", str(limit), address=long.address).out
    assert len(shown.splitlines()) == 1 + limit
    assert long.asked == asked
