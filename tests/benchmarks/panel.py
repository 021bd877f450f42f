"""How long the panel takes for each of its pages, with a provider of a hundred thousand customers.

Every page that can be opened by an address is found in the application itself, so that a new one is measured without
being named here; what names a row gets another row each time. The time is the server's: from the request to the last
byte of the answer, one request after another. What a browser adds until it first paints is measured for a few pages.
"""

import os
import random
import re
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import sync_playwright
from sqlalchemy.orm import Session
from werkzeug.routing import Rule

from benchmarks.lab import Lab, open_lab
from benchmarks.verdict import Result
from bss.actor import Actor
from bss.billing import runs, work
from bss.setup import ensure_roles
from db.engine import make_engine, make_session_factory, use_tenant
from factories import PASSWORD, make_user
from panel_addresses import TABLES, address_of, rules_to_look_at
from webadmin.app import served_app

GOAL_MS, PAINT_GOAL_MS = 300, 1_000
ROUTERS, DAYS = 20, 30
EMAIL = "bench@example.net"
# What leaves as a file or waits for a router is no page.
NOT_PAGES = re.compile(r"export|csv|xlsx|download|pdf|/file|sheet|stream|events|live-data|probe")
PAINTED = (
    "/",
    "/customers",
    "/customers/{customer_id}",
    "/subscriptions",
    "/online",
    "/invoices",
    "/plans",
    "/routers",
)

_SEED = """
INSERT INTO tenants (id, name, slug) OVERRIDING SYSTEM VALUE VALUES (1, 'Measured', 'measured');
INSERT INTO nas_servers (tenant_id, name, host, radius_secret_enc, last_seen_at)
SELECT 1, 'RB-' || n, ('10.9.0.' || n)::inet, '{secret}', now() FROM generate_series(1, {routers}) n;
INSERT INTO service_plans (tenant_id, name, slug, connection_type, price, download_kbps, upload_kbps)
SELECT 1, 'Plan ' || n, 'plan-' || n, 'pppoe', 100000 + n * 25000, n * 5000, n * 2500 FROM generate_series(1, 20) n;
INSERT INTO plan_fup_rules (tenant_id, service_plan_id, tier, threshold_bytes, reduction_percent)
SELECT 1, n, 1, 200000000000, 50 FROM generate_series(1, 10) n;
INSERT INTO customers (tenant_id, customer_code, name, phone, city, status, created_at)
SELECT 1, 'C' || lpad(n::text, 7, '0'), 'Customer ' || substr(md5(n::text), 1, 8), '+62812' || lpad(n::text, 8, '0'),
    'City ' || n % 50, CASE WHEN n % 12 = 0 THEN 'suspended' ELSE 'active' END, now() - make_interval(mins => n)
FROM generate_series(1, {customers}) n;
INSERT INTO subscriptions (tenant_id, customer_id, service_plan_id, nas_server_id, subscription_code, username,
    service_password_enc, status, expires_at, billing_day, price)
SELECT 1, n, n % 20 + 1, n % {routers} + 1, 'S' || n, 'user' || n, '{secret}', 'active',
    now() + make_interval(days => n % 28 + 1),
    extract(day FROM now() AT TIME ZONE 'Asia/Jakarta' + make_interval(days => n % 28 + 1)),
    100000 + (n % 20 + 1) * 25000
FROM generate_series(1, {customers}) n;
INSERT INTO radacct (acctsessionid, acctuniqueid, username, nasipaddress, acctstarttime, acctupdatetime, acctstoptime,
    acctsessiontime, acctinputoctets, acctoutputoctets, callingstationid, framedipaddress, tenant_id, subscription_id,
    nas_server_id, upload_kbps, download_kbps)
SELECT to_hex(n), md5('open' || n), 'user' || n, ('10.9.0.' || n % {routers} + 1)::inet,
    now() - make_interval(secs => n % 86400), now() - make_interval(secs => n % 300), NULL, n % 86400,
    n * 10000::bigint, n * 100000::bigint, '02:00:00:' || lpad(to_hex(n), 6, '0'), '100.64.0.0'::inet + n, 1, n,
    n % {routers} + 1, n % 900, n % 9000
FROM generate_series(1, {online}) n;
INSERT INTO radacct (acctsessionid, acctuniqueid, username, nasipaddress, acctstarttime, acctupdatetime, acctstoptime,
    acctsessiontime, acctinputoctets, acctoutputoctets, acctterminatecause, tenant_id, subscription_id, nas_server_id)
SELECT to_hex(n), md5('closed' || n || d), 'user' || n, ('10.9.0.' || n % {routers} + 1)::inet,
    now() - make_interval(days => d, secs => 9000), now() - make_interval(days => d), now() - make_interval(days => d),
    9000, 50000000, 900000000, 'User-Request', 1, n, n % {routers} + 1
FROM generate_series(1, {customers}) n, generate_series(2, 12, 5) d;
INSERT INTO usage_daily (subscription_id, day, nas_server_id, download_bytes, upload_bytes, seconds, sessions)
SELECT n, current_date - d, n % {routers} + 1, 900000000 + n, 50000000, 9000, 1
FROM generate_series(1, {online}) n, generate_series(0, {days}) d;
INSERT INTO access_log (decided_at, tenant_id, subscription_id, nas_server_id, username, callingstationid, service,
    result, reason, decision_id)
SELECT now() - make_interval(secs => n / 4.0), 1, n % {customers} + 1, n % {routers} + 1, 'user' || n % {customers} + 1,
    '02:00:00:00:00:01', 'pppoe', CASE WHEN n % 9 = 0 THEN 'reject' ELSE 'accept' END,
    CASE WHEN n % 9 = 0 THEN 'wrong_password' ELSE 'ok' END, md5(n::text)
FROM generate_series(1, {customers}) n;
INSERT INTO session_changes (tenant_id, subscription_id, nas_server_id, acctuniqueid, acctsessionid, username, kind,
    reason, requested_by, caused_at, status, created_at, sent_at, finished_at)
SELECT 1, n, n % {routers} + 1, md5('open' || n), to_hex(n), 'user' || n, 'coa', 'speed', 'bench',
    now() - make_interval(secs => n), 'ack', now() - make_interval(secs => n), now(), now()
FROM generate_series(1, {online}) n;
INSERT INTO audit_logs (tenant_id, actor_name, actor_type, action, entity_type, entity_id, customer_id, created_at)
SELECT 1, 'bench', 'user', 'customer.updated', 'customers', n, n, now() - make_interval(secs => n)
FROM generate_series(1, {customers}) n;
"""
_PAYMENTS = """
INSERT INTO payments (tenant_id, receipt_number, customer_id, invoice_id, amount, currency, paid_at, recorded_by)
SELECT 1, 'R' || id, customer_id, id, total, 'IDR', now() - make_interval(secs => id), 'bench'
FROM invoices WHERE id % 2 = 0
"""


