"""The documents say what the code does: nothing is missing, stale, or an example that fails."""

from __future__ import annotations

import json
import math
import re
import subprocess
import sys
import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import typer

import batchcalls.cli  # noqa: F401 - imported to register its commands
from batchcalls.carriers.base import CarrierOptionError
from batchcalls.cli.app import app
from batchcalls.client.channel import DEFAULT_ADDRESS
from batchcalls.config import Settings
from batchcalls.core.model import BatchStatus, CallStatus, EventType, Outcome
from batchcalls.document import batch_request
from batchcalls.errors import Reason
from batchcalls.metrics.table import METRICS
from batchcalls.v1 import batch_calls_service_pb2
from batchcalls_simulator.options import RATES, SimulatorOptions, read_options
from tests.house.documents import DOCUMENTS, README, Document, document
from tests.system.server import WAIT_S, Place, running_server
from tools import generate_docs

each_document = pytest.mark.parametrize("document", DOCUMENTS, ids=str)


def flags() -> set[str]:
    """Every command and every option of every command, as typer understands them."""
    commands: dict[str, Any] = vars(typer.main.get_command(app))["commands"]
    options = {
        name
        for command in commands.values()
        for parameter in command.params
        for name in parameter.opts
        if name.startswith("-")
    }
    return options | {f"batchcalls {name}" for name in commands}


DOCUMENTED: dict[str, set[str]] = {
    "api.md": {
        *batch_calls_service_pb2.DESCRIPTOR.services_by_name["BatchCallsService"].methods_by_name,
        *Reason,
        *EventType,
    },
    "cli.md": flags(),
    "configuration.md": {
        *Settings.model_fields,
        *(f"BATCHCALLS_{name.upper()}" for name in Settings.model_fields),
    },
    "lifecycle.md": {*BatchStatus, *CallStatus, *Outcome},
    "metrics.md": {metric.name for metric in METRICS},
    "simulator.md": {field.name for field in fields(SimulatorOptions)},
}
"""What has to be in which document."""


@pytest.mark.parametrize("name", DOCUMENTED)
def test_whatever_a_user_can_meet_is_documented(name: str) -> None:
    """Each RPC, reason, event, flag, setting, metric and option is named in its document."""
    text = document(name).text
    missing = [
        word for word in DOCUMENTED[name] if not re.search(rf"(?<![\w-]){word}(?![\w-])", text)
    ]
    assert missing == []


@each_document
def test_generated_parts_are_fresh(document: Document) -> None:
    """What was generated is what would be generated now; else ``make docs`` mends it."""
    assert generate_docs.fresh(document.path) == document.text


def test_whatever_can_be_generated_is_in_a_document() -> None:
    """A part that no document has is dead code."""
    text = "".join(each.text for each in DOCUMENTS)
    assert [name for name in generate_docs.PARTS if f"<!-- generated: {name} -->" not in text] == []


@each_document
def test_every_relative_link_leads_somewhere(document: Document) -> None:
    """The file is there, and where a heading is named, so is the heading."""
    for path, anchor in document.links():
        assert path.exists(), f"{path} isn't there"
        assert not anchor or anchor in Document(path).anchors, f"{path.name} has no #{anchor}"


def test_every_document_can_be_reached_from_the_readme() -> None:
    """Nobody finds a document that nothing links to; a link to a folder is one to its README."""
    reached, ahead = set(), [README.path]
    while ahead:
        path = ahead.pop()
        path = path / "README.md" if path.is_dir() else path
        if path not in reached and path.suffix == ".md" and path.exists():
            reached.add(path)
            ahead += [linked for linked, _ in Document(path).links()]
    assert [str(each) for each in DOCUMENTS if each.path not in reached] == []


@each_document
def test_examples_are_well_formed(document: Document) -> None:
    """Python compiles, JSON and TOML can be read."""
    for code in document.blocks("python"):
        compile(code, str(document), "exec", dont_inherit=True)
    for code in document.blocks("json"):
        json.loads(code)
    for code in document.blocks("toml"):
        tomllib.loads(code)


