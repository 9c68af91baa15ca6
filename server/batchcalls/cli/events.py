"""``events``: the log of a batch, so far or as it grows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

import typer

from batchcalls.cli.app import (
    DEFAULT_ADDRESS,
    MOST,
    PATIENCE_S,
    Address,
    AsJson,
    BatchId,
    PatienceS,
    app,
)
from batchcalls.cli.connection import Connection
from batchcalls.cli.output import write_document_line, write_line
from batchcalls.cli.render import event_line
from batchcalls.cli.session import session
from batchcalls.cli.watch import telling_that_it_goes_on
from batchcalls.client.resume import Patience
from batchcalls.core.model import EventType
from batchcalls.document import event_document
from batchcalls.v1.event_pb2 import Event
from batchcalls.v1.event_pb2 import EventType as EventTypeValue
from batchcalls.wire.words import EVENT_TYPE_VALUES


@app.command("events")
def events(
    batch_id: BatchId,
    *,
    after: Annotated[
        int, typer.Option(min=0, max=MOST, metavar="N", help="Only events after sequence N.")
    ] = 0,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with new events, up to the final one.")
    ] = False,
    event_type: Annotated[
        list[EventType] | None,
        typer.Option("--type", help="Only events of this type; may be given more than once."),
    ] = None,
    patience: PatienceS = PATIENCE_S,
    address: Address = DEFAULT_ADDRESS,
    as_json: AsJson = False,
) -> None:
    """Print the events of a batch, one a line."""
    types = [EVENT_TYPE_VALUES[word] for word in event_type or ()]
    with session(address) as connection:
        if follow:
            found = connection.follow(
                batch_id,
                after_sequence=after,
                types=types,
                patience=Patience(limit_s=patience),
            )
            with telling_that_it_goes_on(batch_id):
                _print(found, as_json=as_json)
        else:
            _print(_logged(connection, batch_id, after, types), as_json=as_json)


def _logged(
    connection: Connection, batch_id: str, after: int, types: list[EventTypeValue.ValueType]
) -> Iterable[Event]:
    for page in connection.event_pages(batch_id, after_sequence=after, types=types):
        yield from page.events


def _print(found: Iterable[Event], *, as_json: bool) -> None:
    for event in found:
        if as_json:
            write_document_line(event_document(event))
        else:
            write_line(event_line(event))
