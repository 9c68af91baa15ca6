"""The documents say what the code does: nothing is missing, stale, or an example that fails."""

from __future__ import annotations

import json
import math
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
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
from tests.house.tree import assert_kept, offenders
from tests.system.server import WAIT_S, Place, running_server
from tools import generate_docs

DocumentRule = Callable[[Document], Iterator[str]]


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


def undocumented(page: Document) -> Iterator[str]:
    """What has to be in a document and isn't."""
    for word in sorted(DOCUMENTED.get(page.path.name, ())):
        if not re.search(rf"(?<![\w-]){word}(?![\w-])", page.text):
            yield word


def stale_parts(page: Document) -> Iterator[str]:
    """Whether what was generated differs from what would be generated now."""
    if generate_docs.fresh(page.path) != page.text:
        yield "stale: run `make docs`"


def broken_links(page: Document) -> Iterator[str]:
    """The relative links that lead to no file, or to no heading of it."""
    for path, anchor in page.links():
        if not path.exists():
            yield f"{path} isn't there"
        elif anchor and anchor not in Document(path).anchors:
            yield f"{path.name} has no #{anchor}"


def malformed_examples(page: Document) -> Iterator[str]:
    """The blocks of code that aren't in the language that they name."""
    readers: dict[str, Callable[[str], object]] = {
        "python": compiled,
        "json": json.loads,
        "toml": tomllib.loads,
    }
    for language, read in readers.items():
        for code in page.blocks(language):
            try:
                read(code)
            except (SyntaxError, ValueError) as error:
                yield f"{language}: {error}"


def compiled(code: str) -> object:
    return compile(code, "an example", "exec", dont_inherit=True)


def test_whatever_a_user_can_meet_is_documented() -> None:
    """Each RPC, reason, event, flag, setting, metric and option is named in its document."""
    assert_kept(undocumented, map(document, DOCUMENTED))


def test_generated_parts_are_fresh() -> None:
    """What was generated is what would be generated now."""
    assert_kept(stale_parts, DOCUMENTS)


def test_whatever_can_be_generated_is_in_a_document() -> None:
    """A part that no document has is dead code."""
    text = "".join(each.text for each in DOCUMENTS)
    assert [name for name in generate_docs.PARTS if f"<!-- generated: {name} -->" not in text] == []


def test_every_relative_link_leads_somewhere() -> None:
    """The file is there, and where a heading is named, so is the heading."""
    assert_kept(broken_links, DOCUMENTS)


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


def test_examples_are_well_formed() -> None:
    """Python compiles, JSON and TOML can be read."""
    assert_kept(malformed_examples, DOCUMENTS)


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (undocumented, "".join(f"`{word}`\n" for word in sorted(DOCUMENTED["metrics.md"])[1:])),
        (stale_parts, "<!-- generated: metrics -->\n\nnone\n\n<!-- end -->\n"),
        (broken_links, "[gone](gone.md)"),
        (broken_links, "# Here\n\n[there](metrics.md#there)"),
        (malformed_examples, "```python\nawait\n```\n"),
        (malformed_examples, "```json\n{'a': 1}\n```\n"),
        (malformed_examples, "```toml\na = no\n```\n"),
    ],
)
def test_a_rule_finds_what_it_forbids(rule: DocumentRule, text: str, tmp_path: Path) -> None:
    """No rule holds because it sees nothing."""
    page = Document(tmp_path / "metrics.md")
    page.path.write_text(text, encoding="utf-8")
    assert len(offenders(rule, [page])) == 1


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


def test_the_documented_defaults_of_the_simulator_are_true() -> None:
    """Given as the document writes it, an option is what it is when it isn't given."""
    written = {row[0]: "" if row[2] == "none" else row[2] for row in option_rows()}
    wrong = [name for name in written if read_options({name: written[name]}) != SimulatorOptions()]
    assert wrong == []


def test_the_documented_ranges_of_the_simulator_are_true() -> None:
    """Both ends can be given, and nothing beyond them."""
    ranges = {row[0]: row[1].split(" to ") for row in option_rows() if re.match(r"[-\d]", row[1])}
    wrong = []
    for name, ends in ranges.items():
        low, high = map(type(getattr(SimulatorOptions(), name)), ends)
        wrong += [f"{name} can't be {end}" for end in (low, high) if not takes(name, end)]
        beyond = (next_to(low, -1), next_to(high, 1))
        wrong += [f"{name} can be {value}" for value in beyond if takes(name, value)]
    assert len(ranges) > 10
    assert wrong == []


def takes(name: str, value: float) -> bool:
    """Whether an option can be had; a single rate may be as large as it likes."""
    values: dict[str, Any] = {**dict.fromkeys(RATES, 0.0), name: value}
    try:
        return bool(getattr(SimulatorOptions(**values), name) == value)
    except CarrierOptionError:
        return False


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
