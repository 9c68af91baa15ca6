"""Submitting a batch."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import AsyncIterator, Iterable
from typing import Any, Final, TypeVar

from batchcalls.api.batch_messages import BatchMessages
from batchcalls.api.caller import Caller
from batchcalls.api.loop import Loop
from batchcalls.api.validate import SubmitRules, check_submit
from batchcalls.api.warnings import Warnings
from batchcalls.clock import Clock
from batchcalls.core.changes import NewCall
from batchcalls.core.ledger import Ledger
from batchcalls.engine.engine import Engine
from batchcalls.v1 import call_pb2
from batchcalls.v1.batch_calls_service_pb2 import SubmitBatchRequest, SubmitBatchResponse
from batchcalls.wire.spec import batch_spec_from_proto, new_call_from_proto

_STRETCH_S: Final = 0.005
"""How long a large request is worked on in one go; nothing else runs meanwhile."""

_PAUSE_S: Final = 0.001
"""What a large request leaves to everybody else between two stretches.

Threads that answer others need the interpreter too. From a loop that is always busy each gets
it for an instant only, every 5 ms, and needs it several times for an answer.
"""

T = TypeVar("T")


class Submissions:
    """Checks a whole request, then stores it durably."""

    def __init__(
        self,
        engine: Engine,
        loop: Loop,
        messages: BatchMessages,
        *,
        rules: SubmitRules,
        clock: Clock,
    ) -> None:
        self._engine = engine
        self._loop = loop
        self._messages = messages
        self._rules = rules
        self._clock = clock

    async def submit(self, request: SubmitBatchRequest, caller: Caller) -> SubmitBatchResponse:
        """Make a batch of the request, or only say what would become of it.

        Raises:
          InvalidRequest: fields are wrong.
          And as ``Engine.submit`` does.
        """
        began_us = self._clock.now_us()
        await self._through(check_submit(request, self._rules))
        warnings = Warnings(request)
        await self._through(warnings.look())
        spec = batch_spec_from_proto(
            request.batch,
            batch_id=request.batch_id or f"batch_{_random_word()}",
            request_id=request.request_id,
            request_digest=await self._digest(request) if request.request_id else b"",
            default_carrier=self._rules.default_carrier,
        )
        if request.validate_only:
            self._engine.admit(spec, len(request.calls))
            now_us = self._clock.now_us()
            batch = Ledger.opened(spec, total_calls=len(request.calls), time_us=now_us).snapshot()
        else:
            calls = await self._new_calls(request.calls)
            batch = await self._loop.run(self._engine.submit, spec, calls)
        return SubmitBatchResponse(
            batch=self._messages.new(batch),
            warnings=warnings.listed(),
            warning_count=warnings.total,
            already_submitted=batch.create_time_us < began_us,
        )

    async def _unhurried(self, items: Iterable[T]) -> AsyncIterator[T]:
        """The ``items``, with pauses for everybody else where they take long."""
        began = self._loop.now()
        for item in items:
            yield item
            if self._loop.now() - began > _STRETCH_S:
                await self._loop.sleep(_PAUSE_S)
                began = self._loop.now()

    async def _through(self, steps: Iterable[None]) -> None:
        """Take all ``steps``, unhurried."""
        async for _ in self._unhurried(steps):
            pass

    async def _new_calls(self, calls: Iterable[call_pb2.CallSpec]) -> list[NewCall]:
        """The calls as they will be stored."""
        return [new_call_from_proto(call) async for call in self._unhurried(calls)]

    async def _digest(self, request: SubmitBatchRequest) -> bytes:
        """What a request says, without the id that it is repeated by.

        It is that of the whole message, whose fields stand one behind the other.
        """
        digest = hashlib.sha256()

        def add(**fields: Any) -> None:
            digest.update(SubmitBatchRequest(**fields).SerializeToString(deterministic=True))

        add(batch=request.batch if request.HasField("batch") else None)
        async for call in self._unhurried(request.calls):
            add(calls=[call])
        add(batch_id=request.batch_id, validate_only=request.validate_only)
        return digest.digest()


def _random_word() -> str:
    return secrets.token_hex(10)
