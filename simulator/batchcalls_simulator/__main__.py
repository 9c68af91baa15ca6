"""``python -m batchcalls_simulator`` is ``batchcalls-simulator``."""

from __future__ import annotations

from batchcalls_simulator.cli import main

if __name__ == "__main__":
    main()
