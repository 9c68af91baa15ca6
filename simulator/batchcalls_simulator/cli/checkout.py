"""Which commit a run was made at, for the line that replays it."""

from __future__ import annotations

import subprocess
from pathlib import Path


def replay_line(command: str, broken: str) -> str:
    """One line: the command that repeats a run, the commit it was made at, and what it broke."""
    commit = _commit()
    at = f"at commit {commit}: " if commit else ""
    return f"{command}  # {at}{broken}"


def _commit() -> str:
    """The commit of the checkout that this file is in, if it is in one."""
    command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "--short", "HEAD"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""
