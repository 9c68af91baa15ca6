"""Checks a store against the contract in ``batchcalls.store.contract``, from outside only.

It commits, reads, closes and opens again, as the engine does, in one thread or in several. It
can't see whether what was committed outlives a loss of power, nor what a read costs.

Each rule is a function of a factory of stores; the tuples here list them, so that a test
framework can run each as a test of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from batchcalls.testing.store import (
    commits,
    lives,
    lookups,
    pages,
    queue,
    refusals,
    reopening,
    starts,
)
from batchcalls.testing.store.bench import Rule, StoreFactory

__all__ = ["LASTING_RULES", "RULES", "Rule", "StoreFactory", "check_store"]

RULES: Final[tuple[Rule, ...]] = (
    *commits.RULES,
    *lives.RULES,
    *refusals.RULES,
    *queue.RULES,
    *pages.RULES,
    *lookups.RULES,
    *starts.RULES,
)
"""What holds for every store."""

LASTING_RULES: Final[tuple[Rule, ...]] = reopening.RULES
"""What holds besides for a store that keeps anything beyond ``close``."""


def check_store(
    open_store: StoreFactory, *, rules: Sequence[Rule] = (*RULES, *LASTING_RULES)
) -> None:
    """Prove what can be proven of a store from outside; end silently when all is well.

    Args:
      open_store: opens the store of a name: a new and empty one the first time, later what
        was kept under that name. Each name is open once at a time, and closed in the end.
      rules: those to check; a store in memory is held to ``RULES`` alone.

    Raises:
      BrokenContract: the store broke a rule. What else it raises goes through.
    """
    for rule in rules:
        rule(open_store)
