"""What a subscription does at this moment, over HTTP and from a terminal."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from click.testing import CliRunner
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

import routeros
from cli.main import root
from db.models import AllowanceQuota, NasServer, Subscription, Tenant, UsageDaily, User
from factories import make_nas, make_session, make_subscription
from simulator import ApiServer


@pytest.fixture
def api_router() -> Iterator[ApiServer]:
    with ApiServer(host="127.0.6.3") as server:
        server.tables.put("/queue/simple", {"target": "100.64.0.7/32", "rate": "120000/2500000", "dynamic": "true"})
        yield server
        routeros.pool.close()


@pytest.fixture
def router(db: Session, tenant: Tenant, api_router: ApiServer) -> NasServer:
    account = {"api_port": api_router.port, "api_username": api_router.username, "api_password": api_router.password}
    return make_nas(db, tenant=tenant, name="RB-1", host=api_router.host, **account)


@pytest.fixture
def subscription(db: Session, tenant: Tenant) -> Subscription:
    row = make_subscription(db, tenant=tenant, username="budi")
    limit = {"kind": "data", "period": "billing_cycle", "limit_amount": 1000, "service_plan_id": row.plan.id}
    db.add(AllowanceQuota(tenant_id=tenant.id, **limit))
    return row


def running(db: Session, subscription: Subscription, router: NasServer) -> None:
    now = datetime.now(UTC)
    make_session(
        db, subscription, router, acctstarttime=now - timedelta(hours=1), acctinterval=300,
        framedipaddress="100.64.0.7", download_kbps=4000, upload_kbps=500, acctoutputoctets=9, acctinputoctets=3,
    )  # fmt: skip
    today = now.astimezone().date()
    db.add(UsageDaily(subscription_id=subscription.id, nas_server_id=router.id, day=today, download_bytes=1200))
    db.commit()


def command(*arguments: str) -> Any:
    done = CliRunner().invoke(root, ["--json", "usage", *arguments])
    assert done.exit_code == 0, done.output
    return json.loads(done.output)


def test_it_tells_of_the_session_the_bandwidth_and_what_is_left(
    client_of: Callable[..., FlaskClient], admin: User, db: Session, subscription: Subscription, router: NasServer
) -> None:
    running(db, subscription, router)
    client, path = client_of(admin), f"/api/v1/subscriptions/{subscription.id}/usage"

    found: Any = client.get(f"{path}/now").json
    unasked: Any = client.get(f"{path}/now?ask_routers=false").json
    listed: Any = client.get(path).json
    told = command("now", "budi")
    (line, *_) = CliRunner().invoke(root, ["usage", "now", "budi"]).output.splitlines()

    (session,) = found["sessions"]
    assert found["is_online"]
    assert (session["live"]["source"], session["live"]["download_bps"], session["live"]["upload_bps"]) == (
        "queue", 2_500_000, 120_000,
    )  # fmt: skip
    assert (session["reported"]["download_bps"], session["reported"]["over_s"]) == (4_000_000, 300)
    assert session["session"]["download_bytes"] == 9
    assert (session["session"]["duration_text"], session["session"]["data_used_text"]) == ("0s", "12 B")
    assert found["last_seen_text"] == "now"
    assert session["seconds"] >= 3600
    assert (unasked["sessions"][0]["live"], unasked["sessions"][0]["bandwidth"]["source"]) == (None, "reports")
    assert (found["usage_percentage"], listed["usage_percentage"], told["usage_percentage"]) == (100, 100, 100)
    assert found["allowances"][0]["is_used_up"]
    assert told["sessions"][0]["live"]["download_bps"] == 2_500_000
    assert told["periods"]["daily"]["download_bytes"] == 1200
    assert line.startswith("online on RB-1 as 100.64.0.7 for ")


def test_offline_it_tells_of_the_last_session(
    client_of: Callable[..., FlaskClient], admin: User, db: Session, tenant: Tenant, router: NasServer
) -> None:
    subscription = make_subscription(db, tenant=tenant, username="siti")
    client, path = client_of(admin), f"/api/v1/subscriptions/{subscription.id}/usage/now"
    never: Any = client.get(path).json
    ended = datetime.now(UTC) - timedelta(hours=5)
    make_session(db, subscription, router, acctstoptime=ended, acctstarttime=ended - timedelta(hours=1))
    db.commit()

    found: Any = client.get(path).json

    assert (never["is_online"], never["last_session"], never["usage_percentage"]) == (False, None, None)
    assert datetime.fromisoformat(found["last_session"]["stopped_at"]) == ended
    assert datetime.fromisoformat(found["last_seen_at"]) == ended
    assert (found["last_seen_text"], never["last_seen_at"], never["last_seen_text"]) == ("5 h ago", None, None)
    assert "offline, last session on RB-1" in CliRunner().invoke(root, ["usage", "now", "siti"]).output
    assert command("show", "siti")["usage_percentage"] is None
    assert client.get("/api/v1/subscriptions/999999/usage/now").status_code == 404
