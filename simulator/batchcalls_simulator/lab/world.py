"""A world in a box: store, engine, phones and readers in virtual time, with all that fails.

Nothing of the service is replaced: dispatcher, dialer, journal, recovery and SQLite are the
real ones. What a machine would give them is simulated: time (``MockClock``, which jumps to
the next moment at which anything happens), the disk, the phones, and death. Everything is
drawn from one seed, and the same seed gives the same run.

A world has two phases. In the first the faults of its scenario happen. In the second nothing
fails any more, and everything must finish within ``PATIENCE_S`` of virtual time.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

import sqlalchemy
import trio
import trio.testing
from trio._core import _run as scheduler  # there is no public way to seed it
from trio.testing import MockClock

from batchcalls.api.streams import Streams
from batchcalls.clock import Clock
from batchcalls.core.model import Batch
from batchcalls.engine.engine import Engine
from batchcalls.errors import BatchCallsError, Conflict, NotFound, WrongState
from batchcalls.store.sql import sqlite
from batchcalls.store.sql.migrate import migrate
from batchcalls.store.sql.sql_store import SqlStore
from batchcalls.wire.spec import new_call
from batchcalls_simulator.carrier import SimulatorCarrier
from batchcalls_simulator.lab.board import DoomedBoard
from batchcalls_simulator.lab.books import BrokenPromise
from batchcalls_simulator.lab.checker import Checker
from batchcalls_simulator.lab.disk import Disk
from batchcalls_simulator.lab.faults import Doom, Moment
from batchcalls_simulator.lab.phones import Line, PhoneNetwork
from batchcalls_simulator.lab.process import Process, StepCounter
from batchcalls_simulator.lab.reader import Reader
from batchcalls_simulator.lab.scenario import WALL_S, Scenario, Verb, Wish, draw_scenario
from batchcalls_simulator.lab.trio_loop import TrioLoop
from batchcalls_simulator.lab.trio_run import interrupts_alone

PATIENCE_S = 2 * 86_400.0
"""How long the second phase may last. The slowest scenario needs less than half of it."""

_BOARD_SIZE = 32 * 65
"""A small board of the undialed: some worlds fill it."""

_ASK_AGAIN_S = 1.0
_DRAIN_S = 20.0
_LOOK_S = 10.0
_WIND_DOWN_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """What happened in a world; ``log`` is the same in every run of the same seed."""

    seed: int
    calls: int
    dials: int
    crashes: int
    events_read: int
    virtual_s: float
    log: tuple[str, ...]


def play(seed: int) -> Played:
    """Run the world of that seed to its end.

    Raises:
      BrokenPromise: the service broke one; the text says which.
    """
    return play_scenario(draw_scenario(seed))


def play_scenario(scenario: Scenario) -> Played:
    """Run a world that somebody wrote; raises as ``play`` does."""
    with deterministic_scheduling(scenario.seed):
        world = World(scenario)
        try:
            with interrupts_alone():  # nobody broke anything
                trio.run(world.run, clock=MockClock(autojump_threshold=0))
        except BaseExceptionGroup as group:
            raise BrokenPromise(f"the server broke: {_first(group)!r}") from group
        finally:
            world.close()
    if world.checker.broken is not None:
        raise world.checker.broken
    return world.played()


@contextlib.contextmanager
def deterministic_scheduling(seed: int) -> Iterator[None]:
    """Make trio run the tasks that are ready in an order that depends on ``seed`` alone.

    Trio shuffles them on purpose, by a generator of its own, and has no public way to seed it;
    what is set here is what its plug-in for hypothesis sets.
    """
    before = scheduler._ALLOW_DETERMINISTIC_SCHEDULING
    scheduler._ALLOW_DETERMINISTIC_SCHEDULING = True  # type: ignore[misc] # see above
    state = scheduler._r.getstate()
    scheduler._r.seed(seed)
    try:
        yield
    finally:
        scheduler._r.setstate(state)
        scheduler._ALLOW_DETERMINISTIC_SCHEDULING = before  # type: ignore[misc] # see above


def wall_s() -> float:
    """The virtual wall clock: seconds since the Unix epoch."""
    return WALL_S + trio.current_time()


def memory_store() -> tuple[sqlalchemy.Engine, sqlalchemy.Engine]:
    """A migrated database in memory, for any number of stores one after the other."""
    writer, readers = sqlite.engines(sqlalchemy.make_url("sqlite://"))
    migrate(writer)
    return writer, readers


class World:
    """One scenario being played. Use ``play``."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self._engines = memory_store()
        self._store = SqlStore(*self._engines, None)
        self._clock = Clock(wall=wall_s, check_s=math.inf)
        self._scope = trio.CancelScope()
        self._random = Random(f"world {scenario.seed}")
        self.checker = Checker(
            self._store,
            clock=self._clock,
            limits=scenario.limits,
            carriers={name: one.limits for name, one in scenario.carriers.items()},
            stop=self._scope.cancel,
        )
        self._wishes = {
            batch_id: [wish for wish in _by_time(scenario.wishes) if wish.batch_id == batch_id]
            for batch_id in scenario.batches
        }
        self._readers = [
            Reader(
                reading,
                checker=self.checker,
                calm_at_s=scenario.faults.calm_at_s,
                random=Random(f"{reading.name} {scenario.seed}"),
            )
            for reading in scenario.readings
        ]
        self._board = bytearray(_BOARD_SIZE)
        self._networks: list[PhoneNetwork] = []
        self._process: Process | None = None
        self._processes = 0
        self._crashes = 0
        self._ended_s = 0.0

    def __repr__(self) -> str:
        return f"<World of seed {self.scenario.seed}, {self._process!r}, {self.checker!r}>"

    def close(self) -> None:
        """Give up the database."""
        self._store.close()

    def played(self) -> Played:
        """What happened so far."""
        return Played(
            seed=self.scenario.seed,
            calls=self.scenario.total_calls,
            dials=len(self.checker.dials.rings),
            crashes=self._crashes,
            events_read=sum(reader.events for reader in self._readers),
            virtual_s=self._ended_s,
            log=tuple(self.checker.log),
        )

    async def run(self) -> None:
        """Play both phases."""
        async with trio.open_nursery() as nursery:
            with self._scope:
                self._networks = [self._network(name, nursery) for name in self.scenario.carriers]
                nursery.start_soon(self._calm_down)
                with trio.move_on_at(self.scenario.faults.calm_at_s + PATIENCE_S) as deadline:
                    await self._run_servers()
                if deadline.cancelled_caught:
                    self.checker.fail(BrokenPromise(f"not finished in time: {self._stuck()}"))
            self._ended_s = trio.current_time()
            nursery.cancel_scope.cancel()

    def _network(self, name: str, nursery: trio.Nursery) -> PhoneNetwork:
        scenario = self.scenario
        return PhoneNetwork(
            name,
            wild=SimulatorCarrier(scenario.carriers[name], wall_clock=wall_s),
            calm=SimulatorCarrier(scenario.calm_carriers[name], wall_clock=wall_s),
            faults=scenario.faults,
            checker=self.checker,
            nursery=nursery,
            random=Random(f"phones {name} {scenario.seed}"),
        )

    async def _calm_down(self) -> None:
        await trio.sleep_until(self.scenario.faults.calm_at_s)
        if self._process is not None:
            self._process.spare()

    @property
    def _is_calm(self) -> bool:
        return trio.current_time() >= self.scenario.faults.calm_at_s

    def _stuck(self) -> str:
        books = [book for book in self.checker.books.values() if not book.status.final]
        wishes = [wish for wishes in self._wishes.values() for wish in wishes]
        readers = [reader for reader in self._readers if not reader.done]
        return f"{books}, {len(wishes)} wishes open, {readers}"

    # Servers

    async def _run_servers(self) -> None:
        """One server after the other, until all is done."""
        for doom in self.scenario.faults.dooms:
            if self._is_calm or await self._serve(doom):
                break
            await trio.sleep(doom.restart_s)
        if not self._finished():
            await self._serve(None)

    async def _serve(self, doom: Doom | None) -> bool:
        """Run one server to its doom; True if it finished everything."""
        self._processes += 1
        process = self._process = Process(self._processes, doom)
        steps = StepCounter(process, self._spinning)
        trio.lowlevel.add_instrument(steps)
        try:
            with process.scope:
                await self._run_engine(process)
        finally:
            trio.lowlevel.remove_instrument(steps)
        self._crashes += not process.alive
        return self._finished()

    def _spinning(self) -> None:
        self.checker.fail(BrokenPromise(f"the server is busy without end: {self._stuck()}"))

    async def _run_engine(self, process: Process) -> None:
        watcher = self.checker.watcher(process.number)
        lines = {network.name: Line(network, process) for network in self._networks}
        engine = self._engine(process, lines)
        engine.listen(watcher)
        async with trio.open_nursery() as nursery:
            await nursery.start(engine.run)
            nursery.start_soon(self._meet_doom, process, engine)
            streams = Streams(engine, TrioLoop())
            for reader in self._readers:
                nursery.start_soon(reader.read, streams)
            async with trio.open_nursery() as users:
                for wishes in self._wishes.values():
                    users.start_soon(self._ask_in_turn, engine, wishes)
            await self._wait_for_the_end()
            self.checker.settled(engine)
            nursery.cancel_scope.cancel()

    def _engine(self, process: Process, lines: dict[str, Line]) -> Engine:
        store = SqlStore(*self._engines, None)
        disk = Disk(
            store,
            process=process,
            faults=self.scenario.faults,
            checker=self.checker,
            random=self._random,
        )
        return Engine(
            store=store,
            carriers=lines,
            clock=self._clock,
            random=self._random,
            run_sync=disk.run_sync,
            limits=self.scenario.limits,
            undialed=DoomedBoard(self._board, process),
        )

    async def _meet_doom(self, process: Process, engine: Engine) -> None:
        if await process.reach_its_time() is Moment.DRAIN:
            engine.feed.close()
            await engine.drain(_DRAIN_S)
            await engine.flush(_DRAIN_S)
            await engine.close_carriers(_DRAIN_S)
        process.crash()

    def _finished(self) -> bool:
        is_over = not any(self._wishes.values()) and self.checker.all_final()
        return is_over and all(reader.done for reader in self._readers)

    async def _wait_for_the_end(self) -> None:
        while not self._finished():  # noqa: ASYNC110 - to poll costs nothing in virtual time
            await trio.sleep(_LOOK_S)
        # What is on the disk by now may be on its way back to the server as long as this.
        await trio.sleep(_WIND_DOWN_S + 2 * self.scenario.faults.slow_disk_s)

    # Users

    async def _ask_in_turn(self, engine: Engine, wishes: list[Wish]) -> None:
        """What the user of one batch wants, one thing after the other."""
        while wishes:
            await trio.sleep_until(wishes[0].at_s)
            await self._ask(engine, wishes[0])
            del wishes[0]

    async def _ask(self, engine: Engine, wish: Wish) -> None:
        """Ask until there is an answer; that it is too late for it is an answer too."""
        while True:
            try:
                batch = await self._perform(engine, wish)
            except (WrongState, NotFound, Conflict):
                return
            except BatchCallsError:
                await trio.sleep(_ASK_AGAIN_S)
            else:
                self.checker.answered(batch)
                return

    async def _perform(self, engine: Engine, wish: Wish) -> Batch:
        match wish.verb:
            case Verb.SUBMIT:
                spec, calls = self.scenario.batches[wish.batch_id]
                return await engine.submit(spec, [new_call(call) for call in calls])
            case Verb.PAUSE:
                return await engine.pause(wish.batch_id)
            case Verb.RESUME:
                return await engine.resume(wish.batch_id)
            case Verb.CANCEL | Verb.CANCEL_AND_HANG_UP:
                hang_up = wish.verb is Verb.CANCEL_AND_HANG_UP
                return await engine.cancel(wish.batch_id, hang_up=hang_up)


def _by_time(wishes: tuple[Wish, ...]) -> list[Wish]:
    return sorted(wishes, key=lambda wish: wish.at_s)


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """An exception that a group holds, however deep."""
    found: BaseException = group
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    return found
