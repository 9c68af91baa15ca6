"""The settings of a server: where they come from, which wins, and what is refused."""

from __future__ import annotations

import re
from pathlib import Path
from tomllib import TOMLDecodeError
from typing import Any

import pytest
from pydantic import ValidationError
from pydantic_settings import SettingsError

from batchcalls.client.channel import DEFAULT_ADDRESS
from batchcalls.config import Settings, host_and_port


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees the settings of whoever runs it."""
    for name in Settings.model_fields:
        monkeypatch.delenv(f"BATCHCALLS_{name.upper()}", raising=False)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "batchcalls.toml"
    path.write_text(
        "max_concurrent_calls = 7\nmax_message_mib = 8\n"
        '[carrier_options]\nbusy_rate = 0.5\nseed = "3"\n'
    )
    return path


def test_everything_has_a_default_that_works() -> None:
    """A server starts without a file, an environment or an option."""
    settings = Settings.load(None, {})
    assert (settings.listen, settings.metrics_listen) == ("127.0.0.1:50051", None)
    assert (settings.carrier, settings.database) == ("simulator", "sqlite:///batchcalls.db")


@pytest.mark.parametrize("database", ["sqlite://", "sqlite:///", "sqlite+pysqlite://"])
def test_a_database_in_memory_is_asked_for_by_name(database: str) -> None:
    """A URL that was left empty would lose every batch with the process."""
    with pytest.raises(ValidationError, match="nothing would be kept"):
        Settings.load(None, {"database": database})
    named = "sqlite:///:memory:"
    assert Settings.load(None, {"database": named}).database == named


def test_the_command_line_wins_over_the_environment_and_that_over_the_file(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever is nearer to the start of the server decides."""
    assert Settings.load(file, {}).max_concurrent_calls == 7
    monkeypatch.setenv("BATCHCALLS_MAX_CONCURRENT_CALLS", "8")
    assert Settings.load(file, {}).max_concurrent_calls == 8
    assert Settings.load(file, {"max_concurrent_calls": 9}).max_concurrent_calls == 9
    assert Settings.load(file, {"max_concurrent_calls": 9}).max_message_mib == 8


