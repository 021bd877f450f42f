"""Roles and databases of a cluster that this installation runs itself; needs the superuser's connection.

A real server in production is prepared by its administrator, and nothing here is called.
"""

import psycopg
from psycopg import sql


def ensure_role(admin: psycopg.Connection, *, role: str, password: str) -> None:
    """A login role without rights over the cluster; its password is set to the given one each time."""
    name = sql.Identifier(role)
    if admin.execute("SELECT FROM pg_roles WHERE rolname = %s", [role]).fetchone() is None:
        admin.execute(sql.SQL("CREATE ROLE {} LOGIN").format(name))
    admin.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(name, sql.Literal(password)))


def ensure_database(admin: psycopg.Connection, *, database: str, owner: str) -> None:
    """The database with its owner; left as it is when it exists."""
    if admin.execute("SELECT FROM pg_database WHERE datname = %s", [database]).fetchone() is None:
        create_database(admin, database=database, owner=owner)


def create_database(admin: psycopg.Connection, *, database: str, owner: str, template: str = "template0") -> None:
    """A new database, byte for byte a copy of the template, which nobody may be connected to."""
    # The default way writes the whole copy to the WAL as well, which takes longer for the small template of tests.
    statement = sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {} STRATEGY FILE_COPY")
    admin.execute(statement.format(sql.Identifier(database), sql.Identifier(owner), sql.Identifier(template)))


def drop_database(admin: psycopg.Connection, *, database: str) -> None:
    """Removes the database and throws out whoever is still connected."""
    admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(database)))
