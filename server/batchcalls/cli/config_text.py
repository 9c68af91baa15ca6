"""The settings of a server as the TOML that ``--config`` takes, without what must stay secret."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Final

from batchcalls.config import Settings, without_password

HIDDEN: Final = "…"

_SECRET = re.compile(r"pass|secret|credential|token|key|auth", re.IGNORECASE)


def config_lines(settings: Settings) -> Iterator[str]:
    """One line a setting, tables last; what isn't set is left out."""
    table = settings.model_dump()
    if settings.carriers:
        table["carrier"] = settings.default_carrier  # without tables, it is a kind instead
    yield from _table_lines(table, ())


def _table_lines(
    table: Mapping[str, object], path: tuple[str, ...], *, hidden: bool = False
) -> Iterator[str]:
    for name, value in table.items():
        if value is not None and not isinstance(value, Mapping):
            shown = HIDDEN if hidden or _SECRET.search(name) else value
            yield f"{_key(name)} = {_value(shown)}"
    for name, value in table.items():
        if isinstance(value, Mapping) and value:
            yield ""
            yield f"[{'.'.join(map(_key, (*path, name)))}]"
            # A carrier may have any name; what is in a table of secrets is secret.
            secret = path != ("carriers",) and bool(_SECRET.search(name))
            yield from _table_lines(value, (*path, name), hidden=hidden or secret)


def _key(name: str) -> str:
    return name if re.fullmatch(r"[\w-]+", name, re.ASCII) else json.dumps(name)


def _value(value: object) -> str:
    """A value as TOML has it: for texts, numbers, booleans and their lists that is JSON."""
    if isinstance(value, str):
        value = without_password(value)
    return json.dumps(value, ensure_ascii=False, default=str)
