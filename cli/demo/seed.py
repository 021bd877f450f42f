"""Fills the demo provider once: plans, two routers, customers, a member of staff and a token, all by the use-cases.

What is made up (passwords, secrets, the token) goes into one private file; a second run changes nothing.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from bss import customers, nas, plans, setup, subscriptions, tokens
from bss.actor import Actor
from bss.permissions import PERMISSIONS
from cli.demo import facts as demo_facts
from cli.demo.facts import Facts, Login
from db.engine import make_engine, make_session_factory
from db.models import ServicePlan
from db.queries.rows import find_row
from db.queries.staff import find_user_by_email, first_tenant
from runtime.settings import Settings, get_settings

STAFF_EMAIL = "admin@demo.example"
ROUTER_HOST = "127.0.0.1"
NETWORK_HOST = "127.0.0.2"
GIGABYTE = 1_000_000_000
# Crossed within one demo run by a customer who has used nothing yet.
DEMO_THRESHOLD_BYTES = 5 * GIGABYTE

PLANS: tuple[dict[str, Any], ...] = (
    {
        "name": "Home 10",
        "download_kbps": 10_000,
        "upload_kbps": 5_000,
        "price": "150000.00",
        "description": "10 Mbit/s, after 5 GB in a cycle 2 Mbit/s",
        "fup_rules": [
            {
                "threshold_bytes": DEMO_THRESHOLD_BYTES,
                "reduced_download_kbps": 2_000,
                "reduced_upload_kbps": 1_000,
                "reset_period": "billing_cycle",
            },
            {
                "threshold_bytes": 50 * GIGABYTE,
                "reduced_download_kbps": 512,
                "reduced_upload_kbps": 512,
                "reset_period": "billing_cycle",
            },
        ],
    },
    {
        "name": "Home 20",
        "download_kbps": 20_000,
        "upload_kbps": 10_000,
        "price": "250000.00",
        "burst_enabled": True,
        "burst_download_kbps": 30_000,
        "burst_upload_kbps": 15_000,
        "burst_threshold_download_kbps": 15_000,
        "burst_threshold_upload_kbps": 8_000,
        "burst_time_s": 8,
        "fup_rules": [{"threshold_bytes": 300 * GIGABYTE, "reduction_percent": 50, "reset_period": "monthly"}],
    },
    {"name": "Home 50", "download_kbps": 50_000, "upload_kbps": 25_000, "price": "400000.00"},
    {"name": "Business 100", "download_kbps": 100_000, "upload_kbps": 100_000, "price": "600000.00", "priority": 4},
    {
        "name": "Hotspot day",
        "connection_type": "hotspot",
        "download_kbps": 5_000,
        "upload_kbps": 2_000,
        "price": "5000.00",
        "billing_cycle": "daily",
        "concurrent_connections": 2,
        "idle_timeout_s": 900,
    },
)
# name, city, plan, username: the first of each access kind is the one a script uses.
PEOPLE = (
    ("Budi Santoso", "Jakarta", "Home 10", "budi"),
    ("Siti Rahma", "Bandung", "Hotspot day", "siti"),
    ("Andi Wijaya", "Jakarta", "Home 20", "andi"),
    ("Dewi Lestari", "Bogor", "Home 20", "dewi"),
    ("Rizky Pratama", "Depok", "Home 50", "rizky"),
    ("Maya Putri", "Bekasi", "Home 10", "maya"),
    ("Agus Setiawan", "Jakarta", "Home 50", "agus"),
    ("Warung Kopi Cempaka", "Jakarta", "Business 100", "kopi-cempaka"),
    ("Rina Anggraini", "Tangerang", "Hotspot day", "rina"),
    ("Joko Susilo", "Bogor", "Home 10", "joko"),
)
OFFLINE = {"budi", "siti", "joko"}


def ensure() -> Facts:
    """The demo's facts, after filling the provider if this is the first run."""
    settings = get_settings()
    existing = demo_facts.read(settings)
    if existing is not None:
        return existing
    engine = make_engine(settings.database_url)
    try:
        with make_session_factory(engine)() as session:
            made = _fill(session, settings, datetime.now(UTC))
            # The file first: rows without their passwords would be a demo nobody can enter.
            demo_facts.write(settings, made)
            session.commit()
    finally:
        engine.dispose()
    return made


