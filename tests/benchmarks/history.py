"""How long a person waits for one customer's history, and for who had an address, in a table of years.

A private PostgreSQL gets five years of closed sessions, made by itself: a table for each month is filled without
indexes, gets them, and becomes a partition. Then random customers and random moments are asked about, most of them for
the first time, so that what is read comes from the disk as often as it would at work.
"""

import random
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from ipaddress import ip_address
from typing import Any

import psycopg

from benchmarks.lab import private_cluster
from benchmarks.verdict import Result
from db.migrations import runner
from db.queries import history
from db.queries.history import Range
from db.queries.prefixes import note_lengths_in
from domain.retirement import months_after
from runtime import postgres

MONTHS = 60
SUBSCRIPTIONS, ROUTERS, ADDRESSES = 100_000, 20, 65_536
FIRST = date(2021, 11, 1)
GOAL_MS = 50
_WRITERS = 2

_FILL = """
INSERT INTO {table} (acctsessionid, acctuniqueid, username, nasipaddress, nasportid, nasporttype, acctstarttime,
    acctupdatetime, acctstoptime, acctsessiontime, acctinputoctets, acctoutputoctets, callingstationid,
    acctterminatecause, servicetype, framedprotocol, framedipaddress, framedipv6prefix, delegatedipv6prefix,
    class, tenant_id, subscription_id, nas_server_id)
SELECT '8' || lpad(to_hex(x.n), 7, '0'), md5(x.m || '-' || x.n), 'user' || x.s, '10.9.0.1', 'ether2',
    CASE WHEN x.s %% 10 = 0 THEN 'Wireless-802.11' ELSE 'Ethernet' END, x.stop - make_interval(secs => x.len), x.stop,
    x.stop, x.len, x.len * 2000, x.len * 30000, '02:00:00:' || lpad(to_hex(x.s), 6, '0'), 'User-Request',
    'Framed-User', CASE WHEN x.s %% 10 = 0 THEN NULL ELSE 'PPP' END, '100.64.0.0'::inet + x.n %% %(addresses)s,
    ('2001:db8:0:' || to_hex(x.n %% %(addresses)s) || '::/64')::cidr,
    ('2001:db9:' || to_hex(x.n %% %(addresses)s) || '::/56')::cidr,
    'lts1:' || x.s || ':0:x', 1, x.s, x.s %% %(routers)s + 1
FROM (SELECT n, %(month)s::text AS m, (n * 7919) %% %(subscriptions)s + 1 AS s, 600 + n * 31 %% 7200 AS len,
        %(begin)s::timestamptz
            + (%(end)s::timestamptz - %(begin)s::timestamptz) * ((n - 0.5)::float8 / %(rows)s) AS stop
    FROM generate_series(1::bigint, %(rows)s) n) x
"""


def run(*, rows: int, asked: int, say: Callable[[str], None]) -> Result:
    """Make the table, ask, and say how long it took; the cluster is gone afterwards."""
    with private_cluster("history", durable=False) as cluster:
        url = postgres.admin_url(cluster)
        runner.upgrade(url)
        begun_at = time.monotonic()
        _fill(url, rows, say)
        loaded_s = time.monotonic() - begun_at
        with psycopg.connect(url, autocommit=True, options="-c timezone=UTC") as connection:
            result = _measure(connection, asked, say)
            found = connection.execute(
                "SELECT sum(pg_total_relation_size(inhrelid))::bigint, count(*) FROM pg_inherits"
                " WHERE inhparent = 'radacct'::regclass"
            ).fetchone() or (0, 0)
    size_bytes, partitions = found
    result.values |= {"rows": rows, "bytes": size_bytes, "partitions": partitions, "loaded_s": round(loaded_s)}
    result.remarks.append(
        f"{rows:,} sessions of {SUBSCRIPTIONS:,} subscriptions in {partitions} partitions, {size_bytes / 1e9:.1f} GB"
        f" with indexes, made in {loaded_s:.0f} s; {asked} customers and moments at random, each asked once"
    )
    result.write()
    return result


