"""Write the generated parts of the documents, or check that they are fresh.

A generated part stands between ``<!-- generated: NAME -->`` and ``<!-- end -->`` in README.md
or below docs/, and holds what ``PARTS`` makes for its name, out of the code and the proto
files. Everything around it is written by hand and left alone.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from batchcalls.core.lifecycle import BATCH, CALL, DIAL
from batchcalls.core.model import BatchStatus, CallStatus
from batchcalls.metrics.table import METRICS
from batchcalls_simulator.callee import ENDLESS_NUMBER, MAGIC_NUMBERS
from tools.command_reference import commands, settings
from tools.markdown import table
from tools.proto_reference import (
    error_reasons,
    event_types,
    outcomes,
    rpcs,
    statuses,
    warning_reasons,
)

ROOT: Final = Path(__file__).resolve().parent.parent

_PART = re.compile(r"(<!-- generated: ([\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def main() -> int:
    """Write in place, or with ``--check`` compare; exit code 1 means stale."""
    if sys.argv[1:] not in ([], ["--check"]):
        print("usage: generate_docs.py [--check]", file=sys.stderr)
        return 2
    stale = [path for path in documents() if path.read_text(encoding="utf-8") != fresh(path)]
    for path in stale:
        if sys.argv[1:]:
            print(f"{path.relative_to(ROOT)} is stale: run `make docs`", file=sys.stderr)
        else:
            path.write_text(fresh(path), encoding="utf-8")
    return 1 if stale and sys.argv[1:] else 0


def documents() -> list[Path]:
    """README.md and everything below docs/."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def fresh(path: Path) -> str:
    """The text of a document with its generated parts made anew."""

    def make(part: re.Match[str]) -> str:
        begin, name, end = part.groups()
        return f"{begin}\n{PARTS[name]()}\n\n{end}"

    return _PART.sub(make, path.read_text(encoding="utf-8"))


def state_diagram(table: Mapping[Any, Mapping[Any, Any]], *, beginning: str) -> str:
    """A life-cycle table as a mermaid diagram; it begins with the table's first status."""
    first = next(iter(table))
    moves = [
        f"{status} --> {target}: {step.value.replace('_', ' ')}"
        for status, steps in table.items()
        for step, target in steps.items()
    ]
    ends = [f"{status} --> [*]" for status, steps in table.items() if not steps]
    lines = "\n    ".join(["stateDiagram-v2", f"[*] --> {first}: {beginning}", *moves, *ends])
    return f"```mermaid\n{lines}\n```"


def metrics() -> str:
    """Every metric with its labels."""
    rows = [
        (f"`{each.name}`", each.kind, ", ".join(f"`{label}`" for label in each.labels), each.help)
        for each in METRICS
    ]
    return table(("Metric", "Kind", "Labels", "Meaning"), rows)


def magic_numbers() -> str:
    """The numbers that end as listed."""
    rows = []
    for number, fates in MAGIC_NUMBERS.items():
        text = ", then ".join(f"`{fate.value}`" for fate in fates)
        if number == ENDLESS_NUMBER:
            text = "answered, and up until it is hung up"
        rows.append((f"`{number}`", text))
    return table(("Number", "Its attempts end"), rows)


PARTS: Final[Mapping[str, Callable[[], str]]] = {
    "batch-lifecycle": lambda: state_diagram(BATCH, beginning="submit"),
    "batch-statuses": statuses("batch", "BATCH_STATUS_", BatchStatus),
    "call-lifecycle": lambda: state_diagram(CALL, beginning="submit"),
    "dial-lifecycle": lambda: state_diagram(DIAL, beginning="take a slot"),
    "call-statuses": statuses("call", "CALL_STATUS_", CallStatus),
    "commands": commands,
    "error-reasons": error_reasons,
    "event-types": event_types,
    "magic-numbers": magic_numbers,
    "metrics": metrics,
    "outcomes": outcomes,
    "rpcs": rpcs,
    "settings": settings,
    "warning-reasons": warning_reasons,
}
"""What the documents have generated, by name."""

if __name__ == "__main__":
    sys.exit(main())
