"""``watch``: a batch from here to its end."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

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
from batchcalls.cli.outcomes import OutcomeTally, Tally
from batchcalls.cli.output import write_lines
from batchcalls.cli.pace import Pace
from batchcalls.cli.render import batch_lines, has_completed, is_running
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
        with telling_that_it_goes_on(batch_id):
            seen = watch_batch(
                connection,
                batch_id,
                display=display_for(as_json=as_json),
                patience=Patience(limit_s=patience),
            )
        if not as_json:
            write_lines(batch_lines(seen.batch, seen.tally))
        exit_by(seen.batch)


def exit_by(batch: Batch) -> None:
    """End the command with the exit code that a final batch asks for."""
    if not has_completed(batch):
        raise typer.Exit(BATCH_FAILED)


def watch_batch(
    connection: Connection, batch_id: str, *, display: Display, patience: Patience
) -> Progress:
    """Show the batch until it is final; the last that was shown.

    Raises:
      RpcFailed: the batch can't be watched, or the server is gone for too long.
    """
    tally, pace = OutcomeTally(connection, batch_id), Pace()
    seen: Progress | None = None
    with display:
        for batch in connection.watch(batch_id, interval_s=display.interval_s, patience=patience):
            seen = _progress(batch, tally, pace)
            display.show(seen)
    assert seen is not None, "a watch begins with the state that it finds"
    return seen


@contextmanager
def telling_that_it_goes_on(batch_id: str) -> Iterator[None]:
    """Say to whoever interrupts the watching in the block that they interrupted nothing else."""
    try:
        yield
    except KeyboardInterrupt:
        tell(f"{batch_id} goes on; to see it again: batchcalls watch {batch_id}")
        raise


def _progress(batch: Batch, tally: OutcomeTally, pace: Pace) -> Progress:
    try:
        tally.catch_up(batch.last_sequence)
    except RpcFailed as failure:
        if not failure.resumable:
            raise
        # The stream notices too, and waits; the tally catches up after the next state.
    counted = tally.now()
    if is_running(batch):
        pace.add(time.monotonic(), attempts=batch.attempts, pending=batch.pending_calls)
    else:
        pace.pause()
    return Progress(
        batch=batch,
        tally=counted,
        calls_per_second=pace.calls_per_second,
        end_time_s=_end_time_s(batch, counted, pace) if is_running(batch) else None,
    )


def _end_time_s(batch: Batch, tally: Tally, pace: Pace) -> float | None:
    now_s = time.time()
    left_s = pace.time_left_s(
        pending=batch.pending_calls,
        due=max(0, batch.retrying_calls - tally.future_retries),
        up=batch.in_progress,
        wait_s=max(0.0, tally.last_retry_us / 1e6 - now_s) if batch.retrying_calls else 0.0,
    )
    return None if left_s is None else now_s + left_s
