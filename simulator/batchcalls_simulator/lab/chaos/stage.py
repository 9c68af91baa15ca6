"""The stage: the dialing server and its carrier, both real, and what is done to them.

Both keep their ports over all their lives, so that whoever lost them finds them again. The stage
keeps what the carriers logged and what the servers' witness told; users are not its matter.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import trio

from batchcalls_simulator.cdr_reader import CallDetails
from batchcalls_simulator.lab.chaos import witness
from batchcalls_simulator.lab.chaos.evidence import (
    CarrierLife,
    Launch,
    read_dials,
    read_launches,
    sqlite_url,
)
from batchcalls_simulator.lab.chaos.processes import CAN_FILL_DISKS, Processes, Victim
from batchcalls_simulator.lab.chaos.scenario import Fault, Limits, Scenario, Trouble

_ANY_PORT: Final = "127.0.0.1:0"

_IDLE_S: Final = 2.0
"""How long a fault waits for a server that doesn't dial; it may have nothing to do."""


@dataclass(slots=True)
class _Carrier:
    victim: Victim
    log: Path


class Stage:
    """The server and its carrier, and what is done to them.

    ``address`` is the server's, ``database`` its file. ``mishaps`` are what happened that nobody
    did.
    """

    def __init__(
        self, scenario: Scenario, folder: Path, processes: Processes, nursery: trio.Nursery
    ) -> None:
        self.address = _ANY_PORT
        self.database = folder / "batchcalls.db"
        self.mishaps: list[str] = []
        self._scenario = scenario
        self._folder = folder
        self._processes = processes
        self._nursery = nursery
        self._server: Victim | None = None
        self._carrier: _Carrier | None = None
        self._carrier_address = _ANY_PORT
        self._lives: list[CarrierLife] = []
        self._launches = bytearray()
        self._dialed = trio.lowlevel.ParkingLot()

    def __repr__(self) -> str:
        return f"<Stage {self._server!r} {self._carrier!r} {self.dials} dials>"

    @property
    def dials(self) -> int:
        """How many dials have left a server so far."""
        return self._launches.count(b"\n")

    async def open(self) -> None:
        """Start the carrier and the first server."""
        witness.register(self._folder / "plugins")
        await self._start_carrier()
        await self._start_server()

    async def close(self) -> None:
        """End both in order."""
        code = await self._running_server().terminate()
        if code != 0:
            self.mishaps.append(f"the server ended with {code} when it was asked to")
        await self._kill_carrier()

    def call_details(self) -> CallDetails:
        """What all carriers logged, once all have ended."""
        return read_dials(self._lives)

    def launches(self) -> tuple[Launch, ...]:
        """The dials that left the servers."""
        return read_launches(bytes(self._launches).splitlines())

    async def suffer(self, fault: Fault) -> None:
        """Let one fault happen, and have a server and a carrier that run behind it."""
        await self._wait_for_dials()
        await trio.sleep(fault.after_s)
        if fault.trouble is Trouble.STARTING:
            await self._kill_server()
            self._server = await self._spawn_server()
            await trio.sleep(fault.after_s)
        await self._begin(fault.trouble)
        await trio.sleep(fault.trouble_s)
        if fault.healed_first:
            await self._end(fault.trouble)
            await trio.sleep(fault.trouble_s)
        await self._kill_server()
        self._server = await self._spawn_server()
        if not fault.healed_first:
            await trio.sleep(fault.trouble_s)
            await self._end(fault.trouble)
        await self._server.listens()

    async def _wait_for_dials(self) -> None:
        """Wait until the server dials, if it has anything to dial: faults are for the busy."""
        dials = self.dials
        with trio.move_on_after(_IDLE_S):
            while self.dials == dials:
                await self._dialed.park()

    async def _begin(self, trouble: Trouble) -> None:
        match trouble:
            case Trouble.CARRIER_DIES:
                await self._kill_carrier()
            case Trouble.CARRIER_FREEZES:
                self._running_carrier().victim.freeze()
            case Trouble.DISK_FULL if CAN_FILL_DISKS:
                self._running_server().fill_disk()
            case _:
                pass

    async def _end(self, trouble: Trouble) -> None:
        """End a trouble; a new server has a free disk from the beginning."""
        match trouble:
            case Trouble.CARRIER_DIES:
                await self._start_carrier()
            case Trouble.CARRIER_FREEZES:
                self._running_carrier().victim.thaw()
            case Trouble.DISK_FULL if CAN_FILL_DISKS:
                self._running_server().free_disk()
            case _:
                pass

    # The carrier

    def _running_carrier(self) -> _Carrier:
        assert self._carrier is not None, "a carrier runs"
        return self._carrier

    async def _start_carrier(self) -> None:
        log = self._folder / f"cdr-{len(self._lives) + 1}.jsonl"
        command = [sys.executable, "-m", "batchcalls_simulator", "serve"]
        command += ["--listen", self._carrier_address, "--cdr", str(log)]
        for name, value in self._scenario.simulator.items():
            command += ["--option", f"{name}={value}"]
        errors = self._folder / "carrier.log"
        victim = await self._processes.start("carrier", command, log=errors)
        await victim.listens()
        self._carrier_address = victim.address
        self._carrier = _Carrier(victim, log)

    async def _kill_carrier(self) -> None:
        carrier = self._running_carrier()
        self._note_if_ended(carrier.victim)
        await carrier.victim.kill()
        self._lives.append(CarrierLife(log=carrier.log, died_s=time.monotonic()))
        self._carrier = None

    # The server

    def _running_server(self) -> Victim:
        assert self._server is not None, "a server runs"
        return self._server

    async def _start_server(self) -> None:
        self._server = await self._spawn_server()
        await self._server.listens()
        self.address = self._server.address

    async def _spawn_server(self) -> Victim:
        reading, writing = os.pipe()
        self._nursery.start_soon(self._collect_launches, reading)
        try:
            return await self._processes.start(
                "server",
                self._server_command(writing),
                log=self._folder / "server.log",
                variables=self._variables(),
                keep_open=[writing],
            )
        finally:
            os.close(writing)

    async def _collect_launches(self, reading: int) -> None:
        """Take in what a server's witness tells, up to its last word."""
        told = b""
        async with trio.lowlevel.FdStream(reading) as stream:
            async for chunk in stream:
                *lines, told = (told + chunk).split(b"\n")
                self._launches += b"".join(line + b"\n" for line in lines)
                self._dialed.unpark_all()

    async def _kill_server(self) -> None:
        server = self._running_server()
        self._note_if_ended(server)
        await server.kill()

    def _note_if_ended(self, victim: Victim) -> None:
        if victim.exit_code is not None:
            self.mishaps.append(f"the {victim.name} ended by itself with {victim.exit_code}")

    def _variables(self) -> Mapping[str, str]:
        """Where the server finds the witness."""
        path = [str(self._folder / "plugins"), os.environ.get("PYTHONPATH", "")]
        return {"PYTHONPATH": os.pathsep.join(filter(None, path))}

    def _server_command(self, writing: int) -> list[str]:
        limits: Limits = self._scenario.limits
        options = {
            "address": self._carrier_address,
            "number_policy": "shape",
            "ring_timeout_s": "0.2",
            "connect_timeout_s": "0.5",
            "max_concurrent_calls": str(limits.carrier_calls),
            "calls_per_second": str(limits.carrier_rate),
            witness.PIPE_OPTION: str(writing),
            witness.DATABASE_OPTION: str(self.database),
        }
        command = [sys.executable, "-m", "batchcalls", "serve", "--listen", self.address]
        command += ["--database", sqlite_url(self.database), "--drain-timeout", "1"]
        command += ["--max-concurrent-calls", str(limits.server_calls)]
        command += ["--max-calls-per-second", str(limits.server_rate)]
        command += ["--carrier", witness.NAME]
        for name, value in options.items():
            command += ["--carrier-option", f"{name}={value}"]
        return command
