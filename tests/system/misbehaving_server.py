"""A server whose handlers misbehave, behind the real boundary; a script, run by ``test_boundary``.

Its argument is for how long, in seconds, it leaves a silent client alone. It prints its port,
then when what is endless begins and is over, and stops at the end of its input. ``batch_id``
names the misbehavior. gRPC is at ease with one event loop in a
process only, so this is a process.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from typing import Any

import grpc.aio
from prometheus_client import CollectorRegistry

from batchcalls.errors import NotFound, Reason
from batchcalls.logs import configure_logs
from batchcalls.metrics.instruments import Instruments
from batchcalls.metrics.rpcs import RpcMetrics
from batchcalls.rpc.boundary import Boundary
from batchcalls.rpc.server import METHODS, SERVICE, RpcServer
from batchcalls.v1 import batch_calls_service_pb2 as messages
from batchcalls.v1.batch_calls_service_pb2_grpc import BatchCallsServiceServicer

Context = grpc.aio.ServicerContext[Any, Any]


class Misbehaving(BatchCallsServiceServicer):
    async def GetBatch(  # noqa: N802 - the proto names methods
        self, request: messages.GetBatchRequest, context: Context
    ) -> messages.GetBatchResponse:
        await misbehave(request.batch_id)
        return messages.GetBatchResponse()

    async def WatchBatch(  # noqa: N802 - the proto names methods
        self, request: messages.WatchBatchRequest, context: Context
    ) -> AsyncIterator[messages.WatchBatchResponse]:
        yield messages.WatchBatchResponse()
        await misbehave(request.batch_id)


async def misbehave(how: str) -> None:
    match how:
        case "cancelled":
            raise asyncio.CancelledError
        case "secret":
            raise RuntimeError("the secret of +15550100007")
        case "ours":
            raise NotFound("there is no such batch", reason=Reason.BATCH_NOT_FOUND)
        case "endless":
            tell("begun")
            try:
                await asyncio.sleep(3_600)
            finally:
                tell("over")


def tell(what: str) -> None:
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


async def main() -> None:
    configure_logs()
    metrics = RpcMetrics(Instruments(CollectorRegistry()), METHODS)
    service = Misbehaving()  # type: ignore[abstract]  # two RPCs are enough
    keepalive_s = float(sys.argv[1])
    boundary = Boundary(metrics, prefix=SERVICE)
    server = RpcServer(service, boundary, max_message_mib=4, keepalive_s=keepalive_s)
    server.bind("127.0.0.1:0")
    await server.start()
    tell(str(server.port))
    await asyncio.to_thread(sys.stdin.read)
    await server.stop(1.0)


asyncio.run(main())
