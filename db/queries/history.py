"""One customer's internet history, and who had an address: quick over years, because every question names its rows.

Sessions come by an index of their subscription or address, months by pruning, totals from sums of days. No statement
here reads sessions that it does not show, except to add up those of one kind of service in the range asked for.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from ipaddress import IPv4Address, IPv6Address, ip_network
from typing import Any, LiteralString

import psycopg
from psycopg.rows import class_row, dict_row

from db.queries.prefixes import known_lengths

Connection = psycopg.Connection[Any]
SERVICES = ("pppoe", "vpn", "hotspot", "other")
MOST_ROWS = 1000
_FIRST_STEP = timedelta(days=62)
_MOST_FOUND = 50

# PPP alone has Framed-Protocol, and a tunnel has a virtual port; a hotspot without PPP says it is wireless.
_SERVICE = """CASE WHEN r.framedprotocol = 'PPP' THEN CASE WHEN r.nasporttype = 'Virtual' THEN 'vpn' ELSE 'pppoe' END
    WHEN r.nasporttype LIKE 'Wireless%%' THEN 'hotspot' ELSE 'other' END"""
_VIEW: LiteralString = f"""
r.radacctid AS row_id, r.acctuniqueid AS id, r.acctsessionid AS acct_session_id, r.subscription_id, r.username,
r.nas_server_id, n.name AS router, {_SERVICE} AS service, host(r.framedipaddress) AS framed_ip,
text(r.framedipv6prefix) AS ipv6_prefix, text(r.delegatedipv6prefix) AS delegated_prefix,
r.callingstationid AS device, r.acctstarttime AS started_at, r.acctupdatetime AS updated_at,
r.acctstoptime AS stopped_at, r.acctsessiontime AS seconds, r.acctoutputoctets AS download_bytes,
r.acctinputoctets AS upload_bytes, r.acctterminatecause AS terminate_cause
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class PastSession:
    """A session as history shows it; it still runs while `stopped_at` is None. `device` is its MAC or number."""

    row_id: int
    id: str
    acct_session_id: str
    subscription_id: int | None
    username: str
    nas_server_id: int
    router: str | None
    service: str
    framed_ip: str | None
    ipv6_prefix: str | None
    delegated_prefix: str | None
    device: str | None
    started_at: datetime
    updated_at: datetime
    stopped_at: datetime | None
    seconds: int
    download_bytes: int
    upload_bytes: int
    terminate_cause: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Range:
    """Local days, both included, as instants too: `since` begins the first, `until` ends the last."""

    first_day: date
    last_day: date
    since: datetime
    until: datetime
    service: str | None = None


# Each subscription's newest rows by its index, then the newest of those: never a sort of everything it ever did.
_SESSIONS: LiteralString = f"""
SELECT r.* FROM unnest(%(ids)s::bigint[]) AS wanted (id) CROSS JOIN LATERAL (
    SELECT {_VIEW} FROM radacct r LEFT JOIN nas_servers n ON n.id = r.nas_server_id
    WHERE r.subscription_id = wanted.id AND r.acctstarttime >= %(since)s AND r.acctstarttime < %(until)s
      AND (r.acctstoptime >= %(since)s OR r.acctstoptime IS NULL)
      AND (%(after_start)s::timestamptz IS NULL
           OR (r.acctstarttime, r.radacctid) < (%(after_start)s::timestamptz, %(after_id)s::bigint))
      AND (%(service)s::text IS NULL OR {_SERVICE} = %(service)s)
    ORDER BY r.acctstarttime DESC, r.radacctid DESC LIMIT %(limit)s) r
ORDER BY started_at DESC, row_id DESC LIMIT %(limit)s
"""  # noqa: S608 - our own text


