"""``pause``, ``resume`` and ``cancel``: a word to a batch."""

from __future__ import annotations

from typing import Annotated

import typer

from batchcalls.cli.app import DEFAULT_ADDRESS, Address, AsJson, BatchId, app
from batchcalls.cli.output import write_document, write_lines
from batchcalls.cli.render import batch_lines
from batchcalls.cli.session import session
from batchcalls.document import batch_document
from batchcalls.v1.batch_pb2 import Batch


@app.command("pause")
def pause(
    batch_id: BatchId, *, address: Address = DEFAULT_ADDRESS, as_json: AsJson = False
) -> None:
    """Stop dialing for a batch; calls that are up go on."""
    with session(address) as connection:
        _print(connection.pause(batch_id), as_json=as_json)


@app.command("resume")
def resume(
    batch_id: BatchId, *, address: Address = DEFAULT_ADDRESS, as_json: AsJson = False
) -> None:
    """Dial again for a paused batch."""
    with session(address) as connection:
        _print(connection.resume(batch_id), as_json=as_json)


@app.command("cancel")
def cancel(
    batch_id: BatchId,
    *,
    hang_up: Annotated[
        bool, typer.Option("--hang-up", help="Hang up the calls that are up, too.")
    ] = False,
    address: Address = DEFAULT_ADDRESS,
    as_json: AsJson = False,
) -> None:
    """End a batch: nothing more is dialed."""
    with session(address) as connection:
        _print(connection.cancel(batch_id, hang_up=hang_up), as_json=as_json)


def _print(batch: Batch, *, as_json: bool) -> None:
    if as_json:
        write_document(batch_document(batch))
    else:
        write_lines(batch_lines(batch))
