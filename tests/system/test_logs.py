"""A server whose log goes nowhere."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import grpc

from batchcalls.v1 import batch_calls_service_pb2 as messages
from batchcalls.v1.batch_calls_service_pb2_grpc import BatchCallsServiceStub
from batchcalls.v1.batch_pb2 import BATCH_STATUS_COMPLETED
from tests.system.requests import batch
from tests.system.server import WAIT_S, Place, environment, eventually


@contextmanager
def full_pipe() -> Iterator[int]:
    """The end to write to of a pipe that nobody reads and that has room for nothing."""
    to_read, to_write = os.pipe()
    os.set_blocking(to_write, False)
    with suppress(BlockingIOError):
        while True:
            os.write(to_write, b"x")
    os.set_blocking(to_write, True)
    try:
        yield to_write
    finally:
        os.close(to_read)
        os.close(to_write)


def test_a_standard_error_that_nobody_reads_stops_nothing(tmp_path: Path) -> None:
    """A server whose log is stuck from its first line on starts, calls, answers and drains."""
    command = Place(folder=tmp_path).command
    with (
        full_pipe() as errors,
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment()
        ) as process,
    ):
        try:
            assert process.stdout is not None
            address = process.stdout.readline().removeprefix("listening on ").strip()
            with grpc.insecure_channel(address) as channel:
                stub = BatchCallsServiceStub(channel)
                submitted = stub.SubmitBatch(batch(["+15550100000"] * 3), timeout=WAIT_S).batch
                get = messages.GetBatchRequest(batch_id=submitted.batch_id)
                eventually(
                    lambda: stub.GetBatch(get, timeout=WAIT_S).batch.status,
                    until=lambda status: status == BATCH_STATUS_COMPLETED,
                )
            process.send_signal(signal.SIGTERM)
            assert process.wait(WAIT_S) == 0
        finally:
            process.kill()
