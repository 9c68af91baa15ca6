"""The command line: ``batchcalls``.

Every module here that has commands registers them on the one app by being imported below.
What a client command prints on standard output is its result; progress and errors go to
standard error.
"""

from __future__ import annotations

import sys

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
from batchcalls.cli.session import BROKEN_PIPE, OUTPUT_LOST, discard_output, tell
from batchcalls.cli.streams import (
    escape_what_cannot_be_encoded,
    give_up_errors,
    open_closed_streams,
)

# Help lists commands as they registered, and that follows who imports whom.
app.registered_commands.sort(key=lambda command: str(command.name))


def main() -> None:
    """Run the command that the arguments name, and exit with its code."""
    open_closed_streams()
    escape_what_cannot_be_encoded()
    try:
        try:
            app()
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        discard_output()
        sys.exit(BROKEN_PIPE)
    except OSError as error:
        discard_output()
        tell(f"batchcalls: {error}")
        sys.exit(OUTPUT_LOST)
    finally:
        give_up_errors()
