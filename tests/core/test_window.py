"""Windows: the smallest item of the window is the smallest of the store, whatever happens."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from batchcalls.core.window import Key, Window


@dataclass(frozen=True, slots=True)
class Item:
    """Something with a place in the order, and a version that tells it from its likes."""

    place: int
    version: int = 0


def key_of(item: Item) -> Key:
    return (item.place,)


def items(*places: int) -> list[Item]:
    return [Item(place) for place in places]


def window_of(*places: int, complete: bool = False, capacity: int = 4) -> Window[Item]:
    window = Window(capacity, key_of)
    window.refill(items(*places), complete=complete)
    return window


def drain(window: Window[Item]) -> list[int]:
    return [window.pop().place for _ in range(len(window))]


def refills_wanted_while_draining(window: Window[Item]) -> list[bool]:
    wanted = [window.wants_refill]
    while len(window):
        window.pop()
        wanted.append(window.wants_refill)
    return wanted


def test_a_new_window_is_empty_and_wants_a_refill() -> None:
    """A new window knows nothing: it is empty, incomplete, and bound to no key."""
    window = Window(4, key_of)
    assert (len(window), window.complete, window.bound) == (0, False, None)
    assert window.wants_refill
    assert window.peek() is None


def test_items_come_out_in_the_order_of_their_keys() -> None:
    """Pop gives the smallest item, peek shows it and leaves it."""
    window = window_of(2, 5, 9, complete=True)
    window.push(Item(7))
    window.push(Item(1))
    assert window.peek() == Item(1)
    assert drain(window) == [1, 2, 5, 7, 9]
    assert window.peek() is None


def test_an_incomplete_window_keeps_what_lies_within_its_bound() -> None:
    """A pushed item up to the bound stays; one beyond it is left to a later refill."""
    window = window_of(2, 5)
    for place in (1, 5, 6):
        window.push(Item(place))
    assert drain(window) == [1, 2, 5]


def test_a_new_window_keeps_nothing() -> None:
    """Before the first refill nobody knows what comes before the pushed item."""
    window = Window(4, key_of)
    window.push(Item(1))
    assert len(window) == 0


def test_the_bound_stays_when_the_items_are_gone() -> None:
    """Popping doesn't change what the window knows: new items up to the bound still belong."""
    window = window_of(2, 5)
    drain(window)
    assert window.bound == key_of(Item(5))
    window.push(Item(3))
    assert window.peek() == Item(3)


def test_a_complete_window_keeps_everything_up_to_twice_its_capacity() -> None:
    """The item after that trims the window to its capacity, and its bound to the last kept."""
    window = window_of(complete=True, capacity=3)
    for place in (6, 5, 4, 3, 2, 1):
        window.push(Item(place))
    assert (len(window), window.complete) == (6, True)
    window.push(Item(7))
    assert (len(window), window.complete, window.bound) == (3, False, (3,))
    assert drain(window) == [1, 2, 3]


def test_a_refill_of_too_many_items_is_trimmed() -> None:
    """A refill can't make the window larger than twice its capacity either."""
    window = window_of(*range(100), complete=True, capacity=3)
    assert (len(window), window.complete, window.bound) == (3, False, (2,))


def test_a_window_of_one_works() -> None:
    """The smallest capacity is one; the window wants a refill when it is empty."""
    window = window_of(1, 2, capacity=1)
    assert refills_wanted_while_draining(window) == [False, False, True]


def test_a_window_wants_a_refill_when_it_is_half_empty() -> None:
    """Half the capacity or less, and the store may have more."""
    window = window_of(1, 2, 3, 4, capacity=4)
    assert refills_wanted_while_draining(window) == [False, False, True, True, True]


def test_a_complete_window_never_wants_a_refill() -> None:
    """When the store has nothing else there is nothing to read."""
    window = window_of(1, complete=True)
    window.pop()
    assert not window.wants_refill


def test_a_refill_leaves_items_alone_that_are_here() -> None:
    """What the window holds is at least as new as what a refill brings."""
    window = window_of(1, 2)
    window.push(Item(2, version=1))
    window.refill(items(1, 2, 3), complete=True)
    assert [window.pop() for _ in range(3)] == [Item(1), Item(2, version=1), Item(3)]


