"""Logs: for people on a terminal, JSON lines otherwise; phone numbers are masked in both."""

from __future__ import annotations

import logging
import re
import sys
from typing import TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

_NUMBER = re.compile(r"\+\d{3,}(?=\d{2})")


def configure_logs(*, level: int = logging.INFO, stream: TextIO = sys.stderr) -> None:
    """Send what this process logs to ``stream``, from ``level`` on."""
    renderers: list[Processor]
    if stream.isatty():
        renderers = [structlog.dev.ConsoleRenderer()]
    else:
        renderers = [structlog.processors.dict_tracebacks, structlog.processors.JSONRenderer()]
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            mask_numbers,
            *renderers,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(stream),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=max(level, logging.WARNING), stream=stream, force=True)


def mask_numbers(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """Leave of every phone number its last two digits."""
    return {
        key: _NUMBER.sub("+…", value) if isinstance(value, str) else value
        for key, value in event.items()
    }
