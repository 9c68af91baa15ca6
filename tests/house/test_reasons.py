"""Every relaxation carries its reason."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.house.tree import OTHER_CODE, SOURCE_ROOTS, Source, assert_kept, offenders, sources

RELAXATION = re.compile(r"#\s*(?:noqa|type:\s*ignore|pragma)\b[^#]*")
CODES = re.compile(r"noqa(: *[A-Z0-9, ]+\b)?|type: *ignore(\[[a-z, -]+\])?|pragma: no \w+")


def bare_ignores(source: Source) -> Iterator[str]:
    """The lines that ignore something and don't say why, nor does a comment above them."""
    above = ""
    for number, line in enumerate(source.text.splitlines(), start=1):
        explained = above.lstrip().startswith("#")
        if RELAXATION.search(line) and not explained and not says_why(line):
            yield f"line {number} ignores without a reason"
        above = line


def says_why(line: str) -> bool:
    comment = line[line.index("#") :]
    return bool(re.search(r"\w", CODES.sub("", comment)))


def test_every_ignore_says_why() -> None:
    """The reason stands behind the ignore, or as a comment on the line above."""
    assert_kept(bare_ignores, sources(*SOURCE_ROOTS, *OTHER_CODE))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("x = y  # noqa: FBT001", False),
        ("x = y  # noqa: FBT001, A001", False),
        ("x = y  # noqa: FBT001 - the caller is a signal", True),
        ("x = y  # type: ignore[arg-type]", False),
        ("x = y  # type: ignore[arg-type]  # the stubs say str", True),
        ("# The caller is a signal.\nx = y  # noqa: FBT001", True),
        ("x = z\nx = y  # noqa: FBT001", False),
    ],
)
def test_a_code_alone_is_no_reason(text: str, reason: bool) -> None:
    """The code of the rule tells what is ignored, not why."""
    found = offenders(bare_ignores, [Source(path="tools/a.py", text=text)])
    assert (not found) is reason
