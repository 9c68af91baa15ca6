"""``submit``: a document becomes a batch."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from batchcalls.cli.app import (
    DEFAULT_ADDRESS,
    PATIENCE_S,
    Address,
    AsJson,
    PatienceS,
    app,
)
from batchcalls.cli.display import display_for
from batchcalls.cli.output import write_document, write_document_line, write_line
from batchcalls.cli.render import batch_lines
from batchcalls.cli.session import BAD_INPUT, session, tell
from batchcalls.cli.watch import exit_by, watch_batch
from batchcalls.client.resume import Patience
from batchcalls.document import batch_document, batch_request
from batchcalls.v1.batch_calls_service_pb2 import SubmitBatchRequest
from batchcalls.v1.batch_pb2 import Batch

STANDARD_INPUT = "-"


@app.command("submit")
def submit(
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE",
            help="A JSON document; - is standard input.",
            show_default=False,
        ),
    ],
    *,
    watch: Annotated[bool, typer.Option("--watch", help="Follow the batch to its end.")] = False,
    validate_only: Annotated[
        bool, typer.Option("--validate-only", help="Have it checked; nothing is stored.")
    ] = False,
    request_id: Annotated[
        str,
        typer.Option(
            metavar="ID", help="Your id of this request: sent again, it makes no second batch."
        ),
    ] = "",
    batch_id: Annotated[
        str, typer.Option(metavar="ID", help="The id for the batch: batch_ and your own name.")
    ] = "",
    patience: PatienceS = PATIENCE_S,
    address: Address = DEFAULT_ADDRESS,
    as_json: AsJson = False,
) -> None:
    """Submit a batch and print its id."""
    if watch and validate_only:
        raise typer.BadParameter("--watch needs a batch, and --validate-only makes none")
    with session(address) as connection:
        request = _request(file, request_id=request_id, batch_id=batch_id)
        request.validate_only = validate_only
        batch = connection.submit(request)
        _print_submitted(batch, validate_only=validate_only, watch=watch, as_json=as_json)
        if watch:
            known = Patience(limit_s=patience)
            known.renew()
            display = display_for(as_json=as_json)
            seen = watch_batch(connection, batch.batch_id, display=display, patience=known)
            if not as_json:
                for line in batch_lines(seen.batch, seen.outcomes):
                    tell(line)
            exit_by(seen.batch)


def _request(file: str, *, request_id: str, batch_id: str) -> SubmitBatchRequest:
    """The request in a file; options win over what it says."""
    request = batch_request(_document(file))
    request.request_id = request_id or request.request_id
    request.batch_id = batch_id or request.batch_id
    return request


def _document(file: str) -> object:
    name = "standard input" if file == STANDARD_INPUT else file
    try:
        return json.loads(_read(file))
    except OSError as error:
        raise _unreadable(f"{name}: {error.strerror}") from None
    except json.JSONDecodeError as error:
        place = f"{name}:{error.lineno}:{error.colno}"
        raise _unreadable(f"{place}: not JSON: {error.msg}") from None
    except UnicodeDecodeError as error:
        raise _unreadable(f"{name}: not UTF-8, byte {error.start}") from None
    except RecursionError:
        raise _unreadable(f"{name}: nested too deeply") from None


def _read(file: str) -> bytes:
    return sys.stdin.buffer.read() if file == STANDARD_INPUT else Path(file).read_bytes()


def _unreadable(message: str) -> typer.Exit:
    tell(f"batchcalls: {message}")
    return typer.Exit(BAD_INPUT)


def _print_submitted(batch: Batch, *, validate_only: bool, watch: bool, as_json: bool) -> None:
    if as_json and watch:
        write_document_line(batch_document(batch))
    elif as_json:
        write_document(batch_document(batch))
    elif validate_only:
        write_line(f"valid: {batch.total_calls} calls, concurrency {batch.concurrency}")
    else:
        write_line(batch.batch_id)
