"""How long staff wait for a search among a million customers, and how long a thousand new ones take in one job.

A private PostgreSQL gets customers with Indonesian names (a few of which very many share), numbers, addresses and one
subscription each. Then the questions that staff type are asked through the very functions that panel and API call.
"""

import os
import random
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import psycopg
from cryptography.fernet import Fernet
from sqlalchemy.orm import Session

from benchmarks.lab import private_cluster
from benchmarks.verdict import Result
from bss import customer_jobs
from bss.actor import Actor
from db.engine import make_engine, make_session_factory, use_tenant
from db.migrations import runner
from db.queries.customer_lists import CustomerFilter, page_of_customers
from db.queries.paging import Wanted
from db.queries.panel.search import search
from runtime import postgres
from runtime.files import write_private

GOAL_MS = 50
# The first names of very many and of few; the second names make a person of them.
FIRST = ("Muhammad", "Budi", "Siti", "Agus", "Dewi", "Ahmad", "Sri", "Eko", "Rina", "Joko", "Putri", "Bagus")
SECOND = ("Santoso", "Wijaya", "Lestari", "Hidayat", "Saputra", "Rahayu", "Kusuma", "Pratama", "Nugroho", "Halim")
IMPORTED = 1_000

_CUSTOMERS = """
INSERT INTO customers (id, tenant_id, customer_code, name, email, phone, whatsapp, city, status, created_at)
OVERRIDING SYSTEM VALUE
SELECT n, 1, 'CUST-202601' || lpad(n::text, 7, '0'),
    (%(first)s::text[])[1 + (n * 7919 %% 97 * 12 / 97)] || ' ' || (%(second)s::text[])[1 + (n / 13 %% 10)]
        || ' ' || initcap(substr(md5(n::text), 1, 6)),
    substr(md5(n::text), 1, 8) || n || '@example.net', '+62812' || lpad((n * 7)::text, 8, '0'),
    '+62857' || lpad((n * 11 %% 99999989)::text, 8, '0'), 'City ' || n %% 50,
    CASE WHEN n %% 10 = 0 THEN 'suspended' ELSE 'active' END, now() - make_interval(secs => n)
FROM generate_series(1::bigint, %(count)s) n
"""
_SUBSCRIPTIONS = """
INSERT INTO subscriptions (tenant_id, customer_id, service_plan_id, subscription_code, username, service_password_enc,
    status)
SELECT 1, n, 1, 'SUB-202601' || lpad(n::text, 7, '0'), lower(substr(md5(n::text), 1, 6)) || n || '@net', 'x', 'active'
FROM generate_series(1::bigint, %(count)s) n
"""


def run(*, customers: int, asked: int, say: Callable[[str], None]) -> Result:
    """Load, ask, import; the cluster is gone afterwards."""
    with private_cluster("customers", durable=False) as cluster:
        url = postgres.admin_url(cluster)
        runner.upgrade(url)
        write_private(cluster.directory.parent / "keys", Fernet.generate_key().decode() + "\n")
        os.environ["LINTAS_KEYS_FILE"] = str(cluster.directory.parent / "keys")
        fill(url, customers, say)
        engine = make_engine(url)
        try:
            with make_session_factory(engine)() as session:
                use_tenant(session, 1)
                times = ask_all(session, customers, asked, say)
                import_s = import_thousand(session, say)
        finally:
            engine.dispose()
    return _result(customers, times, import_s)


def fill(url: str, customers: int, say: Callable[[str], None]) -> None:
    """A provider with so many customers and as many subscriptions, each change analysed."""
    say(f"loading {customers} customers")
    values: dict[str, Any] = {"count": customers, "first": list(FIRST), "second": list(SECOND)}
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("INSERT INTO tenants (id, name, slug) OVERRIDING SYSTEM VALUE VALUES (1, 'M', 'm')")
        connection.execute(
            "INSERT INTO service_plans (id, tenant_id, name, slug, connection_type, price, download_kbps, upload_kbps)"
            " OVERRIDING SYSTEM VALUE VALUES (1, 1, 'Plan', 'plan', 'pppoe', 100000, 10000, 5000)"
        )
        connection.execute(_CUSTOMERS, values)
        connection.execute("SELECT setval(pg_get_serial_sequence('customers', 'id'), %s)", [customers])
        connection.execute(_SUBSCRIPTIONS, values)
        connection.execute("VACUUM ANALYZE")


