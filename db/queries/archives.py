"""The books of months that left the live tables: which, how far, and where their files are."""

from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

import psycopg
from psycopg.rows import class_row

from domain.retirement import DETACHED, EXPORTED

Connection = psycopg.Connection[Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Archive:
    """One month. `sha256` is of the text inside the file; `kept_until` only while it is back in the live table.

    `asked_at` while somebody wants it back: `rows_back` are there already; `problem` is why the last try failed.
    """

    name: str
    parent: str
    month: date
    state: str
    changed_at: datetime
    node: str | None = None
    file: str | None = None
    rows: int | None = None
    file_bytes: int | None = None
    sha256: str | None = None
    kept_until: datetime | None = None
    asked_at: datetime | None = None
    asked_by: str | None = None
    rows_back: int | None = None
    problem: str | None = None


_COLUMNS = tuple(Archive.__dataclass_fields__)
_SELECT = f"SELECT {', '.join(_COLUMNS)} FROM partition_archives"  # noqa: S608
_SAVE = (
    f"INSERT INTO partition_archives ({', '.join(_COLUMNS)})"  # noqa: S608
    f" VALUES ({', '.join(f'%({name})s' for name in _COLUMNS)})"
    f" ON CONFLICT (name) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in _COLUMNS[1:])}"
)


def save(connection: Connection, archive: Archive) -> None:
    """Keep how far a month is."""
    connection.execute(_SAVE, asdict(archive))


def archive_named(connection: Connection, name: str) -> Archive | None:
    """What is known of a month, or None."""
    with connection.cursor(row_factory=class_row(Archive)) as cursor:
        return cursor.execute(f"{_SELECT} WHERE name = %s", [name]).fetchone()


def all_archives(connection: Connection) -> list[Archive]:
    """Every month that ever left, newest first."""
    with connection.cursor(row_factory=class_row(Archive)) as cursor:
        return cursor.execute(f"{_SELECT} ORDER BY month DESC, parent").fetchall()


def unfinished(connection: Connection) -> list[Archive]:
    """Months on their way out, oldest first."""
    with connection.cursor(row_factory=class_row(Archive)) as cursor:
        states = [DETACHED, EXPORTED]
        return cursor.execute(f"{_SELECT} WHERE state = ANY(%s) ORDER BY month, parent", [states]).fetchall()


def asked_back(connection: Connection, *, node: str) -> list[Archive]:
    """Months that somebody wants back and whose file is on this node, the longest asked for first."""
    with connection.cursor(row_factory=class_row(Archive)) as cursor:
        statement = f"{_SELECT} WHERE asked_at IS NOT NULL AND node = %s ORDER BY asked_at"
        return cursor.execute(statement, [node]).fetchall()


def hold(connection: Connection, name: str) -> bool:
    """Keep others from bringing the same month back; False when somebody does. Ends with `let_go`."""
    row = connection.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", [f"archive {name}"]).fetchone()
    return row is not None and bool(row[0])


def let_go(connection: Connection, name: str) -> None:
    """The end of `hold`."""
    connection.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", [f"archive {name}"])


def note_rows_back(connection: Connection, name: str, rows: int) -> None:
    """How many rows of a month are back so far."""
    connection.execute("UPDATE partition_archives SET rows_back = %s WHERE name = %s", [rows, name])


def note_problem(connection: Connection, name: str, problem: str) -> None:
    """Why a month could not be brought back; it is not tried again before somebody asks anew."""
    connection.execute(
        "UPDATE partition_archives SET problem = %s, asked_at = NULL, rows_back = NULL WHERE name = %s",
        [problem[:500], name],
    )


def stuck(connection: Connection, *, since: datetime) -> list[str]:
    """Names of months that have been on their way out since before then."""
    return [archive.name for archive in unfinished(connection) if archive.changed_at < since]
