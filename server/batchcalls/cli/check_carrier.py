"""``check-carrier``: whether a carrier in a process of its own keeps the contract."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from batchcalls.cli.app import AsJson, app
from batchcalls.cli.output import write_document_line, write_line
from batchcalls.cli.render import printable
from batchcalls.cli.session import BAD_INPUT, INTERRUPTED, UNREACHABLE, tell
from batchcalls.config import is_host_and_port

BROKEN = 1


@app.command("check-carrier")
def check_carrier(
    address: Annotated[str, typer.Argument(metavar="ADDRESS", show_default=False)],
    *,
    completes: Annotated[
        str, typer.Option(metavar="NUMBER", help="A number whose calls complete by themselves.")
    ] = "+15550100000",
    lasts: Annotated[
        str, typer.Option(metavar="NUMBER", help="A number whose calls last until hung up.")
    ] = "+15550100009",
    lines: Annotated[
        int,
        typer.Option(
            min=0, metavar="N", help="How many calls it takes at once; 0 leaves that unchecked."
        ),
    ] = 0,
    patience_s: Annotated[
        float,
        typer.Option(
            "--patience", min=0.1, metavar="SECONDS", help="How long an answer or a call may take."
        ),
    ] = 60.0,
    as_json: AsJson = False,
) -> None:
    """Check a carrier that is a process: dial, break off, look up, hang up. It dials for real."""
    _require_address(address)
    # Here, and not above: other commands start sooner without it.
    from batchcalls.testing.process import check_carrier_process  # noqa: PLC0415  # see above
    from batchcalls.testing.wire import Numbers, Unreachable  # noqa: PLC0415  # see above

    broken = False
    numbers = Numbers(completes=completes, lasts=lasts)
    try:
        for finding in check_carrier_process(
            address, numbers=numbers, lines=lines, patience_s=patience_s
        ):
            broken |= bool(finding.broken)
            _print(finding.rule, finding.broken, as_json=as_json)
    except Unreachable as error:
        tell(f"batchcalls: can't reach {address}: {error}")
        raise typer.Exit(UNREACHABLE) from None
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
    if not lines:
        tell("Not checked: a call too many is refused with its details (--lines N)")
    sys.stdout.flush()
    raise typer.Exit(BROKEN if broken else 0)


def _print(rule: str, broken: str, *, as_json: bool) -> None:
    if as_json:
        write_document_line({"rule": rule, "kept": not broken, "detail": broken})
    else:
        write_line(printable(f"broken  {rule}: {broken}" if broken else f"ok      {rule}"))


def _require_address(address: str) -> None:
    if not (address.startswith("unix:") or is_host_and_port(address, lowest_port=1)):
        tell(f"batchcalls: {address}: must be HOST:PORT or unix:PATH")
        raise typer.Exit(BAD_INPUT)