def questions(customers: int, rng: random.Random) -> dict[str, str]:
    """What staff type, each kind once, about a random customer."""
    number = rng.randrange(1, customers)
    hidden = f"{number * 7:08d}"
    return {
        "a first name of very many": rng.choice(FIRST).lower(),
        "first and second name": f"{rng.choice(FIRST)} {rng.choice(SECOND)}",
        "a part of a rare name": f"{rng.randrange(16**4):04x}",
        "the code": f"CUST-202601{number:07d}",
        "the end of the code": f"{number:07d}",
        "a phone number as dialled": f"0812{hidden}",
        "the end of a phone number": hidden[-6:],
        "a WhatsApp number": f"+62857{number * 11 % 99999989:08d}",
        "an e-mail's begin": f"{rng.randrange(16**6):06x}",
        "a username's end": f"{number}@net",
        "nothing that is there": f"zq{rng.randrange(10**6)}",
    }


def ask_all(session: Session, customers: int, asked: int, say: Callable[[str], None]) -> dict[str, list[float]]:
    """Milliseconds of every search, by kind of question and by what shows it."""
    rng, times = random.Random(1), dict[str, list[float]]()
    for turn in range(asked):
        for kind, text in questions(customers, rng).items():
            for shown, ask in _WAYS.items():
                begun = time.perf_counter()
                ask(session, text)
                times.setdefault(f"{kind} · {shown}", []).append((time.perf_counter() - begun) * 1000)
                session.rollback()
        if turn == 0:
            say("asked everything once")
    return times


def _list(session: Session, text: str) -> object:
    wanted = Wanted(sort="-created_at", page_size=20)
    return page_of_customers(session, tenant_id=1, fits=CustomerFilter(search=text), wanted=wanted).items


def _box(session: Session, text: str) -> object:
    return search(session, 1, text).customers


_WAYS: dict[str, Callable[[Session, str], object]] = {"list": _list, "search box": _box}


def import_thousand(session: Session, say: Callable[[str], None]) -> float:
    """Seconds for a thousand customers with one subscription each, from the file to the last row."""
    head = "name,phone,email,username,plan,tags"
    lines = [f'New {n},0813{n:08d},new{n}@example.org,new{n}@net,plan,"import,new"' for n in range(IMPORTED)]
    actor, now = Actor.system(tenant_id=1, name="measurement"), datetime.now(UTC)
    begun = time.perf_counter()
    content = "\n".join([head, *lines]).encode()
    job = customer_jobs.start_import(session, actor=actor, now=now, content=content, file_name="new.csv")
    session.commit()
    while customer_jobs.step(session, now=now, job_id=job.id):
        session.commit()
    session.commit()
    took = time.perf_counter() - begun
    session.refresh(job)
    say(f"imported {job.done} customers, {job.failed} failed")
    if job.done != IMPORTED:
        raise RuntimeError(f"{job.failed} of {IMPORTED} rows failed")
    return took


def _result(customers: int, times: dict[str, list[float]], import_s: float) -> Result:
    rows: list[tuple[object, ...]] = [
        (kind, f"{statistics.median(found):.1f}", f"{_p95(found):.1f}") for kind, found in times.items()
    ]
    every = [one for found in times.values() for one in found]
    values = {
        "customers": customers,
        "searches": len(every),
        "p50_ms": round(statistics.median(every), 1),
        "p95_ms": round(_p95(every), 1),
        "import_1000_s": round(import_s, 1),
    }
    result = Result(name="customers", values=values, head=("search", "median ms", "p95 ms"), rows=rows)
    result.remarks.append(f"all searches: p95 {values['p95_ms']} ms among {customers} customers (goal {GOAL_MS} ms)")
    result.remarks.append(f"{IMPORTED} customers with a subscription each in one job: {import_s:.1f} s")
    result.write()
    return result


def _p95(times: list[float]) -> float:
    return statistics.quantiles(times, n=20)[-1] if len(times) > 1 else times[0]
