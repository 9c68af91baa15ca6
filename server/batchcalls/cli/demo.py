"""``demo``: a batch through a real server, a real database file and the simulator, live."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from batchcalls.cli.app import AsJson, app
from batchcalls.cli.display import display_for
from batchcalls.cli.output import write_lines
from batchcalls.cli.render import batch_lines, duration_text, ended_calls
from batchcalls.cli.session import INTERRUPTED, UNREACHABLE, session, tell
from batchcalls.cli.watch import exit_by, watch_batch
from batchcalls.client.resume import Patience
from batchcalls.document import batch_request
from batchcalls.shell.signals import ends_as_interrupts
from batchcalls.v1.batch_calls_service_pb2 import SubmitBatchRequest

_SIMULATOR = {
    "busy_rate": "0.15",
    "no_answer_rate": "0.12",
    "failed_rate": "0.03",
    "rejected_rate": "0.02",
    "invalid_rate": "0.01",
    "voicemail_rate": "0.10",
    "post_dial_delay": "uniform:0.02,0.1",
    "ring_time": "uniform:0.1,0.5",
    "ring_timeout_s": "0.6",
    "talk_time": "lognormal:0.4,0.5",
}
"""People as they are, on a clock that runs a hundred times faster."""

_STOP_TIMEOUT_S = 20.0


@app.command("demo")
def demo(
    *,
    calls: Annotated[
        int, typer.Option(min=1, max=100_000, help="How many phones to call.")
    ] = 1_000,
    concurrency: Annotated[
        int, typer.Option(min=1, max=1_000, help="How many calls may be up at once.")
    ] = 100,
    as_json: AsJson = False,
) -> None:
    """Call simulated phones through a real server and watch it."""
    tell(f"starting a server, a database and the simulator; calling {calls:,} phones,")
    tell(f"at most {concurrency:,} at once, up to 3 attempts each")
    with _telling_what_is_gone(), tempfile.TemporaryDirectory(prefix="batchcalls-demo-") as folder:
        began = time.monotonic()
        with _server(Path(folder), concurrency) as address, session(address) as connection:
            batch_id = connection.submit(_request(calls, concurrency)).batch.batch_id
            seen = watch_batch(
                connection,
                batch_id,
                display=display_for(as_json=as_json),
                patience=Patience(limit_s=10.0),
            )
            took_s = time.monotonic() - began
            if not as_json:
                write_lines(batch_lines(seen.batch, seen.tally))
                ended = ended_calls(seen.batch)
                write_lines([f"{ended:,} of {calls:,} calls final in {duration_text(took_s)}"])
        exit_by(seen.batch)


@contextmanager
def _telling_what_is_gone() -> Iterator[None]:
    """Say to whoever interrupts the demo, by whatever signal, that nothing of it goes on."""
    try:
        with ends_as_interrupts():
            yield
    except (KeyboardInterrupt, typer.Exit) as ended:
        if isinstance(ended, typer.Exit) and ended.exit_code != INTERRUPTED:
            raise
        tell("interrupted: the demo's server has ended, and its batch and database are gone")
        raise typer.Exit(INTERRUPTED) from None


def _request(calls: int, concurrency: int) -> SubmitBatchRequest:
    return batch_request(
        {
            "display_name": "demo",
            "concurrency": concurrency,
            "retry_config": {
                "max_attempts": 3,
                "delay": 0.8,
                "backoff_multiplier": 1.5,
                "jitter": 0.2,
                "retry_on": ["busy", "no_answer", "failed"],
            },
            "call_defaults": {
                "voice_id": "voice_female_1",
                "script": {"text": "Hello {{name}}, this is the demo of Batch Calls."},
            },
            "calls": [
                {"phone_number": f"+1999{index:07d}", "variables": {"name": f"number {index + 1}"}}
                for index in range(calls)
            ],
        }
    )


@contextmanager
def _server(folder: Path, concurrency: int) -> Iterator[str]:
    """A server of its own, in a folder that goes away; yields its address."""
    command = [sys.executable, "-m", "batchcalls", "serve", "--listen", "127.0.0.1:0"]
    command += ["--database", f"sqlite:///{folder / 'demo.db'}", "--drain-timeout", "1"]
    command += ["--max-concurrent-calls", str(concurrency), "--carrier", "simulator"]
    for name, value in _SIMULATOR.items():
        command += ["--carrier-option", f"{name}={value}"]
    with (folder / "server.log").open("w+") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        try:
            yield _address(process, folder / "server.log")
            process.terminate()
        except BaseException:
            process.kill()  # its folder goes away with it, so there is nothing to save
            raise
        finally:
            process.wait(_STOP_TIMEOUT_S)


def _address(process: subprocess.Popen[str], log: Path) -> str:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line.startswith("listening on "):
        tell("the server didn't start; it said:")
        for said in log.read_text().splitlines():
            tell(f"  {said}")
        raise typer.Exit(UNREACHABLE)
    return line.removeprefix("listening on ").strip()
