"""The measured provider: as many subscribers as asked for, with every rule of a login in use by some of them.

Ten plans with speeds, burst, pools, lists, timeouts and three fair-use tiers each; every subscriber with an encrypted
password, a fixed address, an expiry and one session at most. Every 5th is bound to its device, every 7th is in a
fair-use tier, every 11th has a speed of its own, half of those for a limited time.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address

from benchmarks.lab import Lab
from benchmarks.load import PASSWORD_FORMAT, USER_FORMAT

PLANS = 10
FAIR_USE_PLAN = PLANS + 1
FAIR_USE_THRESHOLD_BYTES = 10**9
# The load generator's packets come from here; the simulated router of the fair-use measurement has its own address.
LOAD_ROUTER, LOAD_ROUTER_ADDRESS = 1, "127.0.0.1"
SIMULATED_ROUTER, SIMULATED_ROUTER_ADDRESS = 2, "127.0.0.2"
_FIRST_ADDRESS = IPv4Address("10.0.0.0")

_FILLED = (
    "customers, subscriptions, subscription_macs, subscription_fup_states, subscription_limits, service_plans,"
    " plan_fup_rules"
)
_TENANT = "INSERT INTO tenants (id, name, slug) OVERRIDING SYSTEM VALUE VALUES (1, 'Measured', 'measured')"
_PLANS = """
INSERT INTO service_plans (id, tenant_id, name, slug, connection_type, price, download_kbps, upload_kbps, priority,
    burst_enabled, burst_download_kbps, burst_upload_kbps, burst_threshold_download_kbps, burst_threshold_upload_kbps,
    burst_time_s, session_timeout_s, idle_timeout_s, ip_pool, address_list)
OVERRIDING SYSTEM VALUE
SELECT n, 1, 'Plan ' || n, 'plan-' || n, 'pppoe', n * 50000, n * 10000, n * 5000, 1 + n %% 8,
    n %% 3 = 0, n * 20000, n * 10000, n * 8000, n * 4000, 16,
    CASE WHEN n %% 4 = 1 THEN 86400 END, CASE WHEN n %% 4 = 2 THEN 900 END, 'pool-' || n,
    CASE WHEN n %% 2 = 0 THEN 'list-' || n END
FROM generate_series(1, %s) n
"""
_TIERS = """
INSERT INTO plan_fup_rules (tenant_id, service_plan_id, tier, threshold_bytes, reduction_percent,
    reduced_download_kbps, reduced_upload_kbps)
SELECT 1, p.id, tier, tier * 200000000000, CASE WHEN tier < 3 THEN tier * 30 END,
    CASE WHEN tier = 3 THEN 2000 END, CASE WHEN tier = 3 THEN 1000 END
FROM service_plans p, generate_series(1, 3) tier WHERE p.id <= %s
"""
_FAIR_USE_TIER = """
INSERT INTO plan_fup_rules (tenant_id, service_plan_id, tier, threshold_bytes, reduced_download_kbps,
    reduced_upload_kbps) VALUES (1, %s, 1, %s, 2000, 1000)
"""
_CUSTOMERS = """
INSERT INTO customers (id, tenant_id, customer_code, name, status) OVERRIDING SYSTEM VALUE
SELECT n, 1, 'CUST-' || n, 'Customer ' || n, 'active' FROM generate_series(%s::int, %s) n
"""
_SUBSCRIPTIONS = """
COPY subscriptions (id, tenant_id, customer_id, service_plan_id, nas_server_id, subscription_code, username,
    service_password_enc, status, expires_at, billing_day, assigned_ip, mac_binding) FROM STDIN
"""
# The generator's devices, as radload.c spells them.
_DEVICES = """
INSERT INTO subscription_macs (tenant_id, subscription_id, mac, status)
SELECT 1, n, ('02' || lpad(to_hex(n), 8, '0') || '00')::macaddr, 'approved' FROM generate_series(5, %s, 5) n
"""
_STATES = """
INSERT INTO subscription_fup_states (subscription_id, tier, activated_at, window_start, window_end)
SELECT n, 1 + n %% 3, now() - interval '1 day', now() - interval '10 days', now() + interval '15 days'
FROM generate_series(7, %s, 7) n
"""
_OVERRIDES = """
INSERT INTO subscription_limits (subscription_id, download_kbps, upload_kbps, speed_expires_at)
SELECT n, 30000, 15000, CASE WHEN n %% 2 = 0 THEN now() + interval '5 days' END FROM generate_series(11, %s, 11) n
"""
_ROUTER = """
INSERT INTO nas_servers (id, tenant_id, name, host, radius_secret_enc, coa_port) OVERRIDING SYSTEM VALUE
VALUES (%s, 1, %s, %s, %s, %s)
"""


def seed(lab: Lab) -> None:
    """Fills the database; subscription n is user n of the load generator."""
    lab.say(f"loading {lab.subscribers} subscribers")
    lab.sql(_TENANT)
    lab.sql(_PLANS, FAIR_USE_PLAN)
    lab.sql(_TIERS, PLANS)
    lab.sql(_FAIR_USE_TIER, FAIR_USE_PLAN, FAIR_USE_THRESHOLD_BYTES)
    add_router(lab, LOAD_ROUTER, LOAD_ROUTER_ADDRESS)
    add_subscriptions(lab, 1, lab.subscribers)
    for statement in (_DEVICES, _STATES, _OVERRIDES):
        lab.sql(statement, lab.subscribers)
    # Only what was filled: statistics of an empty table would mislead whoever fills it.
    lab.sql(f"ANALYZE {_FILLED}")


def add_router(lab: Lab, number: int, address: str, *, coa_port: int = 3799) -> None:
    """A router with the lab's shared secret."""
    lab.sql(_ROUTER, number, f"router-{number}", address, lab.keyring.encrypt(lab.secret), coa_port)


def add_subscriptions(lab: Lab, first: int, last: int, *, plan: int | None = None, router: int = LOAD_ROUTER) -> None:
    """Active subscriptions first..last; without a plan they take the ten in turn."""
    lab.sql(_CUSTOMERS, first, last)
    with lab.connection.cursor() as cursor, cursor.copy(_SUBSCRIPTIONS) as copy:
        for row in _rows(lab, first, last, plan, router):
            copy.write_row(row)


def _rows(lab: Lab, first: int, last: int, plan: int | None, router: int) -> Iterator[tuple[object, ...]]:
    keyring = lab.keyring
    expires_at = datetime.now(UTC) + timedelta(days=20)
    for n in range(first, last + 1):
        plan_id = plan or 1 + n % PLANS
        address = str(_FIRST_ADDRESS + n)
        password = keyring.encrypt(PASSWORD_FORMAT.replace("l", "") % n)
        yield (
            n, 1, n, plan_id, router, f"SUB-{n}", username(n), password, "active", expires_at, 1 + n % 28, address,
            "fixed" if n % 5 == 0 and plan is None else "off",
        )  # fmt: skip


def username(number: int) -> str:
    """The name of user n, as the generator writes it."""
    return USER_FORMAT.replace("l", "") % number
