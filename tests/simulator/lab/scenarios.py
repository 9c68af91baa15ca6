"""Small scenarios that tests write themselves."""

from __future__ import annotations

from dataclasses import replace

from batchcalls.core.model import BatchSettings, BatchSpec, CallSpec, RetryConfig, Script
from batchcalls.engine.admission import EngineLimits
from batchcalls_simulator.distributions import Fixed
from batchcalls_simulator.lab.faults import NO_FAULTS, Faults
from batchcalls_simulator.lab.readings import Reading
from batchcalls_simulator.lab.scenario import Scenario, Verb, Wish
from batchcalls_simulator.options import SimulatorOptions

COMPLETES, BUSY = "+15550100000", "+15550100001"
PHONES = SimulatorOptions(
    post_dial_delay=Fixed(time_s=1), ring_time=Fixed(time_s=5), talk_time=Fixed(time_s=60)
)

ONCE = RetryConfig()


def scenario(
    *,
    faults: Faults = NO_FAULTS,
    phones: SimulatorOptions = PHONES,
    number: str = COMPLETES,
    calls: int = 6,
    concurrency: int = 2,
    retry: RetryConfig = ONCE,
    wishes: tuple[Wish, ...] = (),
    readings: tuple[Reading, ...] = (),
) -> Scenario:
    """One batch, submitted at once."""
    spec = BatchSpec(
        batch_id="batch_a",
        carrier="simulator",
        settings=BatchSettings(concurrency=concurrency, retry=retry),
    )
    people = [CallSpec(phone_number=number, script=Script(text="Hello"))] * calls
    submit = Wish(at_s=0.0, verb=Verb.SUBMIT, batch_id="batch_a")
    return Scenario(
        seed=1,
        faults=faults,
        limits=EngineLimits(max_concurrent_calls=10),
        carriers={"simulator": phones},
        calm_carriers={"simulator": replace(phones, outages=(), trunk_capacity=0)},
        batches={"batch_a": (spec, tuple(people))},
        wishes=(submit, *wishes),
        readings=readings,
    )
