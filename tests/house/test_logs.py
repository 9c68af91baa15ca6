"""The lines of the log have names and keys that can be searched for, and all are documented."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from tests.house.documents import document
from tests.house.tree import Rule, Source, assert_kept, offenders, sources

NAME = re.compile(r"[a-z]+(_[a-z]+)*")
ROW = re.compile(r"^\| `(\w+)` \|([^|]*)\|", re.MULTILINE)
LOOSE = {"attempt", "batch", "call", "dial", "error", "id", "message", "msg", "name"}
"""Keys that don't say what they hold: an id, a record, a text."""


def log_calls(source: Source) -> Iterator[ast.Call]:
    """Where a file writes a line."""
    if "structlog" not in source.libraries:
        return
    for node in ast.walk(source.tree):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id="log"))):
                yield node
            case ast.Call(
                func=ast.Attribute(value=ast.Call(func=ast.Attribute(attr="get_logger")))
            ):
                yield node


def event_of(call: ast.Call) -> str:
    """The event of a line; empty where it isn't a literal."""
    match call.args:
        case [ast.Constant(value=str(event))]:
            return event
    return ""


def keys_of(call: ast.Call) -> set[str]:
    return {str(keyword.arg) for keyword in call.keywords} - {"exc_info"}


def nameless_lines(source: Source) -> Iterator[str]:
    """The lines whose event is no literal in snake case."""
    for call in log_calls(source):
        if not NAME.fullmatch(event_of(call)):
            yield f"line {call.lineno} has no event that can be searched for"


def loose_keys(source: Source) -> Iterator[str]:
    """The keys that another line would use for something else, and those that nobody sees."""
    for call in log_calls(source):
        for key in sorted(keys_of(call) & {*LOOSE, "None"}):
            yield f"line {call.lineno} has the key {key}"


def written(*files: Source) -> dict[str, set[str]]:
    """Every event that is logged, with its keys."""
    lines: dict[str, set[str]] = {}
    for source in files:
        for call in log_calls(source):
            lines.setdefault(event_of(call), set()).update(keys_of(call))
    return lines


CODE = sources("server", "simulator")


def test_each_line_has_a_name() -> None:
    """An event is a literal in snake case: what is found in a log is found in the code."""
    assert_kept(nameless_lines, CODE)


def test_keys_say_what_they_hold() -> None:
    """``batch_id``, ``attempt_id``, ``carrier``, ``detail``: the same word for the same thing."""
    assert_kept(loose_keys, CODE)


def test_each_line_is_documented_with_its_keys() -> None:
    """An operator finds every event, and none that is no longer logged."""
    rows = ROW.findall(document("operations.md").text)
    documented = {event: set(re.findall(r"`(\w+)`", keys)) for event, keys in rows}
    assert documented == written(*CODE)


@pytest.mark.parametrize(
    ("rule", "line"),
    [
        (nameless_lines, 'log.info(f"{name} started")'),
        (nameless_lines, 'log.info("SIMULATED: no phone rings")'),
        (nameless_lines, "log.info()"),
        (loose_keys, 'log.info("started", batch=7)'),
        (loose_keys, 'log.info("started", **more)'),
    ],
)
def test_a_rule_finds_what_it_forbids(rule: Rule, line: str) -> None:
    """No rule holds because it sees nothing."""
    text = f"import structlog\n{line}"
    assert len(offenders(rule, [Source(path="server/batchcalls/new.py", text=text)])) == 1
