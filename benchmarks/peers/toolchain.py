"""What a machine has to have, since it isn't installed: PostgreSQL's server, Go and Node."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Final

from benchmarks.peers.peer import NotHere

_OTHER_FOLDERS: Final = "usr/lib/postgresql/*/bin"
"""Where Debian keeps what isn't on the PATH, below the root."""

_VERSIONS: Final = {"postgres": "--version", "go": "version", "node": "--version"}
"""How each is asked."""


def needed(name: str) -> str:
    """The path of a program.

    Raises:
      NotHere: this machine doesn't have it.
    """
    more = sorted(map(str, Path("/").glob(_OTHER_FOLDERS)))
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), *more])
    found = shutil.which(name, path=path)
    if found is None:
        raise NotHere(f"this machine has no {name}")
    return found


def versions() -> dict[str, str]:
    """The versions of those that are here."""
    told = {}
    for name, question in _VERSIONS.items():
        with suppress(NotHere):
            asked = subprocess.run(
                (needed(name), question), capture_output=True, text=True, check=True
            )
            told[name] = "".join(re.findall(r"\d+(?:\.\d+)+", asked.stdout)[:1])
    return told
