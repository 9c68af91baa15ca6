"""The settings of a server: from the command line, the environment, a TOML file, in this order.

Environment variables are named ``BATCHCALLS_`` and the setting in capitals; the file holds
the settings by name, each carrier in a table ``[carriers.NAME]``. A server with one carrier needs
no table: ``carrier`` says which it is, ``carrier_options`` how.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Final, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from batchcalls.carriers.base import NumberPolicy
from batchcalls.client.channel import DEFAULT_ADDRESS

ADDRESS_VARIABLE: Final = "BATCHCALLS_ADDRESS"
"""The environment variable by which clients find their server."""

_PREFIX: Final = "BATCHCALLS_"
_HIGHEST_PORT: Final = 65_535
_PASSWORD = re.compile(r"(?<=://)([^:/@]*):[^@/]*@")
_ADDRESS = re.compile(r"(?:\[[^\[\]\s]+\]|[^\[\]:/\s]+):([0-9]{1,5})")

# What Kubernetes sets, unasked, where there is a service named "batchcalls", or "batchcalls-" and
# more. The port of one is a URL: a bare number was meant for us, and is misspelt.
_NEIGHBOR = re.compile(
    r"BATCHCALLS_(\w+_)?(SERVICE_HOST=.*|SERVICE_PORT(_\w+)?=.*|PORT_\d+_\w+=.*|PORT=\w+://.*)",
    re.DOTALL,
)


def is_host_and_port(address: str, *, lowest_port: int = 0) -> bool:
    """Whether ``address`` is ``HOST:PORT``, an IPv6 host in brackets."""
    found = _ADDRESS.fullmatch(address)
    return found is not None and lowest_port <= int(found[1]) <= _HIGHEST_PORT


def _check_host_and_port(address: str) -> str:
    if not is_host_and_port(address):
        raise PydanticCustomError(
            "host_port", "must be HOST:PORT, with a port of at most {most}", {"most": _HIGHEST_PORT}
        )
    return address


def _check_url(url: str) -> str:
    if "://" not in url:
        raise PydanticCustomError("url", "must be a URL, such as sqlite:///batchcalls.db")
    if not url.partition("://")[2].strip("/"):
        raise PydanticCustomError(
            "url",
            "names no file, so nothing would be kept: give a file, sqlite:///batchcalls.db, or"
            " sqlite:///:memory: if that is what you want",
        )
    return url


HostPort = Annotated[str, AfterValidator(_check_host_and_port)]
DatabaseUrl = Annotated[str, AfterValidator(_check_url)]
CarrierName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$")]


class CarrierSettings(BaseModel):
    """One carrier: its ``kind``, as it is registered, its options, and what differs of its limits.

    A limit that isn't given is the carrier's own.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: str = Field(min_length=1)
    options: dict[str, Any] = Field(default_factory=dict)
    max_concurrent_calls: int | None = Field(None, ge=0, le=1_000_000)
    calls_per_second: float | None = Field(None, ge=0.0, le=1_000_000.0)
    ring_timeout_s: float | None = Field(None, gt=0.0, le=3_600.0)
    number_policy: NumberPolicy | None = None

    @property
    def limits(self) -> dict[str, Any]:
        """The limits that are given, by their names in ``CarrierLimits``."""
        return self.model_dump(exclude={"kind", "options"}, exclude_none=True)


