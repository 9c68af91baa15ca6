"""``list``: the batches of a server."""

from __future__ import annotations

from itertools import islice
from typing import Annotated

import typer

from batchcalls.cli.app import DEFAULT_ADDRESS, MOST, Address, AsJson, app
from batchcalls.cli.output import write_document_with, write_table
from batchcalls.cli.render import BATCH_COLUMNS, batch_row
from batchcalls.cli.session import session
from batchcalls.core.model import BatchStatus
from batchcalls.document import batch_document
from batchcalls.wire.words import BATCH_STATUS_VALUES


@app.command("list")
def list_batches(
    *,
    status: Annotated[
        list[BatchStatus] | None,
        typer.Option(help="Only batches in this status; may be given more than once."),
    ] = None,
    limit: Annotated[
        int, typer.Option(min=1, max=MOST, metavar="N", help="Show the newest N.")
    ] = 50,
    address: Address = DEFAULT_ADDRESS,
    as_json: AsJson = False,
) -> None:
    """List batches, newest first."""
    with session(address) as connection:
        found = connection.batches(statuses=[BATCH_STATUS_VALUES[word] for word in status or ()])
        shown = islice(found, limit)
        if as_json:
            write_document_with({"batches": []}, "batches", map(batch_document, shown))
        else:
            write_table(BATCH_COLUMNS, map(batch_row, shown))