def _fill(url: str, rows: int, say: Callable[[str], None]) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        _seed(connection)
    months = [months_after(FIRST, step) for step in range(MONTHS)]
    pool = ThreadPoolExecutor(_WRITERS)
    try:
        for place, _ in enumerate(pool.map(lambda month: _fill_month(url, month, rows // MONTHS), months), 1):
            if place % 12 == 0:
                say(f"  {place} of {MONTHS} months")
    finally:
        # Whoever ends this does not wait for the months that are still to come.
        pool.shutdown(cancel_futures=True)
    with psycopg.connect(url, autocommit=True) as connection:
        for month in months:
            _attach(connection, month)
        note_lengths_in(connection, "radacct")
        connection.execute("ANALYZE radacct")


def _seed(connection: psycopg.Connection[Any]) -> None:
    connection.execute("INSERT INTO tenants (name, slug) VALUES ('Bench', 'bench')")
    connection.execute(
        "INSERT INTO nas_servers (tenant_id, name, host, radius_secret_enc)"
        " SELECT 1, 'r' || n, '10.9.0.0'::inet + n, '' FROM generate_series(1, %s) n",
        [ROUTERS],
    )
    # Days of one subscription in two hundred: they are read by their key, whatever else is there.
    connection.execute(
        "INSERT INTO usage_daily SELECT s, d::date, 1, 40000000000, 2000000000, 80000, 1"
        " FROM generate_series(200, %s, 200) s, generate_series(%s::date, %s::date, '1 day') d",
        [SUBSCRIPTIONS, FIRST, months_after(FIRST, MONTHS) - timedelta(days=1)],
    )
    connection.execute("ANALYZE usage_daily")


def _name(month: date) -> str:
    return f"radacct_{month:%Y_%m}"


def _fill_month(url: str, month: date, rows: int) -> None:
    table = _name(month)
    options = "-c timezone=UTC -c synchronous_commit=off -c maintenance_work_mem=512MB"
    with psycopg.connect(url, autocommit=True, options=options) as connection:
        connection.execute(f"DROP TABLE IF EXISTS {table}".encode())
        connection.execute(f"CREATE UNLOGGED TABLE {table} (LIKE radacct INCLUDING DEFAULTS)".encode())
        values = {
            "month": table, "begin": f"{month} 00:00+00", "end": f"{months_after(month, 1)} 00:00+00", "rows": rows,
            "addresses": ADDRESSES, "routers": ROUTERS, "subscriptions": SUBSCRIPTIONS,
        }  # fmt: skip
        connection.execute(_FILL.format(table=table).encode(), values)
        indexes = connection.execute(
            "SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = 'radacct'::regclass"
        ).fetchall()
        for place, (definition,) in enumerate(indexes):
            # The parent's own index, of this table: attaching takes it over instead of making another.
            how = definition.partition(" USING ")[2]
            connection.execute(f"CREATE INDEX {table}_{place} ON {table} USING {how}".encode())


def _attach(connection: psycopg.Connection[Any], month: date) -> None:
    edges = f"FROM ('{month} 00:00+00') TO ('{months_after(month, 1)} 00:00+00')"
    connection.execute(f"ALTER TABLE radacct ATTACH PARTITION {_name(month)} FOR VALUES {edges}".encode())


def _measure(connection: psycopg.Connection[Any], asked: int, say: Callable[[str], None]) -> Result:
    chance = random.Random(20_261_121)
    after = months_after(FIRST, MONTHS)
    whole = _span(FIRST, after - timedelta(days=1))

    def someone() -> list[int]:
        return [chance.randrange(1, SUBSCRIPTIONS // 200) * 200]

    def month_ago() -> Range:
        first = months_after(FIRST, chance.randrange(MONTHS))
        return _span(first, months_after(first, 1) - timedelta(days=1))

    def moment() -> datetime:
        return whole.since + timedelta(seconds=chance.random() * (whole.until - whole.since).total_seconds())

    def held(kind: int) -> Any:
        place = chance.randrange(ADDRESSES)
        places = {4: str(ip_address("100.64.0.0") + place), 64: f"2001:db8:0:{place:x}::7"}
        text = places.get(kind) or f"2001:db9:{place:x}:12::7"
        return history.who_had(connection, ip_address(text), moment(), tenant_id=1)

    questions: dict[str, Callable[[], Any]] = {
        "newest 50 sessions of five years": lambda: history.sessions_in(connection, someone(), whole, limit=50),
        "a month of any year": lambda: history.sessions_in(connection, someone(), month_ago(), limit=50),
        "usage by month, five years": lambda: history.amounts_in(connection, someone(), whole, by="month"),
        "totals of five years": lambda: history.total_in(connection, someone(), whole),
        "totals of PPPoE in a month": lambda: history.total_in(connection, someone(), _of_pppoe(month_ago())),
        "who had an IPv4 address": lambda: held(4),
        "who had an IPv6 address": lambda: held(64),
        "who had a delegated prefix": lambda: held(56),
    }
    result = Result(name="history", values={}, head=("question", "median", "95 %", "worst"))
    for name, ask in questions.items():
        times = sorted(_timed(ask) for _ in range(asked))
        middle, most, worst = statistics.median(times), times[int(len(times) * 0.95)], times[-1]
        result.values[name] = {"median_ms": middle, "p95_ms": most, "worst_ms": worst}
        result.rows.append((name, f"{middle:.1f} ms", f"{most:.1f} ms", f"{worst:.1f} ms"))
        if most > GOAL_MS:
            result.remarks.append(f"{name}: slower than {GOAL_MS} ms at the 95th percentile")
        say(f"  {name}: {middle:.1f} ms")
    if not held(4) and not any(held(4) for _ in range(200)):
        result.invalid.append("no address had a holder: the table is not what it should be")
    return result


def _timed(ask: Callable[[], Any]) -> float:
    begun_at = time.perf_counter()
    ask()
    return round((time.perf_counter() - begun_at) * 1000, 2)


def _span(first: date, last: date) -> Range:
    since = datetime(first.year, first.month, first.day, tzinfo=UTC)
    after = last + timedelta(days=1)
    until = datetime(after.year, after.month, after.day, tzinfo=UTC)
    return Range(first_day=first, last_day=last, since=since, until=until)


def _of_pppoe(span: Range) -> Range:
    return Range(first_day=span.first_day, last_day=span.last_day, since=span.since, until=span.until, service="pppoe")
