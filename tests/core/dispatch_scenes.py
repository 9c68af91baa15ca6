"""How a scene with the dispatcher is set up and played: huge lanes, served call by call."""

from __future__ import annotations

from tests.core.dispatch_setup import LaneSetup, LimitSetup
from tests.core.dispatch_world import World

NO_LIMIT = LimitSetup()


def huge(*, weight: int = 10, carrier: int = 0, calls: int = 600) -> LaneSetup:
    return LaneSetup(
        weight=weight, carrier=carrier, concurrency=calls, priorities=(0,) * calls, window=2_000
    )


def saturated(
    *lanes: LaneSetup, slots: int = 1, carriers: tuple[LimitSetup, ...] = (NO_LIMIT,)
) -> World:
    """A world whose lanes are filled and compete for the server's slots."""
    world = World(server=LimitSetup(slots=slots), carriers=list(carriers), lanes=list(lanes))
    world.turn()
    world.commit()
    world.deliver_reads()
    return world


def serve(world: World, dials: int) -> list[str]:
    """Let that many calls be dialed, each ending at once; return their lanes in order."""
    for _ in range(3 * dials):
        if len(world.dialed) >= dials:
            break
        world.turn()
        world.commit()
        world.turn()
        for dial in list(world.up):
            world.complete(dial)
    return [dial.lane.batch_id for dial in world.dialed[:dials]]


def dial_all(world: World) -> None:
    """Bring everything that may be up, up."""
    for _ in range(3):
        world.turn()
        world.commit()
        world.deliver_reads()
    world.turn()
