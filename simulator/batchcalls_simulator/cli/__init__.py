"""The command line: ``batchcalls-simulator``.

Every module here that has commands registers them on the one app by being imported below.
Results go to standard output, progress to standard error.
"""

from __future__ import annotations

from batchcalls.shell.ending import run_to_exit
from batchcalls_simulator.cli import (  # noqa: F401 - imported to register
    chaos,
    load,
    plan,
    serve,
    simulate,
)
from batchcalls_simulator.cli.app import app

# Help lists commands as they registered, and that follows who imports whom.
app.registered_commands.sort(key=lambda command: str(command.name))


def main() -> None:
    """Run the command that the arguments name, and exit with its code."""
    run_to_exit("batchcalls-simulator", app)


__all__ = ["app", "main"]
