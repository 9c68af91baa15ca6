"""A load program: watchers of the events of one batch, and how late each event came.

The lag of an event is from its own time to the moment at which its message is in the hands of
the watcher; all processes read the clock of one machine. Every message is received, but only
one in ``look_at`` is parsed: parsing all that a hundred watchers get would measure this
program. Reports ``{"lags": [seconds …], "messages": …}``.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

import grpc.aio

from batchcalls.v1 import batch_calls_service_pb2 as messages
from benchmarks.load import report, settings, until_stopped

_METHOD = "/batchcalls.v1.BatchCallsService/WatchEvents"
_OPTIONS = (("grpc.use_local_subchannel_pool", 1), ("grpc.max_receive_message_length", -1))


class Watchers:
    """Counts messages and keeps the lags of those that were looked at."""

    def __init__(self, look_at: int) -> None:
        self.messages = 0
        self.lags: list[float] = []
        self._look_at = look_at

    async def watch(self, address: str, request: bytes) -> None:
        """Follow the batch to its end, over a connection of its own."""
        async with grpc.aio.insecure_channel(address, options=_OPTIONS) as channel:
            follow: grpc.aio.UnaryStreamMultiCallable[bytes, bytes] = channel.unary_stream(_METHOD)
            async for message in follow(request):
                received_at = time.time()
                self.messages += 1
                if self.messages % self._look_at == 0:
                    self._look(message, received_at)

    def _look(self, message: bytes, received_at: float) -> None:
        for event in messages.WatchEventsResponse.FromString(message).events:
            self.lags.append(received_at - event.time.ToNanoseconds() / 1e9)


async def main(told: dict[str, Any]) -> None:
    """``address``, ``batch_id``, ``watchers``, ``look_at``."""
    seen = Watchers(told["look_at"])
    request = messages.WatchEventsRequest(batch_id=told["batch_id"]).SerializeToString()
    watching = [seen.watch(told["address"], request) for _ in range(told["watchers"])]
    await until_stopped(asyncio.gather(*watching))
    report({"lags": seen.lags, "messages": seen.messages})


if __name__ == "__main__":
    asyncio.run(main(settings()))
