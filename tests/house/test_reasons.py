"""Every relaxation carries its reason."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.house.tree import OTHER_CODE, ROOT, SOURCE_ROOTS, python_files

RELAXATION = re.compile(r"#\s*(?:noqa|type:\s*ignore|pragma)\b[^#]*")
CODES = re.compile(r"noqa(: *[A-Z0-9, ]+\b)?|type: *ignore(\[[a-z, -]+\])?|pragma: no \w+")


@pytest.mark.parametrize(
    "path",
    python_files(*SOURCE_ROOTS, *OTHER_CODE),
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_every_ignore_says_why(path: Path) -> None:
    """The reason stands behind the ignore, or as a comment on the line above."""
    above = ""
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if RELAXATION.search(line) and not above.lstrip().startswith("#"):
            assert says_why(line), f"{path.name}:{number} ignores without a reason"
        above = line


def says_why(line: str) -> bool:
    comment = line[line.index("#") :]
    return bool(re.search(r"\w", CODES.sub("", comment)))


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("x = y  # noqa: FBT001", False),
        ("x = y  # noqa: FBT001, A001", False),
        ("x = y  # noqa: FBT001 - the caller is a signal", True),
        ("x = y  # type: ignore[arg-type]", False),
        ("x = y  # type: ignore[arg-type]  # the stubs say str", True),
    ],
)
def test_a_code_alone_is_no_reason(line: str, reason: bool) -> None:
    """The code of the rule tells what is ignored, not why."""
    assert says_why(line) is reason
