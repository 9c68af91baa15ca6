"""Carriers as processes of their own, that a test may kill, stop and start again."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

WAIT_S = 60
"""Longer than anything here takes; whoever waits for it finds a test that hangs."""

SIMULATOR = (sys.executable, "-m", "batchcalls_simulator", "serve")
FAKE_CARRIER = (sys.executable, str(Path(__file__).with_name("fake_carrier.py")))

QUICK: Mapping[str, str] = {
    "busy_rate": "0",
    "no_answer_rate": "0",
    "failed_rate": "0",
    "rejected_rate": "0",
    "invalid_rate": "0",
    "voicemail_rate": "0",
    "post_dial_delay": "0.01",
    "ring_time": "0.01",
    "talk_time": "0.02",
}
"""Options of a simulator in which everybody answers at once and soon hangs up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CarrierProcess:
    """A carrier that runs."""

    process: subprocess.Popen[str]
    address: str

    @property
    def port(self) -> str:
        return self.address.rpartition(":")[2]

    def kill(self) -> None:
        """End it as a crash does."""
        self.process.kill()
        self.process.wait(WAIT_S)

    def terminate(self) -> int:
        """End it in order; its exit code."""
        self.process.terminate()
        return self.process.wait(WAIT_S)

    def freeze(self) -> None:
        """Let it answer nothing until it thaws."""
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.process.send_signal(signal.SIGCONT)


@contextmanager
def running_simulator(
    *, cdr: Path | None = None, port: str = "0", **options: str
) -> Iterator[CarrierProcess]:
    """A simulator for as long as the block lasts; ``options`` are added to ``QUICK``."""
    command = [*SIMULATOR, "--listen", f"127.0.0.1:{port}"]
    for name, value in {**QUICK, **options}.items():
        command += ["--option", f"{name}={value}"]
    if cdr is not None:
        command += ["--cdr", str(cdr)]
    with running_carrier(*command) as carrier:
        yield carrier


@contextmanager
def running_carrier(*command: str) -> Iterator[CarrierProcess]:
    """The carrier that ``command`` serves; it says ``listening on`` its address first."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None, "its output is a pipe"
            said, _, address = process.stdout.readline().strip().rpartition(" ")
            assert said == "listening on"
            yield CarrierProcess(process=process, address=address)
        finally:
            process.kill()
