"""The command line: ``batchcalls``.

Every module here that has commands registers them on the one app by being imported below.
What a client command prints on standard output is its result; progress and errors go to
standard error.
"""

from __future__ import annotations

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
from batchcalls.shell.ending import run_to_exit

# Help lists commands as they registered, and that follows who imports whom.
app.registered_commands.sort(key=lambda command: str(command.name))


def main() -> None:
    """Run the command that the arguments name, and exit with its code."""
    run_to_exit("batchcalls", app)
