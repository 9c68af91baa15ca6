"""A real server as a process of its own, with its own database and the simulator."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import grpc

from batchcalls.client.channel import CHANNEL_OPTIONS
from batchcalls.v1 import batch_calls_service_pb2 as messages
from batchcalls.v1.batch_calls_service_pb2_grpc import BatchCallsServiceStub
from batchcalls.v1.batch_pb2 import Batch

_STOP_TIMEOUT_S: Final = 20.0
_MIB: Final = 1024.0
"""In the kibibytes of ``/proc``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerProcess:
    """A running server; ``started_at`` (seconds since the epoch) is when it was launched."""

    address: str
    pid: int
    stub: BatchCallsServiceStub
    started_at: float
    listening_s: float

    def resident_mib(self) -> float:
        """The memory that it has now."""
        return self._status("VmRSS") / _MIB

    def peak_resident_mib(self) -> float:
        """The most memory that it ever had."""
        return self._status("VmHWM") / _MIB

    def forget_peak(self) -> None:
        """Let the peak begin anew."""
        Path(f"/proc/{self.pid}/clear_refs").write_text("5", encoding="ascii")

    def cpu_s(self) -> float:
        """The processor time that it has used, all threads together."""
        stat = Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii")
        after_name = stat.rpartition(")")[2].split()
        return (int(after_name[11]) + int(after_name[12])) / os.sysconf("SC_CLK_TCK")

    def batch(self, batch_id: str) -> Batch:
        """A batch as it is now."""
        return self.stub.GetBatch(messages.GetBatchRequest(batch_id=batch_id)).batch

    def run(self, request: messages.SubmitBatchRequest) -> Batch:
        """Submit a batch, watch it, and return it as it ended."""
        return self.followed(self.stub.SubmitBatch(request).batch.batch_id)

    def followed(self, batch_id: str) -> Batch:
        """Watch a batch to its end."""
        batch = Batch()
        for answer in self.stub.WatchBatch(messages.WatchBatchRequest(batch_id=batch_id)):
            batch = answer.batch
        return batch

    def _status(self, name: str) -> int:
        lines = Path(f"/proc/{self.pid}/status").read_text(encoding="utf-8").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


@contextmanager
def running_server(
    database: Path, people: Mapping[str, str], *options: str
) -> Iterator[ServerProcess]:
    """A server for as long as the block lasts. It ends without waiting for calls.

    ``options`` are more of its command line.
    """
    command = [sys.executable, "-m", "batchcalls", "serve", "--listen", "127.0.0.1:0"]
    command += ["--database", f"sqlite:///{database}", "--drain-timeout", "0", *options]
    for name, value in people.items():
        command += ["--carrier-option", f"{name}={value}"]
    log = database.with_suffix(".log")
    with log.open("w", encoding="utf-8") as errors:
        started_at = time.time()
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True)
    try:
        address = _address(process, log)
        listening_s = time.time() - started_at
        with grpc.insecure_channel(address, options=CHANNEL_OPTIONS) as channel:
            yield ServerProcess(
                address=address,
                pid=process.pid,
                stub=BatchCallsServiceStub(channel),
                started_at=started_at,
                listening_s=listening_s,
            )
    finally:
        _stop(process)


def seconds(batch: Batch) -> float:
    """From the creation of a batch to its end, by the server's own clock."""
    return (batch.end_time.ToMicroseconds() - batch.create_time.ToMicroseconds()) / 1e6


def _address(process: subprocess.Popen[str], log: Path) -> str:
    assert process.stdout is not None, "its output is a pipe"
    line = process.stdout.readline()
    if not line.startswith("listening on "):
        raise RuntimeError(f"the server didn't start: {log.read_text(encoding='utf-8')[-500:]}")
    return line.removeprefix("listening on ").strip()


def _stop(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    assert process.stdout is not None, "its output is a pipe"
    process.stdout.close()
