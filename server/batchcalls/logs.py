"""Logs: for people on a terminal, JSON lines otherwise; phone numbers are masked in both.

A line about a call names the attempt; the ids of its call and its batch are added here.

What libraries log through ``logging`` comes in the same form, from warnings on. Values of
variables are never part of a traceback: they hold numbers, scripts and names.
"""

from __future__ import annotations

import logging
import os
import re
import sys
import threading
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, TextIO

import structlog
from structlog.stdlib import ProcessorFormatter
from structlog.tracebacks import ExceptionDictTransformer
from structlog.typing import EventDict, Processor, WrappedLogger

from batchcalls.core.model import call_id, parse_attempt_id

_MAX_WAITING: Final = 1_000_000
"""The most characters that wait to be written, in lines, while nobody reads them."""

_PATIENCE_S: Final = 1.0
"""How long the end of the process waits for lines that nobody may ever read."""

_NUMBER: Final = re.compile(r"\+\d{3,}(?=\d{2})")


def configure_logs(*, level: int = logging.INFO, stream: TextIO | None = None) -> None:
    """Send what this process logs to ``stream`` (default: standard error), from ``level`` on.

    Lines are written by a thread; ``logging.shutdown``, which Python calls at its end, waits
    for them a little.
    """
    lines = Lines(stream or _standard_error())
    origin: list[Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderers = [*_renderers(for_people=lines.on_terminal), mask_numbers]
    structlog.configure(
        processors=[*origin, name_call_and_batch, *renderers],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: LineLogger(lines),
        cache_logger_on_first_use=True,
    )
    handler = LineHandler(lines)
    handler.setFormatter(
        ProcessorFormatter(
            foreign_pre_chain=origin,
            processors=[ProcessorFormatter.remove_processors_meta, *renderers],
        )
    )
    logging.basicConfig(level=max(level, logging.WARNING), handlers=[handler], force=True)


def _standard_error() -> TextIO:
    """Standard error as a stream of our own, so that nobody else waits for one that is stuck."""
    if sys.stderr is None:  # it was closed before the process began
        return Path(os.devnull).open("w", encoding="utf-8")
    own = os.dup(sys.stderr.fileno())
    return os.fdopen(own, "w", encoding="utf-8", errors="backslashreplace")


def _renderers(*, for_people: bool) -> list[Processor]:
    if for_people:
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


def name_call_and_batch(_logger: WrappedLogger, _method: str, line: EventDict) -> EventDict:
    """Say of an attempt which call and which batch it belongs to."""
    found = parse_attempt_id(str(line.get("attempt_id", "")))
    if found is not None:
        batch_id, position, _ = found
        line.update(call_id=call_id(batch_id, position), batch_id=batch_id)
    return line


class Lines:
    """Writes lines to a stream, in a thread: who logs never waits for who reads.

    Lines that find too many before them are lost, and counted in the next that is written. One
    that can't be written (a full disk) is lost as well. Nobody fails for a log: it is written
    most when something is wrong, and what is wrong may well be its own disk.
    """

    def __init__(self, stream: TextIO) -> None:
        self.on_terminal = stream.isatty()
        self._stream = stream
        self._waiting: deque[str] = deque()
        self._characters = 0
        self._lost = 0
        self._changed = threading.Condition()
        threading.Thread(target=self._write_all, name="logs", daemon=True).start()

    def put(self, line: str) -> None:
        """Have a line written, or lost."""
        with self._changed:
            if self._waiting and self._characters + len(line) > _MAX_WAITING:
                self._lost += 1
                return
            self._waiting.append(line)
            self._characters += len(line)
            self._changed.notify_all()

    def flush(self) -> None:
        """Wait until all are written, but not for ever."""
        with self._changed:
            self._changed.wait_for(lambda: not self._waiting, _PATIENCE_S)

    def _write_all(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting)
                line = self._waiting[0]
            with suppress(OSError, ValueError):  # ValueError: somebody closed it
                self._stream.write(f"{line}\n")
                self._stream.flush()
            self._written(line)

    def _written(self, line: str) -> None:
        with self._changed:
            self._waiting.popleft()
            self._characters -= len(line)
            lost = 0
            if self._characters < _MAX_WAITING // 2:  # else that line is lost as well
                lost, self._lost = self._lost, 0
            self._changed.notify_all()
        if lost:
            structlog.get_logger().warning("log_lines_lost", lines=lost)


class LineLogger:
    """Where structlog leaves its rendered lines."""

    def __init__(self, lines: Lines) -> None:
        self.msg = lines.put
        self.debug = self.info = self.warning = self.error = self.critical = self.msg


class LineHandler(logging.Handler):
    """Where ``logging`` leaves its records."""

    def __init__(self, lines: Lines) -> None:
        super().__init__()
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        """Have it written."""
        try:
            self._lines.put(self.format(record))
        except Exception:  # noqa: BLE001  # whoever logs doesn't fail for it
            self.handleError(record)

    def flush(self) -> None:
        """Wait a little until all is written."""
        self._lines.flush()


def mask_numbers(_logger: WrappedLogger, _method: str, line: Any) -> str:
    """Leave of every phone number in a rendered line its last two digits, wherever it stands."""
    return _NUMBER.sub("+…", str(line))
