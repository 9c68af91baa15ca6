"""The typer app that all commands of ``batchcalls-simulator`` register on.

It runs nothing. A command's module imports ``app`` and registers on it.
"""

from __future__ import annotations

import logging

import structlog
import typer

app = typer.Typer(
    name="batchcalls-simulator",
    help="Practise on simulated phones: play worlds that fail, plan campaigns.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    # A traceback of ours is for a bug report: plain, and without the values of variables.
    pretty_exceptions_enable=False,
)


@app.callback()
def root() -> None:
    """Practise on simulated phones: play worlds that fail, plan campaigns."""


def silence() -> None:
    """Log nothing: in a simulated world, what fails is meant to fail."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL),
        logger_factory=structlog.ReturnLoggerFactory(),  # the other wants a standard output
    )
