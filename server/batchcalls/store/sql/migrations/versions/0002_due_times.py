"""Due times for any waiting call, one index for the queue, retry order, voicemail apart."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_COLUMNS = (
    "batch_key, position, status, outcome, priority, attempts, dials, due_time_us, spec,"
    " create_time_us, update_time_us, end_time_us"
)


def upgrade() -> None:
    op.execute(
        "ALTER TABLE batches ADD COLUMN retry_order TEXT DEFAULT 'retries_first' NOT NULL"
        " CONSTRAINT ck_batches_retry_order"
        " CHECK (retry_order IN ('fresh_first', 'retries_first'))"
    )
    op.execute(
        "ALTER TABLE batches ADD COLUMN voicemail_calls BIGINT DEFAULT 0 NOT NULL"
        " CONSTRAINT ck_batches_voicemail"
        " CHECK (voicemail_calls BETWEEN 0 AND completed_calls)"
    )
    op.execute(
        "UPDATE batches SET voicemail_calls = (SELECT count(*) FROM calls"
        " WHERE calls.batch_key = batches.batch_key"
        " AND calls.status = 'completed' AND calls.outcome = 'voicemail')"
    )
    op.drop_index(op.f("ix_calls_ready"), "calls")
    op.drop_index(op.f("ix_calls_waiting"), "calls")
    op.rename_table("calls", "old_calls")
    _create_calls()
    op.execute(f"INSERT INTO calls ({_COLUMNS}) SELECT {_COLUMNS} FROM old_calls")
    op.drop_table("old_calls")
    _create_queue()


def _create_calls() -> None:
    op.create_table(
        "calls",
        sa.Column(
            "batch_key", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
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
        sa.CheckConstraint("status <> 'retrying' OR due_time_us > 0", name=op.f("ck_calls_retry")),
        sa.CheckConstraint(
            "status IN ('pending', 'retrying') OR due_time_us = 0", name=op.f("ck_calls_due")
        ),
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


def _create_queue() -> None:
    op.create_index(
        op.f("ix_calls_queue"),
        "calls",
        ["batch_key", sa.text("priority DESC"), "due_time_us", "position"],
        unique=False,
        sqlite_where=sa.text("status IN ('pending', 'retrying')"),
        postgresql_where=sa.text("status IN ('pending', 'retrying')"),
    )
