"""A scenario follows from its seed, and has everything in it that a run is for."""

from __future__ import annotations

from collections import Counter

import pytest

from batchcalls.core.model import Outcome
from batchcalls_simulator.lab.chaos.scenario import Action, Trouble, draw
from batchcalls_simulator.options import read_options

SEEDS = range(20)


def test_a_seed_draws_the_same_scenario_again() -> None:
    """And another one draws another."""
    assert draw(1, kills=50) == draw(1, kills=50)
    assert draw(1, kills=50) != draw(2, kills=50)


@pytest.mark.parametrize("seed", SEEDS)
def test_every_trouble_comes_equally_often(seed: int) -> None:
    """Fifty kills are fifty faults, ten with each trouble."""
    faults = draw(seed, kills=50).faults
    assert Counter(fault.trouble for fault in faults) == dict.fromkeys(Trouble, 10)


@pytest.mark.parametrize("kills", [1, 5, 50])
def test_batches_are_different_and_come_while_there_are_faults(kills: int) -> None:
    """Each has its own request id and phones, and none comes behind the last kill."""
    batches = draw(3, kills=kills).batches
    assert len({batch.request_id for batch in batches}) == len(batches) >= 3
    numbers = [number for batch in batches for number in batch.phone_numbers]
    assert len(set(numbers)) == len(numbers) > 0
    assert all(batch.after_kills < kills for batch in batches)


def test_a_long_run_has_every_kind_of_batch() -> None:
    """Paced and not, steered in every way, retried on unknown and not, sent by two at once."""
    batches = [batch for seed in SEEDS for batch in draw(seed, kills=50).batches]
    assert {step.action for batch in batches for step in batch.steps} == set(Action)
    assert {batch.max_calls_per_second > 0 for batch in batches} == {True, False}
    assert {Outcome.UNKNOWN in batch.retry.retry_on for batch in batches} == {True, False}
    assert {batch.senders for batch in batches} == {1, 2}
    assert {batch.retry.max_attempts for batch in batches} == {1, 2, 3, 4}


def test_a_pause_is_always_followed_by_an_end_of_it() -> None:
    """Else a batch would never be over."""
    for seed in SEEDS:
        for batch in draw(seed, kills=50).batches:
            assert not batch.steps or batch.steps[-1].action is not Action.PAUSE


def test_the_options_are_those_of_a_simulator() -> None:
    """A carrier process takes them all."""
    for seed in SEEDS:
        assert read_options(draw(seed, kills=1).simulator).seed == seed


@pytest.mark.parametrize("kills", [1, 15])
def test_a_server_takes_every_batch(kills: int) -> None:
    """None asks for more at once than the server has, which would be refused."""
    for seed in range(300):
        scenario = draw(seed, kills=kills)
        most = max(batch.concurrency for batch in scenario.batches)
        assert most <= scenario.limits.server_calls, seed
