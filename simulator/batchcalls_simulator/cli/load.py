"""``load``: put a running server under load, and say how it holds up.

Exit codes are those of ``batchcalls``: 0 done, 1 a watcher missed an event or saw one twice,
2 the request has to change, 3 the server can't be reached or can't serve, 130 interrupted.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Annotated

import grpc
import typer

from batchcalls.client.channel import DEFAULT_ADDRESS
from batchcalls.client.failure import RpcFailed
from batchcalls.config import ADDRESS_VARIABLE, is_host_and_port
from batchcalls.shell.streams import tell
from batchcalls_simulator.cli.app import app
from batchcalls_simulator.cli.load_display import display_for
from batchcalls_simulator.cli.option import BAD_INPUT, refuse
from batchcalls_simulator.lab.meter import Quantiles, Report

FAILED = 1
UNREACHABLE = 3
INTERRUPTED = 130

_PASSING = frozenset(
    {
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.UNKNOWN,
    }
)
"""Nobody's request has to change for these."""


@app.command("load")
def load(
    *,
    address: Annotated[
        str,
        typer.Option(envvar=ADDRESS_VARIABLE, metavar="HOST:PORT", help="Where the server is."),
    ] = DEFAULT_ADDRESS,
    batches: Annotated[
        int, typer.Option(min=1, metavar="N", help="How many batches at once.")
    ] = 10,
    calls: Annotated[
        int, typer.Option(min=1, max=1_000_000, metavar="N", help="How many calls in each.")
    ] = 1_000,
    concurrency: Annotated[
        int, typer.Option(min=1, metavar="N", help="How many calls of each may be up at once.")
    ] = 50,
    watchers: Annotated[
        int,
        typer.Option(min=0, metavar="N", help="How many follow each, by status and by events."),
    ] = 5,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Submit batches to a running server, watch them, and report rates, latencies and lags.

    It dials what the server's carrier dials: use it on one whose carrier is a simulator.
    """
    if not is_host_and_port(address, lowest_port=1):
        refuse(f"{address}: must be HOST:PORT, with a port from 1 to 65535")
    try:
        report = _drive(address, batches, calls, concurrency, watchers)
    except RpcFailed as failure:
        tell(f"batchcalls-simulator: {address}: {failure}")
        passes = failure.code in _PASSING or failure.retry_after_s is not None
        raise typer.Exit(UNREACHABLE if passes else BAD_INPUT) from None
    except KeyboardInterrupt:
        tell("interrupted; what was submitted goes on at the server")
        raise typer.Exit(INTERRUPTED) from None
    if as_json:
        typer.echo(json.dumps(report.document(), indent=2))
    else:
        typer.echo("\n".join(_lines(report)))
    if report.complaints:
        for complaint in report.complaints:
            tell(f"batchcalls-simulator: {complaint}")
        raise typer.Exit(FAILED)


def _drive(address: str, batches: int, calls: int, concurrency: int, watchers: int) -> Report:
    # Here, and not above: the client behind it can't be imported on every Python.
    from batchcalls_simulator.lab.load import Load, run  # noqa: PLC0415  # see above

    load = Load(batches=batches, calls=calls, concurrency=concurrency, watchers=watchers)
    with display_for(load.total_calls) as display:
        return run(address, load, show=display.show, interval_s=display.interval_s)


def _lines(report: Report) -> Iterator[str]:
    yield (
        f"{report.calls:,} calls in {report.batches:,} batches took {report.took_s:.1f} s:"
        f" {report.calls_per_second:,.1f} calls/s, {report.attempts_per_second:,.1f} attempts/s"
    )
    yield f"{report.watchers:,} watchers saw {report.events:,} events, {_once(report)}"
    yield f"{'':<12} {'count':>9} {'p50':>10} {'p90':>10} {'p99':>10} {'most':>10}"
    for name, latency in report.latencies.items():
        yield _row(name, latency)
    yield _row("status lag", report.status_lag)
    yield _row("event lag", report.event_lag)


def _once(report: Report) -> str:
    wrong = len(report.complaints)
    return f"{wrong} of them wrongly" if wrong else "each sequence once"


def _row(name: str, times: Quantiles) -> str:
    spread = (times.p50_s, times.p90_s, times.p99_s, times.most_s)
    return f"{name:<12} {times.count:>9,} " + " ".join(f"{_time(each):>10}" for each in spread)


def _time(seconds: float) -> str:
    return "-" if math.isnan(seconds) else f"{seconds * 1e3:,.1f} ms"