def test_a_refill_may_begin_beyond_the_bound() -> None:
    """The store may be read from the bound on, which is cheaper than from the start."""
    window = window_of(1, 2)
    window.refill(items(3, 4), complete=False)
    assert window.bound == key_of(Item(4))
    assert drain(window) == [1, 2, 3, 4]


def test_an_empty_refill_that_is_complete_completes() -> None:
    """An empty store makes a complete window."""
    assert window_of(complete=True).complete


def test_a_refill_never_takes_back_what_is_known() -> None:
    """A shorter refill doesn't move the bound back, nor make a complete window incomplete."""
    window = window_of(1, 2, 3)
    window.refill(items(1), complete=False)
    assert window.bound == key_of(Item(3))
    window.refill(items(1, 2, 3), complete=True)
    window.refill(items(1), complete=False)
    assert window.complete


def test_pushing_an_item_again_replaces_it() -> None:
    """Two items never share a key; the later one counts, once."""
    window = window_of(1, complete=True)
    window.push(Item(1, version=1))
    assert window.pop() == Item(1, version=1)
    assert window.peek() is None


def test_a_discarded_item_is_gone() -> None:
    """Discard says whether the item was here; it doesn't come out any more."""
    window = window_of(1, 2, 3)
    assert window.discard((1,))
    assert not window.discard((1,))
    assert not window.discard((99,))
    assert (1,) not in window
    assert (2,) in window
    assert drain(window) == [2, 3]


def test_a_discarded_item_may_come_again() -> None:
    """Pushing after a discard brings the item back, once."""
    window = window_of(1, 2, complete=True)
    window.discard((2,))
    window.push(Item(2, version=1))
    assert [window.pop() for _ in range(2)] == [Item(1), Item(2, version=1)]
    assert window.peek() is None


def test_an_item_may_be_none() -> None:
    """Whatever an item is, discarding it works."""
    window: Window[None] = Window(4, lambda item: (0,))
    window.refill([None], complete=True)
    assert window.discard((0,))
    assert len(window) == 0


def test_a_cleared_window_is_as_new() -> None:
    """Clear forgets the items, the bound and the completeness."""
    window = window_of(1, 2, complete=True)
    window.clear()
    assert (len(window), window.complete, window.bound) == (0, False, None)
    assert window.wants_refill
    window.push(Item(1))
    assert len(window) == 0


def test_an_empty_window_has_nothing_to_pop() -> None:
    """Popping from an empty window is a bug."""
    with pytest.raises(AssertionError, match="nothing to pop"):
        window_of().pop()


def test_a_window_holds_at_least_one_item() -> None:
    """A capacity of zero is a bug."""
    with pytest.raises(AssertionError, match="at least one"):
        Window(0, key_of)


def test_items_taken_during_a_read_do_not_come_back() -> None:
    """A read that began before a call was taken must not bring the call a second time."""
    window = window_of(1, 2)
    window.begin_refill()
    window.pop()
    window.discard((2,))
    window.discard((3,))
    window.refill(items(1, 2, 3, 4), complete=True)
    assert drain(window) == [4]


def test_an_item_that_a_read_missed_is_not_lost() -> None:
    """A read that began before an item came is trusted up to that item only."""
    window = window_of(1)
    window.begin_refill()
    window.push(Item(5))
    window.push(Item(3))
    window.refill(items(1, 2, 4), complete=True)
    assert (window.complete, window.bound) == (False, (2,))
    assert drain(window) == [1, 2]
    window.refill(items(3, 4, 5), complete=True)
    assert drain(window) == [3, 4, 5]


def test_items_trimmed_during_a_read_are_not_lost() -> None:
    """A read beyond the old bound doesn't bring what a trim has put out meanwhile."""
    window = window_of(30, capacity=2)
    window.begin_refill()
    for place in (10, 11, 12, 13):
        window.push(Item(place))
    window.refill(items(40), complete=True)
    assert (window.complete, window.bound) == (False, (11,))
    assert drain(window) == [10, 11]


def test_clearing_during_a_read_makes_its_result_void() -> None:
    """What was read before everything was forgotten is forgotten too."""
    window = window_of(1)
    window.begin_refill()
    window.clear()
    window.refill(items(1, 2), complete=True)
    assert (len(window), window.complete, window.bound) == (0, False, None)
    window.refill(items(3), complete=True)
    assert drain(window) == [3]


