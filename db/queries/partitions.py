"""The months of radacct and access_log: made ahead of the calendar, dropped when staff chose how long to keep them.

A row of a month that has no partition yet waits in the default partition; it is moved when its month is made.
"""

from datetime import date, datetime
from typing import Any

import psycopg
from psycopg import sql

from db.queries.accounting import take_merge_lock

Connection = psycopg.Connection[Any]
PARENTS = {"radacct": ("radacct_open", "acctstoptime"), "access_log": ("access_log_default", "decided_at")}
LOCK_TIMEOUT_MS = 5_000


def ensure_months(connection: Connection, parent: str, *, first_month: date, months: int) -> list[str]:
    """Make the partitions of so many months; returns the names of the new ones. One transaction for each."""
    made = []
    for step in range(months):
        month = _month_after(first_month, step)
        name = f"{parent}_{month:%Y_%m}"
        if _exists(connection, name):
            continue
        with connection.transaction():
            _begin_change(connection, parent)
            _make_month(connection, parent, month, _month_after(month, 1))
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


def drop_month(connection: Connection, parent: str, name: str) -> None:
    """Drop one partition and what is in it."""
    with connection.transaction():
        _begin_change(connection, parent)
        connection.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(name)))


def retention_months(connection: Connection) -> dict[str, int]:
    """How many full months staff want to keep by table, from `settings`; a table without a setting is kept whole."""
    rows = connection.execute(
        "SELECT replace(key, 'retention_months.', ''), (value #>> '{}')::int FROM settings"
        " WHERE tenant_id IS NULL AND key LIKE 'retention_months.%%' AND jsonb_typeof(value) = 'number'"
    )
    return {row[0]: row[1] for row in rows if row[0] in PARENTS and row[1] > 0}


def _exists(connection: Connection, name: str) -> bool:
    row = connection.execute("SELECT to_regclass(%s) IS NOT NULL", [name]).fetchone()
    return bool(row is not None and row[0])


def month_of(moment: datetime) -> date:
    """The first day of the UTC month that partitions are cut by."""
    return date(moment.year, moment.month, 1)


def _month_after(month: date, months: int) -> date:
    total = month.year * 12 + month.month - 1 + months
    return date(total // 12, total % 12 + 1, 1)


def month_before(month: date, months: int) -> date:
    """The first day of the month that lies so many months before."""
    return _month_after(month, -months)
