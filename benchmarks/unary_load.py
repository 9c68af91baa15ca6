"""A load program: clients that each repeat one unary RPC, and how long every answer took.

Each client has a connection of its own. Requests and answers stay bytes: what is measured is
the server, not this program. Reports ``[start, latency]`` pairs, in seconds since the epoch
and seconds.

Clients that ask again as soon as they are answered tell how many answers there are, and not how
long one waits: a slow answer keeps them from asking. At a fixed rate somebody asks whenever it is
time, whoever still waits, and an answer's time runs from the moment at which it was to be asked.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from itertools import count
from typing import Any

import grpc.aio

from benchmarks.load import report, settings, until_stopped

Call = grpc.aio.UnaryUnaryMultiCallable[bytes, bytes]

_OPTIONS = (("grpc.use_local_subchannel_pool", 1), ("grpc.max_receive_message_length", -1))


async def main(told: dict[str, Any]) -> None:
    """``address``, ``method``, ``request`` (hex), ``clients``; and ``pause_s`` between two RPCs
    of each, or how many they send ``per_second`` together.
    """
    request = bytes.fromhex(told["request"])
    channels = [
        grpc.aio.insecure_channel(told["address"], options=_OPTIONS) for _ in range(told["clients"])
    ]
    calls: list[Call] = [channel.unary_unary(told["method"]) for channel in channels]
    await asyncio.gather(*(call(request) for call in calls))
    samples: list[tuple[float, float]] = []
    if "per_second" in told:
        await until_stopped(_send(calls, request, told["per_second"], samples))
    else:
        clients = [_repeat(call, request, told["pause_s"], samples) for call in calls]
        await until_stopped(asyncio.gather(*clients))
    for channel in channels:
        await channel.close()
    report(samples)


async def _repeat(
    call: Call,
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


async def _send(
    calls: Sequence[Call], request: bytes, per_second: float, samples: list[tuple[float, float]]
) -> None:
    epoch_s, began = time.time(), time.perf_counter()
    async with asyncio.TaskGroup() as asked:
        for number in count():
            due_s = number / per_second
            await asyncio.sleep(began + due_s - time.perf_counter())
            call = calls[number % len(calls)]
            asked.create_task(_ask(call, request, epoch_s + due_s, began + due_s, samples))


async def _ask(
    call: Call, request: bytes, at: float, due: float, samples: list[tuple[float, float]]
) -> None:
    await call(request)
    samples.append((at, time.perf_counter() - due))


if __name__ == "__main__":
    asyncio.run(main(settings()))
