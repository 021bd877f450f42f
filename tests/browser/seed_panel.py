"""A small provider with customers in every state, for browser tests and screenshots."""

import random
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from bss.setup import ensure_roles
from db.models import (
    AccessLog,
    AuditLog,
    Customer,
    NasServer,
    ServicePlan,
    SessionChange,
    SessionChangeAttempt,
    SpoolPosition,
    Subscription,
    SubscriptionFupState,
    SubscriptionMac,
    Tenant,
    UsageDaily,
    User,
)
from domain.period import period_at
from factories import make_customer, make_nas, make_plan, make_session, make_subscription, make_tenant, make_user

EMAIL = "owner@example.net"
PEOPLE = (
    "Budi Santoso", "Siti Nur Halimah", "Agus Prasetyo", "Dewi Lestari", "Rudi Hartono", "Ni Luh Putu Ayu",
    "Yusuf Maulana", "Rina Wulandari", "Toko Sinar Jaya", "Bambang Setiawan", "Fitri Handayani", "Warnet Cempaka",
    "Joko Susilo", "Maria Simanjuntak", "Eko Nugroho", "Sri Wahyuni", "Hendra Gunawan", "Lia Kusuma",
    "Klinik Sehat Sentosa", "Andi Saputra", "Putri Maharani", "Dedi Kurniawan", "Wati Suryani", "Iwan Fals Cafe",
    "Nurul Hidayah", "Ahmad Fauzi", "Yanti Permata", "Gede Arya", "PT Maju Bersama", "Slamet Riyadi",
)  # fmt: skip
CITIES = ("Bandung", "Cimahi", "Lembang", "Sumedang")
GB = 1000**3


class Seeded:
    """The rows that tests name."""

    tenant: Tenant
    owner: User
    plans: list[ServicePlan]
    routers: list[NasServer]
    customers: list[Customer]
    budi: Customer
    service: Subscription


def seed(session: Session, *, customers: int = 30, first_day: bool = False, now: datetime | None = None) -> Seeded:
    """Fill an empty, migrated database; the same every time but for the moments."""
    now, chance, rows = now or datetime.now(UTC), random.Random(7), Seeded()
    rows.tenant = make_tenant(session, name="Cempaka Net", slug="cempaka-net", locale="id")
    admin = next(role for role in ensure_roles(session) if role.name == "admin")
    rows.owner = make_user(session, name="Ratna Dewi", email=EMAIL, roles=[admin], tenant=rows.tenant)
    if first_day:
        return rows
    rows.plans, rows.routers = _plans(session), _routers(session, now)
    rows.customers = [_customer(session, rows, number, chance, now) for number in range(customers)]
    rows.budi = rows.customers[0]
    rows.service = _services(session, rows.budi)[0]
    _life_of_budi(session, rows, chance, now)
    _logins(session, rows, chance, now)
    for stream in ("acct", "access"):
        session.add(
            SpoolPosition(
                node="node1",
                stream=stream,
                file="",
                offset_bytes=1,
                updated_at=now - timedelta(seconds=2),
            )
        )
    session.flush()
    return rows


def _plans(session: Session) -> list[ServicePlan]:
    tiers = (
        {"threshold_bytes": 100 * GB, "reduced_download_kbps": 10_000, "reduced_upload_kbps": 5_000},
        {"threshold_bytes": 200 * GB, "reduced_download_kbps": 3_000, "reduced_upload_kbps": 1_000},
    )
    burst = {
        "burst_enabled": True,
        "burst_download_kbps": 40_000,
        "burst_upload_kbps": 20_000,
        "burst_threshold_download_kbps": 15_000,
        "burst_threshold_upload_kbps": 7_000,
        "burst_time_s": 16,
    }
    return [
        make_plan(
            session,
            name="Home 20",
            slug="home-20",
            download_kbps=20_000,
            upload_kbps=10_000,
            price=250_000,
            tiers=tiers,
            **burst,
        ),
        make_plan(
            session,
            name="Home 10",
            slug="home-10",
            download_kbps=10_000,
            upload_kbps=5_000,
            price=175_000,
            tiers=tiers[1:],
        ),
        make_plan(
            session,
            name="Business 50",
            slug="business-50",
            download_kbps=50_000,
            upload_kbps=50_000,
            price=850_000,
            priority=4,
        ),
        make_plan(
            session,
            name="Hotspot Daily",
            slug="hotspot",
            connection_type="hotspot",
            download_kbps=4_000,
            upload_kbps=2_000,
            price=5_000,
            billing_cycle="daily",
        ),
    ]