def test_a_read_that_never_came_back_is_forgotten() -> None:
    """A failed read leaves no trace once the next one begins."""
    window = window_of(1)
    window.begin_refill()
    window.discard((2,))
    window.push(Item(3))
    window.begin_refill()
    window.refill(items(1, 2, 3), complete=True)
    assert drain(window) == [1, 2, 3]


def test_discarding_does_not_pile_up_garbage() -> None:
    """However often items are pushed, replaced and discarded, the memory stays in proportion."""
    window = window_of(0, complete=True)
    for place in range(1, 10_000):
        window.push(Item(place))
        window.discard((place,))
    for version in range(100):
        window.push(Item(0, version))
    assert len(window._heap) <= 2 * window.capacity + 1


def test_the_representation_tells_the_state() -> None:
    """The repr says how many items are here and how far the window reaches."""
    assert repr(window_of(1, 2)) == "<Window 2 of 4, up to (2,)>"
    assert repr(window_of(1, complete=True)) == "<Window 1 of 4, complete>"


PLACES = st.integers(0, 30)


class WindowAgainstItsStore(RuleBasedStateMachine):
    """A window beside a set that is its store; reads of the store may take their time.

    ``taken`` are places that were popped and that the store doesn't know to be taken yet.
    """

    def __init__(self) -> None:
        super().__init__()
        self.window = Window(3, key_of)
        self.store: set[int] = set()
        self.taken: set[int] = set()
        self.snapshot: list[int] | None = None

    @property
    def queue(self) -> set[int]:
        return self.store - self.taken

    @rule(place=PLACES)
    def push(self, place: int) -> None:
        if place not in self.store:
            self.store.add(place)
            self.window.push(Item(place))

    @precondition(lambda self: len(self.window) > 0)
    @rule(durable=st.booleans())
    def pop(self, durable: bool) -> None:
        smallest = min(self.queue)
        assert self.window.peek() == Item(smallest)
        assert self.window.pop() == Item(smallest)
        self.taken.add(smallest)
        if durable:
            self.settle()

    @rule()
    def settle(self) -> None:
        self.store -= self.taken
        self.taken.clear()

    @rule()
    def put_back(self) -> None:
        for place in self.taken:
            self.window.push(Item(place))
        self.taken.clear()

    @rule(place=PLACES)
    def discard(self, place: int) -> None:
        held = (place,) in self.window
        self.store.discard(place)
        self.taken.discard(place)
        assert self.window.discard((place,)) is held

    @precondition(lambda self: self.snapshot is None)
    @rule(beyond=st.booleans())
    def begin_read(self, beyond: bool) -> None:
        self.window.begin_refill()
        bound = self.window.bound
        low = bound[0] if beyond and bound is not None else -1
        self.snapshot = sorted(place for place in self.queue if place > low)

    @precondition(lambda self: self.snapshot is not None)
    @rule(count=st.integers(1, 8))
    def end_read(self, count: int) -> None:
        assert self.snapshot is not None
        read = self.snapshot[:count]
        self.window.refill(items(*read), complete=len(read) == len(self.snapshot))
        self.snapshot = None

    @precondition(lambda self: self.snapshot is None)
    @rule(count=st.integers(1, 8))
    def refill_at_once(self, count: int) -> None:
        self.begin_read(beyond=False)
        self.end_read(count)
        assert len(self.window) >= min(count, len(self.queue), self.window.capacity)

    @rule()
    def clear(self) -> None:
        self.window.clear()

    @invariant()
    def holds_exactly_what_it_claims(self) -> None:
        """Complete: all of the queue. Otherwise: all of it up to the bound, and nothing else."""
        window = self.window
        held = {place for place in range(31) if (place,) in window}
        if window.complete:
            assert held == self.queue
        elif window.bound is None:
            assert not held
        else:
            assert held == {place for place in self.queue if (place,) <= window.bound}
        assert len(window) == len(held) <= 2 * window.capacity

    @invariant()
    def shows_the_smallest(self) -> None:
        """Whatever the window shows is the smallest of the queue."""
        first = self.window.peek()
        assert first is None or first.place == min(self.queue)


class TestWindowAgainstItsStore(WindowAgainstItsStore.TestCase):  # type: ignore[misc, valid-type]  # made by hypothesis
    """In any order of events the window never lies about its store."""

    settings = settings(max_examples=300, stateful_step_count=40, deadline=None)
