"""What a peer's program is told, and what it tells: lines of JSON through its pipes.

The program reads its errand, sets itself up, and says ``ready``. When it is told ``go`` it queues
all calls, and when the last of them is final in its database it tells its counts, and waits to be
ended. This module is for both sides, so it imports nothing but what comes with Python: a peer's
program in Python runs in an environment of its own.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """The work, and where to keep it.

    ``busy`` says of each call how many dials find it busy before one is answered: what becomes of
    a call is decided beforehand, so that everybody does the same work. A busy dial ends at once.
    """

    database: str
    up: int
    talk_s: float
    delay_s: float
    max_attempts: int
    busy: Sequence[int]

    @property
    def counts(self) -> Counts:
        """How all calls end, if everything is done as it should be, and nothing twice."""
        failed = sum(busy >= self.max_attempts for busy in self.busy)
        return Counts(
            completed=len(self.busy) - failed,
            failed=failed,
            dials=sum(min(busy + 1, self.max_attempts) for busy in self.busy),
        )

    def line(self) -> str:
        """The errand as its program reads it."""
        return f"{json.dumps(asdict(self))}\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How many calls completed and failed, as the database has them, and how many were dialed."""

    completed: int
    failed: int
    dials: int


def receive() -> Errand:
    """In a peer's program: its errand."""
    return Errand(**json.loads(sys.stdin.readline()))


def wait_for_go() -> None:
    """In a peer's program: say that all is set up, and wait for the word."""
    print("ready", flush=True)
    if sys.stdin.readline() != "go\n":
        raise SystemExit("nobody is there any more")


def tell(seconds: float, counts: Counts) -> None:
    """In a peer's program: tell how it went, and wait to be ended."""
    print(json.dumps({"seconds": seconds, **asdict(counts)}), flush=True)
    sys.stdin.read()
