"""The months of tables that grow without end: made ahead of the calendar, taken out and put back when staff say so.

A row of a month that has no partition yet waits in the default partition; it is moved when its month is made.

Detaching is not done CONCURRENTLY: PostgreSQL refuses that where there is a default partition. It changes the catalogue
only, and gives up after a few seconds when it cannot have the lock.
"""

from collections.abc import Iterable, Iterator
from datetime import date, datetime
from typing import Any

import psycopg
from psycopg import sql

from db.queries.accounting import take_merge_lock
from db.queries.prefixes import note_lengths_in
from domain.retirement import months_after

Connection = psycopg.Connection[Any]
PARENTS = {
    "radacct": ("radacct_open", "acctstoptime"),
    "access_log": ("access_log_default", "decided_at"),
    "usage_hourly": ("usage_hourly_default", "hour"),
}
# What staff may set a number of months for; days of usage are deleted, the others leave as whole months.
RETAINED = (*PARENTS, "usage_daily")
LOCK_TIMEOUT_MS = 5_000


def ensure_months(connection: Connection, parent: str, *, first_month: date, months: int) -> list[str]:
    """Make the partitions of so many months; returns the names of the new ones. One transaction for each."""
    made = []
    for step in range(months):
        month = months_after(first_month, step)
        name = f"{parent}_{month:%Y_%m}"
        if _exists(connection, name):
            continue
        with connection.transaction():
            _begin_change(connection, parent)
            _make_month(connection, parent, month, months_after(month, 1))
        made.append(name)
    return made


def _begin_change(connection: Connection, parent: str) -> None:
    connection.execute(sql.SQL("SET LOCAL lock_timeout = {}").format(LOCK_TIMEOUT_MS))
    if parent == "radacct":
        # Merging takes locks on radacct and its parts in its own order, so it is kept out first.
        take_merge_lock(connection)


def _make_month(connection: Connection, parent: str, start: date, end: date) -> None:
    default, column = (sql.Identifier(part) for part in PARENTS[parent])
    bounds = {"start": f"{start} 00:00+00", "end": f"{end} 00:00+00"}
    # Nobody may add to the default partition between the look and the change.
    connection.execute(sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(default))
    connection.execute(sql.SQL("CREATE TEMP TABLE stray (LIKE {}) ON COMMIT DROP").format(default))
    connection.execute(
        sql.SQL(
            "WITH moved AS (DELETE FROM {default} WHERE {column} >= %(start)s AND {column} < %(end)s RETURNING *)"
            " INSERT INTO stray SELECT * FROM moved"
        ).format(default=default, column=column),
        bounds,
    )
    connection.execute("SELECT ensure_month_partitions(%s, %s, 1)", [parent, start])
    connection.execute(sql.SQL("INSERT INTO {} SELECT * FROM stray").format(sql.Identifier(parent)))


def months_before(connection: Connection, parent: str, oldest_kept: date) -> list[str]:
    """The partitions of months that ended before the oldest month to keep."""
    rows = connection.execute(
        "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
        " WHERE i.inhparent = %s::regclass AND c.relname ~ %s AND c.relname < %s ORDER BY 1",
        [parent, rf"^{parent}_\d{{4}}_\d{{2}}$", f"{parent}_{oldest_kept:%Y_%m}"],
    )
    return [row[0] for row in rows]


def month_of_partition(name: str) -> date:
    """The month in a partition's name."""
    year, month = name.rsplit("_", 2)[1:]
    return date(int(year), int(month), 1)


def size_bytes(connection: Connection, name: str) -> int:
    """What a table takes on the disk, indexes included; 0 when there is none."""
    row = connection.execute("SELECT coalesce(pg_total_relation_size(to_regclass(%s)), 0)", [name]).fetchone()
    return 0 if row is None else int(row[0])


def drop_month(connection: Connection, parent: str, name: str) -> None:
    """Drop one partition and what is in it."""
    with connection.transaction():
        _begin_change(connection, parent)
        connection.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(name)))


def detach_month(connection: Connection, parent: str, name: str) -> None:
    """Take a month out of the live table, in the caller's transaction; it becomes a table of its own."""
    _begin_change(connection, parent)
    statement = sql.SQL("ALTER TABLE {} DETACH PARTITION {}")
    connection.execute(statement.format(sql.Identifier(parent), sql.Identifier(name)))


def drop_detached(connection: Connection, name: str) -> None:
    """Drop a month that was taken out; one that is gone already is no error."""
    connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(sql.Identifier(name)))


def row_count(connection: Connection, name: str) -> int:
    """How many rows a table has, counted; may take minutes."""
    connection.execute("SET LOCAL statement_timeout = 0")
    row = connection.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(name))).fetchone()
    return 0 if row is None else int(row[0])


def copy_out(connection: Connection, name: str) -> Iterator[bytes]:
    """A table as CSV with a head, piece by piece, inside the caller's transaction."""
    connection.execute("SET LOCAL statement_timeout = 0")
    statement = sql.SQL("COPY {} TO STDOUT WITH (FORMAT csv, HEADER)").format(sql.Identifier(name))
    with connection.cursor().copy(statement) as copy:
        yield from map(bytes, copy)


def put_back(connection: Connection, parent: str, name: str, columns: Iterable[str], pieces: Iterable[bytes]) -> int:
    """Make a month again from CSV with a head and put it into the live table, in the caller's transaction.

    Returns the rows. Columns that were added since get their defaults.
    """
    month = month_of_partition(name)
    connection.execute("SET LOCAL statement_timeout = 0")
    table, whole = sql.Identifier(name), sql.Identifier(parent)
    connection.execute(sql.SQL("CREATE TABLE {} (LIKE {} INCLUDING ALL EXCLUDING IDENTITY)").format(table, whole))
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    with connection.cursor() as cursor:
        with cursor.copy(sql.SQL("COPY {} ({}) FROM STDIN WITH (FORMAT csv, HEADER)").format(table, names)) as copy:
            for piece in pieces:
                copy.write(piece)
        rows = cursor.rowcount
    if parent == "radacct":
        note_lengths_in(connection, name)
    _begin_change(connection, parent)
    attach = sql.SQL("ALTER TABLE {} ATTACH PARTITION {} FOR VALUES FROM ({}) TO ({})")
    bounds = (sql.Literal(f"{edge} 00:00+00") for edge in (month, months_after(month, 1)))
    connection.execute(attach.format(whole, table, *bounds))
    return rows


def retention_months(connection: Connection) -> dict[str, int]:
    """How many full months staff want to keep by table, from `settings`; a table without a setting is kept whole."""
    rows = connection.execute(
        "SELECT replace(key, 'retention_months.', ''), (value #>> '{}')::int FROM settings"
        " WHERE tenant_id IS NULL AND key LIKE 'retention_months.%%' AND jsonb_typeof(value) = 'number'"
    )
    return {row[0]: row[1] for row in rows if row[0] in RETAINED and row[1] > 0}


def _exists(connection: Connection, name: str) -> bool:
    row = connection.execute("SELECT to_regclass(%s) IS NOT NULL", [name]).fetchone()
    return bool(row is not None and row[0])


def month_of(moment: datetime) -> date:
    """The first day of the UTC month that partitions are cut by."""
    return date(moment.year, moment.month, 1)


def month_before(month: date, months: int) -> date:
    """The first day of the month that lies so many months before."""
    return months_after(month, -months)
