"""Messages that are remembered are those of the batch as it stands."""

from __future__ import annotations

from dataclasses import replace

from batchcalls.api.batch_messages import BatchMessages
from batchcalls.core.model import Batch, BatchSettings, BatchSpec, BatchStatus, Counts
from batchcalls.wire.state import batch_to_proto

BATCH = Batch(
    spec=BatchSpec(batch_id="batch_a", carrier="any", settings=BatchSettings(concurrency=1)),
    status=BatchStatus.RUNNING,
    counts=Counts(pending=1),
)


def test_a_batch_that_has_not_changed_has_one_message() -> None:
    """It is made once, however often one asks."""
    messages = BatchMessages()
    assert messages.of(BATCH) is messages.of(replace(BATCH))
    assert messages.of(BATCH) == batch_to_proto(BATCH)


def test_a_batch_that_has_changed_is_told_as_it_is_now() -> None:
    """Another revision, and another batch, have messages of their own."""
    messages = BatchMessages()
    messages.of(BATCH)
    paused = replace(BATCH, status=BatchStatus.PAUSED, revision=BATCH.revision + 1)
    other = replace(BATCH, spec=replace(BATCH.spec, batch_id="batch_b"))
    for batch in (paused, other):
        assert messages.of(batch) == batch_to_proto(batch)


def test_only_so_many_messages_are_remembered() -> None:
    """Whoever looks at all batches there are fills no memory."""
    messages = BatchMessages(most=10)
    for number in range(1_000):
        spec = replace(BATCH.spec, batch_id=f"batch_{number}")
        messages.of(replace(BATCH, spec=spec))
        assert len(messages) <= 10


def test_a_batch_of_a_simulated_carrier_is_said_to_be_simulated() -> None:
    """By every message of it, remembered or not; those of other carriers aren't."""
    messages = BatchMessages(simulated=["any"])
    assert messages.of(BATCH).simulated
    assert messages.new(BATCH).simulated
    real = replace(BATCH, spec=replace(BATCH.spec, batch_id="batch_b", carrier="other"))
    assert not messages.of(real).simulated
