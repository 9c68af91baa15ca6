"""A load program: clients that each repeat one unary RPC, and how long every answer took.

Each client has a connection of its own. Requests and answers stay bytes: what is measured is
the server, not this program. Reports ``[start, latency]`` pairs, in seconds since the epoch
and seconds.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

import grpc.aio

from benchmarks.load import report, settings, until_stopped

_OPTIONS = (("grpc.use_local_subchannel_pool", 1), ("grpc.max_receive_message_length", -1))


async def main(told: dict[str, Any]) -> None:
    """``address``, ``method``, ``request`` (hex), ``clients``, ``pause_s`` between two RPCs."""
    request = bytes.fromhex(told["request"])
    channels = [
        grpc.aio.insecure_channel(told["address"], options=_OPTIONS) for _ in range(told["clients"])
    ]
    calls: list[grpc.aio.UnaryUnaryMultiCallable[bytes, bytes]] = [
        channel.unary_unary(told["method"]) for channel in channels
    ]
    await asyncio.gather(*(call(request) for call in calls))
    samples: list[tuple[float, float]] = []
    clients = [_repeat(call, request, told["pause_s"], samples) for call in calls]
    await until_stopped(asyncio.gather(*clients))
    for channel in channels:
        await channel.close()
    report(samples)


async def _repeat(
    call: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes],
    request: bytes,
    pause_s: float,
    samples: list[tuple[float, float]],
) -> None:
    while True:
        at, began = time.time(), time.perf_counter()
        await call(request)
        samples.append((at, time.perf_counter() - began))
        if pause_s:
            await asyncio.sleep(pause_s)


if __name__ == "__main__":
    asyncio.run(main(settings()))
