"""The command line: ``batchcalls``.

Every module here that has commands registers them on the one app by being imported below.
What a client command prints on standard output is its result; progress and errors go to
standard error.
"""

from __future__ import annotations

import sys
from io import TextIOWrapper

from batchcalls.cli import (  # noqa: F401 - imported to register their commands
    batches,
    calls,
    check_carrier,
    control,
    demo,
    events,
    serve,
    status,
    submit,
    watch,
)
from batchcalls.cli.app import app

# Help lists commands as they registered, and that follows who imports whom.
app.registered_commands.sort(key=lambda command: str(command.name))


def main() -> None:
    """Run the command that the arguments name, and exit with its code."""
    # A display name may hold what the terminal's encoding lacks.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    app()
