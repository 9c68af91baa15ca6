"""Runs the simulated worlds on a copy of the code with a bug in it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.house.tree import ROOT, SOURCE_ROOTS
from tests.mutations.mutations import Mutation


def fits(mutation: Mutation) -> bool:
    """Whether each text that the mutation replaces stands in the code exactly once."""
    folder = ROOT / "server" / "batchcalls"
    return all(
        (folder / name).read_text(encoding="utf-8").count(before) == 1
        for name, before, _ in mutation.patches
    )


def copy_with(mutation: Mutation, folder: Path) -> None:
    """Copy both source roots into ``folder``, and put the bug in."""
    for root in SOURCE_ROOTS:
        shutil.copytree(ROOT / root, folder / root, ignore=shutil.ignore_patterns("__pycache__"))
    for name, before, after in mutation.patches:
        file = folder / "server" / "batchcalls" / name
        source = file.read_text(encoding="utf-8")
        file.write_text(source.replace(before, after), encoding="utf-8")


def simulate(mutation: Mutation, folder: Path) -> subprocess.CompletedProcess[str]:
    """Play worlds in the copy until one finds the bug."""
    roots = os.pathsep.join(str(folder / root) for root in SOURCE_ROOTS)
    command = [sys.executable, "-m", "batchcalls_simulator", "simulate", "--fail-fast"]
    return subprocess.run(
        [*command, "--seeds", str(mutation.seeds)],
        env={**os.environ, "PYTHONPATH": roots},
        capture_output=True,
        text=True,
        check=False,
    )