def _routers(session: Session, now: datetime) -> list[NasServer]:
    seen = {"RB-Cempaka": 4, "RB-Melati": 11, "RB-Lembang": 2400}
    routers = [
        make_nas(
            session,
            name=name,
            host=f"10.10.{place}.1",
            last_seen_at=now - timedelta(seconds=age),
            location=CITIES[place - 1],
        )
        for place, (name, age) in enumerate(seen.items(), start=1)
    ]
    return [
        *routers,
        make_nas(session, name="RB-Baru", host="10.10.9.1", routeros_version=6, require_message_authenticator=False),
    ]


def _customer(session: Session, rows: Seeded, number: int, chance: random.Random, now: datetime) -> Customer:
    status = {7: "suspended", 13: "expired", 19: "prospect", 22: "terminated", 26: "blacklisted"}.get(number, "active")
    customer = make_customer(
        session,
        name=PEOPLE[number % len(PEOPLE)],
        customer_code=f"CUST-202609{number + 1:04d}",
        phone=f"+62812345{number:05d}",
        city=CITIES[number % 4],
        status=status,
        suspend_reason="overdue" if status == "suspended" else None,
        customer_type="business" if number in (8, 11, 18, 28) else "residential",
        created_at=now - timedelta(days=400 - number),
    )
    if status == "prospect":
        return customer
    _service(session, rows, customer, number, status, chance, now)
    session.refresh(customer)
    return customer


def _service(
    session: Session, rows: Seeded, customer: Customer, number: int, status: str, chance: random.Random, now: datetime
) -> None:
    subscription = make_subscription(
        session,
        customer=customer,
        plan=rows.plans[2 if customer.customer_type == "business" else number % 2],
        username=PEOPLE[number % len(PEOPLE)].split()[0].lower() + f"{number + 1:02d}",
        subscription_code=f"SUB-202609{number + 1:04d}",
        status={"suspended": "suspended", "expired": "expired", "terminated": "terminated"}.get(status, "active"),
        suspend_reason="overdue" if status == "suspended" else None,
        price=rows.plans[2 if customer.customer_type == "business" else number % 2].price,
        nas_server_id=rows.routers[number % 3].id,
        expires_at=now + timedelta(days=3 + number),
        activated_at=now - timedelta(days=300),
    )
    if status == "active" and number % 4 != 3:
        make_session(
            session,
            subscription,
            rows.routers[number % 3],
            acctstarttime=now - timedelta(minutes=chance.randint(3, 4000)),
            acctupdatetime=now - timedelta(seconds=chance.randint(5, 290)),
            framedipaddress=f"100.64.{number % 3}.{number + 10}",
            callingstationid=f"D4:CA:6D:00:{number:02X}:01",
            download_kbps=number * 977 % 18_000,
            upload_kbps=number * 331 % 4_000,
            acctinputoctets=chance.randint(1, 4 * GB),
            acctoutputoctets=chance.randint(GB, 40 * GB),
        )


def _life_of_budi(session: Session, rows: Seeded, chance: random.Random, now: datetime) -> None:
    service, zone = rows.service, ZoneInfo("Asia/Jakarta")
    period = period_at("billing_cycle", now, zone, service.billing_day)
    session.add(
        SubscriptionFupState(
            subscription_id=service.id,
            tier=1,
            activated_at=now - timedelta(days=2),
            activated_by="system",
            window_start=period.start,
            window_end=period.end,
        )
    )
    for back in range(28):
        session.add(
            UsageDaily(
                subscription_id=service.id,
                day=now.astimezone(zone).date() - timedelta(days=back),
                nas_server_id=rows.routers[0].id,
                download_bytes=chance.randint(1, 9) * GB,
                upload_bytes=chance.randint(100, 900) * 10**6,
            )
        )
    for mac, state, note in (
        ("D4:CA:6D:00:00:01", "approved", "TP-Link ruang tamu"),
        ("D4:CA:6D:99:00:02", "pending", ""),
    ):
        session.add(
            SubscriptionMac(tenant_id=rows.tenant.id, subscription_id=service.id, mac=mac, status=state, note=note)
        )
    service.mac_binding = "fixed"
    for place, (result, reason, mac) in enumerate(
        (
            ("accept", "accepted", "D4:CA:6D:00:00:01"),
            ("reject", "wrong_device", "AA:BB:CC:11:22:33"),
            ("reject", "wrong_password", "D4:CA:6D:00:00:01"),
            ("accept", "accepted", "D4:CA:6D:00:00:01"),
            ("reject", "session_limit", "D4:CA:6D:00:00:01"),
        )
    ):
        session.add(
            _decision(rows, service, now - timedelta(minutes=12 + 47 * place), result, reason, mac, f"budi{place}")
        )
    for back in range(1, 6):
        make_session(
            session,
            service,
            rows.routers[0],
            acctstarttime=now - timedelta(days=back, hours=3),
            acctstoptime=now - timedelta(days=back),
            acctupdatetime=now - timedelta(days=back),
            acctsessiontime=10_800,
            acctterminatecause=("Lost-Carrier", "User-Request", "Session-Timeout", "Admin-Reset", "NAS-Reboot")[
                back - 1
            ],
            acctoutputoctets=back * GB,
            acctinputoctets=back * 10**8,
            callingstationid="D4:CA:6D:00:00:01",
        )
    _changes_of_budi(session, rows, now)
    session.add(
        AuditLog(
            tenant_id=rows.tenant.id,
            actor_user_id=rows.owner.id,
            actor_name="Ratna Dewi",
            actor_type="user",
            action="subscription.package_changed",
            entity_type="subscriptions",
            entity_id=service.id,
            customer_id=rows.budi.id,
            old_values={"plan": "Home 10"},
            new_values={"plan": "Home 20"},
            ip="192.0.2.7",
            created_at=now - timedelta(days=2),
        )
    )


