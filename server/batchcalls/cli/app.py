"""The typer app that all commands register on, and the options that client commands share.

It runs nothing. A command's module imports ``app`` and registers on it.
"""

from __future__ import annotations

from typing import Annotated

import typer

from batchcalls import __version__
from batchcalls.client.channel import DEFAULT_ADDRESS
from batchcalls.config import ADDRESS_VARIABLE, is_host_and_port

app = typer.Typer(
    name="batchcalls",
    help="Place batches of phone calls and follow them.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    # A traceback of ours is for a bug report: plain, and without the values of variables.
    pretty_exceptions_enable=False,
)

PATIENCE_S = 60.0

MOST = 2**63 - 1
"""The largest number that an option may have: a sequence has no more room."""


def check_address(address: str) -> str:
    """The address as it was given.

    Raises:
      BadParameter: nobody can be reached by it; gRPC would try another port instead.
    """
    if not is_host_and_port(address, lowest_port=1):
        raise typer.BadParameter(f"{address!r}: must be HOST:PORT, with a port from 1 to 65535")
    return address


Address = Annotated[
    str,
    typer.Option(
        "--address",
        envvar=ADDRESS_VARIABLE,
        metavar="HOST:PORT",
        callback=check_address,
        help="Where the server is.",
    ),
]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print JSON: one document, or one a line for streams.")
]
PatienceS = Annotated[
    float,
    typer.Option(
        "--patience",
        min=0,
        metavar="SECONDS",
        help="How long a server that went away is waited for.",
    ),
]
BatchId = Annotated[str, typer.Argument(metavar="BATCH_ID", show_default=False)]

__all__ = [
    "DEFAULT_ADDRESS",
    "MOST",
    "PATIENCE_S",
    "Address",
    "AsJson",
    "BatchId",
    "PatienceS",
    "app",
]


def _print_version(*, wanted: bool) -> None:
    if wanted:
        typer.echo(f"batchcalls {__version__}")
        raise typer.Exit


@app.callback()
def root(
    *,
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            is_eager=True,
            callback=lambda wanted: _print_version(wanted=wanted),
            help="Print the version and exit.",
        ),
    ] = False,
) -> None:
    """Place batches of phone calls and follow them."""
