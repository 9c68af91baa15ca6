"""The settings as ``serve --print-config`` prints them."""

from __future__ import annotations

import tomllib
from typing import Any

from batchcalls.cli.config_text import config_lines
from batchcalls.config import Settings


def printed(**given: Any) -> dict[str, Any]:
    return tomllib.loads("\n".join(config_lines(Settings.load(None, given))))


def test_what_is_printed_is_a_configuration() -> None:
    """Read as a file, it is the same settings."""
    options = {"talk_time": 'lognormal:"45",0.6\n', "seed": 3, "deep": {"a b": [1.5, True]}}
    settings = Settings.load(None, {"listen": "[::1]:5", "carrier_options": options})
    again = Settings.load(None, tomllib.loads("\n".join(config_lines(settings))))
    assert again.model_dump() == settings.model_dump()


def test_carriers_with_tables_are_printed_as_such() -> None:
    """With the default one named, as nobody had to name it."""
    spare = {"kind": "grpc", "calls_per_second": 2.5, "options": {"address": "a:1"}}
    given = {"carriers": {"main": {"kind": "simulator"}, "spare": spare}}
    found = printed(**given)
    assert found["carrier"] == "main"
    assert found["carriers"] == given["carriers"] | {"main": {"kind": "simulator"}}
    assert Settings.load(None, found).named_carriers == Settings.load(None, given).named_carriers


def test_every_setting_that_is_set_is_printed() -> None:
    """Defaults too: that is what one wants to know."""
    unset = {name for name, value in Settings.load(None, {}).model_dump().items() if not value}
    assert set(printed()) >= set(Settings.model_fields) - unset


def test_secrets_are_hidden() -> None:
    """What is printed gets into tickets and chats."""
    found = printed(
        database="postgresql://joe:hidden@host/calls",
        carrier_options={"auth_token": "hidden", "nested": {"api_key": "hidden"}},
    )
    assert "hidden" not in str(found)
    assert found["database"] == "postgresql://joe:…@host/calls"


def test_a_table_of_secrets_is_secret() -> None:
    """Whatever the names in it; a carrier may be called after a key and is none."""
    options = {"address": "a:1", "credentials": {"user": "joe", "word": "hidden"}}
    carrier = {"kind": "grpc", "options": options}
    found = printed(carriers={"monkey": carrier})
    assert "hidden" not in str(found)
    assert found["carriers"]["monkey"]["options"]["address"] == "a:1"
