"""The tables, once, for every database.

Constraints repeat the model's invariants: a bug that would break a promise (the counts add
up, no attempt number is written twice, a final batch has no open call) fails the transaction
instead. Times are microseconds since the epoch, 0 where there is none. What a client gave
for a call, and each event, are kept as the serialized messages of ``batchcalls.v1``, since
that is what is read back; columns hold what is searched, ordered, counted or changed.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    text,
)

from batchcalls.core.model import BatchStatus, CallStatus, Outcome, RetryOrder

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(constraint_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

_KEY: Final = BigInteger().with_variant(Integer, "sqlite")
"""SQLite gives out keys by itself for a column whose type is exactly INTEGER."""


QUEUED: Final = "status IN ('pending', 'retrying')"
"""What is true of a call that waits to be dialed; queries say it in these very words, so that
the database sees that the index of the queue serves them."""


def _one_of(column: str, words: Iterable[StrEnum]) -> str:
    listed = ", ".join(f"'{word}'" for word in words)
    return f"{column} IN ({listed})"


batches = Table(
    "batches",
    metadata,
    Column("batch_key", _KEY, primary_key=True, autoincrement=True),
    Column("batch_id", Text, nullable=False, unique=True),
    Column("request_id", Text, unique=True),
    Column("request_digest", LargeBinary, nullable=False),
    Column("status", Text, nullable=False),
    Column("started", Boolean, nullable=False),
    Column("hang_up", Boolean, nullable=False),
    Column("display_name", Text, nullable=False),
    Column("labels", Text, nullable=False),
    Column("carrier", Text, nullable=False),
    Column("concurrency", Integer, nullable=False),
    Column("max_calls_per_second", Float, nullable=False),
    Column("priority", Integer, nullable=False),
    Column("retry_config", LargeBinary, nullable=False),
    Column("retry_order", Text, nullable=False),
    Column("call_defaults", LargeBinary, nullable=False),
    Column("callback_url", Text, nullable=False),
    Column("start_time_us", BigInteger, nullable=False),
    Column("total_calls", BigInteger, nullable=False),
    Column("pending_calls", BigInteger, nullable=False),
    Column("in_progress", BigInteger, nullable=False),
    Column("retrying_calls", BigInteger, nullable=False),
    Column("completed_calls", BigInteger, nullable=False),
    Column("failed_calls", BigInteger, nullable=False),
    Column("canceled_calls", BigInteger, nullable=False),
    Column("voicemail_calls", BigInteger, nullable=False),
    Column("attempts", BigInteger, nullable=False),
    Column("last_sequence", BigInteger, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("create_time_us", BigInteger, nullable=False),
    Column("update_time_us", BigInteger, nullable=False),
    Column("end_time_us", BigInteger, nullable=False),
    CheckConstraint(_one_of("status", BatchStatus), name="status"),
    CheckConstraint("concurrency >= 1", name="concurrency"),
    CheckConstraint("priority BETWEEN 1 AND 100", name="priority"),
    CheckConstraint(_one_of("retry_order", RetryOrder), name="retry_order"),
    CheckConstraint(
        "pending_calls >= 0 AND in_progress >= 0 AND retrying_calls >= 0"
        " AND completed_calls >= 0 AND failed_calls >= 0 AND canceled_calls >= 0",
        name="counts",
    ),
    CheckConstraint(
        "pending_calls + in_progress + retrying_calls"
        " + completed_calls + failed_calls + canceled_calls = total_calls",
        name="total",
    ),
    CheckConstraint("voicemail_calls BETWEEN 0 AND completed_calls", name="voicemail"),
    CheckConstraint(
        "status NOT IN ('completed', 'failed', 'canceled')"
        " OR (pending_calls = 0 AND in_progress = 0 AND retrying_calls = 0 AND end_time_us > 0)",
        name="final",
    ),
    Index(
        "open",
        "batch_key",
        sqlite_where=text("end_time_us = 0"),
        postgresql_where=text("end_time_us = 0"),
    ),
    sqlite_autoincrement=True,
)

calls = Table(
    "calls",
    metadata,
    Column("batch_key", ForeignKey("batches.batch_key"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("status", Text, nullable=False),
    Column("outcome", Text),
    Column("priority", Integer, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("dials", Integer, nullable=False),
    Column("due_time_us", BigInteger, nullable=False),
    Column("spec", LargeBinary, nullable=False),
    Column("create_time_us", BigInteger, nullable=False),
    Column("update_time_us", BigInteger, nullable=False),
    Column("end_time_us", BigInteger, nullable=False),
    CheckConstraint(_one_of("status", CallStatus), name="status"),
    CheckConstraint(f"outcome IS NULL OR {_one_of('outcome', Outcome)}", name="outcome"),
    CheckConstraint("attempts >= 0 AND attempts <= dials", name="attempts"),
    CheckConstraint("status <> 'retrying' OR due_time_us > 0", name="retry"),
    CheckConstraint("status IN ('pending', 'retrying') OR due_time_us = 0", name="due"),
    CheckConstraint("status <> 'pending' OR attempts = 0", name="pending"),
    CheckConstraint("status NOT IN ('in_progress', 'retrying') OR attempts > 0", name="dialed"),
    Index(
        "queue",
        "batch_key",
        text("priority DESC"),
        "due_time_us",
        "position",
        sqlite_where=text(QUEUED),
        postgresql_where=text(QUEUED),
    ),
    sqlite_with_rowid=False,
)

attempts = Table(
    "attempts",
    metadata,
    Column("batch_key", ForeignKey("batches.batch_key"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("dial", Integer, nullable=False),
    Column("outcome", Text),
    Column("carrier", Text, nullable=False),
    Column("carrier_call_id", Text, nullable=False),
    Column("carrier_code", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("start_time_us", BigInteger, nullable=False),
    Column("ring_time_us", BigInteger, nullable=False),
    Column("answer_time_us", BigInteger, nullable=False),
    Column("end_time_us", BigInteger, nullable=False),
    CheckConstraint("number >= 1 AND number <= dial", name="number"),
    CheckConstraint(f"outcome IS NULL OR {_one_of('outcome', Outcome)}", name="outcome"),
    CheckConstraint("outcome IS NULL OR outcome <> 'throttled'", name="counts"),
    CheckConstraint("(outcome IS NULL) = (end_time_us = 0)", name="ended"),
    Index(
        "open",
        "batch_key",
        "position",
        sqlite_where=text("outcome IS NULL"),
        postgresql_where=text("outcome IS NULL"),
    ),
    sqlite_with_rowid=False,
)

events = Table(
    "events",
    metadata,
    Column("batch_key", ForeignKey("batches.batch_key"), primary_key=True),
    Column("sequence", BigInteger, primary_key=True),
    Column("type", Text, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    CheckConstraint("sequence >= 1", name="sequence"),
    sqlite_with_rowid=False,
)

heartbeat = Table(
    "heartbeat",
    metadata,
    Column("heartbeat_key", Integer, primary_key=True, autoincrement=False),
    Column("time_us", BigInteger, nullable=False),
    Column("ballast", LargeBinary, nullable=False),
    CheckConstraint("heartbeat_key = 1", name="single"),
)
"""One row, written to find out whether the store can commit again."""