def new_visitor(known: Facts) -> Login:
    """A customer of today's demo, who has used nothing yet; every run has its own."""
    engine = make_engine(get_settings().database_url)
    now = datetime.now(UTC)
    try:
        with make_session_factory(engine)() as session:
            tenant = first_tenant(session)
            plan = None if tenant is None else find_row(session, ServicePlan, known.plan_id, tenant_id=tenant.id)
            if tenant is None or plan is None:
                raise SystemExit("the demo's plan is gone; start over with an empty var/")
            actor = Actor.system(tenant_id=tenant.id, name="demo")
            person = (f"Visitor of {now:%d %B, %H:%M}", "Jakarta", plan.name, f"visitor-{now:%m%d-%H%M%S}")
            login = _customer(session, actor, now, person, {plan.name: plan})
            session.commit()
    finally:
        engine.dispose()
    return login


def describe() -> dict[str, Any]:
    """All that a script needs to talk to the running demo."""
    settings, known = get_settings(), demo_facts.read(get_settings())
    if known is None:
        raise SystemExit("the demo is empty; run: lintas demo run")
    panel_url = f"http://{settings.panel_host}:{settings.panel_port}"
    return {
        "radius": {
            "host": settings.radius_host,
            "auth_port": settings.radius_auth_port,
            "acct_port": settings.radius_acct_port,
        },
        "router": {
            "id": known.router_id,
            "source_address": ROUTER_HOST,
            "secret": known.router_secret,
            "coa_port": settings.coa_port,
        },
        "customers": {
            kind: {
                "username": login.username,
                "password": login.password,
                "subscription_id": login.subscription_id,
                "customer_id": login.customer_id,
            }
            for kind, login in known.customers.items()
        },
        "database_url": settings.database_url,
        "panel_url": panel_url,
        "api_url": f"{panel_url}/api/v1",
        "staff": {"email": known.staff_email, "password": known.staff_password},
        "api_token": known.api_token,
    }


def _fill(session: Session, settings: Settings, now: datetime) -> Facts:
    first = setup.set_up(session, now=now, tenant_name="Demo Net", admin_email=STAFF_EMAIL, admin_name="Demo admin")
    if first.admin_password is None:
        raise SystemExit("the database holds a provider already, and it is not this demo's")
    actor = Actor.system(tenant_id=first.tenant.id, name="demo")
    demo_router = nas.create(
        session, actor=actor, now=now, name="RB-Demo", host=ROUTER_HOST, coa_port=settings.coa_port,
        require_message_authenticator=False, location="Demo rack, for radclient and scripts",
    )  # fmt: skip
    busy_router = nas.create(
        session, actor=actor, now=now, name="RB-Cempaka", host=NETWORK_HOST, coa_port=settings.coa_port,
        location="Cempaka Putih, simulated customers",
    )  # fmt: skip
    catalogue = {str(values["name"]): plans.create(session, actor=actor, now=now, values=values) for values in PLANS}
    logins = [_customer(session, actor, now, person, catalogue) for person in PEOPLE]
    admin = find_user_by_email(session, STAFF_EMAIL)
    if admin is None:
        raise RuntimeError("the administrator just made is not there")
    token = tokens.create(
        session, actor=actor, now=now, user_id=admin.id, name="demo script", scopes=sorted(PERMISSIONS),
        expires_at=now + timedelta(days=365),
    )  # fmt: skip
    by_name = {login.username: login for login in logins}
    return Facts(
        staff_email=STAFF_EMAIL,
        staff_password=first.admin_password,
        api_token=token.secret,
        router_id=demo_router.row.id,
        plan_id=catalogue["Home 10"].id,
        router_secret=demo_router.secret,
        network_secret=busy_router.secret,
        customers={"pppoe": by_name["budi"], "hotspot": by_name["siti"]},
        network=[login for login in logins if login.username not in OFFLINE],
    )


def _customer(
    session: Session, actor: Actor, now: datetime, person: tuple[str, str, str, str], catalogue: dict[str, ServicePlan]
) -> Login:
    name, city, plan_name, username = person
    customer = customers.create(session, actor=actor, now=now, name=name, city=city)
    issued = subscriptions.create(
        session, actor=actor, now=now, customer_id=customer.id, service_plan_id=catalogue[plan_name].id,
        username=username, expires_at=now + timedelta(days=30),
    )  # fmt: skip
    return Login(username=username, password=issued.secret, subscription_id=issued.row.id, customer_id=customer.id)