def test_options_of_the_carrier_are_merged_by_name(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An option on the command line leaves the others of the file as they are."""
    monkeypatch.setenv("BATCHCALLS_CARRIER_OPTIONS", '{"ring_time": 2}')
    settings = Settings.load(file, {"carrier_options": {"busy_rate": "0.1"}})
    assert settings.carrier_options == {"busy_rate": "0.1", "ring_time": 2, "seed": "3"}


def test_unknown_names_and_bad_values_are_all_listed(tmp_path: Path) -> None:
    """A typo doesn't pass as a default."""
    file = tmp_path / "bad.toml"
    file.write_text("max_concurent_calls = 7\nmax_message_mib = 2\nlisten = 'here'")
    with pytest.raises(ValidationError) as caught:
        Settings.load(file, {"drain_timeout_s": -1})
    assert {problem["loc"] for problem in caught.value.errors()} == {
        ("max_concurent_calls",),
        ("max_message_mib",),
        ("listen",),
        ("drain_timeout_s",),
    }


@pytest.mark.parametrize("name", ["listen", "metrics_listen"])
@pytest.mark.parametrize(
    "address",
    [
        "",
        ":1",
        "host",
        "host:",
        "host:x",
        "host:65536",
        "host:-1",
        "host:٣",
        "::1:80",
        "http://a:80",
    ],
)
def test_an_address_is_a_host_and_a_port(name: str, address: str) -> None:
    """What no socket could be bound to is refused before anything starts."""
    with pytest.raises(ValidationError, match="must be HOST:PORT"):
        Settings.load(None, {name: address})


@pytest.mark.parametrize(
    ("address", "parts"),
    [("a.b:0", ("a.b", 0)), ("[::1]:65535", ("::1", 65_535)), ("0.0.0.0:80", ("0.0.0.0", 80))],
)
def test_an_address_has_two_parts(address: str, parts: tuple[str, int]) -> None:
    """The port is a number, an IPv6 host stands without its brackets."""
    assert host_and_port(Settings.load(None, {"listen": address}).listen) == parts


def test_a_database_is_a_url() -> None:
    """The name of a file alone is a likely slip; it is told how to write it."""
    with pytest.raises(ValidationError, match="such as sqlite:///"):
        Settings.load(None, {"database": "calls.db"})


def test_a_file_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    """A file that was asked for and isn't there isn't passed over."""
    with pytest.raises(FileNotFoundError):
        Settings.load(tmp_path / "missing.toml", {})
    (tmp_path / "bad.toml").write_text("= 1")
    with pytest.raises(TOMLDecodeError):
        Settings.load(tmp_path / "bad.toml", {})


def test_an_environment_that_cannot_be_read_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A table in the environment is JSON; anything else is refused."""
    monkeypatch.setenv("BATCHCALLS_CARRIER_OPTIONS", "busy_rate=1")
    with pytest.raises(SettingsError, match="carrier_options"):
        Settings.load(None, {})


TABLES = """
[carriers.main]
kind = "grpc"
max_concurrent_calls = 20
number_policy = "valid"
[carriers.main.options]
address = "127.0.0.1:50052"
[carriers.spare]
kind = "simulator"
"""


def with_tables(folder: Path, text: str = "") -> Path:
    path = folder / "carriers.toml"
    path.write_text(text + TABLES)
    return path


def test_a_single_carrier_needs_no_table() -> None:
    """It goes by the name of its kind."""
    settings = Settings.load(None, {"carrier": "grpc", "carrier_options": {"address": "a:1"}})
    (only,) = settings.named_carriers.items()
    assert only[0] == settings.default_carrier == "grpc"
    assert (only[1].kind, only[1].options, only[1].limits) == ("grpc", {"address": "a:1"}, {})


def test_carriers_have_tables_of_their_own(tmp_path: Path) -> None:
    """Each has its kind, its options and what differs of its limits; the first is the default."""
    settings = Settings.load(with_tables(tmp_path), {})
    assert list(settings.named_carriers) == ["main", "spare"]
    main = settings.named_carriers["main"]
    assert (main.kind, main.options) == ("grpc", {"address": "127.0.0.1:50052"})
    assert main.limits == {"max_concurrent_calls": 20, "number_policy": "valid"}
    assert settings.default_carrier == "main"


def test_the_default_carrier_may_be_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the file, in the environment or on the command line."""
    assert Settings.load(with_tables(tmp_path, 'carrier = "spare"'), {}).default_carrier == "spare"
    monkeypatch.setenv("BATCHCALLS_CARRIER", "spare")
    assert Settings.load(with_tables(tmp_path), {}).default_carrier == "spare"
    assert Settings.load(with_tables(tmp_path), {"carrier": "main"}).default_carrier == "main"


@pytest.mark.parametrize(
    ("text", "given", "problem"),
    [
        ('carrier = "pigeon"', {}, "carrier: there is no table for pigeon; there are main, spare"),
        ("", {"carrier_options": {"seed": "1"}}, "carrier_options: where carriers have tables"),
        ("[carriers.x]\n", {}, "carriers.x.kind\n  Field required"),
        ('[carriers.x]\nkind = ""\n', {}, "carriers.x.kind\n"),
        ('[carriers.x]\nkind = "grpc"\naddress = "a:1"\n', {}, "carriers.x.address\n  Extra"),
        ('[carriers.x]\nkind = "grpc"\nring_timeout_s = 0\n', {}, "carriers.x.ring_timeout_s\n"),
        ('[carriers."a b"]\nkind = "grpc"\n', {}, "carriers.a b"),
    ],
)
def test_a_bad_table_is_named(
    tmp_path: Path, text: str, given: dict[str, Any], problem: str
) -> None:
    """A server doesn't start with a carrier other than the one that was meant."""
    with pytest.raises(ValidationError, match=re.escape(problem)):
        Settings.load(with_tables(tmp_path, text), given)


@pytest.mark.parametrize(
    "name",
    [
        "max_calls_per_second",
        "max_submissions_per_second",
        "max_call_duration_s",
        "drain_timeout_s",
    ],
)
@pytest.mark.parametrize("value", ["nan", "inf"])
def test_a_rate_or_a_time_is_finite(name: str, value: str) -> None:
    """No clock ever gets to infinity, and what isn't a number is above no limit."""
    with pytest.raises(ValidationError, match=name):
        Settings.load(None, {name: value})


def test_a_misspelt_variable_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A typo in the environment doesn't pass as a default either."""
    monkeypatch.setenv("BATCHCALLS_LISTN", "127.0.0.1:1")
    monkeypatch.setenv("BATCHCALLS_ZZZ", "1")
    with pytest.raises(SettingsError) as caught:
        Settings.load(None, {})
    assert str(caught.value).splitlines() == [
        "BATCHCALLS_LISTN: is an unknown variable; did you mean BATCHCALLS_LISTEN?",
        "BATCHCALLS_ZZZ: is an unknown variable",
    ]


def test_variables_that_others_set_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients have theirs, and Kubernetes describes a service named "batchcalls" to every pod."""
    monkeypatch.setenv("BATCHCALLS_ADDRESS", "127.0.0.1:1")
    monkeypatch.setenv("BATCHCALLS_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("BATCHCALLS_SERVICE_PORT_GRPC", "50051")
    monkeypatch.setenv("BATCHCALLS_PORT", "tcp://10.0.0.1:50051")
    monkeypatch.setenv("BATCHCALLS_PORT_50051_TCP_ADDR", "10.0.0.1")
    monkeypatch.setenv("BATCHCALLS_METRICS_SERVICE_HOST", "10.0.0.2")
    monkeypatch.setenv("BATCHCALLS_METRICS_PORT", "tcp://10.0.0.2:9464")
    monkeypatch.setenv("BATCHCALLS_METRICS_PORT_9464_TCP", "tcp://10.0.0.2:9464")
    assert Settings.load(None, {}).listen == "127.0.0.1:50051"


@pytest.mark.parametrize("name", ["BATCHCALLS_PORT", "BATCHCALLS_METRICS_PORT"])
def test_a_port_that_is_a_number_was_meant_for_us(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Kubernetes sets URLs: who sets a number would wonder why nobody listens there."""
    monkeypatch.setenv(name, "9464")
    with pytest.raises(SettingsError, match=f"{name}: is an unknown variable"):
        Settings.load(None, {})


def test_a_file_that_is_no_text_is_an_error(tmp_path: Path) -> None:
    """It is said to be no UTF-8, and nothing is guessed."""
    (tmp_path / "latin.toml").write_bytes(b'carrier = "\xe9"')
    with pytest.raises(UnicodeDecodeError):
        Settings.load(tmp_path / "latin.toml", {})


def test_a_server_listens_where_clients_look() -> None:
    """Without a word on either side they meet."""
    assert Settings.load(None, {}).listen == DEFAULT_ADDRESS
