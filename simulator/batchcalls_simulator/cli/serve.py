"""``serve``: the simulator as a carrier in a process of its own, in the foreground."""

from __future__ import annotations

import asyncio
import signal
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer

from batchcalls.carriers.base import CarrierOptionError
from batchcalls.shell.streams import discard_output, tell
from batchcalls_simulator.carrier import SimulatorCarrier, create
from batchcalls_simulator.cdr import CallDetailLog
from batchcalls_simulator.cli.app import app
from batchcalls_simulator.cli.option import refuse, values_of
from batchcalls_simulator.service import serve as serve_carrier


@app.command("serve")
def serve(
    *,
    listen: Annotated[
        str,
        typer.Option(metavar="HOST:PORT", help="Where to serve; port 0 takes a free one."),
    ] = "127.0.0.1:50052",
    option: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE", help="An option of the simulator; repeat for more."),
    ] = None,
    cdr: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Append a line of JSON here as a call starts and ends."),
    ] = None,
) -> None:
    """Serve simulated calls to dialing servers (``--carrier grpc``). SIGTERM ends it."""
    try:
        simulator = create(values_of(option or []))
        with nullcontext() if cdr is None else CallDetailLog(cdr) as log:
            asyncio.run(_serve(simulator, listen, log))
    except (CarrierOptionError, OSError) as error:
        refuse(str(error))


async def _serve(simulator: SimulatorCarrier, listen: str, log: CallDetailLog | None) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    host, _, _ = listen.rpartition(":")

    def announce(port: int) -> None:
        try:
            sys.stdout.write(f"listening on {host}:{port}\n")
            sys.stdout.flush()
        except OSError as error:  # who dials knows the port, or asks for it in vain
            discard_output()
            tell(f"batchcalls-simulator: can't say that it listens: {error}")

    await serve_carrier(simulator, listen=listen, log=log, on_listening=announce, stop=stop)
