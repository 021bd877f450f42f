"""What the collector reads and writes: sessions in radacct, usage, and the facts it meters by.

Everything is set-based over a psycopg connection inside the caller's transaction. Large sets travel as array literals
of numbers and hex text, which cost a fraction of a row each; the statements are written so that a generic plan (one
index lookup per element) is the right one.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from sys import intern
from typing import Any, LiteralString, NamedTuple

import psycopg
from psycopg.types.json import Jsonb

from db.queries.gardens import IN_GARDEN
from db.queries.session_rates import REPORTED_RATES

Connection = psycopg.Connection[Any]
# Array literals made by `numbers` and `hex_texts`, one for each column.
Columns = Sequence[str]

# One key for everybody who merges sessions: collectors of several nodes and the jobs that close sessions.
_MERGE_LOCK = 0x4C494E54_41535F41


class NasRow(NamedTuple):
    """A router as packets are matched to it."""

    nas_server_id: int
    tenant_id: int
    host: str
    input_is_download: bool
    is_routeros: bool


class SessionRow(NamedTuple):
    """A stored session as the merge needs it; instants are microseconds since the epoch."""

    acctuniqueid: str
    nas_server_id: int
    tenant_id: int
    subscription_id: int | None
    started_us: int
    updated_us: int
    stopped_us: int | None
    session_time_s: int
    upload_bytes: int
    download_bytes: int
    cause: str | None
    start_told_s: int
    marks: int
    trail: tuple[int, ...]
    framed_ip: str | None
    session_id: str
    radacctid: int


class FactsRow(NamedTuple):
    """What metering and the check of a new session need of a subscription."""

    subscription_id: int
    tenant_id: int
    customer_id: int
    plan_id: int
    timezone: str
    billing_day: int
    subscription_status: str
    customer_status: str
    cut_off_at: datetime | None
    fup_tier: int
    fup_until: datetime | None
    family_id: int | None
    interim_interval_s: int


class BootRow(NamedTuple):
    """The last known restart of a router; `counters` are service digits to (counter, when it was first seen)."""

    nas_server_id: int
    booted_us: int | None
    told_by: str | None
    counters: dict[str, tuple[int, int]]


def take_merge_lock(connection: Connection) -> int:
    """Wait until nobody else merges sessions, to the end of the transaction; returns this merge's number.

    Numbers without a gap since one's own last merge mean that nobody else has merged in between. A merge that is rolled
    back leaves a gap, which costs the others a fresh look and nothing else.
    """
    connection.execute("SELECT pg_advisory_xact_lock(%s)", [_MERGE_LOCK])
    return _number(connection, "SELECT nextval('radacct_merges')")


def last_merge(connection: Connection) -> int:
    """The number of the last merge that began; 0 before the first."""
    return _number(connection, "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM radacct_merges")


def _number(connection: Connection, statement: LiteralString) -> int:
    row = connection.execute(statement).fetchone()
    return int(row[0]) if row is not None else 0


# --- routers and subscriptions -----------------------------------------------------------------------------------


def routers(connection: Connection) -> list[NasRow]:
    """Every router that was not removed, in use or not."""
    rows = connection.execute(
        "SELECT id, tenant_id, host(host), acct_input_is = 'download', type = 'mikrotik' FROM nas_servers"
        " WHERE deleted_at IS NULL"
    )
    return [NasRow(*row) for row in rows]


def boots(connection: Connection) -> list[BootRow]:
    """What is known of the restarts of every router."""
    rows = connection.execute(
        "SELECT nas_server_id, (date_part('epoch', booted_at) * 1e6 + 0.5)::bigint, told_by, counters FROM nas_boots"
    )
    return [BootRow(row[0], row[1], row[2], {key: tuple(value) for key, value in row[3].items()}) for row in rows]


def save_boots(connection: Connection, rows: Sequence[BootRow]) -> None:
    """Keep what became known of restarts; a restart that is known already is not made an earlier one."""
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO nas_boots (nas_server_id, booted_at, told_by, counters)"
            " VALUES (%s, to_timestamp(%s / 1e6::float8), %s, %s) ON CONFLICT (nas_server_id) DO UPDATE SET"
            " told_by = CASE WHEN excluded.booted_at > coalesce(nas_boots.booted_at, '-infinity')"
            " THEN excluded.told_by ELSE nas_boots.told_by END,"
            " booted_at = greatest(nas_boots.booted_at, excluded.booted_at), counters = excluded.counters",
            [(row.nas_server_id, row.booted_us, row.told_by, Jsonb(row.counters)) for row in rows],
        )


def note_boot(connection: Connection, nas_server_id: int, *, booted_us: int, told_by: str) -> None:
    """Keep when a router restarted; what its session ids tell stays."""
    connection.execute(
        "INSERT INTO nas_boots (nas_server_id, booted_at, told_by, counters)"
        " VALUES (%s, to_timestamp(%s / 1e6::float8), %s, '{}') ON CONFLICT (nas_server_id) DO UPDATE"
        " SET booted_at = excluded.booted_at, told_by = excluded.told_by",
        [nas_server_id, booted_us, told_by],
    )


def booted_lately(connection: Connection, *, least_later_s: int) -> list[tuple[int, datetime]]:
    """Routers whose uptime shows a restart that was not known, by at least so many seconds, and when that was."""
    rows = connection.execute(
        "SELECT x.nas_server_id, x.booted_at FROM (SELECT nas_server_id,"
        "  taken_at - make_interval(secs => (rows -> 0 ->> 'uptime_s')::float8) AS booted_at"
        "  FROM router_snapshots WHERE part = 'overview' AND jsonb_typeof(rows -> 0 -> 'uptime_s') = 'number') x"
        " LEFT JOIN nas_boots b ON b.nas_server_id = x.nas_server_id"
        " WHERE b.booted_at IS NULL OR x.booted_at > b.booted_at + make_interval(secs => %s)",
        [least_later_s],
    )
    return [(row[0], row[1]) for row in rows]


def end_sessions_heard_before(
    connection: Connection, *, nas_server_id: int, heard_before: datetime, cause: str
) -> list[tuple[str, int | None]]:
    """End a router's open sessions that were last heard before then, when they were last heard; who they were."""
    rows = connection.execute(
        "UPDATE radacct r SET acctstoptime = r.acctupdatetime, acctterminatecause = %s"
        " WHERE r.nas_server_id = %s AND r.acctstoptime IS NULL AND r.acctupdatetime < %s"
        " RETURNING r.acctuniqueid, r.subscription_id",
        [cause, nas_server_id, heard_before],
    )
    return [(row[0], row[1]) for row in rows]


