"""Faults are drawn by swarm: each is missing in about half of the worlds, wild in some."""

from __future__ import annotations

from collections import Counter
from random import Random

from batchcalls_simulator.lab.faults import Faults, Moment, Trouble, draw_faults
from batchcalls_simulator.lab.scenario import draw_scenario

WORLDS = 400
MANY = [draw_faults(Random(seed)) for seed in range(WORLDS)]


def test_each_fault_is_off_in_about_half_of_the_worlds() -> None:
    """A fault that is always on hides what happens without it."""
    on: Counter[str] = Counter()
    for faults in MANY:
        for name in Faults.__dataclass_fields__:
            on[name] += bool(getattr(faults, name))
    shares = {name: on[name] / WORLDS for name in on if name != "calm_at_s"}
    assert all(0.4 < share < 0.6 for share in shares.values()), shares


def test_every_kind_of_death_is_drawn() -> None:
    """Servers die by the clock, at any await, around commits and dials, and in good order."""
    assert {doom.moment for faults in MANY for doom in faults.dooms} == set(Moment)


def test_a_trouble_covers_its_start_and_not_its_end() -> None:
    """Stretches that touch don't overlap."""
    trouble = Trouble(start_s=1.0, end_s=2.0)
    assert [trouble.covers(now) for now in (0.9, 1.0, 1.9, 2.0)] == [False, True, True, False]


def test_a_seed_is_a_scenario() -> None:
    """The same seed gives the same world, another one another."""
    assert draw_scenario(7) == draw_scenario(7)
    assert draw_scenario(7) != draw_scenario(8)


def test_the_calm_world_has_the_same_people() -> None:
    """When the faults end, the trunk is another; who answers and what the engine was told isn't."""
    for seed in range(50):
        scenario = draw_scenario(seed)
        for name, wild in scenario.carriers.items():
            calm = scenario.calm_carriers[name]
            assert (calm.seed, calm.busy_rate, calm.limits) == (
                wild.seed,
                wild.busy_rate,
                wild.limits,
            )
            assert (calm.trunk_capacity, calm.trunk_calls_per_second, calm.outages) == (0, 0, ())
