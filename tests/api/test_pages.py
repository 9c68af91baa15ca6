"""A page fits into a message, and the next goes on where it ended."""

from __future__ import annotations

from collections.abc import Sequence

import trio
from hypothesis import example, given
from hypothesis import strategies as st

from batchcalls.api.pages import PAGE_BYTES, page_that_fits
from batchcalls.v1.call_pb2 import Call
from tests.engine.world import run_virtual

KIB = 1024


def listed(sizes: Sequence[int], limit: int) -> list[list[int]]:
    """The pages of items of these sizes: which items each has."""

    async def ask(cursor: str, limit: int) -> tuple[list[Call], str]:
        begin = int(cursor or "0")
        end = min(begin + limit, len(sizes))
        calls = [Call(call_id=str(at), batch_id="x" * sizes[at]) for at in range(begin, end)]
        return calls, str(end) if end < len(sizes) else ""

    async def read() -> list[list[int]]:
        pages, cursor = [], ""
        while True:
            calls, cursor = await page_that_fits(ask, cursor, limit)
            assert len(calls) <= limit
            assert len(calls) == 1 or sum(call.ByteSize() for call in calls) <= PAGE_BYTES
            pages.append([int(call.call_id) for call in calls])
            if not cursor:
                return pages

    return run_virtual(read)


@given(
    st.lists(st.sampled_from([0, 100, 64 * KIB, 300 * KIB, 1_100 * KIB]), max_size=40),
    st.integers(1, 50),
)
@example([1_100 * KIB] * 3, 10)
def test_pages_have_every_item_once_and_fit(sizes: list[int], limit: int) -> None:
    """Whatever the items weigh; one that is above the limit alone has a page of its own."""
    pages = listed(sizes, limit)
    assert [item for page in pages for item in page] == list(range(len(sizes)))
    assert all(pages) or not sizes


def test_a_thousand_calls_with_large_scripts_are_many_pages() -> None:
    """They were one of 64 MiB, which hardly a client takes."""
    assert {len(page) for page in listed([64 * KIB] * 1_000, 1_000)} == {15, 10}


def test_a_page_of_small_items_is_as_long_as_was_asked() -> None:
    """It is read in steps; nobody sees them."""
    assert [len(page) for page in listed([300] * 1_500, 1_000)] == [1_000, 500]


def test_a_list_is_not_searched_to_its_end_for_one_page() -> None:
    """Where the store finds little in the part that it looks at, the page has as little."""
    asked: list[str] = []

    async def ask(cursor: str, limit: int) -> tuple[list[Call], str]:
        await trio.lowlevel.checkpoint()
        asked.append(cursor)
        return [Call()], "further on"

    async def read() -> tuple[list[Call], str]:
        return await page_that_fits(ask, "", 1_000)

    assert run_virtual(read) == ([Call()], "further on")
    assert asked == [""]