def mark_routers_seen(connection: Connection, *, skews: Mapping[int, int | None], now: datetime) -> None:
    """Note that the routers were heard, and how many seconds each one's clock is ahead, where it said its time.

    Rows that somebody is editing are left for the next time.
    """
    connection.execute(
        "UPDATE nas_servers n SET last_seen_at = %(now)s, clock_skew_s = coalesce(x.skew_s, n.clock_skew_s)"
        " FROM unnest(%(ids)s::bigint[], %(skews)s::int[]) AS x (id, skew_s) WHERE n.id = x.id AND n.id IN ("
        "SELECT id FROM nas_servers WHERE id = ANY(%(ids)s) AND (last_seen_at IS NULL OR last_seen_at < %(now)s)"
        " ORDER BY id FOR NO KEY UPDATE SKIP LOCKED)",
        {"ids": list(skews), "skews": list(skews.values()), "now": now},
    )


_FACTS = """
SELECT s.id, s.tenant_id, s.customer_id, s.service_plan_id, t.timezone, s.billing_day,
    CASE WHEN s.deleted_at IS NULL THEN s.status ELSE 'terminated' END,
    CASE WHEN c.deleted_at IS NULL THEN c.status ELSE 'terminated' END,
    s.expires_at + make_interval(days => coalesce(s.grace_period_days, p.grace_period_days)),
    coalesce(f.tier, 0), f.window_end, s.family_id, p.interim_interval_s
FROM subscriptions s
JOIN tenants t ON t.id = s.tenant_id
JOIN customers c ON c.id = s.customer_id
JOIN service_plans p ON p.id = s.service_plan_id
LEFT JOIN subscription_fup_states f ON f.subscription_id = s.id
WHERE s.id = ANY(%s::bigint[])
"""


