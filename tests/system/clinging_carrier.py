"""A carrier that never lets go: of no call, and of nothing when it is closed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import trio

from batchcalls.carriers.base import CallResult, Carrier, NotKnown, OutboundCall, Progress

METADATA = "Metadata-Version: 2.1\nName: clinging\nVersion: 0\n"
ENTRY_POINT = f"[batchcalls.carriers]\nclinging = {__name__}:create\n"


class ClingingCarrier(Carrier):
    """Swallows every cancellation, as a carrier does that waits without a limit in its clean-up."""

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        task_status.started()
        await cling()

    async def place_call(
        self, call: OutboundCall, report: Callable[[Progress], None]
    ) -> CallResult:
        report(Progress.ANSWERED)
        await cling()
        raise AssertionError("it never gets here")

    async def follow(
        self, attempt_id: str, report: Callable[[Progress], None]
    ) -> CallResult | NotKnown:
        await cling()
        raise AssertionError("it never gets here")

    async def hang_up(self, attempt_id: str) -> None:
        await cling()


async def cling() -> None:
    with trio.CancelScope(shield=True):
        await trio.sleep_forever()


def create(options: Mapping[str, object]) -> ClingingCarrier:
    return ClingingCarrier()


def register(folder: Path) -> str:
    """Make it known to a Python that has ``folder`` on its path; return that path."""
    info = folder / "clinging-0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(METADATA)
    (info / "entry_points.txt").write_text(ENTRY_POINT)
    return f"{folder}:{Path(__file__).parents[2]}"
