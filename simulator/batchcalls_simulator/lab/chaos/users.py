"""Users, as a service meets them: they submit until they are answered, steer, and read events.

A user repeats what wasn't answered and resumes what broke, and trusts nothing else. They know
nothing of the faults around them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final, TypeVar

import grpc
import trio

from batchcalls.client import Client
from batchcalls.client.failure import RpcFailed
from batchcalls.v1.batch_calls_service_pb2 import SubmitBatchRequest
from batchcalls.v1.batch_pb2 import BatchSpec, CallDefaults
from batchcalls.v1.call_pb2 import CallSpec
from batchcalls.v1.script_pb2 import Script
from batchcalls.wire.spec import retry_config_to_proto
from batchcalls_simulator.lab.chaos.evidence import Acknowledged, Seen
from batchcalls_simulator.lab.chaos.scenario import Action, PlannedBatch

T = TypeVar("T")

_AGAIN_S: Final = 0.1


@dataclass(slots=True)
class Reading:
    """What one reader has seen so far."""

    reader: str
    batch_id: str
    events: list[tuple[int, bytes]] = field(default_factory=list)
    ended: bool = False

    @property
    def seen(self) -> Seen:
        """The same, for good."""
        return Seen(reader=self.reader, batch_id=self.batch_id, events=tuple(self.events))


class Users:
    """All users of a run; ``acknowledged`` and ``readings`` grow with what they learn."""

    def __init__(self, client: Client) -> None:
        self.acknowledged: list[Acknowledged] = []
        self.readings: list[Reading] = []
        self._client = client

    def __repr__(self) -> str:
        return f"<Users {self.progress}>"

    @property
    def progress(self) -> str:
        """How far the readers are, as a part of a sentence."""
        ended = sum(reading.ended for reading in self.readings)
        return f"{ended} of {len(self.readings)} readers at the end"

    async def use(self, planned: PlannedBatch) -> None:
        """Submit a batch, steer it as planned, and read its events to their end."""
        async with trio.open_nursery() as nursery:
            for _ in range(planned.senders - 1):
                nursery.start_soon(self._submit, planned)
            batch_id = await self._submit(planned)
            nursery.start_soon(self._read_on, batch_id)
            nursery.start_soon(self._read_afresh, batch_id)
            await self._steer(batch_id, planned)
            await self._submit(planned)  # late, but the same request

    async def _submit(self, planned: PlannedBatch) -> str:
        request = _request(planned)
        batch = await _insist(lambda: self._client.submit(request))
        self.acknowledged.append(
            Acknowledged(
                request_id=planned.request_id,
                batch_id=batch.batch_id,
                phone_numbers=planned.phone_numbers,
            )
        )
        return batch.batch_id

    async def _steer(self, batch_id: str, planned: PlannedBatch) -> None:
        client = self._client
        actions: dict[Action, Callable[[], Awaitable[object]]] = {
            Action.PAUSE: lambda: client.pause(batch_id),
            Action.RESUME: lambda: client.resume(batch_id),
            Action.CANCEL: lambda: client.cancel(batch_id),
            Action.HANG_UP: lambda: client.cancel(batch_id, hang_up=True),
        }
        for step in planned.steps:
            await trio.sleep(step.after_s)
            try:
                await _insist(actions[step.action])
            except RpcFailed as failure:
                if failure.code is not grpc.StatusCode.FAILED_PRECONDITION:
                    raise
                return  # the batch is over already

    async def _read_on(self, batch_id: str) -> None:
        """Read on one stream that resumes by itself."""
        reading = self._begin("the reader who stays", batch_id)
        while not reading.ended:
            await self._read(reading, resume=True)

    async def _read_afresh(self, batch_id: str) -> None:
        """Read on a new stream after each loss."""
        reading = self._begin("the reader who comes back", batch_id)
        while not reading.ended:
            await self._read(reading, resume=False)

    def _begin(self, reader: str, batch_id: str) -> Reading:
        reading = Reading(reader, batch_id)
        self.readings.append(reading)
        return reading

    async def _read(self, reading: Reading, *, resume: bool) -> None:
        after = reading.events[-1][0] if reading.events else 0
        stream = self._client.events(reading.batch_id, after_sequence=after, resume=resume)
        try:
            async with stream:
                async for event in stream:
                    reading.events.append((event.sequence, event.SerializeToString()))
            reading.ended = True
        except RpcFailed as failure:
            if not failure.resumable:
                raise
            await trio.sleep(_AGAIN_S)


async def _insist(ask: Callable[[], Awaitable[T]]) -> T:
    """Ask until the server answers; other refusals than that it can't now are raised."""
    while True:
        try:
            return await ask()
        except RpcFailed as failure:
            if not failure.resumable:
                raise
            await trio.sleep(_AGAIN_S)


def _request(planned: PlannedBatch) -> SubmitBatchRequest:
    script = Script(text="Hello.")
    return SubmitBatchRequest(
        request_id=planned.request_id,
        batch=BatchSpec(
            concurrency=planned.concurrency,
            max_calls_per_second=planned.max_calls_per_second,
            priority=planned.priority,
            retry_config=retry_config_to_proto(planned.retry),
            call_defaults=CallDefaults(script=script),
        ),
        calls=[CallSpec(phone_number=number) for number in planned.phone_numbers],
    )