class Settings(BaseSettings):
    """What a server needs to know; every field has a default that works."""

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX, extra="forbid", frozen=True, populate_by_name=True
    )

    listen: HostPort = Field(
        DEFAULT_ADDRESS, description="Where RPCs are served; port 0 takes a free one."
    )
    metrics_listen: HostPort | None = Field(
        None, description="Where metrics and health are served over HTTP; nowhere by default."
    )
    database: DatabaseUrl = Field(
        "sqlite:///batchcalls.db", description="The SQLAlchemy URL of the database."
    )
    carrier: str = Field(
        "simulator",
        description="The carrier that places the calls; with tables, the one of batches that name"
        " none, by default the first.",
    )
    carrier_options: dict[str, Any] = Field(
        default_factory=dict, description="Options of the carrier, by name, where it has no table."
    )
    carriers: dict[CarrierName, CarrierSettings] = Field(
        default_factory=dict, description="The carriers, by the names that batches use for them."
    )
    max_concurrent_calls: int = Field(
        1_000, ge=1, le=100_000, description="The most calls up at once, over all batches."
    )
    max_calls_per_second: float = Field(
        0.0,
        ge=0.0,
        le=100_000.0,
        allow_inf_nan=False,
        description="The most dials in any second; 0 is no limit.",
    )
    max_open_batches: int = Field(1_000, ge=1, description="The most batches that aren't final.")
    max_open_calls: int = Field(
        10_000_000, ge=1, description="The most calls that aren't final, over all batches."
    )
    max_submissions_per_second: float = Field(
        0.0,
        ge=0.0,
        allow_inf_nan=False,
        description="The most batches taken in a second; 0 is no limit.",
    )
    max_message_mib: int = Field(64, ge=4, le=1_024, description="The largest request, in MiB.")
    max_call_duration_s: float = Field(
        14_400.0,
        gt=0.0,
        allow_inf_nan=False,
        description="When a call that nobody ends is hung up, in seconds.",
    )
    drain_timeout_s: float = Field(
        30.0,
        ge=0.0,
        allow_inf_nan=False,
        description="How long calls may go on after SIGTERM, in seconds.",
    )

    @model_validator(mode="after")
    def _check_carriers(self) -> Self:
        if self.carriers and self.carrier_options:
            raise PydanticCustomError(
                "carriers", "carrier_options: where carriers have tables, options stand in them"
            )
        if self.default_carrier not in self.named_carriers:
            raise PydanticCustomError(
                "carriers",
                "carrier: there is no table for {carrier}; there are {names}",
                {"carrier": self.carrier, "names": ", ".join(self.carriers)},
            )
        return self

    @property
    def named_carriers(self) -> dict[str, CarrierSettings]:
        """All carriers, by name; the only one has the name of its kind."""
        only = CarrierSettings.model_construct(kind=self.carrier, options=self.carrier_options)
        return self.carriers or {self.carrier: only}

    @property
    def default_carrier(self) -> str:
        """The name of the carrier of batches that name none."""
        is_named = "carrier" in self.model_fields_set or not self.carriers
        return self.carrier if is_named else next(iter(self.carriers))

    @classmethod
    def settings_customise_sources(  # type: ignore[override]  # it is called by keywords
        cls, settings_cls: type[BaseSettings], **sources: PydanticBaseSettingsSource
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What is given comes first, then the environment, then the file."""
        file = TomlConfigSettingsSource(settings_cls)
        return sources["init_settings"], sources["env_settings"], file

    @classmethod
    def load(cls, file: Path | None, given: dict[str, Any]) -> Settings:
        """The settings of a server that was started with ``file`` and ``given``.

        Raises:
          ValidationError: a value is out of range, or a name is unknown.
          SettingsError: an environment variable can't be read, or is unknown.
          OSError, TOMLDecodeError, UnicodeDecodeError: the file can't be read.
        """
        unknown = tuple(unknown_variables(os.environ))
        if unknown:
            raise SettingsError("\n".join(unknown))
        if file is not None:
            file.open("rb").close()  # pydantic-settings passes over a file that isn't there

        class FromFile(cls):  # type: ignore[misc, valid-type]  # mypy takes cls for a variable
            model_config = SettingsConfigDict(toml_file=file)

        settings: Settings = FromFile(**given)
        return settings


def unknown_variables(environment: Mapping[str, str]) -> Iterator[str]:
    """A complaint about each variable that looks like ours and that nothing reads."""
    known = {ADDRESS_VARIABLE.removeprefix(_PREFIX), *map(str.upper, Settings.model_fields)}
    for name, value in sorted(environment.items()):
        word = name.upper().removeprefix(_PREFIX)
        is_neighbor = _NEIGHBOR.fullmatch(f"{name.upper()}={value}")
        ours = name.upper().startswith(_PREFIX) and not is_neighbor
        if ours and word not in known:
            close = get_close_matches(word, known, n=1)
            hint = f"; did you mean {_PREFIX}{close[0]}?" if close else ""
            yield f"{name}: is an unknown variable{hint}"


def without_password(text: str) -> str:
    """The text, with the password hidden in whatever URL it holds."""
    return _PASSWORD.sub(r"\1:…@", text)


def host_and_port(address: str) -> tuple[str, int]:
    """The two parts of ``HOST:PORT``; IPv6 hosts stand in brackets."""
    host, _, port = address.rpartition(":")
    return host.removeprefix("[").removesuffix("]"), int(port)
