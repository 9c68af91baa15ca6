"""Real servers, each a process of its own: started, talked to, killed.

Every server takes free ports and keeps its database and its log in a folder of the test. Whoever
waits here waits for something to be seen, with ``WAIT_S`` as the mark of a test that hangs.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.request import urlopen

import grpc

from batchcalls.client.channel import CHANNEL_OPTIONS
from batchcalls.v1.batch_calls_service_pb2_grpc import BatchCallsServiceStub

WAIT_S = 60.0
BATCHCALLS = (sys.executable, "-m", "batchcalls")

CERTAIN: Mapping[str, str] = {
    "busy_rate": "0",
    "no_answer_rate": "0",
    "failed_rate": "0",
    "rejected_rate": "0",
    "invalid_rate": "0",
    "voicemail_rate": "0",
    "post_dial_delay": "0",
    "ring_time": "0",
    "ring_timeout_s": "0.05",
    "talk_time": "0.02",
}
"""Options of a simulator in which everybody answers at once and soon hangs up."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a process ended."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.err.splitlines()


@dataclass(slots=True, kw_only=True)
class Server:
    """A server that runs."""

    process: subprocess.Popen[str]
    address: str
    metrics_url: str
    log: Path

    @property
    def port(self) -> str:
        return self.address.rpartition(":")[2]

    def kill(self) -> None:
        """End it as a crash does."""
        self.process.kill()
        self.process.wait(WAIT_S)

    def terminate(self) -> None:
        """Ask it to drain."""
        self.process.send_signal(signal.SIGTERM)

    def wait(self) -> int:
        """The exit code, once it has ended."""
        return self.process.wait(WAIT_S)

    def metrics(self) -> str:
        with urlopen(self.metrics_url, timeout=WAIT_S) as answer:
            text: str = answer.read().decode()
        return text

    def metric(self, series: str) -> float:
        """The value of one series, spelled as in the answer; 0 if it isn't there."""
        found = re.search(rf"^{re.escape(series)} (\S+)$", self.metrics(), re.MULTILINE)
        return float(found[1]) if found else 0.0

    def memory_mib(self, *, peak: bool = False) -> float:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(rf"{'VmHWM' if peak else 'VmRSS'}:\s+(\d+) kB", status)
        assert found, "the process is alive"
        return int(found[1]) / 1024

    def run(self, *arguments: str, stdin: str = "") -> Ended:
        """Run ``batchcalls`` against this server."""
        return run(*arguments, stdin=stdin, BATCHCALLS_ADDRESS=self.address)

    @contextmanager
    def stub(self) -> Iterator[BatchCallsServiceStub]:
        """The plain stub, for tests that have no loop."""
        with grpc.insecure_channel(self.address, options=CHANNEL_OPTIONS) as channel:
            yield BatchCallsServiceStub(channel)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a server lives, so that it can be started there again and again."""

    folder: Path
    carrier: Mapping[str, str] = field(default_factory=dict)
    settings: str = ""
    listen: str = "127.0.0.1:0"

    @property
    def command(self) -> list[str]:
        config = self.folder / "batchcalls.toml"
        options = {**CERTAIN, **self.carrier}
        table = "".join(f'{name} = "{value}"\n' for name, value in options.items())
        config.write_text(f"{self.settings}\n[carrier_options]\n{table}")
        database = f"sqlite:///{self.folder / 'batchcalls.db'}"
        return [
            *(*BATCHCALLS, "serve", "--config", str(config), "--listen", self.listen),
            *("--metrics-listen", "127.0.0.1:0", "--database", database),
        ]


@contextmanager
def running_server(place: Place) -> Iterator[Server]:
    """A server for as long as the block lasts; what still runs then is killed."""
    log = place.folder / "server.log"
    with (
        log.open("a") as errors,
        subprocess.Popen(
            place.command, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment()
        ) as process,
    ):
        try:
            yield Server(
                process=process,
                address=_said(process, log, "listening on "),
                metrics_url=_said(process, log, "metrics on "),
                log=log,
            )
        finally:
            process.kill()


def run(*arguments: str, stdin: str = "", **variables: str) -> Ended:
    """Run ``batchcalls`` to its end."""
    done = subprocess.run(
        [*BATCHCALLS, *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=WAIT_S,
        check=False,
        env=environment(**variables),
    )
    return Ended(code=done.returncode, out=done.stdout, err=done.stderr)


def environment(**variables: str) -> dict[str, str]:
    """This process's environment without settings of the service, and with ``variables``."""
    ours = {name: value for name, value in os.environ.items() if "BATCHCALLS_" not in name}
    return {**ours, **variables}


def eventually(look: Callable[[], T], *, until: Callable[[T], Any] = bool) -> T:
    """What ``look`` sees as soon as it satisfies ``until``."""
    deadline = time.monotonic() + WAIT_S
    while not until(seen := look()):
        assert time.monotonic() < deadline, f"still {seen!r}"
        time.sleep(0.01)
    return seen


def _said(process: subprocess.Popen[str], log: Path, beginning: str) -> str:
    assert process.stdout is not None, "its output is a pipe"
    line = process.stdout.readline()
    assert line.startswith(beginning), log.read_text()
    return line.removeprefix(beginning).strip()