def metering_facts(connection: Connection, subscription_ids: Sequence[int]) -> list[FactsRow]:
    """The facts of the subscriptions that exist, removed ones included: their old usage is still theirs."""
    rows = connection.execute(_FACTS, [numbers(subscription_ids)], prepare=True)
    # The same few words for everybody are kept once.
    return [
        FactsRow._make((*row[:4], intern(row[4]), row[5], intern(row[6]), intern(row[7]), *row[8:])) for row in rows
    ]


_BY_NAME = """
SELECT DISTINCT ON (wanted.tenant_id, wanted.username) wanted.tenant_id, wanted.username, s.id
FROM unnest(%s::bigint[], %s::text[]) AS wanted (tenant_id, username)
JOIN tenants t ON t.id = wanted.tenant_id
JOIN subscriptions s ON s.tenant_id = wanted.tenant_id AND s.username =
    CASE WHEN t.usernames_ignore_case THEN folded_username(wanted.username) ELSE wanted.username END
WHERE s.deleted_at IS NULL
ORDER BY wanted.tenant_id, wanted.username, s.status = 'terminated', s.id DESC
"""


def subscriptions_by_name(connection: Connection, wanted: Sequence[tuple[int, str]]) -> dict[tuple[int, str], int]:
    """The subscription of each (tenant, username): the living one before a terminated one of the same name."""
    if not wanted:
        return {}
    rows = connection.execute(_BY_NAME, [[item[0] for item in wanted], [item[1] for item in wanted]])
    return {(tenant_id, username): subscription_id for tenant_id, username, subscription_id in rows}


def plan_tiers(connection: Connection, plan_ids: Sequence[int]) -> list[tuple[int, int, int, str]]:
    """(plan, tier, threshold_bytes, reset_period) of every fair-use tier of the plans."""
    rows = connection.execute(
        "SELECT service_plan_id, tier, threshold_bytes, reset_period FROM plan_fup_rules"
        " WHERE service_plan_id = ANY(%s)",
        [list(plan_ids)],
    )
    return [tuple(row) for row in rows]


# --- sessions ----------------------------------------------------------------------------------------------------

# date_part gives a double, which holds every microsecond of this era; extract() would compute in slow numeric.
_SESSION = """
SELECT r.acctuniqueid, r.nas_server_id, r.tenant_id, r.subscription_id, date_part('epoch', r.acctstarttime),
    date_part('epoch', r.acctupdatetime), date_part('epoch', r.acctstoptime), r.acctsessiontime, r.acctinputoctets,
    r.acctoutputoctets, r.acctterminatecause, r.start_told_s, r.integrity_marks, r.counter_trail,
    host(r.framedipaddress), r.acctsessionid, r.radacctid
"""
_OPEN = _SESSION + (
    "FROM unnest(%s::text[]) AS wanted (id)"
    " JOIN radacct_open r ON r.acctuniqueid = wanted.id AND r.acctstoptime IS NULL"
)
_CHAINS = _SESSION + (  # noqa: S608
    "FROM unnest(%s::text[]) AS wanted (prefix)"
    " CROSS JOIN LATERAL (SELECT * FROM radacct x WHERE x.acctuniqueid >= wanted.prefix || '00000000'"
    " AND x.acctuniqueid <= wanted.prefix || 'ffffffff' AND x.acctstoptime IS NULL"
    " UNION ALL SELECT * FROM radacct y WHERE y.acctuniqueid >= wanted.prefix || '00000000'"
    " AND y.acctuniqueid <= wanted.prefix || 'ffffffff' AND y.acctstoptime >= %s) r"
)
_OPEN_OF_NAS = _SESSION + "FROM radacct_open r WHERE r.nas_server_id = %s AND r.acctstoptime IS NULL"


