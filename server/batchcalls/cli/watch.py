"""``watch``: a batch from here to its end."""

from __future__ import annotations

import time

import typer

from batchcalls.cli.app import (
    DEFAULT_ADDRESS,
    PATIENCE_S,
    Address,
    AsJson,
    BatchId,
    PatienceS,
    app,
)
from batchcalls.cli.connection import Connection
from batchcalls.cli.display import Display, Progress, display_for
from batchcalls.cli.outcomes import OutcomeTally
from batchcalls.cli.output import write_lines
from batchcalls.cli.pace import Pace
from batchcalls.cli.render import batch_lines, ended_calls, has_completed
from batchcalls.cli.session import BATCH_FAILED, session, tell
from batchcalls.client.failure import RpcFailed
from batchcalls.client.resume import Patience
from batchcalls.v1.batch_pb2 import Batch


@app.command("watch")
def watch(
    batch_id: BatchId,
    *,
    patience: PatienceS = PATIENCE_S,
    address: Address = DEFAULT_ADDRESS,
    as_json: AsJson = False,
) -> None:
    """Follow a batch until it is final; exit code 1 if it didn't complete."""
    with session(address) as connection:
        seen = watch_batch(
            connection,
            batch_id,
            display=display_for(as_json=as_json),
            patience=Patience(limit_s=patience),
        )
        if not as_json:
            write_lines(batch_lines(seen.batch, seen.outcomes))
        exit_by(seen.batch)


def exit_by(batch: Batch) -> None:
    """End the command with the exit code that a final batch asks for."""
    if not has_completed(batch):
        raise typer.Exit(BATCH_FAILED)


def watch_batch(
    connection: Connection, batch_id: str, *, display: Display, patience: Patience
) -> Progress:
    """Show the batch until it is final; the last that was shown.

    Interrupted, it says that the batch goes on.

    Raises:
      RpcFailed: the batch can't be watched, or the server is gone for too long.
    """
    tally, pace = OutcomeTally(connection, batch_id), Pace()
    seen: Progress | None = None
    try:
        with display:
            for batch in connection.watch(
                batch_id, interval_s=display.interval_s, patience=patience
            ):
                seen = _progress(batch, tally, pace)
                display.show(seen)
    except KeyboardInterrupt:
        tell_that_it_goes_on(batch_id)
        raise
    assert seen is not None, "a watch begins with the state that it finds"
    return seen


def tell_that_it_goes_on(batch_id: str) -> None:
    """Say to whoever interrupted the watching that they interrupted nothing else."""
    tell(f"{batch_id} goes on; to see it again: batchcalls watch {batch_id}")


def _progress(batch: Batch, tally: OutcomeTally, pace: Pace) -> Progress:
    try:
        tally.catch_up(batch.last_sequence)
    except RpcFailed as failure:
        if not failure.unavailable:
            raise
        # The stream notices too, and waits; the tally catches up after the next state.
    ended = ended_calls(batch)
    pace.add(time.monotonic(), attempts=batch.attempts, ended=ended)
    return Progress(
        batch=batch,
        outcomes=dict(tally.counts),
        calls_per_second=pace.calls_per_second,
        time_left_s=pace.time_left_s(batch.total_calls - ended),
    )
