"""``calls`` and ``call``: the calls of a batch, and one of them with its attempts."""

from __future__ import annotations

from typing import Annotated

import typer

from batchcalls.cli.app import DEFAULT_ADDRESS, MOST, Address, AsJson, BatchId, app
from batchcalls.cli.output import write_document, write_document_with, write_lines, write_table
from batchcalls.cli.render import CALL_COLUMNS, call_lines, call_row
from batchcalls.cli.session import session
from batchcalls.core.model import CallStatus, Outcome
from batchcalls.document import call_document
from batchcalls.wire.words import CALL_STATUS_VALUES, OUTCOME_VALUES


@app.command("calls")
def calls(
    batch_id: BatchId,
    *,
    status: Annotated[
        list[CallStatus] | None,
        typer.Option(help="Only calls in this status; may be given more than once."),
    ] = None,
    outcome: Annotated[
        list[Outcome] | None,
        typer.Option(help="Only calls with this outcome; may be given more than once."),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=MOST,
            metavar="N",
            help="Show the first N; by default all.",
            show_default=False,
        ),
    ] = None,
    address: Address = DEFAULT_ADDRESS,
    as_json: AsJson = False,
) -> None:
    """List the calls of a batch, in the order of submission."""
    with session(address) as connection:
        shown = connection.calls(
            batch_id,
            statuses=[CALL_STATUS_VALUES[word] for word in status or ()],
            outcomes=[OUTCOME_VALUES[word] for word in outcome or ()],
            limit=limit,
        )
        if as_json:
            head = {"batch_id": batch_id, "calls": []}
            write_document_with(head, "calls", map(call_document, shown))
        else:
            write_table(CALL_COLUMNS, map(call_row, shown))


@app.command("call")
def call(
    call_id: Annotated[str, typer.Argument(metavar="CALL_ID", show_default=False)],
    *,
    address: Address = DEFAULT_ADDRESS,
    as_json: AsJson = False,
) -> None:
    """Show a call: each attempt with its times and how it ended, and when it is tried again."""
    with session(address) as connection:
        found = connection.call(call_id)
        if as_json:
            write_document(call_document(found))
        else:
            write_lines(call_lines(found))
