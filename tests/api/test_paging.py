"""Pages have bounded sizes, and a token leads on in its own list alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchcalls.api.findings import Findings
from batchcalls.api.paging import (
    PAGE_OF_BATCHES,
    PAGE_OF_CALLS,
    PAGE_OF_EVENTS,
    PageSize,
    list_scope,
    page_cursor,
    page_size,
    page_token,
    place,
)
from batchcalls.core.model import CallStatus
from batchcalls.errors import InvalidRequest, Reason

SCOPE = list_scope("ListCalls", "batch_a", [CallStatus.FAILED])


@pytest.mark.parametrize(
    ("size", "default", "most"),
    [(PAGE_OF_BATCHES, 50, 500), (PAGE_OF_CALLS, 100, 1000), (PAGE_OF_EVENTS, 1000, 5000)],
)
def test_a_page_has_a_size(size: PageSize, default: int, most: int) -> None:
    """0 asks for the default, more than the most for the most."""
    findings = Findings()
    assert [page_size(findings, asked, size) for asked in (0, 1, most, most + 1)] == [
        default,
        1,
        most,
        most,
    ]
    findings.finish()


def test_a_negative_size_is_refused() -> None:
    """A page can't have fewer than no items."""
    findings = Findings()
    page_size(findings, -1, PAGE_OF_CALLS)
    with pytest.raises(InvalidRequest, match="page_size: must not be negative, not -1"):
        findings.finish()


@given(st.text(), st.text())
def test_a_token_gives_back_its_cursor(cursor: str, batch_id: str) -> None:
    """The cursor of the last item survives the way over the client."""
    scope = list_scope("ListCalls", batch_id)
    assert page_cursor(page_token(cursor, scope), scope) == cursor


@pytest.mark.parametrize("cursor", ["0", "7", "9" * 18])
def test_a_place_is_a_number(cursor: str) -> None:
    """Of as many digits as the store surely takes."""
    assert place(cursor) == int(cursor)


@pytest.mark.parametrize(
    "cursor", ["", "abc", "-1", "1.5", "9" * 19, "9" * 5_000, "٣", "1\n", " 1"]
)
def test_what_is_no_place_is_refused(cursor: str) -> None:
    """A client may have made the token up, digest and all."""
    with pytest.raises(InvalidRequest) as caught:
        place(cursor)
    assert caught.value.reason is Reason.INVALID_PAGE_TOKEN


def test_no_token_is_the_first_page() -> None:
    """An empty token has an empty cursor."""
    assert page_cursor("", SCOPE) == ""


def test_the_order_of_a_filter_is_nothing() -> None:
    """The same statuses in another order, or twice, are the same filter."""
    one = list_scope("ListCalls", "batch_a", [CallStatus.FAILED, CallStatus.PENDING])
    other = list_scope("ListCalls", "batch_a", ["pending", "failed", "failed"])
    assert one == other


@pytest.mark.parametrize(
    "scope",
    [
        list_scope("ListCalls", "batch_b", [CallStatus.FAILED]),
        list_scope("ListCalls", "batch_a", [CallStatus.PENDING]),
        list_scope("ListCalls", "batch_a", []),
        list_scope("ListBatches", "batch_a", [CallStatus.FAILED]),
    ],
)
def test_a_token_is_refused_in_another_list(scope: str) -> None:
    """Another batch, filter or RPC would read the cursor wrongly."""
    assert refused(page_token("5", scope))


@given(st.text() | st.text("ABCabc019-_", max_size=40))
def test_what_is_no_token_is_refused(token: str) -> None:
    """Any text that the server didn't make gives INVALID_PAGE_TOKEN and nothing else."""
    assert refused(token) or token == ""


@given(st.data())
def test_a_mangled_token_is_refused(data: st.DataObject) -> None:
    """One letter changed, added or lost is noticed."""
    token = page_token("12345", SCOPE)
    place = data.draw(st.integers(0, len(token) - 1))
    letter = data.draw(st.sampled_from(["", "A", "b", "=", " ", "é", token[place] * 2]))
    mangled = token[:place] + letter + token[place + 1 :]
    assert refused(mangled) or mangled == token


def refused(token: str) -> bool:
    try:
        page_cursor(token, SCOPE)
    except InvalidRequest as error:
        return error.reason is Reason.INVALID_PAGE_TOKEN
    return False


def test_the_refusal_names_the_field() -> None:
    """The path is the one of the request's field."""
    with pytest.raises(InvalidRequest) as caught:
        page_cursor("AAAA", SCOPE)
    assert [violation.field for violation in caught.value.violations] == ["page_token"]
