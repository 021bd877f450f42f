"""What a subscription does at this moment: told by its router, by its reports, and for whoever is offline."""

import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy.orm import Session

import routeros
from bss.actor import Actor
from bss.usage_check import NO_ADDRESS, NOT_SHOWN, UsageNow, check
from db.models import AllowanceQuota, NasServer, Subscription, Tenant, UsageDaily
from factories import make_nas, make_session, make_subscription, make_tenant
from simulator import ApiServer

NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
def tenant(db: Session, keys_file: object) -> Tenant:
    return make_tenant(db)


@pytest.fixture
def actor(tenant: Tenant) -> Actor:
    return Actor.system(tenant_id=tenant.id, name="Dewi")


@pytest.fixture
def subscription(db: Session, tenant: Tenant) -> Subscription:
    return make_subscription(db, tenant=tenant, username="budi")


@pytest.fixture
def api() -> Iterator[ApiServer]:
    with ApiServer(host="127.0.6.1") as server:
        yield server
        routeros.pool.close()


@pytest.fixture
def router(db: Session, tenant: Tenant, api: ApiServer) -> NasServer:
    account = {"api_port": api.port, "api_username": api.username, "api_password": api.password}
    return make_nas(db, tenant=tenant, name="RB-1", host=api.host, **account)


def look(db: Session, actor: Actor, subscription: Subscription, *, ask_routers: bool = True) -> UsageNow:
    return check(db, actor=actor, now=NOW, subscription_id=subscription.id, ask_routers=ask_routers)


def running(db: Session, subscription: Subscription, router: NasServer, **over: object) -> None:
    values = {
        "acctstarttime": NOW - timedelta(hours=1), "acctupdatetime": NOW - timedelta(minutes=2),
        "acctsessiontime": 3480, "acctinterval": 300, "download_kbps": 4000, "upload_kbps": 500,
        "framedipaddress": "100.64.0.7",
    }  # fmt: skip
    make_session(db, subscription, router, **values | over)


def test_the_router_shows_the_interface_of_a_ppp_session(
    db: Session, actor: Actor, subscription: Subscription, router: NasServer, api: ApiServer
) -> None:
    api.tables.put("/interface", {"name": "<pppoe-budi>", "type": "pppoe-in", "running": "true"})
    api.tables.put("/ip/address", {"network": "100.64.0.7", "interface": "<pppoe-budi>", "dynamic": "true"})
    api.tables.traffic["<pppoe-budi>"] = {"rx-bits-per-second": "750000", "tx-bits-per-second": "9000000"}
    running(db, subscription, router)

    (session,) = look(db, actor, subscription).sessions

    assert session.live is not None
    assert (session.live.source, session.live.measured_at, session.live.over_s) == ("interface", NOW, None)
    # What the router receives is the customer's upload.
    assert (session.live.download_bps, session.live.upload_bps) == (9_000_000, 750_000)
    assert session.bandwidth is session.live
    assert session.seconds == 3600
    assert session.reported is not None
    assert (session.reported.download_bps, session.reported.over_s) == (4_000_000, 300)
    assert session.reported.measured_at == NOW - timedelta(minutes=2)


def test_a_hotspot_customer_is_seen_by_his_queue(
    db: Session, actor: Actor, subscription: Subscription, router: NasServer, api: ApiServer
) -> None:
    # The hotspot's own network says nothing of one customer.
    api.tables.put("/ip/address", {"network": "100.64.0.0", "interface": "bridge", "dynamic": "false"})
    api.tables.put(
        "/queue/simple",
        {"name": "<hotspot-budi>", "target": "100.64.0.7/32", "rate": "120000/2500000", "dynamic": "true"},
    )
    running(db, subscription, router)

    (session,) = look(db, actor, subscription).sessions

    assert session.live is not None
    assert (session.live.source, session.live.download_bps, session.live.upload_bps) == ("queue", 2_500_000, 120_000)


def test_without_an_answer_the_reports_are_what_is_known_and_it_says_why(
    db: Session, actor: Actor, subscription: Subscription, router: NasServer, api: ApiServer
) -> None:
    running(db, subscription, router)
    (unseen,) = look(db, actor, subscription).sessions
    api.drop_connections()
    api.faults.is_silent = True
    begun_at = time.monotonic()
    (silent,) = look(db, actor, subscription).sessions
    took_s = time.monotonic() - begun_at
    router.api_username = ""
    (without,) = look(db, actor, subscription).sessions
    (unasked,) = look(db, actor, subscription, ask_routers=False).sessions

    assert (unseen.live, unseen.problem) == (None, NOT_SHOWN)
    assert silent.live is None
    assert silent.problem
    assert took_s < 1
    assert "no account for the router's API" in (without.problem or "")
    assert (unasked.live, unasked.problem) == (None, None)
    assert silent.bandwidth == silent.reported


def test_a_session_without_address_or_second_report_is_told_so(
    db: Session, actor: Actor, subscription: Subscription, router: NasServer, api: ApiServer
) -> None:
    running(db, subscription, router, framedipaddress=None, download_kbps=None, upload_kbps=None)

    (session,) = look(db, actor, subscription).sessions

    assert (session.live, session.reported, session.problem) == (None, None, NO_ADDRESS)


def test_routers_are_asked_side_by_side(
    db: Session, actor: Actor, subscription: Subscription, router: NasServer, api: ApiServer, tenant: Tenant
) -> None:
    running(db, subscription, router)
    with ApiServer(host="127.0.6.2") as other:
        account = {"api_port": other.port, "api_username": other.username, "api_password": other.password}
        dead = make_nas(db, tenant=tenant, name="RB-2", host=other.host, **account)
        running(db, subscription, dead, framedipaddress="100.64.0.8")
        other.faults.is_silent = api.faults.is_silent = True
        begun_at = time.monotonic()
        sessions = look(db, actor, subscription).sessions
        took_s = time.monotonic() - begun_at

    assert all(one.problem for one in sessions)
    assert took_s < 1


def test_whoever_is_offline_has_his_last_session_and_totals(
    db: Session, actor: Actor, subscription: Subscription, router: NasServer
) -> None:
    never = look(db, actor, subscription)
    ended = NOW - timedelta(hours=5)
    make_session(
        db, subscription, router, acctstarttime=ended - timedelta(hours=1), acctupdatetime=ended, acctstoptime=ended
    )
    today = NOW.astimezone().date()
    for day in (date(2020, 1, 1), today):
        used = {"download_bytes": 7, "upload_bytes": 2, "seconds": 60}
        db.add(UsageDaily(subscription_id=subscription.id, nas_server_id=router.id, day=day, **used))
    limit = {"kind": "data", "period": "billing_cycle", "limit_amount": 18, "service_plan_id": subscription.plan.id}
    db.add(AllowanceQuota(tenant_id=subscription.tenant_id, **limit))
    db.flush()

    found = look(db, actor, subscription)

    assert (never.is_online, never.last_session, never.usage_percentage) == (False, None, None)
    assert not found.is_online
    assert found.last_session is not None
    assert (found.last_session.acctstoptime, found.last_router) == (ended, "RB-1")
    assert found.usage_percentage == 50
    assert {kind: one.seconds for kind, one in found.periods.items()}["billing_cycle"] == 60
