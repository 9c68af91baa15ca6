"""Brings a database to the schema of this version, by the steps in ``migrations/``."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine


class NewerDatabase(Exception):
    """The database was made by a newer version of this program."""

    def __init__(self, revision: str) -> None:
        super().__init__(f"the database has schema {revision}, which this version doesn't know")


def migrate(engine: Engine, *, to: str = "head") -> None:
    """Create or upgrade the schema, up to the revision ``to``; nothing happens when it is current.

    Raises:
      NewerDatabase: its schema isn't one of this version's.
    """
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    script = ScriptDirectory.from_config(config)
    with engine.begin() as connection:
        current = MigrationContext.configure(connection).get_current_revision()
        if current == script.get_current_head():
            return
        if current is not None and current not in {
            step.revision for step in script.walk_revisions()
        }:
            raise NewerDatabase(current)
        config.attributes["connection"] = connection
        command.upgrade(config, to)
