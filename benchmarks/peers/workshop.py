"""Where peers are installed: ``/.peers``, which git ignores and ``make clean`` removes.

What is installed is pinned to the last of its parts by files that are committed. A place that
was made from the same pins is used again.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from benchmarks.peers.peer import NotHere
from benchmarks.peers.toolchain import needed

_HERE: Final = Path(__file__).resolve().parent
_WORKSHOP: Final = _HERE.parents[1] / ".peers"
_SAID: Final = 300
"""How much of what a failed installation said is repeated."""


def python_program(name: str) -> Sequence[str]:
    """The command of ``NAME/worker.py``, in an environment made from its requirements."""
    place, pins = _WORKSHOP / name, _HERE / name / "requirements.txt"
    python = place / "bin" / "python"
    if not _is_whole(place, pins):
        _clear(place)
        _run(sys.executable, "-m", "venv", str(place))
        _run(str(python), "-m", "pip", "install", "--quiet", "--requirement", str(pins))
        _finish(place, pins)
    return [str(python), "-m", f"benchmarks.peers.{name}.worker"]


def python_package(name: str, package: str) -> Path:
    """The folder of a package in the environment of ``python_program``."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    return _WORKSHOP / name / "lib" / version / "site-packages" / package


def node_program(name: str) -> Sequence[str]:
    """The command of ``NAME/worker.mjs``, beside the packages that its lock file names."""
    place, pins = _WORKSHOP / name, _HERE / name / "package-lock.json"
    node, npm = needed("node"), needed("npm")
    if not _is_whole(place, pins):
        _clear(place)
        place.mkdir(parents=True)
        for file in (pins, pins.with_name("package.json")):
            shutil.copy(file, place)
        _run(npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", folder=place)
        _finish(place, pins)
    return [node, str(shutil.copy(_HERE / name / "worker.mjs", place))]


def go_program(name: str) -> Sequence[str]:
    """The command of ``NAME/main.go``, built from the modules that go.sum names."""
    place = _WORKSHOP / name
    program = place / "worker"
    folders = {
        "GOPATH": str(place / "path"),
        "GOCACHE": str(place / "cache"),
        "GOFLAGS": "-mod=readonly -modcacherw",
        "GOTOOLCHAIN": "local",
    }
    _run(needed("go"), "build", "-o", str(program), ".", folder=_HERE / name, settings=folders)
    return [str(program)]


def _is_whole(place: Path, pins: Path) -> bool:
    """Whether it was made from these pins, and where it is now: environments can't be moved."""
    made_from = place / ".ready"
    return made_from.exists() and made_from.read_text(encoding="utf-8") == _state(place, pins)


def _finish(place: Path, pins: Path) -> None:
    (place / ".ready").write_text(_state(place, pins), encoding="utf-8")


def _state(place: Path, pins: Path) -> str:
    return f"{place}\n{pins.read_text(encoding='utf-8')}"


def _clear(place: Path) -> None:
    if place.exists():
        shutil.rmtree(place)


def _run(
    *command: str, folder: Path | None = None, settings: Mapping[str, str] | None = None
) -> None:
    environment = {**os.environ, **(settings or {})}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        said = (done.stderr or done.stdout).strip()
        raise NotHere(f"it can't be installed: {said[-_SAID:]}")
