"""PostgreSQL as it comes, in a folder of its own, behind a socket that only this machine has.

Nothing is set for speed: a commit waits for the disk (``fsync`` and ``synchronous_commit`` are
on). The server refuses to run as root, so root runs it as somebody without rights.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from signal import SIGINT
from typing import Any, Final

from benchmarks.peers.peer import Database, NotHere
from benchmarks.peers.toolchain import needed

_USER: Final = "peer"
_UNPRIVILEGED: Final = ("postgres", "nobody")
_TIMEOUT_S: Final = 30.0
_READY_LINE: Final = 7
"""Of ``postmaster.pid``, where the server says how far it is."""


@contextmanager
def running_postgres(folder: Path) -> Iterator[Database]:
    """A fresh server in an empty folder, for as long as the block lasts.

    Raises:
      NotHere: this machine has no PostgreSQL.
    """
    data, log = folder / "data", folder / "postgres.log"
    account = _account()
    if account:
        shutil.chown(folder, account["user"], account["group"])
    _initialize(data, account)
    command = (needed("postgres"), "-D", data, "-k", folder, "-c", "listen_addresses=")
    with log.open("w", encoding="utf-8") as output:
        server = subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            **account,
        )
    try:
        _wait_until_ready(server, data / "postmaster.pid", log)
        yield Database(url=f"postgresql://{_USER}@/postgres?host={folder}", pid=server.pid)
    finally:
        _stop(server)


def _account() -> Mapping[str, Any]:
    """Who runs the server, as ``subprocess`` takes it: whoever we are, unless that is root."""
    if os.geteuid() != 0:
        return {}
    for name in _UNPRIVILEGED:
        with suppress(KeyError):
            found = pwd.getpwnam(name)
            return {"user": found.pw_uid, "group": found.pw_gid, "extra_groups": ()}
    raise NotHere(f"PostgreSQL refuses to run as root, and there is no user {_UNPRIVILEGED[-1]}")


def _initialize(data: Path, account: Mapping[str, Any]) -> None:
    options = ("--username", _USER, "--auth", "trust", "--encoding", "UTF8", "--no-locale")
    command = (needed("initdb"), "--pgdata", data, *options)
    done = subprocess.run(
        command, cwd=data.parent, capture_output=True, text=True, check=False, **account
    )
    if done.returncode:
        raise NotHere(f"initdb failed: {done.stderr.strip()}")


def _wait_until_ready(server: subprocess.Popen[bytes], status: Path, log: Path) -> None:
    deadline = time.monotonic() + _TIMEOUT_S
    while time.monotonic() < deadline and server.poll() is None:
        with suppress(FileNotFoundError, IndexError):  # it hasn't come that far
            if status.read_text(encoding="utf-8").splitlines()[_READY_LINE].strip() == "ready":
                return
        time.sleep(0.02)
    raise NotHere(f"PostgreSQL didn't start: {log.read_text(encoding='utf-8').strip()[-300:]}")


def _stop(server: subprocess.Popen[bytes]) -> None:
    server.send_signal(SIGINT)  # without waiting for clients
    try:
        server.wait(_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
