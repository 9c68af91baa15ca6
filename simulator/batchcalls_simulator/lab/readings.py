"""Who reads the events of a world's batches, and how: by a stream or page by page.

It only draws; a ``Reader`` does the reading. Readers have a generator of their own, so that
they change nothing of what else happens in the world of a seed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from random import Random

from batchcalls.core.model import EventType
from batchcalls_simulator.lab.faults import draw_rate, perhaps


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What one reader does: from ``begins_s`` on it reads all events of a batch beyond ``after``.

    ``polls``: it asks for pages of ``limit`` events, every so often, instead of a stream.
    ``types``: it wants only these; empty means all. Until the world is calm it falls asleep
    behind a page at ``stall_rate``, and loses its connection at ``break_rate``.
    """

    name: str
    batch_id: str
    begins_s: float = 0.0
    after: int = 0
    polls: bool = False
    limit: int = 512
    types: frozenset[EventType] = frozenset()
    stall_rate: float = 0.0
    break_rate: float = 0.0


def draw_readings(seed: int, batch_ids: Iterable[str], until_s: float) -> tuple[Reading, ...]:
    """The readers of the world of that seed: none of some batches, up to three of others."""
    random = Random(f"readings {seed}")
    return tuple(one for batch_id in batch_ids for one in _readings(random, batch_id, until_s))


def _readings(random: Random, batch_id: str, until_s: float) -> Iterator[Reading]:
    for index in range(perhaps(random, lambda: random.randint(1, 3), 0)):
        yield Reading(
            name=f"reader {index} of {batch_id}",
            batch_id=batch_id,
            begins_s=perhaps(random, lambda: random.uniform(0.0, until_s), 0.0),
            after=perhaps(random, lambda: random.randint(1, 60), 0),
            polls=random.random() < 0.5,
            limit=random.choice([1, 7, 512]),
            types=perhaps(random, lambda: _some(random), frozenset()),
            stall_rate=draw_rate(random),
            break_rate=draw_rate(random),
        )


def _some(random: Random) -> frozenset[EventType]:
    kinds = list(EventType)
    return frozenset(random.sample(kinds, random.randint(1, len(kinds))))
