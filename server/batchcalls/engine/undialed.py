"""The board of intents that have reached no phone: what a server leaves to the next one.

An intent to dial is durable before its dial leaves. A server that dies in between leaves an open
intent of which nobody knows whether a phone rang, unless somebody wrote down that none did. The
database can't: that would be a second commit a dial. So there is a small file beside it, mapped
into memory. What a process stored there outlives it, however it dies, since the pages are the
kernel's; it costs two stores a dial.

An intent is on the board from before it is durable until its dial leaves, or until it is durable
that it never will. So what the board lists was never dialed, and of all else it says nothing:
no file, a board that is full, a store that is cut off by death, all lead to the carrier being
asked, never to a second dial. A listing names an intent by its attempt id and the microsecond at
which it was made: it can't speak for an intent of the same name in another database, or in this
one after a backup was restored.

What it can't outlive is the machine: after a power failure the file may be older than the truth.
So its first bytes name the boot of the kernel, and the file itself, and a board of another boot,
or one that was copied, is wiped. A board in memory alone is as good within a process.
"""

from __future__ import annotations

import mmap
import os
from hashlib import blake2s
from pathlib import Path
from typing import Final

import structlog

from batchcalls.core.model import Attempt

_SLOT: Final = 32
"""Bytes a listing: a whole digest."""

_SLOTS: Final = 16_384
"""The most listings. Intents wait to leave for some commits only; the others aren't listed."""

BOARD_SIZE: Final = _SLOT * (1 + _SLOTS)
"""The bytes of a board: the first slot is its head."""

_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")

_MAGIC: Final = "undialed 1"

_EMPTY: Final = bytes(_SLOT)

log = structlog.get_logger()


class UndialedBoard:
    """Lists intents. ``memory`` holds what an earlier board left there.

    Where it is full, intents go unlisted.
    """

    def __init__(self, memory: bytearray | mmap.mmap | None = None) -> None:
        self._memory = bytearray(BOARD_SIZE) if memory is None else memory
        self._slots: dict[str, int] = {}
        slots = range(_SLOT, len(self._memory), _SLOT)
        found = {slot: bytes(self._memory[slot : slot + _SLOT]) for slot in slots}
        self._left = {content: slot for slot, content in found.items() if content != _EMPTY}
        self._free = [slot for slot, content in found.items() if content == _EMPTY]

    def __repr__(self) -> str:
        return f"<UndialedBoard {len(self._slots)} listed, {len(self._left)} left>"

    @classmethod
    def open(cls, file: Path) -> UndialedBoard:
        """The board in that file; in memory alone where there can be none.

        Only the one server that holds the database may open it.
        """
        try:
            return cls(_mapped(file))
        except (OSError, ValueError) as error:
            log.warning("no_board_of_undialed", file=str(file), detail=str(error))
            return cls()

    def add(self, attempt: Attempt) -> None:
        """No phone has rung for this intent, which may be durable or not; none will, as it is."""
        if self._free:
            slot = self._slots[attempt.attempt_id] = self._free.pop()
            self._memory[slot : slot + _SLOT] = _digest(attempt)

    def leave(self, attempt: Attempt) -> None:
        """Its dial leaves in this very moment: from now on nobody can tell."""
        self._remove(attempt)

    def settle(self, attempt: Attempt) -> None:
        """It is durable what became of it, or the intent will never be. Idempotent."""
        self._remove(attempt)

    def take_over(self, attempt: Attempt) -> bool:
        """Whether an earlier server left this intent undialed; it stays listed."""
        slot = self._left.pop(_digest(attempt), None)
        if slot is None:
            return False
        self._slots[attempt.attempt_id] = slot
        return True

    def forget_others(self) -> None:
        """Wipe what an earlier server left and nobody took over."""
        for slot in self._left.values():
            self._wipe(slot)
        self._left.clear()

    def _remove(self, attempt: Attempt) -> None:
        slot = self._slots.pop(attempt.attempt_id, None)
        if slot is not None:
            self._wipe(slot)

    def _wipe(self, slot: int) -> None:
        self._memory[slot : slot + _SLOT] = _EMPTY
        self._free.append(slot)


def _digest(attempt: Attempt) -> bytes:
    return blake2s(f"{attempt.attempt_id} {attempt.start_time_us}".encode()).digest()


def _mapped(file: Path) -> mmap.mmap:
    """The file in memory, wiped where it isn't this boot's, or isn't a board.

    It is written in full before it is mapped: a page without a block on the disk would, on a disk
    that is full, end the process that stores into it.
    """
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        head = _head(descriptor)
        is_ours = os.fstat(descriptor).st_size == BOARD_SIZE
        if not is_ours or os.pread(descriptor, _SLOT, 0) != head:
            _write_anew(descriptor, head)
        return mmap.mmap(descriptor, BOARD_SIZE, mmap.MAP_SHARED)
    finally:
        os.close(descriptor)


def _write_anew(descriptor: int, head: bytes) -> None:
    """All of it, and its head last: a board without its head is no board."""
    os.ftruncate(descriptor, 0)
    written = os.pwrite(descriptor, bytes(BOARD_SIZE), 0)
    if written != BOARD_SIZE:
        raise OSError(f"only {written} of {BOARD_SIZE} bytes could be written")
    os.fsync(descriptor)
    os.pwrite(descriptor, head, 0)


def _head(descriptor: int) -> bytes:
    """What a board of this boot, in this very file, begins with."""
    file = os.fstat(descriptor)
    words = f"{_MAGIC} {_BOOT_ID.read_text()} {file.st_dev} {file.st_ino}"
    return blake2s(words.encode()).digest()
