"""Reading events: as a stream, or a page at a time."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from batchcalls.api import paging, validate_query
from batchcalls.api.caller import Caller
from batchcalls.api.findings import Findings, required
from batchcalls.api.streams import Streams
from batchcalls.v1.batch_calls_service_pb2 import ListEventsRequest, WatchEventsRequest
from batchcalls.wire.stored_events import list_events_response, watch_events_response
from batchcalls.wire.words import EVENT_TYPE_WORDS


class Events:
    """What is asked of the log of a batch. Every method raises ``InvalidRequest``.

    Answers are serialized, since that is how events are kept.
    """

    def __init__(self, streams: Streams) -> None:
        self._streams = streams

    async def watch(
        self, request: WatchEventsRequest, caller: Caller
    ) -> AsyncGenerator[bytes, None]:
        """The events of a batch, replayed and then live: each a ``WatchEventsResponse``."""
        findings = Findings()
        findings.add(required("batch_id", request.batch_id))
        after = validate_query.after_sequence(findings, request.after_sequence)
        types = validate_query.filter_words(findings, "types", request.types, EVENT_TYPE_WORDS)
        findings.finish()
        stream = self._streams.events(request.batch_id, after=after, types=types)
        async with aclosing(stream) as pages:
            async for page in pages:
                yield watch_events_response(page.payloads, last_sequence=page.last_sequence)

    async def list(self, request: ListEventsRequest, caller: Caller) -> bytes:
        """A page of events, by sequence: a ``ListEventsResponse``."""
        findings = Findings()
        findings.add(required("batch_id", request.batch_id))
        after = validate_query.after_sequence(findings, request.after_sequence)
        limit = paging.page_size(findings, request.page_size, paging.PAGE_OF_EVENTS)
        types = validate_query.filter_words(findings, "types", request.types, EVENT_TYPE_WORDS)
        findings.finish()
        page = await self._streams.page(request.batch_id, after=after, limit=limit, types=types)
        return list_events_response(
            page.payloads, last_sequence=page.latest, next_after_sequence=page.last_sequence
        )
