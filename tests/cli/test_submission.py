"""Submissions that are repeated: nobody is called a second time unless somebody says so."""

from __future__ import annotations

import json
import time

import pytest

from batchcalls.cli.submission import RECENT_S, content_id, fresh_id, is_same_wish
from batchcalls.document import batch_request
from batchcalls.v1.batch_pb2 import (
    BATCH_STATUS_CANCELED,
    BATCH_STATUS_CANCELING,
    Batch,
    BatchStatus,
)
from tests.cli.conftest import Run

CALL = {"phone_number": "+15550100000", "script": {"text": "Hello."}}


def document(**changes: object) -> str:
    return json.dumps({"calls": [CALL], **changes})


def test_the_same_content_is_the_same_request() -> None:
    """However the file is written, and in whatever order its keys stand."""
    first = {"calls": [{**CALL, "variables": {"a": "1", "b": "2"}}], "concurrency": 2}
    second = {"concurrency": 2.0, "calls": [{"variables": {"b": "2", "a": "1"}, **CALL}]}
    assert content_id(batch_request(first)) == content_id(batch_request(second))


@pytest.mark.parametrize(
    "changes",
    [{"calls": [CALL, CALL]}, {"display_name": "Tuesday"}, {"batch_id": "batch_b"}],
)
def test_other_content_is_another_request(changes: dict[str, object]) -> None:
    """Whoever changes anything submits something else."""
    same = content_id(batch_request({"calls": [CALL]}))
    assert content_id(batch_request({"calls": [CALL], **changes})) != same


def test_an_id_of_a_request_is_within_the_limit_of_the_server() -> None:
    """And one that is like no other is like no other."""
    assert len(content_id(batch_request({"calls": [CALL]}))) <= 128
    assert fresh_id() != fresh_id()


def test_the_same_wish_is_what_was_submitted_a_moment_ago() -> None:
    """Measured by when the batch was made."""
    batch = Batch()
    batch.create_time.FromSeconds(int(time.time()))
    assert is_same_wish(batch)
    batch.create_time.FromSeconds(int(time.time() - RECENT_S - 5))
    assert not is_same_wish(batch)


@pytest.mark.parametrize("status", [BATCH_STATUS_CANCELING, BATCH_STATUS_CANCELED])
def test_who_canceled_a_batch_means_another(status: BatchStatus.ValueType) -> None:
    """It must not look as if anybody would be called after all."""
    batch = Batch(status=status)
    batch.create_time.FromSeconds(int(time.time()))
    assert not is_same_wish(batch)


def test_what_was_submitted_long_ago_is_not_submitted_again(run: Run) -> None:
    """A nightly job must not look as if it had called anybody: it is refused, with the way out."""
    ended = run("submit", "-", stdin=document(display_name="old"))
    assert (ended.code, ended.out) == (2, "")
    assert "at 2001-09-09 " in ended.err
    assert "nobody is called again for it; --again submits it once more" in ended.err
    again = run("submit", "-", "--again", stdin=document(display_name="old"))
    assert (again.code, again.out, again.err) == (0, "batch_done\n", "")


@pytest.mark.parametrize("chosen", ["--request-id", "document"])
def test_an_id_of_the_clients_own_can_be_repeated_at_any_time(run: Run, chosen: str) -> None:
    """It says what it means: the first answer again, with a word about it."""
    own = {"request_id": "r"} if chosen == "document" else {}
    options = [] if own else ["--request-id", "r"]
    text = document(display_name="old", **own)
    ended = run("submit", "-", *options, stdin=text)
    assert (ended.code, ended.out) == (0, "batch_done\n")
    assert "the same was submitted" in ended.err


def test_again_needs_no_id(run: Run) -> None:
    """Both at once is a contradiction."""
    assert run("submit", "-", "--again", "--request-id", "r", stdin=document()).code == 2


def test_an_answer_that_is_lost_is_asked_for_again(run: Run) -> None:
    """By the same request, so that there is one batch; the command ends well."""
    ended = run("submit", "-", "--json", stdin=document(batch_id="batch_lost"))
    assert ended.code == 0, ended.err
    assert "no answer from" in ended.err
    assert json.loads(ended.out)["display_name"] == "1"
