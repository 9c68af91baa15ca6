"""Logs: for people on a terminal, JSON lines otherwise; phone numbers are masked in both.

What libraries log through ``logging`` comes in the same form, from warnings on. Values of
variables are never part of a traceback: they hold numbers, scripts and names.
"""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final, TextIO

import structlog
from structlog.stdlib import ProcessorFormatter
from structlog.tracebacks import ExceptionDictTransformer
from structlog.typing import Processor, WrappedLogger

_NUMBER: Final = re.compile(r"\+\d{3,}(?=\d{2})")


def configure_logs(*, level: int = logging.INFO, stream: TextIO | None = None) -> None:
    """Send what this process logs to ``stream`` (default: standard error), from ``level`` on."""
    stream = stream or sys.stderr
    origin: list[Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderers = [*_renderers(stream), mask_numbers]
    structlog.configure(
        processors=[*origin, *renderers],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: LineLogger(stream),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        ProcessorFormatter(
            foreign_pre_chain=origin,
            processors=[ProcessorFormatter.remove_processors_meta, *renderers],
        )
    )
    logging.basicConfig(level=max(level, logging.WARNING), handlers=[handler], force=True)


def _renderers(stream: TextIO) -> list[Processor]:
    if stream.isatty():
        plain = structlog.dev.plain_traceback
        colors = _takes_colors(os.environ)
        return [structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=plain)]
    traceback = ExceptionDictTransformer(show_locals=False)
    return [
        structlog.processors.ExceptionRenderer(traceback),
        structlog.processors.JSONRenderer(ensure_ascii=False),
    ]


def _takes_colors(environment: Mapping[str, str]) -> bool:
    return environment.get("TERM") not in ("dumb", "unknown") and not environment.get("NO_COLOR")


class LineLogger:
    """Writes rendered lines. One that can't be written (a full disk) is lost; nobody fails for it.

    A log is written most when something is wrong, and what is wrong may well be its own disk.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def msg(self, line: str) -> None:
        """Write a line."""
        with suppress(OSError):
            self._stream.write(f"{line}\n")
            self._stream.flush()

    debug = info = warning = error = critical = msg


def mask_numbers(_logger: WrappedLogger, _method: str, line: Any) -> str:
    """Leave of every phone number in a rendered line its last two digits, wherever it stands."""
    return _NUMBER.sub("+…", str(line))
