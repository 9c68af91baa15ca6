"""The limit of every read: a bare grpc.aio server that answers with one message.

It parses the request and serializes the answer, as any server must, and does nothing else.
Run as a program it prints ``listening on HOST:PORT``; its argument is the answer in hex.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import grpc.aio

from batchcalls.v1 import batch_calls_service_pb2 as messages

METHOD = "/benchmarks.Echo/GetBatch"
"""What it answers, as gRPC names it."""


@contextmanager
def running_echo(answer: messages.GetBatchResponse) -> Iterator[str]:
    """An echo server for as long as the block lasts; yields its address."""
    command = (sys.executable, "-m", __name__, answer.SerializeToString().hex())
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None, "its output is a pipe"
            yield process.stdout.readline().removeprefix("listening on ").strip()
        finally:
            process.kill()


async def serve(answer: messages.GetBatchResponse) -> None:
    """Answer until the process ends."""

    async def echo(
        _request: messages.GetBatchRequest, _context: object
    ) -> messages.GetBatchResponse:
        return answer

    handler = grpc.unary_unary_rpc_method_handler(
        echo,
        request_deserializer=messages.GetBatchRequest.FromString,
        response_serializer=messages.GetBatchResponse.SerializeToString,
    )
    _, service, method = METHOD.split("/")
    server = grpc.aio.server()
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler(service, {method: handler}),)
    )
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(f"listening on 127.0.0.1:{port}", flush=True)
    await server.wait_for_termination()


if __name__ == "__main__":
    asyncio.run(serve(messages.GetBatchResponse.FromString(bytes.fromhex(sys.argv[1]))))
