"""A commit writes a whole group, and answers its events; or it writes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from batchcalls.core.changes import CallEnded, Change, NewCall
from batchcalls.store.contract import Committed, Group
from batchcalls.testing.breach import BrokenContract, require, require_equal
from batchcalls.testing.store.bench import Bench, Rule, StoreFactory, fresh
from batchcalls.testing.store.changes import (
    answered,
    canceled,
    completed,
    dialed,
    effects_alone,
    retried,
    returned,
    submitted,
)
from batchcalls.v1 import call_pb2, event_pb2
from batchcalls.wire.state import event_to_proto

_IMPOSSIBLE: Final[Sequence[Change]] = (
    answered(1),
    answered(3),
    completed(1),
    completed(0, number=2, dial=2),
    retried(1),
    returned(1),
    returned(0, number=2, dial=2),
    dialed(0, number=2, dial=2),
    dialed(1, number=1, dial=3),
    canceled(0),
    canceled(1, 0),
)
"""What can't happen where call 0 is up, 1 and 2 were never dialed, and 3 is over."""

_ODD_TEXTS: Final = (
    *("", " ", "'", '"', "\\", "\\u0041", "\\n", "'; DROP TABLE calls; --", "%s :name ? $1 {0}"),
    *("null", "true", "0", "007", "1e5", "NaN", "[1]", '{"a": [1]}', "{1,2}", "\\x41", "a,b"),
    *("\u2028\u2029", "\ufeff", "\u00e9 e\u0301", "\u0645\u0631\u062d\u0628\u0627", "\U0001f600"),
)
"""What a writer might take for something else: another type, an escape, a part of a statement."""

_ODD_SPECS: Final = (
    (b"",),
    (b"", b""),
    (b"", call_pb2.CallSpec(metadata={"a": "\0"}).SerializeToString(), b""),
    tuple(call_pb2.CallSpec(reference_id="x" * length).SerializeToString() for length in range(99)),
)
"""Bytes of all lengths, and of none."""


def a_submission_is_stored_whole(open_store: StoreFactory) -> None:
    """The batch, its calls and its first event are there after one commit."""
    with fresh(open_store) as bench:
        change = submitted(priorities=[0, 2, -1])
        bench.commit(change)
        bench.require_as_in_the_books()
        stored = [call.spec for call in bench.calls()]
        given = [call.spec for call in change.calls]
        require_equal(stored, given, "the calls of a submission must be stored as given")
        require(not bench.store.is_empty(), "a store with a batch must not be empty")


def a_spec_is_kept_to_the_byte(open_store: StoreFactory) -> None:
    """However long it and those beside it are."""
    for specs in _ODD_SPECS:
        with fresh(open_store) as bench:
            calls = [NewCall(0, spec) for spec in specs]
            bench.commit(replace(submitted(calls=len(calls)), calls=calls))
            stored = [call.spec for call in bench.calls()]
            require_equal(stored, list(specs), "a spec must be kept to the byte")


def texts_are_kept_to_the_letter(open_store: StoreFactory) -> None:
    """What a carrier told, as the border let it through, is read as it was told."""
    with fresh(open_store) as bench:
        bench.commit(submitted(calls=len(_ODD_TEXTS)))
        bench.commit(*(dialed(position) for position in range(len(_ODD_TEXTS))))
        ends = [_told(position, text) for position, text in enumerate(_ODD_TEXTS)]
        bench.commit(*ends)
        stored = [attempt for call in bench.calls() for attempt in call.attempts]
        given = [end.attempt for end in ends]
        require_equal(stored, given, "texts must be kept to the letter")


def _told(position: int, text: str) -> CallEnded:
    end = completed(position)
    attempt = replace(end.attempt, carrier_call_id=text, carrier_code=text, detail=text)
    return replace(end, attempt=attempt)


def an_empty_group_changes_nothing(open_store: StoreFactory) -> None:
    """There is nothing to write, and nothing is."""
    with fresh(open_store) as bench:
        require_equal(bench.store.commit(Group()), Committed(), "an empty group leaves nothing")
        require(bench.store.is_empty(), "an empty group must write nothing")


def every_event_is_stored_as_it_was_answered(open_store: StoreFactory) -> None:
    """A commit answers the events of the group, serialized, in order; the log has the same."""
    with fresh(open_store) as bench:
        bench.commit(submitted(calls=2))
        group = bench.books.group(dialed(0), submitted("batch_b", calls=1), dialed(1))
        payloads = bench.store.commit(group).payloads
        messages = [event_to_proto(event) for write in group.writes for event in write.events]
        require_equal(
            [event_pb2.Event.FromString(payload) for payload in payloads],
            messages,
            "a commit must answer the events of its group, in order",
        )
        stored = [*bench.events()[1:], *bench.events("batch_b")]
        require_equal(
            sorted(payload for _, payload in stored),
            sorted(payloads),
            "an event must be read as it was answered by its commit",
        )


def a_group_is_all_or_nothing(open_store: StoreFactory) -> None:
    """A call that isn't as the engine believed is a bug: the whole group is left unwritten."""
    for lost in _IMPOSSIBLE:
        with fresh(open_store) as bench:
            for changes in ([submitted(calls=4)], [dialed(0), dialed(3)], [completed(3)]):
                bench.commit(*changes)
            before = bench.portrait()
            group = bench.books.group(dialed(2), submitted("batch_b"))
            _require_refused(bench, group, lost)
            require_equal(
                bench.portrait(), before, f"a group that finds no row must leave nothing: {lost!r}"
            )
            bench.store.commit(group)
            bench.require_as_in_the_books()


def _require_refused(bench: Bench, group: Group, lost: Change) -> None:
    try:
        bench.store.commit(Group([*group.writes, effects_alone(lost)], group.batches))
    except AssertionError:
        return
    raise BrokenContract(f"a change that finds no row must raise AssertionError: {lost!r}")


RULES: Final[tuple[Rule, ...]] = (
    a_submission_is_stored_whole,
    a_spec_is_kept_to_the_byte,
    texts_are_kept_to_the_letter,
    an_empty_group_changes_nothing,
    every_event_is_stored_as_it_was_answered,
    a_group_is_all_or_nothing,
)
