"""How hard to measure, and where a benchmark may leave what it makes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """``quick`` proves that a benchmark works; its figures are for nobody.

    ``folder`` is for databases and the like and goes away.
    """

    quick: bool
    folder: Path

    def pick(self, *, full: T, quick: T) -> T:
        """One of two sizes."""
        return quick if self.quick else full