def run(*, customers: int, online: int, asked: int, say: Callable[[str], None]) -> Result:
    """Load, open every page so many times, and say how long each took; the installation is gone afterwards."""
    with open_lab(subscribers=customers, say=say, place="panel-bench") as lab:
        os.environ.update(lab.own_environment())
        fill(lab, customers, online)
        app = served_app(lab.settings, TESTING=True, WTF_CSRF_ENABLED=False, RATE_LIMITS_ENABLED=False)
        client = app.test_client()
        client.post("/login", data={"email": EMAIL, "password": PASSWORD})
        times, refused = ask_all(client, app, lab, asked)
        painted = first_paints(lab, customers)
        app.extensions["lintas_engine"].dispose()
    return _result(customers, online, times, refused, painted)


def fill(lab: Lab, customers: int, online: int) -> None:
    """A provider with everything that lists show, invoiced by the real run."""
    lab.say(f"loading {customers} customers, {online} of them online")
    secret = "\\x" + lab.keyring.encrypt("secret-of-the-bench").hex()
    lab.sql(_SEED.format(customers=customers, online=online, routers=ROUTERS, days=DAYS, secret=secret))
    engine = make_engine(lab.settings.database_url)
    with make_session_factory(engine)() as session:
        _invoice(session)
        admin = next(role for role in ensure_roles(session) if role.name == "admin")
        make_user(session, email=EMAIL, roles=[admin], tenant_id=1)
        session.commit()
    engine.dispose()
    lab.sql(_PAYMENTS)
    lab.sql("VACUUM ANALYZE")


