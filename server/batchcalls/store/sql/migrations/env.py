"""Alembic's entry: runs the steps on the connection that ``migrate`` has opened."""

from __future__ import annotations

from alembic import context

from batchcalls.store.sql.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,
)
context.run_migrations()
