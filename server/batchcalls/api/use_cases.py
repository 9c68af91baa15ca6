"""All use cases of a server, for its doors to open to."""

from __future__ import annotations

from collections.abc import Collection

from batchcalls.api.batch_messages import BatchMessages
from batchcalls.api.batches import Batches
from batchcalls.api.calls import Calls
from batchcalls.api.events import Events
from batchcalls.api.loop import Loop
from batchcalls.api.streams import Streams
from batchcalls.api.submissions import Submissions
from batchcalls.api.validate import SubmitRules
from batchcalls.clock import Clock
from batchcalls.engine.engine import Engine


class UseCases:
    """What a server does for its callers, by what it is about.

    Nothing is decided here and no call is dialed: a use case checks its request, writes down what
    is wanted, or reads, and words the answer. The engine follows at its own pace. ``simulated``
    names the carriers that ring no phone.
    """

    def __init__(
        self,
        engine: Engine,
        loop: Loop,
        *,
        rules: SubmitRules,
        clock: Clock,
        simulated: Collection[str] = (),
    ) -> None:
        streams, messages = Streams(engine, loop), BatchMessages(simulated=simulated)
        self.submissions = Submissions(engine, loop, messages, rules=rules, clock=clock)
        self.batches = Batches(engine, loop, streams, messages)
        self.calls = Calls(engine, loop, streams)
        self.events = Events(streams)