def _changes_of_budi(session: Session, rows: Seeded, now: datetime) -> None:
    outcomes = (
        ("coa", "plan_change", "ack", None, 0.31),
        ("coa", "fup", "ack", None, 0.44),
        ("disconnect", "staff", "nak", "503", 0.2),
        ("coa", "speed_change", "timeout", None, 9.4),
    )
    for place, (kind, reason, status, cause, took) in enumerate(outcomes):
        caused = now - timedelta(hours=3 + place * 9)
        change = SessionChange(
            tenant_id=rows.tenant.id,
            subscription_id=rows.service.id,
            nas_server_id=rows.routers[0].id,
            acctuniqueid=f"{place:032x}",
            acctsessionid="81000001",
            username=rows.service.username,
            kind=kind,
            attributes={"Mikrotik-Rate-Limit": "5M/10M"} if kind == "coa" else {},
            reason=reason,
            requested_by="Ratna Dewi",
            caused_at=caused,
            status=status,
            attempts=3 if status == "timeout" else 1,
            error_cause=cause,
            created_at=caused,
            sent_at=caused + timedelta(seconds=0.1),
            finished_at=caused + timedelta(seconds=took),
        )
        session.add(change)
        session.flush()
        session.add(
            SessionChangeAttempt(
                session_change_id=change.id, sent_at=caused, answered_at=caused, result=status, error_cause=cause
            )
        )


def _decision(
    rows: Seeded,
    service: Subscription | None,
    moment: datetime,
    result: str,
    reason: str,
    mac: str,
    decision: str,
    username: str = "",
    nas: NasServer | None = None,
) -> AccessLog:
    return AccessLog(
        decided_at=moment,
        tenant_id=rows.tenant.id,
        subscription_id=service.id if service else None,
        nas_server_id=(nas or rows.routers[0]).id,
        username=service.username if service else username,
        callingstationid=mac,
        service="pppoe",
        result=result,
        reason=reason,
        decision_id=decision,
    )


def _services(session: Session, customer: Customer) -> list[Subscription]:
    return list(
        session.scalars(select(Subscription).where(Subscription.customer_id == customer.id).order_by(Subscription.id))
    )


def _logins(session: Session, rows: Seeded, chance: random.Random, now: datetime) -> None:
    services = [row for customer in rows.customers[1:] for row in _services(session, customer)]
    refusals = (
        ("wrong_password",) * 6
        + ("unknown_user",) * 4
        + ("subscription_suspended",) * 3
        + ("session_limit", "wrong_device")
    )
    for number in range(160):
        moment = now - timedelta(seconds=int(3500 * chance.random() ** 1.3) + 5)
        refused = chance.random() < 0.17
        reason = chance.choice(refusals) if refused else "accepted"
        service = None if reason == "unknown_user" else chance.choice(services)
        session.add(
            _decision(
                rows,
                service,
                moment,
                "reject" if refused else "accept",
                reason,
                f"D4:CA:6D:00:{number % 30:02X}:01",
                f"login{number}",
                username=f"tamu{number}",
                nas=chance.choice(rows.routers[:3]),
            )
        )
