"""A record: a frozen dataclass whose immutability the type checker keeps, not the run time.

At run time ``frozen=True`` makes a new object cost three times as much, and a server makes
some thirty of them for a call (docs/adr/0011). Our own code is type-checked, so nobody changes
a record by mistake; ``dataclasses.replace`` makes changed copies as ever. What strangers get
and give, at the carrier seam, is frozen for good.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True, kw_only_default=True)
def record(cls: type[T]) -> type[T]:
    """Make the class a record: slots, keywords only, equal and hashed by its fields."""
    return dataclass(slots=True, kw_only=True, unsafe_hash=True)(cls)
