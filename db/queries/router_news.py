"""Keeps what packets told of a router. Nothing here waits for a row that somebody is editing."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import psycopg

Connection = psycopg.Connection[Any]

_FREE = "SELECT id FROM nas_servers WHERE id = ANY(%(ids)s) ORDER BY id FOR NO KEY UPDATE SKIP LOCKED"
_HEARD = f"""
UPDATE nas_servers n SET login_heard_at = greatest(n.login_heard_at, x.at)
FROM unnest(%(ids)s::bigint[], %(ats)s::timestamptz[]) AS x (id, at)
WHERE n.id = x.id AND n.id IN ({_FREE})
"""  # noqa: S608
_UNSIGNED_SEEN = f"""
UPDATE nas_servers n SET unsigned_seen_at = greatest(n.unsigned_seen_at, x.at)
FROM unnest(%(ids)s::bigint[], %(ats)s::timestamptz[]) AS x (id, at)
WHERE n.id = x.id AND n.id IN ({_FREE})
"""  # noqa: S608
_UNREADABLE_SEEN = _UNSIGNED_SEEN.replace("unsigned_seen_at", "unreadable_at")
_DIFFERING = """
SELECT n.id FROM nas_servers n JOIN unnest(%(ids)s::bigint[], %(ats)s::timestamptz[]) AS x (id, at) ON x.id = n.id
WHERE n.signs_requests IS DISTINCT FROM %(signs)s
  AND (NOT %(signs)s OR n.unsigned_seen_at IS NULL OR n.unsigned_seen_at < x.at - %(quiet)s)
ORDER BY n.id FOR NO KEY UPDATE OF n SKIP LOCKED
"""


def mark_heard(connection: Connection, heard: Mapping[int, datetime]) -> None:
    """A packet of each router reached the port for logins."""
    connection.execute(_HEARD, {"ids": list(heard), "ats": list(heard.values())})


def mark_unsigned(connection: Connection, seen: Mapping[int, datetime]) -> None:
    """Each router sent a login without Message-Authenticator."""
    connection.execute(_UNSIGNED_SEEN, {"ids": list(seen), "ats": list(seen.values())})
    _set_signs(connection, seen, signs=False, quiet=timedelta(0))


def mark_unreadable(connection: Connection, seen: Mapping[int, datetime]) -> None:
    """Each router sent a login whose password reads as noise."""
    connection.execute(_UNREADABLE_SEEN, {"ids": list(seen), "ats": list(seen.values())})


def mark_signed(connection: Connection, seen: Mapping[int, datetime], *, none_unsigned_for: timedelta) -> None:
    """Each router signed a login; that counts when none came unsigned for a while before."""
    _set_signs(connection, seen, signs=True, quiet=none_unsigned_for)


def _set_signs(connection: Connection, seen: Mapping[int, datetime], *, signs: bool, quiet: timedelta) -> None:
    values = {"ids": list(seen), "ats": list(seen.values()), "signs": signs, "quiet": quiet}
    # Every UPDATE of this column makes the RADIUS servers read their routers anew, also one that changes no row.
    differing = [row[0] for row in connection.execute(_DIFFERING, values)]
    if differing:
        connection.execute("UPDATE nas_servers SET signs_requests = %s WHERE id = ANY(%s)", [signs, differing])
