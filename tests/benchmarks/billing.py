"""How long a night takes: very many subscriptions invoiced, some of them paid from balances, some suspended.

A private PostgreSQL that keeps its promises (fsync and all) gets a provider whose terms all end within the week; then
one worker does the nightly run as it does it in an installation. Where the time goes is asked of the database and of
the process.
"""

import gc
import resource
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from benchmarks.lab import private_cluster
from benchmarks.verdict import Result
from bss.actor import Actor
from bss.billing import runs, work
from db.engine import make_engine, make_session_factory, psycopg_of
from db.migrations import runner
from db.models import BillingRun
from db.queries.books import wrong_in_books
from runtime import postgres

GOAL_S = 60.0
_SEED = """
INSERT INTO tenants (name, slug) VALUES ('Bench', 'bench');
INSERT INTO service_plans (tenant_id, name, slug, price, download_kbps, upload_kbps)
SELECT 1, 'Plan ' || n, 'plan-' || n, 100000 + n * 25000, 10000, 10000 FROM generate_series(1, 20) n;
INSERT INTO customers (tenant_id, customer_code, name, status)
SELECT 1, 'C' || lpad(n::text, 7, '0'), 'Customer ' || n, 'active' FROM generate_series(1, {number}) n;
INSERT INTO subscriptions (tenant_id, customer_id, service_plan_id, subscription_code, username, service_password_enc,
    status, expires_at, billing_day, price)
SELECT 1, n, n % 20 + 1, 'S' || n, 'user' || n, '', 'active', now() + make_interval(days => n % 6 + 1),
    extract(day FROM now() AT TIME ZONE 'Asia/Jakarta' + make_interval(days => n % 6 + 1)),
    100000 + (n % 20 + 1) * 25000
FROM generate_series(1, {number}) n;
"""
_CREDIT = """
WITH rich AS (SELECT id FROM customers WHERE id % 10 = 0), entries AS (
    INSERT INTO ledger_entries (tenant_id, kind, event_key, occurred_at, customer_id, actor_name)
    SELECT 1, 'credit', 'bench:' || id, now(), id, 'bench' FROM rich RETURNING id, customer_id
), accounts AS (
    INSERT INTO ledger_accounts (tenant_id, kind, customer_id) SELECT 1, 'wallet', id FROM rich
    RETURNING id, customer_id
), ours AS (INSERT INTO ledger_accounts (tenant_id, kind, name) VALUES (1, 'adjustment', 'bench') RETURNING id)
INSERT INTO ledger_postings (entry_id, account_id, amount)
SELECT e.id, a.id, -700000 FROM entries e JOIN accounts a USING (customer_id)
UNION ALL SELECT e.id, o.id, 700000 FROM entries e, ours o
"""


def run(*, number: int, say: Callable[[str], None]) -> Result:
    """Seed, run, and say how long it took; the cluster is gone afterwards."""
    with private_cluster("billing") as cluster:
        url = postgres.admin_url(cluster)
        runner.upgrade(url)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(_SEED.format(number=number))
            connection.execute(_CREDIT)
            connection.execute("VACUUM ANALYZE")
            connection.execute("CHECKPOINT")
        say(f"  {number:,} subscriptions are there")
        dry = _measure(url, say, is_dry=True) if number <= 20_000 else {}
        values = _measure(url, say, is_dry=False)
        wrong = _wrong(url)
    result = Result(name="billing", values=values | {"subscriptions": number, "dry": dry})
    result.head = ("subscriptions", "invoiced", "paid", "s", "invoices/s", "worker CPU s", "database CPU s")
    result.rows = [tuple(values[name] for name in (
        "weighed", "invoiced", "paid", "seconds", "rate", "worker_cpu_s", "database_cpu_s"))]  # fmt: skip
    result.remarks.append(f"goal: 100,000 in less than {GOAL_S:.0f} s; a tenth is paid from balances")
    if wrong or values["invoiced"] != number:
        result.invalid.append(f"the books are wrong, or not everybody was billed: {wrong}")
    result.write()
    return result


def _measure(url: str, say: Callable[[str], None], *, is_dry: bool) -> dict[str, float]:
    engine = make_engine(url, pool_size=1)
    gc.collect()
    with make_session_factory(engine)() as session:
        began, cpu = time.monotonic(), _own_cpu()
        actor = Actor.system(tenant_id=1, name="bench")
        started = runs.start(session, actor=actor, now=datetime.now(UTC), is_dry=is_dry)
        session.commit()
        seen = time.monotonic()

        def tell(now: BillingRun) -> None:
            nonlocal seen
            if time.monotonic() - seen > 5:
                seen = time.monotonic()
                say(f"  {now.done:,} of {now.total:,}")

        backend = psycopg_of(session).info.backend_pid
        work.drive(session, run_id=started.id, clock=lambda: datetime.now(UTC), after=tell)
        seconds = time.monotonic() - began
        session.refresh(started)
        found = {
            "weighed": started.total, "invoiced": started.invoiced, "paid": started.paid,
            "seconds": round(seconds, 1), "rate": round(started.invoiced / seconds),
            "worker_cpu_s": round(_own_cpu() - cpu, 1), "database_cpu_s": _cpu_of(backend),
        }  # fmt: skip
    engine.dispose()
    return found


def _own_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _cpu_of(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return round((int(fields[11]) + int(fields[12])) / 100, 1)


def _wrong(url: str) -> dict[str, list[int]]:
    with psycopg.connect(url) as connection:
        return wrong_in_books(connection)
