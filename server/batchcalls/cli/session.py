"""One command's talk with a server: how it begins, and with which exit code it ends.

Exit codes: 0 done, 1 the batch failed, 2 the request has to change, 3 the server can't be
reached or can't serve (the same command may pass later), 4 the output can't be written, 130
interrupted, 141 the reader of the output went away (both as shells have it for the signals).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import grpc
import typer

from batchcalls.cli.connection import Connection
from batchcalls.cli.output import OutputLost, writing
from batchcalls.cli.render import printable
from batchcalls.client.failure import RpcFailed
from batchcalls.config import unknown_variables
from batchcalls.document import document_path
from batchcalls.errors import InvalidRequest, Violation
from batchcalls.shell import streams
from batchcalls.shell.ending import BROKEN_PIPE, OUTPUT_LOST
from batchcalls.shell.streams import discard_output

BATCH_FAILED = 1
BAD_INPUT = 2
UNREACHABLE = 3
INTERRUPTED = 130

_CALLERS_FAULT = frozenset(
    {
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.NOT_FOUND,
        grpc.StatusCode.ALREADY_EXISTS,
        grpc.StatusCode.PERMISSION_DENIED,
        grpc.StatusCode.UNAUTHENTICATED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.FAILED_PRECONDITION,
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.OUT_OF_RANGE,
    }
)


def tell(line: str) -> None:
    """Print a line for the person at the terminal, and let no text move its cursor."""
    streams.tell(printable(line))


@contextmanager
def session(address: str) -> Iterator[Connection]:
    """A connection for the commands in the block; its failures become messages and exit codes."""
    _check_environment()
    try:
        with Connection(address, tell=tell) as connection:
            yield connection
        with writing():
            sys.stdout.flush()
    except RpcFailed as failure:
        _explain(failure, address)
        raise typer.Exit(_exit_code(failure)) from None
    except InvalidRequest as error:
        _list(error.violations, total=error.total)
        raise typer.Exit(BAD_INPUT) from None
    except BrokenPipeError:
        discard_output()
        raise typer.Exit(BROKEN_PIPE) from None
    except OutputLost as error:
        discard_output()
        tell(f"batchcalls: can't write the output: {error}")
        raise typer.Exit(OUTPUT_LOST) from None
    except UnicodeEncodeError:
        tell("batchcalls: an argument isn't UTF-8")
        raise typer.Exit(BAD_INPUT) from None
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None


def _check_environment() -> None:
    unknown = tuple(unknown_variables(os.environ))
    for complaint in unknown:
        tell(f"batchcalls: {complaint}")
    if unknown:
        raise typer.Exit(BAD_INPUT)


def _exit_code(failure: RpcFailed) -> int:
    passes_later = failure.retry_after_s is not None
    return BAD_INPUT if failure.code in _CALLERS_FAULT and not passes_later else UNREACHABLE


def _explain(failure: RpcFailed, address: str) -> None:
    if failure.violations:
        _list(failure.violations, total=failure.violation_count)
    elif failure.reason is None and _exit_code(failure) == UNREACHABLE:
        tell(f"batchcalls: can't reach {address}: {failure.message}")
    else:
        tell(f"batchcalls: {failure.message}")
    if failure.retry_after_s is not None:
        tell(f"batchcalls: try again in {failure.retry_after_s:g} s")


def _list(violations: tuple[Violation, ...], *, total: int) -> None:
    for violation in violations:
        tell(f"{document_path(violation.field)}: {violation.description}")
    if total > len(violations):
        tell(f"batchcalls: and {total - len(violations)} more")
