"""``python -m batchcalls`` is the command line."""

from batchcalls.cli import main

main()
