"""Readers are drawn by swarm, and change nothing of the rest of the world."""

from __future__ import annotations

from batchcalls_simulator.lab.readings import draw_readings
from batchcalls_simulator.lab.scenario import draw_scenario

MANY = [one for seed in range(200) for one in draw_readings(seed, ["batch_a"], 600.0)]


def test_every_way_to_read_is_drawn() -> None:
    """Streams and pollers, from the start and from the middle, awake and asleep, picky or not."""
    kinds = {
        (one.polls, one.after > 0, one.stall_rate > 0, one.break_rate > 0, bool(one.types))
        for one in MANY
    }
    assert len(kinds) == 2**5
    assert {one.limit for one in MANY} == {1, 7, 512}


def test_some_batches_have_no_reader() -> None:
    """A world whose batches are all watched would hide what happens without."""
    unread = sum(not draw_readings(seed, ["batch_a"], 600.0) for seed in range(200))
    assert 70 < unread < 130


def test_a_world_has_readers_of_its_own_batches() -> None:
    """They are part of the scenario that a seed decides."""
    for seed in range(20):
        scenario = draw_scenario(seed)
        assert {one.batch_id for one in scenario.readings} <= scenario.batches.keys()