def test_the_example_of_a_batch_is_accepted() -> None:
    """The first JSON document of the API page is one that can be submitted."""
    request = batch_request(json.loads(document("api.md").blocks("json")[0]))
    assert len(request.calls) == 2


def test_the_example_of_a_settings_file_is_accepted(tmp_path: Path) -> None:
    """Its settings can be loaded, and the simulator takes its options."""
    file = tmp_path / "batchcalls.toml"
    file.write_text(document("configuration.md").blocks("toml")[0])
    settings = Settings.load(file, {})
    assert read_options(settings.carrier_options).busy_rate == settings.carrier_options["busy_rate"]


def option_rows() -> list[tuple[str, ...]]:
    return list(document("simulator.md").rows("Option"))


def test_the_options_of_the_simulator_are_listed_in_their_order() -> None:
    """The table has a row for each option, and none besides."""
    assert [row[0] for row in option_rows()] == [field.name for field in fields(SimulatorOptions)]


@pytest.mark.parametrize("row", option_rows(), ids=lambda row: row[0])
def test_a_documented_default_of_the_simulator_is_true(row: tuple[str, ...]) -> None:
    """Given as the document writes it, an option is what it is when it isn't given."""
    name, _, default, _ = row
    assert read_options({name: "" if default == "none" else default}) == SimulatorOptions()


@pytest.mark.parametrize(
    "row", [row for row in option_rows() if re.match(r"[-\d]", row[1])], ids=lambda row: row[0]
)
def test_a_documented_range_of_the_simulator_is_true(row: tuple[str, ...]) -> None:
    """Both ends can be given, and nothing beyond them."""
    name, kind = row[0], type(getattr(SimulatorOptions(), row[0]))
    low, high = map(kind, row[1].split(" to "))
    for end in (low, high):
        assert getattr(options_with(name, end), name) == end
    for beyond in (next_to(low, -1), next_to(high, 1)):
        with pytest.raises(CarrierOptionError):
            options_with(name, beyond)


def options_with(name: str, value: float) -> SimulatorOptions:
    """Options in which a single rate may be as large as it likes."""
    values: dict[str, Any] = {**dict.fromkeys(RATES, 0.0), name: value}
    return SimulatorOptions(**values)


def next_to(number: float, step: int) -> float:
    return number + step if isinstance(number, int) else math.nextafter(number, step * math.inf)


async def test_the_example_of_a_carrier_keeps_the_contract(autojump_clock: object) -> None:
    """The carrier in the document passes the test beside it, and its factory reads options."""
    names: dict[str, Any] = {}
    for code in document("carriers.md").blocks("python"):
        exec(compile(code, "carriers.md", "exec", dont_inherit=True), names)
    await names["test_the_lab_keeps_the_contract"](autojump_clock)
    assert names["create"]({"lines": "3"}).limits.max_concurrent_calls == 3
    for options in ({"lines": "many"}, {"lanes": "3"}):
        with pytest.raises(CarrierOptionError):
            names["create"](options)


@pytest.mark.skipif(
    sys.version_info >= (3, 14), reason="trio-asyncio can't be imported on Python 3.14 and later"
)
def test_the_first_program_runs(tmp_path: Path) -> None:
    """The program of the README submits its batch and sees it to its end."""
    (code,) = README.blocks("python")
    with running_server(Place(folder=tmp_path)) as server:
        ran = subprocess.run(
            [sys.executable, "-c", code.replace(DEFAULT_ADDRESS, server.address)],
            capture_output=True,
            text=True,
            timeout=WAIT_S,
            check=False,
        )
    assert ran.returncode == 0, ran.stderr
    assert [line.split()[1] for line in ran.stdout.splitlines()] == [
        "EVENT_TYPE_BATCH_STARTED",
        "EVENT_TYPE_CALL_STARTED",
        "EVENT_TYPE_CALL_ANSWERED",
        "EVENT_TYPE_CALL_COMPLETED",
        "EVENT_TYPE_BATCH_COMPLETED",
    ]
