"""Prove that the API in the working tree breaks nobody who uses the one on main.

Comparing with itself would prove nothing. So the first of these that differs from the
working tree is compared with: ``origin/main``, ``main``, and, where the tree is main, the
proto files as they were before main's last change to them. It fetches nothing.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUF = Path(sys.executable).parent / "buf"


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
        return subprocess.run(
            [BUF, "breaking", "--against", archive], cwd=ROOT, check=False
        ).returncode


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
