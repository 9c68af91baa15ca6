"""The first items of an ordered queue that lives in the store.

A batch may have a million calls; a window holds the next few of them in memory. It does
no reading: it says that it ``wants_refill``, and its owner reads the store.

Theory. A window is *complete* when it holds all that the store holds. Otherwise it holds
everything up to its ``bound`` (a key), and knows nothing of what lies beyond. So the
smallest item of a window that isn't empty is the smallest of the store, always. An item
that reaches the store beyond the bound isn't kept: a later refill brings it. A new window
is empty, and its bound (None) lies before every key.

A read of the store takes time, and what it brings is as old as its beginning. Between
``begin_refill`` and ``refill`` the window notes what would be wrong by then: items taken
away meanwhile are not put back, and once an item was turned away that the read may have
missed, the read is trusted only up to that item.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

T = TypeVar("T")
Key = tuple[float, ...]


class _Read:
    """What happened since a read of the store began."""

    __slots__ = ("gone", "outdated", "unseen")

    def __init__(self) -> None:
        self.gone: set[Key] = set()
        self.unseen: Key | None = None
        self.outdated = False

    def may_have_missed(self, key: Key) -> None:
        if self.unseen is None or key < self.unseen:
            self.unseen = key

    def sees(self, key: Key) -> bool:
        return self.unseen is None or key < self.unseen


class Window(Generic[T]):
    """Holds about ``capacity`` (at least 1) items, twice that at most, the smallest first.

    ``key`` gives an item's place in the order: a tuple of numbers that no two items share
    and that doesn't change while the item is held.
    """

    def __init__(self, capacity: int, key: Callable[[T], Key]) -> None:
        assert capacity >= 1, f"a window holds at least one item, not {capacity}"
        self._capacity = capacity
        self._key = key
        self._items: dict[Key, T] = {}
        self._heap: list[Key] = []  # with keys of discarded items, until they come to the top
        self._bound: Key | None = None
        self._complete = False
        self._read: _Read | None = None

    @property
    def capacity(self) -> int:
        """About how many items the window holds; a good number to read for a refill."""
        return self._capacity

    @property
    def bound(self) -> Key | None:
        """The key up to which the window knows the store; None before all keys.

        Means nothing while the window is complete.
        """
        return self._bound

    @property
    def complete(self) -> bool:
        """Whether everything that the store holds is here."""
        return self._complete

    @property
    def wants_refill(self) -> bool:
        """Whether the store has, or may have, more and the window is at most half full."""
        return not self._complete and len(self._items) <= self._capacity // 2

    def push(self, item: T) -> None:
        """Take note of an item that is now in the store; keep it if it belongs here."""
        key = self._key(item)
        if self._complete or (self._bound is not None and key <= self._bound):
            self._insert(key, item)
            self._trim()
        elif self._read is not None:
            self._read.may_have_missed(key)

    def peek(self) -> T | None:
        """The smallest item of the store, or None when the window is empty."""
        self._drop_discarded_top()
        return self._items[self._heap[0]] if self._heap else None

    def pop(self) -> T:
        """Take away the smallest item, for good; the window must not be empty."""
        self._drop_discarded_top()
        assert self._heap, "an empty window has nothing to pop"
        key = heapq.heappop(self._heap)
        self._note_gone(key)
        return self._items.pop(key)

    def discard(self, key: Key) -> bool:
        """Take note that the item is no longer in the store; True if it was here."""
        self._note_gone(key)
        if key not in self._items:
            return False
        del self._items[key]
        if len(self._heap) > 2 * max(len(self._items), self._capacity):
            self._rebuild()
        return True

    def begin_refill(self) -> None:
        """Say that a read of the store begins, whose result ``refill`` will bring.

        Forgets an earlier read that never came back.
        """
        self._read = _Read()

    def refill(self, items: Iterable[T], *, complete: bool) -> None:
        """Take in the first items of the store, or the first beyond ``bound``, in order.

        ``complete`` says that the store holds none after them. Items that are already here
        are left alone. Leave out items that were popped before the read began and that
        the store doesn't know to be taken yet. Without ``begin_refill`` the items are what
        the store holds at this moment.
        """
        read, self._read = self._read or _Read(), None
        if read.outdated:
            return
        for item in items:
            key = self._key(item)
            if not read.sees(key):
                break
            self._advance(key)
            if key not in read.gone and key not in self._items:
                self._insert(key, item)
        self._complete = self._complete or (complete and read.unseen is None)
        self._trim()

    def reset(self, capacity: int, key: Callable[[T], Key]) -> None:
        """Forget everything, as ``clear`` does, and hold so many items in another order."""
        self.clear()
        self._capacity = capacity
        self._key = key

    def clear(self) -> None:
        """Forget everything, and let the result of a read that is under way pass by."""
        self._items.clear()
        self._heap.clear()
        self._bound = None
        self._complete = False
        if self._read is not None:
            self._read.outdated = True

    def _insert(self, key: Key, item: T) -> None:
        if key not in self._items:
            heapq.heappush(self._heap, key)
        self._items[key] = item

    def _advance(self, key: Key) -> None:
        if self._bound is None or key > self._bound:
            self._bound = key

    def _note_gone(self, key: Key) -> None:
        if self._read is not None:
            self._read.gone.add(key)

    def _drop_discarded_top(self) -> None:
        while self._heap and self._heap[0] not in self._items:
            heapq.heappop(self._heap)

    def _trim(self) -> None:
        if len(self._items) <= 2 * self._capacity:
            return
        *kept, dropped = heapq.nsmallest(self._capacity + 1, self._items)
        if self._read is not None:
            self._read.may_have_missed(dropped)
        self._items = {key: self._items[key] for key in kept}
        self._heap = kept
        self._bound = kept[-1]
        self._complete = False

    def _rebuild(self) -> None:
        self._heap = list(self._items)
        heapq.heapify(self._heap)

    def __len__(self) -> int:
        return len(self._items)

    def __contains__(self, key: Key) -> bool:
        return key in self._items

    def __repr__(self) -> str:
        reach = "complete" if self._complete else f"up to {self._bound}"
        return f"<Window {len(self)} of {self._capacity}, {reach}>"
