"""The simulated worlds would find what they are there to find.

Each promise of the checker was seen to fail on code that breaks it. Three mutations are tried
in every run; ``make mutations`` tries them all.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from tests.mutations.mutant import copy_with, fits, simulate
from tests.mutations.mutations import MUTATIONS, Mutation

QUICK = {
    "the intent is written after the dial",
    "a slot isn't given back when a call is hung up",
    "when a retry is due isn't durable",
}
CHOSEN = [one for one in MUTATIONS if one.name in QUICK or os.environ.get("MUTATIONS") == "all"]


def test_every_mutation_has_a_name_of_its_own() -> None:
    """Two bugs of one name would be one line in a report."""
    assert len({mutation.name for mutation in MUTATIONS}) == len(MUTATIONS)
    assert {mutation.name for mutation in MUTATIONS} > QUICK


@pytest.mark.parametrize("mutation", MUTATIONS, ids=[mutation.name for mutation in MUTATIONS])
def test_a_mutation_fits_the_code(mutation: Mutation) -> None:
    """When the line that it changes has changed, the mutation is to be renewed."""
    assert fits(mutation)


@pytest.mark.parametrize("mutation", CHOSEN, ids=[mutation.name for mutation in CHOSEN])
def test_a_bug_is_found(mutation: Mutation, tmp_path: Path) -> None:
    """A world with this bug breaks a promise, and the report says which and how to replay it."""
    copy_with(mutation, tmp_path)
    run = simulate(mutation, tmp_path)
    assert run.returncode == 1, f"not found in {mutation.seeds} worlds: {run.stderr}"
    report = run.stdout.splitlines()[0]
    assert report.startswith("batchcalls-simulator simulate --seed ")
    assert re.search(mutation.broken, report), report