def open_sessions(connection: Connection, unique_ids: Sequence[str]) -> list[SessionRow]:
    """The open sessions among those unique ids."""
    return _sessions(connection, _OPEN, [hex_texts(unique_ids)])


def session_chains(connection: Connection, prefixes: Sequence[str], *, ended_since: datetime) -> list[SessionRow]:
    """Every session whose unique id begins so: open, or ended since then."""
    return _sessions(connection, _CHAINS, [hex_texts(prefixes), ended_since])


def open_sessions_of_router(connection: Connection, nas_server_id: int) -> list[SessionRow]:
    """All open sessions of a router."""
    return _sessions(connection, _OPEN_OF_NAS, [nas_server_id])


def _sessions(connection: Connection, statement: str, values: Sequence[Any]) -> list[SessionRow]:
    with connection.cursor(binary=True) as cursor:
        rows = cursor.execute(statement, values, prepare=True).fetchall()
    return [
        SessionRow(
            unique_id,
            nas_server_id,
            tenant_id,
            subscription_id,
            int(started_s * 1e6 + 0.5),
            int(updated_s * 1e6 + 0.5),
            None if stopped_s is None else int(stopped_s * 1e6 + 0.5),
            session_time_s,
            upload_bytes,
            download_bytes,
            cause,
            start_told_s,
            marks,
            () if trail is None else tuple(trail),
            framed_ip,
            session_id,
            radacctid,
        )
        for (
            unique_id,
            nas_server_id,
            tenant_id,
            subscription_id,
            started_s,
            updated_s,
            stopped_s,
            session_time_s,
            upload_bytes,
            download_bytes,
            cause,
            start_told_s,
            marks,
            trail,
            framed_ip,
            session_id,
            radacctid,
        ) in rows
    ]


SESSION_COLUMNS = (
    "acctsessionid", "acctuniqueid", "username", "realm", "nasipaddress", "nasportid", "nasporttype", "acctstarttime",
    "acctupdatetime", "acctstoptime", "acctsessiontime", "acctauthentic", "connectinfo_start", "connectinfo_stop",
    "acctinputoctets", "acctoutputoctets", "calledstationid", "callingstationid", "acctterminatecause", "servicetype",
    "framedprotocol", "framedipaddress", "framedipv6address", "framedipv6prefix", "framedinterfaceid",
    "delegatedipv6prefix", "class", "tenant_id", "subscription_id", "nas_server_id", "start_told_s", "integrity_marks",
    "counter_trail", "radacctid",
)  # fmt: skip


def new_session_numbers(connection: Connection, count: int) -> list[int]:
    """So many radacctids that nobody has, rising: who inserts a session finds its row by it afterwards."""
    rows = connection.execute(
        "SELECT nextval('radacct_radacctid_seq') FROM generate_series(1, %s)", [count], prepare=True
    )
    return sorted(row[0] for row in rows)


