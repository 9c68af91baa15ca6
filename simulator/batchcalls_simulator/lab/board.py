"""The board of the undialed in a simulated world: its memory outlives every server.

What a dead server still does isn't seen on it.
"""

from __future__ import annotations

from batchcalls.core.model import Attempt
from batchcalls.engine.undialed import UndialedBoard
from batchcalls_simulator.lab.faults import Moment
from batchcalls_simulator.lab.process import Process


class DoomedBoard(UndialedBoard):
    """One server's hold of the board's memory."""

    def __init__(self, memory: bytearray, process: Process) -> None:
        super().__init__(memory)
        self._process = process

    def add(self, attempt: Attempt) -> None:
        """List it, if there still is somebody who can."""
        if self._process.alive:
            super().add(attempt)

    def leave(self, attempt: Attempt) -> None:
        """Take it off, unless death comes first."""
        if self._process.survives(Moment.BEFORE_LEAVING):
            super().leave(attempt)

    def settle(self, attempt: Attempt) -> None:
        """Take it off, if there still is somebody who can."""
        if self._process.alive:
            super().settle(attempt)
