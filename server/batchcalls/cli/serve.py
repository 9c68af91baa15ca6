"""``serve``: the server itself, in the foreground."""

from __future__ import annotations

import asyncio
import logging
import os
from pathlib import Path
from tomllib import TOMLDecodeError
from typing import Annotated, Any

import structlog
import typer
from pydantic import ValidationError
from pydantic_settings import SettingsError

from batchcalls.cli.app import app
from batchcalls.cli.config_text import config_lines
from batchcalls.cli.output import OutputLost, write_line, write_lines
from batchcalls.cli.session import BAD_INPUT, tell
from batchcalls.config import Settings
from batchcalls.logs import configure_logs
from batchcalls.shell.streams import discard_output

CRASHED = 1

LEFT_BEHIND = 0
"""The drain was whole: that a carrier had to be cut off is in the log."""

log = structlog.get_logger()


def _help(setting: str) -> str | None:
    return Settings.model_fields[setting].description


@app.command("serve")
def serve(
    *,
    listen: Annotated[str | None, typer.Option(metavar="HOST:PORT", help=_help("listen"))] = None,
    metrics_listen: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help=_help("metrics_listen"))
    ] = None,
    database: Annotated[str | None, typer.Option(metavar="URL", help=_help("database"))] = None,
    carrier: Annotated[str | None, typer.Option(metavar="NAME", help=_help("carrier"))] = None,
    carrier_option: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE", help="An option of the carrier; repeat for more."),
    ] = None,
    max_concurrent_calls: Annotated[
        int | None, typer.Option(metavar="N", help=_help("max_concurrent_calls"))
    ] = None,
    max_calls_per_second: Annotated[
        float | None, typer.Option(metavar="RATE", help=_help("max_calls_per_second"))
    ] = None,
    drain_timeout_s: Annotated[
        float | None,
        typer.Option("--drain-timeout", metavar="SECONDS", help=_help("drain_timeout_s")),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A TOML file with settings (docs/configuration.md)."),
    ] = None,
    print_config: Annotated[
        bool,
        typer.Option(
            "--print-config", help="Print all settings as they would be, secrets hidden, and exit."
        ),
    ] = False,
) -> None:
    """Serve batches: take them in, dial, tell. SIGTERM drains it, a second one hurries it."""
    given = {
        "listen": listen,
        "metrics_listen": metrics_listen,
        "database": database,
        "carrier": carrier,
        "carrier_options": _options(carrier_option) if carrier_option else None,
        "max_concurrent_calls": max_concurrent_calls,
        "max_calls_per_second": max_calls_per_second,
        "drain_timeout_s": drain_timeout_s,
    }
    settings = _settings(
        config, {name: value for name, value in given.items() if value is not None}
    )
    if print_config:
        write_lines(config_lines(settings))
        return
    configure_logs()
    _run(settings)


def _run(settings: Settings) -> None:
    # Here, and not above: without it the commands of clients start in half the time.
    from batchcalls.app import CANNOT_START, CANNOT_STOP, App  # noqa: PLC0415  # see above

    async def run() -> None:
        try:
            await App(settings, on_listening=lambda *ports: _announce(settings, *ports)).serve()
        except CANNOT_STOP as left:
            # What still runs is a carrier's, and nothing but the end of the process ends it.
            log.error("carrier_left_behind", exc_info=left)
            logging.shutdown()
            os._exit(LEFT_BEHIND if left.__cause__ is None else CRASHED)

    try:
        asyncio.run(run())
    except CANNOT_START as error:
        tell(f"batchcalls: {error}")
        raise typer.Exit(BAD_INPUT) from None
    except Exception:
        log.exception("crashed")  # as any other line of the log: numbers are masked in it
        raise typer.Exit(CRASHED) from None


def _announce(settings: Settings, port: int, metrics_port: int | None) -> None:
    lines = [f"listening on {_at(settings.listen, port)}"]
    if settings.metrics_listen is not None:
        lines.append(f"metrics on http://{_at(settings.metrics_listen, metrics_port)}/metrics")
    try:
        write_line("\n".join(lines))
    except (OutputLost, BrokenPipeError) as error:
        discard_output()
        log.warning("cannot_announce", detail=str(error))


def _at(address: str, port: int | None) -> str:
    """The address as clients write it, with the port that was taken."""
    return f"{address.rpartition(':')[0]}:{port}"


def _options(given: list[str]) -> dict[str, str]:
    options = {}
    for option in given:
        name, equals, value = option.partition("=")
        if not equals or not name:
            tell(f"batchcalls: --carrier-option {option}: must be KEY=VALUE")
            raise typer.Exit(BAD_INPUT)
        options[name.strip()] = value.strip()
    return options


def _settings(config: Path | None, given: dict[str, Any]) -> Settings:
    try:
        return Settings.load(config, given)
    except ValidationError as error:
        for problem in error.errors():
            name = "".join(f"{part}." for part in problem["loc"])[:-1]
            tell(
                f"batchcalls: {name}: {problem['msg']}" if name else f"batchcalls: {problem['msg']}"
            )
    except SettingsError as error:
        for complaint in str(error).splitlines():
            tell(f"batchcalls: {complaint}")
    except (OSError, TOMLDecodeError, UnicodeDecodeError) as error:
        tell(f"batchcalls: {config}: {error}")
    raise typer.Exit(BAD_INPUT)
