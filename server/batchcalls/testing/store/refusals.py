"""A submission whose ids are taken is refused, and touches nothing else."""

from __future__ import annotations

from typing import Final

from batchcalls.core.changes import BatchSubmitted
from batchcalls.store.contract import Refusal
from batchcalls.testing.breach import require_equal
from batchcalls.testing.store.bench import Bench, Books, Rule, StoreFactory, fresh
from batchcalls.testing.store.changes import canceled, dialed, submitted

_FIRST: Final = Refusal("batch_a", "r", b"1")


def a_taken_batch_id_is_refused(open_store: StoreFactory) -> None:
    """Also that of a batch that has ended; its request id and digest are told."""
    _require_refused(open_store, submitted("batch_a", digest=b"2"))


def a_request_id_used_again_is_refused(open_store: StoreFactory) -> None:
    """The answer names the batch that the request made."""
    _require_refused(open_store, submitted("batch_c", request_id="r", digest=b"2"))


def _require_refused(open_store: StoreFactory, again: BatchSubmitted) -> None:
    with fresh(open_store) as bench:
        bench.commit(submitted("batch_a", request_id="r", digest=b"1"), canceled(0, 1, 2))
        ended = bench.portrait()
        others = submitted("batch_b"), submitted("batch_d", calls=1)
        result = bench.store.commit(Books().group(others[0], again, others[1]))
        require_equal(
            result.refused, {again.batch_id: _FIRST}, "a submission with a taken id must be refused"
        )
        require_equal(_batch_ids(bench), ["batch_a", "batch_b", "batch_d"], _REST)
        for other in others:
            stored = len(bench.calls(other.batch_id))
            require_equal(stored, len(other.calls), _REST)
        require_equal(len(result.payloads), 2, "a refused submission must answer no events")
        kept = bench.calls("batch_a"), bench.events("batch_a")
        require_equal([(bench.store.batch("batch_a"), *kept)], ended, _REST)


_REST: Final = "a refused submission must write nothing, and the rest of its group all of it"


def of_two_in_one_group_the_first_is_stored(open_store: StoreFactory) -> None:
    """The second is refused with the first one's ids, and all else of its batch is left out."""
    with fresh(open_store) as bench:
        group = Books().group(
            submitted("batch_a", request_id="r", digest=b"1"),
            submitted("batch_b", request_id="r", digest=b"2"),
            dialed(0, batch_id="batch_b"),
        )
        result = bench.store.commit(group)
        require_equal(
            result.refused,
            {"batch_b": _FIRST},
            "of two submissions with one request id in one group the second must be refused",
        )
        require_equal(_batch_ids(bench), ["batch_a"], _REST)
        require_equal(bench.events("batch_b"), [], _REST)
        require_equal(len(result.payloads), 1, "a refused submission must answer no events")


def the_request_id_goes_before_the_batch_id(open_store: StoreFactory) -> None:
    """Where both ids are taken, by different batches, the one with the request id is named."""
    with fresh(open_store) as bench:
        bench.commit(submitted("batch_a"), submitted("batch_b", request_id="r"))
        result = bench.store.commit(Books().group(submitted("batch_a", request_id="r")))
        require_equal(
            [refusal.batch_id for refusal in result.refused.values()],
            ["batch_b"],
            "the batch with the request id must be named before the one with the batch id",
        )


def no_request_id_collides_with_none(open_store: StoreFactory) -> None:
    """An empty request id is none: any number of batches may have it."""
    with fresh(open_store) as bench:
        result = bench.commit(submitted("batch_a"), submitted("batch_b"))
        require_equal(result.refused, {}, "batches without a request id must not collide")
        require_equal(_batch_ids(bench), ["batch_a", "batch_b"], _REST)


def _batch_ids(bench: Bench) -> list[str]:
    return sorted(batch.batch_id for batch in bench.store.batch_page(limit=99).batches)


RULES: Final[tuple[Rule, ...]] = (
    a_taken_batch_id_is_refused,
    a_request_id_used_again_is_refused,
    of_two_in_one_group_the_first_is_stored,
    the_request_id_goes_before_the_batch_id,
    no_request_id_collides_with_none,
)
