"""``status``: where a batch and its calls stand."""

from __future__ import annotations

from typing import Annotated

import typer

from batchcalls.cli.app import DEFAULT_ADDRESS, MOST, Address, AsJson, BatchId, app
from batchcalls.cli.connection import Connection
from batchcalls.cli.outcomes import OutcomeTally
from batchcalls.cli.output import (
    write_document,
    write_document_with,
    write_line,
    write_lines,
    write_table,
)
from batchcalls.cli.render import CALL_COLUMNS, batch_lines, call_row
from batchcalls.cli.session import session
from batchcalls.document import batch_document, call_document

CALLS_ON_A_SCREEN = 20


@app.command("status")
def status(
    batch_id: BatchId,
    *,
    calls: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=MOST,
            metavar="N",
            help=f"Show at most N calls; by default {CALLS_ON_A_SCREEN}, with --json all.",
            show_default=False,
        ),
    ] = None,
    no_calls: Annotated[
        bool, typer.Option("--no-calls", help="Show the batch alone: quick, however large it is.")
    ] = False,
    address: Address = DEFAULT_ADDRESS,
    as_json: AsJson = False,
) -> None:
    """Show a batch: its counts, how attempts ended, and its calls."""
    with session(address) as connection:
        if as_json:
            _print_document(connection, batch_id, limit=0 if no_calls else calls)
        else:
            limit = CALLS_ON_A_SCREEN if calls is None else calls
            _print_text(connection, batch_id, limit=0 if no_calls else limit, tally=not no_calls)


def _print_document(connection: Connection, batch_id: str, *, limit: int | None) -> None:
    batch = connection.batch(batch_id)
    if limit == 0:
        write_document(batch_document(batch))
        return
    calls = connection.calls(batch_id, limit=limit)
    write_document_with(batch_document(batch, ()), "calls", map(call_document, calls))


def _print_text(connection: Connection, batch_id: str, *, limit: int, tally: bool) -> None:
    batch = connection.batch(batch_id)
    outcomes = OutcomeTally(connection, batch_id)
    if tally:
        outcomes.catch_up(batch.last_sequence)
    write_lines(batch_lines(batch, outcomes.now() if tally else None))
    if limit:
        write_line("")
        write_table(CALL_COLUMNS, map(call_row, connection.calls(batch_id, limit=limit)))
    if limit < batch.total_calls and tally:
        write_line(f"and {batch.total_calls - limit} more: batchcalls calls {batch_id}")
