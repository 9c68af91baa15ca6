"""When the reader of a lost stream comes back."""

from __future__ import annotations

from random import Random

import grpc
from hypothesis import given
from hypothesis import strategies as st

from batchcalls.client.failure import RpcFailed
from batchcalls.client.resume import FIRST_DELAY_S, LONGEST_DELAY_S, Patience


def test_a_server_that_never_answered_gets_no_patience() -> None:
    """A wrong address is told at once."""
    assert Patience().next_delay_s(0.0) is None


def test_a_patience_without_limit_never_ends() -> None:
    """A consumer that should run for ever waits for ever."""
    patience = Patience(random=Random(1))
    patience.renew()
    assert all(patience.next_delay_s(10.0**power) is not None for power in range(9))


@given(limit_s=st.floats(0, 1_000), seed=st.integers())
def test_waits_fill_the_limit_and_never_pass_it(limit_s: float, seed: int) -> None:
    """The last try comes when the limit ends, neither before nor after."""
    patience = Patience(limit_s=limit_s, random=Random(seed))
    patience.renew()
    now_s = 0.0
    while (delay_s := patience.next_delay_s(now_s)) is not None:
        assert 0 < delay_s <= LONGEST_DELAY_S
        now_s += delay_s
        assert now_s <= limit_s * (1 + 1e-9)
    assert now_s >= limit_s * (1 - 1e-9)


@given(seed=st.integers())
def test_waits_double_up_to_the_longest_and_are_spread(seed: int) -> None:
    """Each wait is from half of its step to the whole of it."""
    patience = Patience(random=Random(seed))
    patience.renew()
    for step in range(10):
        whole_s = min(FIRST_DELAY_S * 2**step, LONGEST_DELAY_S)
        delay_s = patience.next_delay_s(0.0)
        assert delay_s is not None
        assert whole_s / 2 <= delay_s <= whole_s


def test_an_answer_renews_patience() -> None:
    """The limit is for one absence, and the waits start short again."""
    patience = Patience(limit_s=10.0)
    patience.renew()
    patience.next_delay_s(0.0)
    assert patience.next_delay_s(10.0) is None
    patience.renew()
    delay_s = patience.next_delay_s(100.0)
    assert delay_s is not None
    assert delay_s <= FIRST_DELAY_S


def test_a_server_that_names_a_delay_is_given_it() -> None:
    """No reader comes sooner, nor all of them at once; and it has answered, if only to say so."""
    patience = Patience(random=Random(1))
    failure = RpcFailed(
        "it ends", code=grpc.StatusCode.UNAVAILABLE, retry_after_s=1.0, by_service=True
    )
    delays = [patience.after(failure, 0.0) for _ in range(5)]
    assert all(delay is not None and 1.0 <= delay <= 1.5 for delay in delays)
    assert len(set(delays)) == 5


def test_what_is_final_is_not_tried_again() -> None:
    """However patient the reader is."""
    patience = Patience()
    patience.renew()
    refused = RpcFailed("no such batch", code=grpc.StatusCode.NOT_FOUND, by_service=True)
    assert patience.after(refused, 0.0) is None