def _invoice(session: Session) -> None:
    use_tenant(session, 1)
    started = runs.start(session, actor=Actor.system(tenant_id=1, name="bench"), now=datetime.now(UTC), is_dry=False)
    session.commit()
    work.drive(session, run_id=started.id, clock=lambda: datetime.now(UTC), after=lambda _run: None)
    session.commit()


def pages(app: Flask) -> list[Rule]:
    """Every page of the panel that an address opens."""
    return [rule for rule in rules_to_look_at(app) if not NOT_PAGES.search(rule.rule)]


def ask_all(client: FlaskClient, app: Flask, lab: Lab, asked: int) -> tuple[dict[str, list[float]], dict[str, int]]:
    """Milliseconds of each page, and those that answered otherwise than with a page."""
    rng, times, refused = random.Random(1), dict[str, list[float]](), dict[str, int]()
    known = _numbers(lab)
    for rule in pages(app):
        for turn in range(asked + 1):
            address = address_of(rule, lambda table: rng.randint(*known[table]) or None)
            if address is None:
                refused[rule.rule] = 0
                break
            begun = time.perf_counter()
            answer = client.get(address)
            answer.get_data()
            took = (time.perf_counter() - begun) * 1000
            if answer.status_code != 200:
                refused[rule.rule] = answer.status_code
                break
            # The first compiles the template, which a server at work has done.
            if turn:
                times.setdefault(rule.rule, []).append(took)
    return times, refused


def _numbers(lab: Lab) -> dict[str, tuple[int, int]]:
    """The first and last number of the rows that addresses name."""
    found = {}
    for table in TABLES.values():
        least, most = lab.sql(f"SELECT coalesce(min(id), 0), coalesce(max(id), 0) FROM {table}")[0]
        found[table] = (int(least), int(most))
    return found


def first_paints(lab: Lab, customers: int) -> dict[str, float]:
    """Milliseconds until a browser with an empty cache first paints the main pages, the median of five."""
    lab.start_service("panel")
    url = f"http://{lab.settings.panel_host}:{lab.settings.panel_port}"
    found: dict[str, float] = {}
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(base_url=url)
        page.goto("/login")
        page.fill("#email", EMAIL)
        page.fill("#password", PASSWORD)
        page.click("button[name=submit]")
        page.wait_for_selector(".frame")
        for address in PAINTED:
            found[address] = statistics.median(
                _paint(page, address.format(customer_id=customers // 7)) for _ in range(5)
            )
        browser.close()
    lab.end("panel")
    return found


def _paint(page: Any, address: str) -> float:
    page.goto(address)
    script = "() => performance.getEntriesByName('first-contentful-paint').map(e => e.startTime)[0] ?? null"
    return float(page.wait_for_function(script).json_value())


def _result(
    customers: int, online: int, times: dict[str, list[float]], refused: dict[str, int], painted: dict[str, float]
) -> Result:
    p95 = {address: statistics.quantiles(found, n=20)[-1] for address, found in times.items()}
    slowest = sorted(p95, key=p95.__getitem__, reverse=True)
    every = [one for found in times.values() for one in found]
    values = {
        "customers": customers,
        "online": online,
        "pages": len(times),
        "p50_ms": round(statistics.median(every), 1),
        "p95_ms": round(statistics.quantiles(every, n=20)[-1], 1),
        "slowest": {address: round(p95[address], 1) for address in slowest[:20]},
        "first_paint_ms": {address: round(found) for address, found in painted.items()},
        "not_opened": refused,
    }
    rows: list[tuple[object, ...]] = [
        (address, f"{statistics.median(times[address]):.0f}", f"{p95[address]:.0f}") for address in slowest[:25]
    ]
    result = Result(name="panel", values=values, head=("slowest pages", "median ms", "p95 ms"), rows=rows)
    over = [address for address in slowest if p95[address] >= GOAL_MS]
    result.remarks.append(f"{len(times)} pages: p95 of all {values['p95_ms']} ms; {len(over)} at {GOAL_MS} ms or more")
    result.remarks += [
        f"first paint of {address}: {found:.0f} ms (goal {PAINT_GOAL_MS})" for address, found in painted.items()
    ]
    wrong = {address: status for address, status in refused.items() if status >= 500}
    if wrong:
        result.invalid.append(f"pages failed: {wrong}")
    result.write()
    return result
