"""Prove that the API in the working tree breaks nobody who uses the one on main.

Comparing with itself would prove nothing. So the first of these that differs from the
working tree is compared with: ``origin/main``, ``main``, and, where the tree is main, the
proto files as they were before main's last change to them. It fetches nothing.

Until 1.0.0 a break may be decided on. It then stands in ``DECIDED`` with its record, so exactly
that it can excuse no other: a field has once been an int64.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT = Path(__file__).resolve().parent.parent
BUF = Path(sys.executable).parent / "buf"

DECIDED: Final = (
    # docs/adr/0014: no generated code but Python's was there to break.
    r'File option "\w+" changed from "" to ".+"\.',
    r'File option "java_multiple_files" changed from "false" to "true"\.',
    # docs/adr/0014: the same bytes, and numbers instead of strings in JSON.
    r'Field "\d+" with name "(attempts|in_progress|\w+_calls)" on .+ from "int64" to "int32"\.',
)
"""What buf says of the breaks that were decided on, as expressions."""

_FOUND_SOMETHING: Final = 100
"""The exit code of buf when it did its work and found fault."""


def main() -> int:
    """Run ``buf breaking``, or say why there is nothing to run it against."""
    base = next((base for base in _candidates() if _differs(base)), None)
    if base is None:
        print("buf breaking is skipped: no earlier proto on main can be read here")
        return 0
    return _compare(base)


def _candidates() -> Iterator[str]:
    """Name the commits that hold an earlier API, the latest landed first."""
    for branch in ("origin/main", "main"):
        if _git("cat-file", "-e", f"{branch}:proto") is not None:
            yield branch
    last_change = _git("rev-list", "-1", "main", "--", "proto")
    if last_change and _git("cat-file", "-e", f"{last_change}^:proto") is not None:
        yield f"{last_change}^"


def _differs(commit: str) -> bool:
    return _git("diff", "--quiet", commit, "--", "proto") is None


def _compare(base: str) -> int:
    # An archive, since buf reads no commit out of a git worktree or a shallow clone.
    with tempfile.TemporaryDirectory() as directory:
        archive = f"{directory}/base.tar"
        subprocess.run(
            ["git", "archive", f"--output={archive}", base, "buf.yaml", "proto"],
            cwd=ROOT,
            check=True,
        )
        print(f"buf breaking --against {base}")
        return _judge(
            subprocess.run(
                [BUF, "breaking", "--error-format=json", "--against", archive],
                cwd=ROOT,
                stdout=subprocess.PIPE,
                text=True,
                check=False,
            )
        )


def _judge(run: subprocess.CompletedProcess[str]) -> int:
    """Print the breaks that nobody decided on; the exit code is 0 where there is none."""
    if run.returncode not in (0, _FOUND_SOMETHING):
        return run.returncode
    breaks = [json.loads(line) for line in run.stdout.splitlines()]
    left = [found for found in breaks if not is_decided(found["message"])]
    for found in left:
        print(
            f"{found.get('path', 'proto')}:{found.get('start_line', 1)}: {found['message']}",
            file=sys.stderr,
        )
    if len(left) < len(breaks):
        print(f"{len(breaks) - len(left)} breaks were decided on")
    return 1 if left else 0


def is_decided(message: str) -> bool:
    """Whether that is a break that was decided on."""
    return any(re.fullmatch(decided, message) for decided in DECIDED)


def _git(*arguments: str) -> str | None:
    """Return what git printed, or None where it failed or isn't there."""
    try:
        run = subprocess.run(
            ["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        return None
    return run.stdout.strip() if run.returncode == 0 else None


if __name__ == "__main__":
    sys.exit(main())
