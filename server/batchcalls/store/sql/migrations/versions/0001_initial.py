"""The first schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _create_batches()
    _create_heartbeat()
    _create_attempts()
    _create_calls()
    _create_events()


def _create_batches() -> None:
    op.create_table(
        "batches",
        sa.Column("batch_key", _KEY, autoincrement=True, nullable=False),
        sa.Column("batch_id", sa.Text(), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=True),
        sa.Column("request_digest", sa.LargeBinary(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("started", sa.Boolean(), nullable=False),
        sa.Column("hang_up", sa.Boolean(), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("labels", sa.Text(), nullable=False),
        sa.Column("carrier", sa.Text(), nullable=False),
        sa.Column("concurrency", sa.Integer(), nullable=False),
        sa.Column("max_calls_per_second", sa.Float(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("retry_config", sa.LargeBinary(), nullable=False),
        sa.Column("call_defaults", sa.LargeBinary(), nullable=False),
        sa.Column("callback_url", sa.Text(), nullable=False),
        sa.Column("start_time_us", sa.BigInteger(), nullable=False),
        sa.Column("total_calls", sa.BigInteger(), nullable=False),
        sa.Column("pending_calls", sa.BigInteger(), nullable=False),
        sa.Column("in_progress", sa.BigInteger(), nullable=False),
        sa.Column("retrying_calls", sa.BigInteger(), nullable=False),
        sa.Column("completed_calls", sa.BigInteger(), nullable=False),
        sa.Column("failed_calls", sa.BigInteger(), nullable=False),
        sa.Column("canceled_calls", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.BigInteger(), nullable=False),
        sa.Column("last_sequence", sa.BigInteger(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("create_time_us", sa.BigInteger(), nullable=False),
        sa.Column("update_time_us", sa.BigInteger(), nullable=False),
        sa.Column("end_time_us", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "status IN ('scheduled', 'running', 'paused', 'canceling', 'completed', 'failed', 'canceled')",
            name=op.f("ck_batches_status"),
        ),
        sa.CheckConstraint(
            "status NOT IN ('completed', 'failed', 'canceled') OR (pending_calls = 0 AND in_progress = 0 AND retrying_calls = 0 AND end_time_us > 0)",
            name=op.f("ck_batches_final"),
        ),
        sa.CheckConstraint("concurrency >= 1", name=op.f("ck_batches_concurrency")),
        sa.CheckConstraint(
            "pending_calls + in_progress + retrying_calls + completed_calls + failed_calls + canceled_calls = total_calls",
            name=op.f("ck_batches_total"),
        ),
        sa.CheckConstraint(
            "pending_calls >= 0 AND in_progress >= 0 AND retrying_calls >= 0 AND completed_calls >= 0 AND failed_calls >= 0 AND canceled_calls >= 0",
            name=op.f("ck_batches_counts"),
        ),
        sa.CheckConstraint("priority BETWEEN 1 AND 100", name=op.f("ck_batches_priority")),
        sa.PrimaryKeyConstraint("batch_key", name=op.f("pk_batches")),
        sa.UniqueConstraint("batch_id", name=op.f("uq_batches_batch_id")),
        sa.UniqueConstraint("request_id", name=op.f("uq_batches_request_id")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        op.f("ix_batches_open"),
        "batches",
        ["batch_key"],
        unique=False,
        sqlite_where=sa.text("end_time_us = 0"),
        postgresql_where=sa.text("end_time_us = 0"),
    )


def _create_heartbeat() -> None:
    op.create_table(
        "heartbeat",
        sa.Column("heartbeat_key", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("ballast", sa.LargeBinary(), nullable=False),
        sa.Column("time_us", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("heartbeat_key = 1", name=op.f("ck_heartbeat_single")),
        sa.PrimaryKeyConstraint("heartbeat_key", name=op.f("pk_heartbeat")),
    )


def _create_attempts() -> None:
    op.create_table(
        "attempts",
        sa.Column("batch_key", _KEY, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("dial", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("carrier", sa.Text(), nullable=False),
        sa.Column("carrier_call_id", sa.Text(), nullable=False),
        sa.Column("carrier_code", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("start_time_us", sa.BigInteger(), nullable=False),
        sa.Column("ring_time_us", sa.BigInteger(), nullable=False),
        sa.Column("answer_time_us", sa.BigInteger(), nullable=False),
        sa.Column("end_time_us", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "outcome IS NULL OR outcome <> 'throttled'", name=op.f("ck_attempts_counts")
        ),
        sa.CheckConstraint(
            "outcome IS NULL OR outcome IN ('completed', 'voicemail', 'busy', 'no_answer', 'rejected', 'failed', 'invalid_number', 'canceled', 'unknown', 'throttled')",
            name=op.f("ck_attempts_outcome"),
        ),
        sa.CheckConstraint("(outcome IS NULL) = (end_time_us = 0)", name=op.f("ck_attempts_ended")),
        sa.CheckConstraint("number >= 1 AND number <= dial", name=op.f("ck_attempts_number")),
        sa.ForeignKeyConstraint(
            ["batch_key"], ["batches.batch_key"], name=op.f("fk_attempts_batch_key")
        ),
        sa.PrimaryKeyConstraint("batch_key", "position", "number", name=op.f("pk_attempts")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        op.f("ix_attempts_open"),
        "attempts",
        ["batch_key", "position"],
        unique=False,
        sqlite_where=sa.text("outcome IS NULL"),
        postgresql_where=sa.text("outcome IS NULL"),
    )


def _create_calls() -> None:
    op.create_table(
        "calls",
        sa.Column("batch_key", _KEY, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("dials", sa.Integer(), nullable=False),
        sa.Column("due_time_us", sa.BigInteger(), nullable=False),
        sa.Column("spec", sa.LargeBinary(), nullable=False),
        sa.Column("create_time_us", sa.BigInteger(), nullable=False),
        sa.Column("update_time_us", sa.BigInteger(), nullable=False),
        sa.Column("end_time_us", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("(status = 'retrying') = (due_time_us > 0)", name=op.f("ck_calls_due")),
        sa.CheckConstraint(
            "outcome IS NULL OR outcome IN ('completed', 'voicemail', 'busy', 'no_answer', 'rejected', 'failed', 'invalid_number', 'canceled', 'unknown', 'throttled')",
            name=op.f("ck_calls_outcome"),
        ),
        sa.CheckConstraint("status <> 'pending' OR attempts = 0", name=op.f("ck_calls_pending")),
        sa.CheckConstraint(
            "status IN ('pending', 'in_progress', 'retrying', 'completed', 'failed', 'canceled')",
            name=op.f("ck_calls_status"),
        ),
        sa.CheckConstraint(
            "status NOT IN ('in_progress', 'retrying') OR attempts > 0",
            name=op.f("ck_calls_dialed"),
        ),
        sa.CheckConstraint("attempts >= 0 AND attempts <= dials", name=op.f("ck_calls_attempts")),
        sa.ForeignKeyConstraint(
            ["batch_key"], ["batches.batch_key"], name=op.f("fk_calls_batch_key")
        ),
        sa.PrimaryKeyConstraint("batch_key", "position", name=op.f("pk_calls")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        op.f("ix_calls_ready"),
        "calls",
        ["batch_key", sa.text("priority DESC"), "position"],
        unique=False,
        sqlite_where=sa.text("status = 'pending'"),
        postgresql_where=sa.text("status = 'pending'"),
    )
    op.create_index(
        op.f("ix_calls_waiting"),
        "calls",
        ["batch_key", "due_time_us", "position"],
        unique=False,
        sqlite_where=sa.text("status = 'retrying'"),
        postgresql_where=sa.text("status = 'retrying'"),
    )


def _create_events() -> None:
    op.create_table(
        "events",
        sa.Column("batch_key", _KEY, nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("sequence >= 1", name=op.f("ck_events_sequence")),
        sa.ForeignKeyConstraint(
            ["batch_key"], ["batches.batch_key"], name=op.f("fk_events_batch_key")
        ),
        sa.PrimaryKeyConstraint("batch_key", "sequence", name=op.f("pk_events")),
        sqlite_with_rowid=False,
    )