def sessions_in(
    connection: Connection,
    subscription_ids: Sequence[int],
    span: Range,
    *,
    after: tuple[datetime, int] | None = None,
    limit: int,
) -> list[PastSession]:
    """Sessions that began in the range, newest first; `after` is start and row id of the last one seen.

    Read in steps back in time, each four times as long: asked at once, every month of the range would have to be opened
    to find the newest few.
    """
    # The next page begins where this one ended, which also spares the index what was seen.
    until = span.until if after is None else min(span.until, after[0] + datetime.resolution)
    rows: list[PastSession] = []
    step = _FIRST_STEP
    while len(rows) < min(limit, MOST_ROWS) and until > span.since:
        since = max(span.since, until - step)
        values = {
            "ids": list(subscription_ids),
            "since": since,
            "until": until,
            "service": span.service,
            "after_start": None if after is None else after[0],
            "after_id": None if after is None else after[1],
            "limit": min(limit, MOST_ROWS) - len(rows),
        }
        with connection.cursor(row_factory=class_row(PastSession)) as cursor:
            rows += cursor.execute(_SESSIONS, values)
        until, step = since, step * 4
    return rows


def every_session_in(
    connection: Connection, subscription_ids: Sequence[int], span: Range, *, most: int
) -> Iterator[PastSession]:
    """The same without pages, for files: read a thousand at a time, at most so many."""
    after: tuple[datetime, int] | None = None
    for _ in range(-(-most // MOST_ROWS)):
        rows = sessions_in(connection, subscription_ids, span, after=after, limit=MOST_ROWS)
        yield from rows
        if len(rows) < MOST_ROWS:
            return
        after = (rows[-1].started_at, rows[-1].row_id)


@dataclass(frozen=True, kw_only=True, slots=True)
class Amount:
    """What was used in a part of the range; `label` is the start of an hour, a day or a month."""

    label: datetime | date | None
    download_bytes: int = 0
    upload_bytes: int = 0
    seconds: int = 0
    sessions: int = 0

    @property
    def total_bytes(self) -> int:
        """Both directions."""
        return self.download_bytes + self.upload_bytes


_SUMS = (
    "coalesce(sum(download_bytes), 0)::bigint AS download_bytes, coalesce(sum(upload_bytes), 0)::bigint AS"
    " upload_bytes, coalesce(sum(seconds), 0)::bigint AS seconds"
)
# Months whose days were let go are kept as sums.
_DAYS_AND_MONTHS: LiteralString = """
(SELECT day, download_bytes, upload_bytes, seconds, sessions::bigint FROM usage_daily
 WHERE subscription_id = ANY(%(ids)s) AND day BETWEEN %(first)s AND %(last)s
 UNION ALL
 SELECT m.month, m.download_bytes, m.upload_bytes, m.seconds, m.sessions FROM usage_monthly m
 WHERE m.subscription_id = ANY(%(ids)s) AND m.month BETWEEN %(first)s AND %(last)s AND NOT EXISTS (
    SELECT FROM usage_daily d WHERE d.subscription_id = m.subscription_id
      AND d.day >= m.month AND d.day < m.month + interval '1 month')) AS used
"""
_BY = {
    "day": f"SELECT day AS label, {_SUMS}, sum(sessions)::bigint AS sessions FROM {_DAYS_AND_MONTHS}"  # noqa: S608
    " GROUP BY 1 ORDER BY 1",
    "month": f"SELECT date_trunc('month', day)::date AS label, {_SUMS}, sum(sessions)::bigint AS sessions"  # noqa: S608
    f" FROM {_DAYS_AND_MONTHS} GROUP BY 1 ORDER BY 1",
    "hour": f"SELECT hour AS label, {_SUMS}, 0::bigint AS sessions FROM usage_hourly"  # noqa: S608
    " WHERE subscription_id = ANY(%(ids)s) AND hour >= %(since)s AND hour < %(until)s GROUP BY 1 ORDER BY 1",
    "all": f"SELECT NULL AS label, {_SUMS}, coalesce(sum(sessions), 0)::bigint AS sessions"  # noqa: S608
    f" FROM {_DAYS_AND_MONTHS}",
}
_OF_SERVICE = f"""
SELECT NULL AS label, coalesce(sum(r.acctoutputoctets), 0)::bigint AS download_bytes,
    coalesce(sum(r.acctinputoctets), 0)::bigint AS upload_bytes,
    coalesce(sum(r.acctsessiontime), 0)::bigint AS seconds, count(*) AS sessions
FROM radacct r WHERE r.subscription_id = ANY(%(ids)s) AND r.acctstarttime >= %(since)s
  AND r.acctstarttime < %(until)s AND (r.acctstoptime >= %(since)s OR r.acctstoptime IS NULL)
  AND {_SERVICE} = %(service)s
"""  # noqa: S608 - our own text


def amounts_in(connection: Connection, subscription_ids: Sequence[int], span: Range, *, by: str) -> list[Amount]:
    """Usage in the range by "hour", "day" or "month", oldest first; parts without any are left out."""
    return _amounts(connection, _BY[by], subscription_ids, span)


def total_in(connection: Connection, subscription_ids: Sequence[int], span: Range) -> Amount:
    """What was used in the range: the sum of its days, or for one kind of service that of the sessions begun in it."""
    statement = _BY["all"] if span.service is None else _OF_SERVICE
    return _amounts(connection, statement, subscription_ids, span)[0]


def _amounts(connection: Connection, statement: str, subscription_ids: Sequence[int], span: Range) -> list[Amount]:
    values = {
        "ids": list(subscription_ids),
        "first": span.first_day,
        "last": span.last_day,
        "since": span.since,
        "until": span.until,
        "service": span.service,
    }
    with connection.cursor(row_factory=class_row(Amount)) as cursor:
        return cursor.execute(statement.encode(), values).fetchall()


# --- who had an address -------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class Holder:
    """A session that had the address, with whose it was; `held` names the attribute that it came by."""

    held: str
    session: PastSession
    customer_id: int | None
    customer_name: str | None


# The newest that began before then and had not ended; an address has one holder at a time, but routers' clocks differ.
_HELD: LiteralString = """
(SELECT '{column}' AS held, r.* FROM radacct r
 WHERE r.{column} {match} AND r.acctstarttime <= %(at)s AND (r.acctstoptime >= %(at)s OR r.acctstoptime IS NULL)
   AND r.tenant_id = %(tenant_id)s ORDER BY r.acctstarttime DESC LIMIT %(limit)s)
"""


def _who_had(columns: Sequence[tuple[str, str]]) -> str:
    found = " UNION ALL ".join(_HELD.format(column=column, match=match) for column, match in columns)
    return f"""
    SELECT r.held, c.id AS customer_id, c.name AS customer_name, {_VIEW}
    FROM ({found}) r
    LEFT JOIN nas_servers n ON n.id = r.nas_server_id
    LEFT JOIN subscriptions s ON s.id = r.subscription_id LEFT JOIN customers c ON c.id = s.customer_id
    ORDER BY r.acctstarttime DESC
    """  # noqa: S608 - our own text


def who_had(
    connection: Connection, address: IPv4Address | IPv6Address, at: datetime, *, tenant_id: int
) -> list[Holder]:
    """Sessions that had the address, or a prefix that holds it, at that moment; the newest first."""
    lengths = {} if isinstance(address, IPv4Address) else known_lengths(connection)
    statement, values = who_had_statement(address, lengths)
    values |= {"at": at, "tenant_id": tenant_id, "limit": _MOST_FOUND}
    with connection.cursor(row_factory=dict_row) as cursor:
        return [_holder(row) for row in cursor.execute(statement.encode(), values)]


def who_had_statement(
    address: IPv4Address | IPv6Address, lengths: Mapping[str, Sequence[int]]
) -> tuple[str, dict[str, Any]]:
    """The question and the values that name the address: in its own column, and in each prefix that would hold it.

    `lengths` are those that occur by column. Each is an equality of its own, which is what an index can answer, in the
    order of time, and what a kept plan fits whatever the address is; of a list of prefixes neither is true.
    """
    own = "framedipaddress" if isinstance(address, IPv4Address) else "framedipv6address"
    asked = [(own, "address", str(address))]
    asked += [
        (column, f"{column}_{length}", str(ip_network((address, length), strict=False)))
        for column, found in lengths.items()
        for length in found
    ]
    statement = _who_had([(column, f"= %({name})s::inet") for column, name, _ in asked])
    return statement, {name: value for _, name, value in asked}


def _holder(row: dict[str, Any]) -> Holder:
    own = {name: row.pop(name) for name in ("held", "customer_id", "customer_name")}
    return Holder(session=PastSession(**row), **own)
