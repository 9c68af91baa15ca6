"""One batch, one call, the end of one log: what is found, and what isn't there."""

from __future__ import annotations

from typing import Final

from batchcalls.store.contract import CallPage
from batchcalls.testing.breach import require_equal
from batchcalls.testing.store.bench import Rule, StoreFactory, fresh
from batchcalls.testing.store.changes import submitted
from batchcalls.testing.store.pages import commit_batches, commit_log

_NOTHING: Final = "what isn't stored must be None, and its page of calls empty"


def a_call_is_what_its_page_shows(open_store: StoreFactory) -> None:
    """One call by its position, with its attempts."""
    with fresh(open_store) as bench:
        commit_log(bench)
        calls = bench.calls()
        require_equal(
            [len(call.attempts) for call in calls], [1, 1, 1], "a call must come with its attempts"
        )
        for call in calls:
            found = bench.store.call("batch_a", call.position)
            require_equal(found, call, "a call must be what its page shows")


def the_log_of_an_ended_batch_says_so(open_store: StoreFactory) -> None:
    """A reader at the end of a final batch's log knows that nothing will follow."""
    with fresh(open_store) as bench:
        commit_batches(bench)
        page = bench.store.event_page("batch_1", after=4, limit=9)
        require_equal(
            page and (list(page.events), page.upto, page.last_sequence, page.final),
            ([], 4, 4, True),
            "the log of an ended batch must be final",
        )


def a_batch_is_found_by_its_request(open_store: StoreFactory) -> None:
    """The batch that the request with that id made, and None for any other id."""
    with fresh(open_store) as bench:
        bench.commit(submitted("batch_a", request_id="r"), submitted("batch_b"))
        found = bench.store.batch_of_request("r")
        require_equal(found, bench.books.batch("batch_a"), "a request must lead to its batch")
        require_equal(bench.store.batch_of_request("x"), None, _NOTHING)


def what_does_not_exist_is_none(open_store: StoreFactory) -> None:
    """No batch, no call, no log."""
    with fresh(open_store) as bench:
        commit_log(bench)
        store = bench.store
        found = (
            store.batch("batch_x"),
            store.call("batch_x", 0),
            store.call("batch_a", 3),
            store.event_page("batch_x", limit=9),
        )
        require_equal(found, (None, None, None, None), _NOTHING)
        page = store.call_page("batch_x", limit=9)
        require_equal(page, CallPage(calls=[], next_after=None), _NOTHING)


RULES: Final[tuple[Rule, ...]] = (
    a_call_is_what_its_page_shows,
    the_log_of_an_ended_batch_says_so,
    a_batch_is_found_by_its_request,
    what_does_not_exist_is_none,
)
