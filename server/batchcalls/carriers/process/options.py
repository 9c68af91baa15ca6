"""The options of the carrier ``grpc``."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from batchcalls.carriers.base import CarrierLimits, CarrierOptionError, NumberPolicy


class ProcessOptions(BaseModel):
    """Where the carrier's process is, and what its contract allows.

    ``address`` is ``HOST:PORT`` or ``unix:PATH``, required. ``max_concurrent_calls`` and
    ``calls_per_second`` of 0, the default, mean no limit. ``ring_timeout_s`` is more than 0,
    default 30; ``connect_timeout_s``, more than 0, default 5, is how long a dial waits for a
    connection before the carrier counts as down.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    address: str = Field(pattern=r"^(unix:\S+|\S+:\d{1,5})$")
    max_concurrent_calls: int = Field(0, ge=0, le=1_000_000)
    calls_per_second: float = Field(0.0, ge=0.0, le=1_000_000.0)
    ring_timeout_s: float = Field(30.0, gt=0.0, le=3_600.0)
    number_policy: NumberPolicy = NumberPolicy.POSSIBLE
    connect_timeout_s: float = Field(5.0, gt=0.0, le=3_600.0)

    @property
    def limits(self) -> CarrierLimits:
        """What the engine is told of the carrier."""
        return CarrierLimits(
            max_concurrent_calls=self.max_concurrent_calls,
            calls_per_second=self.calls_per_second,
            ring_timeout_s=self.ring_timeout_s,
            number_policy=self.number_policy,
        )


def read_options(values: Mapping[str, object]) -> ProcessOptions:
    """The options that a command line (all text) or a TOML table spells.

    Raises:
      CarrierOptionError: one is missing, unknown, can't be read, or is out of range.
    """
    try:
        return ProcessOptions.model_validate(dict(values))
    except ValidationError as error:
        problems = (f"option {_name(p['loc'])}: {p['msg']}" for p in error.errors())
        raise CarrierOptionError("; ".join(problems)) from None


def _name(location: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in location)