def insert_sessions(connection: Connection, rows: Iterable[Sequence[Any]]) -> None:
    """Add sessions, values in the order of SESSION_COLUMNS; each goes to the partition of its end."""
    with connection.cursor().copy(f"COPY radacct ({', '.join(SESSION_COLUMNS)}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


# No indexed column is touched, so the row stays on its page and no index is written (HOT). Found by its number: an
# index of numbers is a third of the size of one of unique ids, and comparing them takes no collation.
_ADVANCE = f"""
UPDATE radacct_open r SET acctupdatetime = to_timestamp(n.updated_us / 1e6::float8),
    acctinterval = coalesce(nullif(n.interval_s, 0), r.acctinterval), acctsessiontime = n.session_time_s,
    acctinputoctets = n.upload_bytes, acctoutputoctets = n.download_bytes,
    {REPORTED_RATES}
FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[])
    AS n (number, updated_us, interval_s, session_time_s, upload_bytes, download_bytes)
WHERE r.radacctid = n.number AND r.acctstoptime IS NULL
"""  # noqa: S608 - our own text


def advance_sessions(connection: Connection, columns: Columns) -> int:
    """Counters of open sessions: radacctid, updated_us, interval_s, session_time_s, upload and download bytes."""
    return connection.execute(_ADVANCE, columns, prepare=True).rowcount


# Setting or clearing the end moves the row between partitions, so these go through the parent; which of the two it is
# decides where the planner looks for the row.
_REWRITE = f"""
UPDATE radacct r SET acctstarttime = to_timestamp(n.started_us / 1e6::float8),
    acctupdatetime = to_timestamp(n.updated_us / 1e6::float8),
    acctstoptime = to_timestamp(n.stopped_us / 1e6::float8),
    acctinterval = coalesce(nullif(n.interval_s, 0), r.acctinterval), acctsessiontime = n.session_time_s,
    acctinputoctets = n.upload_bytes, acctoutputoctets = n.download_bytes,
    acctterminatecause = n.cause, framedipaddress = coalesce(n.framed_ip, r.framedipaddress),
    start_told_s = n.start_told_s, integrity_marks = n.marks, counter_trail = n.trail::bigint[],
    {REPORTED_RATES}
FROM unnest(%s::text[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[],
    %s::bigint[], %s::text[], %s::inet[], %s::int[], %s::smallint[], %s::text[])
    AS n (id, started_us, updated_us, stopped_us, interval_s, session_time_s, upload_bytes, download_bytes, cause,
        framed_ip, start_told_s, marks, trail)
WHERE r.acctuniqueid = n.id AND
"""  # noqa: S608 - our own text
_REWRITE_OPEN = _REWRITE + "r.acctstoptime IS NULL"
_REWRITE_ENDED = _REWRITE + "r.acctstoptime IS NOT NULL"

RewriteRow = tuple[
    str, int, int, int | None, int, int, int, int, str | None, str | None, int, int, str | None
]  # fmt: skip


def rewrite_sessions(connection: Connection, rows: Sequence[RewriteRow], *, were_open: bool) -> int:
    """Everything that a merge can change of sessions, rows as in `_REWRITE`: end, start, late corrections."""
    columns = [list(column) for column in zip(*rows, strict=True)]
    return connection.execute(_REWRITE_OPEN if were_open else _REWRITE_ENDED, columns, prepare=True).rowcount


CORRECTION_COLUMNS = (
    "made_at", "acctuniqueid", "tenant_id", "subscription_id", "nas_server_id", "download_bytes", "upload_bytes",
    "seconds", "old_stopped_at", "old_cause", "new_stopped_at", "new_cause",
)  # fmt: skip


def add_corrections(connection: Connection, rows: Iterable[Sequence[Any]]) -> None:
    """Note what late packets changed of ended sessions, values in the order of CORRECTION_COLUMNS."""
    with connection.cursor().copy(f"COPY session_corrections ({', '.join(CORRECTION_COLUMNS)}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def drop_corrections(connection: Connection, *, made_before: datetime, limit: int) -> int:
    """Forget the oldest corrections; how many went."""
    return connection.execute(
        "DELETE FROM session_corrections WHERE id IN (SELECT id FROM session_corrections WHERE made_at < %s LIMIT %s)",
        [made_before, limit],
    ).rowcount


def notify_sessions(connection: Connection, payloads: Sequence[str]) -> None:
    """Tell whoever keeps live sessions in memory which began and ended."""
    connection.execute("SELECT pg_notify('session_changed', payload) FROM unnest(%s::text[]) p (payload)", [payloads])


# --- usage -------------------------------------------------------------------------------------------------------

_ADD_DAILY = """
UPDATE usage_daily d SET download_bytes = d.download_bytes + n.download_bytes,
    upload_bytes = d.upload_bytes + n.upload_bytes, seconds = d.seconds + n.seconds, sessions = d.sessions + n.sessions
FROM unnest(%s::bigint[], %s::date[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::int[])
    AS n (id, day, nas_server_id, download_bytes, upload_bytes, seconds, sessions)
WHERE d.subscription_id = n.id AND d.day = n.day AND d.nas_server_id = n.nas_server_id
"""
_BEGIN_DAILY = """
INSERT INTO usage_daily (subscription_id, day, nas_server_id, download_bytes, upload_bytes, seconds, sessions)
SELECT * FROM unnest(%s::bigint[], %s::date[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::int[])
ON CONFLICT (subscription_id, day, nas_server_id) DO UPDATE SET
    download_bytes = usage_daily.download_bytes + excluded.download_bytes,
    upload_bytes = usage_daily.upload_bytes + excluded.upload_bytes,
    seconds = usage_daily.seconds + excluded.seconds, sessions = usage_daily.sessions + excluded.sessions
"""
_WATCHED = """
SELECT n.id, n.kind, sum(d.download_bytes + d.upload_bytes)::bigint
FROM unnest(%s::bigint[], %s::text[], %s::date[], %s::date[]) AS n (id, kind, first_day, after_day)
JOIN usage_daily d ON d.subscription_id = n.id AND d.day >= n.first_day AND d.day < n.after_day
GROUP BY n.id, n.kind
"""


def add_daily(connection: Connection, columns: Columns) -> int:
    """Add to days that exist; array literals of subscription, day, router, download, upload, seconds, sessions."""
    return connection.execute(_ADD_DAILY, columns, prepare=True).rowcount


def begin_daily(connection: Connection, columns: Columns) -> None:
    """Add to days that may not exist yet; columns as in `add_daily`."""
    connection.execute(_BEGIN_DAILY, columns, prepare=True)


def watched_totals(connection: Connection, columns: Columns) -> list[tuple[int, str, int]]:
    """(subscription, kind, bytes both ways) by period; array literals of subscription, kind, first day, day after."""
    return [tuple(row) for row in connection.execute(_WATCHED, columns, prepare=True)]


# --- fair use, expiry --------------------------------------------------------------------------------------------


def save_fup_state(connection: Connection, values: dict[str, Any]) -> None:
    """Set the fair-use tier of a subscription; tier 0 is full speed."""
    connection.execute(
        """
        INSERT INTO subscription_fup_states (subscription_id, tier, usage_at_activation_bytes, activated_at,
            activated_by, window_start, window_end, updated_at)
        VALUES (%(subscription_id)s, %(tier)s, %(usage_bytes)s, %(activated_at)s, %(actor)s, %(window_start)s,
            %(window_end)s, %(now)s)
        ON CONFLICT (subscription_id) DO UPDATE SET tier = excluded.tier,
            usage_at_activation_bytes = excluded.usage_at_activation_bytes, activated_at = excluded.activated_at,
            activated_by = excluded.activated_by, window_start = excluded.window_start,
            window_end = excluded.window_end, updated_at = excluded.updated_at
        """,
        values,
    )


def add_fup_event(connection: Connection, values: dict[str, Any]) -> None:
    """Add to the history of fair-use changes."""
    connection.execute(
        "INSERT INTO fup_events (subscription_id, action, tier, usage_bytes, threshold_bytes, actor, created_at)"
        " VALUES (%(subscription_id)s, %(action)s, %(tier)s, %(usage_bytes)s, %(threshold_bytes)s, %(actor)s, %(now)s)",
        values,
    )


def fup_states_over(connection: Connection, *, now: datetime, limit: int) -> list[tuple[int, int]]:
    """(subscription, tier) whose window is over, locked against another job doing the same."""
    rows = connection.execute(
        "SELECT subscription_id, tier FROM subscription_fup_states WHERE tier > 0 AND window_end <= %s"
        " ORDER BY window_end LIMIT %s FOR NO KEY UPDATE SKIP LOCKED",
        [now, limit],
    )
    return [tuple(row) for row in rows]


def changes_asked(connection: Connection, subscription_ids: Sequence[int]) -> set[tuple[str, str, str | None]]:
    """(unique id, kind, rate limit) of every change that was asked for sessions of the subscriptions."""
    rows = connection.execute(
        "SELECT acctuniqueid, kind, attributes ->> 'Mikrotik-Rate-Limit' FROM session_changes"
        " WHERE subscription_id = ANY(%s)",
        [list(subscription_ids)],
    )
    return {(row[0], row[1], row[2]) for row in rows}


# Sessions in a walled garden are there because of it; who must leave one is another job's question.
_UNWANTED = f"""
SELECT r.acctuniqueid FROM radacct_open r
JOIN subscriptions s ON s.id = r.subscription_id
JOIN customers c ON c.id = s.customer_id
WHERE r.acctstoptime IS NULL AND r.acctupdatetime > %(seen_since)s
  AND (s.status <> 'active' OR s.deleted_at IS NOT NULL OR c.deleted_at IS NOT NULL OR c.status = ANY(%(blocked)s)
      OR c.balance < -c.credit_limit
      OR EXISTS (SELECT FROM vouchers v WHERE v.subscription_id = s.id AND v.state NOT IN ('unused', 'active'))
      OR EXISTS (SELECT FROM subscription_quota_states u JOIN quotas q ON q.id = u.quota_id
          WHERE u.subscription_id = s.id AND q.action <> 'throttle' AND (u.until IS NULL OR u.until > %(now)s)))
  AND NOT {IN_GARDEN}
  AND NOT EXISTS (SELECT FROM session_changes x WHERE x.subscription_id = s.id AND x.acctuniqueid = r.acctuniqueid
      AND x.kind = 'disconnect' AND x.created_at > %(asked_since)s)
LIMIT %(limit)s
"""  # noqa: S608 - our own text


def sessions_without_right(
    connection: Connection,
    *,
    blocked: Sequence[str],
    seen_since: datetime,
    asked_since: datetime,
    now: datetime,
    limit: int,
) -> list[str]:
    """Open sessions that subscription, customer, voucher or used-up allowance forbid and nobody asked to end lately."""
    since = {"seen_since": seen_since, "asked_since": asked_since}
    values = since | {"blocked": list(blocked), "now": now, "limit": limit}
    return [row[0] for row in connection.execute(_UNWANTED, values)]


# --- access log --------------------------------------------------------------------------------------------------

ACCESS_COLUMNS = (
    "decided_at, tenant_id, nas_server_id, username, callingstationid, service, result, reason, decision_id,"
    " subscription_id, details, receipt_id, compiled_at"
)


def insert_access_log(connection: Connection, rows: Iterable[Sequence[Any]]) -> None:
    """Add decisions, values in the order of ACCESS_COLUMNS."""
    with connection.cursor().copy(f"COPY access_log ({ACCESS_COLUMNS}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def known_decisions(connection: Connection, rows: Sequence[Sequence[Any]]) -> set[tuple[str, str]]:
    """(decision, result) of those of these decisions, in the order of ACCESS_COLUMNS, that are there already."""
    if not rows:
        return set()
    moments = [row[0] for row in rows]
    found = connection.execute(
        "SELECT decision_id, result FROM access_log WHERE decided_at BETWEEN %s AND %s AND decision_id = ANY(%s)",
        [min(moments), max(moments), [row[8] for row in rows]],
    )
    return {(row[0], row[1]) for row in found}


# --- array literals ----------------------------------------------------------------------------------------------


def numbers(values: Iterable[int]) -> str:
    """An array literal of integers."""
    return "{" + ",".join(map(str, values)) + "}"


def hex_texts(values: Iterable[str]) -> str:
    """An array literal of text that holds nothing to quote: hex digits, dates, words."""
    return "{" + ",".join(values) + "}"
