"""Alembic's entry: one transaction, a lock against a second migrator, and short waits for table locks."""

from alembic import context
from sqlalchemy import text

from db.engine import make_engine
from db.models import Base

# A constant of our own; any number that nothing else in the database locks on.
MIGRATION_LOCK = 7_014_988

url = context.config.attributes.get("url")
if not url:
    raise SystemExit("run migrations through `lintas migrate`: it names the database")
engine = make_engine(url)
with engine.connect() as connection:
    context.configure(connection=connection, target_metadata=Base.metadata, compare_type=True)
    with context.begin_transaction():
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
        connection.execute(text("SET LOCAL lock_timeout = '10s'"))
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        context.run_migrations()
engine.dispose()
