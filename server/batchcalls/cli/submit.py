"""``submit``: a document becomes a batch."""

from __future__ import annotations

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
from batchcalls.cli.connection import Connection
from batchcalls.cli.display import display_for
from batchcalls.cli.output import OutputLost, write_document, write_document_line, write_line
from batchcalls.cli.render import SIMULATED, batch_lines
from batchcalls.cli.session import BAD_INPUT, session, tell
from batchcalls.cli.submission import content_id, fresh_id, is_same_wish, repeat_text, warning_lines
from batchcalls.cli.watch import exit_by, telling_that_it_goes_on, watch_batch
from batchcalls.client.failure import RpcFailed
from batchcalls.client.resume import Patience
from batchcalls.document import (
    NotJson,
    batch_request,
    name_rows,
    parse_document,
    submitted_document,
)
from batchcalls.errors import InvalidRequest
from batchcalls.shell.reading import DocumentTooLarge, read_document
from batchcalls.v1.batch_calls_service_pb2 import SubmitBatchRequest, SubmitBatchResponse
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
    again: Annotated[
        bool, typer.Option("--again", help="Submit once more what was submitted before.")
    ] = False,
    request_id: Annotated[
        str,
        typer.Option(
            metavar="ID",
            help="Your id of this request: sent again, it makes no second batch. By default it"
            " follows from what is submitted.",
            show_default=False,
        ),
    ] = "",
    batch_id: Annotated[
        str, typer.Option(metavar="ID", help="The id for the batch: batch_ and your own name.")
    ] = "",
    patience: PatienceS = PATIENCE_S,
    address: Address = DEFAULT_ADDRESS,
    as_json: AsJson = False,
) -> None:
    """Submit a batch and print its id; the same again makes no second batch."""
    if watch and validate_only:
        raise typer.BadParameter("--watch needs a batch, and --validate-only makes none")
    if again and request_id:
        raise typer.BadParameter("--again makes an id of its own, so --request-id can't be")
    with session(address) as connection:
        document = _document(file)
        request = _request(document)
        request.batch_id = batch_id or request.batch_id
        request.validate_only = validate_only
        chosen = _choose_request_id(request, request_id, again=again)
        submitted = _with_ids(document, request)
        answer = _submit(connection, request, submitted, Patience(limit_s=patience))
        for line in warning_lines(answer, submitted):
            tell(line)
        _tell_repeat(answer, chosen=chosen)
        _print_submitted(answer, validate_only=validate_only, watch=watch, as_json=as_json)
        if watch:
            _watch(connection, answer.batch, patience, as_json=as_json)


def _request(document: object) -> SubmitBatchRequest:
    try:
        return batch_request(document)
    except InvalidRequest as error:
        raise InvalidRequest(name_rows(document, error.violations), total=error.total) from None


def _choose_request_id(request: SubmitBatchRequest, given: str, *, again: bool) -> bool:
    """Give the request its id; whether the client chose it."""
    chosen = given or ("" if again else request.request_id)
    request.request_id = ""
    if chosen or request.validate_only:
        request.request_id = chosen
    else:
        request.request_id = fresh_id() if again else content_id(request)
    return bool(chosen)


def _with_ids(document: object, request: SubmitBatchRequest) -> dict[str, object]:
    """The document with the ids that were given instead of its own."""
    assert isinstance(document, dict), "it was read as a batch"
    return {**document, "request_id": request.request_id, "batch_id": request.batch_id}


def _submit(
    connection: Connection, request: SubmitBatchRequest, document: object, patience: Patience
) -> SubmitBatchResponse:
    """The answer; what is wrong is named by what stands in the document."""
    try:
        return connection.submit(request, patience=patience if request.request_id else None)
    except RpcFailed as failure:
        if failure.violations:
            named = name_rows(document, failure.violations)
            raise InvalidRequest(named, total=failure.violation_count) from None
        raise


def _tell_repeat(answer: SubmitBatchResponse, *, chosen: bool) -> None:
    """Say that nothing was submitted; end the command where somebody may think that it was."""
    if not answer.already_submitted:
        return
    tell(f"batchcalls: {repeat_text(answer.batch)}")
    if not chosen and not is_same_wish(answer.batch):
        raise typer.Exit(BAD_INPUT)


def _watch(connection: Connection, batch: Batch, patience_s: float, *, as_json: bool) -> None:
    known = Patience(limit_s=patience_s)
    known.renew()
    display = display_for(as_json=as_json)
    with telling_that_it_goes_on(batch.batch_id):
        seen = watch_batch(connection, batch.batch_id, display=display, patience=known)
    if not as_json:
        for line in batch_lines(seen.batch, seen.tally):
            tell(line)
    exit_by(seen.batch)


def _document(file: str) -> object:
    name = "standard input" if file == STANDARD_INPUT else file
    try:
        return parse_document(_read(file))
    except OSError as error:
        raise _unreadable(f"{name}: {error.strerror}") from None
    except DocumentTooLarge as error:
        raise _unreadable(f"{name}: {error}") from None
    except NotJson as error:
        place = f"{name}:" if error.line else f"{name}: "
        raise _unreadable(f"{place}{error}") from None


def _read(file: str) -> bytes:
    if file == STANDARD_INPUT:
        return read_document(sys.stdin.buffer)
    with Path(file).open("rb") as stream:
        return read_document(stream)


def _unreadable(message: str) -> typer.Exit:
    tell(f"batchcalls: {message}")
    return typer.Exit(BAD_INPUT)


def _print_submitted(
    answer: SubmitBatchResponse, *, validate_only: bool, watch: bool, as_json: bool
) -> None:
    batch = answer.batch
    if batch.simulated and not as_json:
        tell(SIMULATED)
    try:
        if as_json and watch:
            write_document_line(submitted_document(answer))
        elif as_json:
            write_document(submitted_document(answer))
        elif validate_only:
            write_line(f"valid: {batch.total_calls} calls, concurrency {batch.concurrency}")
        else:
            write_line(batch.batch_id)
    except OutputLost:
        if not validate_only:
            tell(f"batchcalls: {batch.batch_id} was submitted")  # or its id would be lost
        raise
