"""Brings a database to a revision, under one advisory lock so that two processes never migrate at once."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from db.engine import make_engine


def alembic_config(url: str) -> Config:
    """Alembic's configuration without an ini file: where the scripts are and which database."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["url"] = url
    return config


def upgrade(url: str, revision: str = "head") -> None:
    """Apply migrations up to `revision`."""
    command.upgrade(alembic_config(url), revision)


def downgrade(url: str, revision: str) -> None:
    """Undo migrations down to `revision` (`base` for all)."""
    command.downgrade(alembic_config(url), revision)


def head_revision() -> str:
    """The newest revision in the code."""
    return ScriptDirectory.from_config(alembic_config("")).get_current_head() or ""


def current_revision(url: str) -> str:
    """The revision a database is at, or an empty string before the first migration."""
    engine = make_engine(url)
    try:
        with engine.connect() as connection:
            return revision_of(connection)
    finally:
        engine.dispose()


def revision_of(connection: Connection) -> str:
    """The revision of the database behind an open connection, or an empty string before the first migration."""
    return MigrationContext.configure(connection).get_current_revision() or ""
