"""Who asks."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Caller:
    """The one on whose behalf a use case runs; a door says who it is. Every use case takes one.

    ``tenant`` owns what the caller makes and sees. There is one, while nobody has keys.
    """

    tenant: str = "default"
