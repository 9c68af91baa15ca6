"""``plan``: what a campaign would come to, before anybody's phone rings."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from batchcalls.carriers.base import CarrierOptionError
from batchcalls.core.model import BatchSpec
from batchcalls.engine.admission import EngineLimits
from batchcalls.errors import BatchCallsError, InvalidRequest
from batchcalls.shell.reading import DocumentTooLarge, read_document
from batchcalls.shell.streams import tell
from batchcalls_simulator.cli.app import app, silence
from batchcalls_simulator.cli.option import refuse, values_of
from batchcalls_simulator.cli.workers import in_turn, worker_processes
from batchcalls_simulator.lab.campaign import read_campaign
from batchcalls_simulator.lab.chart import PlottingMissing, draw
from batchcalls_simulator.lab.course import Course
from batchcalls_simulator.lab.forecast import Forecast, Spread
from batchcalls_simulator.lab.plan import DEFAULT_GRAIN_S, run_campaign
from batchcalls_simulator.lab.trio_run import interrupts_alone
from batchcalls_simulator.options import read_options

INTERRUPTED = 130

_DEFAULTS = EngineLimits()


@app.command("plan")
def plan(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="The JSON document of `batchcalls submit`.", show_default=False
        ),
    ],
    *,
    option: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE", help="An option of the simulator; repeat for more."),
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, metavar="N", help="How many runs.")] = 20,
    jobs: Annotated[int, typer.Option(min=1, metavar="N", help="Runs at once.")] = (
        os.cpu_count() or 1
    ),
    max_concurrent_calls: Annotated[
        int, typer.Option(min=0, metavar="N", help="The server's limit; 0 is none.")
    ] = _DEFAULTS.max_concurrent_calls,
    max_calls_per_second: Annotated[
        float, typer.Option(min=0, metavar="N", help="The server's limit; 0 is none.")
    ] = _DEFAULTS.max_calls_per_second,
    grain: Annotated[
        float,
        typer.Option(
            min=0,
            max=60,
            metavar="SECONDS",
            help="Phones ring and fall silent at multiples of it; 0 is exact, and slow.",
        ),
    ] = DEFAULT_GRAIN_S,
    plot: Annotated[
        Path | None,
        typer.Option(metavar="FILE.png", help="Draw calls in progress and reach over time."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Run a campaign in virtual time, several times, and say what it came to."""
    limits = EngineLimits(
        max_concurrent_calls=max_concurrent_calls, max_calls_per_second=max_calls_per_second
    )
    try:
        with file.open("rb") as stream:
            text = read_document(stream)
        campaign = read_campaign(text)
        values = values_of(option or [])
        read_options(values)
        start_s = campaign.start_time_us / 1e6 or time.time()
        run = partial(_run, text, values, limits, grain, start_s)
        courses = list(_courses(run, seeds, jobs))
        if plot is not None:
            draw(courses, plot, most_up=_most_up(campaign.spec, limits))
    except InvalidRequest as error:
        refuse(*[str(violation) for violation in error.violations])
    except DocumentTooLarge as error:
        refuse(f"{file}: {error}")
    except (BatchCallsError, CarrierOptionError, OSError, PlottingMissing, ValueError) as error:
        refuse(str(error))
    except KeyboardInterrupt:
        tell("\ninterrupted: nobody was called, and there is no forecast")
        raise typer.Exit(INTERRUPTED) from None
    forecast = Forecast.of(courses)
    document = json.dumps(forecast.document(), indent=2)
    typer.echo(document if as_json else "\n".join(_lines(forecast, campaign.spec)))


def _most_up(spec: BatchSpec, limits: EngineLimits) -> int:
    """How many calls may be up at once, by the batch and by the server."""
    return min(spec.settings.concurrency, limits.max_concurrent_calls or spec.settings.concurrency)


def _courses(run: Callable[[int], Course], seeds: int, jobs: int) -> Iterator[Course]:
    jobs = min(jobs, seeds)
    if jobs == 1:
        with interrupts_alone():
            yield from _told(map(run, range(seeds)), seeds)
        return
    with worker_processes(jobs) as pool:
        yield from _told(in_turn(pool, run, range(seeds)), seeds)


def _told(courses: Iterator[Course], seeds: int) -> Iterator[Course]:
    """The same courses; on a terminal, how many there are so far."""
    for done, course in enumerate(courses, start=1):
        if sys.stderr.isatty():
            tell(f"\r{done} of {seeds} seeds", end="\n" if done == seeds else "")
        yield course


def _run(
    text: bytes,
    values: dict[str, str],
    limits: EngineLimits,
    grain_s: float,
    start_unix_s: float,
    seed: int,
) -> Course:
    silence()
    return run_campaign(
        read_campaign(text),
        options=read_options(values),
        seed=seed,
        limits=limits,
        grain_s=grain_s,
        start_unix_s=start_unix_s,
    )


def _lines(forecast: Forecast, spec: BatchSpec) -> Iterator[str]:
    concurrency = spec.settings.concurrency
    yield f"{forecast.calls:,} calls, concurrency {concurrency:,}, {forecast.seeds} seeds"
    yield f"ends after  {_spread(forecast.end_s, _duration)}"
    yield f"attempts    {_spread(forecast.attempts, lambda count: f'{count:,.0f}')}"
    yield f"reach       {_spread(forecast.reach, lambda share: f'{share:.1%}')}"
    yield f"peak        {forecast.peak:,} calls up at once"
    yield f"binding     {_shares(forecast)}"


def _spread(spread: Spread, form: Callable[[float], str]) -> str:
    return f"p10 {form(spread.p10):>9}   p50 {form(spread.p50):>9}   p90 {form(spread.p90):>9}"


def _shares(forecast: Forecast) -> str:
    shares: Sequence[str] = [
        f"{wait} ({share:.0%} of the time)" for wait, share in forecast.waits.items()
    ]
    return ", then ".join(shares)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h {minutes:02}m" if hours else f"{minutes}m {rest:02}s"
