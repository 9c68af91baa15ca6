"""Whether and when the reader of a lost stream opens it again.

It decides and does nothing: it knows no clock and no loop, so that clients of any kind come back
in the same way. It doesn't know where a stream resumes either; that is the
reader's position, such as the last sequence of an event stream.

The rule: what the service said is obeyed (``RpcFailed.resumable``); what it didn't say was the
transport, and the reader comes back with backoff.

Theory: a server that restarts is gone for seconds, and all of its readers come back at once.
So delays double from ``FIRST_DELAY_S`` to ``LONGEST_DELAY_S``, each is spread evenly over its
upper half, and any answer starts them afresh. A server that never answered is more likely a
wrong address than a restart: it gets no patience.
"""

from __future__ import annotations

import math
from random import Random

from batchcalls.client.failure import RpcFailed

FIRST_DELAY_S = 0.1
LONGEST_DELAY_S = 5.0


class Patience:
    """The waits of one reader between the loss of its stream and the next try.

    ``limit_s`` is for how long, in seconds, a server that has answered may be gone in one go
    (at least 0, by default for ever); ``random`` spreads the waits.
    """

    def __init__(self, *, limit_s: float = math.inf, random: Random | None = None) -> None:
        self._limit_s = limit_s
        self._random = random or Random()
        self._answered = False
        self._lost_at_s: float | None = None
        self._delay_s = FIRST_DELAY_S

    def __repr__(self) -> str:
        answered = "answered" if self._answered else "never answered"
        return f"<Patience limit_s={self._limit_s} {answered} lost_at_s={self._lost_at_s}>"

    def renew(self) -> None:
        """The server has answered: it may be gone for the whole limit again."""
        self._answered = True
        self._lost_at_s = None
        self._delay_s = FIRST_DELAY_S

    def after(self, failure: RpcFailed, now_s: float) -> float | None:
        """How long to wait after a stream ended so; None means to give up. See ``next_delay_s``."""
        if not failure.resumable:
            return None
        self._answered |= failure.by_service
        return self.next_delay_s(now_s, asked_s=failure.retry_after_s or 0.0)

    def next_delay_s(self, now_s: float, *, asked_s: float = 0.0) -> float | None:
        """How long to wait before the next try, in seconds; None means to give up.

        ``now_s`` is any monotonic time; ``asked_s`` is what the server asked for: no less, and
        half as much more at most, so that not all come back at once. The last wait ends when the
        limit does, so that the whole of it is used.
        """
        if not self._answered:
            return None
        if self._lost_at_s is None:
            self._lost_at_s = now_s
        left_s = self._lost_at_s + self._limit_s - now_s
        if left_s <= 0:
            return None
        delay_s = self._delay_s * self._random.uniform(0.5, 1.0)
        self._delay_s = min(self._delay_s * 2, LONGEST_DELAY_S)
        delay_s = max(delay_s, asked_s * self._random.uniform(1.0, 1.5))
        return min(delay_s, left_s)
